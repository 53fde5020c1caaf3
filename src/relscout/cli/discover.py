"""``relscout discover``: find the relations of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.screen import Skipped, notes, output, print_json, progress_bars, say_note
from relscout.errors import InputError


def command(
    inputs: options.Inputs,
    method: Annotated[str, typer.Option(help="Method; see 'relscout methods'.")] = "kmeans",
    relations: Annotated[str, typer.Option(help="Number of relations, or 'auto' to estimate it.")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; without it they are only shown.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an older run in that folder.")
    ] = False,
    settings: Annotated[
        str | None, typer.Option("--set", help="Settings of the method, as n_init=20,start=k-means++.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
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
    encoder: options.EncoderName = "minilm",
    marking: options.Marking = None,
    pooling: options.Pooling = None,
    max_length: options.MaxLength = None,
    dtype: options.Dtype = None,
    device: options.Device = "auto",
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Find the relations that a corpus expresses, name them, and write them as triples.

    The input holds sentences in which two entities are marked, in any format that 'relscout inspect' knows; gold
    relations in it are ignored. With --spacy or --gazetteer it is plain text instead.
    """
    from relscout.discovery import discover
    from relscout.discovery.storage import check_target
    from relscout.methods import method as method_class

    method_class(method)  # a misspelt name is told before anything is read
    if out is not None:
        check_target(out, overwrite=overwrite)
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
    if not instances:
        raise InputError(
            f"no relation instances in {', '.join(map(str, inputs))}"
            + (": no two entities were marked in one sentence" if spacy or gazetteer else "")
        )
    built = options.build_encoder(
        encoder,
        marking=marking,
        pooling=pooling,
        max_length=max_length,
        dtype=dtype,
        device=device,
        seed=seed,
        cache=cache,
        no_cache=no_cache,
    )
    with progress_bars() as progress:
        found = discover(
            instances,
            method=method,
            n_relations=options.n_relations(relations),
            encoder=built,
            seed=seed,
            settings=options.assignments_of(settings, "--set"),
            progress=progress,
        )
    if out is not None:
        found.save(out)
    for warning in found.run["warnings"]:
        say_note(warning)
    if as_json:
        print_json(
            {
                "out": str(out) if out else None,
                "skipped": skipped.as_json(),
                **found.run,
                "relations": [relation.as_dict() for relation in found.relations],
            }
        )
        return
    show(found, out)


def show(found: object, out: Path | None) -> None:
    """Print a discovery as a table, and where its files are."""
    from relscout.cli.table import relations_table
    from relscout.discovery import Discovery

    if not isinstance(found, Discovery):
        raise TypeError(f"expected a Discovery, got {type(found).__name__}")
    console = output()
    data, seconds = found.run["data"], found.run["seconds"]
    how = "estimated" if "k_curve" in found.run else "given"
    console.print(
        f"[bold]{len(found.relations)} relations[/bold] ({how}) in {data['instances']:,} instances of "
        f"{data['entity_pairs']:,} entity pairs, in {sum(seconds.values()):.0f} s"
    )
    console.print(relations_table(found, width=console.width))
    if out is not None:
        notes().print(
            f"written to {out}: relations.jsonl, assignments.jsonl, triples.jsonl, run.json, model/"
        )
