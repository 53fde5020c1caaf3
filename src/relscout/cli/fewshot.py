"""``relscout lab fewshot``: classify sentences by a few examples of each relation, and evaluate over many episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.options import check_file, check_folder
from relscout.cli.reading import LabelledReading, TextReading
from relscout.cli.screen import Skipped, output, plain_table, print_json, say, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings
    from relscout.finetuning.episodes import FewShotScore
    from relscout.finetuning.fewshot import FewShot
    from relscout.finetuning.fewshot_training import FewShotSettings


Model = Annotated[Path | None, typer.Option(metavar="DIR", help="Output of 'relscout lab fewshot train'.")]
Dev = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Other relations to select the weights on; repeatable."),
]
Settings = Annotated[list[str] | None, options.set_option(help="Settings, e.g. similarity=dot,iterations=0.")]


def new(described: EncoderSettings, settings: list[str] | None, *, seed: int = 0) -> FewShot:
    """Return an untrained few-shot classifier with the given settings.

    Raises:
        SettingError: A setting has an invalid value.
    """
    from relscout.core.settings import from_mapping, to_mapping
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.fewshot import FewShot
    from relscout.finetuning.fewshot_training import FewShotSettings

    chosen = from_mapping(FewShotSettings, options.assignments_of(settings, "--set"))
    return FewShot(TransformerEncoder(described), seed=seed, **to_mapping(chosen))


def learnt(folder: Path, given: Mapping[str, object], *, device: str | None) -> FewShot:
    """Return the few-shot classifier of a folder.

    Args:
        folder: Output of 'relscout lab fewshot train'.
        given: Options that have no effect with a loaded model, with their values; ``None`` if not given.
        device: Device of its encoder; ``None`` chooses the best available device.

    Raises:
        SettingError: One of them is given.
        ArtifactError: The folder does not hold a few-shot classifier.
    """
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.fewshot import FewShot

    for option, value in given.items():
        if value is not None:
            raise SettingError(
                f"{option} has no effect with --model, which stores its own; leave out one of them"
            )
    loaded = FewShot.load(folder)
    loaded.encoder = TransformerEncoder(replace(loaded.encoder.settings, device=device or "auto"))
    return loaded


def numbers(text: str, option: str) -> list[int]:
    """Read whole numbers joined by commas, each once, in ascending order.

    Raises:
        SettingError: The text has another form.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isascii() and piece.isdecimal() and 0 < len(piece) < 6 for piece in pieces):
        raise SettingError(f"{option} is {text!r}; expected whole numbers joined by commas, such as 5,10")
    return sorted({int(piece) for piece in pieces})


#: Name of a contestant → for each seed, a score for each number of ways and shots.
_Rows = dict[str, list[list["FewShotScore"]]]


