"""Plain text in, relation instances out: sentences, entities, syntax, pairs, and whether a pair is related at all.

:mod:`~relscout.text.documents` reads files as passages. Annotators find the sentences and the entities in them:
:class:`~relscout.text.spacy_pipeline.SpacyPipeline`, :class:`~relscout.text.spacy_pipeline.NounChunks`,
:class:`~relscout.text.gazetteer.Gazetteer` (a list of names), :class:`~relscout.text.recognisers.Recognised` (token
classifiers, GLiNER); :class:`~relscout.text.gazetteer.WithGazetteer` adds a list of names to any of them, and
:class:`~relscout.text.annotation_cache.Cached` keeps what they find. :func:`mark` makes pairs of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from relscout.core.instances import RelationInstance
from relscout.text.documents import read_passages
from relscout.text.pairs import ALL_PAIRS, OnCrowded, Pairing, pairs
from relscout.text.sentences import Annotator, Passage


def mark_files(
    paths: Sequence[Path],
    *,
    annotator: Annotator,
    pairing: Pairing = ALL_PAIRS,
    columns: Mapping[str, str] | None = None,
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in files and folders of text, read by :func:`relscout.text.documents.read_passages`.

    Args:
        paths: Text, Markdown, HTML, PDF, tables and JSON Lines with a column of text, folders.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.
        columns: For tables: ``"text"`` and ``"document"`` → names of their columns.

    Raises:
        InputError: A file cannot be read, or (:class:`~relscout.core.errors.RecordError`) a line or record is wrong.
        MissingExtraError: A file is HTML or PDF, and the extra for it is not installed.
    """
    return mark(read_passages(paths, columns=columns), annotator=annotator, pairing=pairing)


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
    passages: Iterable[Passage],
    *,
    annotator: Annotator,
    pairing: Pairing = ALL_PAIRS,
    on_crowded: OnCrowded | None = None,
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in passages of documents, in order.

    Args:
        passages: The passages, read as they are needed.
        annotator: Finds the sentences and their entities.
        pairing: Which of the entities of a sentence make a pair.
        on_crowded: Called with each sentence that has more entities than ``pairing.most_mentions``, and the number of
            its pairs that are left out.
    """
    for sentence in annotator.annotate(passages):
        yield from pairs(sentence, pairing, on_crowded=on_crowded)
