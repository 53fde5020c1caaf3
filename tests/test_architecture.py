from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import relscout

PACKAGE = Path(__file__).parents[1] / "src" / "relscout"
TESTS = Path(__file__).parent

#: The packages of each layer, lowest first. A package imports packages of lower layers only. The packages inside ``io``
#: count on their own: they do not import each other.
LAYERS = (
    {"core"},
    {"io.packing", "io.formulas", "io.shards"},
    {
        "io",
        "io.readers",
        "io.writers",
        "io.datasets",
        "metrics",
        "naming",
        "clustering",
        "alignment",
    },
    {"text"},
    {"encoders"},
    {"training"},
    {"methods", "pretraining", "finetuning"},
    {"discovery"},
    {"report", "distributed"},
    # the review application has the design of the report
    {"serve"},
    {"lab"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
LAYER_OF = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}

LEARNING = {"encoders", "training", "methods", "pretraining", "finetuning"}
#: Heavy library → the packages that may import it.
HOMES = {
    # adaptive clustering trains a mapping, and imports torch where it does
    "torch": LEARNING | {"clustering", "text"},
    # token classifiers are annotators of text
    "transformers": LEARNING | {"text"},
    "typer": {"cli"},
    "rich": {"cli"},
    "fastapi": {"serve"},
    "uvicorn": {"serve"},
    "prometheus_client": {"serve"},
    "spacy": {"io.readers", "text", "serve"},
    "neo4j": {"io.writers"},
    "pyoxigraph": {"io.writers"},
    "ray": {"distributed"},
    "openvino": {"encoders"},
    "accelerate": {"pretraining"},
    "matplotlib": {"lab", "report"},
}

#: Libraries that must not be loaded with a light package.
HEAVY = {*HOMES, "sklearn"}
LIGHT_PACKAGES = LAYERS[0] | LAYERS[1] | LAYERS[2] | {"text", "report", "__init__"}


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its package, its syntax tree."""

    name: str
    package: str
    path: Path
    tree: ast.Module


@dataclass(frozen=True)
class Import:
    """One imported name, spelled in full, and where it is imported."""

    name: str
    line: int

    @property
    def package(self) -> str:
        return package_of(self.name)

    @property
    def library(self) -> str:
        return self.name.split(".")[0]


def package_of(name: str) -> str:
    _, *inside = name.split(".")
    if not inside:
        return "__init__"
    return ".".join(inside[: 2 if inside[0] == "io" else 1])


def load(package: Path) -> dict[str, Module]:
    """Return the modules below ``package`` by their dotted names."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found[name] = Module(name, package_of(name), path, tree)
    return found


def imports(module: Module, modules: dict[str, Module]) -> Iterator[Import]:
    """Yield all imports of a module: at the top, inside functions and for type checking."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if inner in modules else node.module, node.lineno)


def upward_imports(modules: dict[str, Module]) -> list[str]:
    return [
        f"{module.name}:{found.line} imports {found.name}"
        for module in modules.values()
        for found in imports(module, modules)
        if found.library == "relscout"
        and found.package != module.package
        and LAYER_OF[found.package] >= LAYER_OF[module.package]
    ]


def strayed_libraries(modules: dict[str, Module]) -> list[str]:
    return [
        f"{module.name}:{found.line} imports {found.name}, at home in {', '.join(sorted(homes))}"
        for module in modules.values()
        for found in imports(module, modules)
        if (homes := HOMES.get(found.library)) and module.package not in homes
    ]


def cycle(modules: dict[str, Module]) -> list[str]:
    """Return the names of modules that import each other in a ring; empty where there is none."""
    graph = {
        name: {found.name for found in imports(module, modules) if found.name in modules}
        for name, module in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return load(PACKAGE)


def listed(lines: list[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)


def test_every_package_belongs_to_a_layer(modules: dict[str, Module]) -> None:
    without = sorted({module.package for module in modules.values()} - LAYER_OF.keys())
    assert not without, f"{', '.join(without)}: choose the layer of the package and add it to LAYERS"


def test_the_package_of_packages_only_groups_them(modules: dict[str, Module]) -> None:
    assert list(imports(modules["relscout.io"], modules)) == []


def test_the_top_level_fits_on_one_screen() -> None:
    entries = sorted(path.name for path in PACKAGE.iterdir() if path.name != "__pycache__")
    assert len(entries) <= 22, f"move a part of these into a package: {', '.join(entries)}"


def test_imports_are_spelled_in_full(modules: dict[str, Module]) -> None:
    relative = [
        f"{module.name}:{node.lineno}"
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, f"write these relative imports as `from relscout.…`:{listed(relative)}"


def test_packages_import_lower_layers_only(modules: dict[str, Module]) -> None:
    found = upward_imports(modules)
    assert not found, f"move what is needed to a lower layer, or pass it as an argument:{listed(found)}"


def test_no_modules_import_each_other_in_a_ring(modules: dict[str, Module]) -> None:
    ring = cycle(modules)
    assert not ring, f"move what both sides need into a module of its own: {' → '.join(ring)}"


def test_heavy_libraries_stay_in_their_packages(modules: dict[str, Module]) -> None:
    found = strayed_libraries(modules)
    assert not found, f"call the package that may import the library instead:{listed(found)}"


def test_light_packages_load_no_heavy_library(modules: dict[str, Module]) -> None:
    light = sorted(name for name, module in modules.items() if module.package in LIGHT_PACKAGES)
    loaded = loaded_with(light, among=HEAVY)
    assert not loaded, (
        f"import {', '.join(loaded)} inside the functions that need it, not at the top of a file"
    )


def test_a_run_on_marked_pairs_loads_nothing_that_only_other_runs_need(modules: dict[str, Module]) -> None:
    run = ["cli.app", "cli.discover", "discovery", "io.readers.jsonl", "methods.kmeans"]
    others = {
        *("core.config_files", "core.plugins", "clustering.adaptive", "clustering.choose_k"),
        *("discovery.decisions", "discovery.earlier", "discovery.evaluation", "discovery.refinement"),
        *("io.readers.parquet", "io.readers.rows", "io.readers.table", "io.readers.tokens"),
        *("io.readers.unknown", "io.writers", "methods.unrelated", "metrics", "naming.parsed", "report"),
        *("text.documents", "text.entities", "text.pairs", "text.spacy_pipeline"),
    }
    loaded = loaded_with([f"relscout.{name}" for name in run], among=set(modules))
    assert not {f"relscout.{name}" for name in others} & set(loaded)
    assert len(loaded) <= 58, f"import what such a run does not need inside functions:{listed(loaded)}"


def loaded_with(names: list[str], *, among: set[str]) -> list[str]:
    """Import modules in a fresh interpreter and return which libraries came along."""
    code = f"import sys, {', '.join(names)}; print(*sorted({among!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_library_never_prints(modules: dict[str, Module]) -> None:
    prints = [
        f"{module.name}:{node.lineno}"
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not prints, (
        f"return it or tell it through `progress`; only the command line speaks:{listed(prints)}"
    )


def test_every_module_says_what_it_is_for(modules: dict[str, Module]) -> None:
    silent = [name for name, module in modules.items() if not ast.get_docstring(module.tree)]
    assert not silent, f"add a docstring that tells the one purpose of the module:{listed(silent)}"


def test_public_names_are_sorted() -> None:
    assert list(relscout.__all__) == sorted(relscout.__all__), "sort __all__ of relscout/__init__.py"


def test_every_public_name_is_there() -> None:
    missing = [name for name in relscout.__all__ if not hasattr(relscout, name)]
    assert not missing, f"define them or take them out of __all__ of relscout/__init__.py:{listed(missing)}"


@pytest.mark.parametrize(
    ("importer", "line", "complaint"),
    [
        ("metrics", "from relscout.encoders import Encoder", "relscout.metrics:1 imports relscout.encoders"),
        (
            "io.readers",
            "from relscout.io import writers",
            "relscout.io.readers:1 imports relscout.io.writers",
        ),
        ("metrics", "def f():\n    import relscout.cli", "relscout.metrics:2 imports relscout.cli"),
        ("methods", "if TYPE_CHECKING:\n    import relscout", "relscout.methods:2 imports relscout"),
    ],
)
def test_an_upward_import_is_found_wherever_it_hides(
    tmp_path: Path, importer: str, line: str, complaint: str
) -> None:
    assert upward_imports(small_package(tmp_path, {importer: line, "io.writers": ""})) == [complaint]


def test_a_downward_import_is_welcome(tmp_path: Path) -> None:
    lines = {"methods": "from relscout.encoders import Encoder", "core.files": "import relscout.core.errors"}
    assert upward_imports(small_package(tmp_path, lines)) == []


def test_a_ring_inside_a_package_is_found(tmp_path: Path) -> None:
    lines = {
        "core.files": "from relscout.core import errors",
        "core.errors": "def f():\n    import relscout.core.files",
    }
    assert set(cycle(small_package(tmp_path, lines))) == {"relscout.core.files", "relscout.core.errors"}


def test_a_heavy_library_away_from_home_is_found(tmp_path: Path) -> None:
    lines = {"discovery": "def f():\n    from torch.nn import Linear", "encoders": "import torch"}
    (complaint,) = strayed_libraries(small_package(tmp_path, lines))
    assert complaint.startswith("relscout.discovery:2 imports torch.nn")


def test_a_library_that_comes_along_is_found() -> None:
    assert loaded_with(["json"], among={"json", "torch"}) == ["json"]


def small_package(folder: Path, sources: dict[str, str]) -> dict[str, Module]:
    """Write modules, by their names without ours, into an empty package of our name and load it."""
    package = folder / "relscout"
    for name, source in sources.items():
        path = package.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return load(package)


def private_names(modules: dict[str, Module]) -> set[str]:
    """Return the names with a leading underscore that the package defines, without those that notebooks call."""
    names: set[str] = set()
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return {name for name in names if re.fullmatch(r"_[A-Za-z]\w*", name) and name != "_repr_html_"}


def private_uses(tree: ast.Module, private: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and name of each private name of the package in a test, also in code that it holds as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("relscout"):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in private)
        elif isinstance(node, ast.Attribute) and node.attr in private:
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                yield node.lineno, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("attr", "patch.object")):
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            yield from ((node.lineno, text) for text in texts if text in private)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "relscout" in node.value:
            words = re.findall(r"(?:\.|\bimport |, )(_[A-Za-z]\w*)", node.value)
            yield from ((node.lineno, word) for word in words if word in private)


def test_tests_use_no_private_name(modules: dict[str, Module]) -> None:
    private = private_names(modules)
    uses = [
        f"{path.relative_to(TESTS)}:{line} uses {name}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for line, name in private_uses(ast.parse(path.read_text(encoding="utf-8")), private)
    ]
    assert not uses, f"test what a user sees, or make the name public:{listed(uses)}"


@pytest.mark.parametrize(
    "code",
    [
        "from relscout.text import _limit",
        "import relscout.text as text; text._limit()",
        "model.fit(texts)._limit",
        "getattr(model, '_limit')",
        "monkeypatch.setattr(text, '_limit', 3)",
        "monkeypatch.setattr('relscout.text._limit', 3)",
        "code = 'from relscout.text import spans, _limit'",
    ],
)
def test_private_names_in_tests_are_noticed(code: str) -> None:
    assert list(private_uses(ast.parse(code), {"_limit"})) == [(1, "_limit")]


@pytest.mark.parametrize(
    "code", ["self._limit = 3", "torch.load._limits", "from torch import _limit", "f'{size}_limit'"]
)
def test_private_names_of_others_are_allowed(code: str) -> None:
    assert list(private_uses(ast.parse(code), {"_limit"})) == []
