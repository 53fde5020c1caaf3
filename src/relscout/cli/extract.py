"""``relscout extract``: apply found relations to new text."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relscout.cli import options
from relscout.cli.encoding import check_cache, open_cache
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, progress_bars, say, say_note
from relscout.cli.target import check_file
from relscout.errors import SettingError
from relscout.wording import counted

if TYPE_CHECKING:
    from relscout.encoders import VectorCache
    from relscout.instances import RelationInstance
    from relscout.triples import Triple

#: Tells the triples of instances; given a cache of vectors, ``progress`` and ``on_loss``.
_Tell = Callable[..., "Iterable[Triple]"]


def command(
    model: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder that 'relscout discover' or 'finetune' wrote.")
    ],
    inputs: options.Inputs,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to: .jsonl, .parquet, .nt, .ttl, .graphml; else to the screen."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Format, where the name does not tell: neo4j writes a folder."),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Leave out what is less sure, from 0 to 1."),
    ] = 0.0,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    entity_types: options.EntityTypes = None,
    spacy: options.SpacyPipeline = None,
    gazetteer: options.Gazetteer = None,
    max_distance: options.MaxDistance = None,
    directions: options.Directions = "both",
    types: options.TypePairs = None,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Tell which of the relations that were found or learnt new sentences express.

    The triples name the sentence and the place they were read at. Without --out they go to standard output as JSON
    Lines. The input is as for 'relscout discover'.
    """
    from relscout.encoders import loss_warnings
    from relscout.writers import write

    reading = Reading(
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        relation_names=relation_names,
        entity_types=entity_types,
        spacy=spacy,
        gazetteer=gazetteer,
        max_distance=max_distance,
        directions=directions,
        types=types,
    )
    check_cache(cache, no_cache=no_cache)
    _check_output(out, to)
    tell = _loaded(model)
    skipped = Skipped()
    instances = list(reading.instances(inputs, skipped))
    skipped.tell()
    with open_cache(cache, no_cache=no_cache) as vectors, progress_bars(resumable=not no_cache) as progress:
        lost: Counter[str] = Counter()
        found = tell(instances, vectors, progress=progress, on_loss=lambda _, what: lost.update([what]))
    for warning in loss_warnings(lost):
        say_note(warning)
    triples = (triple for triple in found if triple.confidence >= min_confidence)
    if out is None:
        _print_triples(triples)
        return
    count = write(triples, out, format=to)
    say(f"{counted(count, 'triple')} of {counted(len(instances), 'instance')} written to {out}")


def _loaded(folder: Path) -> _Tell:
    """Return what tells the triples of instances, from the folder of a run or of a fine-tuning."""
    from relscout.discovery import Discovery
    from relscout.finetuning.storage import holds_classifier, load_classifier, triples_of

    if holds_classifier(folder):
        classifier = load_classifier(folder)

        def learnt(
            instances: Sequence[RelationInstance], cache: VectorCache | None, **told: Any
        ) -> Iterable[Triple]:
            if classifier.encoder is not None:
                classifier.encoder.cache = cache
            return list(triples_of(classifier, instances, **told))

        return learnt
    run = Discovery.load(folder)

    def discovered(
        instances: Sequence[RelationInstance], cache: VectorCache | None, **told: Any
    ) -> Iterable[Triple]:
        run.model.encoder.cache = cache
        return run.triples_of(run.predict(instances, **told))

    return discovered


def _check_output(out: Path | None, to: str | None) -> None:
    from relscout.writers import recognise, writer

    if to is not None:
        writer(to)
    if out is None:
        if to not in (None, "jsonl"):
            raise SettingError(f"--to {to} needs --out: only jsonl goes to standard output")
        return
    if (to or recognise(out)) != "neo4j":
        check_file(out)


def _print_triples(triples: Iterable[Triple]) -> None:
    from relscout.writers.json_lines import json_line
    from relscout.writers.jsonl import record

    for triple in triples:
        sys.stdout.buffer.write(json_line(record(triple)).encode("utf-8", "backslashreplace"))
