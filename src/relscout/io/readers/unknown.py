"""Diagnosis of files that no reader recognises: their kind, the problem, and what to do."""

from __future__ import annotations

import csv
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from relscout.core.errors import InputError
from relscout.core.wording import counted
from relscout.io.readers.json_stream import record_outlines
from relscout.io.readers.source import Source
from relscout.io.readers.table import FIELDS, USUAL_NAMES, columns_of, missing_fields

_DELIMITERS = "\t,;|"
_PICTURE = "recognise its text with an OCR program, and run 'relscout discover' on that"
_SPOKEN = "transcribe it, and run 'relscout discover' on the text"
_PACKED = "unpack it, and give the file in it, or a .zip of it"
_AS_JSON = "write the records as JSON Lines with text, head and tail, and run 'relscout inspect' on that"
_PROGRAM = "it holds no text; is it the file that you meant?"

#: Offset and first bytes of binary files → their kind, and what to do.
_MAGIC: dict[tuple[int, bytes], tuple[str, str]] = {
    (0, b"\x89PNG"): ("a PNG image", _PICTURE),
    (0, b"\xff\xd8\xff"): ("a JPEG image", _PICTURE),
    (0, b"GIF8"): ("a GIF image", _PICTURE),
    (0, b"BM"): ("a BMP image", _PICTURE),
    (0, b"II*\x00"): ("a TIFF image", _PICTURE),
    (0, b"MM\x00*"): ("a TIFF image", _PICTURE),
    (8, b"WEBP"): ("a WebP image", _PICTURE),
    (8, b"WAVE"): ("a WAV recording", _SPOKEN),
    (0, b"ID3"): ("an MP3 recording", _SPOKEN),
    (0, b"OggS"): ("an Ogg recording", _SPOKEN),
    (0, b"fLaC"): ("a FLAC recording", _SPOKEN),
    (4, b"ftyp"): ("a video or recording (MP4)", _SPOKEN),
    (257, b"ustar"): ("a tar archive", _PACKED),
    (0, b"7z\xbc\xaf\x27\x1c"): ("a 7-Zip archive", _PACKED),
    (0, b"Rar!"): ("a RAR archive", _PACKED),
    (0, b"SQLite format 3"): (
        "an SQLite database",
        "export the table as CSV, and run 'relscout inspect' on that",
    ),
    (0, b"\x93NUMPY"): ("a NumPy array", _AS_JSON),
    (0, b"\x89HDF"): ("an HDF5 file", _AS_JSON),
    (0, b"Obj\x01"): ("an Avro file", _AS_JSON),
    (0, b"\x80\x04"): ("a Python pickle, which could run any program when it is loaded", _AS_JSON),
    (0, b"\x80\x05"): ("a Python pickle, which could run any program when it is loaded", _AS_JSON),
    (0, b"\x7fELF"): ("a program", _PROGRAM),
    (0, b"MZ"): ("a program", _PROGRAM),
    (0, b"%!PS"): ("a PostScript document", "convert it to PDF, and run 'relscout discover' on that"),
    (0, b"{\\rtf"): ("a document in RTF", "save it as text (.txt), and run 'relscout discover' on that"),
    (0, b"version https://git-lfs"): ("a pointer of Git LFS instead of the file", "fetch it: git lfs pull"),
}
#: Columns of a table of facts, as ``relscout export`` writes it.
_OF_FACTS = {"head", "relation", "tail", "support", "evidence"}
_OLE = b"\xd0\xcf\x11\xe0"
#: Name of the main stream of an old office document → its kind, and what to do.
_OLD_OFFICE = {
    "WordDocument": (
        "an old Word document (.doc)",
        "save it as text (.txt), and run 'relscout discover' on that",
    ),
    "Workbook": (
        "an old Excel workbook (.xls)",
        "save it as .xlsx or CSV, and run 'relscout inspect' on that",
    ),
    "PowerPoint Document": (
        "an old PowerPoint file (.ppt)",
        "save it as PDF, and run 'relscout discover' on that",
    ),
}
_OLD = ("an old office document", "save it as text (.txt) or CSV, and run 'relscout inspect' on that")


