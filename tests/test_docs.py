"""What the README and the pages below docs/ show is true: examples run, commands parse, links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
import yaml

from relscout import bundled_corpus, discover
from relscout.cli.app import app, run
from relscout.io.writers.jsonl import write_instances
from relscout.lab.records import Record
from relscout.methods import METHODS, method

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")? *$")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+) -->")
NEEDS = re.compile(r"<!-- needs: (?P<package>\w+) -->")
RECORDED = re.compile(r"<!-- recorded: (?P<name>[\w-]+) -->")
SHELL_OPERATORS = {"|", ">", ">>", "<", "&&", ";"}


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    ``bash`` and ``python`` blocks run, ``console`` blocks show a dialogue of which only the commands are checked.
    A block with a title is a file. The line above may hold a mark: ``<!-- not run: reason -->``, ``<!-- needs: package
    -->`` for a block that runs where the package is installed, or, for what the block before prints, ``<!-- output
    -->``. ``<!-- recorded: NAME -->`` stands above an output that takes long to make, whole or in parts: it is
    compared with ``benchmarks/results/examples.json`` or ``gallery.json``.
    """

    page: Path
    line: int
    language: str
    title: str | None
    mark: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        needs = NEEDS.fullmatch(self.mark)
        if needs and importlib.util.find_spec(needs["package"]) is None:
            return False
        return self.language in {"python", "bash"} and not NOT_RUN.fullmatch(self.mark)


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        indent, start = opening["indent"], number
        while lines[number].rstrip() != f"{indent}```":
            number += 1
        code = "".join(f"{line.removeprefix(indent)}\n" for line in lines[start:number])
        mark = lines[start - 2].strip() if start > 1 else ""
        yield Block(page, start, opening["language"], opening["title"], mark, code)
        number += 1


