"""Files in, relation instances out: one module per format.

Every module of :data:`FORMATS` has

* ``DESCRIPTION``: one line for users,
* ``sniff(source) -> bool``: whether the source is of this format, judged by its first bytes (or, for a folder, its file
  names),
* ``read(source) -> Iterator[RelationInstance | RecordError]``: the records in file order, an invalid one as an error
that describes the problem.

Other packages register such a module, or an object with the same attributes, under its name in the entry-point group
``relscout.readers``. Their ``sniff`` is called if none of our readers recognises a file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

from relscout.core.errors import (
    InputError,
    PluginError,
    PluginWarning,
    RecordError,
    SettingError,
    UnknownNameError,
)
from relscout.core.instances import RelationInstance
from relscout.core.wording import counted
from relscout.io.packing import exists, members
from relscout.io.readers.offsets import Offsets, check_convention, checked
from relscout.io.readers.source import Pairs, RelationNames, Source, check_unicode, readable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Format name → module, in the order in which their ``sniff`` is called.
FORMATS: dict[str, str] = {
    "parquet": "relscout.io.readers.parquet",
    "xlsx": "relscout.io.readers.xlsx",
    "docbin": "relscout.io.readers.docbin",
    "brat": "relscout.io.readers.brat",
    "jsonl": "relscout.io.readers.jsonl",
    "opennre": "relscout.io.readers.opennre",
    "chemprot": "relscout.io.readers.chemprot",
    "fewrel": "relscout.io.readers.fewrel",
    "tacred": "relscout.io.readers.tacred",
    "nyt-fb": "relscout.io.readers.nyt_fb",
    "trex": "relscout.io.readers.trex",
    "docred": "relscout.io.readers.docred",
    "spert": "relscout.io.readers.spert",
    "label-studio": "relscout.io.readers.label_studio",
    "doccano": "relscout.io.readers.doccano",
    "prodigy": "relscout.io.readers.prodigy",
    "pubannotation": "relscout.io.readers.pubannotation",
    "scierc": "relscout.io.readers.scierc",
    "glirel": "relscout.io.readers.glirel",
    "casrel": "relscout.io.readers.casrel",
    "duie": "relscout.io.readers.duie",
    "bioc": "relscout.io.readers.bioc",
    "semeval": "relscout.io.readers.semeval",
    "webanno-tsv": "relscout.io.readers.webanno_tsv",
    "xmi": "relscout.io.readers.xmi",
    "conllu": "relscout.io.readers.conllu",
    "conll04": "relscout.io.readers.conll04",
    "csv": "relscout.io.readers.csv",
}

#: Argument of :func:`read` → the only formats that it applies to.
ONLY_FOR = {
    "columns": ("csv", "xlsx", "parquet"),
    "labels": ("nyt-fb",),
    "pairs": ("docred", "spert", "brat"),
    "offsets": (
        *("jsonl", "csv", "xlsx", "parquet", "opennre", "trex", "brat", "bioc", "label-studio", "doccano"),
        *("prodigy", "pubannotation"),
    ),
}

#: Formats of annotation tools, which export one file per text or per annotator: several in an archive are one data set.
_TOGETHER = frozenset(
    ["xmi", "webanno-tsv", "brat", "bioc", "conllu", "label-studio", "doccano", "prodigy", "pubannotation"]
)

_GROUP: Final = "relscout.readers"

#: Formats whose files never begin like a JSON record, except those with file extensions of brat.
_NO_JSON = ("parquet", "xlsx", "docbin", "brat")

#: Binary formats, which have no encoding.
_BINARY = ("parquet", "xlsx", "docbin")

OnError = Literal["raise", "skip"]


class Reader(Protocol):
    """The interface of a reader module."""

    DESCRIPTION: str

    def sniff(self, source: Source) -> bool:
        """Return whether the source is of this format."""
        ...

    def read(self, source: Source) -> Iterator[RelationInstance | RecordError]:
        """Yield the records in order; an invalid record comes as its error."""
        ...


def reader(name: str) -> Reader:
    """Return the reader module of a format.

    Raises:
        UnknownNameError: There is no such format.
        PluginError: Another package registers it, and it cannot be loaded.
    """
    if name in FORMATS:
        return cast(Reader, import_module(FORMATS[name]))
    others = _others()
    if name not in others:
        raise UnknownNameError("format", name, [*FORMATS, *others])
    from relscout.core.plugins import loaded

    return cast(Reader, loaded(_GROUP, others[name], needs=("DESCRIPTION", "sniff", "read")))


def _others() -> dict[str, EntryPoint]:
    """Return the readers of other packages, by name."""
    from relscout.core.plugins import registered

    return registered(_GROUP, FORMATS)


def format_names() -> list[str]:
    """Return the names of all formats: ours, and those that other packages register."""
    return [*FORMATS, *_others()]


def recognise(source: Source) -> str:
    """Return the name of the format of a file or folder, judged by its content.

    Raises:
        InputError: The file is missing, empty, binary or of no known format.
    """
    _check_content(source)
    if inside := _in_archive(source):
        return inside[0]
    is_json = source.path.suffix not in (".ann", ".txt") and source.sample.startswith(b"{")
    for name in FORMATS:
        if not (is_json and name in _NO_JSON) and reader(name).sniff(source):
            return name
    for name in _others():
        try:
            if reader(name).sniff(source):
                return name
        except PluginError as error:
            # a broken package must not hide the formats of others
            warnings.warn(str(error), PluginWarning, stacklevel=2)
    # a folder of tables may hold plain text
    if source.has_rows and not _is_folder_of_tables(source):
        return "parquet"
    from relscout.io.readers.unknown import why_unknown

    fields = {name: getattr(reader(name), "FIELDS", ()) for name in FORMATS} | dict.fromkeys(_others(), ())
    raise InputError(f"{source.path}: {why_unknown(source, fields)}")


def _is_folder_of_tables(source: Source) -> bool:
    from relscout.io.readers.rows import shards_in

    return source.path.is_dir() and bool(shards_in(source.path))


def read(
    path: str | Path,
    *,
    format: str | None = None,
    on_error: OnError = "raise",
    on_skip: Callable[[RecordError], None] | None = None,
    labels: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    relation_names: str | Path | None = None,
    pairs: Pairs = "related",
    encoding: str | None = None,
    offsets: Offsets = "characters",
    on_warning: Callable[[str], None] | None = None,
) -> Iterator[RelationInstance]:
    """Read relation instances from a file or folder, one at a time, in its order.

    If mentions do not lie on whole words, an :class:`relscout.core.errors.InputWarning` at the end says which
    ``offsets`` would fit.

    Args:
        path: The file or folder. Packed files (gzip, bzip2, xz, Zstandard) are unpacked; of a ZIP archive, the file
            with marked pairs is read, or all files of an annotation tool. ``archive.zip/member`` is one of several,
            ``-`` standard input.
        format: A name of :func:`format_names`; recognised from the content when left out.
        on_error: ``"raise"`` stops at the first wrong record; ``"skip"`` leaves wrong records out.
        on_skip: With ``on_error="skip"``: called with the error of every record that is left out.
        labels: File with the labels, for formats that keep them apart (NYT+FB).
        columns: For tables: our field name → the table's column name.
        relation_names: JSON file that maps relation identifiers to names (``{"P177": "crosses"}`` or
            ``{"P177": ["crosses", "description"]}``); gold relations are renamed by it.
        pairs: For formats in which every pair is judged (DocRED, SpERT, brat): ``"related"`` gives the pairs that
            have a relation; ``"all"`` also gives, once each, the pairs of entities of a sentence that have none, as
            instances of the relation ``no_relation``, the earlier entity as the head.
        encoding: Encoding of the text; UTF-8 when left out, unless a byte-order mark says UTF-16 or UTF-32.
        offsets: What the offsets of mentions count, for formats that give them: a name of
            :data:`relscout.io.readers.offsets.CONVENTIONS`. The instances count characters.
        on_warning: Called with each decision that the file leaves to the reader, such as which quotation marks are
            text; an :class:`relscout.core.errors.InputWarning` if left out.

    Raises:
        InputError: The file cannot be read or is of no known format, or (:class:`RecordError`) a record is
            wrong.
        UnknownNameError: There is no format of that name, or ``on_error``, ``pairs`` or ``offsets`` has another value.
        SettingError: ``labels``, ``columns`` or ``offsets`` is given or ``pairs`` is ``"all"``, and the format has no
            use for it.
    """
    if on_error not in ("raise", "skip"):
        raise UnknownNameError("on_error", on_error, ("raise", "skip"))
    if pairs not in ("related", "all"):
        raise UnknownNameError("pairs", pairs, ("related", "all"))
    check_convention(offsets)
    source = Source(
        Path(path),
        Path(labels) if labels else None,
        dict(columns or {}),
        pairs,
        encoding,
        offsets,
        on_warning,
    )
    if format is not None:
        reader(format)  # an unknown name is reported before a missing file
        _check_content(source)
    inside = _in_archive(source, format) if exists(source.path) else None
    name = format or (inside[0] if inside else recognise(source))
    chosen = reader(name)
    for option, given in (
        ("columns", columns),
        ("labels", labels),
        ("offsets", offsets != "characters"),
    ):
        if given and name not in ONLY_FOR[option]:
            raise SettingError(
                f"{source.path}: {option!r} is for {', '.join(ONLY_FOR[option])}, but the file is {name}; "
                "leave it out"
            )
    if pairs == "all" and name not in ONLY_FOR["pairs"]:
        raise SettingError(
            f"{source.path}: pairs 'all' is for formats in which every pair is judged "
            f"({', '.join(ONLY_FOR['pairs'])}), but the file is {name}; leave it out"
        )
    if encoding is not None and (source.has_rows or name in _BINARY):
        raise SettingError(
            f"{source.path}: encoding {encoding!r} is for text, but the file is binary; leave it out"
        )
    names = RelationNames.load(Path(relation_names)) if relation_names else RelationNames({})
    if inside is None:
        instances = _read(chosen, source, names, on_error, on_skip)
        return checked(instances, offsets, warn=source.warn)
    _, sources, others = inside
    if others:
        source.warn(
            f"{counted(len(others), 'file')} of the archive without marked pairs left out ({others[0].name} …)"
        )
    instances = chain.from_iterable(_read(chosen, member, names, on_error, on_skip) for member in sources)
    return checked(instances, offsets, warn=source.warn)


def _check_content(source: Source) -> None:
    if not exists(source.path):
        raise InputError(f"{source.path}: no such file or folder; check its name")
    if not source.path.is_dir() and not members(source.path) and not source.sample.strip():
        raise InputError(f"{source.path}: the file is empty; was it saved, or fetched, to its end?")


def _in_archive(source: Source, format: str | None = None) -> tuple[str, list[Source], list[Path]] | None:
    """Return the format of the files in a ZIP archive, these files, and the files without marked pairs.

    Args:
        source: The archive. For anything else, and for an archive of one file, ``None`` is returned.
        format: Their format where it is known.

    Raises:
        InputError: No file is of a known format, or several are and do not form an export of an annotation tool.
    """
    inside = members(source.path)
    if len(inside) < 2:
        return None
    annotations = {path for path in inside if path.suffix == ".ann"}
    formats: dict[str, list[Source]] = {}
    others = []
    for path in inside:
        # a text of brat is read with its annotations
        if path.suffix == ".txt" and path.with_suffix(".ann") in annotations:
            continue
        member = replace(source, path=path)
        try:
            formats.setdefault(
                format if format and reader(format).sniff(member) else recognise(member), []
            ).append(member)
        except InputError:
            others.append(path)
    if format is not None:
        formats = {format: formats.get(format, [])}
    name, sources = next(iter(formats.items()), ("", []))
    if len(formats) != 1 or not sources or (len(sources) > 1 and name not in _TOGETHER):
        listed = ", ".join(path.relative_to(source.path).as_posix() for path in inside[:5])
        listed += ", …" * (len(inside) > 5)
        kinds = (
            "" if len(formats) == 1 else f" of {len(formats)} formats" if sources else " without marked pairs"
        )
        raise InputError(
            f"{source.path}: the archive holds {len(inside)} files ({listed}){kinds}; name the one to read, such as "
            f"{sources[0].path if sources else inside[0]}"
        )
    return name, sources, [path for path in others if not path.name.lower().startswith("typesystem")]


def _read(
    chosen: Reader,
    source: Source,
    names: RelationNames,
    on_error: OnError,
    on_skip: Callable[[RecordError], None] | None,
) -> Iterator[RelationInstance]:
    if source.encoding is None and (encoding := source.marked_encoding) is not None:
        source.warn(
            f"read as {encoding.upper()}, as its byte-order mark says; for another encoding, pass --encoding"
        )
    # labels that are missing from the table of names keep their identifiers
    named, labelled = not names.names, False
    for record in chosen.read(source):
        if isinstance(record, RelationInstance):
            named = named or record.relation in names.names
            labelled = labelled or record.relation is not None
            record = _of_unicode(source, names.rename(record))
        if isinstance(record, RelationInstance):
            yield record
        elif on_error == "raise":
            raise record
        elif on_skip is not None:
            on_skip(record)
    if labelled and not named:
        source.warn(f"none of the gold relations is among the {len(names.names)} relation names")


def _of_unicode(source: Source, instance: RelationInstance) -> RelationInstance | RecordError:
    """Return the instance, or an error if one of its texts has half a surrogate pair, which no file can hold."""
    head, tail = instance.head, instance.tail
    texts = {
        "text": instance.text,
        "relation": instance.relation,
        "id": instance.id,
        "document": instance.document,
        "source": instance.source,
        "head type": head.type,
        "tail type": tail.type,
        "head id": head.entity_id,
        "tail id": tail.entity_id,
    }
    try:
        for name, text in texts.items():
            if text:
                check_unicode(name, text)
    except InputError as error:
        place = readable(instance.source).removeprefix(f"{readable(source.path.name)}, ")
        return source.error(place, error)
    return instance
