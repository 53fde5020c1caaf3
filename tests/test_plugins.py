"""What other packages register: methods, readers and writers, found without being imported."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from relscout import RelationInstance, discover, load, read, write
from relscout.cli.app import run
from relscout.core.errors import PluginError, PluginWarning, SettingError, UnknownNameError
from relscout.encoders import TransformerEncoder, VectorCache
from relscout.io.readers import format_names
from relscout.io.writers import writer_names
from relscout.methods import METHODS, method, method_names

Install = Callable[..., None]

METHOD = """
import numpy as np
from relscout.methods import ClusteringMethod


class Halves(ClusteringMethod):
    NAME = "halves"
    CITATION = "A test 2026"

    def __init__(self, encoder=None, *, n_relations="auto", seed=0, share: float = 0.5):
        super().__init__(encoder, n_relations=n_relations, seed=seed)
        self.share = share

    def cluster(self, vectors, n_relations):
        return (np.argsort(np.argsort(vectors[:, 0])) >= self.share * len(vectors)).astype(int)
"""

READER = """
from relscout.core.instances import RelationInstance

DESCRIPTION = "sentences with [[head]] and ((tail))"


def sniff(source):
    return "[[" in source.sample_text and "((" in source.sample_text


def read(source):
    for number, line in source.decoded_lines():
        head = line.partition("[[")[2].partition("]]")[0]
        tail = line.partition("((")[2].partition("))")[0]
        for mark in ("[[", "]]", "((", "))"):
            line = line.replace(mark, "")
        yield RelationInstance.from_strings(line, head, tail)
"""

WRITER = """
DESCRIPTION = "one line of words per triple"
SUFFIXES = (".words",)


def write(triples, path):
    path.write_text("".join(f"{one.instance.head_text} {one.relation}\\n" for one in triples))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a module as a package that registers it: a folder with its metadata on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def one(module: str, source: str, group: str, name: str, place: str = "") -> None:
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        described = site / f"{module}-1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        value = f"{module}:{place}" if place else module
        (described / "entry_points.txt").write_text(f"[relscout.{group}]\n{name} = {value}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return one


@pytest.fixture(scope="module")
def few(corpus: list[RelationInstance]) -> list[RelationInstance]:
    return corpus[:12]


def test_a_method_of_another_package_is_found_run_and_reloaded(
    install: Install, few: list[RelationInstance], tmp_path: Path
) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    assert method_names() == [*METHODS, "halves"]
    encoder = TransformerEncoder(cache=VectorCache())
    found = discover(few, method="halves", n_relations=2, encoder=encoder, settings={"share": "0.25"})
    found.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.run["method"] == type(again.model).NAME == "halves"
    assert again.model.settings()["share"] == 0.25
    assert again.predict(few).relation_ids.tolist() == found.assignments.relation_ids.tolist()


def test_nothing_is_imported_before_it_is_used(install: Install) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    method_names()
    assert "halving" not in sys.modules


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_module", "cannot be loaded .ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('first\\nsecond')", r"cannot be loaded .RuntimeError: first\);"),
        ("x = 1", "cannot be loaded .AttributeError"),
        ("class Halves: pass", "is no method: the class Halves has no NAME"),
        (METHOD.replace('"halves"', '"other"'), "has the NAME 'other'; register it under that name"),
        (
            METHOD.replace("def cluster", "def clusters"),
            "is no method: the class Halves does not implement cluster",
        ),
    ],
)
def test_a_broken_method_is_reported_in_one_line(install: Install, source: str, complaint: str) -> None:
    install("halving", source, "methods", "halves", "Halves")
    with pytest.raises(
        PluginError, match=rf"the method 'halves' .* of the package halving {complaint}"
    ) as caught:
        method("halves")
    assert "\n" not in str(caught.value)


