"""How the two entities are shown to the encoder: markers, types, blanks or prompts, on token ids.

Markers are inserted between tokens by offset, never by replacing strings, so nothing in a text can break them.

Sources of the schemes: entity markers (Soares et al. 2019; SelfORE eq. 1), the input formats C+M, C+T, OnlyC, OnlyM
and OnlyT (Peng et al. 2020, section 2.2), typed markers in words of the vocabulary (Zhou and Chen 2022), the
``[MASK]`` prompt (Genest et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]

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

#: Schemes that read the entity types.
TYPED = frozenset({"typed-markers", "C+T", "OnlyT"})
#: Schemes that leave the context out.
_WITHOUT_CONTEXT = frozenset({"OnlyM", "OnlyT"})


@dataclass(frozen=True, slots=True)
class Dressing:
    """What stands around, or in place of, one mention.

    Args:
        before: Token ids in front of the mention.
        after: Token ids behind it.
        instead: Token ids in place of the mention; ``None`` keeps it.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    instead: tuple[int, ...] | None = None

    def growth(self, span: Span) -> int:
        """Return by how many tokens dressing the mention at ``span`` lengthens the sentence."""
        replaced = 0 if self.instead is None else len(self.instead) - (span[1] - span[0])
        return len(self.before) + len(self.after) + replaced


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked sentence in token ids, and where its parts lie.

    Args:
        ids: Token ids without the tokenizer's own special tokens.
        head_start: Where the head's marker (or, unmarked, its first token) stands.
        tail_start: The same for the tail.
        head: Tokens of the head mention, ``[start, end)``.
        tail: Tokens of the tail mention.
    """

    ids: tuple[int, ...]
    head_start: int
    tail_start: int
    head: Span
    tail: Span


def dress(
    ids: Sequence[int],
    head: Span,
    tail: Span,
    head_dressing: Dressing,
    tail_dressing: Dressing,
    *,
    keep_context: bool = True,
) -> Marked:
    """Mark the head and the tail of a sentence.

    A mention inside the other keeps its place while mentions are kept; where the outer one is replaced, the inner
    one follows it, so that nothing of a replaced mention shows.

    Args:
        ids: Token ids of the sentence.
        head: Tokens of the head, ``[start, end)``.
        tail: Tokens of the tail.
        head_dressing: What the head gets.
        tail_dressing: What the tail gets.
        keep_context: Whether tokens outside the mentions stay.
    """
    roles = {"head": (head, head_dressing), "tail": (tail, tail_dressing)}
    if not keep_context:
        return _only_mentions(ids, roles)
    replaced = head_dressing.instead is not None or tail_dressing.instead is not None
    overlapping = head[0] < tail[1] and tail[0] < head[1]
    if replaced and overlapping:
        return _one_after_the_other(ids, roles)
    return _in_place(ids, roles)


def _in_place(ids: Sequence[int], roles: dict[str, tuple[Span, Dressing]]) -> Marked:
    insertions: list[tuple[int, int, int, str, str]] = []
    for role, (span, _) in roles.items():
        width = span[1] - span[0]
        # at one place: what ends comes before what begins; the wider begins first and ends last
        insertions.append((span[0], 1, -width, role, "open"))
        insertions.append((span[1], 0, width, role, "close"))
    insertions.sort()
    out: list[int] = []
    opened: dict[str, int] = {}
    starts: dict[str, int] = {}
    spans: dict[str, Span] = {}
    position = 0
    for place, _, _, role, event in insertions:
        span, dressing = roles[role]
        if event == "close" and dressing.instead is not None:
            out += dressing.instead
        else:
            out += ids[position:place]
        position = place
        if event == "open":
            starts[role] = len(out)
            out += dressing.before
            opened[role] = len(out)
        else:
            spans[role] = (opened[role], len(out))
            out += dressing.after
    out += ids[position:]
    return Marked(tuple(out), starts["head"], starts["tail"], spans["head"], spans["tail"])


def _one_after_the_other(ids: Sequence[int], roles: dict[str, tuple[Span, Dressing]]) -> Marked:
    low = min(span[0] for span, _ in roles.values())
    high = max(span[1] for span, _ in roles.values())
    order = sorted(roles, key=lambda role: (roles[role][0][0], -roles[role][0][1]))
    marked = _only_mentions(ids, {role: roles[role] for role in order})
    return _shifted(marked, tuple(ids[:low]), tuple(ids[high:]))


def _only_mentions(ids: Sequence[int], roles: dict[str, tuple[Span, Dressing]]) -> Marked:
    out: list[int] = []
    starts: dict[str, int] = {}
    spans: dict[str, Span] = {}
    for role, (span, dressing) in roles.items():
        starts[role] = len(out)
        out += dressing.before
        begin = len(out)
        out += ids[span[0] : span[1]] if dressing.instead is None else dressing.instead
        spans[role] = (begin, len(out))
        out += dressing.after
    return Marked(tuple(out), starts["head"], starts["tail"], spans["head"], spans["tail"])


def _shifted(marked: Marked, before: tuple[int, ...], after: tuple[int, ...]) -> Marked:
    by = len(before)
    return Marked(
        before + marked.ids + after,
        marked.head_start + by,
        marked.tail_start + by,
        (marked.head[0] + by, marked.head[1] + by),
        (marked.tail[0] + by, marked.tail[1] + by),
    )


def keeps_context(marking: str) -> bool:
    """Tell whether the scheme shows the encoder the words around the mentions."""
    return marking not in _WITHOUT_CONTEXT
