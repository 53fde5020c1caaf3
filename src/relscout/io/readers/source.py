"""An input file and its records: opening, checking fields, errors with their place, renaming relations."""

from __future__ import annotations

import codecs
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

from relscout.core.errors import InputError, InputWarning, RecordError
from relscout.core.files import parsed_json
from relscout.core.instances import Mention, RelationInstance
from relscout.core.surfaces import composed
from relscout.io.packing import (
    LONGEST_LINE,
    ROWS_MAGIC,
    UNREADABLE,
    as_utf8,
    local,
    marked_encoding,
    unpacked,
    unreadable,
)
from relscout.io.readers.offsets import Offsets

_SAMPLE_BYTES = 65_536
_LONG_SAMPLE_BYTES = 1 << 21
#: Maximum size in bytes of a file that must be read as a whole.
_LONGEST_TEXT = 1 << 30

#: Which pairs of a fully judged format are read: those with a relation, or also those without.
Pairs = Literal["related", "all"]


@dataclass(frozen=True)
class Source:
    """A file (or, for formats made of several files, a folder) together with the user's options.

    Args:
        path: The file or folder.
        labels: File with the labels, for formats that keep them apart (NYT+FB).
        columns: For tables (CSV, Parquet): our field name → the table's column name.
        pairs: For fully judged formats: whether the pairs without a relation are read as well.
        encoding: Encoding of the text; UTF-8 when left out, unless a byte-order mark says UTF-16 or UTF-32.
        offsets: The unit of the offsets of mentions, for formats that have offsets.
        on_warning: Called with each text of :meth:`warn`; an :class:`InputWarning` if left out.
    """

    path: Path
    labels: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    pairs: Pairs = "related"
    encoding: str | None = None
    offsets: Offsets = "characters"
    on_warning: Callable[[str], None] | None = None

    @cached_property
    def local(self) -> Path:
        """The file or folder; for a pipe or standard input, a copy of its content."""
        return local(self.path)

    @property
    def marked_encoding(self) -> str | None:
        """``"utf-16"`` or ``"utf-32"`` where a byte-order mark says so, else ``None``."""
        if self.path.is_dir():
            return None
        with unpacked(self.path) as stream:
            return marked_encoding(_guarded_read(self.path, stream, 4))

    @cached_property
    def sample(self) -> bytes:
        """First bytes of the content (64 KiB at most, uncompressed); empty for a folder."""
        if self.path.is_dir():
            return b""
        with self.open() as stream:
            return _guarded_read(self.path, stream, _SAMPLE_BYTES)

    @cached_property
    def sample_text(self) -> str:
        """The sample as text, without a byte-order mark; a character cut in two at its end is dropped.

        For Parquet and Arrow, it is the first rows as JSON Lines, so that records are recognised in any container.
        """
        if self.has_rows:
            from relscout.io.readers.rows import first_rows

            return first_rows(self.local)[:_SAMPLE_BYTES]
        return self.sample.decode("utf-8", "ignore").removeprefix("\ufeff")

    @cached_property
    def long_sample_text(self) -> str:
        """Like :attr:`sample_text`, up to 2 MiB: enough for a first record as long as a book."""
        if self.has_rows or len(self.sample) < _SAMPLE_BYTES:
            return self.sample_text
        with self.open() as stream:
            return (
                _guarded_read(self.path, stream, _LONG_SAMPLE_BYTES)
                .decode("utf-8", "ignore")
                .removeprefix("\ufeff")
            )

    @cached_property
    def has_rows(self) -> bool:
        """Whether it is a Parquet or Arrow file, a folder of Parquet files, or one of Hugging Face datasets."""
        if self.path.is_dir():
            from relscout.io.readers.rows import shards_in

            datasets = ("state.json", "dataset_dict.json")
            return any((self.path / name).is_file() for name in datasets) or bool(shards_in(self.path))
        return self.sample.startswith(ROWS_MAGIC)

    def open(self) -> IO[bytes]:
        """Open the content as bytes, unpacked, its text as UTF-8.

        Raises:
            InputError: The file does not exist or cannot be read.
            SettingError: There is no such encoding.
        """
        stream = unpacked(self.path)
        try:
            return as_utf8(stream, self.path, self.encoding)
        except UNREADABLE as error:
            raise unreadable(self.path, error) from error

    def raw_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(line number from 1, line with its line end)``, without a byte-order mark.

        Only line feeds end a line: other Unicode separators stay text.

        Raises:
            InputError: The file cannot be read to its end.
        """
        with self.open() as stream:
            number = 0
            while raw := _guarded_read(self.path, stream, -1, line=True):
                number += 1
                yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw

    def decoded_lines(self) -> Iterator[tuple[int, str | RecordError]]:
        """Yield ``(line number from 1, line without its line end, or its error)``, skipping blank lines.

        Raises:
            InputError: The file cannot be read to its end.
        """
        for number, raw in self.raw_lines():
            try:
                line = raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                reason = (
                    f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; name its encoding, such as "
                    "--encoding cp1252"
                )
                yield number, self.error(f"line {number}", reason)
            else:
                if line.strip():
                    yield number, line

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in pieces of 64 KiB, without a byte-order mark.

        Raises:
            InputError: The file cannot be read to its end.
        """
        with self.open() as stream:
            mark = codecs.BOM_UTF8
            while chunk := _guarded_read(self.path, stream, _SAMPLE_BYTES):
                yield chunk.removeprefix(mark)
                mark = b""

    def text(self) -> str:
        """Return the whole content as text, line ends untouched.

        Raises:
            InputError: The content is not UTF-8 or cannot be read.
        """
        with self.open() as stream:
            raw = _guarded_read(self.path, stream, _LONGEST_TEXT)
        if len(raw) == _LONGEST_TEXT:
            raise InputError(
                f"{self.path}: the file is larger than 1 GiB, which this format has to be read at once"
            )
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise self.error(
                f"line {line}",
                f"byte 0x{raw[error.start]:02x} is not UTF-8; name its encoding, such as --encoding cp1252",
            ) from error

    def json_lines(self) -> Iterator[tuple[int, Any | RecordError]]:
        """Yield ``(line number, parsed JSON value or the error of that line)``."""
        for number, line in self.decoded_lines():
            if isinstance(line, RecordError):
                yield number, line
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:  # ValueError also for a number of over 4,300 digits
                reason = (
                    getattr(error, "msg", error) if isinstance(error, ValueError) else "nested too deeply"
                )
                yield number, self.error(f"line {number}", f"not JSON ({reason}): {shorten(line)}")

    def error(self, place: str, reason: object) -> RecordError:
        """Return the error of one record of this file, on one line; characters that are not Unicode are escaped."""
        place, line = (
            text.translate({ord("\r"): " ", ord("\n"): " "}).encode("utf-8", "backslashreplace").decode()
            for text in (place, str(reason))
        )
        return RecordError(self.path, place, line)

    def warn(self, message: str) -> None:
        """Warn about an assumption on how to read the file."""
        text = f"{self.path}: {message}"
        if self.on_warning is None:
            warnings.warn(text, InputWarning, stacklevel=2)
        else:
            self.on_warning(text)

    def at(self, place: str) -> str:
        """Return the provenance text of an instance read at ``place``."""
        return f"{readable(self.path.name)}, {place}"


