"""``relscout export``: the facts of a run in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli.options import check_file, written_files
from relscout.cli.screen import say
from relscout.core.errors import SettingError
from relscout.core.wording import counted


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Output: .csv, .xlsx, .jsonl, .nt, .ttl, .graphml."),
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Output format, e.g. neo4j, csv-excel or label-studio."),
    ] = None,
    triples: Annotated[
        bool,
        typer.Option("--triples", help="Write triples, one per sentence, instead of facts; also .parquet."),
    ] = False,
    relations: Annotated[
        bool,
        typer.Option("--relations", help="Write the relations and their matches instead."),
    ] = False,
) -> None:
    """Write the facts of a run in a format that other programs read.

    A fact is a head entity, a relation and a tail entity, with the number of sentences and documents that support it.
    For annotation tools (label-studio, doccano, prodigy, pubannotation, brat), the triples are written as
    predictions, the least certain texts first. In RDF, relations are linked to the vocabulary that they were matched
    to.
    """
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

    if relations and triples:
        raise SettingError("--relations and --triples cannot be combined; choose one of them")
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
