"""Input and output files of a command: no output replaces an input, and a repeated command is recognised."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import typer

from relscout.core.errors import InputError, OutputError, SettingError
from relscout.core.files import files_in, resolved, sha256

#: Parameters that name outputs.
_OUTPUTS = ("out", "figures", "cache", "work")
#: Parameters that are a name or, if there is one, a file or folder.
_NAMES_OR_FILES = ("encoder", "none", "spacy", "token_classifier")
#: Parameters that do not change the result.
_NOT_ASKED = (
    *("out", "overwrite", "no_report", "as_json", "cache", "no_cache", "device", "names_timeout", "context"),
    *("ray", "workers", "work", "broken_shards", "ray_timeout"),
    *("shard_above", "shard_size"),
)


def fetch_runs(context: typer.Context) -> None:
    """Replace each input ``hf://owner/name`` of a command by a folder with this run of the Hugging Face hub.

    Raises:
        SettingError: It has another form, or the report of a run of the hub has no ``--out``.
        DownloadError: It cannot be downloaded.
    """
    for name, paths in list(_paths(context)):
        if name in _OUTPUTS or not any(str(path).startswith("hf:/") for path in paths):
            continue
        from relscout.discovery.hub import address, fetch

        if context.info_name == "report" and context.params.get("out") is None:
            raise SettingError("the report of a run of the hub needs --out FILE")
        places = [(path, address(path)) for path in paths]
        local = [fetch(place.repo, revision=place.revision) if place else path for path, place in places]
        context.params[name] = local if isinstance(context.params[name], list | tuple) else local[0]


def check_outputs(context: typer.Context) -> None:
    """Refuse a command whose output would replace one of its inputs, also through links.

    Raises:
        OutputError: The output would replace an input.
    """
    paths = dict(_paths(context))
    inputs = [(name, path) for name in paths if name not in _OUTPUTS for path in paths[name]]
    for out in (path for name in _OUTPUTS for path in paths.get(name, ())):
        for name, path in inputs:
            if _same(out, path) or _is_read_from(path, out):
                raise OutputError(f"cannot write {out}: it is an input of this command; choose another name")
            # tables and figures are added to the folder of their results
            if name != "results" and _holds(out, path):
                raise OutputError(
                    f"cannot write {out}: it holds {path}, which is an input of this command; choose another name"
                )


def asked_for(context: typer.Context) -> dict[str, Any]:
    """Return the parameters that determine the result of a command, as JSON values; files by name and checksum.

    Raises:
        InputError: An input cannot be read.
    """
    paths = dict(_paths(context))
    asked: dict[str, Any] = {}
    for name, value in context.params.items():
        if name in _NOT_ASKED or value is None or value is False or value == () or value == []:
            continue
        several = isinstance(value, list | tuple)
        described = [_described(path) for path in paths.get(name, ())] or (
            list(value) if several else [value]
        )
        asked[name] = described if several else described[0]
    return asked


def _paths(context: typer.Context) -> Iterator[tuple[str, list[Path]]]:
    """Yield each parameter that is a path by its type, or names an existing file, with its paths."""
    hints = get_type_hints(context.command.callback)
    for name, value in context.params.items():
        given = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        if _is_path(hints.get(name)):
            yield name, [Path(path) for path in given if path is not None]
        elif name in _NAMES_OR_FILES and isinstance(value, str) and os.path.exists(value):  # noqa: PTH110 - no error for what cannot be a path
            yield name, [Path(value)]


def _is_path(hint: Any) -> bool:
    return hint is Path or any(map(_is_path, get_args(hint)))


def _same(out: Path, given: Path) -> bool:
    # a path into a ZIP archive has the archive among its parents
    files = [path for path in (given, *given.parents) if path == given or path.is_file()]
    return out.exists() and any(path.exists() and out.samefile(path) for path in files)


def _holds(out: Path, given: Path) -> bool:
    """Return whether an input is in a folder that would be replaced."""
    place = resolved(out)
    in_use = place in (Path.cwd(), *Path.cwd().parents)
    return place.is_dir() and not in_use and place in resolved(given).parents


def _is_read_from(given: Path, out: Path) -> bool:
    """Return whether an output is one of the files that are read from a folder."""
    from relscout.discovery.storage import CONTENTS, REPORT, RUN
    from relscout.text.documents import is_plain_text

    place, folder = resolved(out), resolved(given)
    if not place.is_file() or not folder.is_dir() or folder not in place.parents:
        return False
    if (folder / RUN).is_file():
        return place.relative_to(folder).parts[0] in CONTENTS - {REPORT}
    return place.suffix == ".ann" or is_plain_text(place)


def _described(path: Path) -> dict[str, str]:
    """Return the name and the checksum of a file, folder, pipe or member of an archive."""
    from relscout.discovery.storage import RUN
    from relscout.io.packing import exists, local, unpacked

    if not exists(path):
        return {"name": str(path)}
    file = local(path)
    # pipes get another name each time
    name = path.name or resolved(path).name if file == path else "-"
    try:
        if not file.exists():
            with unpacked(file) as member:
                return {"name": name, "sha256": file_digest(cast(Any, member), "sha256").hexdigest()}
        if file.is_file():
            return {"name": name, "sha256": sha256(file)}
        # the record of a run holds the checksums of its parts
        run = file / RUN
        files = [run] if run.is_file() else [entry for entry in files_in(file) if entry.is_file()]
        listed = "".join(f"{entry.relative_to(file).as_posix()}\n{sha256(entry)}\n" for entry in files)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    digest = new_sha256(listed.encode("utf-8", "surrogateescape"))
    return {"name": name, "sha256": digest.hexdigest()}
