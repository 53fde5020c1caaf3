"""Batches of pre-training: blanked mentions, masked words, sentences of similar length."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.inputs import Input, Look, batches, collate
from relscout.encoders.marking import together
from relscout.encoders.pooling import Places
from relscout.pretraining.corpus import Corpus
from relscout.pretraining.settings import PretrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor


Ints = NDArray[np.int64]
#: Of the tokens that are asked for, these shares are masked, and replaced by a word; the rest stays.
_MASKED, _REPLACED = 0.8, 0.1


def word_ids(tokenizer: Any, reserved: Collection[int | None]) -> Ints:
    """Return the ids (W,) that can stand in for a word: no special tokens, markers, or places that are kept free."""
    taken = {*tokenizer.all_special_ids, *reserved}
    return np.array(
        sorted(
            token
            for name, token in tokenizer.get_vocab().items()
            if token not in taken and not name.startswith(("[unused", "[unnamed"))
        ),
        dtype=np.int64,
    )


def maskable(
    item: Input, look: Look, blanks: tuple[bool, bool], reserved: Collection[int | None]
) -> NDArray[np.bool_]:
    """Return which tokens of an input can be asked for (T,), bool: no markers, no blanks, no masks of a prompt.

    Args:
        item: The input.
        look: How it is shown.
        blanks: Whether the head and the tail are blanked.
        reserved: Ids of markers, of the blank and of the mask token, wherever the marking scheme shows them.
    """
    marked = item.marked
    free = np.array([token not in reserved for token in marked.ids], dtype=bool)
    for begin, (start, end), markers, blank in zip(
        (marked.head_start, marked.tail_start), (marked.head, marked.tail), look.markers, blanks, strict=True
    ):
        free[begin : begin + len(markers.before)] = False
        free[end : end + len(markers.after)] = False
        if blank:
            free[start:end] = False
    return free


def corrupted(
    tokens: Ints,
    free: NDArray[np.bool_],
    chance: NDArray[np.float32],
    *,
    rate: float,
    mask_id: int,
    words: Ints,
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the tokens with some masked or replaced, and which are asked for, both (B, T).

    Args:
        tokens: Token ids (B, T), int64.
        free: Which can be asked for (B, T).
        chance: Numbers in [0, 1) (2, B, T): whether a token is asked for, and what becomes of it.
        rate: Share that is asked for, in [0, 1].
        mask_id: Id of the mask token.
        words: Ids that can stand in for a word (W,).
    """
    asked = free & (chance[0] < rate)
    fate = chance[1]
    out = np.where(asked & (fate < _MASKED), mask_id, tokens)
    by_word = asked & (fate >= _MASKED) & (fate < _MASKED + _REPLACED)
    # the position of the number within its tenth decides the word, so that no second number need be drawn
    which = ((fate - _MASKED) / _REPLACED * len(words)).astype(np.int64).clip(0, len(words) - 1)
    return np.where(by_word, words[which], out), asked


@dataclass(frozen=True)
class Group:
    """Sentences that are read at once.

    Args:
        rows: Their places among the sentences of this process (B,), int64.
        ids: Token ids (B, T), int64.
        places: Where the parts of each sentence lie.
        asked: Tokens that are to be predicted (B, T), bool; ``None`` where none are.
        words: The tokens that stand there (M,), int64.
    """

    rows: Ints
    ids: Tensor
    places: Places
    asked: Tensor | None
    words: Tensor | None


class Preparation:
    """Prepares the sentences of a step, with random numbers of its own for each.

    Args:
        corpus: The sentences.
        settings: See :class:`PretrainingSettings`.
        tokenizer: Tokenizer of the encoder, which says which tokens are words.
        max_length: Longest input in tokens.
        at_most: Tokens in a group, padding included.
        device: Where the tensors go.
    """

    def __init__(
        self,
        corpus: Corpus,
        settings: PretrainingSettings,
        *,
        tokenizer: Any,
        max_length: int,
        at_most: int,
        device: torch.device,
    ) -> None:
        self._corpus, self._settings, self._device = corpus, settings, device
        self._max_length, self._at_most = max_length, at_most
        vocabulary = corpus.vocabulary
        self._words = word_ids(tokenizer, vocabulary.reserved)
        self._masks = settings.mlm_weight > 0 and settings.mlm_rate > 0

    def groups(
        self, rows: Ints, random: np.random.Generator, *, rank: int = 0, count: int = 1
    ) -> list[Group]:
        """Return the groups of one process; which random numbers a sentence gets does not depend on it.

        Args:
            rows: Sentences of the step, of all processes (N,), int64.
            random: The step's.
            rank: This process has every ``count``-th sentence from here on.
            count: Number of processes.
        """
        blank = random.random((len(rows), 2)) < self._settings.blanks
        chance = random.random((2, len(rows), self._max_length), dtype=np.float32)
        mine = np.arange(rank, len(rows), count)
        inputs, free = [], []
        for place in mine:
            item, asked = self._input(int(rows[place]), (bool(blank[place, 0]), bool(blank[place, 1])))
            inputs.append(item)
            free.append(asked)
        overhead = self._corpus.vocabulary.overhead
        lengths = np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + overhead
        found: list[Group] = []
        for batch in batches(lengths, self._at_most):
            for start in range(0, len(batch), self._settings.micro_batch):
                group = batch[start : start + self._settings.micro_batch]
                found.append(self._group(group, inputs, free, chance[:, mine[group]]))
        return found

    def _input(self, row: int, blanks: tuple[bool, bool]) -> tuple[Input, NDArray[np.bool_]]:
        vocabulary = self._corpus.vocabulary
        fitted = self._corpus.fitted(row)
        blanks = together(fitted.window, blanks)
        item = vocabulary.shown(fitted, blanks=blanks)
        return item, maskable(item, vocabulary.looks[fitted.look], blanks, vocabulary.reserved)

    def _group(
        self,
        rows: Ints,
        inputs: list[Input],
        free: list[NDArray[np.bool_]],
        chance: NDArray[np.float32],
    ) -> Group:
        import torch

        vocabulary = self._corpus.vocabulary
        ids, places = collate([inputs[row] for row in rows], vocabulary, torch.device("cpu"))
        places = Places(*(getattr(places, name).to(self._device) for name in Places.__slots__))
        if not self._masks or vocabulary.mask_id is None:
            return Group(rows, ids.to(self._device), places, None, None)
        tokens = ids.numpy()
        shift = len(vocabulary.before)
        can_be = np.zeros(tokens.shape, dtype=bool)
        for place, row in enumerate(rows):
            can_be[place, shift : shift + len(free[row])] = free[row]
        changed, asked = corrupted(
            tokens,
            can_be,
            chance[:, :, : tokens.shape[1]],
            rate=self._settings.mlm_rate,
            mask_id=vocabulary.mask_id,
            words=self._words,
        )
        there, details = (torch.from_numpy(array).to(self._device) for array in (asked, tokens[asked]))
        return Group(rows, torch.from_numpy(changed).to(self._device), places, there, details)
