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
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Overwrite an existing encoder in DIR.")
    ] = False,
    settings: Annotated[
        str | None,
        typer.Option("--set", metavar="SETTINGS", help="Settings, e.g. rank=8,taught_epochs=2."),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Leave out the entity pairs of this file; repeatable.",
            rich_help_panel="Input",
        ),
    ] = None,
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
    """Train an encoder on labelled relations, and save the result as a small adapter.

    Use the adapter with --encoder DIR, for example in 'relscout discover', to find other relations. The default
    encoder, 'relation', was trained this way. An interrupted training resumes after its last complete pass over the
    input; with one pass, the default, it starts again.
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
    excluded = list(reading.beside(exclude or (), skipped))
    skipped.tell()
    # only complete passes are kept, and usually there is one, so an interruption promises nothing
    with progress_bars(resumable=False) as progress:
        found = teach_adapter(
            labeled,
            base,
            settings=chosen,
            seed=seed,
            out=out,
            exclude=excluded,
            checkpoints=checkpoints_folder(cache, no_cache=no_cache),
            progress=progress,
        )
    for warning in found.report["warnings"]:
        say_note(warning)
    if as_json:
        print_json({"out": str(out), "skipped": skipped.as_json(), **found.report})
        return
    table = Table("pass", "loss", "accuracy")
    for number, (loss, accuracy) in enumerate(
        zip(found.report["loss"], found.report["accuracy"], strict=True), start=1
    ):
        table.add_row(str(number), f"{loss:.3f}", f"{accuracy:.1%}")
    n_instances, n_relations = found.report["instances"], len(found.report["relations"])
    backwards = ", and their inverses" if chosen.inverses else ""
    output().print(
        f"trained on {counted(n_instances, 'instance')} of {counted(n_relations, 'relation')}{backwards}"
    )
    output().print(table)
    say(f"written to {out}; use it with --encoder {out}")
