"""Sentences as words, in the five input formats, with the distance of each word from head and tail."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.alignment import align, excerpt
from relscout.encoders.batching import rows_by_content
from relscout.encoders.marking import TYPES_INSTEAD, keeps_context, reveal
from relscout.encoders.window import fit
from relscout.instances import RelationInstance

#: Input formats: C+M shows names and types of the mentions, the others what Peng et al. (2020, section 2.2) say.
FORMATS = ("C+M", "C+T", "OnlyC", "OnlyM", "OnlyT")
#: Characters for each word of the longest input, beyond which a text is cut around its mentions at once.
_REACH = 40
_WORD = re.compile(r"\w+|[^\w\s]")
PADDING, UNKNOWN = 0, 1
#: Words that stand for padding, unknown words, and in the place of mentions; no word of a text has a space.
_SPECIAL = ("the padding", "an unknown word", "the head", "the tail")
#: Places of what is no word of the text.
_NO_WORD, _HEAD, _TAIL = -1, -2, -3
NO_TYPE = 0


@dataclass(frozen=True)
class Shown:
    """What is shown of an instance.

    Args:
        words: Words, in small letters, and what stands in the place of mentions.
        from_head: Distance of each word from the head, negative before it and 0 inside (T,), int64.
        from_tail: The same for the tail.
        types: Entity type of the mention that each word belongs to, ``None`` elsewhere and where types are not shown.
        lost: What did not fit (see :func:`relscout.encoders.window.fit`).
    """

    words: list[str]
    from_head: NDArray[np.int64]
    from_tail: NDArray[np.int64]
    types: list[str | None]
    lost: str


def shown(instance: RelationInstance, marking: str, max_length: int) -> Shown:
    """Return what an input format shows of an instance, cut to ``max_length`` words that hold both mentions."""
    text, head, tail = excerpt(instance, _REACH * max_length)
    # a word never reaches over the edge of a mention, so that what is replaced is replaced whole
    edges = sorted({0, len(text), head.start, head.end, tail.start, tail.end})
    found = [
        (match.start(), match.end())
        for start, end in pairwise(edges)
        for match in _WORD.finditer(text, start, end)
    ]
    sentence = align(list(range(len(found))), found, head, tail, unknown_id=_NO_WORD)
    hidden = marking == "OnlyC" or marking in TYPES_INSTEAD
    instead = ((_HEAD,), (_TAIL,)) if hidden else None
    window, lost = fit(reveal(sentence, instead=instead, keep_context=keeps_context(marking)), max_length)
    kinds = (instance.head.type, instance.tail.type)
    stands = {_NO_WORD: _SPECIAL[1], _HEAD: _SPECIAL[2], _TAIL: _SPECIAL[3]}
    if marking in TYPES_INSTEAD:
        stands |= {place: f"type {kind}" for place, kind in zip((_HEAD, _TAIL), kinds, strict=True)}
    words = [
        stands[place] if place < 0 else text[found[place][0] : found[place][1]].lower()
        for place in window.ids
    ]
    types: list[str | None] = [None] * len(words)
    if marking not in ("OnlyC", "OnlyM"):
        for (start, end), kind in zip((window.head, window.tail), kinds, strict=True):
            types[start:end] = [kind] * (end - start)
    places = np.arange(len(words))
    from_head, from_tail = (
        np.minimum(places - start, 0) + np.maximum(places - end + 1, 0)
        for start, end in (window.head, window.tail)
    )
    return Shown(words, from_head, from_tail, types, lost)


@dataclass(frozen=True)
class WordSentences:
    """Instances as words, every content once; M contents.

    Args:
        row_of: Content of each instance (N,), int64.
        lengths: Words of each content (M,), int64.
        ids: Words, distances from head and tail (from 0), and types of all contents, one behind the other
            (4, sum of lengths), int64.
    """

    row_of: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ids: NDArray[np.int64]

    def padded(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return words, distances and types of some contents (4, B, T), 0 behind the end of each."""
        lengths = self.lengths[contents]
        out = np.zeros((4, len(contents), int(lengths.max())), dtype=np.int64)
        ends = np.cumsum(self.lengths)
        for row, (content, length) in enumerate(zip(contents, lengths, strict=True)):
            out[:, row, :length] = self.ids[:, ends[content] - length : ends[content]]
        return out


@dataclass(frozen=True)
class WordVocabulary:
    """Numbers of words and types that the training data show.

    Args:
        words: Words by their numbers; the first four are special.
        types: Entity types by their numbers, from 1; 0 is no type.
        marking: Input format.
        max_length: Most words of an input.
    """

    words: tuple[str, ...]
    types: tuple[str, ...]
    marking: str
    max_length: int

    @classmethod
    def of(
        cls, train: Iterable[RelationInstance], *, marking: str, max_length: int, least: int
    ) -> WordVocabulary:
        """Count the words that an input format shows of the training data.

        Args:
            train: The training data.
            marking: Input format.
            max_length: Most words of an input.
            least: How often a word must be there to have a number.
        """
        seen = [shown(one, marking, max_length) for one in train]
        counts = Counter(word for one in seen for word in one.words if word not in _SPECIAL)
        words = sorted(
            (word for word, count in counts.items() if count >= least), key=_frequent_first(counts)
        )
        types = sorted({kind for one in seen for kind in one.types if kind is not None})
        return cls((*_SPECIAL, *words), tuple(types), marking, max_length)

    def sentences(self, instances: Sequence[RelationInstance]) -> tuple[WordSentences, list[str]]:
        """Return instances as numbers, and what of each (N,) did not fit."""
        number = {word: place for place, word in enumerate(self.words)}
        types = {kind: place for place, kind in enumerate(self.types, start=1)}
        rows = rows_by_content(instances)
        row_of = np.empty(len(instances), dtype=np.int64)
        lost = [""] * len(instances)
        pieces, lengths = [], []
        # in the order of the keys, so that the order of the instances decides nothing
        for content, key in enumerate(sorted(rows)):
            same = rows[key]
            row_of[same] = content
            one = shown(instances[same[0]], self.marking, self.max_length)
            ids = [number.get(word, UNKNOWN) for word in one.words]
            kinds = [NO_TYPE if kind is None else types.get(kind, NO_TYPE) for kind in one.types]
            distances = [distance + self.max_length for distance in (one.from_head, one.from_tail)]
            pieces.append(np.array([ids, *distances, kinds], dtype=np.int64))
            lengths.append(len(ids))
            for row in same:
                lost[row] = one.lost
        joined = np.concatenate(pieces, axis=1) if pieces else np.zeros((4, 0), dtype=np.int64)
        return WordSentences(row_of, np.array(lengths, dtype=np.int64), joined), lost


def _frequent_first(counts: Counter[str]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (-counts[word], word)
