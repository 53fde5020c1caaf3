"""Relatedness recalibrated by judgements, in plain text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.encoders import TransformerEncoder
from relscout.methods.unrelated.by_relatedness import log_odds


def ids_of(run: Discovery, *, kept: bool) -> list[str]:
    """Return the ids of the pairs that have a relation, or have none, the most likely related first."""
    related = run.assignments.related
    assert related is not None
    rows = np.flatnonzero((run.assignments.relation_ids >= 0) == kept)
    return [run.assignments.instances[row].id for row in sorted(rows.tolist(), key=lambda row: -related[row])]


def rejected(run: Discovery, ids: list[str], **more: Any) -> Discovery:
    ids_now = {
        each.id: int(id)
        for each, id in zip(run.assignments.instances, run.assignments.relation_ids, strict=True)
    }
    for id in ids:
        run = run.reject([id], ids_now[id], **more)
    return run


def confirmed(run: Discovery, ids: list[str], **more: Any) -> Discovery:
    ids_now = {
        each.id: int(id)
        for each, id in zip(run.assignments.instances, run.assignments.relation_ids, strict=True)
    }
    for id in ids:
        run = run.confirm([id], max(ids_now[id], run.relations[0].id), **more)
    return run


def unjudged(run: Discovery) -> np.ndarray[Any, Any]:
    judged = run.run["corrections"]["judged"]
    return np.array([each.id not in judged for each in run.assignments.instances])


def kept(run: Discovery) -> set[str]:
    return set(ids_of(run, kept=True))


def test_estimates_of_judged_pairs_move_to_the_judgements_and_the_order_stays(plain: Discovery) -> None:
    less = rejected(plain, ids_of(plain, kept=True)[:3])
    more = confirmed(plain, ids_of(plain, kept=False)[:3])
    for judged, sign in ((less, -1), (more, 1)):
        now, others = judged.recalibrate(), unjudged(judged)
        estimates = [run.run["corrections"]["estimates"] for run in (judged, now)]
        assert estimates[0].keys() == estimates[1].keys()
        assert all(sign * (estimates[1][id] - estimates[0][id]) > 0 for id in estimates[0])
        before, after = (log_odds(run.assignments.related[others]) for run in (plain, now))  # type: ignore[index]
        np.testing.assert_array_equal(np.argsort(before, kind="stable"), np.argsort(after, kind="stable"))


def test_a_judgement_moves_little_and_more_move_more(plain: Discovery) -> None:
    mine = ids_of(plain, kept=True)
    moved = []
    for count in (1, 2, 4, 8):
        run = rejected(plain, mine[:count])
        now, others = run.recalibrate().assignments.related, unjudged(run)
        moved.append(np.abs(log_odds(now[others]) - log_odds(plain.assignments.related[others])).max())  # type: ignore[index]
    assert moved == sorted(moved)
    assert moved[0] < 0.3 < moved[-1]


def test_pairs_that_cross_the_threshold_lose_or_get_a_relation(plain: Discovery) -> None:
    judged = rejected(plain, ids_of(plain, kept=True)[1:5])
    fewer = judged.recalibrate()
    assert kept(fewer) < kept(judged)
    judged = confirmed(plain, ids_of(plain, kept=False)[-15:])
    more = judged.recalibrate()
    assert kept(more) > kept(judged)
    assert sum(relation.size for relation in more.relations) == len(kept(more))
    arrived = kept(more) - kept(judged)
    assert arrived <= {triple.instance.id for triple in more.triples()}


def test_the_corpus_gets_the_same_as_new_text_and_a_saved_run_is_the_same(
    plain: Discovery, text_pairs: list[RelationInstance], text_encoder: TransformerEncoder, tmp_path: Path
) -> None:
    steps: list[dict[str, Any]] = [
        {"confirm": [id], "relation": plain.relations[0].id} for id in ids_of(plain, kept=False)[-15:]
    ]
    run = plain.apply(Decisions("", [*steps, {"recalibrate": "relatedness"}]))
    run.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.assignments.related, run.assignments.related)  # type: ignore[arg-type]
    np.testing.assert_array_equal(loaded.assignments.relation_ids, run.assignments.relation_ids)
    assert loaded.facts() == run.facts()
    assert (loaded.relations, loaded.run["corrections"]) == (run.relations, run.run["corrections"])
    assert loaded.run["relatedness"] != plain.run["relatedness"]
    loaded.model.encoder.cache = text_encoder.cache
    predicted, others = loaded.predict([replace(pair, parse=None) for pair in text_pairs]), unjudged(run)
    np.testing.assert_array_equal(predicted.relation_ids, run.assignments.relation_ids)
    np.testing.assert_allclose(predicted.related[others], run.assignments.related[others], atol=1e-5)  # type: ignore[index]


def test_it_is_independent_of_the_order_of_judgements_and_of_a_repetition(plain: Discovery) -> None:
    mine = ids_of(plain, kept=True)[:4]
    once = rejected(plain, mine).recalibrate()
    other = rejected(plain, mine[::-1]).recalibrate()
    twice = rejected(plain, mine[:2]).recalibrate()
    left = [id for id in mine[2:] if id in kept(twice)]
    twice = rejected(rejected(twice, left), [id for id in mine[2:] if id not in left]).recalibrate()
    for run in (other, twice):
        np.testing.assert_allclose(
            run.run["corrections"]["recalibration"], once.run["corrections"]["recalibration"], atol=1e-3
        )
        np.testing.assert_array_equal(run.assignments.relation_ids, once.assignments.relation_ids)
        np.testing.assert_allclose(run.assignments.related, once.assignments.related, atol=1e-3)  # type: ignore[arg-type]
    np.testing.assert_array_equal(once.assignments.related, other.assignments.related)  # type: ignore[arg-type]


def test_only_judgements_of_sentences_say_whether_a_pair_is_related(plain: Discovery) -> None:
    first, second, *_ = ids_of(plain, kept=True)
    wrong = rejected(plain, [first], of="fact")
    whole = confirmed(wrong, [second], of="fact")
    with pytest.raises(InputError, match="no single sentence has been judged yet"):
        whole.recalibrate()
    row = [each.id for each in plain.assignments.instances].index(first)
    assert wrong.assignments.related is not None
    assert plain.assignments.related is not None
    assert wrong.assignments.related[row] == plain.assignments.related[row]
    assert wrong.assignments.relation_ids[row] == -1
    # the last judgement of a sentence counts
    labels = confirmed(whole, [first]).run["corrections"]["related"]
    assert labels == {first: True}


def test_a_dropped_relation_does_not_make_its_confirmed_sentences_unrelated(plain: Discovery) -> None:
    first = ids_of(plain, kept=True)[0]
    more = plain.confirm([first], plain.next_number, "plays for")
    run = more.drop(plain.next_number)
    assert run.run["corrections"]["judged"] == {first: -1}
    assert run.run["corrections"]["related"] == {first: True}


def test_that_a_pair_has_no_relation_is_confirmed_too(plain: Discovery) -> None:
    first = ids_of(plain, kept=False)[0]
    run = rejected(plain, [first])
    assert run.run["corrections"]["related"] == {first: False}
    with pytest.raises(InputError, match="is not in relation -1"):
        plain.reject(ids_of(plain, kept=True)[:1], -1)


def test_a_run_of_marked_pairs_has_nothing_to_recalibrate(found: Discovery) -> None:
    mine = found.assignments.instances[0].id
    with pytest.raises(InputError, match="does not estimate which pairs are related"):
        found.confirm([mine], found.relations[0].id).recalibrate()


@pytest.mark.parametrize(
    "step",
    [
        {"recalibrate": True},
        {"recalibrate": "relatedness", "x": 1},
        {"reject": ["a"], "relation": 1, "of": "x"},
    ],
)
def test_a_step_of_another_form_is_refused(step: Any) -> None:
    with pytest.raises(InputError, match=r"decision 1 is .*, expected"):
        Decisions("", [step])
