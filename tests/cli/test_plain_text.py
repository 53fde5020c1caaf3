"""Plain text on the command line: from a file that nobody has marked to relations, triples and facts."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys

import pytest

from relscout.discovery import Discovery
from relscout.io.readers import read
from relscout.io.readers.facts import read_facts
from tests.cli.conftest import call

PEOPLE = ("Anna Berg", "Carl Dahl", "Maria Costa", "John Miller", "Peter Novak", "Laura Rossi")
TOWNS = ("Oslo", "Rome", "Paris", "Berlin", "Vienna", "Madrid")
FIRMS = ("Norwind Energy", "Dahl Motors", "Costa Foods", "Miller Bank", "Novak Steel", "Rossi Textiles")
DENIED = "Laura Rossi was not born in Berlin, as some had it.\n"


def paragraphs(person: str, town: str, firm: str) -> str:
    return (
        f"{person} was born in {town} and grew up near the harbour.\n\n"
        f"{firm} was founded by {person} in 1984.\n\n"
        f"{firm} is based in {town}.\n\n"
    )


def records(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def written(run, name: str) -> list[dict]:
    return records((run / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of text, and one that is none."""
    folder = tmp_path_factory.mktemp("letters")
    texts = [paragraphs(*three) for three in zip(PEOPLE, TOWNS, FIRMS, strict=True)]
    (folder / "a.txt").write_text("".join(texts[:3]))
    (folder / "b.md").write_text("# More people\n\n" + "".join(texts[3:]) + DENIED)
    (folder / "picture.png").write_bytes(b"\x89PNG\x00")
    return folder


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A run on the folder, without any option about what it is; not to be changed."""
    target = tmp_path_factory.mktemp("plain") / "run"
    done = call("discover", folder, "--no-cache", "--out", target)
    assert done.code == 0, done.err
    return target


def converted(*arguments, out):
    """Return the pairs that 'convert' makes of text, and what it notes."""
    done = call("convert", *arguments, "--out", out)
    assert done.code == 0, done.err
    return written(out.parent, out.name), done.err


def ends(record: dict) -> tuple[str, str]:
    return record["head"]["text"], record["tail"]["text"]


# -- a run


def test_a_folder_of_text_gives_relations_facts_and_a_report(run):
    assert {path.name for path in run.iterdir()} >= {"facts.jsonl", "entities.jsonl", "report.html"}
    found = {(one["head"]["name"], one["tail"]["name"]) for one in written(run, "facts.jsonl")}
    assert ("Anna Berg", "Oslo") in found


def test_relations_that_only_unrelated_pairs_have_are_not_called_given(folder, relscout):
    said = relscout("discover", folder, "--no-cache", "--relations", 12).out
    assert re.match(r"\d relations \(12 given\) and", said)


def test_every_triple_says_where_it_stands(run, folder):
    triples = written(run, "triples.jsonl")
    assert {one["document"] for one in triples} == {"a.txt", "b.md"}
    text = (folder / "a.txt").read_text()
    for one in triples:
        name, _, line = one["source"].partition(", line ")
        assert name == one["document"]
        if name == "a.txt":
            assert text[one["document_start"] :].startswith(one["text"])
            assert text.splitlines()[int(line) - 1].startswith(one["text"])


def test_every_pair_says_how_likely_it_is_related(run):
    assigned = written(run, "assignments.jsonl")
    kept = [one["related"] for one in assigned if one["relation_id"] >= 0]
    left_out = [one["related"] for one in assigned if one["relation_id"] == -1]
    assert kept
    assert left_out
    assert all(0 < value < 1 for value in kept + left_out)
    assert sum(kept) / len(kept) > sum(left_out) / len(left_out)
    by_id = {one["id"]: one for one in assigned}
    for triple in written(run, "triples.jsonl"):
        same = {name: triple[name] for name in ("related", "polarity", "confidence", "relation_id")}
        assert same == {name: by_id[triple["id"]][name] for name in same}


def test_each_pair_of_a_sentence_is_one_instance(run):
    pairs = [one["id"] for one in written(run, "assignments.jsonl")]
    assert len(pairs) == len(set(pairs)) == json.loads((run / "run.json").read_text())["data"]["entity_pairs"]
    assert not any("(inverse)" in one["relation"] for one in written(run, "facts.jsonl"))


def test_facts_have_the_fields_that_others_script_against(run):
    facts, triples = written(run, "facts.jsonl"), {one["id"]: one for one in written(run, "triples.jsonl")}
    entities = {one["id"]: one for one in written(run, "entities.jsonl")}
    assert facts
    for fact in facts:
        assert set(fact) == {
            "head",
            "tail",
            "relation_id",
            "relation",
            "support",
            "documents",
            "confidence",
            "phrase",
            "evidence",
        }
        for end in ("head", "tail"):
            assert set(fact[end]) == {"id", "name", "type"}
            assert entities[fact[end]["id"]]["name"] == fact[end]["name"]
        assert 1 <= fact["documents"] <= fact["support"] <= len(fact["evidence"])
        assert 0 < fact["confidence"] < 1
        for id in fact["evidence"]:
            assert triples[id]["relation_id"] == fact["relation_id"]
            assert triples[id]["polarity"] == "asserted"


def test_what_is_denied_makes_no_fact(run):
    facts = {(one["head"]["name"], one["tail"]["name"]) for one in written(run, "facts.jsonl")}
    assert ("Laura Rossi", "Berlin") not in facts
    for triple in written(run, "triples.jsonl"):
        assert (triple["polarity"] == "negated") == (triple["text"] == DENIED.strip())


def test_run_json_says_how_pairs_were_left_out(run):
    done = json.loads((run / "run.json").read_text())
    assert done["method"] == "hac"
    assert done["relatedness"]["precision"] == done["settings"]["precision"] == 0.8
    assert len(done["relatedness"]["thresholds"]) == done["n_relations"]
    left_out = sum(one["relation_id"] == -1 for one in written(run, "assignments.jsonl"))
    assert done["no_relation"] == left_out


# -- what can be done with it


def test_the_same_text_gives_the_same_triples_again(run, folder, relscout):
    again = records(relscout("extract", run, folder, "--no-cache").out)
    before = written(run, "triples.jsonl")
    assert [one["id"] for one in again] == [one["id"] for one in before]
    for one, other in zip(again, before, strict=True):
        for name in ("confidence", "related"):
            assert one.pop(name) == pytest.approx(other.pop(name), abs=1e-5)
    assert again == before


def test_facts_can_be_extracted_and_what_is_denied_left_out(run, tmp_path, relscout, noted):
    text = tmp_path / "new.txt"
    text.write_text("Eva Lind was born in London.\n\nHugo Marsh was not born in Paris.\n")
    surest = ("--precision", 0.01, "--no-cache")
    triples = records(relscout("extract", run, text, *surest).out)
    facts = records(relscout("extract", run, text, *surest, "--facts").out)
    assert [one["polarity"] for one in triples] == ["asserted"] + ["negated"] * (len(triples) - 1)
    assert [(one["head"]["name"], one["tail"]["name"]) for one in facts] == [("Eva Lind", "London")]
    assert facts[0]["evidence"] == [triples[0]["id"]]
    asserted = records(relscout("extract", run, text, *surest, "--drop-negated").out)
    assert asserted == triples[:1]
    said = noted("extract", run, text, *surest, "--facts", "--out", tmp_path / "facts.ttl")
    assert said == f"1 fact written to {tmp_path / 'facts.ttl'}\n"


@pytest.mark.parametrize(("name", "mark"), [("x.ttl", "@prefix"), ("x.graphml", "<graphml"), ("x.nt", "<")])
def test_facts_are_exported(run, noted, tmp_path, name, mark):
    said = noted("export", run, "--out", tmp_path / name)
    count = len(written(run, "facts.jsonl"))
    assert said == f"{count} facts written to {tmp_path / name}\n"
    assert mark in (tmp_path / name).read_text()


def test_exported_facts_are_those_of_the_run(run, noted, tmp_path):
    noted("export", run, "--out", tmp_path / "facts.jsonl")
    assert written(tmp_path, "facts.jsonl") == written(run, "facts.jsonl")
    noted("export", run, "--out", tmp_path / "triples.jsonl", "--triples")
    assert written(tmp_path, "triples.jsonl") == written(run, "triples.jsonl")


def test_facts_go_to_neo4j_as_a_folder(run, noted, tmp_path):
    noted("export", run, "--out", tmp_path / "graph", "--to", "neo4j")
    assert {path.name for path in (tmp_path / "graph").iterdir()} == {"entities.csv", "relations.csv"}


@pytest.mark.parametrize(
    ("name", "to"), [("facts.csv", ()), ("x.csv", ("--to", "csv-excel")), ("x.xlsx", ())]
)
def test_a_table_of_facts_is_that_of_the_run_with_an_example_of_each(run, noted, tmp_path, name, to):
    if name.endswith(".xlsx"):
        pytest.importorskip("openpyxl")
    noted("export", run, *to, "--out", tmp_path / name)
    assert read_facts(tmp_path / name) == list(Discovery.load(run).facts())
    if name == "facts.csv":
        with (tmp_path / name).open(encoding="utf-8", newline="") as lines:
            (row,) = [
                row for row in csv.DictReader(lines) if (row["head"], row["tail"]) == ("Anna Berg", "Oslo")
            ]
        assert row["sentence"] == "Anna Berg was born in Oslo and grew up near the harbour."
        assert row["source"] == "a.txt, line 1"


def to_annotations(path):
    """Do what a person does in the tool: accept all predictions, but reject the first relation."""
    if path.is_dir():
        first = path / "000001.ann"
        names = dict(
            line.split(" | ")[::-1]
            for line in (path / "visual.conf").read_text().splitlines()[2:]
            if "|" in line
        )
        lines = first.read_text(encoding="utf-8").splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith("R"))
        lines[place] = f"R1\tno_relation {lines[place].split(' ', 1)[1]}"
        first.write_text("\n".join([*lines, ""]), encoding="utf-8")
        assert names
        return
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        tasks = json.loads(text)
        for task in tasks:
            task["annotations"] = task.pop("predictions")
        next(one for one in tasks[0]["annotations"][0]["result"] if one["type"] == "relation")["labels"] = [
            "no_relation"
        ]
        path.write_text(json.dumps(tasks), encoding="utf-8")
        return
    examples = records(text)
    examples[0]["relations"][0]["type"] = "no_relation"
    path.write_text("".join(json.dumps(one) + "\n" for one in examples), encoding="utf-8")


@pytest.mark.parametrize(
    ("tool", "name"), [("label-studio", "tasks.json"), ("doccano", "texts.jsonl"), ("brat", "folder")]
)
def test_predictions_are_corrected_in_a_tool_and_scored(run, noted, relscout, tmp_path, tool, name):
    said = noted("export", run, "--to", tool, "--out", tmp_path / name)
    triples = written(run, "triples.jsonl")
    assert said.startswith(f"{len(triples)} triples written to ")
    to_annotations(tmp_path / name)
    done = relscout("evaluate", run, "--gold", tmp_path / name, "--json")
    assert done.code == 0, done.err
    scores = json.loads(done.out)
    assert scores["n_instances"] == len(triples)
    assert scores["n_gold"] == len({one["relation"] for one in triples}) + 1
    in_python = Discovery.load(run).evaluate(list(read(tmp_path / name)))
    assert in_python.b3_f1 == pytest.approx(scores["b3_f1"])
    assert in_python.n_not_in_corpus == 0


def test_predictions_say_which_model_made_them(run, noted, tmp_path):
    noted("export", run, "--to", "label-studio", "--out", tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    (version,) = {task["predictions"][0]["model_version"] for task in tasks}
    assert version == Discovery.load(run).model_version
    assert version.startswith("relscout 0.")
    scores = [task["predictions"][0]["score"] for task in tasks]
    assert scores == sorted(scores)


def test_extracted_triples_go_to_a_tool(run, noted, folder, tmp_path):
    noted("extract", run, folder / "a.txt", "--no-cache", "--to", "brat", "--out", tmp_path / "brat")
    assert (tmp_path / "brat/annotation.conf").is_file()


def test_a_format_that_holds_no_facts_is_refused(run, refused, tmp_path):
    said = refused("export", run, "--out", tmp_path / "facts.parquet")
    assert "parquet holds triples and no facts" in said


# -- ways in


def test_standard_input_is_text(monkeypatch, relscout, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Anna Berg was born in Oslo.\n")))
    (pair,), _ = converted("-", out=tmp_path / "a.jsonl")
    assert ends(pair) == ("Anna Berg", "Oslo")
    assert (pair["document"], pair["source"]) == ("standard input", "standard input, line 1")


WRAPPED = """Nobody knows why the old mill by the river was left to the wind. Anna Berg was
born in Oslo, and what she told of it later was never written down by anyone.

