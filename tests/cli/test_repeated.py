"""The same command again, and outputs that are inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .conftest import snapshot


@pytest.fixture
def page(fast: Sequence[object]) -> list[object]:
    """Options of a fast discovery that writes its page."""
    return [option for option in fast if option != "--no-report"]


@pytest.fixture(scope="module")
def with_page(tmp_path_factory: pytest.TempPathFactory, good: Path, fast: Sequence[object]) -> Path:
    """Folder of a finished run with its page; not to be changed."""
    from .conftest import call

    folder = tmp_path_factory.mktemp("with-page") / "run"
    options = [option for option in fast if option != "--no-report"]
    done = call("discover", good, *options, "--no-cache", "--out", folder)
    assert done.code == 0, done.err
    return folder


def test_a_finished_run_stays_and_ends_well(relscout, good, page, with_page, tmp_path):
    run = Path(shutil.copytree(with_page, tmp_path / "run"))
    before = snapshot(run)
    done = relscout("discover", good, *page, "--no-cache", "--out", run)
    assert done.code == 0
    assert done.err.startswith(f"note: {run} holds the finished run of this command; add --overwrite")
    assert done.out.startswith("2 relations")
    assert snapshot(run) == before


def test_a_finished_run_is_printed_as_json_again(relscout, good, page, with_page, tmp_path):
    run = Path(shutil.copytree(with_page, tmp_path / "run"))
    printed = json.loads(relscout("discover", good, *page, "--out", run, "--json").out)
    assert (printed["n_relations"], printed["skipped"]) == (2, None)
    assert printed["command"]["inputs"][0]["name"] == "good.jsonl"


def test_a_run_that_was_stopped_before_its_page_gets_the_same_page(relscout, good, page, with_page, tmp_path):
    run = Path(shutil.copytree(with_page, tmp_path / "run"))
    before = snapshot(run)
    (run / "report.html").unlink()
    (run / ".report.html.abcdefgh.partial").write_text("<html>", encoding="utf-8")
    done = relscout("discover", good, *page, "--no-cache", "--out", run)
    assert (done.code, "holds the finished run" in done.err) == (0, False)
    assert snapshot(run) == before


def test_without_a_page_the_run_is_finished(relscout, good, fast, finished, tmp_path):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    done = relscout("discover", good, *fast, "--no-cache", "--out", run)
    assert (done.code, "holds the finished run" in done.err) == (0, True)


@pytest.mark.parametrize("changed", ["text", "name"])
def test_another_input_is_another_command(refused, good, fast, finished, tmp_path, changed):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    content = good.read_text(encoding="utf-8")
    other = tmp_path / ("good.jsonl" if changed == "text" else "other.jsonl")
    other.write_text(content.replace("Ada", "Eve") if changed == "text" else content, encoding="utf-8")
    assert "a run of another command, with other inputs;" in refused("discover", other, *fast, "--out", run)


def test_decisions_are_applied_again(relscout, finished, tmp_path):
    decisions = tmp_path / "decisions.json"
    decisions.write_text(
        '{"format": "relscout-decisions", "version": 1, "decisions": [{"rename": 0, "to": "a name"}]}'
    )
    command = ("apply", decisions, finished, "--out", tmp_path / "run")
    assert relscout(*command).code == 0
    before = snapshot(tmp_path / "run")
    done = relscout(*command)
    assert (done.code, "holds the finished run" in done.err) == (0, True)
    assert snapshot(tmp_path / "run") == before
    decisions.write_text(decisions.read_text().replace("a name", "other"))
    assert "with other decisions;" in relscout(*command).err


def linked(kind: str, target: Path, place: Path) -> Path:
    """Return another path of a file: a symbolic or hard link, or one with a detour."""
    if kind == "hard link":
        place.hardlink_to(target)
    elif kind == "link":
        place.symlink_to(target)
    elif kind == "detour":
        return target.parent / ".." / target.parent.name / target.name
    return target if kind == "same" else place


@pytest.mark.parametrize("kind", ["same", "link", "hard link", "detour"])
def test_an_input_is_not_written_over(refused: Callable[..., str], good, tmp_path, kind):
    mine = Path(shutil.copy(good, tmp_path / "mine.jsonl"))
    said = refused("convert", mine, "--out", linked(kind, mine, tmp_path / "link.jsonl"))
    assert "it is an input of this command; choose another name" in said


@pytest.mark.parametrize(
    "command",
    [
        ("convert", "{good}", "--labels", "{mine}", "--out", "{mine}"),
        ("extract", "{run}", "{mine}", "--out", "{mine}"),
        ("extract", "{run}", "{good}", "--out", "{run}/triples.jsonl"),
        ("export", "{run}", "--out", "{run}/facts.jsonl"),
        ("report", "{run}", "--gold", "{mine}", "--out", "{mine}"),
        ("report", "{run}", "--out", "{run}/run.json"),
        ("apply", "{mine}", "{run}", "--out", "{run}", "--overwrite"),
        ("discover", "{run}/instances.jsonl.gz", "--out", "{run}", "--overwrite"),
        ("discover", "{good}", "--none", "{mine}", "--out", "{mine}"),
        ("discover", "{good}", "--after", "{run}", "--out", "{run}", "--overwrite"),
        ("discover", "{mine}", "--cache", "{mine}"),
        ("lab", "finetune", "{good}", "--test", "{mine}", "--out", "{mine}"),
        ("lab", "pretrain", "align", "{good}", "--graph", "{mine}", "--out", "{mine}"),
        ("lab", "pretrain", "cp", "{good}", "--encoder", "{run}", "--out", "{run}"),
        ("lab", "fewshot", "train", "{mine}", "--out", "{mine}"),
    ],
    ids=lambda command: " ".join(command),
)
def test_no_command_writes_over_what_it_reads(refused: Callable[..., str], good, finished, tmp_path, command):
    places = {
        "good": good,
        "mine": shutil.copy(good, tmp_path / "mine.jsonl"),
        "run": shutil.copytree(finished, tmp_path / "run"),
    }
    said = refused(*(argument.format(**places) for argument in command))
    assert "an input of this command; choose another name" in said


def test_the_page_of_a_run_is_no_input(relscout, finished, tmp_path):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    for _ in range(2):
        assert relscout("report", run, "--no-cache", "--out", run / "report.html").code == 0


def test_results_in_the_folder_that_was_read_change_nothing(tmp_path):
    from types import SimpleNamespace

    from relscout.cli.command_files import asked_for
    from relscout.cli.discover import command

    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("Ada met Bob.", encoding="utf-8")
    context = SimpleNamespace(params={"inputs": [texts]}, command=SimpleNamespace(callback=command))
    before = asked_for(context)
    (texts / "run").mkdir()
    (texts / "run" / "run.json").touch()
    (texts / "run" / "assignments.jsonl").touch()
    (texts / ".run.abcdefgh.partial").touch()
    assert asked_for(context) == before
    (texts / "b.txt").write_text("Ada met Eve.", encoding="utf-8")
    assert asked_for(context) != before


def test_a_link_that_leads_to_itself_is_no_place_to_write(relscout, good, fast, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    done = relscout("discover", good, *fast, "--no-cache", "--out", link)
    assert (done.code, done.err.startswith(f"error: cannot write {link}: it is a link")) == (2, True)
    assert relscout("discover", link, *fast, "--out", tmp_path / "run").err.startswith(f"error: {link}: ")
    assert (link.is_symlink(), (tmp_path / "run").exists()) == (True, False)
