from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import settings_for
from relscout.pretraining import PRESETS, READ_BY, PretrainingSettings, pretrain, settings_of

QUICK = {"epochs": 2, "batch": 6, "learning_rate": 1e-3, "checkpoint_steps": 1}


class StoppedError(Exception):
    """The user's interruption."""


def stopping_at(step: int) -> Callable[..., None]:
    def progress(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == ("pre-train", step):
            raise StoppedError

    return progress


def trained(encoder: TransformerEncoder, instances: list[RelationInstance], **given: Any) -> dict[str, Any]:
    settings = {**QUICK, **given.pop("settings", {})}
    return dict(pretrain(instances, encoder, settings=settings, **given).encoder.weights)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_contrast_brings_sentences_of_a_relation_together_and_is_told(
    encoder: TransformerEncoder, few: list[RelationInstance], tmp_path: Path
) -> None:
    out = tmp_path / "encoder"
    settings = {**QUICK, "epochs": 12, "batch": 16}
    done = pretrain(few, encoder, settings=settings, out=out)
    first, last = (done.report["epochs"][place] for place in (0, -1))
    assert last["contrast"] < first["contrast"] - 0.3
    assert last["mlm"] < first["mlm"]
    assert 0 < last["nearest_is_positive"] < 1
    assert done.report["mlm_head"] == "fresh"
    assert json.loads((out / "pretraining.json").read_text()) == done.report
    # the folder knows how it is read, and gives the same vectors
    saved = TransformerEncoder(settings_for(str(out)))
    assert (saved.settings.marking, saved.settings.pooling) == ("C+M", "start")
    assert np.allclose(saved.encode(few), done.encoder.encode(few), atol=1e-6)


def test_the_seed_decides(encoder: TransformerEncoder, few: list[RelationInstance]) -> None:
    first, again, other = (trained(encoder, few, settings={"steps": 2}, seed=seed) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("loss", ["paper", "released"])
def test_small_micro_batches_learn_the_same(
    loss: str, without_dropout: Path, few: list[RelationInstance]
) -> None:
    encoder = TransformerEncoder(
        EncoderSettings(str(without_dropout), READ_BY.marking, READ_BY.pooling, READ_BY.max_length)
    )
    settings = {"steps": 3, "batch": 8, "loss": loss, "clip": 0.5}
    whole, pieces = (trained(encoder, few, settings={**settings, "micro_batch": size}) for size in (256, 3))
    for name, weight in whole.items():
        # softmax does not change with the bias of the keys: of its gradient, 0 but for rounding, Adam makes whole steps
        if not name.endswith("key.bias"):
            assert np.allclose(weight, pieces[name], atol=2e-4), name
    assert not np.allclose(whole[name], encoder.model.state_dict()[name].numpy(), atol=2e-4)


def test_an_adapter_is_saved_small_and_gives_the_same_vectors(
    encoder: TransformerEncoder, few: list[RelationInstance], tmp_path: Path
) -> None:
    out = tmp_path / "adapter"
    done = pretrain(few, encoder, settings={**QUICK, "adapter_rank": 2}, out=out)
    assert not (out / "model.safetensors").exists()
    saved = TransformerEncoder(settings_for(str(out)))
    assert np.array_equal(saved.encode(few), done.encoder.encode(few))
    assert not np.allclose(encoder.encode(few), done.encoder.encode(few), atol=1e-3)
    before = encoder.model.get_input_embeddings().weight.detach().numpy()
    after = done.encoder.model.get_input_embeddings().weight.detach().numpy()
    moved = set(np.flatnonzero((before != after).any(axis=1)).tolist())
    blanks_and_markers = encoder.vocabulary.reserved - {encoder.vocabulary.mask_id}
    assert moved == blanks_and_markers


@pytest.mark.parametrize("marking", ["none", "typed-markers", "prompt"])
def test_any_reading_can_be_trained(marking: str, tiny_bert: Path, few: list[RelationInstance]) -> None:
    read_by = EncoderSettings(str(tiny_bert), marking, "span-mean@2+sentence", 64)
    done = pretrain(few, TransformerEncoder(read_by), settings={"epochs": 1, "batch": 8})
    assert done.encoder.encode(few[:2]).shape == (2, 96)


def test_presets_are_settings_of_each_objective() -> None:
    for name, objectives in PRESETS.items():
        for objective in objectives:
            assert settings_of(objective, preset=name)
    assert settings_of("cp", {"batch": "7"}, preset="paper").batch == 7
    with pytest.raises(SettingError, match="did you mean 'temperature'"):
        settings_of("cp", {"temparature": 1})
    with pytest.raises(SettingError, match="known are cp, mtb"):
        settings_of("cpp")


def test_what_cannot_be_learnt_from_is_refused(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    with pytest.raises(InputError, match="32 entity pair excluded"):
        pretrain(few, encoder, exclude=few)


def test_left_out_the_encoder_is_the_bundled_one_read_by_its_markers() -> None:
    assert EncoderSettings(model="minilm", marking="C+M", pooling="start", max_length=64) == READ_BY


def unread() -> Iterator[RelationInstance]:
    pytest.fail("the corpus was read")
    yield


def test_objective_and_preset_are_checked_before_the_corpus_is_read(encoder: TransformerEncoder) -> None:
    whole = PretrainingSettings()
    with pytest.raises(SettingError, match="known are cp, mtb"):
        pretrain(unread(), encoder, objective="mbt", settings=whole)
    with pytest.raises(SettingError, match="did you mean 'paper'"):
        pretrain(unread(), encoder, preset="papers", settings=whole)


def test_an_adapter_of_a_vocabulary_without_places_for_markers_is_refused_before_the_corpus_is_read(
    tiny_bert_without_unused: Path,
) -> None:
    encoder = TransformerEncoder(EncoderSettings(str(tiny_bert_without_unused), "C+M", "start", 64))
    with pytest.raises(SettingError, match="no place for marker tokens"):
        pretrain(unread(), encoder, settings={"adapter_rank": 2})


@pytest.mark.parametrize(
    ("objective", "given", "name"),
    [
        ("mtb", {"among": 4}, "among"),
        ("mtb", {"temperature": 0.1}, "temperature"),
        ("mtb", {"distinct_pairs": "true"}, "distinct_pairs"),
        ("cp", {"all_pairs": True}, "all_pairs"),
        ("cp", {"same_relation_negatives": True}, "same_relation_negatives"),
        ("cp", {"loss": "paper", "temperature": 0.1}, "temperature"),
    ],
)
def test_a_setting_without_effect_is_refused(objective: str, given: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingError, match=f"{name} has no effect with the"):
        settings_of(objective, given)


def give_head(folder: Path, *, seed: int) -> None:
    """Give a BERT a head for masked words, drawn from the seed; all else stays."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        drawn = BertForMaskedLM(BertConfig.from_pretrained(folder))
    drawn.bert.load_state_dict(BertModel.from_pretrained(folder, add_pooling_layer=False).state_dict())
    drawn.save_pretrained(folder)


@pytest.mark.parametrize("changed", ["arithmetic", "groups", "head"])
def test_work_in_progress_of_another_training_is_not_gone_on_with(
    changed: str, without_dropout: Path, few: list[RelationInstance], tmp_path: Path
) -> None:
    def steps(settings: dict[str, Any], batch_tokens: int, stop: int) -> list[int]:
        seen: list[int] = []

        def progress(stage: str, done: int, total: int | None) -> None:
            if stage == "pre-train":
                seen.append(done)
                stopping_at(stop)(stage, done, total)

        read_by = EncoderSettings(str(without_dropout), "C+M", "start", 64, batch_tokens=batch_tokens)
        with pytest.raises(StoppedError):
            pretrain(
                few,
                TransformerEncoder(read_by),
                settings={**QUICK, **settings},
                checkpoints=tmp_path / "work",
                progress=progress,
            )
        return seen

    if changed == "head":
        give_head(without_dropout, seed=0)
    assert steps({}, 2048, 2) == [0, 1, 2]
    assert steps({}, 2048, 3) == [2, 3]
    if changed == "head":
        give_head(without_dropout, seed=1)
    settings = {"dtype": "bfloat16"} if changed == "arithmetic" else {}
    assert steps(settings, 400 if changed == "groups" else 2048, 1) == [0, 1]
