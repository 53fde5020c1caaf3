"""``relscout lab pretrain``: train an encoder by contrast or from labels; align a corpus with a knowledge graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.options import check_exchange_file, check_folder
from relscout.cli.reading import LabelledReading, Reading, TextReading
from relscout.cli.screen import (
    Skipped,
    counts_table,
    output,
    plain_table,
    print_json,
    progress_bars,
    say,
    say_note,
)
from relscout.core.errors import SettingError
from relscout.core.progress import silent
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.alignment import AlignmentStatistics, KnowledgeGraph


_Preset = Annotated[str, typer.Option(metavar="NAME", help="Settings: minilm, paper or released.")]
_Set = Annotated[
    list[str] | None,
    options.set_option(help="Single settings, e.g. batch=128,epochs=5."),
]
_TITLES = {
    "contrast": "contrast",
    "mlm": "masked words",
    "nearest_is_positive": "nearest is positive",
    "spread": "spread",
    "sentences_per_second": "sentences/s",
}


def _command(objective: str, details: str) -> Callable[..., None]:
    def command(
        inputs: options.MarkedInputs,
        out: options.OutputFolder,
        overwrite: options.Overwrite = False,
        preset: _Preset = "minilm",
        settings: _Set = None,
        seed: options.Seed = 0,
        as_json: options.AsJson = False,
        exclude: options.Exclude = None,
        *,
        reading: LabelledReading,
        encoder: options.UntrainedEncoder,
    ) -> None:
        from relscout.encoders import TransformerEncoder
        from relscout.encoders.saved import check_adapter, contents_of
        from relscout.pretraining import READ_BY, pretrain, settings_of
        from relscout.pretraining.trainer import is_first

        chosen = settings_of(objective, options.assignments_of(settings, "--set"), preset=preset)
        if dtype := encoder.file_fields.get("dtype"):
            raise SettingError(
                f"{encoder.encoder_config}: dtype has no effect on pre-training; use --set dtype={dtype} instead"
            )
        described = encoder.settings(default=READ_BY, seed=seed)
        check_folder(out, contents=contents_of(out), overwrite=overwrite)
        base = TransformerEncoder(described)
        if chosen.adapter_rank:
            check_adapter(out, base)
        skipped = Skipped()
        work = out.with_name(f"{out.name}.work")
        first = is_first()
        with progress_bars(resumable=True) if first else contextlib.nullcontext(silent) as progress:
            done = pretrain(
                reading.instances(inputs, skipped),
                base,
                objective=objective,
                settings=chosen,
                seed=seed,
                out=out,
                exclude=reading.additional(exclude or (), skipped),
                checkpoints=work,
                progress=progress,
            )
        if not first:
            return
        with contextlib.suppress(OSError):
            work.rmdir()
        skipped.report()
        for warning in done.report["warnings"]:
            say_note(warning)
        if as_json:
            print_json({"out": str(out), "skipped": skipped.as_json(), **done.report})
            return
        _show(done.report, out)

    command.__doc__ = details
    return options.grouped(command)


def _show(report: dict[str, Any], out: Path) -> None:
    console = output()
    left_out = "".join(f", {count:,} {reason}" for reason, count in report["left_out"].items())
    console.print(
        Text.assemble(
            (counted(report["instances"], "sentence"), "bold"),
            f"{left_out and f' (left out{left_out[1:]})'}, ",
            f"{counted(report['pairs']['of_an_epoch'], 'pair')} per epoch, ",
            f"{counted(report['steps'], 'step')} in {report['seconds']:.0f} s",
        )
    )
    table = plain_table("epoch", numbers=_TITLES.values())
    for number, epoch in enumerate(report["epochs"], 1):
        figures = (epoch[name] for name in _TITLES)
        table.add_row(str(number), *("" if value is None else f"{value:,.3f}" for value in figures))
    console.print(table)
    say(f"written to {out}; use it with --encoder {out}")


CONTRASTIVE_COMMANDS = {
    "cp": _command(
        "cp",
        """Pre-train an encoder by contrasting sentences of one relation with others (CP).

        INPUT has gold relations, in any format that 'relscout inspect' recognises. 'relscout lab pretrain align' makes
        such a file from a corpus and a knowledge graph. An interrupted run resumes when you start it again.
        """,
    ),
    "mtb": _command(
        "mtb",
        """Pre-train an encoder to recognise sentences with the same entity pair (MTB).

        INPUT needs no relations, but entity pairs that occur in several sentences. An interrupted run resumes when you
        start it again.
        """,
    ),
}


_of_teacher = partial(typer.Option, rich_help_panel="Teacher")


@options.grouped
def labels_command(
    inputs: options.MarkedInputs,
    out: options.OutputFolder,
    overwrite: options.Overwrite = False,
    settings: Annotated[
        list[str] | None,
        options.set_option(help="Settings, e.g. rank=8,supervised_epochs=2."),
    ] = None,
    per_file: Annotated[
        bool,
        typer.Option("--per-file", help="Each INPUT has relations of its own."),
    ] = False,
    teacher: Annotated[
        str | None,
        _of_teacher(metavar="NAME", help="Encoder whose neighbourhoods are learnt, e.g. relation-base."),
    ] = None,
    unlabeled: Annotated[
        list[Path] | None,
        _of_teacher(metavar="FILE", help="Marked pairs for --teacher, labels ignored; repeatable."),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    exclude: options.Exclude = None,
    *,
    reading: LabelledReading,
    encoder: options.UntrainedEncoder,
    caching: options.Caching,
) -> None:
    """Train an encoder on labelled relations, and save the result as a small adapter.

    Use the adapter with --encoder DIR, for example in 'relscout discover', to find other relations. The default
    encoder, 'relation', was trained this way. An interrupted training resumes after its last complete pass over the
    input; with one pass, the default, it starts again.
    """
    from relscout.core.settings import from_mapping
    from relscout.encoders import TransformerEncoder
    from relscout.encoders.saved import check_adapter, contents_of
    from relscout.encoders.settings import settings_for
    from relscout.pretraining.adapter import AdapterSettings, train_adapter

    chosen = from_mapping(AdapterSettings, options.assignments_of(settings, "--set"))
    described = encoder.settings(seed=seed)
    check_folder(out, contents=contents_of(out), overwrite=overwrite)
    base = TransformerEncoder(described)
    check_adapter(out, base)
    if unlabeled and teacher is None:
        raise SettingError("--unlabeled needs --teacher; add --teacher, or leave --unlabeled out")
    taught_by = (
        None
        if teacher is None
        else TransformerEncoder(
            settings_for(teacher, device=described.device, backend=described.backend, dtype=described.dtype)
        )
    )
    skipped = Skipped()
    if per_file and len({path.resolve() for path in inputs}) < max(len(inputs), 2):
        raise SettingError(
            f"--per-file needs two or more different files, but INPUT is {', '.join(map(str, inputs))}"
        )
    groups = {str(path): [path] for path in inputs} if per_file else {"": inputs}
    labeled = {name: list(reading.instances(paths, skipped)) for name, paths in groups.items()}
    more = list(reading.additional(unlabeled or (), skipped))
    excluded = list(reading.additional(exclude or (), skipped))
    skipped.report()
    # only complete passes are kept, and usually there is only one, so no message promises to resume
    with progress_bars(resumable=False) as progress:
        trained = train_adapter(
            labeled,
            base,
            settings=chosen,
            seed=seed,
            out=out,
            teacher=taught_by,
            unlabeled=more,
            exclude=excluded,
            checkpoints=caching.checkpoints,
            progress=progress,
        )
    for warning in trained.report["warnings"]:
        say_note(warning)
    if as_json:
        print_json({"out": str(out), "skipped": skipped.as_json(), **trained.report})
        return
    table = Table("pass", "loss", "accuracy")
    for number, (loss, accuracy) in enumerate(
        zip(trained.report["loss"], trained.report["accuracy"], strict=True), start=1
    ):
        table.add_row(str(number), f"{loss:.3f}", f"{accuracy:.1%}")
    n_instances, n_relations = trained.report["instances"], len(trained.report["relations"])
    backwards = ", and their inverses" if chosen.inverses else ""
    by = trained.report.get("teacher")
    further = "" if by is None else f", and on the neighbourhoods of {teacher}"
    if by is not None and by["unlabeled"]:
        further += f", also of {counted(by['unlabeled'], 'unlabelled instance')}"
    output().print(
        f"trained on {counted(n_instances, 'instance')} of {counted(n_relations, 'relation')}{backwards}{further}"
    )
    output().print(table)
    say(f"written to {out}; use it with --encoder {out}")


_of_graph = partial(typer.Option, rich_help_panel="Knowledge graph")
_rule = partial(typer.Option, rich_help_panel="Rules")


@options.grouped
def align_command(
    inputs: options.Inputs,
    graph: Annotated[list[Path], _of_graph(metavar="FILE", help="Triples, as TSV or N-Triples; repeatable.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .jsonl or .jsonl.gz.")],
    aliases: Annotated[
        list[Path] | None, _of_graph(metavar="FILE", help="Names: entity<TAB>name; repeatable.")
    ] = None,
    iris: Annotated[
        Literal["short", "whole"],
        _of_graph(metavar="short|whole", help="IRIs of N-Triples: last part, or whole."),
    ] = "short",
    languages: Annotated[
        str | None, _of_graph(metavar="NAMES", help="Languages of labels to use, e.g. en,de.")
    ] = None,
    exclude: Annotated[
        list[Path] | None, _rule(metavar="FILE", help="Leave out the entity pairs of this file; repeatable.")
    ] = None,
    link: Annotated[
        Literal["id-or-name", "id", "name"],
        _rule(metavar="id-or-name|id|name", help="How mentions are linked to entities."),
    ] = "id-or-name",
    ambiguous: Annotated[
        Literal["resolve", "drop"], _rule(metavar="resolve|drop", help="Ambiguous names: resolve or drop.")
    ] = "resolve",
    as_marked: Annotated[bool, _rule("--as-marked", help="Never exchange head and tail.")] = False,
    min_sentences: Annotated[
        int, _rule(metavar="N", min=1, help="Minimum number of sentences per relation.")
    ] = 2,
    as_json: options.AsJson = False,
    *,
    reading: Annotated[
        TextReading, ("format", "on_error", "labels", "columns", "entity_types", "encoding", "offsets")
    ],
) -> None:
    """Assign the relations of a knowledge graph to the sentences of a corpus.

    A pair of entities that the graph relates becomes an instance of that relation. All other pairs are left out,
    and a table shows how many are lost at each step. INPUT is as for 'relscout discover'; its relations are
    ignored.
    """
    from relscout.alignment import AlignmentSettings, AlignmentStatistics, Exclusions, KnowledgeGraph, align
    from relscout.io.writers.jsonl import write_instances

    settings = AlignmentSettings(
        link=link, ambiguous=ambiguous, both_ways=not as_marked, min_sentences=min_sentences
    )
    check_exchange_file(out)
    skipped, account = Skipped(), AlignmentStatistics()
    with progress_bars(resumable=False) as progress:
        known = KnowledgeGraph.read(
            graph,
            aliases=aliases or (),
            iris=iris,
            languages=_languages(languages),
            on_error=reading.on_error,
            on_skip=skipped,
            progress=progress,
        )
        excluded = Exclusions(
            known,
            Reading(on_error=reading.on_error, columns=reading.columns).additional(exclude or (), skipped),
        )
        instances = reading.instances(inputs, skipped)
        aligned = align(instances, known, settings, exclude=excluded, statistics=account, progress=progress)
        count = write_instances(aligned, out)
    skipped.report()
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
        output().print("", counts_table("relation", account.kept), sep="\n")
    say(
        f"{counted(count, 'instance')} of {counted(len(account.kept), 'relation')} written to {out}; the graph has "
        f"{counted(known.n_triples, 'triple')}, {known.n_names:,} names"
    )


def anchors_command(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", help="Output of WikiExtractor with --links, also packed.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .jsonl or .jsonl.gz.")],
    identifiers: Annotated[
        Path | None, _of_graph(metavar="FILE", help="Identifiers of pages: title<TAB>identifier.")
    ] = None,
    links_only: Annotated[
        bool, _rule("--links-only", help="Do not mark names where they occur again without a link.")
    ] = False,
) -> None:
    """Make marked pairs of the links of Wikipedia, for 'relscout lab pretrain align'.

    The entities of a sentence are its links, and the names of the article and of its links where they occur again.
    Without --identifiers, the identifier of an entity is the title of its page, as in DBpedia.
    """
    from relscout.io.writers.jsonl import write_instances
    from relscout.text.anchors import anchored_instances, read_identifiers

    check_exchange_file(out)
    known = None if identifiers is None else read_identifiers(identifiers)
    count = write_instances(anchored_instances(inputs, identifiers=known, repeats=not links_only), out)
    written = f"{counted(count, 'pair')} written to {out}"
    if not count:
        say_note("no sentence has two links; were the files written with --links?")
        say(written)
    else:
        say(f"{written}; label them with 'relscout lab pretrain align {out} --graph FILE'")


def _languages(text: str | None) -> list[str] | None:
    if text is None:
        return None
    languages = [language.strip() for language in text.split(",")]
    if not all(languages):
        raise SettingError(f"--languages is {text!r}; expected language tags joined by commas, such as en,de")
    return languages


def _rows(account: AlignmentStatistics, min_sentences: int) -> Iterator[tuple[str, int]]:
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
    table = plain_table("step", numbers=["number"])
    for step, number in rows:
        table.add_row(Text(step, "" if number else "dim"), Text(f"{number:,}", "" if number else "dim"))
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


app = typer.Typer(help="Pre-train an encoder: align with a knowledge graph, contrast, or labels.")
COMMANDS: dict[str, Callable[..., None]] = {
    "anchors": anchors_command,
    "align": align_command,
    **CONTRASTIVE_COMMANDS,
    "labels": labels_command,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
