"""Which inputs a fitted model relies on: its answers in every format, the findings in words, and their record.

*C+M*, *OnlyC* and the others are input formats (:data:`~relscout.lab.analysis.formats.FORMATS`). c and n are the
shares of the answers in C+M that stay the same in OnlyC and in OnlyM; m is the share of the most frequent answer. A
finding is reported only if the 95 % intervals support it; *above* refers to intervals of paired differences.

*Main input.* The model *needs both* if c and n are below one half. It reads *neither* if neither c nor n is above m,
and more than m + .10 can be excluded. It reads *mostly the context* if c is above m and c - n is at least .10 and above
0, *mostly the names* in the reverse case, and both *about equally* if both are above m and the interval of c - n lies
within ±.10.

*Contribution of names.* Types account for *most* of the answers lost without names if they restore at least half of
them, for *part* from 15 %, and for *hardly any* below; an interval across a border names both. If at most 5 % of the
answers are lost, names hardly matter in addition to the context, nor at all if names alone keep no more than m.

*Order of the formats.* The order of the paper, C+M ≈ C+T > OnlyC > OnlyM > OnlyT (TACRED, its Table 1), is tested on
the scores of a classifier, not on the B³ of a run.

*Cautions.* Names give the relations away if they alone score .10 more than the most frequent relation, and above it.
Names mislead if at least 1 % more instances are right without them than with them, and above 0.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
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
from relscout.lab.analysis.figures import Estimate, Figures, compute_figures, in_words, percent
from relscout.lab.analysis.formats import Answers, Classifier, answers, repeats_a_name
from relscout.training.labels import content

_NAMED = 3


@dataclass(frozen=True)
class AnalysisData:
    """The analysed instances.

    Args:
        instances: N instances.
        gold: Their gold relations (N,); ``None`` if no instance has one.
        unlabelled: Number of instances without a gold relation that were left out because others have one.
        unknown: Gold relation that the model does not know → number of instances left out.
    """

    instances: Sequence[RelationInstance]
    gold: Sequence[str] | None
    unlabelled: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def select(
        cls, instances: Sequence[RelationInstance], *, known: Collection[str] | None = None
    ) -> AnalysisData:
        """Leave out instances that cannot be compared with the others.

        Args:
            instances: Instances, with or without gold relations.
            known: Relations of a classifier; ``None`` for a discovery, which names its own relations.

        Raises:
            InputError: There is no instance, or no gold relation is known.
        """
        if not instances:
            raise InputError("there is nothing to analyse: the data hold no instance")
        labelled = [instance for instance in instances if instance.relation is not None]
        if not labelled:
            return cls(instances, None)
        names = [str(instance.relation) for instance in labelled]
        unknown = Counter(name for name in names if known is not None and name not in known)
        selected = [instance for instance in labelled if str(instance.relation) not in unknown]
        if known is not None and not selected:
            raise InputError(
                f"none of the {len(unknown)} gold relations ({_first_few(unknown)}) is among the {len(known)} that the "
                f"model knows ({_first_few(known)}); give data of the same relations, or rename them (relation_names, "
                "--relation-names)"
            )
        gold = [str(instance.relation) for instance in selected]
        return cls(selected, gold, len(instances) - len(labelled), dict(unknown))


def without_tested(
    instances: Sequence[RelationInstance], test: Sequence[RelationInstance], purpose: str
) -> tuple[list[RelationInstance], list[str]]:
    """Return the instances that are not in the test set, and a warning if others were left out.

    Args:
        instances: Instances.
        test: The test set.
        purpose: Their use, for the warning, such as ``"to learn from"``.
    """
    tested = {content(instance) for instance in test}
    left = [instance for instance in instances if content(instance) not in tested]
    n_tested = len(instances) - len(left)
    warning = f"{n_tested} of {len(instances)} instances {purpose} are tested on, too, and were left out"
    return left, [warning] if n_tested else []


def _first_few(names: Collection[str]) -> str:
    return ", ".join(map(repr, sorted(names)[:_NAMED])) + (", …" if len(names) > _NAMED else "")


#: How an answer changes without names and types (OnlyC): from right to wrong, from wrong to right, or, without gold
#: relations, at all.
Kind = Literal["lost", "gained", "changed"]


@dataclass(frozen=True)
class RelationReliance:
    """What the answers for one relation rely on.

    Args:
        relation: The gold relation; without gold relations, and for a discovery, the answer in C+M.
        count: Number of instances.
        shares: Input format → share of them that is right (classifier with gold relations) or unchanged.
    """

    relation: str
    count: int
    shares: Mapping[str, float]

    @property
    def lost(self) -> float:
        """The share lost by hiding names and types; negative if hiding helps."""
        return self.shares["C+M"] - self.shares["OnlyC"]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        shares = {format: round(share, 6) for format, share in self.shares.items()}
        lost = round(self.lost, 6)
        return {"relation": self.relation, "count": self.count, "shares": shares, "lost": lost}


@dataclass(frozen=True)
class Flip:
    """An instance whose answer changes without names and types.

    Args:
        row: Its position among the instances.
        kind: How the answer changes.
        relation: Its relation, as in :class:`RelationReliance`.
        sure: Product of the confidences of both answers, in [0, 1].
    """

    row: int
    kind: Kind
    relation: str
    sure: float


def by_relation(answers: Answers, *, against_gold: bool) -> list[RelationReliance]:
    """Return the reliance of each relation, the one that loses most without names and types first.

    Args:
        answers: The answers of the model.
        against_gold: Whether answers are compared with gold relations.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, relation in enumerate(_relation_of_each(answers, against_gold)):
        rows[relation].append(row)
    good = _good(answers, against_gold)
    relations = [
        RelationReliance(
            relation, len(own), {format: float(flags[own].mean()) for format, flags in good.items()}
        )
        for relation, own in rows.items()
    ]
    return sorted(relations, key=lambda row: (-row.lost, -row.count, row.relation))


