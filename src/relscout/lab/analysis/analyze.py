"""The analysis of a fitted model: its answers in every input format, a verdict in words, and the record of both.

The rules, with the answers of C+M as "its answers". Nothing is said of a figure whose interval leaves it open: there
are too few instances.

*What it reads.* Context alone (OnlyC) keeps c of the answers, names alone (OnlyM) keep n, and always giving the
commonest answer keeps m. It *needs both* where neither keeps half of the answers, with intervals below that. It *reads
neither* where neither is shown to keep more than m, nor .10 more than m is possible. Else it reads *mostly the context*
where c is above m, and c - n at least .10 with an interval above 0, *mostly the names* in the reverse case, and both
*about equally* where both are above m and the interval of c - n lies within ±.10. *Above* is said of intervals of
paired differences.

*What the names contribute.* Types are *most* of what is lost without names where showing them restores at least half of
it, *part* from 15 %, and *hardly any* below; an interval that reaches over a border names both. Where surely no more
than 5 % is lost, names hardly matter in addition to the context; nor at all, where names alone are not shown to keep
more than m.

*The order of the paper*, C+M ≈ C+T > OnlyC > OnlyM > OnlyT (TACRED, its Table 1), is looked for in the scores of a
classifier, see :mod:`relscout.lab.analysis.figures`; not in B³ of a run.

*Beware* of data whose names give the relations away: names alone score .10 more than always giving the commonest
relation, and their interval lies above that; and of names that mislead: more is right without them than with them, by
at least 1 % of the instances, and the interval of that lies above 0.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, OutputError
from relscout.core.files import check_makeable, check_replaceable, make_above, whole_file, whole_folder
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted
from relscout.discovery import Discovery
from relscout.encoders import Encoder, OnLoss, name_of, underlying
from relscout.io.writers.jsonl import mention_record
from relscout.io.writers.textfile import write_json_lines
from relscout.lab.analysis.figures import Estimate, Figures, FormatFigures, figures, in_words, percent
from relscout.lab.analysis.formats import Answers, Classifier, answers, names_again
from relscout.training.labels import content

_NAMED = 3


@dataclass(frozen=True)
class Judged:
    """Instances with gold relations, or without any.

    Args:
        instances: N instances.
        gold: Their gold relations (N,); ``None`` where no instance has one.
        unlabelled: How many instances were left out because they have none while others do.
        unknown: Gold relation that the model does not know → how many instances were left out.
    """

    instances: Sequence[RelationInstance]
    gold: Sequence[str] | None
    unlabelled: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)


def judged(instances: Sequence[RelationInstance], *, known: Collection[str] | None = None) -> Judged:
    """Leave out instances that cannot be judged together with the rest.

    Args:
        instances: Instances, with gold relations where there are some.
        known: Relations of a classifier; ``None`` for a discovery, whose relations have names of their own.

    Raises:
        InputError: There is no instance, or none of a relation that is known.
    """
    if not instances:
        raise InputError("there is nothing to analyse: the data hold no instance")
    labelled = [one for one in instances if one.relation is not None]
    if not labelled:
        return Judged(instances, None)
    unknown = Counter(
        str(one.relation) for one in labelled if known is not None and one.relation not in known
    )
    kept = [one for one in labelled if str(one.relation) not in unknown]
    if known is not None and not kept:
        raise InputError(
            f"none of the {len(unknown)} gold relations ({_few(unknown)}) is among the {len(known)} that the model "
            f"knows ({_few(known)}); give data of the same relations, or rename them (relation_names, --relation-names)"
        )
    return Judged(kept, [str(one.relation) for one in kept], len(instances) - len(labelled), dict(unknown))


def untested(
    given: Sequence[RelationInstance], test: Sequence[RelationInstance], what: str
) -> tuple[list[RelationInstance], list[str]]:
    """Return the instances that are not tested on, and a warning where others were left out.

    Args:
        given: Instances.
        test: Instances that are tested on.
        what: What they are for, as the warning puts it, such as ``"to learn from"``.
    """
    tested = {content(one) for one in test}
    left = [one for one in given if content(one) not in tested]
    met = len(given) - len(left)
    warning = f"{met} of {len(given)} instances {what} are tested on, too, and were left out"
    return left, [warning] if met else []


def _few(names: Collection[str]) -> str:
    chosen = sorted(names)[:_NAMED]
    return ", ".join(map(repr, chosen)) + (", …" if len(names) > _NAMED else "")


#: What became of an instance without names and types (OnlyC): a right answer was lost; a wrong one became right; or,
#: where no gold relations are known, it changed.
Kind = Literal["lost", "gained", "changed"]


@dataclass(frozen=True)
class RelationReliance:
    """How the instances of one relation fare in the input formats.

    Args:
        relation: The gold relation; that of C+M where no gold relations are known, or where relations were found.
        count: Number of instances.
        shares: Input format → share of them that is right (of a classifier, with gold relations) or kept.
    """

    relation: str
    count: int
    shares: Mapping[str, float]

    @property
    def lost(self) -> float:
        """The share that hiding names and types costs; below 0 where it helps."""
        return self.shares["C+M"] - self.shares["OnlyC"]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        shares = {format: round(share, 6) for format, share in self.shares.items()}
        return {
            "relation": self.relation,
            "count": self.count,
            "shares": shares,
            "lost": round(self.lost, 6),
        }


@dataclass(frozen=True)
class Flip:
    """An instance whose answer is another one without names and types.

    Args:
        row: Its place among the instances.
        kind: What became of it.
        relation: The relation under which it is listed, as in :class:`RelationReliance`.
        sure: How sure both answers are, the product of their confidences, in [0, 1].
    """

    row: int
    kind: Kind
    relation: str
    sure: float


def by_relation(answers: Answers, *, judged: bool) -> list[RelationReliance]:
    """Return how each relation fares, those that hiding the mentions costs most first.

    Args:
        answers: What the model answered.
        judged: Whether answers can be right or wrong.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, relation in enumerate(_listed(answers, judged)):
        rows[relation].append(row)
    good = _good(answers, judged)
    found = [
        RelationReliance(
            relation, len(places), {format: float(held[places].mean()) for format, held in good.items()}
        )
        for relation, places in rows.items()
    ]
    return sorted(found, key=lambda one: (-one.lost, -one.count, one.relation))


