"""Options that several commands share, and the encoder and output paths that they describe."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast, get_type_hints

import typer

from relscout.cli.screen import progress_bars, say_note
from relscout.core.errors import OutputError, SettingError
from relscout.core.files import check_makeable, check_replaceable, user_cache
from relscout.core.surfaces import composed
from relscout.io.readers.offsets import Offsets as Convention

if TYPE_CHECKING:
    from relscout.core.progress import Progress
    from relscout.discovery import Discovery
    from relscout.discovery.extraction import Extractor
    from relscout.distributed.cluster import Cluster
    from relscout.encoders import EncoderSettings, VectorCache
    from relscout.methods.unrelated import Share
    from relscout.naming.endpoint import NamingEndpoint
    from relscout.naming.vocabulary import Vocabulary


_input = partial(typer.Option, rich_help_panel="Input")
_of_text = partial(typer.Option, rich_help_panel="Plain text")
_of_encoder = partial(typer.Option, rich_help_panel="Encoder")
#: ``--set``, with a help text that names settings of the command.
set_option = partial(typer.Option, "--set", metavar="SETTINGS")

Inputs = Annotated[
    list[Path], typer.Argument(metavar="INPUT", help="Text (files, folders, - for stdin), or marked pairs.")
]
#: Inputs of commands that read no plain text.
MarkedInputs = Annotated[list[Path], typer.Argument(metavar="INPUT", help="Files of marked pairs.")]
Labeled = Annotated[
    list[Path] | None, _input(metavar="FILE", help="Labelled data for other relations; repeatable.")
]
After = Annotated[
    list[Path] | None, _input(metavar="RUN", help="Run of an earlier batch, oldest first; repeatable.")
]
Exclude = Annotated[
    list[Path] | None, _input(metavar="FILE", help="Leave out the entity pairs of this file; repeatable.")
]
Known = Annotated[
    Literal["raise", "drop", "keep"],
    _input(metavar="raise|drop|keep", help="Labelled relations that are also in INPUT."),
]
Format = Annotated[str | None, _input(metavar="NAME", help="Input format (default: recognised).")]
Encoding = Annotated[str | None, _input(metavar="NAME", help="Text encoding, e.g. cp1252 (default: UTF-8).")]
Offsets = Annotated[
    Convention, _input(metavar="CONVENTION", help="What offsets count, e.g. utf-16 or from-1-inclusive.")
]
OnError = Annotated[
    Literal["raise", "skip"], _input(metavar="raise|skip", help="Stop at invalid records, or skip them.")
]
Labels = Annotated[Path | None, _input(metavar="FILE", help="Label file, if the format has a separate one.")]
Columns = Annotated[str | None, _input(metavar="MAP", help="Table columns, e.g. text=sentence,head=subj.")]
RelationNames = Annotated[
    Path | None, _input(metavar="FILE", help="JSON {id: name} to rename gold relations.")
]
EntityTypes = Annotated[
    str | None, _input(metavar="NAME", help="spaCy pipeline that adds missing entity types.")
]
Pairs = Annotated[
    Literal["related", "all"], _input(metavar="related|all", help="Judged files: also read unrelated pairs.")
]
Precision = Annotated[
    float | None,
    _of_text(metavar="SHARE", help="Expected precision of the kept pairs.", show_default="0.8 for text"),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Random seed.")]
OutputFolder = Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing output in DIR.")]
ShardAbove = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Write Parquet shards above N instances.", show_default="200000"),
]
LimitMemory = Annotated[str | None, typer.Option(metavar="SIZE", help="Memory to stay below, e.g. 4GB.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


AllowUnknownTokens = Annotated[
    bool, _of_encoder("--allow-unknown-tokens", help="Continue if most tokens are unknown to the encoder.")
]


@dataclass(frozen=True)
class PlainText:
    """Options for recognising and pairing the entities of plain text.

    A command receives them as one argument, like every group of options; see :func:`grouped`.
    """

    spacy: Annotated[
        str | None,
        _of_text(metavar="NAME", help="spaCy pipeline for entities.", show_default="en_core_web_sm"),
    ] = None
    token_classifier: Annotated[
        str | None, _of_text(metavar="NAME", help="Hugging Face token classifier for entities.")
    ] = None
    gliner: Annotated[
        str | None, _of_text(metavar="NAME:TYPES", help="GLiNER model, e.g. NAME:person,city.")
    ] = None
    gazetteer: Annotated[
        Path | None, _of_text(metavar="FILE", help="Also mark the names in this list: name<TAB>type.")
    ] = None
    ignore: Annotated[
        str | None,
        _of_text(metavar="WHAT", help="Ignore in names: case,width,accents."),
    ] = None
    mentions: Annotated[
        Literal["entities", "noun-chunks"],
        _of_text(metavar="entities|noun-chunks", help="Pair named entities or noun phrases."),
    ] = "entities"
    numbers: Annotated[bool, _of_text("--numbers", help="Also pair numbers (amounts, percentages).")] = False
    max_distance: Annotated[
        int | None,
        _of_text(metavar="N", min=0, help="Pair entities with at most N words between them."),
    ] = None
    directions: Annotated[
        Literal["once", "both", "forward"],
        _of_text(metavar="once|both|forward", help="Each pair once, both ways, or in text order."),
    ] = "once"
    types: Annotated[
        str | None, _of_text(metavar="PAIRS", help="Pair only these types, e.g. PERSON:CITY.")
    ] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command in which an argument whose type is a dataclass is replaced by an option for each of its fields.

    Fields of an ``Annotated`` type become options, and fields that are dataclasses are expanded; others keep their
    defaults. ``Annotated[Kind, ("name", ...)]`` selects some of the fields.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Any], Collection[str]]] = {}
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        kind, only = (hint.__origin__, hint.__metadata__[0]) if hasattr(hint, "__metadata__") else (hint, ())
        if is_dataclass(kind):
            groups[parameter.name] = cast(type[Any], kind), only
            parameters += _options_of(*groups[parameter.name])
        else:
            parameters.append(parameter.replace(annotation=hint))

    def with_options(**given: Any) -> None:
        for name, (kind, only) in groups.items():
            given[name] = _built(kind, only, given)
        command(**given)

    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def _fields(kind: type[Any], only: Collection[str]) -> Iterator[tuple[Field[Any], Any]]:
    """Yield the fields of a group that are options, or groups themselves, with their types."""
    hints = get_type_hints(kind, include_extras=True)
    for option in fields(kind):
        hint = hints[option.name]
        if is_dataclass(hint) or (hasattr(hint, "__metadata__") and (not only or option.name in only)):
            yield option, hint


def _options_of(kind: type[Any], only: Collection[str] = ()) -> Iterator[inspect.Parameter]:
    for option, hint in _fields(kind, only):
        if is_dataclass(hint):
            yield from _options_of(cast(type[Any], hint))
        else:
            place = inspect.Parameter.KEYWORD_ONLY
            yield inspect.Parameter(option.name, place, default=option.default, annotation=hint)


def _built(kind: type[Any], only: Collection[str], given: dict[str, Any]) -> Any:
    """Build a group of options from a command's arguments, and remove these from ``given``."""
    return kind(
        **{
            option.name: _built(cast(type[Any], hint), (), given)
            if is_dataclass(hint)
            else given.pop(option.name)
            for option, hint in _fields(kind, only)
        }
    )


