"""``report`` and ``apply``, and the page that ``discover`` writes."""

from __future__ import annotations

import json
import shutil

import pytest

from relscout.io.writers.jsonl import write_instances
from relscout.text.corpus import bundled_corpus


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    write_instances(
        [one for one in bundled_corpus() if one.relation in ("spouse", "orbits", "river mouth")][::4], path
    )
    return path


@pytest.fixture(scope="session")
def made(corpus_file, tiny_bert, encoder_config, tmp_path_factory):
    """A run with its page, which no test changes."""
    from tests.cli.conftest import call

    run = tmp_path_factory.mktemp("made") / "run"
    encoder = ("--encoder", tiny_bert, "--encoder-config", encoder_config(pooling="sentence"))
    done = call("discover", corpus_file, "--relations", 3, *encoder, "--no-cache", "--out", run)
    assert done.code == 0, done.err
    assert "report.html (open it in a browser)" in done.err
    return run


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


def test_discover_writes_a_page_with_gold_relations(made, corpus_file, relscout, fast, tmp_path):
    text = (made / "report.html").read_text(encoding="utf-8")
    assert "Relations of corpus.jsonl" in text
    assert "Comparison with gold relations" in text
    done = relscout("discover", corpus_file, *fast, "--out", tmp_path / "bare")
    assert done.code == 0
    assert not (tmp_path / "bare" / "report.html").exists()


def test_report_makes_the_page_again(run, corpus_file, noted):
    (run / "report.html").unlink()
    assert noted("report", run).endswith(f"written to {run / 'report.html'}\n")
    assert "Comparison with gold relations" not in (run / "report.html").read_text(encoding="utf-8")
    # the folder of the model stands for the run, and holds nothing else afterwards
    noted("report", run / "model")
    assert not (run / "model" / "report.html").exists()
    noted("report", run, "--gold", corpus_file, "--title", "My relations", "--out", run.parent / "other.html")
    text = (run.parent / "other.html").read_text(encoding="utf-8")
    assert "<h1>My relations</h1>" in text
    assert "Comparison with gold relations" in text


def test_gold_relations_under_other_ids_are_matched_by_text_and_offsets(run, noted, corpus_file, tmp_path):
    gold = tmp_path / "gold.jsonl"
    records = map(json.loads, corpus_file.read_text(encoding="utf-8").splitlines())
    gold.write_text(
        "".join(json.dumps({**record, "id": f"other {record['id']}"}) + "\n" for record in records)
    )
    noted("report", run, "--gold", gold)
    assert "Comparison with gold relations" in (run / "report.html").read_text(encoding="utf-8")


def test_pictures_come_beside_it(run, noted):
    pytest.importorskip("matplotlib")
    noted("report", run, "--figures", run.parent / "figures")
    assert (run.parent / "figures" / "map.svg").is_file()


def test_decisions_are_carried_out_and_two_runs_compared(run, noted, tmp_path, relscout, corpus_file):
    path = tmp_path / "decisions.json"
    steps = [{"merge": [0, 1]}, {"rename": 0, "to": "made by"}]
    path.write_text(json.dumps({"format": "relscout-decisions", "version": 1, "decisions": steps}))
    said = noted("apply", path, run, "--out", tmp_path / "better")
    assert said.startswith(f"2 decisions applied: 2 relations in {tmp_path / 'better'}")
    told = json.loads((tmp_path / "better" / "run.json").read_text())
    assert told["decisions"][0]["decisions"] == steps
    assert relscout("extract", tmp_path / "better", corpus_file).out.count("made by") > 5
    noted("report", run, tmp_path / "better")
    text = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "run has 3 relations, better 2 relations" in text


def test_one_label_a_line_is_gold_in_the_order_of_the_run(run, noted, refused, corpus_file, tmp_path):
    n = len(corpus_file.read_text(encoding="utf-8").splitlines())
    gold = tmp_path / "gold.txt"
    gold.write_text("x\n" * n)
    noted("report", run, "--gold", gold)
    gold.write_text("x\n" * (n - 1))
    assert "expected one label per line, in the order of the run" in refused("report", run, "--gold", gold)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("report", "missing"), "missing is not a run of relscout"),
        (("report", "run", "run", "run"), "got 3 runs, expected one, or two"),
        (("report", "run", "run", "--title", "x"), "--figures and --title apply to the report of one run"),
        (("report", "run", "--out", "no/page.html"), "there is no directory no"),
        (("report", "run", "--gold", "nothing.jsonl"), "nothing.jsonl"),
        (("apply", "nothing.json", "run", "--out", "new"), "nothing.json: No such file"),
    ],
)
def test_what_cannot_work_is_refused(arguments, complaint, run, refused):
    assert complaint in refused(*arguments)