def flips(answers: Answers, *, judged: bool) -> list[Flip]:
    """Return the instances that are right in C+M and wrong in OnlyC, or the reverse; without gold, those that change.

    The surest come first, so that an example shows what the model makes of the input rather than a toss-up.
    """
    relations = _listed(answers, judged)
    good = _good(answers, judged)
    sure = answers.confidences["C+M"] * answers.confidences["OnlyC"]
    changed = np.flatnonzero(good["C+M"] != good["OnlyC"])
    found = []
    for row in changed.tolist():
        kind: Kind = "changed" if not judged else "lost" if good["C+M"][row] else "gained"
        found.append(Flip(row, kind, relations[row], float(sure[row])))
    return sorted(found, key=lambda one: (-one.sure, answers.instances[one.row].id, one.row))


def examples(found: Sequence[Flip], kind: Kind, limit: int) -> Iterator[Flip]:
    """Yield the surest flips of a kind, of as many relations as there are before a second of any."""
    waiting: dict[str, list[Flip]] = defaultdict(list)
    for one in found:
        if one.kind == kind:
            waiting[one.relation].append(one)
    given = 0
    while waiting:
        for relation in list(waiting):
            if given == limit:
                return
            yield waiting[relation].pop(0)
            given += 1
            if not waiting[relation]:
                del waiting[relation]


def _listed(answers: Answers, judged: bool) -> Sequence[str]:
    return answers.gold if judged and answers.gold is not None else answers.given["C+M"]


def _good(answers: Answers, judged: bool) -> dict[str, NDArray[np.bool_]]:
    return {format: answers.right(format) if judged else answers.kept(format) for format in answers.given}


