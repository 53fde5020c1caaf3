"""What programs hand to relscout, and what they get back: no files, no command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout import Discovery, RelationInstance, discover
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.errors import RecordError


@pytest.fixture(scope="module")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Twelve instances of each of three relations, with gold relations."""
    relations = ("spouse", "capital of", "orbits")
    return [one for name in relations for one in [each for each in corpus if each.relation == name][:12]]


@pytest.fixture(scope="module")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence"))


def as_record(one: RelationInstance) -> dict[str, Any]:
    spans = {"head": one.head, "tail": one.tail}
    marked = {role: {"start": span.start, "end": span.end, "type": span.type} for role, span in spans.items()}
    return {"text": one.text, **marked, "relation": one.relation, "id": one.id}


def test_dictionaries_are_as_good_as_instances(
    instances: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    expected = discover(instances, n_relations=3, encoder=encoder)
    found = discover([as_record(one) for one in instances], n_relations=3, encoder=encoder)
    np.testing.assert_array_equal(found.assignments.relation_ids, expected.assignments.relation_ids)
    records = [as_record(one) for one in instances]
    np.testing.assert_array_equal(expected.predict(records).relation_ids, expected.assignments.relation_ids)


def test_a_wrong_labelled_dictionary_is_named(
    instances: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    labeled = [as_record(one) for one in instances[:3]]
    del labeled[1]["tail"]
    with pytest.raises(RecordError, match="labeled, row 2: the field 'tail' is missing"):
        discover(instances, method="rsn", encoder=encoder, labeled=labeled)
