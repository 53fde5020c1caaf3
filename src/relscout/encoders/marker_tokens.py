"""Which tokens of a vocabulary serve as markers, blanks and types."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from relscout.encoders.marking import TYPES_INSTEAD, Markers
from relscout.instances import RelationInstance

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
