"""``relscout lab finetune``: learn the relations of labelled files, and score on others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, output, print_json, progress_bars, say, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.wording import counted, visible

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings
    from relscout.finetuning.classifier import SentenceClassifier
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
    """Print the scores of each seed, their mean and deviation, and which relations are confused."""
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
    for mistake in worst:
        console.print(
            Text.assemble(
                f"{mistake.count:>6,}  {visible(str(mistake.gold))}",
                (" classified as ", "dim"),
                visible(str(mistake.predicted)),
            )
        )


@options.grouped
def command(
    train: Annotated[list[Path], typer.Argument(metavar="TRAIN", help="Labelled files to train on.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Labelled instances to score on.")],
    out: options.OutputFolder,
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labelled instances to select the epoch on.")
    ] = None,
    model: Annotated[
        Literal["transformer", "cnn"],
        typer.Option(metavar="transformer|cnn", help="Classifier; cnn is a small baseline."),
    ] = "transformer",
    share: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of each relation in TRAIN to use, e.g. 0.1.")
    ] = 1.0,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Number of seeds, starting at --seed.")] = 1,
    seed: options.Seed = 0,
    settings: Annotated[
        list[str] | None,
        options.set_option(help="Model settings, e.g. epochs=20,learning_rate=3e-5."),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    *,
    reading: Annotated[
        Reading, ("format", "on_error", "columns", "relation_names", "entity_types", "encoding", "offsets")
    ],
    encoder: options.UntrainedEncoder,
) -> None:
    """Train a classifier for given relations and score it on other instances.

    A relation named no_relation, NA, Other or none is learned like any other and left out of micro-F1. With several
    seeds, median, mean and standard deviation are reported. 'relscout extract DIR' applies the classifier to new
    text. An interrupted command resumes when you start it again.
    """
    from relscout.finetuning.storage import check_target, save_finetuning
    from relscout.finetuning.trials import run_trials

    chosen = options.assignments_of(settings, "--set")
    if model == "cnn":
        for option, value in {
            "--encoder": encoder.encoder,
            "--encoder-config": encoder.encoder_config,
            "--device": encoder.device,
        }.items():
            if value is not None:
                raise SettingError(
                    f"{option} has no effect with --model cnn, which has no encoder; leave it out"
                )
        build = _cnn(chosen)
    else:
        from relscout.finetuning.supervised import RelationClassifier

        build = _transformer(chosen, encoder.settings(default=RelationClassifier.ENCODER, seed=seed))
    if not 0 < share <= 1:
        raise SettingError(f"--share is {share}, expected a number above 0 and up to 1, such as 0.1")
    build(seed)  # invalid settings are reported before anything is read
    check_target(out, overwrite=overwrite)
    skipped = Skipped()
    known = list(reading.instances(train, skipped))
    held = None if dev is None else list(reading.instances([dev], skipped))
    scored = list(reading.instances([test], skipped))
    skipped.report()
    for paths, instances in ((train, known), ([test], scored)):
        if not instances:
            raise InputError(f"{', '.join(map(str, paths))}: no relation instances")
    with progress_bars(resumable=True) as progress:
        trials = run_trials(
            build,
            known,
            scored,
            dev=held,
            seeds=range(seed, seed + seeds),
            share=share,
            progress=progress,
            checkpoints=options.Caching().checkpoints,
        )
    files = {"train": [str(path) for path in train], "dev": str(dev) if dev else None, "test": str(test)}
    scores = {**files, "share": share, **trials.as_dict(), "skipped": skipped.as_json()}
    save_finetuning(out, trials.model, scores=scores, predictions=trials.predictions)
    for warning in trials.warnings:
        say_note(warning)
    if as_json:
        print_json({"out": str(out), **scores})
        return
    show(trials)
    say(f"written to {out}: model/, scores.json, predictions.jsonl; 'relscout extract {out} FILE' applies it")


def _transformer(
    given: dict[str, str], described: EncoderSettings
) -> Callable[[int], SentenceClassifier[Any]]:
    from relscout.core.settings import from_mapping, to_mapping
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.supervised import RelationClassifier, SupervisedSettings

    chosen = to_mapping(from_mapping(SupervisedSettings, given))
    # all seeds share one encoder, which is loaded once and never changed
    base = TransformerEncoder(described)
    return lambda seed: RelationClassifier(base, seed=seed, **chosen)


def _cnn(given: dict[str, str]) -> Callable[[int], SentenceClassifier[Any]]:
    from relscout.core.settings import from_mapping, to_mapping
    from relscout.finetuning.cnn import CNNClassifier, CNNSettings

    chosen = to_mapping(from_mapping(CNNSettings, given))
    return lambda seed: CNNClassifier(seed=seed, **chosen)