def readable(name: str) -> str:
    """Return the name of a file as Unicode text; bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shorten(text: object) -> str:
    """Quote ``text`` for an error message, cut to 60 characters."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:59]}…"


def _guarded_read(path: Path, stream: IO[bytes], size: int, *, line: bool = False) -> bytes:
    try:
        content = stream.readline(LONGEST_LINE) if line else stream.read(size)
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if line and len(content) == LONGEST_LINE:
        raise InputError(
            f"{path}: a line is longer than {LONGEST_LINE >> 20} MB; expected a record in each line, or a JSON list"
        )
    return content


Kind = TypeVar("Kind", str, int, list[Any], dict[str, Any])

_KIND_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}

#: Largest offset. A larger number is a mistake, and Python refuses to print numbers of thousands of digits.
_LARGEST_NUMBER = 2**53


def attempt(
    source: Source, place: str, record: Any, parse: Callable[[Any, str], RelationInstance]
) -> RelationInstance | RecordError:
    """Return ``parse(record, provenance)``, or the error of that record when it raises an input error.

    Args:
        source: The file that the record was read from.
        place: Where in the file, for example ``"line 12"``.
        record: The record, or its error, which is returned unchanged.
        parse: Builds an instance from a record and its provenance.
    """
    if isinstance(record, RecordError):
        return record
    try:
        return parse(record, source.at(place))
    except InputError as error:
        return source.error(place, error)


