"""ChemProt's JSON Lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import chemprot, recognise
from relscout.io.readers.source import Source
from relscout.io.readers.tokens import Markup

ASPIRIN = "Low doses of [[ aspirin ]] block << COX-1 >>-dependent clotting."


def results(tmp_path: Path, *records: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "drugs.txt"
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return list(chemprot.read(Source(path)))


def instance(tmp_path: Path, text: str, label: str = "INHIBITOR") -> RelationInstance:
    (found,) = results(tmp_path, {"text": text, "label": label, "metadata": []})
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, record: Any) -> str:
    (found,) = results(tmp_path, record)
    assert isinstance(found, RecordError)
    return str(found)


def test_arrows_mark_the_head_and_brackets_the_tail(tmp_path: Path) -> None:
    found = instance(tmp_path, ASPIRIN)
    assert (found.head_text, found.tail_text, found.relation) == ("COX-1", "aspirin", "INHIBITOR")


def test_markers_leave_the_text_with_the_blanks_that_belong_to_them(tmp_path: Path) -> None:
    assert instance(tmp_path, ASPIRIN).text == "Low doses of aspirin block COX-1-dependent clotting."


def test_brackets_of_a_chemical_name_stay_in_the_text(tmp_path: Path) -> None:
    found = instance(
        tmp_path, "[[ 6[[(3-iodophenyl)methyl]amino]purine ]] wakes the << A3 receptor >> [[sic]]."
    )
    assert found.tail_text == "6[[(3-iodophenyl)methyl]amino]purine"
    assert found.text == "6[[(3-iodophenyl)methyl]amino]purine wakes the A3 receptor [[sic]]."


def test_the_first_closing_marker_closes_and_later_arrows_are_text(tmp_path: Path) -> None:
    found = instance(tmp_path, "Potency at << TRPV1 >>: [[ capsaicin ]] >> piperine >> gingerol.")
    assert found.head_text == "TRPV1"
    assert found.text == "Potency at TRPV1: capsaicin >> piperine >> gingerol."


def test_one_entity_may_lie_inside_the_other(tmp_path: Path) -> None:
    found = instance(tmp_path, "The << [[ insulin ]] receptor >> binds.")
    assert (found.head_text, found.tail_text) == ("insulin receptor", "insulin")


def test_a_missing_or_null_label_means_that_the_relation_is_not_known(tmp_path: Path) -> None:
    found = results(tmp_path, {"text": ASPIRIN}, {"text": ASPIRIN, "label": None})
    assert [each.relation for each in found if isinstance(each, RelationInstance)] == [None, None]


def test_the_line_of_an_instance_is_its_source(tmp_path: Path) -> None:
    found = results(tmp_path, {"text": ASPIRIN}, {"text": ASPIRIN})
    assert [each.source for each in found if isinstance(each, RelationInstance)] == [
        "drugs.txt, line 1",
        "drugs.txt, line 2",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("No marker at all.", "the head is opened 0 times"),
        ("<< a >> and << b >> meet [[ c ]].", "the head is opened 2 times"),
        ("<< a >> and no tail.", "the tail is opened 0 times"),
        ("<< a meets [[ b ]].", "the head is opened with '<< ' but not closed"),
        ("<< a [[ b >> c ]].", "cross"),
        ("[[ a << ]] b >>.", "two markers share characters"),
        ("<< [[ a ]] >>.", "the same span"),
        ("<<  >> and [[ b ]].", "head span [0, 0)"),
    ],
)
def test_wrong_markers_are_an_error_of_their_line(tmp_path: Path, text: str, what: str) -> None:
    found = reason(tmp_path, {"text": text, "label": "AGONIST"})
    assert "drugs.txt, line 1: " in found
    assert what in found


@pytest.mark.parametrize("record", [None, 3, [], "text", {}, {"text": 7}, {"text": ASPIRIN, "label": ["x"]}])
def test_any_other_json_value_is_an_error_of_its_line(tmp_path: Path, record: Any) -> None:
    assert "drugs.txt, line 1: " in reason(tmp_path, record)


def test_a_wrong_record_does_not_stop_the_ones_behind_it(tmp_path: Path) -> None:
    kinds = [type(each) for each in results(tmp_path, {"text": ASPIRIN}, {"text": "?"}, {"text": ASPIRIN})]
    assert kinds == [RelationInstance, RecordError, RelationInstance]


def test_the_format_is_recognised(tmp_path: Path) -> None:
    results(tmp_path, {"text": ASPIRIN, "label": "INHIBITOR"})
    assert recognise(Source(tmp_path / "drugs.txt")) == "chemprot"


def test_a_text_without_markers_is_not_taken_for_chemprot(tmp_path: Path) -> None:
    results(tmp_path, {"text": "Aspirin blocks COX-1.", "label": "INHIBITOR"})
    assert not chemprot.sniff(Source(tmp_path / "drugs.txt"))


def test_markup_with_overlapping_markers_is_refused() -> None:
    with pytest.raises(InputError, match="share characters"):
        Markup("abcdef", [(0, 3), (2, 4)])


PIECES = st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), max_size=12)
NAMES = PIECES.filter(lambda name: name.strip() != "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose file every example overwrites."""
    return tmp_path_factory.mktemp("marked")


@given(before=PIECES, first=NAMES, between=PIECES, second=NAMES, after=PIECES, head_first=st.booleans())
def test_offsets_always_point_at_the_marked_names(
    folder: Path, before: str, first: str, between: str, second: str, after: str, head_first: bool
) -> None:
    (open_first, close_first), (open_second, close_second) = sorted(
        [("<< ", " >>"), ("[[ ", " ]]")], reverse=not head_first
    )
    marked = f"{before}{open_first}{first}{close_first}{between}{open_second}{second}{close_second}{after}"
    (found,) = results(folder, {"text": marked})
    assert isinstance(found, RelationInstance)
    assert found.text == before + first + between + second + after
    assert (found.head_text, found.tail_text) == ((first, second) if head_first else (second, first))
    assert min(found.head.start, found.tail.start) == len(before)
