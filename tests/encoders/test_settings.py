from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.encoders import EncoderSettings


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EncoderSettings().marking = "markers"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("setting", "value", "nearest"),
    [
        ("marking", "marker", "markers"),
        ("dtype", "float23", "float32"),
        ("device", "gpu:cuda", "cuda"),
        ("device", "cuda:", "cuda"),
        ("device", "cuda:x", "cuda"),
        ("pooling", "cls+span-meen@3", "span-mean"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(setting: str, value: str, nearest: str) -> None:
    given: dict[str, Any] = {setting: value}
    with pytest.raises(UnknownNameError, match=f"unknown {setting} .*: did you mean '{nearest}"):
        EncoderSettings(**given)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "mps", "cuda:0", "cuda:12"])
def test_every_kind_of_device_is_accepted(device: str) -> None:
    assert EncoderSettings(device=device).device == device


@pytest.mark.parametrize("max_length", [-1, 0, 31])
def test_inputs_too_short_for_two_entities_are_refused(max_length: int) -> None:
    with pytest.raises(
        SettingError, match=rf"max_length is {max_length}, but two entities .* need 32 tokens"
    ):
        EncoderSettings(max_length=max_length)


def test_a_batch_must_hold_one_input() -> None:
    with pytest.raises(SettingError, match="batch_tokens is 127, less than one input of max_length 128"):
        EncoderSettings(batch_tokens=127)


def test_the_mask_is_read_of_a_prompt_only() -> None:
    with pytest.raises(SettingError, match=r"pooling 'mask' reads the .* but marking is 'markers'"):
        EncoderSettings(pooling="cls+mask", marking="markers")
    assert EncoderSettings(pooling="cls+mask", marking="prompt").pooling == "cls+mask"
