"""``relscout pretrain align``: assign the relations of a knowledge graph to a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, output, print_json, progress_bars, say, say_note
from relscout.cli.target import check_exchange_file
from relscout.errors import OutputError, SettingError
from relscout.wording import counted, visible

if TYPE_CHECKING:
    from relscout.alignment import Account, KnowledgeGraph

_GRAPH, _RULES = "Knowledge graph", "Rules"
_SHOWN = 12


def command(
    inputs: options.Inputs,
    graph: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Triples, as TSV or N-Triples; repeatable.",
            rich_help_panel=_GRAPH,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .jsonl or .jsonl.gz.")],
    aliases: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Names: entity<TAB>name; repeatable.", rich_help_panel=_GRAPH),
    ] = None,
    iris: Annotated[
        Literal["short", "whole"],
        typer.Option(
            metavar="short|whole", help="IRIs of N-Triples: last part, or whole.", rich_help_panel=_GRAPH
        ),
    ] = "short",
    languages: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Languages of labels to use, e.g. en,de.", rich_help_panel=_GRAPH),
    ] = None,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Leave out the entity pairs of this file; repeatable.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    link: Annotated[
        Literal["id-or-name", "id", "name"],
        typer.Option(
            metavar="id-or-name|id|name", help="How mentions are linked to entities.", rich_help_panel=_RULES
        ),
    ] = "id-or-name",
    ambiguous: Annotated[
        Literal["resolve", "drop"],
        typer.Option(
            metavar="resolve|drop",
            help="Ambiguous names: resolve or drop.",
            rich_help_panel=_RULES,
        ),
    ] = "resolve",
    as_marked: Annotated[
        bool,
        typer.Option("--as-marked", help="Never exchange head and tail.", rich_help_panel=_RULES),
    ] = False,
    min_sentences: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Minimum number of sentences per relation.", rich_help_panel=_RULES
        ),
    ] = 2,
    as_json: options.AsJson = False,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    entity_types: options.EntityTypes = None,
    spacy: options.SpacyPipeline = None,
    token_classifier: options.TokenClassifier = None,
    gliner: options.Gliner = None,
    gazetteer: options.Gazetteer = None,
    mentions: options.Mentions = "entities",
    numbers: options.Numbers = False,
    max_distance: options.MaxDistance = None,
    directions: options.Directions = "once",
    types: options.TypePairs = None,
) -> None:
    """Assign the relations of a knowledge graph to the sentences of a corpus.

    A pair of entities that the graph relates becomes an instance of that relation. All other pairs are left out,
    and a table shows how many are lost at each step. INPUT is as for 'relscout discover'; its relations are
    ignored.
    """
    from relscout.alignment import Account, AlignmentSettings, Exclusions, KnowledgeGraph, align
    from relscout.writers.exchange import write_instances

    reading = Reading(
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        entity_types=entity_types,
        spacy=spacy,
        token_classifier=token_classifier,
        gliner=gliner,
        gazetteer=gazetteer,
        mentions=mentions,
        numbers=numbers,
        max_distance=max_distance,
        directions=directions,
        types=types,
        reads_text=True,
    )
    settings = AlignmentSettings(
        link=link, ambiguous=ambiguous, both_ways=not as_marked, min_sentences=min_sentences
    )
    check_exchange_file(out)
    _check_is_no_input(
        out, [*inputs, *graph, *(aliases or ()), *(exclude or ()), *filter(None, (labels, gazetteer))]
    )
    skipped, account = Skipped(), Account()
    with progress_bars(resumable=False) as progress:
        known = KnowledgeGraph.read(
            graph,
            aliases=aliases or (),
            iris=iris,
            languages=_languages(languages),
            on_error=on_error,
            on_skip=skipped,
            progress=progress,
        )
        excluded = Exclusions(
            known, Reading(on_error=on_error, columns=columns).beside(exclude or (), skipped)
        )
        instances = reading.instances(inputs, skipped)
        aligned = align(instances, known, settings, exclude=excluded, account=account, progress=progress)
        count = write_instances(aligned, out)
    skipped.tell()
    n_alike, alike = known.alike
    if alike is not None:
        say_note(
            f"{counted(n_alike, 'identifier')} shared by several IRIs, such as <{alike[0]}> and <{alike[1]}>; "
            "use --iris whole to keep them separate"
        )
    if as_json:
        print_json(
            {
                "out": str(out),
                "graph": _graph_as_json(known),
                "excluded_instances": excluded.n_instances,
                "account": account.as_dict(),
                "skipped": skipped.as_json(),
            }
        )
    else:
        output().print(_table(_rows(account, min_sentences)))
        output().print("", _relations(account), sep="\n")
    say(
        f"{counted(count, 'instance')} of {counted(len(account.kept), 'relation')} written to {out}; the graph has "
        f"{counted(known.n_triples, 'triple')}, {known.n_names:,} names"
    )


def _check_is_no_input(out: Path, read: Sequence[Path]) -> None:
    """Refuse to write over what is read.

    Raises:
        OutputError: The output is one of the files that are read.
    """
    if out.exists() and any(path.exists() and path.samefile(out) for path in read):
        raise OutputError(f"cannot write {out}: it is an input of this command; choose another name")


def _languages(text: str | None) -> list[str] | None:
    if text is None:
        return None
    languages = [language.strip() for language in text.split(",")]
    if not all(languages):
        raise SettingError(f"--languages is {text!r}; expected language tags joined by commas, such as en,de")
    return languages


def _rows(account: Account, min_sentences: int) -> Iterator[tuple[str, int]]:
    yield "instances read", account.instances
    yield "  mentions linked by id", account.mentions_by_id
    yield "  mentions linked by name", account.mentions_by_name
    yield "  mentions with an ambiguous name", account.mentions_by_several
    yield "  mentions with an id unknown to the graph", account.mentions_of_unknown_id
    yield "  mentions with a name unknown to the graph", account.mentions_of_unknown_name
    yield "  mentions without an id", account.mentions_without_id
    yield "lost: mention not linked", account.unlinked
    yield "lost: ambiguous", account.ambiguous
    yield "lost: not related in the graph", account.unrelated
    yield "lost: excluded pair", account.excluded
    yield "aligned, one per relation of a pair", account.aligned
    yield "lost: repeated pair in a sentence", account.repeated
    sentences = counted(min_sentences, "sentence")
    yield f"lost: {counted(account.rare_relations, 'relation')} with fewer than {sentences}", account.rare
    yield "kept", account.n_kept
    yield "  with head and tail exchanged", account.exchanged


def _table(rows: Iterator[tuple[str, int]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("step")
    table.add_column("number", justify="right")
    for step, number in rows:
        table.add_row(Text(step, "" if number else "dim"), Text(f"{number:,}", "" if number else "dim"))
    return table


def _relations(account: Account) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("relation")
    table.add_column("instances", justify="right")
    for name, count in list(account.kept.items())[:_SHOWN]:
        table.add_row(Text(visible(name)), f"{count:,}")
    if len(account.kept) > _SHOWN:
        table.add_row(Text(f"… and {len(account.kept) - _SHOWN:,} more", style="dim"), "")
    return table


def _graph_as_json(graph: KnowledgeGraph) -> dict[str, Any]:
    reading = graph.reading
    return {
        "triples": graph.n_triples,
        "entities": len(graph.entities),
        "relations": len(graph.relations),
        "names": graph.n_names,
        "literals_left_out": reading.literals,
        "blank_nodes_left_out": reading.blank_nodes,
        "names_left_out": reading.names_left_out,
        "wrong_lines_skipped": reading.wrong_lines,
        "iris_that_end_alike": graph.alike[0],
    }
