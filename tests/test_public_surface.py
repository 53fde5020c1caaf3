from __future__ import annotations

import subprocess
import sys

import pytest

import relscout


def test_the_public_names_are_these() -> None:
    assert relscout.__all__ == [
        "Discovery",
        "EncoderSettings",
        "Entity",
        "Fact",
        "Mention",
        "Relation",
        "RelationInstance",
        "RelscoutError",
        "TransformerEncoder",
        "Triple",
        "VectorCache",
        "bundled_corpus",
        "discover",
        "load",
        "read",
        "score",
        "write",
        "write_facts",
    ]


def test_dir_lists_the_public_names() -> None:
    assert dir(relscout) == relscout.__all__


@pytest.mark.parametrize("name", relscout.__all__)
def test_a_public_name_is_the_one_of_its_room(name: str) -> None:
    found = getattr(relscout, name)
    assert found.__name__ == name
    assert found.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'relscout' has no attribute 'discovers'"):
        relscout.discovers  # noqa: B018


def test_a_star_import_gives_the_public_names() -> None:
    code = "from relscout import *; print(*sorted(name for name in dir() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(relscout.__all__)
