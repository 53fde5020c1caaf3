from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.marking import MARKINGS
from relscout.encoders.transformer import load_tokenizer, load_weights

POOLING = "start@1+span-mean@2+span-max+between+cls@0+sentence"


@pytest.fixture(scope="session")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling=POOLING, device="cpu"))


def test_vectors_are_float32_and_as_wide_as_told(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    vectors = encoder.encode(few)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(few), encoder.dimension) == (40, 9 * 32)
    assert np.isfinite(vectors).all()


def test_no_instances_give_no_vectors(encoder: TransformerEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_each_vector_belongs_to_its_instance(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    alone = np.concatenate([encoder.encode([instance]) for instance in few])
    np.testing.assert_allclose(encoder.encode(few), alone, atol=1e-5)


def test_the_order_of_the_input_changes_no_bit(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    # the same content under many ids: as a whole it could fall into several batches
    instances = [*few, *(replace(few[0], id=str(number)) for number in range(60))]
    order = np.random.default_rng(0).permutation(len(instances))
    vectors = encoder.encode(instances)
    assert np.array_equal(encoder.encode([instances[row] for row in order]), vectors[order])


def test_what_reads_the_same_has_the_same_vector(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    vectors = encoder.encode([few[0], *few, replace(few[0], id="again", relation=None)])
    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[-1])


def test_the_direction_of_a_relation_shows(encoder: TransformerEncoder, few: list[RelationInstance]) -> None:
    vectors = encoder.encode([few[0], few[0].swapped()])
    assert not np.allclose(vectors[0], vectors[1], atol=1e-2)


@pytest.mark.parametrize("batch_tokens", [128, 500, 10_000])
def test_the_size_of_batches_changes_only_the_rounding(
    batch_tokens: int, encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    other = TransformerEncoder(replace(encoder.settings, batch_tokens=batch_tokens))
    np.testing.assert_allclose(other.encode(few), encoder.encode(few), atol=1e-5)


def test_vectors_are_read_off_the_full_models_hidden_states(
    tiny_bert: Path, few: list[RelationInstance]
) -> None:
    settings = EncoderSettings(model=str(tiny_bert), pooling="sentence@1", device="cpu")
    tokenizer, model = load_tokenizer(str(tiny_bert)), load_weights(str(tiny_bert))
    expected = []
    for instance in few:
        ids = torch.tensor([tokenizer(instance.text)["input_ids"]])
        with torch.inference_mode():
            states = model(
                input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
            ).hidden_states
        mean = states[1][0].mean(dim=0)
        expected.append((mean / mean.norm()).numpy())
    assert max(len(tokenizer(instance.text)["input_ids"]) for instance in few) <= settings.max_length
    np.testing.assert_allclose(TransformerEncoder(settings).encode(few), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("marking", "pooling", "places"),
    [
        # [CLS] the [E1] mary [/E1] was in [E2] new york [/E2] [SEP]
        ("markers", "start@1", ([2], [7])),
        ("markers", "span-mean@1", ([3], [8, 9])),
        ("markers", "between@1", ([4, 5, 6, 7],)),
        ("markers", "cls@1", ([0],)),
        ("markers", "sentence@1", (list(range(12)),)),
        # [CLS] the mary was in new york [SEP]
        ("none", "start@1", ([2], [5])),
        ("none", "between@1", ([3, 4],)),
        # [CLS] the mary was in new york mary [MASK] new york . [SEP]
        ("prompt", "mask@1", ([8],)),
        ("prompt", "span-mean@1", ([2], [5, 6])),
    ],
)
def test_each_part_is_read_off_its_own_tokens(
    marking: str,
    pooling: str,
    places: tuple[list[int], ...],
    tiny_bert: Path,
    instance: Callable[..., RelationInstance],
) -> None:
    words = {
        "none": "[CLS] the mary was in new york [SEP]",
        "markers": "[CLS] the [unused0] mary [unused1] was in [unused2] new york [unused3] [SEP]",
        "prompt": "[CLS] the mary was in new york mary [MASK] new york . [SEP]",
    }
    ids = load_tokenizer(str(tiny_bert)).convert_tokens_to_ids(words[marking].split())
    model = load_weights(str(tiny_bert))
    with torch.inference_mode():
        state = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[1][0].numpy()
    expected = np.concatenate([state[rows].mean(axis=0) for rows in places])
    settings = EncoderSettings(model=str(tiny_bert), marking=marking, pooling=pooling, device="cpu")
    # the longer sentence makes the other one a padded row
    sentences = [
        instance("the <h>Mary</h> was in <t>New York</t>"),
        instance("<h>John</h> of the city of Paris in the country and <t>Berlin</t>"),
    ]
    (found, _) = TransformerEncoder(settings).encode(sentences)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("marking", MARKINGS)
@pytest.mark.parametrize("model", ["tiny_bert", "tiny_bert_without_unused", "tiny_roberta"])
def test_every_scheme_works_with_every_kind_of_vocabulary(
    model: str, marking: str, few: list[RelationInstance], request: pytest.FixtureRequest
) -> None:
    pooling = "start+span-mean@1+mask" if marking == "prompt" else "start+span-mean@1"
    settings = EncoderSettings(
        model=str(request.getfixturevalue(model)),
        marking=marking,
        pooling=pooling,
        device="cpu",
        types=("PERSON",),
    )
    encoder = TransformerEncoder(settings)
    vectors = encoder.encode(few[:5])
    assert vectors.shape == (5, encoder.dimension)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_gives_float32_close_to_the_full_one(
    dtype: str, tiny_bert: Path, few: list[RelationInstance]
) -> None:
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean@1", device="cpu")
    full = TransformerEncoder(settings).encode(few[:10])
    low = TransformerEncoder(replace(settings, dtype=dtype)).encode(few[:10])
    assert low.dtype == np.float32
    assert not np.array_equal(low, full)
    np.testing.assert_allclose(low, full, atol=0.05)
    changed = TransformerEncoder(settings)
    changed.compute_with(dtype=dtype)  # type: ignore[arg-type]
    assert np.array_equal(changed.encode(few[:10]), low)
    changed.compute_with(dtype="float32")
    assert np.array_equal(changed.encode(few[:10]), full)


def test_a_small_window_keeps_both_entities(
    tiny_bert: Path, instance: Callable[..., RelationInstance]
) -> None:
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean@0", max_length=32, device="cpu")
    encoder = TransformerEncoder(settings)
    distance = "in " * 100
    vectors = encoder.encode(
        [
            instance(f"<h>Mary</h> {distance}<t>Paris</t>"),
            instance(f"<h>Mary</h> {distance}<t>Berlin</t>"),
            instance(f"<h>John</h> {distance}<t>Berlin</t>"),
        ]
    )
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
    assert not np.allclose(vectors[1], vectors[2], atol=1e-3)


def test_what_does_not_fit_is_told_for_each_instance(
    tiny_bert: Path, instance: Callable[..., RelationInstance]
) -> None:
    encoder = TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), max_length=32, device="cpu", pooling="cls")
    )
    fitting = instance("<h>Mary</h> was in <t>Paris</t>")
    trailing = instance("<h>Mary</h> was in <t>Paris</t>" + " by" * 100)
    apart = instance("<h>Mary</h>" + " by" * 100 + " <t>Paris</t>")
    long = instance("<h>Mary" + " of" * 100 + "</h> was in <t>Paris</t>")
    same = replace(apart, id="again")
    told: list[tuple[str, str]] = []
    encoder.encode(
        [fitting, trailing, apart, long, same],
        on_loss=lambda instance, lost: told.append((instance.id, lost)),
    )
    assert sorted(told) == sorted(
        [(trailing.id, "context"), (apart.id, "between"), (long.id, "mention"), ("again", "between")]
    )


def test_progress_counts_every_instance(encoder: TransformerEncoder, few: list[RelationInstance]) -> None:
    told: list[tuple[str, int, int | None]] = []
    encoder.encode([*few, few[0]], progress=lambda *step: told.append(step))
    assert told[0] == ("encode", 0, 41)
    assert told[-1] == ("encode", 41, 41)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_the_fingerprint_is_the_same_for_every_encoder_of_the_same_settings(
    encoder: TransformerEncoder,
) -> None:
    assert TransformerEncoder(encoder.settings).fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"marking": "markers"},
        {"pooling": "cls"},
        {"max_length": 64},
        {"model": "tiny_bert_without_unused"},
        {"model": "tiny_roberta"},
    ],
    ids=str,
)
def test_the_fingerprint_tells_what_decides_a_vector(
    change: dict[str, Any], encoder: TransformerEncoder, request: pytest.FixtureRequest
) -> None:
    if "model" in change:
        change = {"model": str(request.getfixturevalue(change["model"]))}
    settings = replace(encoder.settings, **{"pooling": "start@1", **change})
    assert TransformerEncoder(settings).fingerprint != encoder.fingerprint


