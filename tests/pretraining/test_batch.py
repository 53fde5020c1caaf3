from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relscout.encoders import TransformerEncoder
from relscout.encoders.inputs import Vocabulary
from relscout.encoders.marking import MARKINGS, Sentence, blanked
from relscout.encoders.transformer import load_tokenizer
from relscout.pretraining import PretrainingSettings
from relscout.pretraining.batch import Preparation, corrupted, word_ids
from relscout.pretraining.corpus import Corpus, read_corpus


@pytest.fixture
def prepared(
    encoder: TransformerEncoder, gather: Callable[..., Corpus], few: list[Any]
) -> Callable[..., Any]:
    corpus = gather(few)

    def groups(n: int = 32, *, seed: int = 0, rank: int = 0, count: int = 1, **settings: Any) -> Any:
        preparation = Preparation(
            corpus,
            PretrainingSettings(**settings),
            tokenizer=load_tokenizer(encoder.settings.model),
            max_length=64,
            at_most=400,
            device=torch.device("cpu"),
        )
        return preparation.groups(np.arange(n), np.random.default_rng(seed), rank=rank, count=count)

    return groups


def test_mentions_are_blanked_as_often_as_said_and_anew_every_time(
    prepared: Callable[..., Any], encoder: TransformerEncoder
) -> None:
    (blank,) = encoder.vocabulary.blank
    counts = [
        sum(int((group.ids == blank).sum()) for group in prepared(seed=seed, mlm_weight=0))
        for seed in range(20)
    ]
    assert len(set(counts)) > 5
    assert sum(counts) / (20 * 64) == pytest.approx(0.7, abs=0.04)
    assert sum(int((group.ids == blank).sum()) for group in prepared(blanks=0, mlm_weight=0)) == 0


def test_markers_blanks_and_special_tokens_are_never_asked_for(
    prepared: Callable[..., Any], encoder: TransformerEncoder
) -> None:
    vocabulary = encoder.vocabulary
    for plain, masked in zip(prepared(mlm_weight=0), prepared(mlm_rate=1.0), strict=True):
        kept = {*vocabulary.reserved, *vocabulary.before, *vocabulary.after, vocabulary.pad_id}
        protected = torch.from_numpy(np.isin(plain.ids.numpy(), [*kept]))
        assert torch.equal(masked.asked, ~protected)
        assert torch.equal(masked.words, plain.ids[masked.asked])
        assert torch.equal(masked.ids[protected], plain.ids[protected])
        for side in (0, 1):  # where representations are read
            rows = torch.arange(len(plain.ids))
            starts = masked.ids[rows, masked.places.starts[:, side]]
            assert set(starts.tolist()) == {vocabulary.looks[0].markers[side].before[0]}


@pytest.mark.parametrize("marking", MARKINGS)
def test_no_marking_lets_markers_blanks_or_masks_be_asked_for(
    marking: str, tiny_bert: Path, few: list[Any]
) -> None:
    tokenizer = load_tokenizer(str(tiny_bert))
    vocabulary = Vocabulary(tokenizer, 300, marking, 64, ["PERSON"])
    corpus = read_corpus(few, vocabulary, with_relation=True)
    plain, masked = (
        Preparation(
            corpus,
            PretrainingSettings(blanks=0.5, **settings),
            tokenizer=tokenizer,
            max_length=64,
            at_most=4000,
            device=torch.device("cpu"),
        ).groups(np.arange(32), np.random.default_rng(0))
        for settings in ({"mlm_weight": 0}, {"mlm_rate": 1.0})
    )
    reserved = torch.tensor([token for token in vocabulary.reserved if token is not None])
    for before, after in zip(plain, masked, strict=True):
        kept = torch.isin(before.ids, reserved)
        assert kept.any() or marking == "none"
        assert not (after.asked & kept).any()
        assert torch.equal(after.ids[kept], before.ids[kept])
        assert after.asked.any() or marking == "OnlyC"
        if marking == "prompt":
            rows = torch.arange(len(after.ids))
            assert (after.ids[rows, after.places.mask] == vocabulary.mask_id).all()


def test_of_the_words_asked_for_eight_tenths_are_masked_and_one_replaced(tiny_bert: Path) -> None:
    random = np.random.default_rng(0)
    tokens = np.full((200, 100), 77)
    words = word_ids(load_tokenizer(str(tiny_bert)), {3, None})
    chance = random.random((2, 200, 100), dtype=np.float32)
    free = np.ones_like(tokens, dtype=bool)
    changed, asked = corrupted(tokens, free, chance, rate=0.15, mask_id=14, words=words)
    assert asked.mean() == pytest.approx(0.15, abs=0.01)
    assert (changed[~asked] == 77).all()
    shares = [(changed[asked] == 14).mean(), (changed[asked] == 77).mean()]
    assert shares == pytest.approx([0.8, 0.1], abs=0.02)
    drawn = changed[asked & (changed != 14) & (changed != 77)]
    assert set(drawn.tolist()) <= set(words.tolist())
    assert len(set(drawn.tolist())) > len(words) / 2


def test_a_sentence_is_masked_alike_however_many_processes_there_are(prepared: Callable[..., Any]) -> None:
    def told(groups: Any, places: list[int]) -> dict[int, list[int]]:
        return {
            places[row]: ids[:length].tolist()
            for group in groups
            for row, ids, length in zip(group.rows, group.ids, group.places.length, strict=True)
        }

    whole = told(prepared(31), list(range(31)))
    shared = {}
    for rank in range(3):
        shared |= told(prepared(31, rank=rank, count=3), list(range(rank, 31, 3)))
    assert shared == whole


def test_mentions_that_share_tokens_are_blanked_together() -> None:
    nested = Sentence([10, 11, 12, 13], (0, 3), (2, 3))
    assert blanked(nested, (False, True), (5,)) == nested
    both = blanked(nested, (True, False), (5,))
    assert (both.ids, both.head, both.tail) == ([5, 5, 13], (0, 1), (1, 2))
    apart = blanked(Sentence([10, 11, 12, 13], (2, 4), (0, 1)), (True, False), (5,))
    assert (apart.ids, apart.head, apart.tail) == ([10, 11, 5], (2, 3), (0, 1))
