from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.inputs import batches
from relscout.encoders.layers import LowestLayers, set_dropout
from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import pool, pool_part
from relscout.encoders.tunable import Prepared, TunableEncoder

Few = list[RelationInstance]

SHAPE = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "initializer_range": 0.3}
#: Random models of 4 layers that are built in other ways than BERT.
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "roberta": ("Roberta", SHAPE),
    "electra": ("Electra", {**SHAPE, "embedding_size": 16}),
    "distilbert": ("DistilBert", {"dim": 32, "n_heads": 4, "hidden_dim": 64, "initializer_range": 0.3}),
    "mpnet": ("MPNet", SHAPE),
    "deberta-v2": (
        "DebertaV2",
        {**SHAPE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16},
    ),
    "modernbert": (
        "ModernBert",
        {**SHAPE, "initializer_cutoff_factor": 1.0, "local_attention": 8, "global_attn_every_n_layers": 2},
    ),
    "pre-layer-norm": ("RobertaPreLayerNorm", SHAPE),
}


def save(name: str, config: dict[str, Any], tokenizer: Path, folder: Path) -> Path:
    """Save a random model of an architecture beside a tokenizer."""
    shutil.copytree(tokenizer, folder, ignore=shutil.ignore_patterns("config.json", "*.safetensors"))
    n_tokens = transformers.AutoConfig.from_pretrained(tokenizer).vocab_size
    depth = "n_layers" if name == "DistilBert" else "num_hidden_layers"
    described = getattr(transformers, f"{name}Config")(
        vocab_size=n_tokens, pad_token_id=0, **{depth: 4}, **config
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{name}Model")(described).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def saved_model(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a random model of an architecture."""
    folder = tmp_path_factory.mktemp("architectures")

    def find(architecture: str) -> Path:
        if not (folder / architecture).exists():
            save(*ARCHITECTURES[architecture], tiny_bert, folder / architecture)
        return folder / architecture

    return find


def build(model: Path, **settings: Any) -> TransformerEncoder:
    settings = {"pooling": "start+sentence@1", "marking": "markers", "batch_tokens": 500, **settings}
    return TransformerEncoder(EncoderSettings(model=str(model), device="cpu", **settings))


@pytest.fixture(scope="session")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return build(tiny_bert)


def whole_pass(
    encoder: TransformerEncoder, model: Any, prepared: Prepared, contents: NDArray[np.int64]
) -> torch.Tensor:
    """Vectors of some contents by a pass through all layers of a model, with gradients where they are enabled."""
    places = prepared.places[torch.from_numpy(contents)]
    longest = int(places.length.max())
    ids = torch.full((len(contents), longest), encoder.vocabulary.pad_id)
    for row, content in enumerate(contents):
        end, length = prepared.ends[content], prepared.lengths[content]
        ids[row, :length] = torch.from_numpy(prepared.ids[end - length : end])
    attention = (torch.arange(longest) < places.length[:, None]).long()
    mask = None if bool(attention.all()) else attention
    states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    if not torch.is_grad_enabled():
        return pool(states, places, encoder.parts)
    return torch.cat(
        [pool_part(states[-1 if part.layer is None else part.layer], places, part) for part in encoder.parts],
        dim=1,
    )


def layers_of(model: Any, n_layers: int) -> torch.nn.ModuleList:
    (found,) = (
        one for one in model.modules() if isinstance(one, torch.nn.ModuleList) and len(one) == n_layers
    )
    return found


def shift(tunable: TunableEncoder) -> None:
    """Change everything that trains a little."""
    with torch.no_grad():
        for parameter in tunable.parameters():
            parameter += 0.01


@pytest.mark.parametrize("trained_layers", [1, 2, 3, -1])
def test_before_training_vectors_are_bit_for_bit_those_of_the_encoder(
    trained_layers: int, encoder: TransformerEncoder, few: Few
) -> None:
    tunable = TunableEncoder(encoder, trained_layers=trained_layers)
    assert tunable.encode(tunable.prepare(few)).tobytes() == encoder.encode(few).tobytes()


@pytest.mark.parametrize(
    "pooling",
    [
        "start",
        "span-mean@2",
        "span-max@1+cls",
        "between@3+sentence@0",
        "start@2*0.5+sentence@2",
        "sentence@1+cls@2",
    ],
)
def test_every_pooling_reads_the_same(pooling: str, tiny_bert: Path, few: Few) -> None:
    encoder = build(tiny_bert, pooling=pooling)
    tunable = TunableEncoder(encoder, trained_layers=1)
    assert tunable.dimension == encoder.dimension
    assert tunable.encode(tunable.prepare(few)).tobytes() == encoder.encode(few).tobytes()


@pytest.mark.parametrize("marking", MARKINGS)
@pytest.mark.parametrize("model", ["tiny_bert", "tiny_bert_without_unused", "tiny_roberta"])
def test_every_marking_reads_the_same(
    model: str, marking: str, few: Few, request: pytest.FixtureRequest
) -> None:
    pooling = "start+mask" if marking == "prompt" else "start"
    encoder = build(request.getfixturevalue(model), marking=marking, pooling=pooling, types=("PERSON",))
    tunable = TunableEncoder(encoder, trained_layers=1)
    assert tunable.encode(tunable.prepare(few)).tobytes() == encoder.encode(few).tobytes()


@pytest.mark.parametrize("trained_layers", [1, 3, 4, -1])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_starts_in_the_middle(
    architecture: str, trained_layers: int, saved_model: Callable[[str], Path], few: Few
) -> None:
    encoder = build(saved_model(architecture))
    tunable = TunableEncoder(encoder, trained_layers=trained_layers)
    np.testing.assert_allclose(tunable.encode(tunable.prepare(few)), encoder.encode(few), atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lowest_layers_alone_give_the_bits_of_the_whole_model(
    architecture: str, saved_model: Callable[[str], Path]
) -> None:
    model = build(saved_model(architecture)).model
    ids = torch.arange(5, 65).reshape(4, 15)
    mask = torch.ones_like(ids).tril(12)  # the last sentences are padded
    inputs = {"input_ids": ids, "attention_mask": mask}
    with torch.inference_mode():
        whole = model(**inputs, output_hidden_states=True).hidden_states
    for count in range(4):
        found = LowestLayers(model, count, n_layers=4)(**inputs)
        assert [state.numpy().tobytes() for state in found] == [
            state.numpy().tobytes() for state in whole[: count + 1]
        ]
    with torch.inference_mode():
        again = model(**inputs, output_hidden_states=True).hidden_states
    assert all(map(torch.equal, again, whole)), "the model itself is left alone"


def test_states_are_neither_scaled_nor_trained_otherwise(tiny_bert: Path, few: Few) -> None:
    settings = EncoderSettings(model=str(tiny_bert), pooling="start@1*2+cls", marking="C+M", device="cpu")
    scaled = TransformerEncoder(settings)
    states = scaled.as_states()
    plain, unit = states.encode(few), scaled.encode(few)
    (tokens,), width = scaled.vocabulary.inputs(few[:1]), scaled.hidden_size
    ids = torch.tensor([[*scaled.vocabulary.before, *tokens.marked.ids, *scaled.vocabulary.after]])
    with torch.inference_mode():
        layers = scaled.model(input_ids=ids, output_hidden_states=True).hidden_states
    places = [tokens.marked.head_start + 1, tokens.marked.tail_start + 1]
    expected = torch.cat([2 * layers[1][0, places].flatten(), layers[-1][0, 0]])
    np.testing.assert_allclose(plain[0], expected, rtol=1e-4, atol=1e-5)
    parts = np.split(plain, [2 * width], axis=1)
    lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
    np.testing.assert_allclose(np.hstack([2 * parts[0] / lengths[0], parts[1] / lengths[1]]), unit, atol=1e-6)
    assert states.fingerprint != scaled.fingerprint
    assert states.as_states() is states
    for trained_layers in (1, -1):
        tunable = TunableEncoder(states, trained_layers=trained_layers)
        prepared = tunable.prepare(few)
        np.testing.assert_array_equal(tunable.encode(prepared), plain)
        tunable.train(True)
        set_dropout(tunable._model, 0.0)
        trained = tunable(prepared, prepared.row_of[:5]).detach().numpy()
        np.testing.assert_allclose(trained, plain[:5], rtol=1e-4, atol=1e-5)


def test_what_is_prepared_runs_no_layer_that_trains(tiny_bert: Path, few: Few) -> None:
    encoder = build(tiny_bert)
    tunable = TunableEncoder(encoder, trained_layers=2)
    tokens = [0, 0, 0]
    for number, layer in enumerate(layers_of(encoder.model, 3)):

        def count(_: Any, given: tuple[torch.Tensor, ...], __: Any, number: int = number) -> None:
            tokens[number] += given[0].shape[0] * given[0].shape[1]

        layer.register_forward_hook(count)
    n_tokens = int(tunable.prepare(few).lengths.sum())
    assert tokens[0] >= n_tokens
    assert max(tokens[1:]) <= 4, "but for a look at what layers give"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_layers_above_those_that_are_read_do_not_matter(
    architecture: str, saved_model: Callable[[str], Path], few: Few
) -> None:
    encoder = build(saved_model(architecture), pooling="start@2+sentence@1")
    tunable = TunableEncoder(encoder, trained_layers=1)
    assert {name.split(".")[-1] for name in tunable.weights()} >= {"weight"}
    np.testing.assert_allclose(tunable.encode(tunable.prepare(few)), encoder.encode(few), atol=1e-6)


@pytest.mark.parametrize("trained_layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("pooling", "dropout"),
    [
        pytest.param("start+cls", None, id="every token of the last layer is computed"),
        pytest.param("start+sentence@1", 0.0, id="few are, which draws another dropout"),
    ],
)
def test_gradients_and_dropout_are_those_of_a_whole_model_with_frozen_layers(
    pooling: str, dropout: float | None, trained_layers: int, tiny_bert: Path, few: Few
) -> None:
    encoder = build(tiny_bert, pooling=pooling)
    tunable = TunableEncoder(encoder, trained_layers=trained_layers, dropout=dropout)
    prepared = tunable.prepare(few)
    contents = np.arange(12)
    model = copy.deepcopy(encoder.model).eval()
    for layer in layers_of(model, 3)[3 - trained_layers :]:
        layer.requires_grad_(True).train()
        if dropout is not None:
            set_dropout(layer, dropout)
    tunable.train()
    found = []
    for vectors in (
        lambda: tunable(prepared, contents),
        lambda: whole_pass(encoder, model, prepared, contents),
    ):
        with torch.random.fork_rng():
            torch.manual_seed(5)
            given = vectors()
            weights = torch.randn(given.shape, generator=torch.Generator().manual_seed(1))
            (given * weights).sum().backward()  # type: ignore[no-untyped-call]
            found.append(given.detach())
    torch.testing.assert_close(found[0], found[1])
    whole = dict(model.named_parameters())
    reached = [name for name, parameter in whole.items() if parameter.grad is not None]
    assert set(tunable.weights()) == set(reached)
    for name, parameter in zip(tunable.weights(), tunable.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, whole[name].grad)


def test_dropout_acts_only_while_training(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(few)
    contents = np.arange(8)
    with torch.random.fork_rng(), torch.no_grad():
        tunable.train()
        one, other = tunable(prepared, contents), tunable(prepared, contents)
        assert not torch.equal(one, other)
        tunable.train(False)
        one, other = tunable(prepared, contents), tunable(prepared, contents)
        assert torch.equal(one, other)


def test_dropout_acts_in_no_layer_that_is_frozen(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1, dropout=0.0)
    prepared = tunable.prepare(few)
    still = tunable.encode(prepared)
    tunable.train()
    with torch.random.fork_rng(), torch.no_grad():
        moving = tunable(prepared, np.arange(len(prepared.lengths)))
    np.testing.assert_allclose(moving.numpy()[prepared.row_of], still, atol=1e-5)


def test_the_rate_of_dropout_can_be_set(encoder: TransformerEncoder, few: Few) -> None:
    apart = []
    for rate in (0.05, 0.6):
        tunable = TunableEncoder(encoder, trained_layers=1, dropout=rate)
        prepared = tunable.prepare(few)
        still = tunable.encode_contents(prepared)
        tunable.train()
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            apart.append(np.linalg.norm(tunable(prepared, np.arange(len(still))).numpy() - still))
    assert apart[1] > 2 * apart[0] > 0


@pytest.mark.parametrize(("trained_layers", "trained"), [(1, {2}), (2, {1, 2}), (3, {0, 1, 2})])
def test_only_the_top_layers_train(
    trained_layers: int, trained: set[int], encoder: TransformerEncoder
) -> None:
    names = TunableEncoder(encoder, trained_layers=trained_layers).weights()
    assert {int(name.split("layer.")[1].split(".")[0]) for name in names} == trained
    assert not any("embeddings" in name for name in names)


def test_layers_are_counted_from_the_highest_that_is_read(tiny_bert: Path) -> None:
    names = TunableEncoder(build(tiny_bert, pooling="start@2+cls@1"), trained_layers=1).weights()
    assert {name.split("layer.")[1][0] for name in names} == {"1"}


def test_the_whole_model_trains_with_its_embeddings(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=-1)
    assert set(tunable.weights()) == {
        name for name, _ in encoder.model.named_parameters() if "pooler" not in name
    }
    prepared = tunable.prepare(few[:5])
    assert prepared.states is None
    tunable(prepared, np.arange(5)).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in tunable.parameters())


def test_the_encoder_stays_as_it_is(encoder: TransformerEncoder, few: Few) -> None:
    before, fingerprint = encoder.encode(few).tobytes(), TransformerEncoder(encoder.settings).fingerprint
    tunable = TunableEncoder(encoder, trained_layers=2)
    shift(tunable)
    tunable.train()
    tunable(tunable.prepare(few), np.arange(4)).sum().backward()  # type: ignore[no-untyped-call]
    assert encoder.encode(few).tobytes() == before
    assert encoder.fingerprint == fingerprint
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


@pytest.mark.parametrize("trained_layers", [1, 3, -1])
def test_an_encoder_with_what_was_trained_gives_the_same_vectors(
    trained_layers: int, encoder: TransformerEncoder, few: Few
) -> None:
    tunable = TunableEncoder(encoder, trained_layers=trained_layers)
    shift(tunable)
    found = tunable.encode(tunable.prepare(few))
    assert np.abs(found - encoder.encode(few)).max() > 1e-3
    trained = TransformerEncoder(encoder.settings, weights=tunable.weights())
    assert trained.encode(few).tobytes() == found.tobytes()
    assert trained.fingerprint != encoder.fingerprint


def test_weights_are_a_copy_and_load_again(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(few)
    kept, before = tunable.weights(), tunable.encode(prepared)
    shift(tunable)
    assert tunable.encode(prepared).tobytes() != before.tobytes()
    tunable.load(kept)
    assert tunable.encode(prepared).tobytes() == before.tobytes()
    assert all(array.dtype == np.float32 for array in kept.values())


def test_vectors_of_some_contents_are_those_of_all(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(few)
    chosen = np.array([31, 0, 17, 5])
    with torch.no_grad():
        found = tunable(prepared, chosen).numpy()
    np.testing.assert_allclose(found, tunable.encode_contents(prepared)[chosen], atol=1e-6)


def test_the_cached_states_give_the_bits_of_a_whole_pass(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(few)
    with torch.inference_mode():
        for batch in batches(prepared.lengths, encoder.settings.batch_tokens):
            expected = whole_pass(encoder, encoder.model, prepared, batch)
            assert tunable(prepared, batch).numpy().tobytes() == expected.numpy().tobytes()


def test_what_reads_the_same_is_one_content(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    repeated = [few[1], *few[:6], replace(few[1], id="again", relation=None)]
    prepared = tunable.prepare(repeated)
    assert len(prepared.lengths) == 6
    assert prepared.row_of[0] == prepared.row_of[2] == prepared.row_of[7]
    vectors = tunable.encode(prepared)
    assert vectors.shape == (8, encoder.dimension)
    assert vectors.tobytes() == encoder.encode(repeated).tobytes()


def test_vectors_may_be_written_into_an_array_that_is_there(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare([few[1], *few])
    into = np.full((41, encoder.dimension), 7, dtype=np.float32)
    found = tunable.encode(prepared, into=into)
    assert found is into
    assert into.tobytes() == tunable.encode(prepared).tobytes()


def test_the_order_of_the_input_changes_no_bit(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    order = np.random.default_rng(0).permutation(len(few))
    shuffled = tunable.prepare([few[row] for row in order])
    assert tunable.encode(shuffled).tobytes() == tunable.encode(tunable.prepare(few))[order].tobytes()


def test_vectors_may_be_written_over_those_of_before(encoder: TransformerEncoder, few: Few) -> None:
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare([*few, few[0]])
    before = tunable.encode(prepared)
    shift(tunable)
    found = tunable.encode(prepared, into=before)
    assert found is before
    assert found.tobytes() == tunable.encode(prepared).tobytes()


def test_only_parts_that_no_trained_layer_changes_are_kept(tiny_bert: Path, few: Few) -> None:
    encoder = build(tiny_bert, pooling="start+cls@1+start@2*0.5+sentence")
    fixed = TunableEncoder(encoder, trained_layers=1).prepare(few).fixed.numpy()
    vectors, width = encoder.encode(few), encoder.hidden_size
    prepared_order = np.lexsort(fixed.T)
    expected = vectors[:, 2 * width : 5 * width]
    assert fixed[prepared_order].tobytes() == expected[np.lexsort(expected.T)].tobytes()


def test_what_does_not_fit_is_told_for_each_instance(encoder: TransformerEncoder, few: Few) -> None:
    text = "Mary " + "lives " * 300 + "in Paris"
    long = RelationInstance(text, Mention(0, 4), Mention(len(text) - 5, len(text)))
    told: list[tuple[str, str]] = []
    TunableEncoder(encoder, trained_layers=1).prepare(
        [*few[:3], long, replace(long, id="again")], on_loss=lambda one, lost: told.append((one.id, lost))
    )
    assert sorted(told) == sorted([(long.id, "between"), ("again", "between")])


def test_progress_counts_instances_and_contents(encoder: TransformerEncoder, few: Few) -> None:
    told: list[tuple[str, int, int | None]] = []
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare([*few, few[0]], progress=lambda *step: told.append(step))
    assert told[0] == ("encode", 0, 41)
    assert told[-1] == ("encode", 41, 41)
    tunable.encode(prepared, progress=lambda *step: told.append(step))
    assert told[-1] == ("encode again", 40, 40)


@pytest.mark.parametrize("trained_layers", [0, 4, -2])
def test_layers_that_are_not_there_are_refused(trained_layers: int, encoder: TransformerEncoder) -> None:
    with pytest.raises(SettingError, match=rf"trained_layers is {trained_layers}, .* expected 1 to 3, or -1"):
        TunableEncoder(encoder, trained_layers=trained_layers)


def test_a_model_whose_layers_share_their_weights_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    model = save("Albert", {**SHAPE, "embedding_size": 16}, tiny_bert, tmp_path / "albert")
    with pytest.raises(SettingError, match="the layers of a AlbertModel cannot be determined"):
        TunableEncoder(build(model), trained_layers=1)


def test_the_scale_brings_vectors_to_a_mean_square_of_one(tiny_bert: Path, few: Few) -> None:
    encoder = build(tiny_bert, pooling="start*2+sentence@1+cls*0.5")
    scale = TunableEncoder(encoder, trained_layers=1).scale
    assert np.square(encoder.encode(few) * scale).mean() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_an_encoder_of_low_precision_trains(dtype: str, tiny_bert: Path, few: Few) -> None:
    encoder = build(tiny_bert, dtype=dtype)
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(few)
    np.testing.assert_allclose(tunable.encode(prepared), encoder.encode(few), atol=0.02)
    tunable(prepared, np.arange(4)).sum().backward()  # type: ignore[no-untyped-call]


def test_training_may_compute_in_bfloat16(encoder: TransformerEncoder, few: Few) -> None:
    full, low = (
        TunableEncoder(encoder, trained_layers=2, dropout=0.0, arithmetic=how)
        for how in ("float32", "bfloat16")
    )
    prepared = full.prepare(few)
    assert low.encode(prepared).tobytes() == full.encode(prepared).tobytes(), (
        "without dropout nothing changes"
    )
    full.train()
    low.train()
    with torch.no_grad():
        expected, found = full(prepared, np.arange(8)), low(prepared, np.arange(8))
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)
    assert all(parameter.dtype == torch.float32 for parameter in low.parameters())


@pytest.mark.parametrize(("trained_layers", "layer"), [(1, 2), (1, 3), (2, 1), (-1, 0), (-1, 1)])
def test_words_are_sampled_while_training_only(
    trained_layers: int, layer: int, tiny_bert: Path, few: Few
) -> None:
    encoder = build(tiny_bert, pooling=f"span-mean+between@{layer}")
    tunable = TunableEncoder(encoder, trained_layers=trained_layers, dropout=0.0, sampled=1)
    prepared = tunable.prepare(few)
    rows = np.arange(len(few))
    width = 2 * encoder.hidden_size
    tunable.train()
    first, second = (tunable(prepared, rows).detach() for _ in range(2))
    assert torch.equal(first[:, :width], second[:, :width])
    assert not torch.allclose(first[:, width:], second[:, width:])
    # without dropout all is read, as the encoder does
    np.testing.assert_array_equal(tunable.encode(prepared), encoder.encode(few))


def test_words_of_a_layer_of_which_no_states_are_kept_cannot_be_sampled(tiny_bert: Path) -> None:
    encoder = build(tiny_bert, pooling="span-mean+between@0")
    with pytest.raises(SettingError, match=r"can only be sampled from layer 2 on, .* write 'between@2'"):
        TunableEncoder(encoder, trained_layers=1, sampled=2)
    TunableEncoder(encoder, trained_layers=1)
