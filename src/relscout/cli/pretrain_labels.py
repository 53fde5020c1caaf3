"""``relscout pretrain labels``: an adapter from labelled relations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from relscout.cli import options
from relscout.cli.encoding import checkpoints_folder, encoder_settings
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, output, print_json, progress_bars, say, say_note
from relscout.cli.target import check_folder
from relscout.wording import counted


def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the adapter.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an older encoder in that folder.")
    ] = False,
    settings: Annotated[
        str | None,
        typer.Option("--set", metavar="SETTINGS", help="Of the training, as rank=8,taught_epochs=2."),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    encoder: options.EncoderName = "minilm",
    marking: options.Marking = None,
    pooling: options.Pooling = None,
    max_length: options.MaxLength = None,
    dtype: options.Dtype = None,
    device: options.Device = "auto",
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Teach an encoder by labelled relations, and keep what it learnt as a small adapter.

    The adapter then stands for an encoder: 'relscout discover FILE --encoder DIR' finds other relations with it. The
    encoder in the box, 'relation', was made so. An interrupted training goes on where it stopped when started again.
    """
    from relscout.config import from_mapping
    from relscout.encoders import TransformerEncoder
    from relscout.encoders.saved import check_adapter, contents_of
    from relscout.pretraining.taught import TaughtSettings, teach_adapter

    chosen = from_mapping(TaughtSettings, options.assignments_of(settings, "--set"))
    described = encoder_settings(
        encoder,
        marking=marking,
        pooling=pooling,
        max_length=max_length,
        dtype=dtype,
        device=device,
        seed=seed,
    )
    reading = Reading(
        format=format, on_error=on_error, labels=labels, columns=columns, relation_names=relation_names
    )
    check_folder(out, contents=contents_of(out), overwrite=overwrite)
    base = TransformerEncoder(described)
    check_adapter(out, base)
    skipped = Skipped()
    labeled = list(reading.instances(inputs, skipped))
    skipped.tell()
    with progress_bars(resumable=not no_cache) as progress:
        found = teach_adapter(
            labeled,
            base,
            settings=chosen,
            seed=seed,
            out=out,
            checkpoints=checkpoints_folder(cache, no_cache=no_cache),
            progress=progress,
        )
    for warning in found.report["warnings"]:
        say_note(warning)
    if as_json:
        print_json({"out": str(out), "skipped": skipped.as_json(), **found.report})
        return
    table = Table("pass", "loss", "labels told right")
    for number, (loss, accuracy) in enumerate(
        zip(found.report["loss"], found.report["accuracy"], strict=True), start=1
    ):
        table.add_row(str(number), f"{loss:.3f}", f"{accuracy:.1%}")
    n_instances, n_relations = found.report["instances"], len(found.report["relations"])
    backwards = ", each read backwards, too" if chosen.inverses else ""
    output().print(
        f"Learnt from {counted(n_instances, 'instance')} of {counted(n_relations, 'relation')}{backwards}"
    )
    output().print(table)
    say(f"written to {out}; use it with --encoder {out}")
