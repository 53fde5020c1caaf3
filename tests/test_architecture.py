from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import relscout

PACKAGE = Path(__file__).parents[1] / "src" / "relscout"

#: The rooms of each floor. A room imports lower floors only; the package's own ``__init__`` is a room too.
FLOORS = (
    {
        "errors",
        "instances",
        "parses",
        "triples",
        "files",
        "artifacts",
        "progress",
        "seeding",
        "config",
        "ranges",
        "wording",
        "excerpts",
        "lines",
        "names",
        "parameters",
        "plugins",
    },
    {
        "readers",
        "writers",
        "metrics",
        "naming",
        "text",
        "clustering",
        "datasets",
        "drawing",
        "alignment",
    },
    {"encoders", "corpus"},
    {"training"},
    {"methods", "pretraining", "finetuning"},
    {"discovery"},
    {"report", "experiments", "serving", "analysis"},
    {"__init__"},
    {"cli"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

LEARNING = {"encoders", "training", "methods", "pretraining", "finetuning"}
#: Heavy library → the rooms that may import it.
HOMES = {
    # adaptive clustering trains a mapping, and imports torch where it does
    "torch": LEARNING | {"clustering", "text"},
    # token classifiers are annotators of text
    "transformers": LEARNING | {"text"},
    "typer": {"cli"},
    "rich": {"cli"},
    "fastapi": {"serving"},
    "spacy": {"readers", "text"},
    "ray": {"encoders"},
    "accelerate": {"pretraining"},
    "matplotlib": {"drawing", "experiments", "report"},
}

#: What must not come along with a light room.
HEAVY = {*HOMES, "sklearn"}
LIGHT_ROOMS = FLOORS[0] | FLOORS[1] | {"report", "__init__"}


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its room, its syntax tree."""

    name: str
    room: str
    path: Path
    tree: ast.Module


@dataclass(frozen=True)
class Import:
    """One imported name, spelled in full, and where it is imported."""

    name: str
    line: int

    @property
    def room(self) -> str:
        return room_of(self.name)

    @property
    def library(self) -> str:
        return self.name.split(".")[0]


def room_of(name: str) -> str:
    _, *inside = name.split(".")
    return inside[0] if inside else "__init__"


def load(package: Path) -> dict[str, Module]:
    """Return the modules below ``package`` by their dotted names."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found[name] = Module(name, room_of(name), path, tree)
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
        and found.room != module.room
        and FLOOR_OF[found.room] >= FLOOR_OF[module.room]
        and not FLOOR_OF[found.room] == FLOOR_OF[module.room] == 0
    ]


def strayed_libraries(modules: dict[str, Module]) -> list[str]:
    return [
        f"{module.name}:{found.line} imports {found.name}, at home in {', '.join(sorted(homes))}"
        for module in modules.values()
        for found in imports(module, modules)
        if (homes := HOMES.get(found.library)) and module.room not in homes
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


def test_every_room_stands_on_a_floor(modules: dict[str, Module]) -> None:
    homeless = sorted({module.room for module in modules.values()} - FLOOR_OF.keys())
    assert not homeless, f"{', '.join(homeless)}: decide on which floor the room stands and add it to FLOORS"


def test_imports_are_spelled_in_full(modules: dict[str, Module]) -> None:
    relative = [
        f"{module.name}:{node.lineno}"
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, f"write these relative imports as `from relscout.…`:{listed(relative)}"


def test_rooms_import_lower_floors_only(modules: dict[str, Module]) -> None:
    found = upward_imports(modules)
    assert not found, f"move what is needed to a lower floor, or hand it in as an argument:{listed(found)}"


def test_no_modules_import_each_other_in_a_ring(modules: dict[str, Module]) -> None:
    ring = cycle(modules)
    assert not ring, f"move what both sides need into a module of its own: {' → '.join(ring)}"


def test_heavy_libraries_stay_in_their_rooms(modules: dict[str, Module]) -> None:
    found = strayed_libraries(modules)
    assert not found, f"call the room that has the library instead:{listed(found)}"


def test_light_rooms_load_no_heavy_library(modules: dict[str, Module]) -> None:
    light = sorted(name for name, module in modules.items() if module.room in LIGHT_ROOMS)
    loaded = loaded_with(light, among=HEAVY)
    assert not loaded, (
        f"import {', '.join(loaded)} inside the functions that need it, not at the top of a file"
    )


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
        ("readers", "from relscout import writers", "relscout.readers:1 imports relscout.writers"),
        ("metrics", "def f():\n    import relscout.cli", "relscout.metrics:2 imports relscout.cli"),
        ("methods", "if TYPE_CHECKING:\n    import relscout", "relscout.methods:2 imports relscout"),
    ],
)
def test_an_upward_import_is_found_wherever_it_hides(
    tmp_path: Path, importer: str, line: str, complaint: str
) -> None:
    assert upward_imports(small_house(tmp_path, {importer: line, "writers": ""})) == [complaint]


def test_a_downward_import_is_welcome(tmp_path: Path) -> None:
    lines = {"methods": "from relscout.encoders import Encoder", "files": "import relscout.errors"}
    assert upward_imports(small_house(tmp_path, lines)) == []


def test_a_ring_inside_a_floor_is_found(tmp_path: Path) -> None:
    lines = {"files": "from relscout import errors", "errors": "def f():\n    import relscout.files"}
    assert set(cycle(small_house(tmp_path, lines))) == {"relscout.files", "relscout.errors"}


def test_a_heavy_library_away_from_home_is_found(tmp_path: Path) -> None:
    lines = {"discovery": "def f():\n    from torch.nn import Linear", "encoders": "import torch"}
    (complaint,) = strayed_libraries(small_house(tmp_path, lines))
    assert complaint.startswith("relscout.discovery:2 imports torch.nn")


def test_a_library_that_comes_along_is_found() -> None:
    assert loaded_with(["json"], among={"json", "torch"}) == ["json"]


def small_house(folder: Path, sources: dict[str, str]) -> dict[str, Module]:
    """Write one-file rooms into an empty package of our name and load it."""
    package = folder / "relscout"
    package.mkdir()
    for room, source in sources.items():
        (package / f"{room}.py").write_text(source, encoding="utf-8")
    return load(package)
