"""Plain text in, relation instances out: sentences, entities, syntax, pairs, and whether a pair is related at all.

Annotators find the entities: :class:`~relscout.text.spacy_pipeline.SpacyPipeline` and
:class:`~relscout.text.gazetteer.Gazetteer` (a list of names).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from relscout.instances import RelationInstance
from relscout.lines import lines
from relscout.text.pairs import ALL_PAIRS, Pairing, pairs
from relscout.text.sentences import Annotator, Passage


def mark_files(
    paths: Sequence[Path], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in plain text files with one passage per line; gzip is seen through.

    Args:
        paths: UTF-8 text files, read one after the other.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.

    Raises:
        RecordError: A line is not UTF-8.
        InputError: A file cannot be read, or a line is longer than the annotator takes.
    """
    passages = (
        Passage(line, source=f"{path.name}, line {number}") for path in paths for number, line in lines(path)
    )
    return mark(passages, annotator=annotator, pairing=pairing)


def mark_texts(
    texts: Iterable[str], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in texts, such as paragraphs; a pair never reaches over two texts.

    Args:
        texts: The texts, read as they are needed.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.
    """
    passages = (Passage(text, source=f"text {number}") for number, text in enumerate(texts, 1))
    return mark(passages, annotator=annotator, pairing=pairing)


def mark(
    passages: Iterable[Passage], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in passages of documents, in order.

    Args:
        passages: The passages, read as they are needed.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.
    """
    for sentence in annotator.annotate(passages):
        yield from pairs(sentence, pairing)
