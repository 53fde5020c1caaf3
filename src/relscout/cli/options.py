"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relscout.errors import SettingError

if TYPE_CHECKING:
    from relscout.methods.unrelated import Share

_INPUT, _RAW, _ENCODER = "Input", "Plain text", "Encoder"

Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT...", help="Text (files, folders, - for stdin), or marked pairs."),
]
Labeled = Annotated[
    list[Path] | None,
    typer.Option(
        "--labeled",
        metavar="FILE",
        help="Labelled data for other relations; repeatable.",
        rich_help_panel=_INPUT,
    ),
]
After = Annotated[
    list[Path] | None,
    typer.Option(
        "--after",
        metavar="RUN",
        help="Run of an earlier batch, oldest first; repeatable.",
        rich_help_panel=_INPUT,
    ),
]
Known = Annotated[
    Literal["raise", "drop", "keep"],
    typer.Option(
        metavar="raise|drop|keep",
        help="Labelled relations that are also in INPUT.",
        rich_help_panel=_INPUT,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Input format (default: recognised).", rich_help_panel=_INPUT),
]
OnError = Annotated[
    Literal["raise", "skip"],
    typer.Option(
        "--on-error",
        metavar="raise|skip",
        help="Stop at invalid records, or skip them.",
        rich_help_panel=_INPUT,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Label file, if the format has a separate one.",
        rich_help_panel=_INPUT,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="MAP", help="Table columns, e.g. text=sentence,head=subj.", rich_help_panel=_INPUT),
]
RelationNames = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="JSON {id: name} to rename gold relations.", rich_help_panel=_INPUT),
]
EntityTypes = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="spaCy pipeline that adds missing entity types.",
        rich_help_panel=_INPUT,
    ),
]
Pairs = Annotated[
    Literal["related", "all"],
    typer.Option(
        metavar="related|all",
        help="Judged files: also read unrelated pairs.",
        rich_help_panel=_INPUT,
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Expected precision of the kept pairs.",
        show_default="0.8 for text",
        rich_help_panel=_RAW,
    ),
]
SpacyPipeline = Annotated[
    str | None,
    typer.Option(
        "--spacy",
        metavar="NAME",
        help="spaCy pipeline for entities.",
        show_default="en_core_web_sm",
        rich_help_panel=_RAW,
    ),
]
TokenClassifier = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Hugging Face token classifier for entities.",
        rich_help_panel=_RAW,
    ),
]
Gliner = Annotated[
    str | None,
    typer.Option(metavar="NAME:TYPES", help="GLiNER model, e.g. NAME:person,city.", rich_help_panel=_RAW),
]
Gazetteer = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Also mark the names in this list: name<TAB>type.", rich_help_panel=_RAW
    ),
]
Mentions = Annotated[
    Literal["entities", "noun-chunks"],
    typer.Option(
        metavar="entities|noun-chunks",
        help="Pair named entities or noun phrases.",
        rich_help_panel=_RAW,
    ),
]
Numbers = Annotated[
    bool,
    typer.Option("--numbers", help="Also pair numbers (amounts, percentages).", rich_help_panel=_RAW),
]
MaxDistance = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, help="Pair entities with at most N words between them.", rich_help_panel=_RAW
    ),
]
Directions = Annotated[
    Literal["once", "both", "forward"],
    typer.Option(
        metavar="once|both|forward",
        help="Each pair once, both ways, or in text order.",
        rich_help_panel=_RAW,
    ),
]
TypePairs = Annotated[
    str | None,
    typer.Option(
        "--types",
        metavar="PAIRS",
        help="Pair only these types, e.g. PERSON:CITY.",
        rich_help_panel=_RAW,
    ),
]
EncoderName = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="relation, minilm, directory or hub name.",
        rich_help_panel=_ENCODER,
    ),
]
Marking = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Entity marking scheme, e.g. typed-markers.",
        show_default="none",
        rich_help_panel=_ENCODER,
    ),
]
Pooling = Annotated[
    str | None,
    typer.Option(metavar="PARTS", help="Pooling, e.g. span-mean@4+sentence.", rich_help_panel=_ENCODER),
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Maximum input length in tokens.", show_default="128", rich_help_panel=_ENCODER
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="float32, bfloat16 or float16.",
        show_default="float32",
        rich_help_panel=_ENCODER,
    ),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_ENCODER)
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Vector cache.",
        show_default="~/.cache/relscout/vectors.sqlite",
        rich_help_panel=_ENCODER,
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Do not use a cache.", rich_help_panel=_ENCODER)]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Random seed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def none_given(text: str | None) -> Share | Path | None:
    """Return the share of unrelated pairs that ``--none`` names, ``"auto"``, or the file with judged ones.

    Raises:
        SettingError: It is nothing of these.
    """
    from relscout.methods.unrelated import checked_share

    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return checked_share(float(text))
    except (ValueError, SettingError):
        if (file := Path(text)).exists():
            return file
        raise SettingError(
            f"--none is {text!r}, expected auto, a share from 0 to below 1, or an existing file of judged instances"
        ) from None


def n_relations(text: str) -> int | Literal["auto"]:
    """Read ``--relations``.

    Raises:
        SettingError: It is neither a whole number above 0 nor ``auto``.
    """
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise SettingError(f"--relations is {text!r}; expected a whole number above 0, or 'auto'")
    return int(text)


def assignments_of(text: str | None, option: str) -> dict[str, str]:
    """Read ``key=value,key=value``.

    Raises:
        SettingError: A piece is not like that, or gives a key once more.
    """
    pairs: dict[str, str] = {}
    for piece in [] if text is None else text.split(","):
        key, _, value = (part.strip() for part in piece.partition("="))
        if not key or not value:
            raise SettingError(f"{option} has {piece!r}; expected key=value, several joined by commas")
        if key in pairs:
            raise SettingError(f"{option} gives {key!r} twice, as {pairs[key]!r} and as {value!r}")
        pairs[key] = value
    return pairs


def type_pairs(text: str | None) -> frozenset[tuple[str, str]] | None:
    """Read ``HEAD:TAIL,HEAD:TAIL``.

    Raises:
        SettingError: A piece is not like that.
    """
    if text is None:
        return None
    pairs = set()
    for piece in text.split(","):
        head, _, tail = (part.strip() for part in piece.partition(":"))
        if not head or not tail:
            raise SettingError(f"--types has {piece!r}; expected HEAD:TAIL, several joined by commas")
        pairs.add((head, tail))
    return frozenset(pairs)
