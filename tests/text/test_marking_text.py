"""From raw text to relation instances."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
import spacy

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.text.gazetteer import Gazetteer
from relscout.text.pairs import Pairing, mark_files, mark_texts
from relscout.text.spacy_pipeline import SpacyPipeline

FORWARD = Pairing(directions="forward")
TEXT = "Ida Kron runs Acme. It rains.\n\nAcme sued Bolt, and Ida Kron left Acme.\n"


@pytest.fixture
def names() -> Gazetteer:
    made = Gazetteer()
    for name, entity_type in (("Ida Kron", "PERSON"), ("Acme", "ORG"), ("Bolt", "ORG")):
        made.add(name, entity_type)
    return made


def write(path: Path, content: bytes = TEXT.encode()) -> Path:
    path.write_bytes(content)
    return path


def facts(found: Sequence[RelationInstance]) -> list[tuple[str, str, str]]:
    return [(each.head_text, each.tail_text, each.source) for each in found]


EXPECTED = [
    ("Ida Kron", "Acme", "news.txt, line 1"),
    ("Acme", "Bolt", "news.txt, line 3"),
    ("Acme", "Ida Kron", "news.txt, line 3"),
    ("Bolt", "Ida Kron", "news.txt, line 3"),
    ("Bolt", "Acme", "news.txt, line 3"),
    ("Ida Kron", "Acme", "news.txt, line 3"),
]


def test_entities_of_a_sentence_are_paired_with_file_and_line_as_source(
    tmp_path: Path, names: Gazetteer
) -> None:
    found = list(mark_files([write(tmp_path / "news.txt")], annotator=names, pairing=FORWARD))
    assert facts(found) == EXPECTED
    assert found[0].text == "Ida Kron runs Acme."
    assert found[0].relation is None


def test_a_spacy_pipeline_finds_the_same(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    patterns = [{"label": "PERSON", "pattern": "Ida Kron"}]
    patterns += [{"label": "ORG", "pattern": name} for name in ("Acme", "Bolt")]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "pipeline")
    pipeline = SpacyPipeline.load(str(tmp_path / "pipeline"))
    found = list(mark_files([write(tmp_path / "news.txt")], annotator=pipeline, pairing=FORWARD))
    assert facts(found) == EXPECTED


def test_each_pair_is_one_instance_from_person_to_organisation(names: Gazetteer) -> None:
    found = list(mark_texts(["Acme hired Ida Kron."], annotator=names))
    assert facts(found) == [("Ida Kron", "Acme", "text 1")]


def test_files_are_read_one_after_the_other(tmp_path: Path, names: Gazetteer) -> None:
    paths = [write(tmp_path / "b.txt", b"Acme or Bolt"), write(tmp_path / "a.txt", b"Bolt or Acme")]
    found = list(mark_files(paths, annotator=names, pairing=FORWARD))
    assert facts(found) == [("Acme", "Bolt", "b.txt, line 1"), ("Bolt", "Acme", "a.txt, line 1")]


def test_gzip_a_byte_order_mark_and_carriage_returns_are_seen_through(
    tmp_path: Path, names: Gazetteer
) -> None:
    packed = write(tmp_path / "news.txt.gz", gzip.compress("\ufeffAcme or Bolt\r\n".encode()))
    (found,) = mark_files([packed], annotator=names, pairing=FORWARD)
    assert found.text == "Acme or Bolt"


def test_a_line_that_is_not_utf_8_is_an_error_with_its_place(tmp_path: Path, names: Gazetteer) -> None:
    path = write(tmp_path / "news.txt", b"Acme or Bolt\ncaf\xe9\n")
    with pytest.raises(RecordError, match=r"news\.txt, line 2: byte 0xe9 is not UTF-8"):
        list(mark_files([path], annotator=names))


def test_a_missing_file_is_an_error(tmp_path: Path, names: Gazetteer) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt: no such file"):
        list(mark_files([tmp_path / "nowhere.txt"], annotator=names))


def test_a_gzip_file_that_is_cut_off_is_an_error(tmp_path: Path, names: Gazetteer) -> None:
    path = write(tmp_path / "news.txt.gz", gzip.compress(TEXT.encode() * 50)[:-12])
    with pytest.raises(InputError, match="damaged or cut off"):
        list(mark_files([path], annotator=names))
