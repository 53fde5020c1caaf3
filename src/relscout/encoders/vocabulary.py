"""The tokenizer with what marking needs: marker ids, type words, and text that cannot fake a special token."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relscout.encoders.marking import TYPED, Dressing, Marked, Span, dress, keeps_context
from relscout.encoders.window import fit
from relscout.errors import SettingError
from relscout.instances import Mention, RelationInstance

_MARKERS = ("[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]")
#: What stands for a type that is not known.
_NO_TYPE = "entity"
#: A sentence longer than this many characters is cut around its mentions before it is tokenised.
_CHARACTERS_PER_TOKEN = 40


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the transformer.

    Args:
        marked: The marked sentence; its places count from the first token that is not special.
        mask: Place of the prompt's mask token, or -1.
        lost: What did not fit (see :class:`relscout.encoders.window.Window`).
    """

    marked: Marked
    mask: int
    lost: str


class Vocabulary:
    """Turns relation instances into token ids.

    Args:
        tokenizer: A fast Hugging Face tokenizer.
        n_embeddings: Number of rows of the model's embedding matrix.
        marking: Marking scheme.
        max_length: Longest input in tokens, special tokens included.

    Raises:
        SettingError: The tokenizer has no offsets, or no mask token where the marking needs one.
    """

    def __init__(self, tokenizer: Any, n_embeddings: int, marking: str, max_length: int) -> None:
        if not tokenizer.is_fast:
            raise SettingError(
                f"{type(tokenizer).__name__} gives no character offsets; a fast tokenizer is needed"
            )
        if marking == "prompt" and tokenizer.mask_token_id is None:
            raise SettingError(
                f"marking 'prompt' needs a mask token, and {type(tokenizer).__name__} has none"
            )
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        # a sentence that contains "[SEP]" or "[MASK]" literally must not be read as special tokens
        self._backend.encode_special_tokens = True
        self._mask_id = tokenizer.mask_token_id
        self._unknown_id = (
            tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.pad_token_id
        )
        self.pad_id = tokenizer.pad_token_id or 0
        self.before, self.after = _around(self._backend.encode("a", add_special_tokens=True))
        self._room = max_length - len(self.before) - len(self.after)
        self._marking = marking
        self._type_ids: dict[str | None, tuple[int, ...]] = {}
        self.n_new_embeddings, self._marker_ids = self._assign_markers(tokenizer, n_embeddings)
        self._punctuation = {mark: self._words(mark) for mark in "@*#^."}

    def _assign_markers(self, tokenizer: Any, n_embeddings: int) -> tuple[int, dict[str, int]]:
        if self._marking in ("none", "typed-markers", "prompt"):
            return 0, {}
        known = tokenizer.get_vocab()
        unused = [known[f"[unused{i}]"] for i in range(len(_MARKERS)) if f"[unused{i}]" in known]
        if len(unused) == len(_MARKERS):
            return 0, dict(zip(_MARKERS, unused, strict=True))
        return len(_MARKERS), dict(zip(_MARKERS, itertools.count(n_embeddings)))

    def inputs(self, instances: Sequence[RelationInstance]) -> list[Input]:
        """Mark and tokenise instances."""
        cut = [self._shorten(instance) for instance in instances]
        encodings = self._backend.encode_batch([text for text, _, _ in cut], add_special_tokens=False)
        return [
            self._input(instance, encoding, head, tail, shortened=len(text) < len(instance.text))
            for instance, encoding, (text, head, tail) in zip(instances, encodings, cut, strict=True)
        ]

    def _shorten(self, instance: RelationInstance) -> tuple[str, Mention, Mention]:
        reach = self._room * _CHARACTERS_PER_TOKEN
        head, tail = instance.head, instance.tail
        start = max(min(head.start, tail.start) - reach, 0)
        end = max(head.end, tail.end) + reach
        if start == 0:
            return instance.text[:end], head, tail
        return (
            instance.text[start:end],
            Mention(head.start - start, head.end - start),
            Mention(tail.start - start, tail.end - start),
        )

    def _input(
        self, instance: RelationInstance, encoding: Any, head: Mention, tail: Mention, *, shortened: bool
    ) -> Input:
        ids, spans = self._with_mentions(encoding.ids, encoding.offsets, (head, tail))
        dressings = self._dressings(instance)
        prompt = self._prompt(ids, spans) if self._marking == "prompt" else ()
        growth = sum(dressing.growth(span) for dressing, span in zip(dressings, spans, strict=True))
        budget = max(self._room - len(prompt) - max(growth, 0), 2)
        window = fit(ids, *spans, budget)
        marked = dress(
            window.ids, window.head, window.tail, *dressings, keep_context=keeps_context(self._marking)
        )
        mask = -1
        if prompt:
            mask = len(marked.ids) + prompt.index(self._mask_id)
            marked = Marked(
                marked.ids + prompt, marked.head_start, marked.tail_start, marked.head, marked.tail
            )
        return Input(marked, mask, window.lost or ("context" if shortened else ""))

    def _with_mentions(
        self, ids: list[int], offsets: list[tuple[int, int]], mentions: tuple[Mention, Mention]
    ) -> tuple[list[int], tuple[Span, Span]]:
        spans = [_covering(offsets, mention) for mention in mentions]
        for side in (0, 1):
            start, end = spans[side]
            if start == end:  # the tokenizer knows none of the mention's characters
                ids = [*ids[:start], self._unknown_id, *ids[start:]]
                spans[side] = (start, start + 1)
                other = spans[1 - side]
                if other[0] >= start and other != (start, start):
                    spans[1 - side] = (other[0] + 1, other[1] + 1)
                elif other[1] > start:
                    spans[1 - side] = (other[0], other[1] + 1)
        return ids, (spans[0], spans[1])

    def _dressings(self, instance: RelationInstance) -> tuple[Dressing, Dressing]:
        if self._marking in ("none", "prompt"):
            return Dressing(), Dressing()
        types = [self._type(mention.type) for mention in (instance.head, instance.tail)]
        if self._marking == "typed-markers":
            mark = self._punctuation
            return (
                Dressing(mark["@"] + mark["*"] + types[0] + mark["*"], mark["@"]),
                Dressing(mark["#"] + mark["^"] + types[1] + mark["^"], mark["#"]),
            )
        ids = [self._marker_ids[name] for name in _MARKERS]
        blank = (ids[4],) if self._marking == "OnlyC" else None
        instead = [kind if self._marking in TYPED else blank for kind in types]
        return Dressing((ids[0],), (ids[1],), instead[0]), Dressing((ids[2],), (ids[3],), instead[1])

    def _type(self, kind: str | None) -> tuple[int, ...]:
        if kind not in self._type_ids:
            words = (kind or _NO_TYPE).replace("_", " ").replace("-", " ").lower()
            self._type_ids[kind] = self._words(words)[:4] or (self._unknown_id,)
        return self._type_ids[kind]

    def _prompt(self, ids: list[int], spans: tuple[Span, Span]) -> tuple[int, ...]:
        longest = max(self._room // 6, 1)
        head, tail = (tuple(ids[start:end])[:longest] for start, end in spans)
        return (*head, self._mask_id, *tail, *self._punctuation["."])

    def _words(self, text: str) -> tuple[int, ...]:
        return tuple(self._backend.encode(text, add_special_tokens=False).ids)


def _around(encoding: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens that the tokenizer puts before and after a text."""
    of_text = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    return tuple(encoding.ids[: of_text[0]]), tuple(encoding.ids[of_text[-1] + 1 :])


def _covering(offsets: list[tuple[int, int]], mention: Mention) -> Span:
    """Return the tokens that share characters with a mention; an empty span at its place if there are none."""
    first = 0
    while first < len(offsets) and offsets[first][1] <= mention.start:
        first += 1
    end = first
    while end < len(offsets) and offsets[end][0] < mention.end:
        end += 1
    return first, end
