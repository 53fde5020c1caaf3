from __future__ import annotations

import json

import pytest

from relscout.core.errors import ArtifactError
from relscout.discovery import Discovery, Relation


def test_a_relation_comes_back_from_json_as_it_was(found: Discovery) -> None:
    for relation in found.relations:
        assert Relation.from_dict(json.loads(json.dumps(relation.as_dict()))) == relation


def test_a_relation_without_types_comes_back_as_it_was() -> None:
    bare = Relation(0, "likes", "HEAD likes TAIL", 1, 0.5, None, 0.0, 1.0, (), None, ())
    assert Relation.from_dict(json.loads(json.dumps(bare.as_dict()))) == bare


@pytest.mark.parametrize("field", ["relation_id", "name", "types", "ngrams", "examples", "inverse"])
def test_a_missing_field_is_refused(found: Discovery, field: str) -> None:
    record = found.relations[0].as_dict()
    del record[field]
    with pytest.raises(ArtifactError, match="not a relation of a saved discovery"):
        Relation.from_dict(record)


def test_an_unknown_field_is_refused(found: Discovery) -> None:
    with pytest.raises(ArtifactError, match="colour"):
        Relation.from_dict({**found.relations[0].as_dict(), "colour": "red"})


def test_a_relation_of_an_older_run_is_not_mixed(found: Discovery) -> None:
    record = found.relations[0].as_dict()
    del record["mixed"], record["share"]
    old = Relation.from_dict(record)
    assert (old.mixed, old.share) == (False, None)


def test_a_mixed_relation_comes_back_as_it_was() -> None:
    mixed = Relation(
        0, "mixed: a / b", "HEAD a / b TAIL", 1, 0.5, None, 0.0, 1.0, (), None, (), mixed=True, share=0.2
    )
    assert Relation.from_dict(json.loads(json.dumps(mixed.as_dict()))) == mixed
