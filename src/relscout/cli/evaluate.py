"""``relscout evaluate``: a run, or a file of labels, against gold relations."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from relscout.cli import options
from relscout.cli.screen import Skipped, output, print_json, say_note
from relscout.errors import InputError

if TYPE_CHECKING:
    from relscout.metrics import ClusteringScores

#: Labels in the order of their file, each with the id of its instance where the file gives one.
Labelled = list[tuple[str | None, str]]

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


def command(
    found: Annotated[
        Path, typer.Argument(help="A run's folder, its assignments.jsonl, or a file with one label a line.")
    ],
    gold: Annotated[
        Path, typer.Option(help="Gold relations: any input format, or a file with one label a line.")
    ],
    majority_mapped: Annotated[
        bool,
        typer.Option(
            "--majority-mapped", help="Score SelfORE's protocol (clusters mapped to their majority relation)."
        ),
    ] = False,
    as_json: options.AsJson = False,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
) -> None:
    """Score found relations against gold ones: B³, V-measure, ARI, NMI and Hungarian accuracy.

    Instances are matched by id; two files of bare labels line by line. The trivial baselines stand beside.
    """
    from relscout.metrics import majority_mapped as score_majority_mapped
    from relscout.metrics import score, trivial_baselines

    skipped = Skipped()
    found_labels = _found(found)
    gold_labels, type_pairs = _gold(
        gold,
        skipped,
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        relation_names=relation_names,
    )
    skipped.tell()
    rows = _matched(found_labels, gold_labels, found, gold)
    left = [found_labels[one][1] for one, _ in rows]
    right = [gold_labels[other][1] for _, other in rows]
    scores = (score_majority_mapped if majority_mapped else score)(left, right)
    if as_json:
        print_json(scores.as_dict())
        return
    pairs = [type_pairs[other] for _, other in rows] if type_pairs else None
    table = Table("", "clusters", *_COLUMNS.values(), box=None, header_style="bold", pad_edge=False)
    _row(table, f"{found}" + (" (majority-mapped)" if majority_mapped else ""), scores)
    for name, baseline in trivial_baselines(right, type_pairs=pairs).items():
        _row(table, name, baseline, style="dim")
    console = output()
    console.print(
        f"{scores.n_instances:,} instances, {scores.n_gold} gold relations, protocol: {scores.protocol}"
    )
    console.print(table)


def _row(table: Table, name: str, scores: ClusteringScores, style: str = "") -> None:
    values = [f"{getattr(scores, column):.3f}" for column in _COLUMNS]
    table.add_row(name, f"{scores.n_found:,}", *values, style=style)


def _found(path: Path) -> Labelled:
    file = path / "assignments.jsonl" if path.is_dir() else path
    lines = _lines(file)
    if not lines[0].lstrip().startswith("{"):
        return [(None, line.strip()) for line in lines]
    labelled: Labelled = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            labelled.append((str(record["id"]), str(record["relation_id"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{file}, line {number}: not an assignment with 'id' and 'relation_id' ({error!r}); "
                "expected the assignments.jsonl of a run, or one label a line"
            ) from error
    return labelled


def _gold(
    path: Path,
    skipped: Skipped,
    *,
    format: str | None,
    on_error: options.OnError,
    labels: Path | None,
    columns: str | None,
    relation_names: Path | None,
) -> tuple[Labelled, list[tuple[str | None, str | None]]]:
    from relscout.readers import recognise
    from relscout.readers.source import Source

    if format is None:
        try:
            format = recognise(Source(path))
        except InputError:
            if not path.is_file() or b"\x00" in path.read_bytes()[:4096]:
                raise
            return [(None, line.strip()) for line in _lines(path)], []
    instances = list(
        options.read_inputs(
            [path],
            skipped,
            format=format,
            on_error=on_error,
            labels=labels,
            columns=columns,
            relation_names=relation_names,
        )
    )
    known = [instance for instance in instances if instance.relation is not None]
    if not known:
        raise InputError(f"{path}: none of its {len(instances)} instances has a gold relation")
    if len(known) < len(instances):
        say_note(
            f"{len(instances) - len(known)} of {len(instances)} instances in {path} have no gold relation"
        )
    return [(one.id, str(one.relation)) for one in known], [one.type_pair for one in known]


def _matched(found: Labelled, gold: Labelled, found_path: Path, gold_path: Path) -> list[tuple[int, int]]:
    """Pair the rows of both sides: by id (the n-th of an id with its n-th), or line by line where there are no ids."""
    if found[0][0] is None or gold[0][0] is None:
        if len(found) != len(gold):
            raise InputError(
                f"{found_path} has {len(found)} labels and {gold_path} has {len(gold)}; without ids they are matched "
                "line by line and must be as many"
            )
        return list(zip(range(len(found)), range(len(gold)), strict=True))
    places: dict[str | None, list[int]] = defaultdict(list)
    for row, (id, _) in reversed(list(enumerate(found))):
        places[id].append(row)
    rows = [(places[id].pop(), row) for row, (id, _) in enumerate(gold) if places.get(id)]
    if not rows:
        raise InputError(f"no instance of {gold_path} is in {found_path}: their ids have nothing in common")
    if len(rows) < max(len(found), len(gold)):
        say_note(f"{len(rows)} instances are in both files, of {len(found)} found and {len(gold)} gold ones")
    return rows


def _lines(path: Path) -> list[str]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from error
    if not lines:
        raise InputError(f"{path}: the file is empty")
    return lines
