"""``relscout fewshot``: a handful of examples of each relation, then new sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import fewshot_evaluate, options
from relscout.cli.encoding import check_cache, checkpoints_folder, encoder_settings, open_cache
from relscout.cli.fewshot_options import ENCODER, Dev, EncoderName, Model, Settings, learnt, new
from relscout.cli.help import Command, Group
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, progress_bars, say, say_note
from relscout.cli.target import check_file, check_folder
from relscout.errors import InputError
from relscout.wording import counted

app = typer.Typer(cls=Group, help="Tell relations by a handful of examples of each.")
app.command("evaluate", cls=Command)(fewshot_evaluate.command)


@app.command("classify", cls=Command)
def classify(
    inputs: options.Inputs,
    support: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Examples with their relations; may be given again."),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to: .jsonl, .parquet, .nt, .ttl, .graphml.")
    ],
    model: Model = None,
    min_confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Leave out what is less sure, from 0 to 1."),
    ] = 0.0,
    settings: Settings = None,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    columns: options.Columns = None,
    entity_types: options.EntityTypes = None,
    spacy: options.SpacyPipeline = None,
    token_classifier: options.TokenClassifier = None,
    gliner: options.Gliner = None,
    gazetteer: options.Gazetteer = None,
    mentions: options.Mentions = "entities",
    numbers: options.Numbers = False,
    max_distance: options.MaxDistance = None,
    directions: options.Directions = "once",
    types: options.TypePairs = None,
    encoder: EncoderName = None,
    marking: options.Marking = None,
    pooling: options.Pooling = None,
    max_length: options.MaxLength = None,
    dtype: options.Dtype = None,
    device: options.Device = "auto",
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Give new sentences one of the relations that there are examples of.

    Of each relation a single example will do; five are much better. Every sentence gets the relation whose examples are
    nearest on average, and how sure that is. The encoder is that of --model, which 'relscout fewshot train' has taught,
    or one that was taught nothing.
    """
    from relscout.encoders import loss_warnings
    from relscout.triples import Triple
    from relscout.writers import recognise, write

    described = encoder_settings(
        encoder or ENCODER,
        marking=marking,
        pooling=pooling,
        max_length=max_length,
        dtype=dtype,
        device=device,
    )
    reading = Reading(
        format=format,
        on_error=on_error,
        columns=columns,
        entity_types=entity_types,
        spacy=spacy,
        token_classifier=token_classifier,
        gliner=gliner,
        gazetteer=gazetteer,
        mentions=mentions,
        numbers=numbers,
        max_distance=max_distance,
        directions=directions,
        types=types,
        reads_text=True,
    )
    check_cache(cache, no_cache=no_cache)
    recognise(out)
    check_file(out)
    own = {
        "--set": settings,
        "--encoder": encoder,
        "--marking": marking,
        "--pooling": pooling,
        "--max-length": max_length,
        "--dtype": dtype,
    }
    fewshot = learnt(model, own, device=device) if model else new(described, settings)
    skipped = Skipped()
    beside = Reading(on_error=on_error, entity_types=entity_types)
    examples = list(beside.instances(support, skipped))
    asked = list(reading.instances(inputs, skipped))
    skipped.tell()
    if not asked:
        raise InputError(f"{', '.join(map(str, inputs))}: no relation instances")
    lost: Counter[str] = Counter()
    with open_cache(cache, no_cache=no_cache) as vectors, progress_bars(resumable=not no_cache) as progress:
        fewshot.encoder.cache = vectors
        names, probabilities = fewshot.classify_proba(
            examples, asked, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
    for warning in loss_warnings(lost):
        say_note(warning)
    best = probabilities.argmax(axis=1)
    count = write(
        (
            Triple(one, int(place), names[place], float(row[place]))
            for one, place, row in zip(asked, best, probabilities, strict=True)
            if row[place] >= min_confidence
        ),
        out,
    )
    say(
        f"{counted(count, 'triple')} of {counted(len(asked), 'instance')} written to {out}: "
        f"{counted(len(names), 'relation')} told by {counted(len(examples), 'example')}"
    )


@app.command("train", cls=Command)
def train(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for what was learnt.")],
    dev: Dev = None,
    settings: Settings = None,
    seed: options.Seed = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an older training left in that folder.")
    ] = False,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    encoder: EncoderName = None,
    marking: options.Marking = None,
    pooling: options.Pooling = None,
    max_length: options.MaxLength = None,
    dtype: options.Dtype = None,
    device: options.Device = "auto",
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Teach an encoder by labelled relations, so that few examples tell other ones.

    INPUT has gold relations: many, with a few dozen sentences each. The best weights are chosen on relations in --dev,
    which are others than these. An interrupted run goes on where it stopped when it is started again.
    """
    from relscout.artifacts import CONTENTS

    described = encoder_settings(
        encoder or ENCODER,
        marking=marking,
        pooling=pooling,
        max_length=max_length,
        dtype=dtype,
        device=device,
    )
    reading = Reading(
        format=format, on_error=on_error, labels=labels, columns=columns, relation_names=relation_names
    )
    check_cache(cache, no_cache=no_cache)
    fewshot = new(described, settings, seed=seed)
    check_folder(out, contents=CONTENTS, overwrite=overwrite)
    skipped = Skipped()
    known = list(reading.instances(inputs, skipped))
    beside = Reading(on_error=on_error, relation_names=relation_names)
    held = list(beside.instances(dev, skipped)) if dev else None
    skipped.tell()
    with open_cache(cache, no_cache=no_cache) as vectors, progress_bars(resumable=not no_cache) as progress:
        fewshot.encoder.cache = vectors
        fewshot.fit(
            known,
            held,
            progress=progress,
            checkpoints=checkpoints_folder(cache, no_cache=no_cache),
            out=out,
        )
    for warning in fewshot.report_["warnings"]:
        say_note(warning)
    report = fewshot.report_
    say(
        f"{counted(report['predefined'], 'relation')} learnt from {counted(report['labelled'], 'instance')}; "
        f"written to {out}: give it as --model"
    )
