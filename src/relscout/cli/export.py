"""``relscout export``: the facts of a run in another format, or the run on the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.options import check_file, written_files
from relscout.cli.screen import say
from relscout.core.errors import SettingError
from relscout.core.wording import counted

_of_hub = partial(typer.Option, rich_help_panel="Hugging Face hub")


@dataclass(frozen=True)
class Hub:
    """Options of ``--to hf://owner/name``."""

    private: Annotated[bool, _of_hub("--private", help="Make a new repository private.")] = False
    license: Annotated[str | None, _of_hub(metavar="ID", help="Licence for the card, e.g. cc-by-4.0.")] = None


@options.grouped
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output: .csv, .xlsx, .jsonl, .nt, .ttl, .graphml."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Format, e.g. neo4j or csv-excel; or hf://OWNER/NAME."),
    ] = None,
    triples: Annotated[
        bool,
        typer.Option("--triples", help="Write triples, one per sentence, instead of facts; also .parquet."),
    ] = False,
    relations: Annotated[
        bool,
        typer.Option("--relations", help="Write the relations and their matches instead."),
    ] = False,
    *,
    hub: Hub,
) -> None:
    """Write the facts of a run in a format that other programs read.

    A fact is a head entity, a relation and a tail entity, with the number of sentences and documents that support it.
    For annotation tools (label-studio, doccano, prodigy, pubannotation, brat), the triples are written as
    predictions, the least certain texts first. In RDF, relations are linked to the vocabulary that they were matched
    to.

    With --to hf://OWNER/NAME, the whole run is sent to the Hugging Face hub, with its sentences.
    """
    if relations and triples:
        raise SettingError("--relations and --triples cannot be combined; choose one of them")
    if to is not None and to.startswith("hf:/"):
        _push(run, to, hub, {"--out": out, "--triples": triples, "--relations": relations})
        return
    for option, given in {"--private": hub.private, "--license": hub.license}.items():
        if given:
            raise SettingError(f"{option} has no effect here: it is for --to hf://OWNER/NAME; leave it out")
    if out is None:
        raise SettingError("--out FILE is missing: the file or directory to write")
    _write(run, out, to, triples=triples, relations=relations)


def _write(run: Path, out: Path, to: str | None, *, triples: bool, relations: bool) -> None:
    from relscout.discovery import Discovery
    from relscout.io.writers import (
        FOLDERS,
        check_fact_format,
        recognise,
        write,
        write_facts,
        write_relations,
    )
    from relscout.io.writers.tools import TOOLS

    chosen = to or recognise(out)
    if relations:
        check_file(out)
        records = [relation.as_dict() for relation in Discovery.load(run).relations]
        count = write_relations(records, out, format=to)
        say(f"{counted(count, 'relation')} written to {out}")
        return
    triples = triples or chosen in TOOLS
    if not triples:
        check_fact_format(chosen)
    if chosen not in FOLDERS:
        check_file(out)
    discovery = Discovery.load(run)
    if triples:
        count = write(discovery.triples(), out, format=to, model_version=discovery.model_version)
        say(f"{counted(count, 'triple')} written to {written_files(out, to)}")
    else:
        count = write_facts(discovery.facts(), out, format=to, triples=discovery.triples())
        say(f"{counted(count, 'fact')} written to {out}")


def _push(run: Path, to: str, hub: Hub, others: dict[str, object]) -> None:
    from relscout.discovery import Discovery
    from relscout.discovery.hub import address

    for option, given in others.items():
        if given:
            raise SettingError(f"{option} has no effect here: the whole run is sent to the hub; leave it out")
    place = address(to)
    if place is None:  # pragma: no cover - it begins with hf:/
        raise SettingError(f"{to!r} is no repository; expected hf://owner/name")
    discovery = Discovery.load(run)
    url = discovery.push_to_hub(
        place.repo, revision=place.revision, private=hub.private or None, license=hub.license
    )
    say(f"the run, with {counted(len(discovery.assignments.instances), 'sentence')}, is at {url}")
