"""Relations that are labelled and to be found at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery.corpus import apart, check_known


def of(*relations: str | None, word: str = "met") -> list[RelationInstance]:
    """Return an instance of each relation, all with texts of their own."""
    return [
        RelationInstance(
            f"P{place} {word} Bob",
            Mention(0, 2),
            Mention(4 + len(word), 7 + len(word)),
            relation=relation,
        )
        for place, relation in enumerate(relations)
    ]


def relations(instances: Sequence[RelationInstance]) -> list[str | None]:
    return [instance.relation for instance in instances]


def test_relations_of_one_side_only_stay_as_they_are() -> None:
    labeled = of("friend", "boss")
    assert apart(of("spouse", None, word="knew"), labeled, known="raise") == (labeled, [])


def test_relations_on_both_sides_are_named_and_counted() -> None:
    unlabeled = of("a", "b", "c", "d", "x", word="knew")
    with pytest.raises(InputError, match=r"4 relations \('a', 'b', 'c', …\) are labelled.*--known drop"):
        apart(unlabeled, of("a", "b", "c", "d", "e"), known="raise")


def test_they_are_dropped_from_the_labelled_side() -> None:
    kept, warnings = apart(of("a", word="knew"), of("a", "b", "c", "a"), known="drop")
    assert relations(kept) == ["b", "c"]
    assert len(warnings) == 1
    assert warnings[0].startswith("2 labelled instances were left out: 1 relation ('a') is among the gold")


def test_they_are_kept_where_corpora_truly_mix() -> None:
    kept, warnings = apart(of("a", word="knew"), of("a", "b"), known="keep")
    assert (relations(kept), warnings) == (["a", "b"], [])


@pytest.mark.parametrize("known", ["raise", "keep"])
def test_a_sentence_that_is_to_be_clustered_is_no_labelled_one(known: str) -> None:
    labeled = of("a", "b", "c")
    unlabeled = [replace(labeled[1], relation=None, id="other"), *of("x", word="knew")]
    kept, warnings = apart(unlabeled, labeled, known=known)  # type: ignore[arg-type]
    assert relations(kept) == ["a", "c"]
    assert warnings[0].startswith("1 labelled instances were left out: the same sentences")


def test_the_same_file_twice_is_refused_in_any_case() -> None:
    both = of("a", "b", "c")
    with pytest.raises(InputError, match="3 relations"):
        apart(both, both, known="raise")
    for known in ("drop", "keep"):
        with pytest.raises(InputError, match="0 labelled relations are left"):
            apart(both, both, known=known)  # type: ignore[arg-type]


def test_too_few_relations_behind_the_dropping_are_refused() -> None:
    with pytest.raises(InputError, match="1 labelled relations are left, expected at least two; 1 labelled"):
        apart(of("a", word="knew"), of("a", "b"), known="drop")


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'drop'"):
        check_known("dropp")
