"""Options that several commands share: declared, documented and interpreted once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from relscout.cli.screen import Skipped
from relscout.errors import SettingError
from relscout.instances import RelationInstance

if TYPE_CHECKING:
    from relscout.encoders import TransformerEncoder

_INPUT, _RAW, _ENCODER = "Input", "Raw text", "Encoder"

Inputs = Annotated[
    list[Path], typer.Argument(help="Files with relation instances (or plain text, see below).")
]
Format = Annotated[
    str | None,
    typer.Option(
        help="Format of the input; recognised from its content if left out.", rich_help_panel=_INPUT
    ),
]
OnError = Annotated[
    Literal["raise", "skip"],
    typer.Option(
        "--on-error", help="Stop at a wrong record, or skip, count and list it.", rich_help_panel=_INPUT
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(help="File with the labels, where a format keeps them apart.", rich_help_panel=_INPUT),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="For tables: our names for their columns, as text=sentence,head=subj.", rich_help_panel=_INPUT
    ),
]
RelationNames = Annotated[
    Path | None,
    typer.Option(
        help="JSON file {identifier: name} by which gold relations are renamed.", rich_help_panel=_INPUT
    ),
]
SpacyPipeline = Annotated[
    str | None,
    typer.Option(
        "--spacy", help="The input is plain text: mark entities with this pipeline.", rich_help_panel=_RAW
    ),
]
Gazetteer = Annotated[
    Path | None,
    typer.Option(
        help="The input is plain text: mark the entities listed in this file.", rich_help_panel=_RAW
    ),
]
MaxDistance = Annotated[
    int | None, typer.Option(help="Most words between two entities that make a pair.", rich_help_panel=_RAW)
]
Directions = Annotated[
    Literal["both", "forward"],
    typer.Option(
        help="Pair entities in both directions, or the first with the second only.", rich_help_panel=_RAW
    ),
]
TypePairs = Annotated[
    str | None,
    typer.Option("--types", help="Only these pairs, as PERSON:CITY,PERSON:ORG.", rich_help_panel=_RAW),
]
EncoderName = Annotated[
    str,
    typer.Option(
        "--encoder", help="minilm (bundled), or a Hugging Face name or path.", rich_help_panel=_ENCODER
    ),
]
Marking = Annotated[
    str | None, typer.Option(help="How entities are shown to the encoder.", rich_help_panel=_ENCODER)
]
Pooling = Annotated[
    str | None, typer.Option(help="What is read off the hidden states.", rich_help_panel=_ENCODER)
]
MaxLength = Annotated[int | None, typer.Option(help="Longest input in tokens.", rich_help_panel=_ENCODER)]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.", rich_help_panel=_ENCODER)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_ENCODER)]
Cache = Annotated[
    Path | None,
    typer.Option(
        help="File that keeps encoded vectors, so that an interrupted or repeated run goes on from them.",
        show_default="~/.cache/relscout/vectors.sqlite",
        rich_help_panel=_ENCODER,
    ),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Keep no vectors on disk.", rich_help_panel=_ENCODER)
]
Seed = Annotated[int, typer.Option(min=0, help="Draws everything random.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]


def read_inputs(
    paths: Sequence[Path],
    skipped: Skipped,
    *,
    format: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    labels: Path | None = None,
    columns: str | None = None,
    relation_names: Path | None = None,
    spacy: str | None = None,
    gazetteer: Path | None = None,
    max_distance: int | None = None,
    directions: Literal["both", "forward"] = "both",
    types: str | None = None,
) -> Iterator[RelationInstance]:
    """Yield the instances of all files, in order: read, or marked in plain text where a way to mark is given."""
    if spacy and gazetteer:
        raise SettingError("--spacy and --gazetteer are two ways to mark plain text; give one of them")
    if spacy or gazetteer:
        from relscout.mentions import Pairing, mark_files
        from relscout.mentions.gazetteer import Gazetteer as GazetteerAnnotator
        from relscout.mentions.spacy_pipeline import SpacyPipeline as SpacyAnnotator

        annotator: Any = SpacyAnnotator.load(spacy) if spacy else GazetteerAnnotator.load(gazetteer)
        pairing = Pairing(directions=directions, max_distance=max_distance, types=_type_pairs(types))
        return mark_files(paths, annotator=annotator, pairing=pairing)
    from relscout.readers import read

    return chain.from_iterable(
        read(
            path,
            format=format,
            on_error=on_error,
            on_skip=skipped,
            labels=labels,
            columns=assignments_of(columns, "--columns"),
            relation_names=relation_names,
        )
        for path in paths
    )


def build_encoder(
    name: str,
    *,
    marking: str | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
    dtype: str | None = None,
    device: str = "auto",
    seed: int = 0,
    cache: Path | None = None,
    no_cache: bool = False,
) -> TransformerEncoder:
    """Return the encoder that the options describe; what is not given keeps its default."""
    from relscout.encoders import EncoderSettings, TransformerEncoder

    given = {"marking": marking, "pooling": pooling, "max_length": max_length, "dtype": dtype}
    settings = EncoderSettings(
        model=name,
        device=device,
        seed=seed,
        **{key: value for key, value in given.items() if value is not None},
    )
    return TransformerEncoder(settings, cache=None if no_cache else open_cache(cache))


def open_cache(path: Path | None) -> Any:
    """Open the vector cache at ``path``, or at its usual place."""
    from relscout.encoders import VectorCache

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return VectorCache(path or home / "relscout" / "vectors.sqlite")


def n_relations(text: str) -> int | Literal["auto"]:
    """Read ``--relations``.

    Raises:
        SettingError: It is neither a whole number above 0 nor ``auto``.
    """
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise SettingError(f"--relations is {text!r}; expected a whole number above 0, or 'auto'")
    return int(text)


def assignments_of(text: str | None, option: str) -> dict[str, str]:
    """Read ``key=value,key=value``.

    Raises:
        SettingError: A piece has no ``=``.
    """
    pairs = {}
    for piece in filter(None, (text or "").split(",")):
        key, equals, value = piece.partition("=")
        if not equals:
            raise SettingError(f"{option} has {piece!r}; expected key=value, several joined by commas")
        pairs[key.strip()] = value.strip()
    return pairs


def _type_pairs(text: str | None) -> frozenset[tuple[str, str]] | None:
    if text is None:
        return None
    pairs = set()
    for piece in text.split(","):
        head, colon, tail = piece.partition(":")
        if not colon:
            raise SettingError(f"--types has {piece!r}; expected HEAD:TAIL, several joined by commas")
        pairs.add((head.strip(), tail.strip()))
    return frozenset(pairs)
