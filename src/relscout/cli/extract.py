"""``relscout extract``: apply found relations to new text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.screen import Skipped, notes, progress_bars


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a run, as 'relscout discover --out' wrote it.")],
    inputs: options.Inputs,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the triples: .jsonl, .parquet, .nt, .ttl, .graphml; standard output if left out."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Format of the triples, where the file's name does not tell (neo4j).")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Leave out triples that are less sure than this.")
    ] = 0.0,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    spacy: options.SpacyPipeline = None,
    gazetteer: options.Gazetteer = None,
    max_distance: options.MaxDistance = None,
    directions: options.Directions = "both",
    types: options.TypePairs = None,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Tell which of the found relations new sentences express, as triples with provenance."""
    from relscout.discovery import Discovery
    from relscout.writers import recognise, write, writer

    if out is not None:
        writer(to) if to else recognise(out)
    found = Discovery.load(model)
    if not no_cache:
        found.model.encoder.cache = options.open_cache(cache)
    skipped = Skipped()
    instances = list(
        options.read_inputs(
            inputs,
            skipped,
            format=format,
            on_error=on_error,
            labels=labels,
            columns=columns,
            relation_names=relation_names,
            spacy=spacy,
            gazetteer=gazetteer,
            max_distance=max_distance,
            directions=directions,
            types=types,
        )
    )
    skipped.tell()
    with progress_bars() as progress:
        assigned = found.predict(instances, progress=progress)
    triples = (triple for triple in found.triples_of(assigned) if triple.confidence >= min_confidence)
    if out is None:
        from relscout.writers.json_lines import json_line
        from relscout.writers.jsonl import record

        for triple in triples:
            sys.stdout.buffer.write(json_line(record(triple)).encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
        return
    count = write(triples, out, format=to)
    notes().print(f"{count:,} triples of {len(instances):,} instances written to {out}")
