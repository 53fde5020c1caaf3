"""Raw text in, relation instances out: entities are marked and paired, sentence by sentence.

Two annotators find the entities: :class:`~relscout.mentions.gazetteer.Gazetteer` (a list of names) and
:class:`~relscout.mentions.spacy_pipeline.SpacyPipeline`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from relscout.instances import RelationInstance
from relscout.lines import lines
from relscout.mentions.pairs import ALL_PAIRS, Pairing, pairs
from relscout.mentions.sentences import Annotator


def mark_files(
    paths: Sequence[Path], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in plain text files, read as they are needed; gzip is seen through.

    A line is a unit: a sentence must not be broken over lines, a line may hold many sentences.

    Args:
        paths: UTF-8 text files, read one after the other.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.

    Raises:
        RecordError: A line is not UTF-8.
        InputError: A file cannot be read, or a line is longer than the annotator takes.
    """
    texts = ((line, f"{path.name}, line {number}") for path in paths for number, line in lines(path))
    return _mark(texts, annotator, pairing)


def mark_texts(
    texts: Iterable[str], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in texts, such as paragraphs; a pair never reaches over two texts.

    Args:
        texts: The texts, read as they are needed.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.
    """
    return _mark(((text, f"text {number}") for number, text in enumerate(texts, 1)), annotator, pairing)


def _mark(
    texts: Iterable[tuple[str, str]], annotator: Annotator, pairing: Pairing
) -> Iterator[RelationInstance]:
    for sentence in annotator.annotate(texts):
        yield from pairs(sentence.text, sentence.mentions, pairing, source=sentence.source)
