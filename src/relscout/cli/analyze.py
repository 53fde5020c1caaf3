"""``relscout lab analyze``: does a model read the context, the names, or the types?"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.options import check_file
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, excerpt, output, plain_table, print_json, say, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.progress import Progress
from relscout.core.wording import counted, visible

if TYPE_CHECKING:
    from relscout.core.instances import RelationInstance
    from relscout.discovery import Discovery
    from relscout.lab.analysis import Analysis
    from relscout.lab.analysis.analyze import Flip, Kind, RelationReliance
    from relscout.lab.analysis.figures import Estimate, FormatFigures
    from relscout.lab.analysis.formats import Classifier
    from relscout.lab.analysis.table_one import TableOne


_of_table = partial(typer.Option, rich_help_panel="Table 1")


@options.grouped
def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Output of 'discover' or 'lab finetune'.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA", help="Files, optionally with gold relations (default: those of the run)."
        ),
    ] = None,
    train: Annotated[
        list[Path] | None, _of_table(metavar="FILE", help="Train one model per format on this; repeatable.")
    ] = None,
    dev: Annotated[Path | None, _of_table(metavar="FILE", help="Select the epoch on this.")] = None,
    seeds: Annotated[int, _of_table(metavar="N", min=1, help="Train with the seeds 0 to N - 1.")] = 3,
    cnn: Annotated[bool, _of_table("--cnn", help="Also train a convolutional network.")] = False,
    sheet: Annotated[
        Path | None, _of_table(metavar="FILE", help="Write mistakes on the context alone, to be judged.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output directory for analysis.json and flips.jsonl."),
    ] = None,
    overwrite: options.Overwrite = False,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    *,
    reading: Annotated[
        Reading,
        ("format", "on_error", "labels", "columns", "relation_names", "entity_types", "encoding", "offsets"),
    ],
    caching: options.Caching,
) -> None:
    """Analyse whether a model reads the context, the names, or the types.

    The model classifies the same sentences with names replaced by types, without names, and without context, and
    its answers are compared: how many stay the same, how many are right, and which relations and sentences change.
    With --train, classifiers are trained and tested in each of these formats, as in Table 1 of the paper.
    """
    from relscout.encoders import loss_warnings, use_cache
    from relscout.lab.analysis import analyze, encoder_of
    from relscout.lab.analysis.analyze import check_target, save
    from relscout.lab.analysis.formats import load_model

    if out is not None:
        check_target(out, overwrite=overwrite)
    fitted = load_model(model)
    _check_table(fitted, train, dev, cnn=cnn, sheet=sheet)
    if sheet is not None:
        check_file(sheet)
    instances = _instances(data or [], reading, fitted)
    lost: Counter[str] = Counter()
    with caching.opened() as (vectors, progress):
        if (encoder := encoder_of(fitted)) is not None:
            use_cache(encoder, vectors)
        analysis = analyze(
            fitted, instances, seed=seed, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        table = None
        if train:
            sides = [_read(paths, reading) for paths in (train, [dev] if dev else [])]
            table = _table(
                fitted, analysis, *sides, seeds=seeds, cnn=cnn, progress=progress, work=caching.checkpoints
            )
    _note_left_out(analysis)
    for warning in loss_warnings(lost):
        say_note(warning)
    record = {
        "model": str(model),
        "data": [str(path) for path in data or []],
        "seed": seed,
        **analysis.as_dict(),
        "table_one": None if table is None else table.as_dict(),
    }
    if out is not None:
        save(out, analysis, record)
    if as_json:
        print_json(record)
    else:
        _show(analysis, model, table)
    if out is not None:
        say(f"written to {out}")
    # last, because an error here, such as no mistake to judge, must not lose what was trained
    if sheet is not None and table is not None:
        _write_sheet(sheet, table, analysis, seed)


def _write_sheet(path: Path, table: TableOne, analysis: Analysis, seed: int) -> None:
    from relscout.lab.analysis.judging import sheet, write_sheet

    row = list(table.predicted)[-1]  # that of the encoder
    rows = sheet(table, analysis.data.instances, row, seed=seed)
    write_sheet(path, rows)
    say(
        f"{counted(len(rows), 'mistake')} of {row} to judge written to {path}; then: relscout lab judge {path}"
    )


def _instances(paths: list[Path], reading: Reading, model: Classifier | Discovery) -> list[RelationInstance]:
    """Return the instances to classify: those of the files, or those of the run itself.

    Raises:
        SettingError: A classifier has no data files, or input options are given without files.
    """
    from relscout.discovery import Discovery

    if paths:
        return _read(paths, reading)
    if not isinstance(model, Discovery):
        raise SettingError("a classifier has no instances of its own; pass data files after MODEL")
    if reading != Reading():
        raise SettingError("input options need data files; pass them after MODEL")
    return list(model.assignments.instances)


def _read(paths: list[Path], reading: Reading) -> list[RelationInstance]:
    skipped = Skipped()
    instances = list(reading.instances(paths, skipped))
    skipped.report()
    return instances


def _check_table(
    model: Classifier | Discovery,
    train: list[Path] | None,
    dev: Path | None,
    *,
    cnn: bool,
    sheet: Path | None,
) -> None:
    """Check the options of the table.

    Raises:
        SettingError: One is given without --train, or the model is a run.
    """
    from relscout.discovery import Discovery

    if not train and (dev or cnn or sheet):
        raise SettingError("--dev, --cnn and --sheet apply to the table of --train; add --train FILE")
    if train and isinstance(model, Discovery):
        raise SettingError(
            "--train trains classifiers like MODEL, but MODEL is a run; pass the folder of a classifier"
        )


def _table(
    model: Any,
    analysis: Analysis,
    train: list[RelationInstance],
    dev: list[RelationInstance],
    *,
    seeds: int,
    cnn: bool,
    progress: Progress,
    work: Path | None,
) -> TableOne:
    from relscout.lab.analysis.table_one import rows_like, table_one

    if analysis.data.gold is None:
        raise InputError("the table tests classifiers on DATA, but none of its instances has a gold relation")
    rows, fingerprint = rows_like(model, cnn=cnn)
    made = table_one(
        rows,
        train,
        analysis.data.instances,
        dev or None,
        seeds=range(seeds),
        fingerprint=fingerprint,
        progress=progress,
        checkpoints=work,
    )
    for warning in made.warnings:
        say_note(warning)
    return made


def _note_left_out(analysis: Analysis) -> None:
    data = analysis.data
    if data.unlabelled:
        say_note(f"{counted(data.unlabelled, 'instance')} without a gold relation left out")
    if data.unknown:
        names = sorted(data.unknown, key=lambda name: (-data.unknown[name], name))
        named = ", ".join(f"{name!r} ({data.unknown[name]:,})" for name in names[:5])
        say_note(
            f"{counted(sum(data.unknown.values()), 'instance')} left out, of "
            f"{counted(len(names), 'relation')} that the model does not know: {named}{', …' if len(names) > 5 else ''}"
        )
    if data.gold is None and analysis.kind == "classifier":
        say_note("no instance has a gold relation, so only changes are reported, not errors")


def _show(analysis: Analysis, model: Path, table: TableOne | None) -> None:

    console = output()
    about = Text.assemble((visible(str(model)), "bold"), f": {_described(analysis)}")
    console.print(about)
    console.print()
    for part in parts(analysis, width=console.width):
        console.print(part)
    if table is not None:
        console.print()
        for part in table_parts(table, width=console.width):
            console.print(part)


def _described(analysis: Analysis) -> str:
    kind = "a run" if analysis.kind == "run" else "a classifier"
    fields = [f"{kind} of {counted(analysis.n_relations, 'relation')}"]
    if analysis.encoder is not None:
        fields.append(f"encoder {Path(analysis.encoder).name}")
    if analysis.marking is not None:
        fields.append(f"marking {analysis.marking}")
    fields.append(counted(len(analysis.answers.instances), "instance"))
    if analysis.figures.none:
        fields.append(f"micro-F1 without {', '.join(map(repr, analysis.figures.none))}")
    return visible("; ".join(fields))


#: Numbers of relations to show: those that depend on names most, and least.
_MOST, _LEAST = 8, 3
#: Minimum number of instances of a relation to show, if enough relations have as many.
_ENOUGH = 10
#: Sentences to show of each kind.
_SENTENCES = 4
_NARROWEST_BAR, _WIDEST_BAR = 8, 24
#: Width of the table of formats without its bar.
_WITHOUT_BAR = 74
_TITLES: dict[Kind, str] = {
    "lost": "right with names, wrong without",
    "gained": "right without names, wrong with them",
    "changed": "answer changes without names",
}


def parts(analysis: Analysis, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of an analysis to print, in order.

    Args:
        analysis: The analysis.
        width: Width of the screen in characters.
    """
    bar = max(min(width - _WITHOUT_BAR, _WIDEST_BAR), _NARROWEST_BAR)
    yield _formats(analysis, bar)
    yield Text()
    yield _reliance(analysis, bar)
    yield Text()
    yield from _verdict(analysis, width)
    yield Text()
    yield _relations(analysis, width)
    for kind, title in _TITLES.items():
        flips = [flip for flip in analysis.flips if flip.kind == kind]
        if flips:
            yield Text()
            yield _sentences(analysis, flips, kind, f"{title}: {counted(len(flips), 'instance')}", width)


