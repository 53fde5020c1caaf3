"""Pairs that show the transformer the same tokens share one pass."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import Places

POOLING = "start@1+span-mean@2+span-max+between+cls@0+sentence@1+types*0.5+span-mean@1"
TEXTS = (
    "Mary was born in Paris and works at the university of Berlin",
    "John founded a company in New York with Mary and Paris of London",
    "Mary Paris",
)
NAMES = {
    "Mary": "PERSON",
    "John": "PERSON",
    "Paris": "GPE",
    "New York": "GPE",
    "Berlin": "GPE",
    "London": None,
}


def all_pairs(text: str) -> list[RelationInstance]:
    """All pairs of names in a text, in both directions."""
    mentions = [
        Mention(text.index(name), text.index(name) + len(name), type)
        for name, type in NAMES.items()
        if name in text
    ]
    return [RelationInstance(text, head, tail) for head, tail in permutations(mentions, 2)]


PAIRS = [pair for text in TEXTS for pair in all_pairs(text)]


class Counting(TransformerEncoder):
    """Counts the sentences that the transformer reads."""

    passes = 0

    def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
        self.passes += len(ids)
        return super().hidden_states(ids, places)


@pytest.fixture(scope="session")
def settings(tiny_bert: Path) -> EncoderSettings:
    return EncoderSettings(model=str(tiny_bert), pooling=POOLING, device="cpu", batch_tokens=200)


def test_each_sentence_runs_once_whatever_the_order_of_its_pairs(settings: EncoderSettings) -> None:
    encoder = Counting(settings)
    encoder.encode(PAIRS[::-1] + PAIRS[::2])
    assert encoder.passes == len(TEXTS)


@pytest.mark.parametrize("marking", MARKINGS)
@pytest.mark.parametrize("max_length", [32, 128])
def test_a_pair_has_the_vector_that_it_has_alone(
    marking: str, max_length: int, settings: EncoderSettings
) -> None:
    settings = replace(settings, marking=marking, max_length=max_length, types=("PERSON",))
    long = all_pairs(f"Mary {'was in ' * 20} Paris {'of the city ' * 9} London by Berlin {'the ' * 40}")
    encoder = TransformerEncoder(settings)
    alone = np.concatenate([encoder.encode([pair]) for pair in [*PAIRS, *long]])
    np.testing.assert_allclose(encoder.encode([*PAIRS, *long]), alone, atol=1e-5)


def test_windows_of_a_long_text_that_are_equal_are_shared(settings: EncoderSettings) -> None:
    text = f"Mary Paris London {'of ' * 60} Berlin"
    pairs = all_pairs(text)
    encoder = Counting(replace(settings, max_length=32))
    encoder.encode(pairs)
    windows = {item.marked.ids for item in encoder.vocabulary.inputs(pairs)}
    assert encoder.passes == len(windows) < len(pairs)


def test_the_order_of_the_pairs_changes_no_bit(settings: EncoderSettings) -> None:
    encoder = TransformerEncoder(settings)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    assert np.array_equal(encoder.encode([PAIRS[row] for row in order]), encoder.encode(PAIRS)[order])


def test_known_sentences_get_new_pairs_and_keep_the_old_ones_bit_for_bit(settings: EncoderSettings) -> None:
    encoder = Counting(settings, cache=VectorCache())
    some = encoder.encode(PAIRS[::3])
    passes = encoder.passes
    whole = encoder.encode(PAIRS)
    assert np.array_equal(whole[::3], some)
    assert encoder.passes > passes
    passes = encoder.passes
    assert np.array_equal(encoder.encode(PAIRS), whole)
    assert encoder.passes == passes
    np.testing.assert_allclose(whole, TransformerEncoder(settings).encode(PAIRS), atol=1e-5)


def test_the_cache_has_one_row_for_each_sentence(settings: EncoderSettings, tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    TransformerEncoder(settings, cache=VectorCache(path)).encode(PAIRS)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM sentences").fetchone() == (len(TEXTS),)


def test_texts_that_the_tokenizer_reads_alike_share_a_pass_and_not_a_row(settings: EncoderSettings) -> None:
    encoder = Counting(settings, cache=VectorCache())
    alike = [
        RelationInstance(text, Mention(0, 4), Mention(12, 17))
        for text in ("Mary was in Paris", "mary was in paris")
    ]
    vectors = encoder.encode(alike)
    assert encoder.passes == 1
    assert np.array_equal(vectors[0], vectors[1])
    encoder.encode(alike[::-1])
    assert encoder.passes == 1


def test_a_state_that_is_no_number_stays_with_the_pairs_that_read_it(settings: EncoderSettings) -> None:
    class Broken(TransformerEncoder):
        def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
            states = [state.clone() for state in super().hidden_states(ids, places)]
            for state in states:
                state[:, -2] = float("nan")
            return states

    text = "Mary was in Paris by Berlin"
    first, second = Mention(0, 4), Mention(12, 17)
    pairs = [RelationInstance(text, first, second), RelationInstance(text, first, Mention(21, 27))]
    vectors = Broken(replace(settings, pooling="span-mean@1")).encode(pairs)
    assert np.isfinite(vectors[0]).all()
    assert np.isnan(vectors[1]).any()
