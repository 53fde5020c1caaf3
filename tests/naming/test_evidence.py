from __future__ import annotations

import math

import pytest

from relscout.naming.phrases import LINK, Evidence

MOONS = [
    [(0, ["large", "moon", "of"]), (0, [LINK, "of"])],
    [(1, ["moons"])],
    [(4, ["moon"])],
    [(0, ["ring"])],
]
RIVERS = [[(0, ["river", "of"])], [(0, ["large", "river"])]]


def evidence() -> Evidence:
    return Evidence([MOONS, RIVERS], thresholds=[1, 1], longest=2)


def test_a_word_is_counted_in_all_its_forms_and_places_but_at_half_outside_of_the_mentions() -> None:
    share = (1 + 1 + 0.5) / 4
    smoothing = 0.5 / 4
    expected = share * math.log((share + smoothing) / smoothing)
    assert evidence().word_typicality(0, "moon") == pytest.approx(expected)


def test_what_other_clusters_use_more_is_not_typical() -> None:
    assert evidence().typicality(0, (0, "larg")) < 0
    assert evidence().word_typicality(0, "larg") == 0.0


def test_a_preposition_is_typical_only_where_it_leads_to_the_second_mention() -> None:
    assert evidence().link_typicality(0, "of") > 0
    assert evidence().link_typicality(1, "of") == 0.0


def test_a_word_that_content_words_follow_modifies_them() -> None:
    assert evidence().modifies("larg") == pytest.approx(2 / (2 + 3))
    assert evidence().modifies("moon") == 0.0
