"""Entity marking: mentions in tokens, and markers, types, blanks or prompts on token ids.

Markers are inserted between tokens by position, never by replacing strings, so no text can break them. A sentence is
marked in two steps, and cut to length in between: :func:`reveal` leaves out what the scheme hides, :func:`mark` adds
markers around the mentions.

Sources of the schemes: entity markers (Soares et al. 2019; SelfORE eq. 1), the input formats C+M, C+T, OnlyC,
OnlyM and OnlyT (Peng et al. 2020, section 2.2), typed markers in words of the vocabulary (Zhou and Chen 2022), tokens
that are the entity types (Zhang and Chen 2023, eq. 1), the ``[MASK]`` prompt (Genest et al. 2022).
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from relscout.core.instances import Mention, RelationInstance

#: Tokens ``[start, end)``.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Token ids without the tokenizer's own special tokens, and the spans of the mentions.

    The spans are never empty. They may nest. If a token contains the end of a mention and the start of the other, they
    may also cross or be equal, although the mentions in the text do not.

    Args:
        ids: Token ids.
        head: Tokens of the head mention.
        tail: Tokens of the tail mention.
    """

    ids: Sequence[int]
    head: Span
    tail: Span


#: Scheme → what it shows the encoder.
MARKINGS: dict[str, str] = {
    "none": "the plain sentence",
    "markers": "four marker tokens around the mentions",
    "typed-markers": "punctuation markers with the entity type in words, as in '@ * person * Marie Curie @'",
    "type-tokens": "a marker token before and after each mention for every entity type, apart for head and tail",
    "prompt": "the plain sentence, then 'HEAD [MASK] TAIL .'",
    "C+M": "context and mentions: the same as 'markers'",
    "C+T": "context and types: each mention replaced by its entity type, between markers",
    "OnlyC": "only context: each mention replaced by a blank, between markers",
    "OnlyC-roles": "only context: the mentions replaced by the tokens [SUBJ] and [OBJ], between markers",
    "OnlyM": "only mentions: the context left out",
    "OnlyT": "only types: the context left out and each mention replaced by its entity type",
}

#: Schemes that show the entity types in place of the mentions.
TYPES_INSTEAD = frozenset({"C+T", "OnlyT"})
#: The scheme that shows roles in place of the mentions.
ROLES_INSTEAD = "OnlyC-roles"
#: Schemes that leave the context out.
_WITHOUT_CONTEXT = frozenset({"OnlyM", "OnlyT"})


@dataclass(frozen=True, slots=True)
class Markers:
    """The markers around a mention.

    Args:
        before: Token ids before it.
        after: Token ids after it.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


@dataclass(frozen=True, slots=True)
class Marked:
    """The token ids of a marked sentence, and the positions of its parts.

    Args:
        ids: Token ids without the tokenizer's own special tokens.
        head_start: Position of the head's first marker, or of its first token if it has no marker.
        tail_start: The same for the tail.
        head: Tokens of the head mention or of its replacement, without its own markers. If it contains the other
            mention, it includes the markers of the latter.
        tail: Tokens of the tail mention.
    """

    ids: tuple[int, ...]
    head_start: int
    tail_start: int
    head: Span
    tail: Span


def keeps_context(marking: str) -> bool:
    """Return whether the scheme keeps the words around the mentions."""
    return marking not in _WITHOUT_CONTEXT


def reveal(
    sentence: Sentence,
    *,
    instead: tuple[Sequence[int], Sequence[int]] | None = None,
    keep_context: bool = True,
) -> Sentence:
    """Return a sentence without what its marking scheme hides.

    Mentions that share tokens are placed one after the other if they are replaced or the context is left out, so that
    no token of a replaced mention remains.

    Args:
        sentence: The whole sentence.
        instead: Token ids that replace the head and the tail; ``None`` keeps the mentions.
        keep_context: Whether to keep tokens outside the mentions. Without them, the head comes first.
    """
    if instead is None and keep_context:
        return sentence
    ids, spans = sentence.ids, (sentence.head, sentence.tail)
    shown = instead or tuple(ids[start:end] for start, end in spans)
    if not keep_context:
        return _joined((), shown, (), (), first=0)
    first = min((0, 1), key=lambda role: (spans[role][0], -spans[role][1]))
    (low, gap), (resume, high) = spans[first], spans[1 - first]
    # if the mentions overlap, gap > resume and the slice between them is empty
    return _joined(ids[:low], shown, ids[gap:resume], ids[max(gap, high) :], first=first)


def blanked(sentence: Sentence, blanks: tuple[bool, bool], blank: Sequence[int]) -> Sentence:
    """Replace mentions by a blank (Soares et al. 2019).

    Args:
        sentence: The sentence.
        blanks: Whether the head and the tail are blanked, see :func:`together`: if two mentions share tokens, a mention
            that stays would reveal the other.
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
    """Return which mentions are blanked. If they share tokens, ``blanks`` of the head decides for both."""
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
    """Return a sentence with markers around its mentions; it grows by exactly the number of marker tokens."""
    if not head_markers and not tail_markers:
        # all pairs of a sentence then share one tuple
        return Marked(tuple(sentence.ids), sentence.head[0], sentence.tail[0], sentence.head, sentence.tail)
    markers = (head_markers, tail_markers)
    edges: list[tuple[int, int, int, int]] = []
    for role, (start, end) in enumerate((sentence.head, sentence.tail)):
        width = end - start
        # at the same position, ends precede begins; the wider mention begins first and ends last
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


