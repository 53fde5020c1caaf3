from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import InputWarning, MissingExtraError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.training.stored import portable, stored_encoder

POOLING = "start@1+span-mean@2+between+cls@0+sentence"
#: Rounding to int8 moves a vector further.
COSINE = {"float32": 0.999999, "int8": 0.999}

openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of their own for the tests, in which each model is converted once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "relscout" / "openvino"


def settings(model: Path, dtype: str = "float32", backend: str = "openvino") -> EncoderSettings:
    given: dict[str, Any] = {"dtype": dtype, "backend": backend}
    return EncoderSettings(model=str(model), pooling=POOLING, device="cpu", **given)


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray(np.einsum("nd,nd->n", first, second) / lengths)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_openvino_computes_the_vectors_of_pytorch(
    tiny_bert: Path, few: list[RelationInstance], dtype: str
) -> None:
    expected = TransformerEncoder(settings(tiny_bert, backend="torch")).encode(few)
    vectors = TransformerEncoder(settings(tiny_bert, dtype)).encode(few)
    assert cosines(vectors, expected).min() > COSINE[dtype]
    assert (np.abs(vectors - expected).max() > 1e-4) == (dtype == "int8")


def test_a_model_of_another_architecture_is_converted_or_refused_but_never_wrong(
    tiny_roberta: Path, few: list[RelationInstance]
) -> None:
    expected = TransformerEncoder(replace(settings(tiny_roberta), backend="torch")).encode(few)
    vectors = TransformerEncoder(settings(tiny_roberta)).encode(few)
    assert cosines(vectors, expected).min() > COSINE["float32"]


def test_the_order_of_the_input_changes_no_bit(tiny_bert: Path, few: list[RelationInstance]) -> None:
    encoder = TransformerEncoder(settings(tiny_bert, "int8"))
    np.testing.assert_array_equal(encoder.encode(few[::-1])[::-1], encoder.encode(few))


def test_the_converted_model_is_kept_and_a_damaged_one_converted_again(
    tiny_bert: Path, few: list[RelationInstance], empty_cache: Path
) -> None:
    vectors = TransformerEncoder(settings(tiny_bert)).encode(few)
    (stored,) = empty_cache.iterdir()
    written = (stored / "model.xml").stat().st_mtime_ns
    np.testing.assert_array_equal(TransformerEncoder(settings(tiny_bert)).encode(few), vectors)
    assert (stored / "model.xml").stat().st_mtime_ns == written
    (stored / "model.xml").write_text("<net", encoding="utf-8")
    np.testing.assert_array_equal(TransformerEncoder(settings(tiny_bert)).encode(few), vectors)


def test_trained_weights_are_those_that_run(tiny_bert: Path, few: list[RelationInstance]) -> None:
    plain = TransformerEncoder(settings(tiny_bert))
    name, weight = next(
        (name, weight) for name, weight in plain.model.named_parameters() if "output.dense.weight" in name
    )
    weights = {name: weight.numpy() * np.float32(2)}
    expected = TransformerEncoder(settings(tiny_bert, backend="torch"), weights=weights).encode(few)
    vectors = TransformerEncoder(settings(tiny_bert), weights=weights).encode(few)
    assert cosines(vectors, expected).min() > COSINE["float32"]
    assert cosines(vectors, plain.encode(few)).min() < COSINE["float32"]


def test_cached_vectors_of_one_backend_are_not_those_of_another(
    tiny_bert: Path, few: list[RelationInstance]
) -> None:
    stored = VectorCache()
    by_torch = TransformerEncoder(settings(tiny_bert, backend="torch"), cache=stored)
    by_openvino = TransformerEncoder(settings(tiny_bert, "int8"), cache=stored)
    assert by_torch.fingerprint == by_openvino.fingerprint
    assert np.abs(by_torch.encode(few) - by_openvino.encode(few)).max() > 1e-4


def test_without_the_extra_the_error_names_it(
    tiny_bert: Path, few: list[RelationInstance], empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'relscout\[openvino\]'"):
        TransformerEncoder(settings(tiny_bert)).encode(few)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"dtype": "int8"}, "needs the backend 'openvino'"),
        ({"backend": "openvino", "dtype": "float16"}, "float32, bfloat16 or int8, not in 'float16'"),
        ({"backend": "openvino", "device": "cuda"}, "runs on the processor, but device is 'cuda'"),
        ({"backend": "openvin"}, "did you mean 'openvino'"),
    ],
)
def test_what_a_backend_cannot_do_is_refused(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingError, match=expected):
        EncoderSettings(**given)


def test_an_encoder_with_other_arithmetic_than_that_of_the_fit_is_warned_of(tiny_bert: Path) -> None:
    fitted = TransformerEncoder(settings(tiny_bert, "int8"))
    values = portable(fitted)
    assert (values["backend"], values["dtype"]) == ("openvino", "int8")
    other = TransformerEncoder(settings(tiny_bert, backend="torch"))
    with pytest.warns(InputWarning, match=r"openvino in int8.*torch in float32.*\.999 with int8"):
        stored_encoder(values, {}, fingerprint=fitted.fingerprint, given=other)
    assert stored_encoder(values, {}, fingerprint=fitted.fingerprint, given=fitted) is fitted
