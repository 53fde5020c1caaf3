from __future__ import annotations

import re

import pytest

from relscout.encoders import EncoderSettings
from relscout.encoders.model_files import RELATION
from relscout.io.readers import FORMATS

COMMANDS = (
    "demo",
    "discover",
    "report",
    "apply",
    "extract",
    "export",
    "evaluate",
    "finetune",
    "analyze",
    "inspect",
    "convert",
    "methods",
)


@pytest.fixture
def page(relscout, monkeypatch):
    """Return the help page of a command on a screen of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *command: relscout(*command, "--help").out


def rows(page: str) -> list[str]:
    return [line.strip("│ ").rstrip() for line in page.splitlines() if line.startswith("│")]


def test_all_commands_are_listed(page):
    listed = [row.split()[0] for row in rows(page()) if not row.startswith("-")]
    assert listed == [*COMMANDS, "fewshot", "datasets", "reproduce", "pretrain"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_takes_one_line(page, command):
    continued = [row for row in rows(page(command)) if not re.match(r"(--|\[?[A-Z]+)", row)]
    assert continued == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_no_line_is_wider_than_the_screen(page, command):
    assert max(map(len, page(*command.split()).splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(page, command):
    unexplained = [row for row in rows(page(command)) if not re.search(r"\S {2,}\S", row)]
    assert unexplained == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_speaks_no_python(page, command):
    assert not re.search(r"<\w+>|None|Path\b|list\[", page(command).replace("<TAB>", ""))


def test_options_are_grouped(page):
    assert re.findall(r"^╭─ (.+?) ─", page("discover"), re.MULTILINE) == [
        "Arguments",
        "Options",
        "Input",
        "Plain text",
        "Encoder",
    ]


def test_what_is_required_is_said(page):
    assert re.search(r"INPUT\.\.\. .*\[required\]", page("convert"))
    assert re.search(r"--out FILE .*\[required\]", page("convert"))


@pytest.mark.parametrize(
    ("option", "default"),
    [
        ("--method", "kmeans; hac for text"),
        ("--precision", "0.8 for text"),
        ("--spacy", "en_core_web_sm"),
        ("--directions", "once"),
        ("--mentions", "entities"),
        ("--pairs", "related"),
        ("--relations", "auto"),
        ("--seed", 0),
        ("--on-error", "raise"),
        ("--encoder", RELATION),
        ("--marking", EncoderSettings.marking),
        ("--max-length", EncoderSettings.max_length),
        ("--dtype", EncoderSettings.dtype),
        ("--device", EncoderSettings.device),
    ],
)
def test_defaults_are_shown_as_they_are(page, option, default):
    assert re.search(rf"{option} .*\[default: {default}\]", page("discover"))


def test_the_formats_are_listed_where_files_are_inspected(page):
    assert all(name in page("inspect") for name in FORMATS)
