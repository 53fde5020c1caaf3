"""The small tables of an experiment: a score at every value of a sweep, and the relations by their names."""

from __future__ import annotations

from relscout.experiments.footnotes import Footnotes
from relscout.experiments.layout import NOTHING, Cell, Column, Note, Table
from relscout.experiments.quantities import between, duration
from relscout.experiments.row_cells import BALANCED, TITLES, best_of, score_cell, seeds_text
from relscout.experiments.summaries import Measured, Summary
from relscout.experiments.tables import MEANINGS, UNITS


def sweep_table(measured: Measured, scoring: str) -> Table | None:
    """Return the scores at every value of the preset's sweep; ``None`` where it has none or nothing was run of it.

    Args:
        measured: The preset and its records.
        scoring: ``"raw"``, ``"majority-mapped"`` or ``"gold-selected"``.
    """
    sweep, swept = measured.preset.sweep, measured.swept()
    if sweep is None or not any(summary.records for summary in swept):
        return None
    footnotes = Footnotes([record for summary in swept for record in summary.records])
    best = best_of(swept, scoring, BALANCED)

    def row(summary: Summary) -> list[Cell]:
        seconds = [record["seconds"]["total"] for record in summary.records if "total" in record["seconds"]]
        return [
            Cell(summary.row, mark=footnotes.of_row(summary)),
            Cell(str(summary.variation[sweep.setting])),
            *(score_cell(summary, score, scoring, best) for score in BALANCED),
            Cell(between([one["n_relations"] for one in summary.records]) if summary.records else NOTHING),
            Cell(seeds_text(summary)),
            Cell(duration(sum(seconds) / len(seconds)) if seconds else NOTHING),
        ]

    what, meaning = MEANINGS[scoring]
    titles = (sweep.setting, *(TITLES[score] for score in BALANCED), "K", "seeds", "time")
    return Table(
        name=f"{measured.preset.name}-sweep-{scoring}",
        title=f"{measured.preset.title}: {sweep.setting}, {what}",
        caption=f"{meaning} {UNITS}",
        columns=[Column("row", numeric=False), *map(Column, titles)],
        blocks=[[row(summary) for summary in swept if summary.row == name] for name in sweep.rows],
        notes=footnotes.notes(),
    )


def names_tables(measured: Measured) -> list[Table]:
    """Return, for every row whose relations have names, a table of them: SelfORE's Table 2.

    A row's run with the lowest seed is shown.
    """
    tables: list[Table] = []
    for summary in measured.table():
        named = next((record for record in summary.records if record["names"]), None)
        if named is None:
            continue
        rows = [
            [
                Cell(one["name"]),
                Cell(f"{one['size']:,}"),
                Cell(NOTHING if one["gold"] is None else one["gold"]),
                Cell(NOTHING if one["gold"] is None else f"{one['share']:.0%}"),
            ]
            for one in sorted(named["names"], key=lambda one: -one["size"])
        ]
        columns = ["extracted name", "size", "majority gold relation", "its share"]
        tables.append(
            Table(
                name=f"{measured.preset.name}-names-{len(tables) + 1}",
                title=f"{measured.preset.title}: relations found by {summary.row}",
                caption="Each with its most frequent gold relation and the share of it among the scored instances.",
                columns=[Column(title, numeric=title in ("size", "its share")) for title in columns],
                blocks=[rows],
                notes=[Note(f"Seed {named['seed']}, commit {named['commit']}.")],
            )
        )
    return tables
