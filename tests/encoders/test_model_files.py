from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from relscout.core.errors import ArtifactError
from relscout.encoders.settings import absolute, check_weights, locate, unknown_encoder


def test_known_weights_pass(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    check_weights(tmp_path, sha256(b"weights").hexdigest())


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ArtifactError, match=r"the bundled encoder is not the known one: .* pip install"):
        check_weights(tmp_path, sha256(b"weights").hexdigest())


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"incomplete: .*model\.safetensors: No such file .* pip install"):
        check_weights(tmp_path, sha256(b"weights").hexdigest())


def test_the_bundled_encoder_is_a_folder_of_a_package() -> None:
    assert (Path(locate("minilm")) / "model.safetensors").is_file()


def test_any_other_name_stays_as_it_is() -> None:
    assert locate("some/model") == "some/model"


def test_the_folder_of_a_model_is_made_absolute_but_not_the_name_of_a_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "minilm", "relation"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    told = [absolute(name) for name in ("mine", "minilm", "relation", "./relation", "some/model")]
    place = tmp_path.resolve()
    assert told == [str(place / "mine"), "minilm", "relation", str(place / "relation"), "some/model"]


@pytest.mark.parametrize(
    "name",
    ["miniLM", "minlm", "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "all-minilm-l12-v2"],
)
def test_a_name_like_the_bundled_one_is_told_the_bundled_one(name: str) -> None:
    assert "did you mean 'minilm'?" in str(unknown_encoder(name, "not found"))


def test_a_name_like_the_bundled_adapter_is_told_the_adapter() -> None:
    assert "did you mean 'relation'?" in str(unknown_encoder("relations", "not found"))


def test_a_name_unlike_the_bundled_one_gets_no_hint() -> None:
    message = str(unknown_encoder("some/bert", "not found"))
    assert "did you mean" not in message
    assert message.endswith("(not found)")
