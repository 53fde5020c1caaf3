"""``relscout fewshot``: classify with a few examples per relation."""

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

app = typer.Typer(cls=Group, help="Classify with a few examples per relation.")
app.command("evaluate", cls=Command)(fewshot_evaluate.command)


@app.command("classify", cls=Command)
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
    """Classify new sentences with a few examples per relation.

    One example per relation works; five are much better. Each sentence gets the relation whose examples are most
    similar on average, with a confidence. The encoder is that of --model, trained by 'relscout fewshot train', or
    an untrained one.
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
        f"{counted(len(names), 'relation')}, {counted(len(examples), 'example')}"
    )


@app.command("train", cls=Command)
def train(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")],
    dev: Dev = None,
    settings: Settings = None,
    seed: options.Seed = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Overwrite an existing model in DIR.")
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
    """Train an encoder on labelled relations for few-shot classification.

    INPUT has many gold relations, with a few dozen sentences each. The best weights are selected on the relations
    of --dev, which must be different ones. An interrupted run resumes when you start it again.
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
        f"{counted(report['predefined'], 'relation')} learned from {counted(report['labelled'], 'instance')}; "
        f"written to {out}; use it with --model {out}"
    )
