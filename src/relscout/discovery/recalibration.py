"""Recalibration of relatedness by the judgements of a review, for the corpus of a run and for new text.

The relatedness model estimates the probability that a sentence relates its pair at all. A person who confirms a
relation of a sentence, whichever, says yes; a person who rejects it says no. Slope and shift of the log odds are fitted
to these judgements (Platt scaling) with a prior towards no change, so that a few move little. The order of the pairs
stays. The thresholds move to where the kept pairs reach the expected precision by the new probabilities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.corrections import Corrections, described_again, fresh
from relscout.discovery.result import Scores
from relscout.encoders import known_share
from relscout.methods.unrelated import NoRelationWrapper, RelatednessDetector
from relscout.methods.unrelated.by_relatedness import log_odds, rescaled

if TYPE_CHECKING:
    from relscout.discovery.result import Discovery

_NOT_ESTIMATED = (
    "this run does not estimate which pairs are related, so there is nothing to recalibrate; "
    "runs on plain text do"
)


def recalibrated(run: Discovery, corrections: Corrections) -> Discovery:
    """Return a run after its judgements recalibrated relatedness; a repetition starts from the model, not from before.

    Args:
        run: The run.
        corrections: Its corrections.

    Raises:
        InputError: Relatedness is not estimated in the run, or no sentence was judged.
    """
    (model, detector), related = _parts(run), run.assignments.related
    if related is None:
        raise InputError(_NOT_ESTIMATED)
    if not corrections.related:
        raise InputError(
            "no judgement says yet whether a sentence relates its pair; confirm or reject single sentences first"
        )
    row_of = {instance.id: row for row, instance in enumerate(run.assignments.instances)}
    certain = np.array([instance.id in corrections.estimates for instance in run.assignments.instances])
    before = related.copy()
    for row in np.flatnonzero(certain).tolist():
        before[row] = corrections.estimates[run.assignments.instances[row].id]
    # independent of the order in which they were judged
    judged = sorted(corrections.related)
    old_slope, old_shift = corrections.recalibration
    odds = (log_odds(before) - old_shift) / old_slope
    slope, shift = detector.judged_line(
        odds[[row_of[id] for id in judged]], [corrections.related[id] for id in judged], corpus=odds
    )
    factor = slope / old_slope
    offset = shift - factor * old_shift
    after = rescaled(before, factor, offset)
    new_model = model.recalibrated(factor, offset, related=before)
    now = replace(
        corrections,
        recalibration=(slope, shift),
        estimates={id: float(after[row_of[id]]) for id in corrections.estimates},
    )
    changed = replace(
        run.with_run({"corrections": now.as_json()}),
        model=new_model,
        assignments=replace(run.assignments, related=np.where(certain, related, after)),
    )
    record = {
        **run.run["relatedness"],
        "model": _parts(changed)[1].model.fingerprint,
        "thresholds": [round(float(line), 4) for line in _parts(changed)[1].thresholds],
    }
    return _reassigned(run, changed.with_run({"relatedness": record}), before, after, corrections)


def _parts(run: Discovery) -> tuple[NoRelationWrapper, RelatednessDetector]:
    """Return the model of a run and its detector.

    Raises:
        InputError: The model does not estimate relatedness.
    """
    detector = run.model.relatedness_detector if isinstance(run.model, NoRelationWrapper) else None
    if not isinstance(run.model, NoRelationWrapper) or detector is None:
        raise InputError(_NOT_ESTIMATED)
    return run.model, detector


def _reassigned(
    run: Discovery,
    changed: Discovery,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    corrections: Corrections,
) -> Discovery:
    """Return ``changed`` with the relations of the pairs that crossed a threshold.

    Args:
        run: The run before.
        changed: The run with the new model and the new probabilities.
        before: Probability that each pair is related, as estimated by the model of ``run`` (N,).
        after: The same by the new model (N,).
        corrections: The corrections of ``run``; what was judged stays.
    """
    instances = run.assignments.instances
    rows = np.array(
        [
            row
            for row in _near_a_threshold(run, changed, before, after).tolist()
            if instances[row].id not in corrections.judged
        ],
        dtype=np.int64,
    )
    if not len(rows):
        return changed
    pairs = _with_syntax(run, rows)
    model, _ = _parts(run)
    shares = model.method.predict_proba(pairs)
    readable = known_share(model.encoder, [instance.text for instance in instances])
    old, new = (
        each.assign(
            Scores(pairs, _parts(each)[0].with_no_relation(shares, related), related, Counter()),
            readable=readable,
        )
        for each, related in ((run, before[rows]), (changed, after[rows]))
    )
    moved = old.relation_ids != new.relation_ids
    ids, confidences = changed.assignments.relation_ids.copy(), changed.assignments.confidences.copy()
    touched = {*ids[rows[moved]].tolist(), *new.relation_ids[moved].tolist()} - {-1}
    ids[rows[moved]], confidences[rows[moved]] = new.relation_ids[moved], new.confidences[moved]
    polarities = list(changed.assignments.polarity_values())
    phrases = list(changed.assignments.phrase_values())
    for place in np.flatnonzero(moved).tolist():
        polarities[rows[place]] = new.polarity_values()[place]
        phrases[rows[place]] = new.phrase_values()[place]
    assignments = replace(
        changed.assignments,
        relation_ids=ids,
        confidences=confidences,
        polarities=None if all(value == "asserted" for value in polarities) else polarities,
        phrases=phrases if any(phrases) else None,
    )
    known = {relation.id for relation in run.relations}
    # pre-defined relations that the corpus lacked
    arrived = [fresh(id, run.names[id]) for id in sorted(touched - known)]
    relations = described_again([*run.relations, *arrived], assignments, touched)
    return replace(changed, relations=relations, assignments=assignments)


def _near_a_threshold(
    run: Discovery, changed: Discovery, before: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the rows that may have crossed the threshold of some relation (n,): only these need the model."""
    kept, left = np.full(len(before), True), np.full(len(before), True)
    for each, related in ((run, before), (changed, after)):
        _, detector = _parts(each)
        kept &= related >= detector.thresholds.max()
        left &= related < detector.thresholds.min()
    return np.flatnonzero(~kept & ~left)


def _with_syntax(run: Discovery, rows: NDArray[np.int64]) -> Sequence[RelationInstance]:
    pairs = [run.assignments.instances[row].without_relation() for row in rows.tolist()]
    if not run.needs_syntax(relatedness=False):
        return pairs
    from relscout.text.spacy_pipeline import looks_english, with_syntax

    # whether a text is parsed is decided by the corpus, not by these pairs
    return with_syntax(pairs, english=looks_english(each.text for each in run.assignments.instances))