The letters that were kept say little about the years after the war: Carl Dahl

came to Rome with them.
"""


def test_lines_of_a_paragraph_are_one_text_and_a_blank_line_ends_it(tmp_path):
    (tmp_path / "a.txt").write_text(WRAPPED)
    pairs, _ = converted(tmp_path / "a.txt", out=tmp_path / "a.jsonl")
    assert [ends(pair) for pair in pairs if "Anna Berg" in ends(pair)] == [("Anna Berg", "Oslo")]


def test_a_table_with_a_column_of_text_is_text(tmp_path):
    (tmp_path / "a.csv").write_text("document,text\nletter,Anna Berg was born in Oslo.\n")
    (pair,), _ = converted(tmp_path / "a.csv", out=tmp_path / "a.jsonl")
    assert (ends(pair), pair["document"]) == (("Anna Berg", "Oslo"), "letter")


def test_a_gazetteer_adds_to_what_the_pipeline_finds(tmp_path):
    (tmp_path / "names.tsv").write_text("flux gate\tDEVICE\n")
    (tmp_path / "a.txt").write_text("Anna Berg built the flux gate in Oslo.\n")
    plain, _ = converted(tmp_path / "a.txt", out=tmp_path / "plain.jsonl")
    more, _ = converted(
        tmp_path / "a.txt", "--gazetteer", tmp_path / "names.tsv", out=tmp_path / "more.jsonl"
    )
    assert [ends(pair) for pair in plain] == [("Anna Berg", "Oslo")]
    assert {frozenset(ends(pair)) for pair in more} == {
        frozenset({"Anna Berg", "Oslo"}),
        frozenset({"Anna Berg", "flux gate"}),
        frozenset({"flux gate", "Oslo"}),
    }


def test_noun_phrases_are_paired_where_there_are_no_names(tmp_path):
    (tmp_path / "a.txt").write_text("The pump feeds the old boiler.\n")
    (pair,), _ = converted(tmp_path / "a.txt", "--mentions", "noun-chunks", out=tmp_path / "a.jsonl")
    assert ends(pair) == ("pump", "old boiler")


def test_numbers_make_pairs_only_where_they_are_asked_for(tmp_path):
    (tmp_path / "a.txt").write_text("Anna Berg paid $300 to Carl Dahl.\n")
    without, _ = converted(tmp_path / "a.txt", out=tmp_path / "without.jsonl")
    with_them, _ = converted(tmp_path / "a.txt", "--numbers", out=tmp_path / "with.jsonl")
    assert [ends(pair) for pair in without] == [("Anna Berg", "Carl Dahl")]
    assert len(with_them) == 3


# -- bad input


def test_text_and_marked_pairs_are_not_read_together(refused, good, tmp_path):
    (tmp_path / "a.txt").write_text("Anna Berg was born in Oslo.\n")
    for order in ((good, tmp_path / "a.txt"), (tmp_path / "a.txt", good)):
        said = refused("discover", *order, "--no-cache")
        assert f"{tmp_path / 'a.txt'} is plain text and {good} has marked pairs; use two" in said


@pytest.mark.parametrize(
    "text", ["It rained, and nobody came.\n", "Anna Berg sang.\n\nThe choir went to Oslo.\n"]
)
def test_text_without_two_entities_in_a_sentence_says_what_to_try(refused, tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    said = refused("discover", tmp_path / "a.txt", "--no-cache", "--out", tmp_path / "run")
    assert "a.txt: no sentence has two entities t" in said
    assert all(option in said for option in ("--gazetteer", "--mentions noun-chunks", "--spacy"))


def test_text_of_one_pair_gives_a_run_or_one_clear_line(relscout, tmp_path):
    (tmp_path / "a.txt").write_text("Anna Berg was born in Oslo.\n")
    done = relscout("discover", tmp_path / "a.txt", "--no-cache", "--precision", 0.01)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("1 relation (estimated) and 1 fact: 1 of 1 pair of entities")


def test_where_no_pair_is_sure_enough_it_says_what_to_change(refused, tmp_path):
    (tmp_path / "a.txt").write_text("Anna Berg was born in Oslo.\n")
    said = refused("discover", tmp_path / "a.txt", "--no-cache", "--precision", 1)
    assert (
        "of 1 pair of entities, none is sure enough to be related for an expected precision of 100%" in said
    )
    assert "the surest is" in said
    assert "give a lower --precision" in said


def test_a_binary_file_called_text_is_refused(refused, tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)))
    assert "a.txt: the file is binary" in refused("discover", tmp_path / "a.txt", "--no-cache")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_text_is_refused(refused, tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    assert "a.txt: the file is empty" in refused("discover", tmp_path / "a.txt", "--no-cache")


def test_a_folder_without_text_is_refused(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'}: the folder holds no " in refused("discover", tmp_path / "empty")


def test_another_encoding_is_reported_with_its_line(refused, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"It rains.\n\nA caf\xe9 in Oslo.\n")
    said = refused("discover", tmp_path / "a.txt", "--no-cache")
    assert "a.txt, line 3: byte 0xe9 is not UTF-8" in said


def test_a_pipeline_that_finds_no_entities_is_refused(refused, tmp_path):
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    (tmp_path / "a.txt").write_text("Anna Berg was born in Oslo.\n")
    said = refused("discover", tmp_path / "a.txt", "--no-cache", "--spacy", tmp_path / "blank")
    assert "entities" in said


# -- other languages

CHINESE = "".join(
    f"{person}在{town}出生，后来在{town}工作。\n\n"
    for person, town in (("王伟", "北京"), ("李娜", "上海"), ("张敏", "广州"), ("刘洋", "成都"))
)
CHINESE_NAMES = (
    "王伟\tPERSON\n李娜\tPERSON\n张敏\tPERSON\n刘洋\tPERSON\n北京\tGPE\n上海\tGPE\n广州\tGPE\n成都\tGPE\n"
)
THAI = "".join(
    f"{person} เกิดที่ {town} และทำงานที่นั่น\n\n"
    for person, town in (("สมชาย", "เชียงใหม่"), ("มาลี", "ภูเก็ต"), ("อนันต์", "ขอนแก่น"), ("วิชัย", "อยุธยา"))
)
THAI_NAMES = "สมชาย\tPERSON\nมาลี\tPERSON\nอนันต์\tPERSON\nวิชัย\tPERSON\nเชียงใหม่\tGPE\nภูเก็ต\tGPE\nขอนแก่น\tGPE\nอยุธยา\tGPE\n"


@pytest.mark.parametrize(("text", "names"), [(CHINESE, CHINESE_NAMES), (THAI, THAI_NAMES)], ids=["zh", "th"])
def test_a_script_that_the_encoder_does_not_know_is_reported_with_its_share(relscout, tmp_path, text, names):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "names.tsv").write_text(names, encoding="utf-8")
    done = relscout(
        *("discover", tmp_path / "a.txt", "--gazetteer", tmp_path / "names.tsv", "--no-cache"),
        *("--none", 0, "--relations", 1, "--no-report", "--allow-unknown-tokens", "--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    (warning,) = [
        one
        for one in json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))["warnings"]
        if "unknown to the encoder" in one
    ]
    share = int(warning.partition("%")[0])
    assert 5 < share <= 100
    assert "(--encoder)" in warning
    assert warning in " ".join(done.err.split())
    assert "100%" not in done.out
    confidences = [one["confidence"] for one in written(tmp_path / "run", "triples.jsonl")]
    assert max(confidences) <= 1 - share / 100 + 0.01


def test_english_text_comes_without_a_warning(run):
    assert json.loads((run / "run.json").read_text())["warnings"] == []


def test_a_share_is_honoured_where_no_other_pairs_can_be_drawn(relscout, tmp_path):
    (tmp_path / "a.txt").write_text(
        "".join(f"{p} was born in {t}.\n\n" for p in PEOPLE[:5] for t in TOWNS[:4])
    )
    done = relscout(
        *("discover", tmp_path / "a.txt", "--none", 0.25, "--relations", 2, "--no-cache", "--no-report"),
        *("--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    assigned = written(tmp_path / "run", "assignments.jsonl")
    assert sum(one["relation_id"] == -1 for one in assigned) == round(0.25 * len(assigned)) > 0


# -- interruption


def test_annotations_are_kept_and_reused(relscout, folder, tmp_path, monkeypatch):
    text = shutil.copy(folder / "a.txt", tmp_path / "a.txt")
    options = ("--precision", 0.3, "--no-report", "--relations", 2)
    first = relscout("discover", text, *options, "--out", tmp_path / "first")
    assert first.code == 0, first.err
    assert (tmp_path / ".cache/relscout/annotations.sqlite").is_file()
    second = relscout("discover", text, *options, "--out", tmp_path / "second")
    assert second.code == 0, second.err
    for name in ("assignments.jsonl", "triples.jsonl", "facts.jsonl"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