def flips(answers: Answers, *, against_gold: bool) -> list[Flip]:
    """Return the instances that are right in only one of C+M and OnlyC; without gold, those whose answer changes.

    The most confident come first: they show what the model makes of the input rather than a toss-up.
    """
    relations = _relation_of_each(answers, against_gold)
    good = _good(answers, against_gold)
    sure = answers.confidences["C+M"] * answers.confidences["OnlyC"]
    changed = np.flatnonzero(good["C+M"] != good["OnlyC"])
    flipped = []
    for row in changed.tolist():
        kind: Kind = "changed" if not against_gold else "lost" if good["C+M"][row] else "gained"
        flipped.append(Flip(row, kind, relations[row], float(sure[row])))
    return sorted(flipped, key=lambda flip: (-flip.sure, answers.instances[flip.row].id, flip.row))


def examples(flips: Sequence[Flip], kind: Kind, limit: int) -> Iterator[Flip]:
    """Yield the most confident flips of a kind, one of each relation before a second of any."""
    queues: dict[str, list[Flip]] = defaultdict(list)
    for flip in flips:
        if flip.kind == kind:
            queues[flip.relation].append(flip)
    rounds = zip_longest(*queues.values())
    yield from islice((flip for round in rounds for flip in round if flip is not None), limit)


def _relation_of_each(answers: Answers, against_gold: bool) -> Sequence[str]:
    return answers.gold if against_gold and answers.gold is not None else answers.labels["C+M"]


def _good(answers: Answers, against_gold: bool) -> dict[str, NDArray[np.bool_]]:
    return {
        format: answers.right(format) if against_gold else answers.kept(format) for format in answers.labels
    }


#: Smallest difference of shares that is reported.
CLEAR = 0.10
#: Names hardly matter if at most this share of the answers changes.
_HARDLY = 0.05
_MOST, _PART = 0.5, 0.15
#: Share of the most frequent answer from which nearly all answers are the same.
_ALL_THE_SAME = 0.9


def describe_reliance(figures: Figures, noun: str) -> str:
    """Return a sentence about the main input of the model.

    Args:
        figures: The figures.
        noun: What to call the model, such as ``"model"`` or ``"run"``.
    """
    context, names = (figures.formats[format].kept for format in ("OnlyC", "OnlyM"))
    return (
        f"This {noun} {_main_input(figures)}. With the context alone it keeps {in_words(context)} of its answers, with "
        f"the names alone {in_words(names)}; always returning its most frequent relation would keep "
        f"{percent(figures.majority.kept.value)}."
    )


def _main_input(figures: Figures) -> str:
    context, names = figures.formats["OnlyC"], figures.formats["OnlyM"]
    majority, lead = figures.majority.kept.value, figures.reliance.lead
    open_ = "was analysed on too few instances to see what it reads most"
    if max(context.kept.value, names.kept.value) < _MOST:
        return (
            "needs context and names together" if max(context.kept.high, names.kept.high) < _MOST else open_
        )
    by_context, by_names = context.above_majority.low > 0, names.above_majority.low > 0
    if not by_context and not by_names:
        if max(context.above_majority.high, names.above_majority.high) >= CLEAR:
            return open_
        return "reads neither context nor names by itself, as far as its answers show" + (
            ": it nearly always returns the same relation" if majority >= _ALL_THE_SAME else ""
        )
    if by_context and lead.value >= CLEAR and lead.low > 0:
        return "reads mostly the context"
    if by_names and lead.value <= -CLEAR and lead.high < 0:
        return "reads mostly the names"
    if max(-lead.low, lead.high) >= CLEAR:
        # the sign of the difference may be certain although its size is not
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
    """Yield a sentence about the share of the names' contribution that entity types explain, if types are known."""
    reliance, names = figures.reliance, figures.formats["OnlyM"]
    if reliance.types is None:
        return
    alone = names.above_majority.low > 0
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


