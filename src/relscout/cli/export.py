"""``relscout export``: the facts of a run in another format or a Neo4j database, or the run on the hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.options import check_file, written_files
from relscout.cli.screen import progress_bars, say
from relscout.core.errors import InputError, SettingError
from relscout.core.wording import counted

_of_database = partial(typer.Option, rich_help_panel="Neo4j")
_of_hub = partial(typer.Option, rich_help_panel="Hugging Face hub")


@dataclass(frozen=True)
class Database:
    """Options of ``--to neo4j://host``. The password is no option, because other users of a machine see those."""

    user: Annotated[
        str | None, _of_database(metavar="NAME", help="User.", show_default="NEO4J_USERNAME, or neo4j")
    ] = None
    password_file: Annotated[
        Path | None,
        _of_database(metavar="FILE", help="File with the password.", show_default="NEO4J_PASSWORD"),
    ] = None
    database: Annotated[
        str | None,
        _of_database(metavar="NAME", help="Database.", show_default="NEO4J_DATABASE, or the user's"),
    ] = None

    def user_and_password(self) -> tuple[str | None, str | None]:
        """Return the credentials; ``None`` if there is no password, for a server without authentication.

        Raises:
            SettingError: There is a user but no password.
            InputError: The file with the password cannot be read.
        """
        password = os.environ.get("NEO4J_PASSWORD")
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError) as error:
                raise InputError(f"{self.password_file}: the password cannot be read from it") from error
        user = self.user or os.environ.get("NEO4J_USERNAME")
        if password is None and user is not None:
            raise SettingError("the password is missing; set NEO4J_PASSWORD, or give --password-file FILE")
        return (user or "neo4j", password) if password is not None else (None, None)

    def given(self) -> dict[str, object]:
        """Return the options and their values."""
        return {
            "--user": self.user,
            "--password-file": self.password_file,
            "--database": self.database,
        }


@dataclass(frozen=True)
class Hub:
    """Options of ``--to hf://owner/name``."""

    private: Annotated[
        bool, _of_hub("--private", help="Make a new repository private; refuse a public one.")
    ] = False
    license: Annotated[str | None, _of_hub(metavar="ID", help="Licence for the card, e.g. cc-by-4.0.")] = None

    def given(self) -> dict[str, object]:
        """Return the options and their values."""
        return {"--private": self.private, "--license": self.license}


@options.grouped
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output: .csv, .xlsx, .jsonl, .nt, .ttl, .graphml."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Format, e.g. csv-excel; or neo4j://HOST, hf://OWNER/NAME."),
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
    database: Database,
    hub: Hub,
) -> None:
    """Write the facts of a run in a format that other programs read.

    A fact is a head entity, a relation and a tail entity, with the number of sentences and documents that support it.
    For annotation tools (label-studio, doccano, prodigy, pubannotation, brat), the triples are written as
    predictions, the least certain texts first. In RDF, relations are linked to the vocabulary that they were matched
    to.

    With --to neo4j://HOST (also bolt, and +s for TLS; extra 'neo4j'), the facts are merged into a database. Repeating
    it changes nothing. With --to hf://OWNER/NAME, the whole run is sent to the Hugging Face hub, with its sentences.
    """
    if relations and triples:
        raise SettingError("--relations and --triples cannot be combined; choose one of them")
    of_file: dict[str, object] = {"--out": out, "--relations": relations}
    to_hub, to_database = (to or "").startswith("hf:/"), "://" in (to or "")
    if to_hub:
        whole = {**of_file, "--triples": triples, **database.given()}
        _refuse(whole, "the whole run is sent to the hub")
        _push(run, to or "", hub)
        return
    _refuse(hub.given(), "it is for --to hf://OWNER/NAME")
    if to_database:
        _refuse(of_file, "facts and triples are written to the database")
        _merge(run, to or "", database, triples=triples)
        return
    _refuse(database.given(), "it is for --to neo4j://HOST")
    if out is None:
        raise SettingError("--out FILE is missing: the file or directory to write")
    _write(run, out, to, triples=triples, relations=relations)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value:
            raise SettingError(f"{option} has no effect here: {why}; leave it out")


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
        count = write_facts(discovery.found_facts.facts, out, format=to, triples=discovery.triples())
        say(f"{counted(count, 'fact')} written to {out}")


def _merge(run: Path, to: str, chosen: Database, *, triples: bool) -> None:
    from relscout.discovery import Discovery
    from relscout.io.writers.neo4j_database import (
        check_address,
        connected,
        write_facts_to,
        write_triples_to,
    )

    check_address(to)
    user, password = chosen.user_and_password()
    database = chosen.database or os.environ.get("NEO4J_DATABASE") or None
    # a wrong password is an error before the run is loaded
    with connected(to, user=user, password=password) as driver, progress_bars(resumable=False) as progress:
        discovery = Discovery.load(run)
        if triples:
            count = write_triples_to(driver, discovery.triples(), database=database, progress=progress)
        else:
            count = write_facts_to(driver, discovery.found_facts.facts, database=database, progress=progress)
    say(f"{counted(count, 'triple' if triples else 'fact')} written to {to}")


def _push(run: Path, to: str, hub: Hub) -> None:
    from relscout.discovery import Discovery
    from relscout.discovery.hub import address

    place = address(to)
    if place is None:
        raise SettingError(f"{to!r} is no repository; expected hf://owner/name")
    discovery = Discovery.load(run)
    url = discovery.push_to_hub(
        place.repo, revision=place.revision, private=hub.private or None, license=hub.license
    )
    say(f"the run, with {counted(len(discovery.assignments.instances), 'instance')}, is at {url}")
