"""Options that several commands share, and the encoder and output paths that they describe."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from relscout.core.errors import OutputError, SettingError
from relscout.core.files import check_makeable, check_replaceable

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings, VectorCache
    from relscout.methods.unrelated import Share


_INPUT, _RAW, _ENCODER = "Input", "Plain text", "Encoder"

Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT...", help="Text (files, folders, - for stdin), or marked pairs."),
]
#: Inputs of commands that read no plain text.
MarkedInputs = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT...", help="Files of marked pairs."),
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


@dataclass(frozen=True)
class PlainText:
    """The options of every command that recognises and pairs the entities of plain text.

    A command has them as one argument; see :func:`grouped`.
    """

    spacy: Annotated[
        str | None,
        typer.Option(
            "--spacy",
            metavar="NAME",
            help="spaCy pipeline for entities.",
            show_default="en_core_web_sm",
            rich_help_panel=_RAW,
        ),
    ] = None
    token_classifier: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Hugging Face token classifier for entities.",
            rich_help_panel=_RAW,
        ),
    ] = None
    gliner: Annotated[
        str | None,
        typer.Option(metavar="NAME:TYPES", help="GLiNER model, e.g. NAME:person,city.", rich_help_panel=_RAW),
    ] = None
    gazetteer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also mark the names in this list: name<TAB>type.", rich_help_panel=_RAW
        ),
    ] = None
    mentions: Annotated[
        Literal["entities", "noun-chunks"],
        typer.Option(
            metavar="entities|noun-chunks",
            help="Pair named entities or noun phrases.",
            rich_help_panel=_RAW,
        ),
    ] = "entities"
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="Also pair numbers (amounts, percentages).", rich_help_panel=_RAW),
    ] = False
    max_distance: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Pair entities with at most N words between them.", rich_help_panel=_RAW
        ),
    ] = None
    directions: Annotated[
        Literal["once", "both", "forward"],
        typer.Option(
            metavar="once|both|forward",
            help="Each pair once, both ways, or in text order.",
            rich_help_panel=_RAW,
        ),
    ] = "once"
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            metavar="PAIRS",
            help="Pair only these types, e.g. PERSON:CITY.",
            rich_help_panel=_RAW,
        ),
    ] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has the options of :class:`PlainText` in place of an argument of that type."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, list[str]] = {}
    for parameter in inspect.signature(command).parameters.values():
        if hints[parameter.name] is not PlainText:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        of_group = get_type_hints(PlainText, include_extras=True)
        groups[parameter.name] = list(of_group)
        parameters += [
            parameter.replace(name=one.name, default=one.default, annotation=of_group[one.name])
            for one in fields(PlainText)
        ]

    def with_options(**given: Any) -> None:
        for name, of_group in groups.items():
            given[name] = PlainText(**{option: given.pop(option) for option in of_group})
        command(**given)

    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def _encoder_name(usual: str) -> Any:
    return typer.Option(
        "--encoder",
        metavar="NAME",
        help="relation, minilm, directory or hub name.",
        show_default=usual,
        rich_help_panel=_ENCODER,
    )


#: Encoders that are used when neither ``--encoder`` nor the configuration file names one.
RELATION, MINILM = "relation", "minilm"
EncoderName = Annotated[str | None, _encoder_name(RELATION)]
#: ``--encoder`` of commands whose usual encoder has learnt no relations.
UntrainedEncoderName = Annotated[str | None, _encoder_name(MINILM)]
EncoderConfig = Annotated[
    Path | None,
    typer.Option(
        "--encoder-config",
        metavar="FILE",
        help="YAML or JSON file: marking, pooling, max_length, …",
        rich_help_panel=_ENCODER,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps.",
        show_default="auto",
        rich_help_panel=_ENCODER,
    ),
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
    if text is None:
        return None
    if text == "auto":
        return "auto"
    from relscout.methods.unrelated import checked_share

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


def check_file(path: Path) -> None:
    """Refuse a file that could not be written at the end.

    Raises:
        OutputError: It is a folder, or its own folder is missing or not writable.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory; add a file name")
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {folder}; create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {path}: no permission to write in {folder}")


def check_exchange_file(path: Path) -> None:
    """Refuse a file for instances that could not be written at the end, or that is not named as relscout's own format.

    Raises:
        SettingError: The name ends in neither ``.jsonl`` nor ``.jsonl.gz``.
        OutputError: It cannot be written; see :func:`check_file`.
    """
    if not path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        raise SettingError(f"--out is {str(path)!r}; expected a file name that ends in .jsonl or .jsonl.gz")
    check_file(path)


