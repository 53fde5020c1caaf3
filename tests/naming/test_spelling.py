from __future__ import annotations

from relscout.naming.phrases import GAP, NO_GAP, spell


def test_a_phrase_is_written_in_its_most_frequent_form() -> None:
    instances = [[(0, ["was", "won"])], [(0, ["is", "won"])], [(0, ["was", "won"])]]
    assert spell(instances, {(0, "be", "win")}) == {(0, "be", "win"): "was won"}


def test_forms_of_a_single_word_count_wherever_they_stand() -> None:
    instances = [[(0, ["win"])], [(4, ["won"])], [(2, ["won"])]]
    assert spell(instances, {(0, "win")}) == {(0, "win"): "won"}


def test_a_gap_is_written_where_most_instances_have_one() -> None:
    close = [[(0, ["studied", GAP, "at"])], [(0, ["studied", NO_GAP, "at"])]]
    wanted = (0, "studi", GAP, "at")
    assert spell(close, {wanted}) == {wanted: "studied at"}
    assert spell([*close, close[0]], {wanted}) == {wanted: "studied … at"}