@options.grouped
def command(
    inputs: Annotated[list[Path], typer.Argument(metavar="TEST", help="Files with gold relations.")],
    train: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Other relations to train on; repeatable."),
    ] = None,
    dev: Dev = None,
    model: Model = None,
    ways: Annotated[str, typer.Option(metavar="N,N", help="Relations per episode.")] = "5,10",
    shots: Annotated[str, typer.Option(metavar="K,K", help="Examples per relation.")] = "1,5",
    queries: Annotated[int, typer.Option(metavar="Q", min=1, help="Queries per relation.")] = 1,
    episodes: Annotated[int, typer.Option(metavar="N", min=2, help="Episodes per score.")] = 2000,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Number of seeds, starting at 0.")] = 1,
    known: options.Known = "raise",
    settings: Settings = None,
    as_json: options.AsJson = False,
    *,
    reading: LabelledReading,
    encoder: options.UntrainedEncoder,
    caching: options.Caching,
) -> None:
    """Measure the accuracy of few-shot classification over many episodes.

    Each episode draws N relations, K examples of each, and other sentences to classify. With --train, the encoder
    is first trained on other relations; the untrained encoder is scored too, with the mean vector of the training
    data subtracted ("centred, not tuned"). ± is the standard error over the episodes, or with --seeds the standard
    deviation over the seeds.
    """
    from relscout.core.settings import from_mapping
    from relscout.finetuning.episodes import Episode
    from relscout.finetuning.fewshot import Drawable
    from relscout.finetuning.fewshot_training import CHOSEN_BY, FewShotSettings, Seen

    n_ways, n_shots = numbers(ways, "--ways"), numbers(shots, "--shots")
    if model is not None and train:
        raise SettingError("--train and --model cannot be combined: the model in --model is trained already")
    if dev and not train:
        raise SettingError(
            "--dev has no effect without --train: weights are selected on it during training; add --train FILE"
        )
    described = encoder.settings()
    chosen = from_mapping(FewShotSettings, options.assignments_of(settings, "--set"))
    own = {"--set": settings, "--encoder": encoder.encoder, "--encoder-config": encoder.encoder_config}
    loaded = learnt(model, own, device=encoder.device) if model else None
    skipped = Skipped()
    asked = list(reading.instances(inputs, skipped))
    learnt_from = list(reading.others().instances(train, skipped)) if train else None
    held = list(reading.others().instances(dev, skipped)) if dev else None
    skipped.report()
    if not asked:
        raise InputError(f"{', '.join(map(str, inputs))}: no relation instances")
    if learnt_from is not None:
        # reported now rather than after the training
        shapes = [Episode(n, k, queries) for n in n_ways for k in n_shots]
        seen = [Seen.of(learnt_from), Seen.of(held or (), how=CHOSEN_BY)]
        Drawable.of(asked, shapes, seen=seen, known=known)
    grid: dict[str, Any] = {
        "ways": n_ways,
        "shots": n_shots,
        "queries": queries,
        "episodes": episodes,
        "known": known,
    }
    rows: _Rows = {}
    warnings: list[str] = []
    with caching.opened() as (vectors, progress):
        for seed in range(seeds):
            for name, method in _contestants(loaded, described, chosen, trains=bool(train), seed=seed):
                method.encoder.cache = vectors
                if learnt_from is not None:
                    method.fit(
                        learnt_from,
                        held,
                        progress=progress,
                        checkpoints=caching.checkpoints,
                    )
                    warnings += method.report_["warnings"]
                scores = method.evaluate_grid(asked, **grid, seed=seed, progress=progress)
                warnings += [warning for score in scores for warning in score.warnings]
                rows.setdefault(name, []).append(scores)
    for warning in dict.fromkeys(warnings):
        say_note(warning)
    if as_json:
        print_json(
            {
                name: [[score.as_dict() for score in scores] for scores in of_seeds]
                for name, of_seeds in rows.items()
            }
        )
        return
    _show(rows)


def _contestants(
    loaded: FewShot | None,
    described: EncoderSettings,
    chosen: FewShotSettings,
    *,
    trains: bool,
    seed: int,
) -> Iterator[tuple[str, FewShot]]:
    """Yield the contestants by name: the trained encoder and the untrained one, or the loaded model."""
    from relscout.core.settings import to_mapping
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.fewshot import FewShot

    if loaded is not None:
        yield "--model", loaded
        return
    if trains and chosen.iterations:
        yield "trained", FewShot(TransformerEncoder(described), seed=seed, **to_mapping(chosen))
    untrained = {**to_mapping(chosen), "iterations": 0}
    as_it_was = "untrained"
    if trains:
        as_it_was = "centred, not tuned" if chosen.centred else "not tuned"
    yield as_it_was, FewShot(TransformerEncoder(described), seed=seed, **untrained)


def _show(rows: _Rows) -> None:
    """Print a line for each number of ways and shots, with a column for each row of scores."""
    first = next(iter(rows.values()))[0]
    n_seeds = len(next(iter(rows.values())))
    console = output()
    spread = f"standard deviation over {n_seeds} seeds" if n_seeds > 1 else "standard error"
    drawn_from = counted(max(score.relations for score in first), "relation")
    console.print(Text(f"accuracy in {counted(first[0].episodes, 'episode')} of {drawn_from}, ± {spread}"))
    table = plain_table("", numbers=[*rows, "chance"])
    for place, score in enumerate(first):
        cells = [_cell([scores[place] for scores in of_seeds]) for of_seeds in rows.values()]
        table.add_row(
            f"{score.ways}-way {score.shots}-shot", *cells, Text(f"{1 / score.ways:.3f}", style="dim")
        )
    console.print(table)


