"""Scores of a fine-tuning on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from relscout.cli.screen import output
from relscout.wording import counted, visible

if TYPE_CHECKING:
    from relscout.finetuning.trials import Trials

_COLUMNS = {
    "micro_precision": "micro P",
    "micro_recall": "micro R",
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "directed_macro_f1": "SemEval's official F1",
}
_CONFUSED = 5


def show(trials: Trials) -> None:
    """Print the scores of each seed, what they have in common, and which relations are confused."""
    console = output()
    first, summary = trials.trials[0], trials.summary()
    scores = first.scores
    without = f" without {scores.none!r}" if scores.none is not None else ""
    console.print(
        Text.assemble(
            (counted(len(trials.model.relations_), "relation"), "bold"),
            f" learned from {counted(first.report['instances'], 'instance')}, "
            f"scored on {counted(scores.figures.n_instances, 'instance')}; the papers report "
            f"{_COLUMNS[scores.reported]}{without} of such data",
        )
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("seed", "epoch", *(_COLUMNS[name] for name in _COLUMNS if name in summary)):
        table.add_column(title, justify="left" if title == "seed" else "right", no_wrap=True)
    names = [name for name in _COLUMNS if name in summary]
    for trial in trials.trials:
        figures = {
            **trial.scores.figures.as_dict(),
            "directed_macro_f1": trial.scores.directed_macro_f1 or 0.0,
        }
        values = [f"{float(figures[name]):.3f}" for name in names]
        table.add_row(str(trial.seed), str(trial.report["chosen_epoch"]), *values)
    if len(trials.trials) > 1:
        table.add_row("median", "", *(f"{summary[name]['median']:.3f}" for name in names), style="bold")
        spread = [f"{summary[name]['mean']:.3f} ± {summary[name]['std']:.3f}" for name in names]
        table.add_row("mean ± std", "", *spread, style="dim")
    console.print(table)
    chosen = trials.trials[trials.chosen]
    if worst := chosen.scores.confusions[:_CONFUSED]:
        console.print(Text(f"\nmost often confused (seed {chosen.seed})", style="bold"))
    for one in worst:
        console.print(
            Text.assemble(
                f"{one.count:>6,}  {visible(str(one.gold))}",
                (" classified as ", "dim"),
                visible(str(one.predicted)),
            )
        )
