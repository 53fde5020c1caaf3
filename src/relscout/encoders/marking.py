"""Entity marking: mentions in tokens, and markers, types, blanks or prompts on token ids.

Markers are inserted between tokens by their place, never by replacing strings, so nothing in a text can break
them. A sentence is marked in two steps, and cut to length in between: :func:`reveal` leaves out what the scheme
hides, :func:`mark` puts the markers around what is left of the mentions.

Sources of the schemes: entity markers (Soares et al. 2019; SelfORE eq. 1), the input formats C+M, C+T, OnlyC,
OnlyM and OnlyT (Peng et al. 2020, section 2.2), typed markers in words of the vocabulary (Zhou and Chen 2022),
the ``[MASK]`` prompt (Genest et al. 2022).
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
    """Token ids without the tokenizer's own special tokens, and where the mentions lie in them.

    The spans are never empty. They may nest; where one token holds the end of one mention and the start of the
    other, they may also cross or be equal, although the mentions in the text do not.

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
        after: Token ids after it.
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
    """Return whether the scheme shows the encoder the words around the mentions."""
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


def excerpt(instance: RelationInstance, reach: int) -> tuple[str, Mention, Mention]:
    """Return the text up to ``reach`` characters around the mentions, and head and tail in it.

    Tokenising takes time for every character, also for those far outside the window.
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
    """Find the tokens of two mentions: all that share a character with them.

    A mention of which the tokenizer drops every character (control characters, lone combining marks) gets an
    unknown token at its place, so that no mention is without tokens.

    Args:
        ids: Token ids of the text.
        offsets: Characters ``[start, end)`` of each token; neither starts nor ends ever decrease.
        head: Mention of the head in the text.
        tail: Mention of the tail.
        unknown_id: Id of the unknown token.
    """
    mentions = (head, tail)
    spans = [_covering(offsets, mention) for mention in mentions]
    # the later one first: of two at the same place, the earlier in the text is then put in front of the other
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
    begins_behind = start > place or (start == place and end > start)
    return start + begins_behind, end + (end > place)


def fit(sentence: Sentence, budget: int) -> tuple[Sentence, str]:
    """Choose at most ``budget`` tokens that hold both mentions.

    The window moves so that both mentions stay with as much context on either side as fits. Where they stand too
    far apart, the middle between them is left out; only where both together are longer than the budget, the end
    of a mention is (of two nested mentions, tokens of the outer one).

    Args:
        sentence: The whole sentence.
        budget: Largest number of tokens, at least 2.

    Returns:
        The part that the encoder sees, and what was left out: ``""`` (nothing), ``"context"`` (words before or after
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
    # half for each, unless one mention needs more and the other can spare it
    room = sorted((budget // 2, widths[0], budget - widths[1]))[1]
    left = _centred(first, room, len(ids))
    right = _centred(second, budget - room, len(ids))
    kept = [*ids[left : left + room], *ids[right : right + budget - room]]
    spans = (
        (first[0] - left, min(first[1] - left, room)),
        (second[0] - right + room, min(second[1] - right + room, budget)),
    )
    head, tail = spans if sentence.head == first else spans[::-1]
    return Sentence(kept, head, tail), "mention" if sum(widths) > budget else "between"


def _overlapping(sentence: Sentence, budget: int) -> Sentence:
    """Keep the start of the first mention, followed by the start of the second one."""
    ids = sentence.ids
    head_first = (sentence.head[0], -sentence.head[1]) <= (sentence.tail[0], -sentence.tail[1])
    outer, inner = (sentence.head, sentence.tail) if head_first else (sentence.tail, sentence.head)
    room = min(inner[0] - outer[0], budget - min(inner[1] - inner[0], budget // 2))
    kept = [*ids[outer[0] : outer[0] + room], *ids[inner[0] : inner[0] + budget - room]]
    by = room - inner[0]
    spans = (0, min(outer[1] + by, budget)), (room, min(inner[1] + by, budget))
    head, tail = spans if head_first else spans[::-1]
    return Sentence(kept, head, tail)


def _centred(span: Span, room: int, length: int) -> int:
    """Return the start of a window of ``room`` tokens with a span, or the start of the span, in its middle."""
    slack = max(room - (span[1] - span[0]), 0)
    return min(max(span[0] - slack // 2, 0), length - room)


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by


#: The marker tokens and the blank, by the names that they get in a vocabulary without a place for them.
NAMES = ("[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]")
_WITHOUT_NEW_TOKENS = frozenset({"none", "typed-markers", "prompt"})
#: What stands for a type that is not known.
NO_TYPE = "entity"
#: Longest type in tokens, so that types never crowd the sentence out.
_TYPE_TOKENS = 4


def assign(marking: str, known: Mapping[str, int], n_embeddings: int) -> dict[str, int]:
    """Return the ids of the marker tokens that a scheme needs.

    Tokens that the vocabulary keeps free (``[unused0]``, …) serve where there are enough of them, and marker tokens
    of a saved encoder under their own names; elsewhere new ids start at ``n_embeddings``.

    Args:
        marking: The scheme.
        known: Token → id of the whole vocabulary.
        n_embeddings: Number of rows of the model's embedding matrix.
    """
    if marking in _WITHOUT_NEW_TOKENS:
        return {}
    if all(name in known for name in NAMES):
        return {name: known[name] for name in NAMES}
    unused = [known[f"[unused{i}]"] for i in range(len(NAMES)) if f"[unused{i}]" in known]
    free = unused if len(unused) == len(NAMES) else itertools.count(n_embeddings)
    return dict(zip(NAMES, free, strict=False))


class MarkerTokens:
    """Marker tokens of one scheme in one vocabulary.

    Args:
        marking: The scheme.
        ids: Ids of the marker tokens, as :func:`assign` gives them.
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
        """Return what stands around the head and around the tail."""
        if self._marking in ("none", "prompt"):
            return Markers(), Markers()
        if self._marking == "typed-markers":
            sign, head, tail = self._sign, self._type(instance.head.type), self._type(instance.tail.type)
            return (
                Markers(sign["@"] + sign["*"] + head + sign["*"], sign["@"]),
                Markers(sign["#"] + sign["^"] + tail + sign["^"], sign["#"]),
            )
        head_begins, head_ends, tail_begins, tail_ends, _ = self._ids.values()
        return Markers((head_begins,), (head_ends,)), Markers((tail_begins,), (tail_ends,))

    def instead(self, instance: RelationInstance) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return what stands in place of the head and of the tail; ``None`` where the mentions are shown."""
        if self._marking in TYPES_INSTEAD:
            return self._type(instance.head.type), self._type(instance.tail.type)
        if self._marking == "OnlyC":
            blank = (self._ids["[BLANK]"],)
            return blank, blank
        return None

    def _type(self, kind: str | None) -> tuple[int, ...]:
        if kind not in self._types:
            self._types[kind] = self._words(type_words(kind))[:_TYPE_TOKENS] or (self._unknown_id,)
        return self._types[kind]


def type_words(kind: str | None) -> str:
    """Return an entity type as words of a sentence; ``"entity"`` where it is not known."""
    return (kind or NO_TYPE).replace("_", " ").replace("-", " ").lower()
