"""``relscout evaluate``: a run, or a file of labels, against gold relations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.labels import found_labels, gold_labels, matched
from relscout.cli.reading import LabelledReading, Reading
from relscout.cli.screen import Skipped, output, plain_table, print_json, say_note
from relscout.core.errors import InputError
from relscout.core.wording import counted, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relscout.metrics import ClusteringScores, OpenWorldScores

#: Number of "no relation" in a run.
_NO_RELATION = "-1"
_COLUMNS = {
    "b3_precision": "B³ P",
    "b3_recall": "B³ R",
    "b3_f1": "B³ F1",
    "homogeneity": "hom.",
    "completeness": "compl.",
    "v_measure": "V",
    "ari": "ARI",
    "nmi": "NMI",
    "accuracy": "acc.",
}


@options.grouped
def command(
    found: Annotated[
        Path,
        typer.Argument(metavar="FOUND", help="Run directory, assignments.jsonl, or one label per line."),
    ],
    gold: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Gold relations: any input format, or one label per line."),
    ],
    majority_mapped: Annotated[
        bool,
        typer.Option("--majority-mapped", help="Map clusters to their majority relation first (SelfORE)."),
    ] = False,
    labeled: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Files with the pre-defined relations; repeatable."),
    ] = None,
    as_json: options.AsJson = False,
    *,
    reading: LabelledReading,
) -> None:
    """Score discovered relations against gold relations.

    The scores are B³, V-measure, ARI, NMI and the accuracy of the best one-to-one match. Trivial baselines are
    scored too: one cluster, singletons, entity-type pairs. Instances are matched by their ids, else by text and
    offsets; bare labels line by line.

    FOUND may also be JSON Lines written by 'relscout extract', which lack instances without a relation. With
    --labeled, pre-defined and novel relations are also scored separately.
    """
    from relscout.metrics import majority_mapped as score_majority_mapped
    from relscout.metrics import score, trivial_baselines

    skipped = Skipped()
    clusters, truth = found_labels(found), gold_labels(gold, reading, skipped)
    skipped.report()
    if truth.n_unlabelled:
        say_note(f"{counted(truth.n_unlabelled, 'instance')} in {gold} without a gold relation left out")
    rows = matched(clusters, truth)
    if len(rows) < max(len(clusters.labels), len(truth.labels)):
        say_note(
            f"{len(rows):,} instances are in both files, of {len(clusters.labels):,} in {found} and "
            f"{len(truth.labels):,} in {gold}"
        )
    left = [clusters.labels[row] for row, _ in rows]
    right = [truth.labels[other] for _, other in rows]
    scores = (score_majority_mapped if majority_mapped else score)(left, right)
    names = [clusters.names[row] for row, _ in rows]
    open_world = None
    if labeled:
        predefined = _predefined(labeled, reading)
        if predefined.isdisjoint(right):
            say_note("none of the labelled relations is a gold relation; is this the file of --labeled?")
        elif predefined.isdisjoint(names):
            say_note(
                f"no relation of {found} has the name of a labelled relation, so that all of these count as wrong"
            )
        open_world = _open_world(names, left, right, predefined)
    if as_json:
        print_json(scores.as_dict() | ({} if open_world is None else {"open_world": open_world.as_dict()}))
        return
    pairs = [truth.type_pairs[other] for _, other in rows] if truth.type_pairs else None
    table = plain_table("", numbers=["clusters", *_COLUMNS.values()])
    _add_row(table, f"{found}" + (" (majority-mapped)" if majority_mapped else ""), scores)
    for name, baseline in trivial_baselines(right, type_pairs=pairs).items():
        _add_row(table, name, baseline, style="dim")
    console = output()
    console.print(
        Text(
            f"{counted(scores.n_instances, 'instance')}, {counted(scores.n_gold, 'gold relation')}, "
            f"protocol: {scores.protocol}"
        )
    )
    console.print(table)
    if open_world is not None:
        for line in _open_world_lines(open_world, n_instances=scores.n_instances):
            console.print(Text(line))


def _predefined(files: Sequence[Path], reading: Reading) -> frozenset[str]:
    """Return the names of the relations of labelled files."""
    skipped = Skipped()
    names = frozenset(
        str(instance.relation)
        for instance in reading.instances([*files], skipped)
        if instance.relation is not None and not instance.is_unrelated
    )
    skipped.report()
    if not names:
        raise InputError(f"{', '.join(map(str, files))}: no instance has a gold relation")
    return names


def _open_world(
    names: Sequence[str | None], clusters: Sequence[str], gold: Sequence[str], predefined: frozenset[str]
) -> OpenWorldScores:
    from relscout.core.instances import NAMES_OF_NONE
    from relscout.metrics import open_world_scores

    # a cluster is a pair, which cannot be confused with the name of a relation
    none = ("no relation", "")
    predicted = [
        name if name in predefined else none if label == _NO_RELATION else ("cluster", label)
        for name, label in zip(names, clusters, strict=True)
    ]
    truth = [none if relation.casefold() in NAMES_OF_NONE else relation for relation in gold]
    return open_world_scores(predicted, truth, predefined, no_relation=none)


def _open_world_lines(scores: OpenWorldScores, *, n_instances: int) -> Iterator[str]:
    """Yield the scores of a mixed corpus in words."""

    def listed(**values: float | None) -> str:
        return ", ".join(
            f"{name} {'-' if value is None else f'{value:.3f}'}" for name, value in values.items()
        )

    shares = (
        ("pre-defined", scores.predefined_accuracy, scores.n_predefined),
        ("novel", scores.novel_accuracy, scores.n_novel),
        ("all", scores.accuracy, n_instances),
    )
    yield "accuracy: " + ", ".join(f"{listed(**{name: share})} of {size:,}" for name, share, size in shares)
    f1 = {"micro-F1": scores.predefined_micro_f1, "macro-F1": scores.predefined_macro_f1}
    yield f"pre-defined: {listed(**f1)}"
    of_novel = {"B³ F1": scores.novel_b3_f1, "V": scores.novel_v_measure, "ARI": scores.novel_ari}
    yield f"novel: {listed(**of_novel)}; F1 of classifying as novel {listed(**{'': scores.novelty_f1}).strip()}"
    if scores.n_no_relation:
        yield f"no relation: {listed(F1=scores.no_relation_f1)} of {scores.n_no_relation:,}"


def _add_row(table: Table, name: str, scores: ClusteringScores, style: str = "") -> None:
    values = [f"{getattr(scores, column):.3f}" for column in _COLUMNS]
    table.add_row(Text(visible(name)), f"{scores.n_found:,}", *values, style=style)