#: Smallest gain without names, as a share of the instances, that is reported.
_MISLED = 0.01
#: Fewer instances give wide intervals.
_FEW = 100
#: Marking scheme of the model → what the scheme itself hides.
_HIDDEN = {
    "C+T": "names",
    "OnlyC": "names and types",
    "OnlyM": "the context",
    "OnlyT": "names and the context",
}


@dataclass(frozen=True)
class Findings:
    """The meaning of the figures in words.

    Args:
        statements: Sentences, the most important first.
        cautions: Reasons to doubt them.
        notes: How the inputs were made.
    """

    statements: tuple[str, ...]
    cautions: tuple[str, ...]
    notes: tuple[str, ...]


def interpret(
    figures: Figures, answers: Answers, flips: list[Flip], *, noun: str, marking: str | None
) -> Findings:
    """Describe the figures in words; any figures give at least one statement.

    Args:
        figures: The figures of the answers.
        answers: At least one answer in each format.
        flips: Instances whose answer changes in OnlyC.
        noun: What to call the model, such as ``"model"`` or ``"run"``.
        marking: Marking scheme of its encoder; ``None`` without one.
    """
    statements = [describe_reliance(figures, noun), *type_findings(figures), *_order(figures)]
    cautions = tuple(_cautions(figures, answers, flips, noun, marking))
    return Findings(tuple(statements), cautions, tuple(_notes(answers)))


def _order(figures: Figures) -> Iterator[str]:
    if figures.order is not None:
        yield (
            f"{figures.order.sentence()} This compares one model on inputs of kinds that it was not trained on; "
            "the paper trained one model per format, as --train does."
        )


def _cautions(
    figures: Figures, answers: Answers, flips: list[Flip], noun: str, marking: str | None
) -> Iterator[str]:
    n = len(answers.instances)
    if marking in _HIDDEN:
        yield f"The {noun} hides {_HIDDEN[marking]} itself (marking {marking}), so hiding that changes nothing."
    names, majority = figures.formats["OnlyM"].score, figures.majority.score
    if names is not None and majority is not None and names.low > majority.value <= names.value - CLEAR:
        yield (
            f"Names alone score {names.value:.3f} where reading nothing scores {majority.value:.3f}: in this "
            "data they give relations away, so a good score does not show that the context is understood."
        )
    misled = figures.reliance.misled
    if misled is not None and misled.low > 0 and misled.value >= _MISLED:
        gained, lost = (sum(flip.kind == kind for flip in flips) for kind in ("gained", "lost"))
        yield (
            f"{counted(gained, 'instance')} ({percent(gained / n)}) {'is' if gained == 1 else 'are'} right without "
            f"names only, and {lost:,} ({percent(lost / n)}) with names only: on the whole, names mislead it."
        )
    if n < _FEW:
        yield f"These are only {counted(n, 'instance')}: look at the intervals."


def _notes(answers: Answers) -> Iterator[str]:
    n = len(answers.instances)
    yield _blanks(answers)
    if "C+T" not in answers.labels:
        yield "The data has no entity types, so C+T and OnlyT are left out; --entity-types adds them with spaCy."
    elif answers.n_typed < n:
        yield (
            f"{answers.n_typed:,} of {counted(n, 'instance')} have both entity types; for an unknown type, C+T and "
            "OnlyT show “entity”."
        )
    if again := sum(map(repeats_a_name, answers.instances)):
        yield (
            f"{counted(again, 'sentence')} ({percent(again / n)}) "
            f"{'names' if again == 1 else 'name'} an entity again outside of its mention, which OnlyC shows, as in "
            "the paper."
        )


