from __future__ import annotations

from importlib.metadata import version

import pytest

COMMANDS = (
    *("demo", "discover", "extract", "evaluate", "inspect", "convert", "methods"),
    *("lab", "lab analyze", "lab reproduce run"),
)


def test_the_version_is_reported(relscout):
    assert relscout("--version").out == f"relscout {version('relscout')}\n"


def test_nothing_at_all_asks_for_help(relscout):
    assert relscout() == relscout("--help")


def test_an_unknown_command_names_the_nearest(refused):
    assert refused("discovr") == (
        "error: no such command 'discovr'. Did you mean 'discover'? see 'relscout --help'\n"
    )


@pytest.mark.parametrize("command", ["reproduce", "pretrain", "analyze", "fewshot", "finetune", "plan"])
def test_a_research_command_without_its_group_names_the_group(refused, command):
    assert refused(command, "--help") == f"error: no such command '{command}'; use 'relscout lab {command}'\n"


def test_an_unknown_research_command_names_the_nearest(refused):
    assert refused("lab", "finetuen") == (
        "error: no such command 'finetuen'. Did you mean 'finetune'? see 'relscout lab --help'\n"
    )


def test_a_missing_argument_names_the_help_page_of_its_command(refused):
    assert refused("discover") == "error: missing argument 'INPUT'; see 'relscout discover --help'\n"


def test_a_missing_option_is_named(refused):
    assert "missing option '--gold'" in refused("evaluate", "run")


def test_an_unknown_option_names_the_nearest(refused):
    assert "--relations" in refused("discover", "x", "--relatins", 3)


def test_an_option_that_allows_two_values_names_them(refused):
    assert "'raise', 'skip'" in refused("discover", "x", "--on-error", "stop")


def test_a_superfluous_argument_is_refused(refused):
    assert "unexpected extra argument" in refused("inspect", "a", "b")


@pytest.mark.parametrize("seed", ["-1", "x", "1.5"])
def test_a_seed_that_is_no_number_from_zero_is_refused(refused, seed):
    assert "invalid value for '--seed'" in refused("discover", "x", "--seed", seed)


def test_an_error_of_the_machine_is_reported_in_one_line(refused):
    assert "File name too long" in refused("inspect", "x" * 5000)


@pytest.mark.parametrize("command", COMMANDS)
def test_h_is_short_for_help(relscout, command):
    done = relscout(*command.split(), "-h")
    assert done.code == 0
    assert done.out.strip().startswith(f"Usage: relscout {command} ")