def _cell(scores: Sequence[FewShotScore]) -> str:
    accuracies = [score.accuracy for score in scores]
    spread = stdev(accuracies) if len(accuracies) > 1 else scores[0].standard_error
    return f"{fmean(accuracies):.3f} ± {spread:.3f}"


app = typer.Typer(help="Classify with a few examples per relation.")
app.command("evaluate")(command)


@app.command("classify")
@options.grouped
def classify(
    inputs: options.Inputs,
    support: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Examples with their relations; repeatable."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output: .jsonl, .parquet, .nt, .ttl, .graphml.")],
    model: Model = None,
    min_confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Drop triples below this confidence, 0 to 1."),
    ] = 0.0,
    settings: Settings = None,
    *,
    reading: Annotated[TextReading, ("format", "on_error", "columns", "entity_types", "encoding", "offsets")],
    encoder: options.UntrainedEncoder,
    caching: options.Caching,
) -> None:
    """Classify new sentences with a few examples per relation.

    One example per relation works; five are much better. Each sentence gets the relation whose examples are most
    similar on average, with a confidence. The encoder is that of --model, trained by 'relscout lab fewshot train', or
    an untrained one.
    """
    from relscout.core.instances import Triple
    from relscout.encoders import loss_warnings
    from relscout.io.writers import recognise, write

    described = encoder.settings()
    recognise(out)
    check_file(out)
    own = {"--set": settings, "--encoder": encoder.encoder, "--encoder-config": encoder.encoder_config}
    fewshot = learnt(model, own, device=encoder.device) if model else new(described, settings)
    skipped = Skipped()
    examples = list(reading.others().instances(support, skipped))
    asked = list(reading.instances(inputs, skipped))
    skipped.report()
    if not asked:
        raise InputError(f"{', '.join(map(str, inputs))}: no relation instances")
    lost: Counter[str] = Counter()
    with caching.opened() as (vectors, progress):
        fewshot.encoder.cache = vectors
        names, probabilities = fewshot.classify_proba(
            examples, asked, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
    for warning in loss_warnings(lost):
        say_note(warning)
    best = probabilities.argmax(axis=1)
    count = write(
        (
            Triple(instance, int(place), names[place], float(row[place]))
            for instance, place, row in zip(asked, best, probabilities, strict=True)
            if row[place] >= min_confidence
        ),
        out,
    )
    say(
        f"{counted(count, 'triple')} of {counted(len(asked), 'instance')} written to {out}: "
        f"{counted(len(names), 'relation')}, {counted(len(examples), 'example')}"
    )


@app.command("train")
@options.grouped
def train(
    inputs: options.MarkedInputs,
    out: options.OutputFolder,
    dev: Dev = None,
    settings: Settings = None,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    *,
    reading: LabelledReading,
    encoder: options.UntrainedEncoder,
    caching: options.Caching,
) -> None:
    """Train an encoder on labelled relations for few-shot classification.

    INPUT has many gold relations, with a few dozen sentences each. The best weights are selected on the relations
    of --dev, which must be different ones. An interrupted run resumes when you start it again.
    """
    from relscout.core.files import CONTENTS

    described = encoder.settings()
    fewshot = new(described, settings, seed=seed)
    check_folder(out, contents=CONTENTS, overwrite=overwrite)
    skipped = Skipped()
    known = list(reading.instances(inputs, skipped))
    held = list(reading.others().instances(dev, skipped)) if dev else None
    skipped.report()
    with caching.opened() as (vectors, progress):
        fewshot.encoder.cache = vectors
        fewshot.fit(
            known,
            held,
            progress=progress,
            checkpoints=caching.checkpoints,
            out=out,
        )
    for warning in fewshot.report_["warnings"]:
        say_note(warning)
    report = fewshot.report_
    say(
        f"{counted(report['predefined'], 'relation')} learned from {counted(report['labelled'], 'instance')}; "
        f"written to {out}; use it with --model {out}"
    )
