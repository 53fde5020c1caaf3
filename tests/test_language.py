"""What people read is plain English, in pages, messages and the code: words of our retired dialect are refused.

Every retired word is listed with what to write instead.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from relscout.cli.app import app

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "relscout"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(path for path in SOURCE.rglob("*") if path.suffix in {".md", ".yaml", ".j2"}),
]

#: Each pattern with what to write instead.
RETIRED = {
    r"\b(tell|tells|told|telling)\b": "return, report, say, classify, distinguish",
    r"\bbeside\b": "next to, in addition to, alongside",
    r"\bbehind\b": "after, following",
    r"\b(go|goes|going|gone|went) on (with|from|where|there|at|behind)\b": "resume, continue",
    r"\bread off\b": "pooling, hidden states that become the vector",
    r"\bshown the entities\b": "marking",
    r"\bwhich else\b": "default: ...",
    r"\bthat is random\b": "random seed",
    r"\bof which nobody\b|\bnobody (says|said)\b": "random, unlabelled",
    r"\b(take|takes|taken|took) (it |them |these |those )?for\b": "classify as, treat as, consider",
    r"\bin the box\b": "bundled",
    r"\bwhat is to be\b": "what must be",
    r"(?:^|[.:;] )Who [^?.]*[.,;]": "If you ..., To ...",
    r"\b(gold )?relations of others\b": "labelled data for other relations",
    r"\b(rooms?|houses?)\b": "module, package",
}

#: Where a retired word is meant as everybody means it: the words around it, and why they stay.
MEANT = {
    "behind a proxy": "where a server stands in a network",
    "Who does what": "what a frame of a sentence says",
}

#: Local variables that say nothing, each with what to write instead. Parameters and fields may have these names.
RETIRED_NAMES = {
    "one": "what it is: instance, relation, row",
    "found": "what was found: labels, records, matches",
    "told": "what was returned",
    "taught": "trained",
    "details": "what they are: fields, parts, rows",
    "said": "the sentence, connection or message",
}

#: Parts of the package, or modules, whose local variables have not been renamed yet. Take a name out when they have.
NAMES_NOT_YET: set[str] = set()

#: Files that have not been rewritten yet. Take a name out when it has.
NOT_YET: set[str] = set()

#: Parts of the package whose docstrings and comments have not been rewritten yet. Take a name out when they have.
COMMENTS_NOT_YET: set[str] = set()

#: Modules whose strings are no sentences.
NOT_PROSE = {
    "src/relscout/naming/words.py": "irregular verbs, their forms, and stop words",
}

CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]+`|\]\([^)]*\)|<!--.*?-->", re.DOTALL | re.MULTILINE)

#: Names in docstrings.
NAMES = re.compile(r"``[^`]+``")


def retired(text: str) -> list[str]:
    """Return what is retired in a text, each with what to write instead."""
    for words in MEANT:
        text = text.replace(words, "")
    text = " ".join(text.split())
    return [
        f"{text[max(found.start() - 30, 0) : found.end() + 30]!r}: write {instead}"
        for pattern, instead in RETIRED.items()
        for found in re.finditer(pattern, text, re.IGNORECASE if pattern.islower() else 0)
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module, which several tests read."""
    return ast.parse(path.read_text(encoding="utf-8"))


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of the nodes that are docstrings of modules, classes and functions."""
    homes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, homes) and node.body and isinstance(node.body[0], ast.Expr)
    }


def texts(path: Path, *, with_docstrings: bool) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a module, each with its line; an f-string is one text."""
    tree = parsed(path)
    left_out = set() if with_docstrings else docstrings(tree)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            constants = [part.value for part in node.values if isinstance(part, ast.Constant)]
            yield node.lineno, " … ".join(constants)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in parts | left_out
        ):
            yield node.lineno, node.value


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_are_plain_english(page: Path) -> None:
    if name_of(page) in NOT_YET:
        pytest.skip("not rewritten yet")
    assert retired(CODE.sub("", page.read_text(encoding="utf-8"))) == []