def none_given(text: str | None) -> Share | Path | None:
    """Return the share of unrelated pairs that ``--none`` names, ``"auto"``, or the file with judged ones.

    Raises:
        SettingError: It is none of these.
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


def byte_size(text: str, option: str) -> int:
    """Return a size such as ``4GB`` or ``512MiB`` in bytes.

    Raises:
        SettingError: It is no such size, or 0.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size <= 0:
        raise SettingError(f"invalid value for '{option}': {text!r}; expected a size such as 4GB or 512MB")
    return size


def assignments_of(texts: Sequence[str] | str | None, option: str) -> dict[str, str]:
    """Read ``key=value,key=value``, given once or several times.

    Raises:
        SettingError: A piece has another form, or repeats a key.
    """
    pairs: dict[str, str] = {}
    given = [texts] if isinstance(texts, str) else texts or ()
    for piece in (piece for text in given for piece in text.split(",")):
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
        head, _, tail = (composed(part.strip()) for part in piece.partition(":"))
        if not head or not tail:
            raise SettingError(f"--types has {piece!r}; expected HEAD:TAIL, several joined by commas")
        pairs.add((head, tail))
    return frozenset(pairs)


def differences(text: str | None) -> frozenset[str]:
    """Read ``--ignore``: some of ``case``, ``width`` and ``accents``, joined by commas.

    Raises:
        SettingError: A piece is none of these.
    """
    if text is None:
        return frozenset()
    from relscout.text.gazetteer import sensitivity

    ignored = frozenset(part.strip() for part in text.split(","))
    sensitivity(ignored)
    return ignored


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