#: Difference of shares that is worth a word.
CLEAR = 0.10
#: Share of the answers; what surely changes no more of them hardly matters.
_HARDLY = 0.05
_MOST, _PART = 0.5, 0.15
#: Where reading nothing keeps so much, nearly every answer is the same.
_ALL_THE_SAME = 0.9


def reads(figures: Figures, noun: str) -> str:
    """Return what the model reads, with the figures.

    Args:
        figures: The figures.
        noun: What the model is called, such as ``"model"`` or ``"run"``.
    """
    context, names = (figures.formats[format].kept for format in ("OnlyC", "OnlyM"))
    return (
        f"This {noun} {_what(figures)}. With the context alone it keeps {in_words(context)} of its answers, with the "
        f"names alone {in_words(names)}; always returning its most frequent relation would keep "
        f"{percent(figures.nothing.kept.value)}."
    )


def _what(figures: Figures) -> str:
    context, names = figures.formats["OnlyC"], figures.formats["OnlyM"]
    nothing, lead = figures.nothing.kept.value, figures.reliance.lead
    open_ = "was analysed on too few instances to see what it reads most"
    if max(context.kept.value, names.kept.value) < _MOST:
        return (
            "needs context and names together" if max(context.kept.high, names.kept.high) < _MOST else open_
        )
    by_context, by_names = context.above_nothing.low > 0, names.above_nothing.low > 0
    if not by_context and not by_names:
        if max(context.above_nothing.high, names.above_nothing.high) >= CLEAR:
            return open_
        return "reads neither context nor names by itself, as far as its answers show" + (
            ": it nearly always returns the same relation" if nothing >= _ALL_THE_SAME else ""
        )
    if by_context and lead.value >= CLEAR and lead.low > 0:
        return "reads mostly the context"
    if by_names and lead.value <= -CLEAR and lead.high < 0:
        return "reads mostly the names"
    if max(-lead.low, lead.high) >= CLEAR:
        # which is ahead may be sure where it is not sure that it is far ahead
        if by_context and lead.low > 0:
            return (
                "reads the context more than the names; with these instances it is open whether clearly more"
            )
        if by_names and lead.high < 0:
            return (
                "reads the names more than the context; with these instances it is open whether clearly more"
            )
        return open_
    if by_context and by_names:
        return "reads context and names about equally"
    some, other = ("context", "names") if by_context else ("names", "context")
    return f"reads something of the {some}, and nothing measurable of the {other}"


def type_findings(figures: Figures) -> Iterator[str]:
    """Yield how much of what the names contribute is due to entity types; nothing without types."""
    reliance, names = figures.reliance, figures.formats["OnlyM"]
    if reliance.types is None:
        return
    alone = names.above_nothing.low > 0
    if reliance.types_back is None or reliance.mentions.high <= _HARDLY:
        if alone:
            yield "Given the context, neither names nor types matter much to it, but names alone are informative."
        else:
            yield "Neither names nor types matter much to it."
        return
    sentence = (
        f"{_part(reliance.types_back)}: without names {in_words(reliance.mentions)} of its answers change, and types "
        f"in their place restore {in_words(reliance.types_back)} of these, on balance"
    )
    if not alone:
        sentence += "; names alone keep no more than its most frequent relation does"
    elif reliance.names_by_types is not None:
        sentence += f"; of those that names alone keep, types alone keep {in_words(reliance.names_by_types)}"
    yield f"{sentence}."


def _part(back: Estimate) -> str:
    low, high = ((value >= _PART) + (value >= _MOST) for value in (back.low, back.high))
    if low == 0 and high == 2:
        return "There are too few instances to see how much of what names add to the context is due to types"
    which = {
        (0, 0): "hardly any",
        (1, 1): "part",
        (2, 2): "most",
        (0, 1): "part at most",
        (1, 2): "part or most",
    }[low, high]
    return f"Types are {which} of what names add to the context"


