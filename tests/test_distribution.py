"""What is built for others to install holds the package with its data, nothing else, and the version of the tag.

CI also installs the wheel in a new environment and runs it there: ``.ci/distribution``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_sdist, build_wheel

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "relscout"
DATA = [
    "py.typed",
    "data/corpus.jsonl.gz",
    "data/relation/adapter_config.json",
    "data/relation/adapter_model.safetensors",
    "data/relatedness/model/artifact.json",
    "data/relatedness/model/tensors.safetensors",
    "data/vocabulary/background.npy",
    "io/datasets/catalogue.yaml",
    "lab/presets/kmeans-bundled.yaml",
    "report/templates/report.html.j2",
    "report/templates/core.js",
    "report/templates/style.css",
]
#: What a source distribution has in addition to the package.
TOP = {
    ".gitignore",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
}


def wheel_of(folder: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Build the wheel of a project, which is named for its version, and return its name."""
    monkeypatch.chdir(folder)
    return build_wheel(str(to))


def source_of(folder: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Build the source distribution of a project and return its name."""
    monkeypatch.chdir(folder)
    return build_sdist(str(to))


def git(*arguments: str, folder: Path) -> None:
    """Run git as an author of its own, without the settings of this machine."""
    me = {
        f"GIT_{who}_{what}": "test@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *arguments]
    subprocess.run(command, cwd=folder, env=os.environ | me | alone, capture_output=True, check=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution of these files."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        return folder / wheel_of(ROOT, folder, patch), folder / source_of(ROOT, folder, patch)


@pytest.fixture(scope="module")
def in_wheel(built: tuple[Path, Path]) -> set[str]:
    with zipfile.ZipFile(built[0]) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def in_source(built: tuple[Path, Path]) -> set[str]:
    """Paths below the folder that the archive unpacks to."""
    with tarfile.open(built[1]) as source:
        return {name.split("/", maxsplit=1)[1] for name in source.getnames()}


@pytest.fixture(scope="module")
def package() -> set[str]:
    """Paths of the package's files below ``src``."""
    return {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one module that is built as relscout is, without a history."""
    folder = tmp_path / "project"
    module = folder / "src" / "relscout" / "__init__.py"
    module.parent.mkdir(parents=True)
    module.touch()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def checkout(project: Path) -> Path:
    """The project after one commit, without tags."""
    git("init", folder=project)
    git("add", ".", folder=project)
    git("commit", "-m", "first", folder=project)
    return project


def test_the_wheel_holds_the_package_and_its_description_only(in_wheel: set[str], package: set[str]) -> None:
    described = {name for name in in_wheel if name.split("/")[0].endswith(".dist-info")}
    assert in_wheel - described == package
    assert {name.split("/", maxsplit=1)[1] for name in described} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


@pytest.mark.parametrize("name", DATA)
def test_the_wheel_holds_the_data_that_the_package_reads(name: str, in_wheel: set[str]) -> None:
    assert f"relscout/{name}" in in_wheel


def test_every_preset_and_template_is_in_the_wheel(in_wheel: set[str]) -> None:
    for folder in ("lab/presets", "report/templates"):
        ours = {f"relscout/{folder}/{path.name}" for path in (PACKAGE / folder).iterdir() if path.is_file()}
        assert len(ours) > 5
        assert ours <= in_wheel


def test_the_source_distribution_holds_the_package_and_what_describes_it(
    in_source: set[str], package: set[str]
) -> None:
    assert in_source == {f"src/{name}" for name in package} | TOP


def test_wheel_and_source_distribution_are_of_one_version(built: tuple[Path, Path]) -> None:
    wheel, source = built
    assert wheel.name.split("-")[1] == source.name.removesuffix(".tar.gz").split("-")[1]


def test_files_without_history_have_a_development_version(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wheel_of(project, tmp_path, monkeypatch) == "relscout-0.1.0.dev0-py3-none-any.whl"


def test_a_checkout_without_tags_has_a_development_version(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wheel_of(checkout, tmp_path, monkeypatch).startswith("relscout-0.1.0.dev1+g")


def test_a_tag_is_the_version_and_its_source_distribution_keeps_it(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("tag", "v1.2.3", folder=checkout)
    assert source_of(checkout, tmp_path, monkeypatch) == "relscout-1.2.3.tar.gz"
    with tarfile.open(tmp_path / "relscout-1.2.3.tar.gz") as source:
        source.extractall(tmp_path, filter="data")
    assert wheel_of(tmp_path / "relscout-1.2.3", tmp_path, monkeypatch) == "relscout-1.2.3-py3-none-any.whl"