BLOCKS = {page: list(blocks(page)) for page in PAGES}
EVERY_BLOCK = [block for found in BLOCKS.values() for block in found]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the commands of a block in words: of a dialogue the lines with a prompt, each up to a pipe."""
    for line in block.code.splitlines():
        if block.language == "console" and not line.startswith("$ "):
            continue
        words = shlex.split(line.removeprefix("$ "), comments=True)
        ends = [place for place, word in enumerate(words) if word in SHELL_OPERATORS]
        if words:
            yield words[: min(ends, default=len(words))]


EVERY_COMMAND = [
    pytest.param(words, id=f"{block.place} {' '.join(words)}")
    for block in EVERY_BLOCK
    if block.language in {"bash", "console"}
    for words in commands(block)
]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache, in which commands of all pages keep vectors, so that none encodes what another has."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run like that of ``relscout demo``, by quicker settings: what the example in the README saves."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as monkeypatch:
        run_examples(README, folder, cache, monkeypatch)
    return folder / "my-run"


def test_the_examples_of_the_readme_run(demo_run: Path) -> None:
    assert demo_run.is_dir()


@pytest.mark.parametrize(
    "page",
    [page for page, found in BLOCKS.items() if page != README and any(block.runs for block in found)],
    ids=named,
)
def test_the_examples_of_a_page_run_in_their_order(
    page: Path, demo_run: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("demo-run", "marked-run"):
        shutil.copytree(demo_run, tmp_path / name)
    run_examples(page, tmp_path, cache, monkeypatch)


def run_examples(page: Path, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("COLUMNS", "100")
    for block in BLOCKS[page]:
        if block.title is not None:
            Path(block.title).write_text(block.code, encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for block in BLOCKS[page]:
        if block.runs and block.language == "python":
            printed = run_python(block, namespace)
        elif block.runs:
            printed = run_bash(block)
        elif block.mark == "<!-- output -->" and "…" in block.code:
            missing = missing_lines(block.code, printed.splitlines())
            assert missing == [], f"{block.place}: the example does not print these lines, but {printed}"
        elif block.mark == "<!-- output -->":
            assert printed == block.code, f"{block.place}: this is not what the example prints"


def run_python(block: Block, namespace: dict[str, Any]) -> str:
    # empty lines in front, so that a traceback names the line of the page
    code = compile("\n" * block.line + block.code, str(block.page), "exec")
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(code, namespace)  # noqa: S102 - the pages are ours
    return output.getvalue()


def run_bash(block: Block) -> str:
    # some commands write bytes
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        for line in block.code.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "relscout":
                assert run(words[1:]) == 0, f"{block.place}: {line}"
            elif words:
                subprocess.run(["bash", "-c", line], check=True)  # noqa: S607 - the pages are ours
    output.seek(0)
    return output.read()


@pytest.mark.parametrize(
    "block", [block for block in EVERY_BLOCK if RECORDED.fullmatch(block.mark)], ids=lambda block: block.place
)
def test_a_recorded_output_is_that_of_the_record(block: Block) -> None:
    files = [ROOT / "benchmarks" / "results" / f"{name}.json" for name in ("examples", "gallery")]
    examples, gallery = (json.loads(file.read_text(encoding="utf-8"))["outputs"] for file in files)
    mark = RECORDED.fullmatch(block.mark)
    assert mark is not None
    printed = (examples | gallery)[mark["name"]]
    if block.language == "json":
        assert json.loads(block.code) == json.loads("\n".join(printed))
    else:
        assert missing_lines(block.code, printed) == []


def missing_lines(shown: str, printed: list[str]) -> list[str]:
    """Return the lines that an output does not have after those before them; ``…`` stands for any characters."""
    missing, rest = [], iter(printed)
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == "…":
            continue
        pattern = re.compile(".*".join(map(re.escape, line.rstrip().split("…"))) + r"\s*")
        if not any(pattern.fullmatch(other) for other in rest):
            missing.append(line)
    return missing


def test_lines_that_an_output_lacks_are_noticed() -> None:
    printed = ["first 1", "", "second 2", "third 3"]
    assert missing_lines("first 1\n…\nthird …\n", printed) == []
    assert missing_lines("first 1\nsecond 3\n", printed) == ["second 3"]
    assert missing_lines("third 3\nfirst 1\n", printed) == ["first 1"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_outputs_with_figures_are_run_or_recorded(page: Path) -> None:
    unchecked = [
        block.place
        for block in BLOCKS[page]
        if block.language == "text"
        and block.title is None
        and block.mark != "<!-- output -->"
        and not RECORDED.fullmatch(block.mark)
        and re.search(r"\d%|\b\d\.\d\d|\d facts|\d triples", block.code)
    ]
    assert unchecked == []


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_commands_that_are_shown_exist(words: list[str]) -> None:
    if words[0] == "relscout" and not words[1].startswith("-"):
        command: Any = typer.main.get_command(app)
        place, *rest = words
        while hasattr(command, "commands"):
            place, *rest = rest
            assert place in command.commands
            command = command.commands[place]
        command.make_context(place, rest)
    elif words[0] == "make":
        goals = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[1] in goals


def test_a_mark_that_spares_an_example_gives_its_reason() -> None:
    vague = [
        block.place for block in EVERY_BLOCK if "not run" in block.mark and not NOT_RUN.fullmatch(block.mark)
    ]
    assert not vague, f"write <!-- not run: reason -->: {', '.join(vague)}"


def test_the_short_programs_are_short() -> None:
    lines = [
        [line for line in block.code.splitlines() if line.strip()] for block in BLOCKS[DOCS / "programs.md"]
    ]
    assert [len(one) for one in lines if len(one) > 10] == []
    assert len(lines) == 6


def test_the_page_about_own_methods_is_short() -> None:
    assert len(prose(DOCS / "write-your-own-method.md").split()) < 900


def test_the_method_of_the_page_runs_when_another_package_has_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = BLOCKS[DOCS / "write-your-own-method.md"]
    files = {block.title: block.code for block in page if block.title is not None}
    entry_points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
    described = tmp_path / "relscout_mixture-1.0.dist-info"
    described.mkdir()
    (tmp_path / "mixture.py").write_text(files["mixture.py"], encoding="utf-8")
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: relscout-mixture\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in ones.items())
            for group, ones in entry_points.items()
        )
    )
    chosen = [one for one in bundled_corpus() if one.relation in ("orbits", "spouse")][::8]
    write_instances(chosen, tmp_path / "pairs.jsonl")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mixture", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    command = "discover pairs.jsonl --method mixture --relations 2 --set ridge=0.01 --out my-run --no-report"
    assert run([*command.split(), "--encoder", "minilm"]) == 0
    assert run(["extract", "my-run", "pairs.jsonl", "--out", "triples.jsonl"]) == 0
    ran = json.loads((tmp_path / "my-run" / "run.json").read_text("utf-8"))
    assert (ran["method"], ran["settings"]["ridge"]) == ("mixture", 0.01)
    files_of_ids = (tmp_path / "my-run" / "assignments.jsonl", tmp_path / "triples.jsonl")
    fitted, extracted = (
        [json.loads(line)["relation_id"] for line in file.read_text("utf-8").splitlines()]
        for file in files_of_ids
    )
    assert extracted == fitted


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = [link["target"] for link in LINK.finditer(prose(page))]
    lost = [target for target in targets if "://" not in target and not leads_somewhere(page, target)]
    assert not lost, f"{named(page)}: {', '.join(lost)}"


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists() or not anchor:
        return file.exists()
    # anchors of objects are made when the pages are built, and checked then
    return anchor.startswith("relscout.") or anchor in anchors(file)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


METHOD_PAGES = sorted((DOCS / "methods").glob("*.md"))
TASK_PAGES = [*sorted((DOCS / "how-to").glob("*.md")), *METHOD_PAGES]


@pytest.mark.parametrize("page", TASK_PAGES, ids=named)
def test_the_first_screen_of_a_page_has_an_example(page: Path) -> None:
    first = next(block for block in BLOCKS[page] if block.language in {"python", "bash", "console"})
    assert first.line <= 20


@pytest.mark.parametrize("page", METHOD_PAGES, ids=named)
def test_a_method_is_described_in_less_than_900_words(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", prose(page))
    assert len(re.findall(r"\b[^\W\d_][\w'’-]*", text)) < 900


def test_the_navigation_lists_every_page(tables: ModuleType) -> None:
    config = tables.on_config(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in PAGES if page.is_relative_to(DOCS)}
    assert set(leaves(config["nav"])) == pages


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_a_page_with_its_settings_and_is_in_the_reference(name: str, tables: ModuleType) -> None:
    page = DOCS / "methods" / f"{name}.md"
    listed = tables.on_page_markdown(page.read_text(encoding="utf-8"))
    kind = method(name)
    if name != "transfer":  # its page lists only what selfore has not
        assert [key for key in kind.SETTINGS.__dataclass_fields__ if f"`{key}` |" not in listed] == []
    reference = tables.on_page_markdown((DOCS / "reference" / "methods.md").read_text(encoding="utf-8"))
    assert f"[{name}](../methods/{name}.md)" in reference
    assert f".{kind.__name__}\n    options:" in reference
    assert f".{kind.SETTINGS.__name__}\n" in reference


def test_the_page_about_scripting_names_every_key_of_a_run(demo_run: Path) -> None:
    page = (DOCS / "how-to" / "scripting.md").read_text(encoding="utf-8")
    names = ("assignments.jsonl", "relations.jsonl", "facts.jsonl", "entities.jsonl")
    texts = [(demo_run / name).read_text("utf-8") for name in names]
    records = [json.loads(text.partition("\n")[0]) for text in texts]
    keys = {
        *(key for record in records for key in record),
        *json.loads((demo_run / "run.json").read_text("utf-8")),
    }
    assert sorted(key for key in keys if f"`{key}`" not in page) == []
    assert sorted(path.name for path in demo_run.iterdir() if f"── {path.name}" not in page) == []


def test_the_page_about_experiments_names_every_key_of_a_record() -> None:
    page = (DOCS / "experiments.md").read_text(encoding="utf-8")
    assert [key for key in Record.__annotations__ if f"`{key}`" not in page] == []


def reported(method: str) -> str:
    """Return the page of a method and its section of the one about reports."""
    sections = (DOCS / "reference" / "reports.md").read_text(encoding="utf-8").split("\n## ")
    page = (DOCS / "methods" / f"{method}.md").read_text(encoding="utf-8")
    return page + "".join(section for section in sections if section.startswith(f"{method}\n"))


def test_the_page_about_selfore_names_every_key_of_its_report() -> None:
    page = reported("selfore")
    quick = {"layers": "8", "autoencoder_steps": 1, "autoencoder_epochs": 1, "cluster_epochs": 1}
    found = discover(
        list(bundled_corpus())[:8],
        method="selfore",
        n_relations=2,
        settings=quick | {"classification": False},
    )
    report = found.model.report_
    assert [key for key in (*report, *report["loops"][0]) if f"`{key}`" not in page] == []


def test_the_page_about_rocore_names_every_key_of_its_report() -> None:
    page = reported("rocore")
    quick = {"layers": "8", "pretrain_epochs": 1, "pretrain_steps": 0, "epochs": 1, "epoch_steps": 0}
    corpus = list(bundled_corpus())
    found = discover(
        [one for one in corpus if one.relation == "orbits"][:4],
        labeled=[one for one in corpus if one.relation in ("spouse", "author")][::20],
        method="rocore",
        n_relations=2,
        settings=quick | {"incremental": True},
    )
    report = found.model.report_
    told = (*report, *report["epochs"][0], *report["epochs"][0]["losses"])
    assert [key for key in told if f"`{key}`" not in page] == []


def test_the_page_about_rsn_names_every_key_of_its_report() -> None:
    page = reported("rsn")
    corpus = list(bundled_corpus())
    found = discover(
        [one for one in corpus if one.relation == "orbits"][:4],
        labeled=[one for one in corpus if one.relation in ("spouse", "author")][::20],
        method="rsn",
        settings={"layers": "8", "epochs": 1, "pairs": 20},
    )
    report = found.model.report_
    assert [key for key in (*report, *report["epochs"][0]) if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("siamese", {"warm_up_epochs": 0, "neighbours": 2, "predictor_width": 8}),
        ("hiure", {"warm_up_epochs": 0, "granularities": "2"}),
        ("eiure", {"annotate": False}),
    ],
)
def test_the_page_about_a_self_taught_method_names_every_key_of_its_report(
    method: str, settings: dict[str, Any]
) -> None:
    page = reported(method)
    found = discover(
        [one for one in bundled_corpus() if one.relation == "orbits"][:6],
        method=method,
        n_relations=2,
        settings={"epochs": 1, **settings},
    )
    (epoch,) = found.model.report_["epochs"]
    assert [key for key in (*epoch, *epoch["losses"]) if f"`{key}`" not in page] == []


def test_the_architecture_page_names_every_package() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| ([^|]+) \|", page, re.MULTILINE)
    packages = {
        path.stem
        for path in (ROOT / "src" / "relscout").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == packages


def leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for inner in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(inner)


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The hook by which mkdocs puts tables into pages."""
    spec = importlib.util.spec_from_file_location("docs_tables", DOCS / "hooks" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- table:" in page.read_text("utf-8")], ids=named
)
def test_tables_that_are_made_from_the_code_have_rows(page: Path, tables: ModuleType) -> None:
    before = page.read_text(encoding="utf-8")
    after = tables.on_page_markdown(before)
    assert "<!-- table:" not in after
    assert after.count("\n| ") >= before.count("\n| ") + 3
