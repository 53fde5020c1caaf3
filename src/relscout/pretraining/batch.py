"""Batches of pre-training: blank mentions, masked words, and groups of sentences of similar length."""

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
#: Shares of the tokens to predict that are masked, and replaced by a random word; the others stay.
_MASKED, _REPLACED = 0.8, 0.1


def word_ids(tokenizer: Any, reserved: Collection[int | None]) -> Ints:
    """Return the ids of words (W,), without special tokens, markers and unused places of the vocabulary."""
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
    """Return which tokens of an input can be masked (T,), bool: not markers, blanks, or masks of a prompt.

    Args:
        item: The input.
        look: Its format.
        blanks: Whether the head and the tail are blanked.
        reserved: Ids of markers, of the blank and of the mask token.
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
    """Mask or replace some tokens; return the tokens, and which of them are to be predicted, both (B, T).

    Args:
        tokens: Token ids (B, T), int64.
        free: Which tokens can be masked (B, T), bool.
        chance: Random numbers in [0, 1) (2, B, T): whether to predict a token, and how to change it.
        rate: Share of the tokens to predict, in [0, 1].
        mask_id: Id of the mask token.
        words: Ids of words (W,).
    """
    asked = free & (chance[0] < rate)
    fate = chance[1]
    out = np.where(asked & (fate < _MASKED), mask_id, tokens)
    by_word = asked & (fate >= _MASKED) & (fate < _MASKED + _REPLACED)
    # the place of the random number within its interval selects the word, so that no further one is needed
    which = ((fate - _MASKED) / _REPLACED * len(words)).astype(np.int64).clip(0, len(words) - 1)
    return np.where(by_word, words[which], out), asked


@dataclass(frozen=True)
class Group:
    """Sentences that are encoded at once.

    Args:
        rows: Places among the sentences of this process (B,), int64.
        ids: Token ids (B, T), int64.
        places: Positions of the parts of each sentence.
        asked: Tokens to predict (B, T), bool; ``None`` for none.
        words: Correct ids of these tokens (M,), int64.
    """

    rows: Ints
    ids: Tensor
    places: Places
    asked: Tensor | None
    words: Tensor | None


class Preparation:
    """Prepares the sentences of a step; each sentence has random numbers of its own.

    Args:
        corpus: The sentences.
        settings: See :class:`PretrainingSettings`.
        tokenizer: Tokenizer of the encoder.
        max_length: Maximum length of an input, in tokens.
        at_most: Maximum number of tokens in a group, padding included.
        device: Device of the tensors.
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
        """Return the groups of one process. The random numbers of a sentence do not depend on the process.

        Args:
            rows: Rows of the sentences of the step, of all processes (N,), int64.
            random: Random generator of the step.
            rank: Number of this process, which has every ``count``-th sentence from there on.
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
        groups: list[Group] = []
        for batch in batches(lengths, self._at_most):
            for start in range(0, len(batch), self._settings.micro_batch):
                group = batch[start : start + self._settings.micro_batch]
                groups.append(self._group(group, inputs, free, chance[:, mine[group]]))
        return groups

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
        targets, words = (torch.from_numpy(array).to(self._device) for array in (asked, tokens[asked]))
        return Group(rows, torch.from_numpy(changed).to(self._device), places, targets, words)