#: How much more must be right without names, as a share of the instances, for names that mislead to be worth a word.
_MISLED = 0.01
#: Fewer instances give wide intervals.
_FEW = 100
#: What a marking scheme of the model itself hides.
_HIDDEN = {
    "C+T": "names",
    "OnlyC": "names and types",
    "OnlyM": "the context",
    "OnlyT": "names and the context",
}


@dataclass(frozen=True)
class Verdict:
    """What the figures mean.

    Args:
        says: Sentences, the most important first.
        beware: What must be known before they are believed.
        notes: How the inputs were made.
    """

    says: tuple[str, ...]
    beware: tuple[str, ...]
    notes: tuple[str, ...]


def verdict(
    figures: Figures, answers: Answers, flips: list[Flip], *, noun: str, marking: str | None
) -> Verdict:
    """Put the figures into words. Whatever the figures are, something is said, and nothing is raised.

    Args:
        figures: The figures of the answers, shares in [0, 1].
        answers: The answers that they were made of, to at least one instance.
        flips: Instances whose answer is another one in OnlyC, of these answers.
        noun: What the model is called, such as ``"model"`` or ``"run"``.
        marking: Marking scheme of its encoder; ``None`` where it has none.
    """
    says = [reads(figures, noun), *type_findings(figures), *_order(figures)]
    beware = tuple(_beware(figures, answers, flips, noun, marking))
    return Verdict(tuple(says), beware, tuple(_notes(answers)))


def _order(figures: Figures) -> Iterator[str]:
    if figures.order is not None:
        yield (
            f"{figures.order.sentence()} This compares one model on inputs of kinds that it was not trained on; "
            "the paper trained one model per format, as --train does."
        )


def _beware(
    figures: Figures, answers: Answers, flips: list[Flip], noun: str, marking: str | None
) -> Iterator[str]:
    n = len(answers.instances)
    if marking in _HIDDEN:
        yield f"The {noun} hides {_HIDDEN[marking]} itself (marking {marking}), so hiding that changes nothing."
    yield from _given_away(figures.formats["OnlyM"], figures)
    misled = figures.reliance.misled
    if misled is not None and misled.low > 0 and misled.value >= _MISLED:
        gained, lost = (sum(one.kind == kind for one in flips) for kind in ("gained", "lost"))
        yield (
            f"{counted(gained, 'instance')} ({percent(gained / n)}) {'is' if gained == 1 else 'are'} right without "
            f"names only, and {lost:,} ({percent(lost / n)}) with names only: on the whole, names mislead it."
        )
    if n < _FEW:
        yield f"These are only {counted(n, 'instance')}: look at the intervals."


def _notes(answers: Answers) -> Iterator[str]:
    n = len(answers.instances)
    yield _blanks(answers)
    if "C+T" not in answers.given:
        yield "The data has no entity types, so C+T and OnlyT are left out; --entity-types adds them with spaCy."
    elif answers.n_typed < n:
        yield (
            f"{answers.n_typed:,} of {counted(n, 'instance')} have both entity types; for an unknown type, C+T and "
            "OnlyT show “entity”."
        )
    again = sum(map(names_again, answers.instances))
    if again:
        yield (
            f"{counted(again, 'sentence')} ({percent(again / n)}) "
            f"{'names' if again == 1 else 'name'} an entity again outside of its mention, which OnlyC shows, as in "
            "the paper."
        )


def _blanks(answers: Answers) -> str:
    """Return which words stood for the names, and what the others that were tried would have kept."""
    (head, tail), n = answers.blanks, len(answers.instances)
    others = "; ".join(
        f"with “{one}” and “{other}” it keeps {percent(kept / n)}"
        for (one, other), kept in answers.tried.items()
        if (one, other) != answers.blanks
    )
    return (
        f"OnlyC shows “{head}” and “{tail}” in place of the names: of the words that were tried, those that change the "
        f"fewest answers of every second instance ({others}). A model that was not trained on such inputs may still "
        "fail on them."
    )


