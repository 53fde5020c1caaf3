"""Annotations kept on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import Mention, Parse
from relscout.text import MarkedSentence, Passage, marked_sentence, sentence_spans
from relscout.text.annotation_cache import Cached


class Counting:
    """An annotator with entities and syntax of a kind that counts the passages which it has read."""

    def __init__(self, fingerprint: str = "one", *, stops_at: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.read: list[str] = []
        self.stops_at = stops_at

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        for passage in texts:
            if len(self.read) == self.stops_at:
                raise KeyboardInterrupt
            self.read.append(passage.text)
            for start, end in sentence_spans(passage.text):
                parse = Parse((0, 2), (1, 4), (0, 0), ("ROOT", "obj"), ("VERB", "NOUN"), ("a", "日"))
                mentions = [Mention(0, 2, "X", "Q1"), Mention(3, 4)]
                yield marked_sentence(passage, start, end, mentions, parse if start else None)


def passages(count: int) -> list[Passage]:
    # every third is blank, and so without a sentence
    texts = [f"Ida {number} runs. 日本 Bolt runs." if number % 3 else "  " for number in range(count)]
    return [
        Passage(text, "d.txt", 100 * number, f"d.txt, line {number}", ((4, 7),), (5,))
        for number, text in enumerate(texts)
    ]


def test_sentences_are_the_same_from_the_annotator_from_the_file_and_without_it(tmp_path: Path) -> None:
    plain = list(Counting().annotate(passages(7)))
    assert plain[1].parse is not None
    for _ in range(2):
        assert list(Cached(Counting(), tmp_path / "cache" / "a.sqlite").annotate(passages(7))) == plain


def test_nothing_is_annotated_twice(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    list(Cached(first, tmp_path / "a.sqlite").annotate([*passages(5), *passages(5)]))
    assert len(first.read) == len({passage.text for passage in passages(5)})
    list(Cached(second, tmp_path / "a.sqlite").annotate(passages(9)))
    assert second.read == [passage.text for passage in passages(9)[5:] if passage.text.strip()]


def test_another_annotator_does_not_see_what_the_first_found(tmp_path: Path) -> None:
    list(Cached(Counting("one"), tmp_path / "a.sqlite").annotate(passages(3)))
    other = Counting("two")
    list(Cached(other, tmp_path / "a.sqlite").annotate(passages(3)))
    assert len(other.read) == 3


def test_the_same_text_in_another_place_gets_that_place(tmp_path: Path) -> None:
    cached = Cached(Counting(), tmp_path / "a.sqlite")
    list(cached.annotate([Passage("Ida runs.", "a", 0, "a, line 1")]))
    (found,) = cached.annotate([Passage("Ida runs.", "b", 7, "b, line 2")])
    assert (found.document, found.document_start, found.source) == ("b", 7, "b, line 2")


@pytest.mark.parametrize("stop", [0, 1, 100, 299])
def test_interrupted_work_goes_on_and_ends_in_the_same(tmp_path: Path, stop: int) -> None:
    path = tmp_path / "a.sqlite"
    many = passages(450)
    with pytest.raises(KeyboardInterrupt):
        list(Cached(Counting(stops_at=stop), path).annotate(many))
    rest = Counting()
    assert list(Cached(rest, path).annotate(many)) == list(Counting().annotate(many))
    distinct = len({passage.text for passage in many})
    assert distinct - stop <= len(rest.read) <= distinct - stop + 1


def test_work_that_its_reader_leaves_is_kept(tmp_path: Path) -> None:
    stream = Cached(Counting(), tmp_path / "a.sqlite").annotate(passages(20))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    rest = Counting()
    list(Cached(rest, tmp_path / "a.sqlite").annotate(passages(20)))
    assert passages(20)[1].text not in rest.read


def test_many_passages_keep_their_order(tmp_path: Path) -> None:
    many = passages(3000)
    found = list(Cached(Counting(), tmp_path / "a.sqlite").annotate(many))
    assert found == list(Counting().annotate(many))


def test_without_passages_no_file_is_made(tmp_path: Path) -> None:
    assert list(Cached(Counting(), tmp_path / "a.sqlite").annotate([])) == []
    assert not (tmp_path / "a.sqlite").exists()


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"no database" * 200)
    with pytest.raises(OutputError, match=r"cannot open the cache of annotations .*remove it"):
        list(Cached(Counting(), path).annotate(passages(2)))


def test_a_changed_entry_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    list(Cached(Counting(), path).annotate(passages(2)))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE annotations SET content = x'00'")
    database.close()
    with pytest.raises(ArtifactError, match="damaged: an entry has changed; remove it"):
        list(Cached(Counting(), path).annotate(passages(2)))
