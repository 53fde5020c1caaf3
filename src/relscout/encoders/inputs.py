"""From instances to batches of token ids: tokenise, mark, cut to length, and batch by similar length.

Text cannot imitate a special token or a marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.cache import instance_key, sentence_key
from relscout.encoders.marking import (
    ROLES,
    TYPE_TOKENS,
    Marked,
    Markers,
    MarkerTokens,
    Sentence,
    align,
    assign,
    blanked,
    excerpt,
    fit,
    keeps_context,
    mark,
    marker_names,
    reveal,
    type_token,
)
from relscout.encoders.pooling import Places, type_codes

if TYPE_CHECKING:
    import torch


#: Text that is farther from the mentions than this many characters per token of the input is cut off before tokenising.
_CHARACTERS_PER_TOKEN = 40
#: Number of characters of a text in which unknown tokens are counted.
_COUNTED_CHARACTERS = 2000
#: Most texts in which unknown tokens are counted.
_COUNTED_TEXTS = 500
#: Half a character, which JSON can escape and tokenizers refuse.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the transformer.

    Args:
        marked: The marked sentence; its positions count from the first token that is not special.
        mask: Position of the prompt's mask token, or -1.
        lost: What was cut (see :func:`relscout.encoders.marking.fit`), or else ``"type"`` if a type has no token.
        types: Codes of the entity types, see :func:`relscout.encoders.pooling.type_codes`.
    """

    marked: Marked
    mask: int
    lost: str
    types: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """The part of the marking that depends on the entity types of an instance.

    Args:
        markers: Markers around the head and around the tail.
        instead: Token ids that replace the head and the tail; ``None`` if the mentions stay.
        types: Codes of the entity types, see :func:`relscout.encoders.pooling.type_codes`.
        lost: ``"type"`` if an entity type should have a token and has none, else ``""``.
    """

    markers: tuple[Markers, Markers]
    instead: tuple[tuple[int, ...], tuple[int, ...]] | None
    types: tuple[int, int, int, int]
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A tokenised instance, cut to length and not yet marked.

    Args:
        window: The part of the sentence that fits.
        look: Index of its :class:`Look` in :attr:`Vocabulary.looks`.
        lost: As in :class:`Input`.
    """

    window: Sentence
    look: int
    lost: str


class Vocabulary:
    """Turns relation instances into token ids.

    Args:
        tokenizer: A fast Hugging Face tokenizer; its truncation and padding are switched off.
        n_embeddings: Number of rows of the model's embedding matrix.
        marking: Marking scheme.
        max_length: Longest input in tokens, special tokens included.
        types: Entity types with tokens of their own, for the schemes ``type-tokens``, ``C+T`` and ``OnlyT``; others
            ignore them.

    Attributes:
        before: Special tokens that the tokenizer adds before a text.
        after: Special tokens that it adds after a text.
        overhead: Number of all these special tokens.
        pad_id: Id of the padding token.
        new_tokens: Names of the marker tokens that the model does not know, in the order of their ids, which start at
            ``n_embeddings``.
        words_of_new: For each of these, the token ids of the words that its embedding is initialised from; empty if
            there are none.
        n_new_embeddings: Their number.
        n_tokens: Number of ids; all are below it.
        reserved: Ids of markers and of the mask token, which text never yields.
        mask_id: Id of the mask token; ``None`` if there is none.
        blank: Token ids of a blanked mention: ``[BLANK]``, or, if the marking has none, the mask or unknown token.
        looks: A :class:`Look` for each pair of entity types that has occurred.

    Raises:
        SettingError: The tokenizer has no offsets, lacks the mask token that the marking needs, or has more tokens than
            the model has embeddings; or the marking ``type-tokens`` has no types.
    """

    def __init__(
        self,
        tokenizer: Any,
        n_embeddings: int,
        marking: str,
        max_length: int,
        types: Sequence[str] = (),
    ) -> None:
        _check(tokenizer, n_embeddings, marking, types)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        # a sentence that contains "[SEP]" or "[MASK]" literally must not be read as special tokens
        self._backend.encode_special_tokens = True
        self.pad_id: int = tokenizer.pad_token_id or 0
        self._no_unknown = tokenizer.unk_token_id is None
        self._unknown_id = self.pad_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        self.mask_id = tokenizer.mask_token_id
        self.before, self.after = _around(self._backend.encode("a", add_special_tokens=True))
        self._max_length = max_length
        self.overhead = len(self.before) + len(self.after)
        self._space = max_length - self.overhead
        self._marking = marking
        ids = assign(marking, tokenizer.get_vocab(), n_embeddings, types)
        self.new_tokens = [name for name, token in ids.items() if token >= n_embeddings]
        self.n_new_embeddings = len(self.new_tokens)
        self.n_tokens = n_embeddings + self.n_new_embeddings
        self._tokens = MarkerTokens(marking, ids, words=self._words, unknown_id=self._unknown_id)
        words = {
            name: self._tokens.type_ids(kind)
            for kind in ((None, *types) if marking == TYPE_TOKENS else ())
            for name in marker_names(kind)
        }
        words |= {type_token(kind): self._tokens.type_ids(kind) for kind in types}
        words |= {name: self._words(word) for name, word in zip(ROLES, ("subject", "object"), strict=True)}
        self.words_of_new = [words.get(name, ()) for name in self.new_tokens]
        self.reserved = {*ids.values(), self.mask_id}
        no_blank = self._unknown_id if self.mask_id is None else self.mask_id
        self.blank: tuple[int, ...] = (ids.get("[BLANK]", no_blank),)
        self.looks: list[Look] = []
        self._look_of: dict[tuple[str | None, str | None], int] = {}
        self._full_stop = self._words(".")

    def inputs(self, instances: Sequence[RelationInstance]) -> list[Input]:
        """Mark and tokenise instances.

        Raises:
            SettingError: The maximum length has no space for both entities and the markers.
        """
        return [self.shown(fitted) for fitted in self.fitted(instances)]

    def fitted(self, instances: Sequence[RelationInstance]) -> list[Fitted]:
        """Tokenise instances and cut them to length. They can then be marked repeatedly, see :meth:`shown`.

        Raises:
            SettingError: The maximum length has no space for both entities and the markers.
        """
        reach = self._space * _CHARACTERS_PER_TOKEN
        cut = [excerpt(instance, reach) for instance in instances]
        texts = [_LONE_SURROGATE.sub("\ufffd", text) for text, _, _ in cut]
        tokenized = self._tokenized(texts)
        return [
            self._fitted(instance, *tokenized[text], head, tail, shortened=len(shown) < len(instance.text))
            for instance, text, (shown, head, tail) in zip(instances, texts, cut, strict=True)
        ]

    def unknown_share(self, texts: Sequence[str], *, most: int = _COUNTED_TEXTS) -> float:
        """Return the share of texts that is unknown, in [0, 1]: the mean over the texts; 0 if there are no tokens.

        Of each text, it is the share of unknown tokens, or that of the characters in them if that is larger, as where a
        sentence without blanks is one token. Long texts count no more than short ones.

        Args:
            texts: The texts.
            most: Largest number of distinct texts that are tokenised; the choice does not depend on their order.
        """
        return joined_unknown_share([self.unknown_shares(texts, most=most)], most=most)

    def unknown_shares(self, texts: Sequence[str], *, most: int = 500) -> dict[str, float | None]:
        """Return the sample of :meth:`unknown_share`: hash of each text → its share, in ascending order of the hashes.

        The share is ``None`` for a text without tokens. :func:`joined_unknown_share` joins the samples of the parts of
        a corpus.

        Args:
            texts: The texts.
            most: Largest number of distinct texts in the sample.
        """
        if self._no_unknown:
            return {}
        sample = text_sample(texts, most=most)
        readable = {text: _LONE_SURROGATE.sub("\ufffd", text) for text in sample}
        tokenized = self._tokenized(list(readable.values()))
        shares: dict[str, float | None] = {}
        for text in sample:
            ids, offsets = tokenized[readable[text]]
            share = None
            if ids:
                unknown = [token == self._unknown_id for token in ids]
                lengths = [end - start for start, end in offsets]
                of_characters = sum(compress(lengths, unknown)) / max(sum(lengths), 1)
                share = max(sum(unknown) / len(unknown), of_characters)
            shares[_digest(text).hex()] = share
        return shares

    def _tokenized(self, texts: Sequence[str]) -> dict[str, tuple[tuple[int, ...], list[tuple[int, int]]]]:
        """Return the token ids of each distinct text, and the characters of each token."""
        distinct = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch(distinct, add_special_tokens=False)
        return {
            text: (self._without_reserved(encoding.ids), encoding.offsets)
            for text, encoding in zip(distinct, encodings, strict=True)
        }

    def shown(self, fitted: Fitted, *, blanks: tuple[bool, bool] = (False, False)) -> Input:
        """Mark an instance that :meth:`fitted` returned.

        Args:
            fitted: The instance.
            blanks: Whether the head and the tail are blanked; mentions that share tokens are blanked together.
        """
        look = self.looks[fitted.look]
        window = blanked(fitted.window, blanks, self.blank)
        marked = mark(window, *look.markers)
        prompt, place, _ = self._prompt(window)
        mask = len(marked.ids) + place if prompt else -1
        if prompt:
            marked = Marked(
                marked.ids + prompt, marked.head_start, marked.tail_start, marked.head, marked.tail
            )
        return Input(marked, mask, fitted.lost, look.types)

    def _fitted(
        self,
        instance: RelationInstance,
        ids: Sequence[int],
        offsets: Sequence[tuple[int, int]],
        head: Mention,
        tail: Mention,
        *,
        shortened: bool,
    ) -> Fitted:
        sentence = align(ids, offsets, head, tail, unknown_id=self._unknown_id)
        place = self._look(instance)
        look = self.looks[place]
        prompt, _, lost_in_prompt = self._prompt(sentence)
        keep_context = keeps_context(self._marking)
        shown = reveal(sentence, instead=look.instead, keep_context=keep_context)
        window, lost = fit(shown, self._budget(sum(map(len, look.markers)) + len(prompt)))
        lost = lost_in_prompt or lost or ("context" if shortened and keep_context else "") or look.lost
        return Fitted(window, place, lost)

    def _look(self, instance: RelationInstance) -> int:
        pair = instance.type_pair
        if pair not in self._look_of:
            codes = type_codes(*pair)
            self._look_of[pair] = len(self.looks)
            lost = "type" if self._tokens.hides_type(instance) else ""
            around, instead = self._tokens.around(instance), self._tokens.instead(instance)
            self.looks.append(Look(around, instead, codes, lost))
        return self._look_of[pair]

    def _without_reserved(self, ids: list[int]) -> tuple[int, ...]:
        # some tokenizers turn a literal "[unused0]" into that token
        if self.reserved.isdisjoint(ids):
            return tuple(ids)
        return tuple(self._unknown_id if token in self.reserved else token for token in ids)

    def _budget(self, taken: int) -> int:
        if self._space - taken < 2:
            raise SettingError(
                f"max_length is {self._max_length}, but marking {self._marking!r} takes {taken} tokens and the "
                f"tokenizer {self.overhead}; that leaves none for the entities: give a longer max_length"
            )
        return self._space - taken

    def _prompt(self, sentence: Sentence) -> tuple[tuple[int, ...], int, str]:
        """Return the prompt after the sentence, the position of its mask, and what was cut from the mentions."""
        if self._marking != "prompt":
            return (), -1, ""
        longest = max(self._space // 6, 1)
        head, tail = (tuple(sentence.ids[start:end]) for start, end in (sentence.head, sentence.tail))
        prompt = (*head[:longest], self.mask_id, *tail[:longest], *self._full_stop)
        # a blanked head may be a mask, too, so the position follows from the head's length
        return prompt, len(head[:longest]), "mention" if max(len(head), len(tail)) > longest else ""

    def _words(self, text: str) -> tuple[int, ...]:
        return tuple(self._backend.encode(_LONE_SURROGATE.sub("\ufffd", text), add_special_tokens=False).ids)


def joined_unknown_share(samples: Iterable[Mapping[str, float | None]], *, most: int = 500) -> float:
    """Return the share of texts that is unknown, in [0, 1], as :meth:`Vocabulary.unknown_share` does for all parts.

    Args:
        samples: What :meth:`Vocabulary.unknown_shares` returned for each part of the texts.
        most: Largest number of distinct texts that count.
    """
    lowest: dict[str, float | None] = {}
    for sample in samples:
        lowest = dict(sorted({**lowest, **sample}.items())[:most])
    shares = [share for share in lowest.values() if share is not None]
    return sum(shares) / len(shares) if shares else 0.0


def text_sample(texts: Iterable[str], *, most: int = _COUNTED_TEXTS) -> list[str]:
    """Return the beginnings of some distinct texts; the choice does not depend on the order, and few are in memory."""
    kept: set[str] = set()
    for text in texts:
        kept.add(text[:_COUNTED_CHARACTERS])
        if len(kept) >= 4 * most:
            kept = set(sorted(kept, key=_digest)[:most])
    return sorted(kept, key=_digest)[:most]


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _check(tokenizer: Any, n_embeddings: int, marking: str, types: Sequence[str]) -> None:
    name = type(tokenizer).__name__
    if marking == TYPE_TOKENS and not types:
        raise SettingError(
            f"marking {TYPE_TOKENS!r} has a token for each entity type, and no type is listed; list those of your data "
            "in the encoder's setting types, such as types: [PERSON, LOCATION]"
        )
    if not tokenizer.is_fast:
        raise SettingError(f"{name} gives no character offsets; a fast tokenizer is needed")
    if marking == "prompt" and tokenizer.mask_token_id is None:
        raise SettingError(f"marking 'prompt' needs a mask token, and {name} has none")
    highest = max(tokenizer.get_vocab().values())
    if highest >= n_embeddings:
        raise SettingError(
            f"the tokenizer has tokens up to id {highest}, but the model only {n_embeddings} embeddings; "
            "they do not belong together"
        )


def _around(encoding: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens that the tokenizer adds before and after a text."""
    of_text = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    return tuple(encoding.ids[: of_text[0]]), tuple(encoding.ids[of_text[-1] + 1 :])