def test_the_fingerprint_tells_the_seed_of_new_markers(tiny_bert_without_unused: Path) -> None:
    settings = EncoderSettings(
        model=str(tiny_bert_without_unused), marking="markers", pooling="cls", device="cpu"
    )
    other = replace(settings, seed=1)
    assert TransformerEncoder(settings).fingerprint != TransformerEncoder(other).fingerprint


@pytest.mark.parametrize("change", [{"batch_tokens": 999}, {"dtype": "bfloat16"}], ids=str)
def test_what_changes_vectors_by_rounding_is_no_part_of_the_fingerprint(
    change: dict[str, Any], encoder: TransformerEncoder
) -> None:
    assert TransformerEncoder(replace(encoder.settings, **change)).fingerprint == encoder.fingerprint


def test_a_layer_beyond_the_model_is_refused(tiny_bert: Path, few: list[RelationInstance]) -> None:
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="cls@4", device="cpu"))
    with pytest.raises(SettingError, match=r"pooling 'cls@4' reads layer 4, but .* has 3"):
        encoder.encode(few[:1])


def test_inputs_longer_than_the_model_reads_are_refused(tiny_bert: Path, few: list[RelationInstance]) -> None:
    encoder = TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), max_length=513, pooling="cls", device="cpu")
    )
    with pytest.raises(SettingError, match="max_length is 513, but the model reads at most 512 tokens"):
        encoder.encode(few[:1])