def check_folder(path: Path, *, contents: Collection[str], overwrite: bool) -> None:
    """Refuse a folder that could not be written at the end.

    Args:
        path: The folder.
        contents: File names that an older one of its kind may hold.
        overwrite: Whether an older one may be replaced.

    Raises:
        OutputError: It holds something else, or an older one that may not be replaced, or cannot be written.
    """
    check_makeable(path)
    check_replaceable(path, contents=contents)
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise OutputError(f"{path} exists; choose another directory, or add --overwrite")


@dataclass(frozen=True)
class EncoderFile:
    """The file of ``--encoder-config``."""

    path: Path | None = None
    """The file; ``None`` if the option is not given."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Its fields of :class:`~relscout.encoders.EncoderSettings`, each of its type. Whether they go together depends on
    the encoder, and is checked by :func:`encoder_settings`."""

    @classmethod
    def read(cls, path: Path | None) -> EncoderFile:
        """Read the file.

        Raises:
            InputError: It cannot be read, or is malformed.
            SettingError: It is no mapping, has an unknown field, or a value is of another type.
        """
        if path is None:
            return cls()
        from relscout.core.config_files import read_config
        from relscout.core.settings import converted
        from relscout.encoders import EncoderSettings

        values = read_config(path)
        known = [one.name for one in fields(EncoderSettings)]
        if not isinstance(values, dict):
            content = "empty" if values is None else repr(values)
            raise SettingError(
                f"{path} is {content}; expected a mapping of {', '.join(known)}, such as 'pooling: sentence'"
            )
        if unknown := [str(name) for name in values if name not in known]:
            listed = ", ".join(_with_nearest(name, known) for name in unknown)
            plural = "s" if len(unknown) > 1 else ""
            raise SettingError(f"{path}: unknown field{plural} {listed}; known are {', '.join(known)}")
        with _naming(path):
            return cls(path, converted(EncoderSettings, values))


def encoder_settings(
    name: str | None,
    file: EncoderFile,
    *,
    usual: str,
    default: EncoderSettings | None = None,
    device: str | None = None,
    seed: int = 0,
) -> EncoderSettings:
    """Return the settings that the options describe.

    An option takes precedence over the file. What neither gives is what a saved encoder's folder says, and else stays
    as in ``default``.

    Args:
        name: ``--encoder``.
        file: ``--encoder-config``.
        usual: The encoder where neither of these names one.
        default: Settings that are usual for the command.
        device: ``--device``.
        seed: ``--seed``, of which the file can have its own.

    Raises:
        SettingError: A setting has a value that cannot work; one of the file is named with the file.
        ArtifactError: What the encoder's folder says is damaged.
    """
    from relscout.encoders import EncoderSettings
    from relscout.encoders.settings import settings_for

    given = {"seed": seed, **file.fields}
    if device is not None:
        given["device"] = EncoderSettings(device=device).device
    model = given.pop("model", usual)
    with _naming(file.path):
        return settings_for(name or model, default=default, **given)


def _with_nearest(word: str, known: Sequence[str]) -> str:
    """Return an unknown word in quotes, with the nearest known one."""
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"{word!r} (did you mean {nearest[0]!r}?)" if nearest else repr(word)


@contextlib.contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Put the file's name before the message of an error about a setting."""
    try:
        yield
    except SettingError as error:
        if path is None:
            raise
        raise SettingError(f"{path}: {error}") from error


@contextlib.contextmanager
def open_cache(path: Path | None, *, no_cache: bool) -> Iterator[VectorCache | None]:
    """Open the vector cache at ``path``, or at its usual place, and close it again; ``None`` where none is wanted.

    Raises:
        OutputError: The file cannot be opened.
    """
    from relscout.encoders import VectorCache

    if no_cache:
        yield None
        return
    with contextlib.closing(VectorCache(path or _home() / "vectors.sqlite")) as cache:
        yield cache


def checkpoints_folder(path: Path | None, *, no_cache: bool) -> Path | None:
    """Return the folder for checkpoints, next to the vector cache; ``None`` without a cache."""
    if no_cache:
        return None
    return (_home() if path is None else path.parent) / "checkpoints"


def annotations_file(path: Path | None, *, no_cache: bool) -> Path | None:
    """Return the file that keeps the entities of plain text, next to the vector cache; ``None`` without a cache."""
    if no_cache:
        return None
    return (_home() if path is None else path.parent) / "annotations.sqlite"


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relscout"


def check_cache(path: Path | None, *, no_cache: bool) -> None:
    """Refuse a place for a cache that is not wanted.

    Raises:
        SettingError: Both options are given.
    """
    if no_cache and path is not None:
        raise SettingError("--cache and --no-cache contradict each other; use one of them")