_SHARD = 8192


def rows_by_content(instances: Sequence[RelationInstance]) -> dict[bytes, list[int]]:
    """Return the rows of each content, by its key. Instances with the same content are encoded once."""
    rows: dict[bytes, list[int]] = {}
    for row, instance in enumerate(instances):
        rows.setdefault(instance_key(instance), []).append(row)
    return rows


def shards(
    instances: Sequence[RelationInstance], rows: Mapping[bytes, Sequence[int]], *, size: int = _SHARD
) -> Iterator[list[bytes]]:
    """Yield the keys of up to ``size`` contents at a time, shortest texts first.

    A shard is tokenised at once, so that memory does not grow with the corpus.

    Args:
        instances: All instances.
        rows: Their rows, see :func:`rows_by_content`.
        size: Number of contents in a shard.
    """
    order = sorted(rows, key=lambda key: (len(instances[rows[key][0]].text), key))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def by_sentence(
    instances: Sequence[RelationInstance], rows: Mapping[bytes, Sequence[int]], *, size: int = _SHARD
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield the keys of up to ``size`` contents at a time, shortest texts first, and those of a text together.

    A text is spread over several shards only if it has more than ``size`` contents. If every text has a single
    content, the order is that of :func:`shards`.

    Args:
        instances: All instances.
        rows: Their rows, see :func:`rows_by_content`.
        size: Number of contents in a shard.

    Yields:
        Pairs of the text's key (see :func:`relscout.encoders.cache.sentence_key`) and the content's key.
    """
    of_text: dict[str, list[bytes]] = {}
    for key, same in rows.items():
        of_text.setdefault(instances[same[0]].text, []).append(key)
    order = sorted((len(text), sorted(keys), text) for text, keys in of_text.items())
    shard: list[tuple[bytes, bytes]] = []
    for _, keys, text in order:
        if shard and len(shard) + len(keys) > size:
            yield shard
            shard = []
        sentence = sentence_key(text)
        shard += [(sentence, key) for key in keys]
        while len(shard) > size:
            yield shard[:size]
            shard = shard[size:]
    if shard:
        yield shard


def batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows that fill a batch of at most ``budget`` tokens, padding included, shortest first.

    Batches are filled one after the other, so dropping the rows of the first batches does not change the others.

    Args:
        lengths: Number of tokens of each row, (N,).
        budget: Number of tokens in a batch; a single row may exceed it.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * lengths[order[end]] <= budget:
            end += 1
        yield order[start:end]
        start = end


def collate(
    inputs: Sequence[Input], vocabulary: Vocabulary, device: torch.device
) -> tuple[torch.Tensor, Places]:
    """Add special tokens around the inputs and pad them to the longest.

    Returns:
        Token ids (B, T), int64, and the places of the parts of each input.
    """
    import torch

    whole = [(*vocabulary.before, *item.marked.ids, *vocabulary.after) for item in inputs]
    padded = np.full((len(inputs), max(map(len, whole))), vocabulary.pad_id, dtype=np.int64)
    for row, ids in enumerate(whole):
        padded[row, : len(ids)] = ids
    places = places_of(inputs, vocabulary)
    fields = (getattr(places, name).to(device) for name in Places.__slots__)
    return torch.from_numpy(padded).to(device), Places(*fields)


def places_of(inputs: Sequence[Input], vocabulary: Vocabulary) -> Places:
    """Return the places of the parts of inputs, special tokens included, as tensors on the CPU."""
    import torch

    shift = len(vocabulary.before)
    length = np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + vocabulary.overhead
    starts = np.array([(item.marked.head_start, item.marked.tail_start) for item in inputs]) + shift
    spans = np.array([(item.marked.head, item.marked.tail) for item in inputs]) + shift
    mask = np.array([item.mask for item in inputs]) + shift
    types = np.array([item.types for item in inputs], dtype=np.int64)
    return Places(*map(torch.from_numpy, (length, starts, spans, mask, types)))