def test_an_unknown_model_is_told_with_the_nearest_name(few: list[RelationInstance]) -> None:
    with pytest.raises(SettingError, match=r"cannot load encoder 'minilmm': did you mean 'minilm'\?"):
        TransformerEncoder(EncoderSettings(model="minilmm")).encode(few[:1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_told(tiny_bert: Path, few: list[RelationInstance]) -> None:
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), device="cuda", pooling="cls"))
    with pytest.raises(SettingError, match="device 'cuda' was asked for, but torch sees 0 CUDA devices"):
        encoder.encode(few[:1])


def test_making_an_encoder_loads_nothing() -> None:
    assert TransformerEncoder(EncoderSettings(model="no/such-model")).settings.model == "no/such-model"


def test_encoding_prints_nothing(
    tiny_bert_without_unused: Path, few: list[RelationInstance], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = EncoderSettings(
        model=str(tiny_bert_without_unused), marking="markers", pooling="start@1", device="cpu"
    )
    TransformerEncoder(settings).encode(few)
    assert capfd.readouterr() == ("", "")


def test_a_mention_of_nothing_but_dropped_characters_has_a_vector(encoder: TransformerEncoder) -> None:
    odd = RelationInstance("\u200b \x00", Mention(0, 1), Mention(2, 3))
    assert np.isfinite(encoder.encode([odd, odd.swapped()])).all()
