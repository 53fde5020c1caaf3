"""Recalibration of relatedness by the judgements of a review, for the corpus of a run and for new text.

The relatedness model estimates the probability that a sentence relates its pair at all. A person who confirms a
relation of a sentence, whichever, says yes; a person who rejects it says no. Slope and shift of the log odds are fitted
to these judgements (Platt scaling) with a prior towards no change, so that a few move little. The order of the pairs
stays. The thresholds move to where the kept pairs reach the expected precision by the new probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.corrections import Corrections, described_again, fresh
from relscout.discovery.relation import Assignments, Relation
from relscout.methods import Estimator
from relscout.methods.unrelated import NoRelationWrapper, RelatednessDetector
from relscout.methods.unrelated.by_relatedness import log_odds, rescaled

_NOT_ESTIMATED = (
    "this run does not estimate which pairs are related, so there is nothing to recalibrate; "
    "runs on plain text do"
)


@dataclass(frozen=True, eq=False)
class Recalibration:
    """What judgements make of relatedness.

    Args:
        old_model: The model before.
        model: The model after.
        corrections: The corrections with the new slope and shift.
        before: Probability that each pair is related, as estimated by the model before (N,), float32.
        after: The same by the model after (N,), float32.
        related: The same, with judged pairs certain (N,), float32.
    """

    old_model: NoRelationWrapper
    model: NoRelationWrapper
    corrections: Corrections
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    related: NDArray[np.float32]

    @classmethod
    def of(cls, model: Estimator, assignments: Assignments, corrections: Corrections) -> Recalibration:
        """Fit slope and shift; a repetition starts from the model as it was discovered.

        Args:
            model: The model of a run.
            assignments: Its assignments.
            corrections: Its corrections.

        Raises:
            InputError: Relatedness is not estimated in the run, or no sentence was judged.
        """
        related, instances = assignments.related, assignments.instances
        if not isinstance(model, NoRelationWrapper) or related is None:
            raise InputError(_NOT_ESTIMATED)
        detector = _detector(model)
        if not corrections.related:
            raise InputError(
                "no single sentence has been judged yet, so there is nothing to learn from; judge some first"
            )
        row_of = {instance.id: row for row, instance in enumerate(instances)}
        certain = np.array([instance.id in corrections.estimates for instance in instances])
        before = related.copy()
        for row in np.flatnonzero(certain).tolist():
            before[row] = corrections.estimates[instances[row].id]
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
        now = replace(
            corrections,
            recalibration=(slope, shift),
            estimates={id: float(after[row_of[id]]) for id in corrections.estimates},
        )
        new = model.recalibrated(factor, offset, related=before)
        return cls(model, new, now, before, after, np.where(certain, related, after))

    def record(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run says of its relatedness, given what it said before."""
        detector = _detector(self.model)
        lines = [round(float(line), 4) for line in detector.thresholds]
        return {**old, "model": detector.model.fingerprint, "thresholds": lines}

    def rows(self, instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
        """Return the rows of the pairs that may have crossed the threshold of some relation (n,): unjudged ones."""
        kept, left = np.full(len(self.before), True), np.full(len(self.before), True)
        for model, related in ((self.old_model, self.before), (self.model, self.after)):
            lines = _detector(model).thresholds
            kept &= related >= lines.max()
            left &= related < lines.min()
        rows = np.flatnonzero(~kept & ~left)
        judged = self.corrections.judged
        return rows[[instances[row].id not in judged for row in rows.tolist()]]


def _detector(model: NoRelationWrapper) -> RelatednessDetector:
    if model.relatedness_detector is None:
        raise InputError(_NOT_ESTIMATED)
    return model.relatedness_detector


def reassigned(
    relations: Sequence[Relation],
    assignments: Assignments,
    rows: NDArray[np.int64],
    old: Assignments,
    new: Assignments,
    names: Mapping[int, str],
) -> tuple[tuple[Relation, ...], Assignments]:
    """Return relations and assignments in which pairs have the relations that changed.

    Args:
        relations: The relations.
        assignments: The assignments.
        rows: Rows of some pairs (n,).
        old: How the model before assigns these (n).
        new: How the model after assigns them (n).
        names: Names of all relations of the model, by id.
    """
    moved = np.flatnonzero(old.relation_ids != new.relation_ids)
    touched = {*assignments.relation_ids[rows[moved]].tolist(), *new.relation_ids[moved].tolist()} - {-1}
    polarities, phrases = new.polarity_values(), new.phrase_values()
    changed = assignments.with_rows(
        rows[moved],
        relation_ids=new.relation_ids[moved],
        confidences=new.confidences[moved],
        polarities=(polarities[place] for place in moved.tolist()),
        phrases=(phrases[place] for place in moved.tolist()),
    )
    # pre-defined relations that the corpus lacked
    arrived = [fresh(id, names[id]) for id in sorted(touched - {relation.id for relation in relations})]
    return described_again([*relations, *arrived], changed, touched), changed