def _formats(analysis: Analysis, bar: int) -> Table:
    from relscout.lab.analysis import FORMATS

    figures = analysis.figures
    table = plain_table()
    table.add_column("shown", no_wrap=True, style="bold")
    table.add_column("", no_wrap=True)
    if figures.score is not None:
        table.add_column(figures.score, justify="right", no_wrap=True)
        table.add_column("95%", style="dim", no_wrap=True)
    table.add_column("keeps", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    extra = _extra_columns(analysis)
    for title in extra:
        table.add_column(title, justify="right", no_wrap=True)
    for format, measured in figures.formats.items():
        table.add_row(*_row(format, FORMATS[format], measured, figures.score, bar), *_extras(measured, extra))
    nothing = _row("–", "nothing (majority)", figures.majority, figures.score, bar)
    table.add_row(*nothing, *_extras(figures.majority, extra), style="dim")
    return table


def _row(format: str, what: str, one: FormatFigures, score: str | None, bar: int) -> list[str | Text]:
    cells: list[str | Text] = [format, what]
    if score is not None:
        cells += ["–", ""] if one.score is None else [f"{one.score.value:.3f}", _interval(one.score)]
    return [*cells, f"{one.kept.value:.0%}", _bar(one.kept.value, bar)]


def _extra_columns(analysis: Analysis) -> list[str]:
    if analysis.kind == "run":
        return ["ARI", "NMI"]
    return ["still\nright", "same\nerror"] if analysis.against_gold else []


def _extras(one: FormatFigures, titles: list[str]) -> list[str]:
    if not titles:
        return []
    if titles[0] == "ARI":
        return [_number(one.ari), _number(one.nmi)]
    return ["–" if share is None else f"{share.value:.0%}" for share in (one.right_shared, one.wrong_same)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(one: Estimate) -> str:
    return f"{one.low:.3f}–{one.high:.3f}"


def _bar(share: float, width: int) -> Text:
    filled = round(max(min(share, 1.0), 0.0) * width)
    return Text.assemble(("█" * filled, "cyan"), ("░" * (width - filled), "dim"))


def _reliance(analysis: Analysis, bar: int) -> RenderableType:
    reliance = analysis.figures.reliance
    rows: list[tuple[str, Estimate | None, str]] = [
        ("context", reliance.context, "OnlyM"),
        ("names and types", reliance.mentions, "OnlyC"),
        ("  types", reliance.types, "regained in C+T"),
        ("  names themselves", reliance.names, "C+T"),
    ]
    table = plain_table()
    table.add_column("answers that change without", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("95%", style="dim", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("seen in", style="dim", no_wrap=True)
    for what, share, where in rows:
        if share is not None:
            between = f"{share.low:.0%} to {share.high:.0%}"
            table.add_row(what, f"{share.value:.0%}", between, _bar(share.value, bar), where)
    return table


def _verdict(analysis: Analysis, width: int) -> Iterator[Text]:
    findings = analysis.findings
    # unlike rich, textwrap does not break a line at a no-break space
    for number, sentence in enumerate(findings.statements):
        yield Text(_filled(sentence, width), style="bold" if number == 0 else "")
    for sentence in findings.cautions:
        yield _marked("beware: ", sentence, "bold yellow", width)
    for sentence in findings.notes:
        text = _marked("note: ", sentence, "bold", width)
        text.stylize("dim")
        yield text


def _marked(mark: str, sentence: str, style: str, width: int) -> Text:
    text = Text(_filled(sentence, width, mark))
    text.stylize(style, 0, len(mark))
    return text


def _filled(sentence: str, width: int, mark: str = "") -> str:
    return textwrap.fill(
        visible(sentence),
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_on_hyphens=False,
    )


def _relations(analysis: Analysis, width: int) -> RenderableType:
    formats = list(analysis.figures.formats)
    enough = [relation for relation in analysis.relations if relation.count >= _ENOUGH]
    listed = enough if len(enough) > 1 else list(analysis.relations)
    cut = len(listed) > _MOST + _LEAST
    shown: list[RelationReliance | None] = [*listed[:_MOST], None, *listed[-_LEAST:]] if cut else [*listed]
    table = plain_table(gap=1)
    widths = [6, *(len(format) for format in formats), 4]
    table.add_column(
        "relation" if analysis.against_gold else "relation in C+M",
        overflow="ellipsis",
        no_wrap=True,
        max_width=width - sum(widths) - len(widths),
    )
    for title, least in zip(("size", *formats, "lost"), widths, strict=True):
        table.add_column(title, justify="right", no_wrap=True, min_width=least)
    for relation in shown:
        if relation is None:
            table.add_row(Text(f"… {len(listed) - _MOST - _LEAST} more", style="dim"))
            continue
        cells = [f"{relation.shares[format]:.0%}" for format in formats]
        table.add_row(Text(visible(relation.relation)), f"{relation.count:,}", *cells, f"{relation.lost:.0%}")
    what = "right" if analysis.against_gold else "kept"
    note = f"(shares of answers that are {what}; lost: C+M minus OnlyC"
    if len(listed) < len(analysis.relations):
        note += f"; relations with fewer than {_ENOUGH} instances are left out"
    heading = Text("relations that depend most on names first", style="bold")
    return Group(heading, table, Text(textwrap.fill(f"{note})", width), style="dim"))


def _sentences(analysis: Analysis, found: list[Flip], kind: Kind, title: str, width: int) -> RenderableType:
    from relscout.lab.analysis.analyze import examples

    lines = [Text(title, style="bold")]
    for flip in examples(found, kind, _SENTENCES):
        sentence = Text("  ").append_text(excerpt(analysis.answers.instances[flip.row], width - 2))
        sentence.truncate(width, overflow="ellipsis")
        lines += [sentence, _answers(analysis, flip, width)]
    return Group(*lines)


def _answers(analysis: Analysis, flip: Flip, width: int) -> Text:
    given = analysis.answers.labels
    usual, bare = (visible(given[format][flip.row]) for format in ("C+M", "OnlyC"))
    line = Text.assemble(
        "    ", (usual, "red" if flip.kind == "gained" else "green"), (" → without names ", "dim")
    )
    line.append(bare, style="green" if flip.kind == "gained" else "red")
    line.truncate(width, overflow="ellipsis")
    return line


def table_parts(table: TableOne, *, width: int) -> Iterator[RenderableType]:
    """Yield the table, followed by the shares of section 2.4.

    Args:
        table: Scores of the trained classifiers.
        width: Width of the screen in characters.
    """
    yield Text(f"Table 1: {table.score} of classifiers trained and tested in each format", style="bold")
    yield _grid(table, lambda *place: f"{table.median(*place):.3f}", spread=len(table.seeds) > 1)
    several = f"median of {len(table.seeds)} seeds, standard deviation below"
    yield _dim(
        f"({counted(table.n_train, 'instance')} to train on, {len(table.gold):,} to test on; "
        f"{several if len(table.seeds) > 1 else 'one seed'}; always predicting the most frequent relation scores "
        f"{table.majority:.3f})",
        width,
    )
    for row in table.predicted:
        yield Text(textwrap.fill(visible(table.order(row)), width))
    yield Text()
    yield Text("of the answers that are right in C+M, the share that is right here", style="bold")
    yield _grid(table, lambda *place: _share(table.right_shared(*place)))
    yield Text("of the answers that are wrong in C+M, the share with the same error here", style="bold")
    yield _grid(table, lambda *place: _share(table.wrong_same(*place)))
    yield _dim("(BERT on TACRED in the paper: C+T is right in 95.7% and has the same error in 68.1%)", width)


def _grid(table: TableOne, cell: Callable[[str, str], str], *, spread: bool = False) -> Table:
    grid = plain_table()
    grid.add_column("model", min_width=12, overflow="ellipsis", no_wrap=True)
    for format in table.formats:
        grid.add_column(format, justify="right", no_wrap=True, min_width=7)
    for row in table.predicted:
        grid.add_row(Text(visible(row)), *(cell(row, format) for format in table.formats))
        if spread:
            deviations = [table.spread(row, format).std or 0.0 for format in table.formats]
            grid.add_row("", *(f"± {deviation:.3f}" for deviation in deviations), style="dim")
    return grid


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _dim(text: str, width: int) -> Text:
    return Text(textwrap.fill(text, width), style="dim")
