from __future__ import annotations

import re

import pytest

from relscout.encoders import EncoderSettings
from relscout.encoders.settings import RELATION
from relscout.io.readers import FORMATS

#: The commands of a user, in the order of the help page.
COMMANDS = (
    "demo",
    "discover",
    "extract",
    "serve",
    "report",
    "apply",
    "name",
    "export",
    "query",
    "evaluate",
    "inspect",
    "convert",
    "methods",
)
LAB = ("reproduce", "pretrain", "analyze", "judge", "fewshot", "finetune", "plan")
INNER = {
    "datasets": ("list", "get"),
    "lab reproduce": ("list", "show", "run", "table", "figure"),
    "lab pretrain": ("anchors", "align", "cp", "mtb", "labels"),
    "lab fewshot": ("evaluate", "classify", "train"),
}
GROUPS = ("", "lab", *INNER)
PAGES = (
    *COMMANDS,
    "lab analyze",
    "lab judge",
    "lab finetune",
    "lab plan",
    *(f"{group} {name}" for group, names in INNER.items() for name in names),
)


@pytest.fixture
def page(relscout, monkeypatch):
    """Return the help page of a command on a screen of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return lambda command="": relscout(*command.split(), "--help").out


def rows(page: str) -> list[str]:
    return [line.strip("│* ").rstrip() for line in page.splitlines() if line.startswith("│")]


def listed(page: str) -> list[str]:
    return [row.split()[0] for row in re.findall(r"^│ (\w.*)", page, re.MULTILINE)]


def test_the_commands_of_a_user_come_first_and_research_last(page):
    assert listed(page()) == [*COMMANDS, "datasets", "lab"]


def test_the_research_commands_are_in_one_group(page):
    assert listed(page("lab")) == list(LAB)


@pytest.mark.parametrize("group", INNER)
def test_a_group_lists_its_commands(page, group):
    assert listed(page(group)) == list(INNER[group])


def test_the_first_page_fits_on_a_screen_of_24_lines(page):
    assert len(page().strip().splitlines()) <= 24


@pytest.mark.parametrize("command", PAGES)
def test_every_option_takes_one_line_and_one_for_its_default(page, command):
    continued = [
        row for row in rows(page(command)) if not re.match(r"(--|\[?[A-Z]+|\[(default: |required))", row)
    ]
    assert continued == []


@pytest.mark.parametrize("command", [*GROUPS, *PAGES])
def test_no_line_is_wider_than_the_screen(page, command):
    assert max(map(len, page(command).splitlines())) <= 100


@pytest.mark.parametrize("command", PAGES)
def test_every_option_is_explained(page, command):
    unexplained = [
        row for row in rows(page(command)) if not re.search(r"\S {2,}\S|^\[(default: |required)", row)
    ]
    assert unexplained == []


@pytest.mark.parametrize("command", PAGES)
def test_the_page_speaks_no_python(page, command):
    assert not re.search(r"<\w+>|None|Path\b|list\[", re.sub("<TAB>|--help .*", "", page(command)))


def test_options_are_grouped(page):
    assert re.findall(r"^╭─ (.+?) ─", page("discover"), re.MULTILINE) == [
        "Arguments",
        "Options",
        "Input",
        "Plain text",
        "Encoder",
        "Names",
        "Shards and Ray",
    ]


def test_what_is_required_is_said(page):
    assert re.search(r"INPUT\b.*\[required\]", page("convert"))
    assert re.search(r"--out +FILE .*\[required\]", page("convert"))


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
        ("--device", EncoderSettings.device),
    ],
)
def test_defaults_are_shown_as_they_are(page, option, default):
    assert re.search(rf"{option} .*?\[default: \(?{default}\)?\]", page("discover"), re.DOTALL)


def test_the_formats_are_listed_where_files_are_inspected(page):
    assert all(name in page("inspect") for name in FORMATS)
