from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.files import CONTENTS, Artifact, load_artifact, save_artifact

ARTIFACT = Artifact(
    kind="model",
    settings={
        "seed": 3,
        "share": 0.1 + 0.2,
        "name": "naïve 👩",
        "nothing": None,
        "nested": {"list": [1, "2"]},
    },
    tensors={
        "centroids": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        "labels": np.array([2, 1, 0]),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "scalar": np.array(2.5, dtype=np.float32),
    },
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "model", ARTIFACT)
    return tmp_path / "model"


def test_an_artifact_comes_back_as_it_was(folder: Path) -> None:
    loaded = load_artifact(folder)
    assert (loaded.kind, loaded.settings) == (ARTIFACT.kind, ARTIFACT.settings)
    assert loaded.tensors.keys() == ARTIFACT.tensors.keys()
    for name, array in ARTIFACT.tensors.items():
        assert loaded.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.tensors[name], array)


def test_an_array_may_lie_in_memory_as_it_likes(tmp_path: Path) -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    save_artifact(tmp_path / "model", Artifact("model", {}, {"turned": turned}))
    np.testing.assert_array_equal(load_artifact(tmp_path / "model").tensors["turned"], turned)


def test_the_folder_holds_the_promised_files(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == CONTENTS


def test_the_same_artifact_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_artifact(tmp_path / "again", load_artifact(folder))
    for name in CONTENTS:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_an_older_artifact_is_replaced(folder: Path) -> None:
    save_artifact(folder, Artifact("other", {}, {"one": np.ones(1)}))
    assert load_artifact(folder).kind == "other"


def test_a_folder_with_other_files_is_not_written_to(folder: Path) -> None:
    (folder / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"the folder holds 'thesis\.tex'"):
        save_artifact(folder, ARTIFACT)


def test_settings_that_json_cannot_hold_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_artifact(tmp_path / "model", Artifact("model", {"array": np.ones(2)}, {}))
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_no_unicode_can_be_a_setting(tmp_path: Path) -> None:
    save_artifact(tmp_path / "model", Artifact("model", {"encoder": "mod\udce9le"}, {}))
    assert load_artifact(tmp_path / "model").settings == {"encoder": "mod\udce9le"}


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is not a saved model: .*there is no such folder"):
        load_artifact(tmp_path / "nothing")


def test_a_folder_of_something_else_is_told_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ArtifactError, match=r"is not a saved model: .*it holds thesis\.tex"):
        load_artifact(tmp_path)


def described(folder: Path, **changes: object) -> None:
    file = folder / "artifact.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), encoding="utf-8")


def test_a_newer_format_asks_for_an_update(folder: Path) -> None:
    described(folder, format=2)
    with pytest.raises(ArtifactError, match="has format 2, this relscout reads format 1; update relscout"):
        load_artifact(folder)


@pytest.mark.parametrize("settings", [None, 3, "text", ["a"]])
def test_settings_that_are_no_settings_are_damage(folder: Path, settings: object) -> None:
    described(folder, settings=settings)
    with pytest.raises(ArtifactError, match=r"artifact\.json is damaged"):
        load_artifact(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', "\x00"])
def test_a_damaged_description_is_told(folder: Path, text: str) -> None:
    (folder / "artifact.json").write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"artifact\.json is damaged .*; save the model again"):
        load_artifact(folder)


def test_changed_tensors_are_told(folder: Path) -> None:
    file = folder / "tensors.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match="was changed after it was saved"):
        load_artifact(folder)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"short")])
def test_missing_or_cut_tensors_are_told(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "tensors.safetensors")
    with pytest.raises(ArtifactError, match=r"tensors\.safetensors .*save the model again"):
        load_artifact(folder)


def test_tensors_of_another_kind_are_told_even_with_their_hash(folder: Path) -> None:
    from hashlib import sha256

    (folder / "tensors.safetensors").write_bytes(b"no tensors")
    described(folder, tensors_sha256=sha256(b"no tensors").hexdigest())
    with pytest.raises(ArtifactError, match="is missing or damaged"):
        load_artifact(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38, -1e38])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_with_which_nothing_can_be_computed_are_refused(
    tmp_path: Path, value: float, dtype: type[np.floating]
) -> None:
    centroids = np.ones((3, 4), dtype=dtype)
    centroids[1, 2] = value
    save_artifact(tmp_path / "model", Artifact("model", {}, {"centroids": centroids}))
    with pytest.raises(ArtifactError, match=r"'centroids' has a value that is NaN or above 2e\+19"):
        load_artifact(tmp_path / "model")


@pytest.mark.parametrize("change", ["shorter", "missing"])
def test_arrays_of_other_shapes_are_refused_even_with_their_hash(folder: Path, change: str) -> None:
    from hashlib import sha256

    from safetensors.numpy import save

    tensors = dict(ARTIFACT.tensors)
    if change == "missing":
        del tensors["centroids"]
    else:
        tensors["centroids"] = np.ascontiguousarray(tensors["centroids"][:-1])
    (folder / "tensors.safetensors").write_bytes(save(tensors))
    described(folder, tensors_sha256=sha256(save(tensors)).hexdigest())
    with pytest.raises(ArtifactError, match="has arrays of the shapes"):
        load_artifact(folder)


@pytest.mark.parametrize("kind", [None, 3, ["kmeans"], {"kmeans": 1}])
def test_a_kind_that_is_no_text_is_damage(folder: Path, kind: object) -> None:
    described(folder, kind=kind)
    with pytest.raises(ArtifactError, match=r"artifact\.json is damaged"):
        load_artifact(folder)


def test_a_threshold_may_be_infinite_but_must_be_a_number(tmp_path: Path) -> None:
    for value in (np.inf, np.nan):
        thresholds = np.array([0.5, value], dtype=np.float32)
        save_artifact(tmp_path / str(value), Artifact("model", {}, {"trees.threshold": thresholds}))
    assert load_artifact(tmp_path / "inf").tensors["trees.threshold"][1] == np.inf
    with pytest.raises(ArtifactError, match=r"'trees\.threshold' has a value that is NaN"):
        load_artifact(tmp_path / "nan")