def test_a_name_of_ours_is_refused_with_a_warning(install: Install) -> None:
    install("halving", METHOD, "methods", "kmeans", "Halves")
    with pytest.warns(
        PluginWarning, match="the method 'kmeans' .* is ignored: relscout has one of that name"
    ):
        assert method_names() == [*METHODS]
    assert method("kmeans").__module__ == "relscout.methods.kmeans"


def test_a_name_that_two_packages_have_is_refused_with_a_warning(install: Install) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    install("quartering", METHOD, "methods", "halves", "Halves")
    with pytest.warns(PluginWarning, match="of the package quartering is ignored: .* comes first"):
        assert method_names() == [*METHODS, "halves"]


def test_an_unknown_name_lists_those_of_other_packages(install: Install) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    with pytest.raises(UnknownNameError, match="unknown method 'halve': did you mean 'halves'"):
        method("halve")


def test_a_reader_of_another_package_recognises_its_files(install: Install, tmp_path: Path) -> None:
    install("brackets", READER, "readers", "brackets")
    file = tmp_path / "some.txt"
    file.write_text("[[Ada]] met ((Bob)).\n", encoding="utf-8")
    assert format_names()[-1] == "brackets"
    for found in (list(read(file)), list(read(file, format="brackets"))):
        assert [(one.head_text, one.tail_text, one.text) for one in found] == [("Ada", "Bob", "Ada met Bob.")]


def test_a_broken_reader_keeps_no_file_from_being_read(install: Install, tmp_path: Path) -> None:
    install("brackets", READER, "readers", "brackets")
    install("broken", "import no_such_module", "readers", "a-broken-one")
    file = tmp_path / "some.txt"
    file.write_text("[[Ada]] met ((Bob)).\n", encoding="utf-8")
    with pytest.warns(PluginWarning, match="the reader 'a-broken-one' .* cannot be loaded"):
        assert len(list(read(file))) == 1
    with pytest.raises(PluginError, match="the reader 'a-broken-one'"):
        read(file, format="a-broken-one")


def test_a_reader_without_its_functions_is_refused(install: Install, tmp_path: Path) -> None:
    install("brackets", "DESCRIPTION = 'nothing'", "readers", "brackets")
    with pytest.raises(PluginError, match="has no read and no sniff"):
        read(tmp_path, format="brackets")


def test_a_writer_of_another_package_is_chosen_by_its_suffix(
    install: Install, few: list[RelationInstance], tmp_path: Path
) -> None:
    from relscout import Triple

    install("words", WRITER, "writers", "words")
    assert writer_names()[-1] == "words"
    triples = [Triple(few[0], 0, "met", 1.0)]
    assert write(triples, tmp_path / "found.words") == 1
    assert (tmp_path / "found.words").read_text() == f"{few[0].head_text} met\n"
    write(triples, tmp_path / "found.txt", format="words")


def test_a_broken_writer_is_reported_in_one_line(install: Install, tmp_path: Path) -> None:
    install("words", "raise ValueError('no')", "writers", "words")
    with pytest.raises(PluginError, match=r"the writer 'words' .* cannot be loaded \(ValueError: no"):
        write([], tmp_path / "found.txt", format="words")
    with (
        pytest.warns(PluginWarning, match="the writer 'words'"),
        pytest.raises(SettingError, match=r"one of jsonl, .*, words"),
    ):
        write([], tmp_path / "found.txt")


def test_the_command_line_lists_methods_and_notes_broken_ones(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    install("broken", "import no_such_module", "methods", "broken", "Broken")
    install("claiming", METHOD, "methods", "kmeans", "Halves")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert run(["methods"]) == 0
    shown = capsys.readouterr()
    assert "A test 2026" in shown.out
    notes = [line for line in shown.err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert "Traceback" not in shown.err


def test_the_command_line_shows_the_settings_of_a_method_of_another_package(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("halving", METHOD, "methods", "halves", "Halves")
    assert run(["methods", "halves"]) == 0
    assert "share" in capsys.readouterr().out
