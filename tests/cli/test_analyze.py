"""``analyze`` from the command line: runs, classifiers, the table, and what cannot work."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import call, lines, record


@pytest.fixture(scope="session")
def typed(good, tmp_path_factory):
    """The good instances with entity types, and relations that the name of the head decides."""
    path = tmp_path_factory.mktemp("typed") / "typed.jsonl"
    records = [json.loads(line) for line in good.read_text(encoding="utf-8").splitlines()]
    for one in records:
        one["head"]["type"] = "person"
        one["tail"]["type"] = "city" if one["relation"] == "birthplace" else "company"
        one["relation"] = "birthplace" if one["text"].startswith(("Ada", "Bob", "Carl")) else "employer"
    path.write_text(lines(*records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def classifier(typed, tiny_bert, tmp_path_factory):
    """Folder of a small classifier that was trained to read names."""
    from relscout import EncoderSettings, TransformerEncoder, read
    from relscout.finetuning.supervised import RelationClassifier

    encoder = TransformerEncoder(EncoderSettings(str(tiny_bert), marking="C+M", pooling="start"))
    folder = tmp_path_factory.mktemp("classifier") / "model"
    RelationClassifier(encoder, learning_rate=1e-3, least_steps=40).fit(list(read(typed))).save(folder)
    return folder


def test_a_run_is_analysed_on_its_own_instances(relscout, finished, tmp_path):
    done = relscout("lab", "analyze", finished, "--no-cache", "--out", tmp_path / "found", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["kind"], told["instances"], told["score"]) == ("run", 30, None)
    assert list(told["formats"]) == ["C+M", "OnlyC", "OnlyM"]
    assert told["formats"]["C+M"]["kept"] == [1, 1, 1]
    assert json.loads((tmp_path / "found" / "analysis.json").read_text()) == told
    assert done.err.endswith(f"written to {tmp_path / 'found'}\n")
    again = relscout("lab", "analyze", finished, "--no-cache", "--json")
    assert json.loads(again.out) == told


def test_gold_relations_and_types_give_more(relscout, finished, typed):
    told = json.loads(relscout("lab", "analyze", finished, typed, "--no-cache", "--json").out)
    assert told["score"] == "B³ F1"
    assert list(told["formats"]) == ["C+M", "C+T", "OnlyC", "OnlyM", "OnlyT"]
    reliance = told["reliance"]
    assert reliance["types"][0] + reliance["names"][0] == pytest.approx(reliance["mentions"][0], abs=1e-5)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_screen_is_never_too_narrow(relscout, finished, typed, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    done = relscout("lab", "analyze", finished, typed, "--no-cache")
    assert done.code == 0, done.err
    assert "This run " in done.out
    assert "answers that change without" in done.out
    assert max(len(line.rstrip()) for line in done.out.splitlines()) <= int(columns)


def test_flips_can_be_read_like_any_file(relscout, classifier, typed, tmp_path):
    done = relscout("lab", "analyze", classifier, typed, "--no-cache", "--out", tmp_path / "found", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    flips = [json.loads(line) for line in (tmp_path / "found" / "flips.jsonl").read_text().splitlines()]
    assert len(flips) == sum(told["flips"].values())
    assert told["flips"]["lost"] > 0
    for flip in flips:
        right = {format: answer == flip["relation"] for format, answer in flip["answers"].items()}
        assert (right["C+M"], right["OnlyC"]) == ((True, False) if flip["kind"] == "lost" else (False, True))
    inspected = relscout("inspect", tmp_path / "found" / "flips.jsonl", "--json")
    assert json.loads(inspected.out)["instances"] == len(flips)
    refused = relscout("lab", "analyze", classifier, typed, "--no-cache", "--out", tmp_path / "found")
    assert "already holds an analysis" in refused.err
    assert relscout("lab", "analyze", classifier, typed, "--out", tmp_path / "found", "--overwrite").code == 0


def test_instances_that_cannot_be_judged_are_reported(noted, classifier, with_one_more):
    said = noted("lab", "analyze", classifier, with_one_more(relation="knows"), "--no-cache")
    assert "note: 1 instance left out, of 1 relation that the model does not know: 'knows' (1)\n" in said
    said = noted("lab", "analyze", classifier, with_one_more(), "--no-cache")
    assert "note: 1 instance without a gold relation left out\n" in said


def test_the_table_trains_in_each_format(relscout, classifier, typed, tmp_path):
    train = tmp_path / "train.jsonl"
    text = typed.read_text(encoding="utf-8")
    train.write_text(text.replace("Ada", "Eva").replace("Fred", "Theo"), encoding="utf-8")
    out, sheet = tmp_path / "found", tmp_path / "sheet.tsv"
    options = ("--train", train, "--seeds", 1, "--no-cache", "--out", out, "--sheet", sheet)
    done = relscout("lab", "analyze", classifier, typed, *options)
    assert done.code == 0, done.err
    assert "note: 20 of 30 instances to learn from are tested on, too, and were left out\n" in done.err
    assert "Table 1: accuracy of classifiers trained and tested in each format" in done.out
    table = json.loads((out / "analysis.json").read_text())["table_one"]
    assert (table["score"], table["n_train"], table["n_test"], table["seeds"]) == ("accuracy", 10, 30, [0])
    (row,) = table["rows"].values()
    assert list(row) == ["C+M", "C+T", "OnlyC", "OnlyM", "OnlyT"]
    head, *rows = sheet.read_text(encoding="utf-8").splitlines()
    assert rows, "a model that reads names errs without them"
    sheet.write_text("\n".join([head, *(f"confusing{row}" for row in rows)]), encoding="utf-8")
    judged = json.loads(relscout("lab", "judge", sheet, "--json").out)
    assert judged["shares"] == {"wrong": 0.0, "no pattern": 0.0, "confusing": 1.0}
    assert "100%" in relscout("lab", "judge", sheet).out


def test_what_cannot_work_is_refused(refused, finished, classifier, good, tmp_path):
    assert "missing is not a saved model" in refused("lab", "analyze", "missing")
    (tmp_path / "empty").mkdir()
    assert "holds neither a run" in refused("lab", "analyze", "empty", good)
    assert "holds a 'kmeans'" in refused("lab", "analyze", copied(finished / "model", tmp_path), good)
    assert "a classifier has no instances of its own" in refused("lab", "analyze", classifier)
    assert "input options need data files" in refused("lab", "analyze", finished, "--format", "jsonl")
    assert "MODEL is a run; pass the folder of a classifier" in refused(
        "lab", "analyze", finished, "--train", good
    )
    assert "add --train FILE" in refused("lab", "analyze", classifier, good, "--cnn")
    assert "nothing.jsonl" in refused("lab", "analyze", finished, "nothing.jsonl")
    assert "is a file, not a folder" in refused("lab", "analyze", finished, "--out", good / "where")
    strange = tmp_path / "strange.jsonl"
    strange.write_text(lines(record(relation="knows")))
    assert "none of the 1 gold relations ('knows') is among the 2" in refused(
        "lab", "analyze", classifier, strange
    )
    bare = tmp_path / "bare.jsonl"
    bare.write_text(lines(record()))
    assert "none of its instances has a gold relation" in refused(
        "lab", "analyze", classifier, bare, "--train", good
    )


def copied(model, folder):
    import shutil

    return shutil.copytree(model, folder / "alone")


def test_the_table_needs_no_screen_wider_than_eighty(classifier, typed, monkeypatch):
    from relscout.cli.analyze import table_parts
    from relscout.cli.screen import output
    from relscout.lab.analysis.table_one import TableOne

    monkeypatch.setenv("COLUMNS", "80")
    one = {format: [["a", "b"], ["a", "a"]] for format in ("C+M", "C+T", "OnlyC", "OnlyM", "OnlyT")}
    table = TableOne(["a", "b"], {"CNN": one, "a-model-with-a-rather-long-name": one}, (0, 1), 10)
    console = output()
    with console.capture() as captured:
        for part in table_parts(table, width=80):
            console.print(part)
    assert max(len(line.rstrip()) for line in captured.get().splitlines()) <= 80
    assert "median of 2 seeds" in captured.get()
    assert call("lab", "analyze", "--help").code == 0