def written_files(out: Path, to: str | None) -> str:
    """Return the files that a writer writes for ``--out`` and ``--to``, in words."""
    from relscout.io.writers.tools import TOOLS

    labels = TOOLS[to].label_paths(out) if to in TOOLS else []
    return f"{out}, its labels to {' and '.join(map(str, labels))}" if labels else str(out)


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


_of_names = partial(typer.Option, rich_help_panel="Names")


@dataclass(frozen=True)
class Naming:
    """Options for relations whose names come from elsewhere than their sentences.

    Raises:
        SettingError: The endpoint lacks its model, or the model its endpoint.
    """

    vocabulary: Annotated[
        Path | None,
        _of_names(metavar="FILE", help="Match relations to these: list, CSV, JSON, OWL or RDF."),
    ] = None
    names_from: Annotated[
        str | None,
        _of_names(metavar="URL", help="Ask this OpenAI-compatible endpoint for names; it gets examples."),
    ] = None
    names_model: Annotated[str | None, _of_names(metavar="NAME", help="Model of the endpoint.")] = None
    names_timeout: Annotated[
        float | None,
        _of_names(metavar="SECONDS", help="Longest wait for an answer.", show_default="60"),
    ] = None

    def __post_init__(self) -> None:
        if (self.names_from is None) != (self.names_model is None):
            given, missing = (
                ("--names-from", "--names-model") if self.names_from else ("--names-model", "--names-from")
            )
            raise SettingError(f"{given} needs {missing}: the URL of the endpoint and the name of its model")
        if self.names_timeout is not None and self.names_from is None:
            raise SettingError("--names-timeout needs --names-from, the URL of the endpoint to wait for")

    @cached_property
    def read(self) -> tuple[Vocabulary | None, NamingEndpoint | None]:
        """The vocabulary and the endpoint, read and checked; ``None`` for what is not asked for.

        Raises:
            InputError: The vocabulary cannot be read.
            MissingExtraError: It is an ontology, and rdflib is not installed.
            SettingError: The URL of the endpoint is invalid.
        """
        vocabulary = endpoint = None
        if self.vocabulary is not None:
            from relscout.naming.vocabulary import read_vocabulary

            vocabulary = read_vocabulary(self.vocabulary)
        if self.names_from is not None and self.names_model is not None:
            from relscout.naming.endpoint import NamingEndpoint

            endpoint = NamingEndpoint(self.names_from, self.names_model)
            if self.names_timeout is not None:
                endpoint = replace(endpoint, timeout=self.names_timeout)
        return vocabulary, endpoint

    def apply(self, discovery: Discovery, *, progress: Progress) -> Discovery:
        """Return a discovery with names and matches; what is not asked for stays.

        Matches are made first, so that they do not depend on an endpoint.
        """
        vocabulary, endpoint = self.read
        if vocabulary is not None:
            discovery = discovery.match(vocabulary, progress=progress)
        if endpoint is not None:
            discovery = discovery.with_names_from(endpoint, progress=progress)
        return discovery

    @property
    def is_asked_for(self) -> bool:
        """Whether anything is asked for."""
        return self.vocabulary is not None or self.names_from is not None

    def is_done(self, discovery: Discovery) -> bool:
        """Return whether a run of this command has all that is asked for.

        It may have been interrupted before, or the endpoint failed.
        """
        run = discovery.run
        return (self.vocabulary is None or "vocabulary" in run) and (
            self.names_from is None or ("names_from" in run and not run["names_from"].get("failures"))
        )


_NAMES = "relation, minilm, directory or hub name."


