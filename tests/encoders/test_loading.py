from __future__ import annotations

import json
import shutil
from io import StringIO
from logging import INFO, StreamHandler
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5Config, ViTConfig
from transformers.utils import logging

from relscout.core.errors import SettingError
from relscout.encoders.transformer import load_config, load_tokenizer, load_weights


@pytest.fixture
def copy(tiny_bert: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT that a test may break."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


@pytest.mark.parametrize("load", [load_config, load_tokenizer, lambda model: load_weights(model)])
def test_loading_prints_nothing(load: Any, tiny_bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(str(tiny_bert))
    assert capfd.readouterr() == ("", "")


def test_loading_leaves_the_random_numbers_of_the_program_alone(tiny_bert: Path) -> None:
    state = torch.get_rng_state()
    assert "pooler.dense.weight" in load_weights(str(tiny_bert)).state_dict()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_checkpoint_with_weights_for_another_task_loads_without_a_word(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    save_file(
        {**weights, "cls.predictions.bias": torch.zeros(9)}, copy / "model.safetensors", {"format": "pt"}
    )
    # transformers prints through this logger, to a stream that it took hold of when it was imported
    heard = StringIO()
    handler = StreamHandler(heard)
    logging.add_handler(handler)
    try:
        load_weights(str(copy))
    finally:
        logging.remove_handler(handler)
    assert heard.getvalue() == ""


@pytest.mark.parametrize("bars", [True, False])
def test_what_transformers_prints_elsewhere_stays_as_it_was(bars: bool, tiny_bert: Path) -> None:
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity_info()
        (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
        load_config(str(tiny_bert))
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (INFO, bars)
    finally:
        logging.set_verbosity(verbosity)
        (logging.enable_progress_bar if had_bars else logging.disable_progress_bar)()


@pytest.mark.parametrize("load", [load_config, load_tokenizer, lambda model: load_weights(model)])
def test_a_folder_that_is_no_model_is_told(load: Any, tmp_path: Path) -> None:
    with pytest.raises(
        SettingError,
        match=r"cannot load encoder .*: expected 'relation' or 'minilm' .* a folder with a Hugging",
    ) as told:
        load(str(tmp_path))
    assert "\n" not in str(told.value)


def test_a_name_that_nobody_knows_is_told() -> None:
    with pytest.raises(SettingError, match=r"cannot load encoder 'minilmm': did you mean 'minilm'\?") as told:
        load_config("minilmm")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["", "a b", "a/b/c", "../..", "\x00"])
def test_a_name_that_cannot_be_one_is_told(name: str) -> None:
    with pytest.raises(SettingError, match="cannot load encoder"):
        load_config(name)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 100])
def test_a_broken_file_is_told(name: str, content: bytes, copy: Path) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(SettingError, match="cannot load encoder"):
        load_config(str(copy)), load_tokenizer(str(copy)), load_weights(str(copy))


def test_a_checkpoint_cut_short_is_told(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(SettingError, match="cannot load encoder"):
        load_weights(str(copy))


def test_a_checkpoint_that_lacks_weights_is_told(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["encoder.layer.2.output.dense.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        SettingError, match=r"lack 1 weights of a bert model, such as 'encoder\.layer\.2\.output"
    ):
        load_weights(str(copy))


def test_a_checkpoint_may_lack_the_pooler(tiny_bert: Path) -> None:
    assert not any("pooler" in name for name in load_file(tiny_bert / "model.safetensors"))
    load_weights(str(tiny_bert))


@pytest.mark.parametrize("config", [T5Config(), ViTConfig()], ids=["encoder-decoder", "images"])
def test_a_model_that_does_not_only_encode_text_is_refused(config: Any, tmp_path: Path) -> None:
    config.save_pretrained(tmp_path)
    with pytest.raises(SettingError, match="expected one that only encodes text, like BERT"):
        load_config(str(tmp_path))


def test_code_that_comes_with_a_model_is_never_run(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "ours", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "code.py").write_text(f"open({str(copy / 'ran')!r}, 'w')")
    with pytest.raises(SettingError, match="cannot load encoder"):
        load_config(str(copy))
    assert not (copy / "ran").exists()


def test_weights_of_low_precision_are_read_as_float32(tiny_bert: Path, tmp_path: Path) -> None:
    load_weights(str(tiny_bert)).bfloat16().save_pretrained(tmp_path)
    assert load_weights(str(tmp_path)).dtype == torch.float32


def test_a_model_is_loaded_frozen_and_for_evaluation(tiny_bert: Path) -> None:
    model = load_weights(str(tiny_bert))
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