def require(record: Any, field: str, kind: type[Kind], *, inside: str = "") -> Kind:
    """Return a required field of a record, which must be of the given kind.

    Args:
        record: The record, which must be an object.
        field: Name of the field.
        kind: ``str``, ``int`` (true and false are not whole numbers), ``list`` or ``dict``.
        inside: Name of the field that contains the record, if it is part of a larger one.

    Raises:
        InputError: The record is not an object, or the field is missing, of another kind, a text that is not
            Unicode or a number beyond any offset.
    """
    if not isinstance(record, dict):
        what = f"the field {inside!r} as an object" if inside else "an object"
        raise InputError(f"expected {what} with a field {field!r}, got {kind_name(record)}")
    name = f"{inside}.{field}" if inside else field
    if field not in record:
        raise InputError(f"the field {name!r} is missing; expected {_KIND_NAMES[kind]}")
    value = record[field]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"the field {name!r} is {kind_name(value)}; expected {_KIND_NAMES[kind]}")
    if isinstance(value, str):
        check_unicode(name, value)
    elif isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        raise InputError(f"the field {name!r} is a number far beyond any text")
    return value


def optional_text(record: Any, field: str, *, inside: str = "") -> str | None:
    """Return a string field; ``None`` if it is missing, null or empty.

    Raises:
        InputError: The record is not an object, or the field is of another kind.
    """
    if isinstance(record, dict) and record.get(field) is None:
        return None
    return require(record, field, str, inside=inside) or None


def optional_offset(record: Any, field: str) -> int | None:
    """Return a field with an offset, 0 or more; ``None`` if it is missing or null.

    Raises:
        InputError: The record is not an object, or the field is of another kind or negative.
    """
    if isinstance(record, dict) and record.get(field) is None:
        return None
    value = require(record, field, int)
    if value < 0:
        raise InputError(f"the field {field!r} is {value}; expected an offset of 0 or more")
    return value


def check_unicode(name: str, value: str) -> None:
    r"""Refuse a text with half a surrogate pair, which JSON can spell (``\ud83d``) but no file can hold.

    Raises:
        InputError: The text has one.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"the field {name!r} has half a surrogate pair ({shorten(value[error.start])}) at character "
            f"{error.start}, which is not Unicode text; was an emoji cut in two?"
        ) from error


def kind_name(value: Any) -> str:
    """Name the kind of a JSON value in words, such as ``"a string"``."""
    return _KIND_NAMES.get(type(value), f"a {type(value).__name__}")


#: Relation of a pair that is unrelated in the gold data.
NO_RELATION = "no_relation"
#: Maximum number of unrelated pairs of one mention with later ones, so that long texts do not give millions of pairs.
MOST_FOLLOWERS = 60

Key = TypeVar("Key")


def unrelated_pairs(
    mentions: Iterable[tuple[Key, Mention]], left_out: Callable[[Key, Key], bool]
) -> Iterator[tuple[tuple[Key, Mention], tuple[Key, Mention]]]:
    """Yield each unordered pair of mentions once, the earlier one first, in the order of the text.

    Two mentions of the same span, and two that cross, do not form a pair. Each mention is paired with at most
    :data:`MOST_FOLLOWERS` that follow it.

    Args:
        mentions: The mentions of one sentence, each with its identifier, in any order.
        left_out: Returns whether to leave out two mentions, by their identifiers in the order of the text.
    """
    in_order = sorted(mentions, key=lambda named: (named[1].start, named[1].end))
    for place, first in enumerate(in_order):
        for second in islice(in_order, place + 1, place + 1 + MOST_FOLLOWERS):
            same = (first[1].start, first[1].end) == (second[1].start, second[1].end)
            if not (same or first[1].crosses(second[1]) or left_out(first[0], second[0])):
                yield first, second


@dataclass(frozen=True)
class RelationNames:
    """A table of relation identifiers and their names; a relation that is not listed keeps its identifier."""

    names: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> RelationNames:
        """Read ``{identifier: name}`` or ``{identifier: [name, description]}`` (FewRel's ``pid2name``).

        Raises:
            InputError: The file is missing, not JSON or of another shape.
        """
        try:
            table = parsed_json(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InputError(f"{path}: not a JSON file ({error})") from error
        shape = "expected a JSON object {identifier: name} or {identifier: [name, description]}"
        if not isinstance(table, dict):
            raise InputError(f"{path}: got a JSON {type(table).__name__}; {shape}")
        names = {}
        for identifier, entry in table.items():
            name = entry[0] if isinstance(entry, list) and entry else entry
            if not isinstance(name, str):
                raise InputError(f"{path}: {identifier!r} maps to {entry!r}; {shape}")
            try:
                check_unicode(identifier, name)
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
            if not name.strip():
                raise InputError(f"{path}: the name of {identifier!r} is empty; give it one, or leave it out")
            names[identifier] = name
        return cls({composed(identifier): name for identifier, name in names.items()})

    def rename(self, instance: RelationInstance) -> RelationInstance:
        """Return the instance with the name of its gold relation in place of the identifier."""
        name = self.names.get(instance.relation or "")
        return instance if name is None else replace(instance, relation=name)