def _given_away(names: FormatFigures, figures: Figures) -> Iterator[str]:
    nothing = figures.nothing.score
    if names.score is None or nothing is None:
        return
    if names.score.value - nothing.value >= CLEAR and names.score.low > nothing.value:
        yield (
            f"Names alone score {names.score.value:.3f} where reading nothing scores {nothing.value:.3f}: in this "
            "data they give relations away, so a good score does not show that the context is understood."
        )


@dataclass(frozen=True, eq=False)
class Analysis:
    """On what the answers of a model rest.

    Args:
        kind: ``"classifier"`` or ``"run"``.
        encoder: Name of its encoder; ``None`` where it has none.
        marking: How the entities are shown to it; ``None`` where that is not known.
        n_relations: Number of relations that it distinguishes.
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
        details = self.figures
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
            "score": details.score,
            "none": list(details.none),
            "formats": {format: one.as_dict() for format, one in details.formats.items()},
            "nothing": details.nothing.as_dict(),
            "reliance": details.reliance.as_dict(),
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
    surprise; :func:`relscout.lab.analysis.table_one` trains one in each format instead. Gold relations are not
    shown to it.

    Args:
        model: A trained relation classifier, or a discovery.
        instances: What it is asked about, with gold relations or without; of a discovery, its own when left out.
        seed: Of the bootstrap.
        progress: Called with how far each input format is.
        on_loss: Called with each instance that did not fit into the encoder whole, and what was lost.

    Raises:
        InputError: There is no instance, or none of a relation that a classifier knows.
    """
    found = isinstance(model, Discovery)
    asked = model.assignments.instances if instances is None and isinstance(model, Discovery) else instances
    data = judged(asked or [], known=None if isinstance(model, Discovery) else model.relations_)
    given = answers(model, data.instances, gold=data.gold, progress=progress, on_loss=on_loss)
    details = figures(given, clusters=found, seed=seed)
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
        figures=details,
        relations=by_relation(given, judged=right_or_wrong),
        flips=flipped,
        verdict=verdict(details, given, flipped, noun="run" if found else "model", marking=marking),
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


ANALYSIS, FLIPS = "analysis.json", "flips.jsonl"
#: Every name that the folder of an analysis may hold.
CONTENTS = frozenset({ANALYSIS, FLIPS})


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that could not be written at the end, before long work begins.

    Raises:
        OutputError: The folder holds an analysis (and ``overwrite`` is not set) or something else, or cannot be
            written.
    """
    if (folder / ANALYSIS).is_file() and not overwrite:
        raise OutputError(f"{folder} already holds an analysis; choose another folder, or add --overwrite")
    check_replaceable(folder, contents=CONTENTS if (folder / ANALYSIS).is_file() else ())
    check_makeable(folder)


def save(folder: Path, analysis: Analysis, record: Mapping[str, Any]) -> None:
    """Write an analysis; the folder appears whole or not at all.

    ``flips.jsonl`` is in the exchange format, which any command reads, with the extra fields ``kind``, ``answers`` and
    ``confidences``.

    Args:
        folder: Where to.
        analysis: The analysis.
        record: What ``analysis.json`` is to hold, JSON values.

    Raises:
        OutputError: The folder holds something else or cannot be written.
    """
    check_target(folder, overwrite=True)
    make_above(folder)
    with whole_folder(folder, contents=CONTENTS) as fresh:
        with whole_file(fresh / ANALYSIS) as partial:
            text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        write_json_lines(_flips(analysis), fresh / FLIPS)


def _flips(analysis: Analysis) -> Iterator[dict[str, Any]]:
    answers = analysis.answers
    for flip in analysis.flips:
        instance = answers.instances[flip.row]
        yield {
            "id": instance.id,
            "kind": flip.kind,
            "text": instance.text,
            "head": mention_record(instance.head, instance.text),
            "tail": mention_record(instance.tail, instance.text),
            "relation": instance.relation,
            "answers": {format: labels[flip.row] for format, labels in answers.given.items()},
            "confidences": {
                format: round(float(sure[flip.row]), 4) for format, sure in answers.confidences.items()
            },
            "source": instance.source,
        }