def _blanks(answers: Answers) -> str:
    """Return the placeholders of OnlyC, and the share of answers that the other candidates would have kept."""
    (head, tail), n = answers.blanks, len(answers.instances)
    others = "; ".join(
        f"with “{words[0]}” and “{words[1]}” it keeps {percent(kept / n)}"
        for words, kept in answers.tried.items()
        if words != answers.blanks
    )
    return (
        f"OnlyC shows “{head}” and “{tail}” in place of the names: of the words that were tried, those that change the "
        f"fewest answers of every second instance ({others}). A model that was not trained on such inputs may still "
        "fail on them."
    )


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the answers of a model rely on.

    Args:
        kind: ``"classifier"`` or ``"run"``.
        encoder: Name of its encoder; ``None`` without one.
        marking: Marking scheme of the encoder; ``None`` if it is not known.
        n_relations: Number of relations that it distinguishes.
        data: The analysed instances, and what was left out.
        answers: Its answers in every input format.
        figures: Shares and scores.
        relations: The reliance of each relation, the one that relies on names most first.
        flips: Instances whose answer changes without names, the most confident first.
        findings: The figures in words.
    """

    kind: str
    encoder: str | None
    marking: str | None
    n_relations: int
    data: AnalysisData
    answers: Answers
    figures: Figures
    relations: Sequence[RelationReliance]
    flips: Sequence[Flip]
    findings: Findings

    @property
    def against_gold(self) -> bool:
        """Whether answers are compared with gold relations: those of a classifier on labelled data."""
        return self.kind == "classifier" and self.answers.gold is not None

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the single instances as JSON values."""
        figures = self.figures
        kinds = Counter(flip.kind for flip in self.flips)
        return {
            "kind": self.kind,
            "encoder": self.encoder,
            "marking": self.marking,
            "n_relations": self.n_relations,
            "instances": len(self.answers.instances),
            "typed": self.answers.n_typed,
            "blanks": list(self.answers.blanks),
            "named_again": sum(map(repeats_a_name, self.answers.instances)),
            "left_out": {"unlabelled": self.data.unlabelled, "unknown": dict(self.data.unknown)},
            "score": figures.score,
            "none": list(figures.none),
            "formats": {format: values.as_dict() for format, values in figures.formats.items()},
            "majority": figures.majority.as_dict(),
            "reliance": figures.reliance.as_dict(),
            "findings": list(self.findings.statements),
            "cautions": list(self.findings.cautions),
            "notes": list(self.findings.notes),
            "flips": {kind: kinds[kind] for kind in ("lost", "gained", "changed")},
            "relations": [relation.as_dict() for relation in self.relations],
        }


def analyze(
    model: Classifier | Discovery,
    instances: Sequence[RelationInstance] | None = None,
    *,
    seed: int = 0,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Analysis:
    """Compare the answers of a fitted model with context, names or types hidden from it.

    The weights do not change. The model has not seen such inputs in training, which explains part of the changes;
    :func:`relscout.lab.analysis.table_one` trains a model for each format instead. Gold relations are hidden.

    Args:
        model: A trained relation classifier, or a discovery.
        instances: Instances with or without gold relations; a discovery's own by default.
        seed: Seed of the bootstrap.
        progress: Called with the progress of each input format.
        on_loss: Called with each instance that the encoder had to cut, and what was lost.

    Raises:
        InputError: There is no instance, or none of a relation that a classifier knows.
    """
    if isinstance(model, Discovery):
        kind, known, n_relations = "run", None, len(model.relations)
        instances = model.assignments.instances if instances is None else instances
    else:
        kind, known, n_relations = "classifier", model.relations_, len(model.relations_)
    data = AnalysisData.select(instances or [], known=known)
    replies = answers(model, data.instances, gold=data.gold, progress=progress, on_loss=on_loss)
    figures = compute_figures(replies, clusters=kind == "run", seed=seed)
    against_gold = kind == "classifier" and data.gold is not None
    flipped = flips(replies, against_gold=against_gold)
    encoder = encoder_of(model)
    marking = _marking(model, encoder)
    noun = "run" if kind == "run" else "model"
    return Analysis(
        kind=kind,
        encoder=None if encoder is None else name_of(encoder),
        marking=marking,
        n_relations=n_relations,
        data=data,
        answers=replies,
        figures=figures,
        relations=by_relation(replies, against_gold=against_gold),
        flips=flipped,
        findings=interpret(figures, replies, flipped, noun=noun, marking=marking),
    )


def encoder_of(model: Classifier | Discovery) -> Encoder | None:
    """Return the encoder of a model, or ``None``."""
    encoder: Encoder | None = getattr(model.model if isinstance(model, Discovery) else model, "encoder", None)
    return encoder


def _marking(model: Classifier | Discovery, encoder: Encoder | None) -> str | None:
    if encoder is not None:
        transformer = underlying(encoder)
        return None if transformer is None else transformer.settings.marking
    settings = model.settings() if hasattr(model, "settings") else {}
    return settings.get("marking")


ANALYSIS, FLIPS = "analysis.json", "flips.jsonl"
#: Every file name in the folder of an analysis.
CONTENTS = frozenset({ANALYSIS, FLIPS})


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Check before long work that the folder can be written.

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

    ``flips.jsonl`` is in the exchange format with the extra fields ``kind``, ``answers`` and ``confidences``.

    Args:
        folder: The folder.
        analysis: The analysis.
        record: JSON values for ``analysis.json``.

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
            "answers": {format: labels[flip.row] for format, labels in answers.labels.items()},
            "confidences": {
                format: round(float(sure[flip.row]), 4) for format, sure in answers.confidences.items()
            },
            "source": instance.source,
        }