def test_help_texts_are_plain_english() -> None:
    helped = list(helps(typer.main.get_command(app)))
    assert len(helped) > 100
    found = {name: words for name, text in helped if (words := retired(text))}
    assert found == {}


def helps(command: object, name: str = "relscout") -> Iterator[tuple[str, str]]:
    """Yield the help of a command, of its options and of all commands below it."""
    yield name, " ".join(filter(None, (getattr(command, "help", ""), getattr(command, "epilog", ""))))
    for option in getattr(command, "params", ()):
        yield f"{name} {option.name}", getattr(option, "help", None) or ""
    for below, inner in getattr(command, "commands", {}).items():
        yield from helps(inner, f"{name} {below}")


MODULES = sorted(path for path in SOURCE.rglob("*.py") if name_of(path) not in NOT_PROSE)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_messages_are_plain_english(module: Path) -> None:
    if name_of(module) in NOT_YET:
        pytest.skip("not rewritten yet")
    on_the_command_line = module.is_relative_to(SOURCE / "cli")
    found = [
        (line, words)
        for line, text in texts(module, with_docstrings=on_the_command_line)
        if (words := retired(text))
    ]
    assert found == []


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the comments of a module, each with its first line; comments on consecutive lines are one text."""
    block: list[str] = []
    first = last = 0
    with io.StringIO(path.read_text(encoding="utf-8")) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type != tokenize.COMMENT:
                continue
            if block and token.start[0] != last + 1:
                yield first, " ".join(block)
                block = []
            first, last = (first if block else token.start[0]), token.start[0]
            block.append(token.string.lstrip("#: "))
    if block:
        yield first, " ".join(block)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_docstrings_and_comments_are_plain_english(module: Path) -> None:
    if module.relative_to(SOURCE).parts[0] in COMMENTS_NOT_YET:
        pytest.skip("not rewritten yet")
    prose = [*texts(module, with_docstrings=True), *comments(module)]
    assert [(line, words) for line, text in prose if (words := retired(NAMES.sub("", text)))] == []


def local_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the variables that functions assign, loops and comprehensions included, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Lambda):
            yield from ((node.lineno, argument.arg) for argument in node.args.args)


def fields(tree: ast.AST) -> set[int]:
    """Return the lines of annotated fields of classes, whose names are public."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {line.lineno for node in classes for line in node.body if isinstance(line, ast.AnnAssign)}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_local_variables_say_what_they_hold(module: Path) -> None:
    place = module.relative_to(SOURCE)
    if NAMES_NOT_YET & {part.as_posix() for part in (place, *place.parents)}:
        pytest.skip("not renamed yet")
    tree = parsed(module)
    public = fields(tree)
    retired_names = {
        (line, name) for line, name in local_names(tree) if name in RETIRED_NAMES and line not in public
    }
    assert {(line, f"{name}: write {RETIRED_NAMES[name]}") for line, name in retired_names} == set()


def test_loops_comprehensions_and_lambdas_assign_names() -> None:
    tree = ast.parse("for one in x: pass\n[found for found in y]\nsorted(z, key=lambda told: told)")
    assert [name for _, name in local_names(tree)] == ["one", "found", "told"]


def test_comments_on_consecutive_lines_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("a = 1  # alone\n\n# goes\n# on with\nb = 2\n", encoding="utf-8")
    assert list(comments(path)) == [(1, "alone"), (3, "goes on with")]


def test_the_exceptions_are_files_that_exist() -> None:
    assert sorted(name for name in (*NOT_YET, *NOT_PROSE) if not (ROOT / name).exists()) == []
    parts = COMMENTS_NOT_YET | NAMES_NOT_YET
    assert sorted(name for name in parts if not (SOURCE / name).exists()) == []


@pytest.mark.parametrize(
    "sentence",
    ["It tells how many there are.", "What is read off it", "The file beside the run", "Who has time waits."],
)
def test_the_dialect_is_recognised(sentence: str) -> None:
    assert retired(sentence) != []


@pytest.mark.parametrize(
    "sentence", ["Who is it for?", "Intelligence and storytelling", "It runs behind a proxy."]
)
def test_plain_english_is_let_through(sentence: str) -> None:
    assert retired(sentence) == []
