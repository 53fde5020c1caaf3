"""How the two entities are shown to the encoder: markers, types, blanks or prompts, on token ids.

Markers are inserted between tokens by their place, never by replacing strings, so nothing in a text can break
them. A sentence is marked in two steps, and cut to length in between: :func:`reveal` leaves out what the scheme
hides, :func:`mark` puts the markers around what is left of the mentions.

Sources of the schemes: entity markers (Soares et al. 2019; SelfORE eq. 1), the input formats C+M, C+T, OnlyC,
OnlyM and OnlyT (Peng et al. 2020, section 2.2), typed markers in words of the vocabulary (Zhou and Chen 2022),
the ``[MASK]`` prompt (Genest et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relscout.encoders.sentence import Sentence, Span

#: Scheme → what it shows the encoder.
MARKINGS: dict[str, str] = {
    "none": "the plain sentence",
    "markers": "four marker tokens around the mentions",
    "typed-markers": "punctuation markers with the entity type in words, as in '@ * person * Marie Curie @'",
    "prompt": "the plain sentence, then 'HEAD [MASK] TAIL .'",
    "C+M": "context and mentions: the same as 'markers'",
    "C+T": "context and types: each mention replaced by its entity type, between markers",
    "OnlyC": "only context: each mention replaced by a blank, between markers",
    "OnlyM": "only mentions: the context left out",
    "OnlyT": "only types: the context left out and each mention replaced by its entity type",
}

#: Schemes that show the entity types in place of the mentions.
TYPES_INSTEAD = frozenset({"C+T", "OnlyT"})
#: Schemes that leave the context out.
_WITHOUT_CONTEXT = frozenset({"OnlyM", "OnlyT"})


@dataclass(frozen=True, slots=True)
class Markers:
    """What stands around one mention.

    Args:
        before: Token ids in front of it.
        after: Token ids behind it.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked sentence in token ids, and where its parts lie.

    Args:
        ids: Token ids without the tokenizer's own special tokens.
        head_start: Where the head's marker (or, unmarked, its first token) stands.
        tail_start: The same for the tail.
        head: Tokens of the head mention or of what stands in its place, its own markers left out. A mention
            around the other one includes the other's markers.
        tail: Tokens of the tail mention.
    """

    ids: tuple[int, ...]
    head_start: int
    tail_start: int
    head: Span
    tail: Span


def keeps_context(marking: str) -> bool:
    """Tell whether the scheme shows the encoder the words around the mentions."""
    return marking not in _WITHOUT_CONTEXT


def reveal(
    sentence: Sentence,
    *,
    instead: tuple[Sequence[int], Sequence[int]] | None = None,
    keep_context: bool = True,
) -> Sentence:
    """Leave out of a sentence what its marking scheme hides.

    Where mentions that share tokens are replaced, or stand without their context, one follows the other, so that
    nothing of a replaced mention shows.

    Args:
        sentence: The whole sentence.
        instead: Token ids in place of the head and of the tail; ``None`` keeps the mentions.
        keep_context: Whether tokens outside the mentions stay. Without them, the head comes first.
    """
    if instead is None and keep_context:
        return sentence
    ids, spans = sentence.ids, (sentence.head, sentence.tail)
    shown = instead or tuple(ids[start:end] for start, end in spans)
    if not keep_context:
        return _joined((), shown, (), (), first=0)
    first = min((0, 1), key=lambda role: (spans[role][0], -spans[role][1]))
    (low, gap), (resume, high) = spans[first], spans[1 - first]
    # where the mentions overlap, gap > resume and the slice between them is empty
    return _joined(ids[:low], shown, ids[gap:resume], ids[max(gap, high) :], first=first)


def blanked(sentence: Sentence, blanks: tuple[bool, bool], blank: Sequence[int]) -> Sentence:
    """Put a blank in place of mentions (Soares et al. 2019).

    Args:
        sentence: The sentence.
        blanks: Whether the head and the tail are blanked, see :func:`together`: of two mentions that share tokens, one
            that is shown would give the other away.
        blank: Token ids of the blank.
    """
    blanks = together(sentence, blanks)
    if not any(blanks):
        return sentence
    spans = sentence.head, sentence.tail
    shown = [
        blank if gone else sentence.ids[start:end] for gone, (start, end) in zip(blanks, spans, strict=True)
    ]
    return reveal(sentence, instead=(shown[0], shown[1]))


def together(sentence: Sentence, blanks: tuple[bool, bool]) -> tuple[bool, bool]:
    """Return which mentions are blanked: of two that share tokens both or neither, as the head has it."""
    share = sentence.head[0] < sentence.tail[1] and sentence.tail[0] < sentence.head[1]
    return (blanks[0], blanks[0]) if share else blanks


def _joined(
    before: Sequence[int],
    shown: Sequence[Sequence[int]],
    between: Sequence[int],
    after: Sequence[int],
    *,
    first: int,
) -> Sentence:
    left, right = shown[first], shown[1 - first]
    begin = len(before) + len(left) + len(between)
    spans = ((len(before), len(before) + len(left)), (begin, begin + len(right)))
    return Sentence([*before, *left, *between, *right, *after], spans[first], spans[1 - first])


def mark(sentence: Sentence, head_markers: Markers, tail_markers: Markers) -> Marked:
    """Put markers around the mentions of a sentence, which grows by exactly their length."""
    if not head_markers and not tail_markers:
        # all pairs of a sentence then share one tuple
        return Marked(tuple(sentence.ids), sentence.head[0], sentence.tail[0], sentence.head, sentence.tail)
    markers = (head_markers, tail_markers)
    edges: list[tuple[int, int, int, int]] = []
    for role, (start, end) in enumerate((sentence.head, sentence.tail)):
        width = end - start
        # at one place: what ends comes before what begins; the wider begins first and ends last
        edges += [(end, 0, width, role), (start, 1, -width, role)]
    out: list[int] = []
    starts, opened, closed = [0, 0], [0, 0], [0, 0]
    position = 0
    for place, begins, _, role in sorted(edges):
        out += sentence.ids[position:place]
        position = place
        if begins:
            starts[role] = len(out)
            out += markers[role].before
            opened[role] = len(out)
        else:
            closed[role] = len(out)
            out += markers[role].after
    out += sentence.ids[position:]
    head, tail = zip(opened, closed, strict=True)
    return Marked(tuple(out), starts[0], starts[1], head, tail)