def excerpt(instance: RelationInstance, reach: int) -> tuple[str, Mention, Mention]:
    """Return the text up to ``reach`` characters around the mentions, with the offsets of head and tail in it.

    It saves the time to tokenise characters far outside the window.
    """
    head, tail = instance.head, instance.tail
    start = max(min(head.start, tail.start) - reach, 0)
    text = instance.text[start : max(head.end, tail.end) + reach]
    if start == 0:
        return text, head, tail
    return text, Mention(head.start - start, head.end - start), Mention(tail.start - start, tail.end - start)


def align(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], head: Mention, tail: Mention, *, unknown_id: int
) -> Sentence:
    """Return the tokens of a sentence and of its two mentions: all tokens that share a character with a mention.

    If the tokenizer drops every character of a mention (control characters, lone combining marks), an unknown token is
    inserted at its position, so that every mention has a token.

    Args:
        ids: Token ids of the text.
        offsets: Characters ``[start, end)`` of each token; starts and ends never decrease.
        head: Mention of the head in the text.
        tail: Mention of the tail.
        unknown_id: Id of the unknown token.
    """
    mentions = (head, tail)
    spans = [_covering(offsets, mention) for mention in mentions]
    # the later mention first: at the same position, the earlier one is then inserted before it
    for role in sorted((0, 1), key=lambda role: mentions[role].start, reverse=True):
        place, end = spans[role]
        if place == end:
            ids = [*ids[:place], unknown_id, *ids[place:]]
            spans[1 - role] = _after_insertion(spans[1 - role], place)
            spans[role] = (place, place + 1)
    return Sentence(ids, spans[0], spans[1])


def _covering(offsets: Sequence[tuple[int, int]], mention: Mention) -> Span:
    """Return the tokens that share characters with a mention; an empty span at its place if there are none."""
    first = bisect_right(offsets, mention.start, key=itemgetter(1))
    return first, bisect_left(offsets, mention.end, lo=first, key=itemgetter(0))


def _after_insertion(span: Span, place: int) -> Span:
    start, end = span
    begins_after = start > place or (start == place and end > start)
    return start + begins_after, end + (end > place)


def fit(sentence: Sentence, budget: int) -> tuple[Sentence, str]:
    """Return at most ``budget`` tokens of a sentence that contain both mentions.

    Both mentions stay, with as much context on either side as fits. If they are too far apart, tokens between them are
    left out. Only if both together exceed the budget, the end of a mention is cut (of nested mentions, tokens of the
    outer one).

    Args:
        sentence: The whole sentence.
        budget: Largest number of tokens, at least 2.

    Returns:
        The part that the encoder reads, and what was left out: ``""`` (nothing), ``"context"`` (words before or after
        both mentions), ``"between"`` (words between the mentions) or ``"mention"`` (part of a mention).
    """
    ids, head, tail = sentence.ids, sentence.head, sentence.tail
    if len(ids) <= budget:
        return sentence, ""
    low, high = min(head[0], tail[0]), max(head[1], tail[1])
    if high - low <= budget:
        start = _centred((low, high), budget, len(ids))
        return Sentence(ids[start : start + budget], _moved(head, -start), _moved(tail, -start)), "context"
    if head[0] < tail[1] and tail[0] < head[1]:
        return _overlapping(sentence, budget), "mention"
    return _apart(sentence, budget)