def why_unknown(source: Source, formats: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """Return why a file is not recognised: its kind, the missing fields, and what to do.

    Args:
        source: The file.
        formats: Names of known formats, with the fields of the records of each of their variants.
    """
    if source.path.is_dir():
        return _about_folder(source.path)
    if (kind := _binary(source.sample)) is not None:
        return f"the file is {kind[0]}; {kind[1]}"
    if b"\x00" in source.sample:
        return "the file is binary, and no known kind of file; export it as JSON, CSV or text"
    try:
        source.sample[: len(source.sample) - 4].decode("utf-8")
    except UnicodeDecodeError as error:
        return (
            f"byte {error.start} (0x{source.sample[error.start]:02x}) is not UTF-8; name its encoding, such as "
            "--encoding cp1252"
        )
    text = source.sample_text.lstrip()
    if text[:64].lower().startswith(("<!doctype html", "<html")):
        return (
            "the file is a web page, which some servers send in place of a file; if it is the text that you mean, run: "
            f"relscout discover {quoted(source.path)}"
        )
    if (lacking := _lacking_columns(source)) is not None:
        return lacking
    near = _resembled(source, text, formats)
    return (
        f"the format is not recognised from the content; {near}if you know it, name it with --format: relscout inspect "
        f"{quoted(source.path)} --format NAME; known formats are {', '.join(formats)}"
    )


def quoted(path: Path) -> str:
    """Return a path quoted for a command."""
    return shlex.quote(str(path))


def _binary(sample: bytes) -> tuple[str, str] | None:
    if sample.startswith(_OLE):
        streams = (kind for name, kind in _OLD_OFFICE.items() if name.encode("utf-16-le") in sample)
        return next(streams, _OLD)
    return next((kind for (start, magic), kind in _MAGIC.items() if sample.startswith(magic, start)), None)


def _about_folder(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    lacks = (
        "the folder holds no pair of .txt and .ann files (brat), no .xmi files with their TypeSystem.xml, no "
        "state.json (Hugging Face datasets), and not only .parquet files with marked pairs"
    )
    if not files:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        return lacks + (
            f"; give a folder in it: relscout inspect {quoted(inside[0])}" if inside else "; it is empty"
        )
    endings = Counter(path.suffix or "no ending" for path in files)
    listed = ", ".join(f"{counted(count, 'file')} with {ending}" for ending, count in endings.most_common(3))
    return f"{lacks}, but {listed}; give one of its files: relscout inspect {quoted(files[0])}"


def _lacking_columns(source: Source) -> str | None:
    """Return the error of an incomplete table; ``None`` if the text does not begin like a table with a header."""
    lines = source.sample_text.lstrip("\r\n").split("\n")
    delimiter = max(_DELIMITERS, key=lambda sign: len(_cells(lines[0], sign)))
    names = _cells(lines[0], delimiter)
    named = all(name and len(name) < 40 and not name[0].isdigit() and name.count(" ") < 3 for name in names)
    if (
        len(names) < 2
        or len(set(names)) < len(names)
        or not named
        or lines[0].lstrip().startswith(("{", "[", "<"))
    ):
        return None
    if set(names) >= _OF_FACTS:
        return (
            "the file is a table of facts, which has no offsets; read it with relscout.io.readers.facts.read_facts, or "
            "run: relscout export RUN --triples --out FILE"
        )
    rows = [_cells(line, delimiter) for line in lines[1:6] if line.strip()]
    # the last line of the sample may be truncated
    if not rows or any(len(row) != len(names) for row in rows[:-1] or rows):
        return None
    try:
        columns_of(source, names)
    except InputError as error:
        guessed = _guessed(source, names)
        command = f"; run: relscout inspect {quoted(source.path)} --columns {guessed}" if guessed else ""
        return f"the file is a table, but {str(error).removeprefix(f'{source.path}: ')}{command}"
    return None


def _guessed(source: Source, names: Sequence[str]) -> str:
    """Return the columns of a table in the form of ``--columns``; empty if a required one has no usual name."""
    mapping = dict(source.columns)
    for field, usual in USUAL_NAMES.items():
        name = next((name for name in names if name.casefold() in (field, *usual)), None)
        if name is not None and field not in names:
            mapping.setdefault(field, name)
    known = {*mapping, *(name for name in names if name in FIELDS)}
    return "" if missing_fields(known) else ",".join(f"{field}={name}" for field, name in mapping.items())


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.rstrip("\r")], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _resembled(source: Source, text: str, formats: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """Return the two most similar formats, and the missing fields of each; empty if none is similar."""
    if text.startswith(("{", "[")):
        fields = {field for keys in record_outlines(source) for field in keys if not field.endswith("[]")}
        near = _by_fields(fields, formats)
        if fields and not near:
            return f"it resembles none, its records have the fields {', '.join(map(repr, sorted(fields)[:10]))}; "
    elif text.startswith("<"):
        near = [
            ("bioc", [f"<{tag}>" for tag in ("collection", "document", "passage") if f"<{tag}" not in text]),
            ("xmi", [f"'{part}'" for part in ("xmi:XMI", "http:///uima/cas.ecore") if part not in text]),
        ]
    else:
        near = _by_columns(text.split("\n", 1)[0].rstrip("\r"))
    parts = [
        f"{name} (missing: {', '.join(lacks) or 'fields of the right kind'})" for name, lacks in near[:2]
    ]
    return f"it resembles {' and '.join(parts)}; " if parts else ""


def _by_fields(
    there: set[str], formats: Mapping[str, Sequence[Sequence[str]]]
) -> list[tuple[str, list[str]]]:
    nearest = []
    for place, (name, variants) in enumerate(formats.items()):
        for fields in variants:
            lacks = [field for field in fields if field not in there]
            if len(lacks) < len(fields):
                nearest.append((len(lacks) / len(fields), place, name, lacks))
    # the variant of each format that lacks the fewest fields
    best: Mapping[str, list[str]] = {name: lacks for _, _, name, lacks in sorted(nearest, reverse=True)}
    return [(name, best[name]) for name in dict.fromkeys(name for _, _, name, _ in sorted(nearest))]


def _by_columns(line: str) -> list[tuple[str, list[str]]]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) > 1 and cells[0].partition("-")[0].isdigit():
        widths = (("conllu", 10), ("conll04", 9))
        return [(name, [f"{width} columns, there are {len(cells)}"]) for name, width in widths]
    names = max((line.split(delimiter) for delimiter in _DELIMITERS), key=len)
    present = [name for cell in names if (name := cell.strip().strip('"')) in FIELDS]
    return [("csv", missing_fields(present))] if present else []
