"""The analysis of a fitted model: ask it in every input format, and tell on what its answers rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relscout.analysis.answers import Answers, Classifier, answers
from relscout.analysis.data import Judged, judged
from relscout.analysis.figures import Figures, figures
from relscout.analysis.formats import names_again
from relscout.analysis.relations import Flip, RelationReliance, by_relation, flips
from relscout.analysis.verdict import Verdict, verdict
from relscout.discovery import Discovery
from relscout.encoders import Encoder, OnLoss
from relscout.encoders.precomputed import name_of, underlying
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Analysis:
    """On what the answers of a model rest.

    Args:
        kind: ``"classifier"`` or ``"run"``.
        encoder: Name of its encoder; ``None`` where it has none.
        marking: How the entities are shown to it; ``None`` where that is not known.
        n_relations: Number of relations that it tells apart.
        data: What it was asked about, and what was left out.
        answers: What it answered in every input format.
        figures: What is kept, what is right, and on what that rests.
        relations: How each relation fares, those that lean on names most first.
        flips: Instances whose answer is another one without names, the surest first.
        verdict: What the figures mean.
    """

    kind: str
    encoder: str | None
    marking: str | None
    n_relations: int
    data: Judged
    answers: Answers
    figures: Figures
    relations: Sequence[RelationReliance]
    flips: Sequence[Flip]
    verdict: Verdict

    @property
    def judged(self) -> bool:
        """Whether its answers can be right or wrong: those of a classifier, where gold relations are known."""
        return self.kind == "classifier" and self.answers.gold is not None

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the single instances as JSON values."""
        told = self.figures
        return {
            "kind": self.kind,
            "encoder": self.encoder,
            "marking": self.marking,
            "n_relations": self.n_relations,
            "instances": len(self.answers.instances),
            "typed": self.answers.n_typed,
            "blanks": list(self.answers.blanks),
            "named_again": sum(map(names_again, self.answers.instances)),
            "left_out": {"unlabelled": self.data.unlabelled, "unknown": dict(self.data.unknown)},
            "score": told.score,
            "none": list(told.none),
            "formats": {format: one.as_dict() for format, one in told.formats.items()},
            "nothing": told.nothing.as_dict(),
            "reliance": told.reliance.as_dict(),
            "verdict": list(self.verdict.says),
            "beware": list(self.verdict.beware),
            "notes": list(self.verdict.notes),
            "flips": {
                kind: sum(one.kind == kind for one in self.flips) for kind in ("lost", "gained", "changed")
            },
            "relations": [one.as_dict() for one in self.relations],
        }


def analyze(
    model: Classifier | Discovery,
    instances: Sequence[RelationInstance] | None = None,
    *,
    seed: int = 0,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Analysis:
    """Show a fitted model the same instances with the context, the names or the types hidden, and compare its answers.

    The weights stay what they are. A model has not seen such inputs in training, so that part of what changes is
    surprise; :func:`relscout.analysis.table_one` trains one in each format instead. Gold relations are not shown to it.

    Args:
        model: A trained relation classifier, or a discovery.
        instances: What it is asked about, with gold relations or without; of a discovery, its own when left out.
        seed: Of the bootstrap.
        progress: Told how far each input format is.
        on_loss: Told each instance that did not fit into the encoder whole, and what was lost.

    Raises:
        InputError: There is no instance, or none of a relation that a classifier knows.
    """
    found = isinstance(model, Discovery)
    asked = model.assignments.instances if instances is None and isinstance(model, Discovery) else instances
    data = judged(asked or [], known=None if isinstance(model, Discovery) else model.relations_)
    given = answers(model, data.instances, gold=data.gold, progress=progress, on_loss=on_loss)
    told = figures(given, clusters=found, seed=seed)
    right_or_wrong = not found and data.gold is not None
    flipped = flips(given, judged=right_or_wrong)
    encoder = encoder_of(model)
    marking = _marking(model, encoder)
    return Analysis(
        kind="run" if found else "classifier",
        encoder=None if encoder is None else name_of(encoder),
        marking=marking,
        n_relations=len(model.relations) if isinstance(model, Discovery) else len(model.relations_),
        data=data,
        answers=given,
        figures=told,
        relations=by_relation(given, judged=right_or_wrong),
        flips=flipped,
        verdict=verdict(told, given, flipped, noun="run" if found else "model", marking=marking),
    )


def encoder_of(model: Classifier | Discovery) -> Encoder | None:
    """Return the encoder of a model; ``None`` where it has none."""
    encoder: Encoder | None = getattr(model.model if isinstance(model, Discovery) else model, "encoder", None)
    return encoder


def _marking(model: Classifier | Discovery, encoder: Encoder | None) -> str | None:
    """Return the marking of the encoder, or what a classifier without one says of itself."""
    if encoder is not None:
        transformer = underlying(encoder)
        return None if transformer is None else transformer.settings.marking
    settings = model.settings() if hasattr(model, "settings") else {}
    return settings.get("marking")
