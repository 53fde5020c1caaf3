"""``relscout pretrain cp`` and ``mtb``: pre-train an encoder by contrast."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.encoding import encoder_settings
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, output, print_json, progress_bars, say, say_note
from relscout.cli.target import check_folder
from relscout.progress import silent
from relscout.wording import counted

_Out = Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")]
_Preset = Annotated[str, typer.Option(metavar="NAME", help="Settings: minilm, paper or released.")]
_Set = Annotated[
    str | None,
    typer.Option("--set", metavar="SETTINGS", help="Single settings, e.g. batch=128,epochs=5."),
]
_Exclude = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Leave out the entity pairs of this file; repeatable.",
        rich_help_panel="Input",
    ),
]
_Marking = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Entity marking scheme.", show_default="C+M", rich_help_panel="Encoder"
    ),
]
_Pooling = Annotated[
    str | None,
    typer.Option(metavar="PARTS", help="Pooling.", show_default="start", rich_help_panel="Encoder"),
]
_MaxLength = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Maximum input length in tokens.", show_default="64", rich_help_panel="Encoder"
    ),
]
_Dtype = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="float32, bfloat16 or float16.", rich_help_panel="Encoder"),
]
_TITLES = {
    "contrast": "contrast",
    "mlm": "masked words",
    "nearest_is_positive": "nearest is positive",
    "spread": "spread",
    "sentences_per_second": "sentences/s",
}


def _command(objective: str, told: str) -> Callable[..., None]:
    def command(
        inputs: options.Inputs,
        out: _Out,
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Overwrite an existing encoder in DIR.")
        ] = False,
        preset: _Preset = "minilm",
        settings: _Set = None,
        seed: options.Seed = 0,
        as_json: options.AsJson = False,
        exclude: _Exclude = None,
        format: options.Format = None,
        on_error: options.OnError = "raise",
        labels: options.Labels = None,
        columns: options.Columns = None,
        relation_names: options.RelationNames = None,
        encoder: options.EncoderName = "minilm",
        marking: _Marking = None,
        pooling: _Pooling = None,
        max_length: _MaxLength = None,
        dtype: _Dtype = None,
        device: options.Device = "auto",
    ) -> None:
        from relscout.encoders import TransformerEncoder
        from relscout.encoders.saved import check_adapter, contents_of
        from relscout.pretraining import READ_BY, pretrain, settings_of
        from relscout.pretraining.processes import is_first

        given = {**options.assignments_of(settings, "--set"), **({"dtype": dtype} if dtype else {})}
        chosen = settings_of(objective, given, preset=preset)
        described = encoder_settings(
            encoder,
            default=READ_BY,
            marking=marking,
            pooling=pooling,
            max_length=max_length,
            device=device,
            seed=seed,
        )
        reading = Reading(
            format=format, on_error=on_error, labels=labels, columns=columns, relation_names=relation_names
        )
        check_folder(out, contents=contents_of(out), overwrite=overwrite)
        base = TransformerEncoder(described)
        if chosen.adapter_rank:
            check_adapter(out, base)
        skipped = Skipped()
        work = out.with_name(f"{out.name}.work")
        first = is_first()
        with progress_bars(resumable=True) if first else contextlib.nullcontext(silent) as progress:
            done = pretrain(
                reading.instances(inputs, skipped),
                base,
                objective=objective,
                settings=chosen,
                seed=seed,
                out=out,
                exclude=reading.beside(exclude or (), skipped),
                checkpoints=work,
                progress=progress,
            )
        if not first:
            return
        with contextlib.suppress(OSError):
            work.rmdir()
        skipped.tell()
        for warning in done.report["warnings"]:
            say_note(warning)
        if as_json:
            print_json({"out": str(out), "skipped": skipped.as_json(), **done.report})
            return
        _show(done.report, out)

    command.__doc__ = told
    return command


def _show(report: dict[str, Any], out: Path) -> None:
    console = output()
    left_out = "".join(f", {count:,} {reason}" for reason, count in report["left_out"].items())
    console.print(
        Text.assemble(
            (counted(report["instances"], "sentence"), "bold"),
            f"{left_out and f' (left out{left_out[1:]})'}, ",
            f"{counted(report['pairs']['of_an_epoch'], 'pair')} per epoch, ",
            f"{counted(report['steps'], 'step')} in {report['seconds']:.0f} s",
        )
    )
    table = Table("epoch", box=None, pad_edge=False, header_style="bold")
    for title in _TITLES.values():
        table.add_column(title, justify="right")
    for number, epoch in enumerate(report["epochs"], 1):
        figures = (epoch[name] for name in _TITLES)
        table.add_row(str(number), *("" if value is None else f"{value:,.3f}" for value in figures))
    console.print(table)
    say(f"written to {out}; use it with --encoder {out}")


COMMANDS = {
    "cp": _command(
        "cp",
        """Pre-train an encoder by contrasting sentences of one relation with others (CP).

        INPUT has gold relations, in any format that 'relscout inspect' recognises; 'relscout pretrain align' creates
        such a file from a corpus and a knowledge graph. An interrupted run resumes when you start it again.
        """,
    ),
    "mtb": _command(
        "mtb",
        """Pre-train an encoder to recognise sentences with the same entity pair (MTB).

        INPUT needs no relations, but entity pairs that occur in several sentences. An interrupted run resumes when you
        start it again.
        """,
    ),
}
