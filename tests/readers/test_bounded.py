"""No pattern and no reader takes more than time in proportion to its input, whatever that is full of."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import relscout
from relscout.core.errors import RelscoutError
from relscout.io.readers import read, recognise
from relscout.io.readers.source import Source
from relscout.text.documents import is_plain_text, read_passages

from . import annotations as seeds
from .fuzzing import Hang, watched

SOURCE = Path(relscout.__file__).parent
#: Packages whose patterns meet what people give.
PACKAGES = ("io", "text", "naming", "alignment", "discovery", "core", "cli", "encoders", "metrics")
#: Characters of a text. A tenth of what "make test-thorough" takes is enough to notice what is quadratic.
SIZE = 1_000_000 if settings().max_examples >= 400 else 100_000
#: Seconds of computing that a reader may take for a text.
SLOWEST = 5 if SIZE == 1_000_000 else 1

CLASSES = {
    "blanks": " ",
    "tabs": "\t",
    "letters": "a",
    "capitals with full stops": "A.",
    "digits": "7",
    "digits and blanks": "7 ",
    "words": "ab ",
    "quotation marks": '"',
    "apostrophes": "'",
    "backslashes": "\\",
    "brackets": "[",
    "parentheses": "(",
    "closing parentheses": ")",
    "braces": '{"a":',
    "smaller than": "<",
    "markers": "<e1>",
    "line feeds": "\n",
    "carriage returns": "\r",
    "line separators": "\u2028",
    "dashes": "-",
    "stars": "*",
    "pipes": "| ",
    "colons": "a:",
    "combining marks": "e\u0301",
    "Chinese": "漢。",
    "emoji": "😀",
}
#: Many characters of each, with one at the end that is none of them.
TEXTS = {name: character * (SIZE // len(character)) + "\x00" for name, character in CLASSES.items()}


def patterns() -> dict[str, tuple[Any, str]]:
    """Return how patterns are used: where → (pattern, method)."""
    uses: dict[str, tuple[Any, str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        if place.parts[0] not in PACKAGES:
            continue
        module = importlib.import_module(
            ".".join(("relscout", *place.with_suffix("").parts)).removesuffix(".__init__")
        )
        compiled = {name: value for name, value in vars(module).items() if isinstance(value, re.Pattern)}
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            match call.func.value:
                case ast.Name("re") if call.func.attr not in ("compile", "escape"):
                    given = [
                        ast.unparse(part) for part in (*call.args, *(key.value for key in call.keywords))
                    ]
                    if isinstance(call.args[0], ast.Constant):
                        flags = re.IGNORECASE if "re.IGNORECASE" in given else 0
                        uses[f"{place}:{call.lineno}"] = re.compile(call.args[0].value, flags), call.func.attr
                case ast.Name(name) if name in compiled:
                    uses.setdefault(f"{place} {name}.{call.func.attr}", (compiled[name], call.func.attr))
    return uses


USES = patterns()


def test_the_patterns_of_all_readers_are_known() -> None:
    assert len(USES) > 80
    assert "io/readers/semeval.py _RELATION.fullmatch" in USES


@pytest.mark.parametrize("use", USES)
def test_a_pattern_is_bounded_on_very_many_of_each_character(use: str) -> None:
    pattern, method = USES[use]
    # all that they find would fill the memory rather than the time
    method = {"finditer": "search", "findall": "search", "split": "search", "sub": "search"}.get(
        method, method
    )
    apply = getattr(pattern, method)
    for name, text in TEXTS.items():
        try:
            with watched(1.0):
                apply(text.encode() if isinstance(pattern.pattern, bytes) else text)
        except Hang:
            pytest.fail(f"{pattern.pattern!r}.{method} on {name}")


#: Formats → a file of one record, whose text "… Graz." goes on.
RECORDS = {
    **{name: json.dumps(record, ensure_ascii=False) for name, record in seeds.RECORDS.items()},
    **{name: content for name, (_, content) in seeds.FILES.items() if not name.endswith(" record")},
    "semeval": '1\t"<e1>Ina Roth</e1> lives in <e2>Graz</e2> Graz."\nlives_in(e1,e2)\n',
    "csv": "text,head,tail\nIna lives in Graz.,Ina,Graz\n",
    "csv with tabs": 'text\thead\ttail\nIna "of" Graz.\tIna\tGraz\n',
    "chemprot": '{"text": "<< Ina Roth >> lives in [[ Graz ]] Graz.", "label": "lives_in"}',
    "nyt-fb": '["<e1:PER> Ina Roth </e1:PER> lives in <e2:LOC> Graz </e2:LOC> Graz."]',
    "fewrel": '[{"tokens": ["Ina", "in", "Graz", "Graz."], "h": ["Ina", "Q1", [[0]]], "t": ["Graz", "Q2", [[2]]]}]',
}
for _rows in ("conllu", "conll04", "conll04 of multi-head models"):
    RECORDS[_rows] = RECORDS[_rows].replace("\tGraz\t", "\tGraz.\t")
FILLERS = (
    "blanks",
    "letters",
    "digits",
    "quotation marks",
    "brackets",
    "smaller than",
    "line feeds",
    "pipes",
)
FILLERS = (*FILLERS, "combining marks", "Chinese")


@pytest.mark.parametrize("name", RECORDS)
def test_a_reader_is_bounded_on_a_text_of_very_many_of_each_character(tmp_path: Path, name: str) -> None:
    path = tmp_path / "input"
    record = RECORDS[name]
    for filler in FILLERS:
        long = TEXTS[filler][:-1]
        escaped = json.dumps(long, ensure_ascii=False)[1:-1] if record.startswith(("{", "[")) else long
        path.write_text(record.replace("Graz.", f"Graz.{escaped}"), encoding="utf-8")
        if name in ("tacred", "spert", "docred", "scierc", "glirel", "opennre"):
            path.write_text(record.replace('"."', f'"{escaped}"'), encoding="utf-8")
        assert path.stat().st_size > SIZE / 2
        try:
            with watched(SLOWEST), contextlib.suppress(RelscoutError):
                list(read(path, format=name.split()[0], on_error="skip", on_warning=lambda _: None))
                recognise(Source(path))
        except Hang:
            pytest.fail(f"{name} with {filler}")


def test_recognising_is_bounded_on_very_many_of_each_character(tmp_path: Path) -> None:
    for ending in (".txt", ".jsonl"):
        path = tmp_path / f"input{ending}"
        for name, text in TEXTS.items():
            path.write_text(text[:-1], encoding="utf-8")
            try:
                with watched(SLOWEST):
                    is_plain_text(path)
                    with contextlib.suppress(RelscoutError):
                        recognise(Source(path))
            except Hang:
                pytest.fail(f"{ending} of {name}")


@pytest.mark.parametrize("name", CLASSES)
def test_plain_text_is_bounded_on_very_many_of_each_character(tmp_path: Path, name: str) -> None:
    for ending in (".txt", ".md"):
        path = tmp_path / f"input{ending}"
        path.write_text(TEXTS[name][:-1], encoding="utf-8")
        with watched(SLOWEST), contextlib.suppress(RelscoutError):
            for _ in read_passages([path]):
                pass