def _apart(sentence: Sentence, budget: int) -> tuple[Sentence, str]:
    ids = sentence.ids
    first, second = sorted((sentence.head, sentence.tail))
    widths = first[1] - first[0], second[1] - second[0]
    # half for each, unless a mention needs more and the other needs less
    share = sorted((budget // 2, widths[0], budget - widths[1]))[1]
    left = _centred(first, share, len(ids))
    right = _centred(second, budget - share, len(ids))
    kept = [*ids[left : left + share], *ids[right : right + budget - share]]
    spans = (
        (first[0] - left, min(first[1] - left, share)),
        (second[0] - right + share, min(second[1] - right + share, budget)),
    )
    head, tail = spans if sentence.head == first else spans[::-1]
    return Sentence(kept, head, tail), "mention" if sum(widths) > budget else "between"


def _overlapping(sentence: Sentence, budget: int) -> Sentence:
    """Return the start of the first mention, followed by the start of the second one."""
    ids = sentence.ids
    head_first = (sentence.head[0], -sentence.head[1]) <= (sentence.tail[0], -sentence.tail[1])
    outer, inner = (sentence.head, sentence.tail) if head_first else (sentence.tail, sentence.head)
    share = min(inner[0] - outer[0], budget - min(inner[1] - inner[0], budget // 2))
    kept = [*ids[outer[0] : outer[0] + share], *ids[inner[0] : inner[0] + budget - share]]
    by = share - inner[0]
    spans = (0, min(outer[1] + by, budget)), (share, min(inner[1] + by, budget))
    head, tail = spans if head_first else spans[::-1]
    return Sentence(kept, head, tail)


def _centred(span: Span, width: int, length: int) -> int:
    """Return the start of a window of ``width`` tokens with a span in its middle, or from the start of a wider span."""
    slack = max(width - (span[1] - span[0]), 0)
    return min(max(span[0] - slack // 2, 0), length - width)


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by


#: The marker tokens and the blank, by their names in a vocabulary that has no unused tokens.
NAMES = ("[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]")
#: Tokens that replace the head and the tail (Peng et al. 2020, section 2.2).
ROLES = ("[SUBJ]", "[OBJ]")
#: The scheme whose marker tokens are the entity types.
TYPE_TOKENS = "type-tokens"
_WITHOUT_NEW_TOKENS = frozenset({"none", "typed-markers", "prompt"})
#: Word for an unknown type.
NO_TYPE = "entity"
#: Largest number of tokens of a type, so that types leave space for the sentence.
_TYPE_TOKENS = 4


def marker_names(kind: str | None) -> tuple[str, str, str, str]:
    """Return the names of the tokens around a head and around a tail of an entity type; ``None`` for no known type."""
    begin_head, end_head, begin_tail, end_tail, _ = NAMES
    if kind is None:
        return begin_head, end_head, begin_tail, end_tail
    return f"[E1 {kind}]", f"[/E1 {kind}]", f"[E2 {kind}]", f"[/E2 {kind}]"


def type_token(kind: str) -> str:
    """Return the name of the token that replaces a mention of an entity type (Peng et al. 2020: ``[person]``)."""
    return f"[TYPE {kind}]"


def assign(
    marking: str, known: Mapping[str, int], n_embeddings: int, types: Sequence[str] = ()
) -> dict[str, int]:
    """Return the ids of the marker tokens that a scheme needs.

    Marker tokens of a saved encoder have their own names. Otherwise, unused tokens of the vocabulary (``[unused0]``, …)
    are used if there are enough. If not, new ids start at ``n_embeddings``. Tokens of entity types and roles are never
    unused tokens.

    Args:
        marking: The scheme.
        known: Token → id of the whole vocabulary.
        n_embeddings: Number of rows of the model's embedding matrix.
        types: Entity types with tokens of their own, for ``type-tokens``, ``C+T`` and ``OnlyT``; their order does not
            matter.
    """
    if marking in _WITHOUT_NEW_TOKENS:
        return {}
    new = itertools.count(n_embeddings)
    if marking == TYPE_TOKENS:
        names = [name for kind in (None, *sorted(types)) for name in marker_names(kind)]
        return {name: known[name] if name in known else next(new) for name in names}
    unused = [known[f"[unused{i}]"] for i in range(len(NAMES)) if f"[unused{i}]" in known]
    if all(name in known for name in NAMES):
        unused = [known[name] for name in NAMES]
    ids = dict(zip(NAMES, unused if len(unused) == len(NAMES) else new, strict=False))
    instead = ROLES if marking == ROLES_INSTEAD else ()
    if marking in TYPES_INSTEAD:
        instead = tuple(map(type_token, sorted(types)))
    return ids | {name: known[name] if name in known else next(new) for name in instead}


class MarkerTokens:
    """Marker tokens of one scheme in one vocabulary.

    Args:
        marking: The scheme.
        ids: Ids of the marker tokens, see :func:`assign`.
        words: Turns words into token ids.
        unknown_id: Id of the unknown token, for types that the tokenizer drops.
    """

    def __init__(
        self,
        marking: str,
        ids: Mapping[str, int],
        *,
        words: Callable[[str], tuple[int, ...]],
        unknown_id: int,
    ) -> None:
        self._marking = marking
        self._ids = ids
        self._words = words
        self._unknown_id = unknown_id
        self._sign = {sign: words(sign) for sign in "@*#^"}
        self._types: dict[str | None, tuple[int, ...]] = {}

    def around(self, instance: RelationInstance) -> tuple[Markers, Markers]:
        """Return the markers around the head and around the tail."""
        if self._marking in ("none", "prompt"):
            return Markers(), Markers()
        if self._marking == "typed-markers":
            sign, head, tail = (
                self._sign,
                self.type_ids(instance.head.type),
                self.type_ids(instance.tail.type),
            )
            return (
                Markers(sign["@"] + sign["*"] + head + sign["*"], sign["@"]),
                Markers(sign["#"] + sign["^"] + tail + sign["^"], sign["#"]),
            )
        types = instance.type_pair if self._marking == TYPE_TOKENS else (None, None)
        names = [marker_names(kind if self.has_tokens(kind) else None) for kind in types]
        (head_begins, head_ends, _, _), (_, _, tail_begins, tail_ends) = names
        return (
            Markers((self._ids[head_begins],), (self._ids[head_ends],)),
            Markers((self._ids[tail_begins],), (self._ids[tail_ends],)),
        )

    def has_tokens(self, kind: str | None) -> bool:
        """Return whether an entity type has tokens of its own."""
        return kind is not None and bool({marker_names(kind)[0], type_token(kind)} & self._ids.keys())

    def hides_type(self, instance: RelationInstance) -> bool:
        """Return whether a mention has a type that has no token, in a scheme with tokens of types."""
        return self._shows_type_tokens and any(
            kind is not None and not self.has_tokens(kind) for kind in instance.type_pair
        )

    def instead(self, instance: RelationInstance) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return the token ids that replace the head and the tail; ``None`` if the mentions stay."""
        if self._marking in TYPES_INSTEAD:
            return self._in_place(instance.head.type), self._in_place(instance.tail.type)
        if self._marking == ROLES_INSTEAD:
            head, tail = (self._ids[name] for name in ROLES)
            return (head,), (tail,)
        if self._marking == "OnlyC":
            blank = (self._ids["[BLANK]"],)
            return blank, blank
        return None

    @property
    def _shows_type_tokens(self) -> bool:
        in_place = self._marking in TYPES_INSTEAD and len(self._ids) > len(NAMES)
        return self._marking == TYPE_TOKENS or in_place

    def _in_place(self, kind: str | None) -> tuple[int, ...]:
        """Return the token ids that replace a mention: the token of its type, or without one the type in words."""
        if not self._shows_type_tokens:
            return self.type_ids(kind)
        return (self._ids[type_token(kind)],) if kind and self.has_tokens(kind) else self.type_ids(None)

    def type_ids(self, kind: str | None) -> tuple[int, ...]:
        """Return the token ids of an entity type in words, at least one and at most four."""
        if kind not in self._types:
            self._types[kind] = self._words(type_words(kind))[:_TYPE_TOKENS] or (self._unknown_id,)
        return self._types[kind]


def type_words(kind: str | None) -> str:
    """Return an entity type as words of a sentence; ``"entity"`` if it is unknown."""
    return (kind or NO_TYPE).replace("_", " ").replace("-", " ").lower()
