"""``--encoder-config``: the settings of an encoder from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relscout.cli.options import Arithmetic, RelationEncoder, UntrainedEncoder
from relscout.core.errors import RelscoutError
from relscout.encoders import EncoderSettings


@pytest.fixture
def config(tmp_path):
    """Write a file and return its path."""

    def write(text: str, name: str = "encoder.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def settings(config):
    """Return the settings that a file in YAML and options describe."""

    def described(
        text: str, name: str | None = None, device: str | None = None, **options: object
    ) -> EncoderSettings:
        return UntrainedEncoder(name, config(text), device).settings(**options)

    return described


@pytest.fixture
def complaint(settings, tmp_path):
    """Return what is said of a file, which is named first."""

    def said(text: str) -> str:
        with pytest.raises(RelscoutError) as error:
            settings(text)
        assert str(error.value).startswith(str(tmp_path / "encoder.yaml"))
        return str(error.value).removeprefix(str(tmp_path / "encoder.yaml"))

    return said


def test_a_file_in_yaml_sets_what_it_names(settings):
    found = settings("marking: typed-markers\npooling: start@2\nmax_length: 64\ndtype: bfloat16\n")
    assert found == EncoderSettings(
        marking="typed-markers", pooling="start@2", max_length=64, dtype="bfloat16"
    )


def test_json_says_the_same(config):
    fields = {"marking": "OnlyC", "pooling": "start", "batch_tokens": 512}
    in_json = config("{\n\t" + json.dumps(fields)[1:], "encoder.json")
    in_yaml = config("marking: OnlyC\npooling: start\nbatch_tokens: 512\n")
    assert UntrainedEncoder(encoder_config=in_json).file_fields == fields
    assert UntrainedEncoder(encoder_config=in_yaml).file_fields == fields


def test_backend_and_dtype_take_precedence_over_the_file(config):
    file = config("dtype: bfloat16\nbackend: openvino\nmax_length: 64\n")
    chosen = RelationEncoder(encoder_config=file, arithmetic=Arithmetic(dtype="int8")).settings()
    assert (chosen.backend, chosen.dtype, chosen.max_length) == ("openvino", "int8", 64)


def test_a_dtype_that_the_backend_lacks_is_refused():
    with pytest.raises(RelscoutError, match="dtype 'int8' needs the backend 'openvino'"):
        RelationEncoder(arithmetic=Arithmetic(dtype="int8")).settings()


def test_without_a_file_all_is_as_usual():
    assert UntrainedEncoder().settings() == EncoderSettings()


def test_what_the_file_leaves_out_is_as_usual_for_the_command(settings):
    usual = EncoderSettings(marking="C+M", pooling="start", max_length=100)
    found = settings("marking: OnlyM\n", default=usual)
    assert (found.marking, found.pooling, found.max_length) == ("OnlyM", "start", 100)


def test_the_file_can_name_the_encoder_the_device_and_a_seed(settings):
    found = settings("model: relation\ndevice: cpu\nseed: 7\n", seed=3)
    assert (found.model, found.device, found.seed) == ("relation", "cpu", 7)


def test_options_take_precedence_over_the_file(settings):
    found = settings("model: relation\ndevice: mps\n", "minilm", device="cpu")
    assert (found.model, found.device) == ("minilm", "cpu")


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("marking: typed-marker", "typed-markers"),
        ("pooling: span-meen", "span-mean"),
        ("dtype: float23", "float32"),
        ("device: cud", "cuda"),
    ],
)
def test_an_unknown_name_is_reported_with_its_field_and_the_nearest(complaint, field, nearest):
    said = complaint(field)
    assert said.removeprefix(", line 1").startswith(f": unknown {field.partition(':')[0]} ")
    assert f"did you mean '{nearest}'?" in said


def test_all_unknown_fields_are_listed_with_the_nearest_known_ones(complaint):
    assert complaint("markng: none\nlayers: 3\nmax-length: 64\n") == (
        ": unknown fields 'markng' (did you mean 'marking'?), 'layers' (did you mean 'types'?), "
        "'max-length' (did you mean 'max_length'?); known are model, marking, pooling, max_length, dtype, "
        "backend, device, batch_tokens, seed, types"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_length: 3", ": max_length is 3, but two entities"),
        ("max_length: long", ", line 1: max_length is 'long', expected a whole number"),
        ("max_length: 12.5", ", line 1: max_length is 12.5, expected a whole number"),
        ("pooling: 3", ", line 1: pooling is 3, expected a text"),
        ("marking:", ", line 1: marking is None, expected a text"),
        ("pooling: mask", ": pooling 'mask' reads the [MASK] of marking 'prompt'"),
        ("batch_tokens: 50", ": batch_tokens is 50, less than one input of max_length 128"),
    ],
)
def test_a_value_that_cannot_work_is_reported_with_its_field(complaint, text, said):
    assert complaint(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " is empty; expected a mapping of model, marking, "),
        ("- marking", " is ['marking']; expected a mapping of model, "),
        ("marking: none\nmarking: prompt", ", line 2: the key 'marking' is given twice"),
        ("marking: [", ", line 1: "),
    ],
)
def test_a_file_that_is_no_mapping(complaint, text, said):
    assert complaint(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"marking": "none",\n', "encoder.json, line 2: "),
        ('{"seed": 1, "seed": 2}', "encoder.json: the key 'seed' is given twice"),
    ],
)
def test_json_that_is_malformed(config, text, said):
    with pytest.raises(RelscoutError, match=said):
        _ = UntrainedEncoder(encoder_config=config(text, "encoder.json")).file_fields


def test_a_device_that_the_option_names_is_no_fault_of_the_file(config):
    encoder = UntrainedEncoder(encoder_config=config("marking: none\n"), device="cud")
    with pytest.raises(RelscoutError, match=r"^unknown device 'cud'"):
        encoder.settings()


def test_a_file_that_is_wrong_is_refused_before_anything_is_read(refused, config):
    path = config("polling: start")
    said = refused("discover", "nowhere.jsonl", "--no-cache", "--encoder-config", path)
    assert f"{path}: unknown field 'polling' (did you mean 'pooling'?)" in said


def test_a_file_that_is_not_there(refused, good):
    said = refused("discover", good, "--no-cache", "--encoder-config", "nowhere.yaml")
    assert said == "error: nowhere.yaml: No such file or directory\n"