@dataclass(frozen=True)
class UntrainedEncoder:
    """Encoder options of commands whose default encoder has not been trained on relations."""

    encoder: Annotated[str | None, _of_encoder(metavar="NAME", help=_NAMES, show_default="minilm")] = None
    encoder_config: Annotated[
        Path | None, _of_encoder(metavar="FILE", help="YAML or JSON file: marking, pooling, max_length, …")
    ] = None
    device: Annotated[
        str | None, _of_encoder(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", show_default="auto")
    ] = None

    #: The default encoder: neither ``--encoder`` nor the configuration file names another.
    USUAL: ClassVar[str] = "minilm"

    @property
    def given_arithmetic(self) -> dict[str, Any]:
        """What ``--backend`` and ``--dtype`` give, if the command has them."""
        return {}

    @cached_property
    def file_fields(self) -> dict[str, Any]:
        """The fields of the configuration file, converted to their types.

        :meth:`settings` checks whether they fit together, which depends on the encoder.

        Raises:
            InputError: The file cannot be read, or is malformed.
            SettingError: It is no mapping, has an unknown field, or a value is of another type.
        """
        if (path := self.encoder_config) is None:
            return {}
        from relscout.core.config_files import read_config
        from relscout.core.settings import converted
        from relscout.encoders import EncoderSettings

        values = read_config(path)
        known = [option.name for option in fields(EncoderSettings)]
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
            return converted(EncoderSettings, values)

    def settings(self, *, default: EncoderSettings | None = None, seed: int = 0) -> EncoderSettings:
        """Return the settings of the encoder.

        An option takes precedence over the configuration file, that over the folder of a saved encoder, and that over
        ``default``.

        Args:
            default: Default settings of the command.
            seed: ``--seed``; a seed in the file takes precedence.

        Raises:
            SettingError: A setting has an invalid value; if it is in the file, the error names file and line.
            ArtifactError: The encoder's folder is damaged.
        """
        from relscout.encoders import EncoderSettings
        from relscout.encoders.settings import settings_for

        given = {"seed": seed, **self.file_fields}
        if self.device is not None:
            given["device"] = EncoderSettings(device=self.device).device
        given |= self.given_arithmetic
        model = given.pop("model", self.USUAL)
        with _naming(self.encoder_config):
            return settings_for(self.encoder or model, default=default, **given)


@dataclass(frozen=True)
class Arithmetic:
    """Options for what an encoder computes with."""

    backend: Annotated[
        Literal["torch", "openvino"] | None,
        _of_encoder(
            metavar="NAME", help="torch, or openvino (an extra).", show_default="torch, or the run's"
        ),
    ] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16", "int8"] | None,
        _of_encoder(
            metavar="NAME", help="float32, bfloat16, float16 or int8.", show_default="float32, or the run's"
        ),
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The settings of an encoder that are given."""
        named = {"backend": self.backend, "dtype": self.dtype}
        return {name: value for name, value in named.items() if value is not None}

    def apply(self, extractor: Extractor) -> None:
        """Let a loaded run compute so, with a note if it was fitted otherwise.

        Raises:
            SettingError: It cannot.
        """
        if warning := extractor.compute_with(**self.given):
            say_note(warning)


@dataclass(frozen=True)
class RelationEncoder(UntrainedEncoder):
    """Encoder options of commands whose default encoder has been trained on relations."""

    encoder: Annotated[str | None, _of_encoder(metavar="NAME", help=_NAMES, show_default="relation")] = None
    arithmetic: Arithmetic = Arithmetic()

    USUAL: ClassVar[str] = "relation"

    @property
    def given_arithmetic(self) -> dict[str, Any]:
        """What ``--backend`` and ``--dtype`` give."""
        return self.arithmetic.given


def _with_nearest(word: str, known: Sequence[str]) -> str:
    """Return an unknown word in quotes, with the nearest known one."""
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"{word!r} (did you mean {nearest[0]!r}?)" if nearest else repr(word)


def _naming(path: Path | None) -> contextlib.AbstractContextManager[None]:
    """Put the file, and the line of the value, before the message of an error about a setting."""
    if path is None:
        return contextlib.nullcontext()
    from relscout.core.config_files import located

    return located(path)


@dataclass(frozen=True)
class Caching:
    """Options for the caches: vectors, annotations of text, and checkpoints.

    Raises:
        SettingError: The options contradict each other.
    """

    cache: Annotated[
        Path | None,
        _of_encoder(metavar="FILE", help="Vector cache.", show_default="~/.cache/relscout/vectors.sqlite"),
    ] = None
    no_cache: Annotated[bool, _of_encoder("--no-cache", help="Do not use a cache.")] = False

    def __post_init__(self) -> None:
        if self.no_cache and self.cache is not None:
            raise SettingError("--cache and --no-cache contradict each other; use one of them")

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[VectorCache | None, Progress]]:
        """Open the vector cache and draw progress bars; the cache is ``None`` with ``--no-cache``.

        Raises:
            OutputError: The file cannot be opened.
        """
        from relscout.encoders import VectorCache

        with contextlib.ExitStack() as stack:
            vectors = None
            if self._folder is not None:
                place = self.cache or self._folder / _VECTORS
                vectors = stack.enter_context(contextlib.closing(VectorCache(place)))
            yield vectors, stack.enter_context(progress_bars(resumable=vectors is not None))

    @property
    def checkpoints(self) -> Path | None:
        """The folder for checkpoints, next to the vector cache; ``None`` without a cache."""
        return None if self._folder is None else self._folder / "checkpoints"

    @property
    def annotations(self) -> Path | None:
        """The file that caches the entities of plain text, next to the vector cache; ``None`` without a cache."""
        return None if self._folder is None else self._folder / _ANNOTATIONS

    @cached_property
    def _folder(self) -> Path | None:
        """The folder of all caches; ``None``, after a note, if the default folder cannot be written."""
        if self.no_cache or self.cache is not None:
            return None if self.cache is None else self.cache.parent
        folder = user_cache()
        problem = "there is no home directory" if folder is None else _why_unwritable(folder)
        if problem is not None:
            say_note(
                f"nothing is kept for the next run: {problem}; name a file with --cache, or set XDG_CACHE_HOME"
            )
            return None
        return folder


_of_ray = partial(typer.Option, rich_help_panel="Shards and Ray")


@dataclass(frozen=True)
class Sharding:
    """Options for work on shards: in this process, in several or on several machines.

    Raises:
        SettingError: An option is out of range, or has no effect.
    """

    in_shards: Annotated[bool, _of_ray("--in-shards", help="Keep one shard in memory at a time.")] = False
    ray: Annotated[
        str | None, _of_ray(metavar="local|auto|HOST:PORT", help="Work on the workers of a Ray cluster.")
    ] = None
    workers: Annotated[
        int | None, _of_ray(metavar="N", min=1, help="Worker processes.", show_default="one per GPU, or CPU")
    ] = None
    work: Annotated[
        Path | None,
        _of_ray(metavar="DIR", help="Working directory, seen by all nodes.", show_default="OUT.work"),
    ] = None
    shard_size: Annotated[
        int | None,
        _of_ray(metavar="N", min=1, help="Passages or pairs of a shard.", show_default="2,000"),
    ] = None
    broken_shards: Annotated[
        Literal["raise", "skip"] | None,
        _of_ray(metavar="raise|skip", help="Stop at broken parts or skip them."),
    ] = None
    ray_timeout: Annotated[
        float | None, _of_ray(metavar="SECONDS", help="Longest wait for Ray.", show_default="60")
    ] = None

    def __post_init__(self) -> None:
        if self.in_shards and self.ray is not None:
            raise SettingError(
                "--in-shards has no effect with --ray, which always works on shards; leave it out"
            )
        if self.ray is not None:
            _ = self.cluster
            return
        of_ray = ("workers", "ray_timeout")
        for option in of_ray if self.in_shards else (field.name for field in fields(self)):
            if getattr(self, option) not in (None, False):
                name = option.replace("_", "-")
                other = "" if option in of_ray else " or --in-shards"
                raise SettingError(
                    f"--{name} has no effect without --ray{other}; add --ray local{other}, or leave it out"
                )

    @property
    def is_wanted(self) -> bool:
        """Whether to work on shards."""
        return self.in_shards or self.ray is not None

    @property
    def option(self) -> str:
        """The option that asks for work on shards."""
        return "--in-shards" if self.in_shards else "--ray"

    @property
    def cluster(self) -> Cluster:
        """The cluster that is asked for."""
        from relscout.distributed.cluster import HERE, LOCAL, Cluster

        asked = Cluster(HERE if self.in_shards else self.ray or LOCAL, self.workers)
        return asked if self.ray_timeout is None else replace(asked, timeout=self.ray_timeout)

    def folder(self, out: Path | None) -> Path:
        """Return the working directory of a command.

        Args:
            out: The output of the command, next to which it is by default.

        Raises:
            SettingError: Neither is given.
        """
        if self.work is None and out is None:
            raise SettingError(f"{self.option} needs a working directory; add --out or --work")
        return self.work or Path(f"{out}.work")

    @property
    def given(self) -> dict[str, Any]:
        """Arguments of the functions of :mod:`relscout.distributed` that are given."""
        named = {"shard_size": self.shard_size, "broken": self.broken_shards}
        return {name: value for name, value in named.items() if value is not None}


_VECTORS, _ANNOTATIONS = "vectors.sqlite", "annotations.sqlite"


def _why_unwritable(folder: Path) -> str | None:
    """Return why the caches in a folder cannot be written; ``None`` if they can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return f"cannot write {folder} ({error.strerror or error})"
    files = [folder / name for name in (_VECTORS, _ANNOTATIONS)]
    if unwritable := [file for file in files if file.exists() and not os.access(file, os.W_OK)]:
        return f"cannot write {unwritable[0]} (Permission denied)"
    return None
