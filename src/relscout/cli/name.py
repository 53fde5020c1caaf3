"""``relscout name``: match the relations of a run to a vocabulary, or take their names from a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.command_files import asked_for
from relscout.cli.screen import say, say_note
from relscout.core.errors import SettingError
from relscout.core.wording import counted

#: Score from which an entry of a vocabulary is more likely the relation than not.
_LIKELY = 0.5


@options.grouped
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory for the new run.")],
    overwrite: options.Overwrite = False,
    *,
    context: typer.Context,
    naming: options.Naming,
    caching: options.Caching,
) -> None:
    """Match the relations of a run to a vocabulary, or name them by a language model.

    --vocabulary finds the entries of a list, table or ontology that fit each relation; 'relscout report' and 'export'
    show them, and RDF links to them. --names-from sends the three sentences of each relation that the report shows
    first to an endpoint; its key is read from the environment variable RELSCOUT_NAMES_KEY. The new run keeps the
    numbers of the relations.
    """
    from relscout.discovery import Discovery
    from relscout.discovery.storage import COMMAND, check_target, earlier_run
    from relscout.encoders import use_cache
    from relscout.naming.endpoint import INTERRUPTED

    if not naming.is_asked_for:
        raise SettingError(
            "nothing to do; add --vocabulary FILE, or --names-from URL with --names-model NAME"
        )
    _ = naming.read
    asked = asked_for(context)
    fitted = Discovery.load(out) if not overwrite and earlier_run(out, asked) else None
    if fitted is not None and naming.is_done(fitted):
        say_note(f"{out} holds the finished run of this command; add --overwrite to repeat it")
        return
    check_target(out, overwrite=overwrite or fitted is not None)
    # what an endpoint failed to name is asked for again
    discovery = Discovery.load(run) if fitted is None else fitted
    with caching.opened() as (vectors, progress):
        use_cache(discovery.model.encoder, vectors)
        named = naming.apply(discovery, progress=progress).with_run({COMMAND: asked})
    failures = {} if naming.names_from is None else named.run["names_from"]["failures"]
    if failures and naming.vocabulary is None and not named.run["names_from"]["earlier_names"]:
        if INTERRUPTED in failures:
            raise KeyboardInterrupt
        raise SettingError(f"no relation was named: {'; '.join(failures)}")
    named.save(out)
    for warning in named.run["warnings"]:
        if warning not in discovery.run["warnings"]:
            say_note(warning)
    if naming.vocabulary is not None:
        scores = [relation.matches[0].score for relation in named.relations if relation.matches]
        entries = counted(named.run["vocabulary"]["entries"], "name")
        say(
            f"{len(scores):,} of {counted(len(named.relations), 'relation')} have a candidate among {entries}, "
            f"{sum(score >= _LIKELY for score in scores):,} with a score of at least {_LIKELY}"
        )
    if INTERRUPTED in failures:
        raise KeyboardInterrupt(f"{out} has the names so far; run the same command again for the others")
    say(f"written to {out}; 'relscout report {out}' shows it")
