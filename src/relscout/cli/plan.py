"""``relscout lab plan``: how long a large extraction takes, by the number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.screen import output, plain_table, print_json
from relscout.core.wording import counted

_WEEK = 7 * 24 * 3600


def command(
    work: Annotated[
        Path, typer.Argument(metavar="DIR", help="Working directory of a trial of 'extract --ray'.")
    ],
    rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="Passages, or marked pairs, of the whole corpus.")
    ],
    shard_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="Passages or pairs of a shard.")
    ] = 2_000,
    start: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time until a worker has loaded the run.")
    ] = 20.0,
    stragglers: Annotated[float, typer.Option(metavar="SHARE", help="Share of slow shards.")] = 0.02,
    slowdown: Annotated[
        float, typer.Option(metavar="FACTOR", help="How much longer a slow one takes.")
    ] = 4.0,
    failures: Annotated[float, typer.Option(metavar="RATE", help="Failures of a worker in an hour.")] = 0.01,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Estimate how long an extraction takes on 1 to 256 workers.

    DIR is the working directory of a trial on a sample with one worker, from which the rates are measured: 'relscout
    extract RUN SAMPLE --ray local --workers 1 --work DIR --out FILE'. The schedule is simulated with stragglers and
    failures; facts are not counted.
    """
    from relscout.distributed.plan import WORKERS, Conditions, measured, simulate

    conditions = Conditions(start, stragglers, slowdown, failures)
    rates = measured(work)
    schedules = [
        simulate(rates, rows=rows, workers=workers, shard_size=shard_size, conditions=conditions, seed=seed)
        for workers in WORKERS
    ]
    if as_json:
        print_json(
            {
                "rates": vars(rates),
                "bytes": round(rates.written * rows),
                "schedules": [
                    {
                        "workers": schedule.workers,
                        "seconds": {stage: round(value, 1) for stage, value in schedule.seconds.items()},
                        "total": round(schedule.total, 1),
                        "busy": round(schedule.busy, 4),
                        "failures": schedule.failures,
                        "lost": round(schedule.lost, 1),
                        "worker_hours": round(schedule.worker_hours, 2),
                    }
                    for schedule in schedules
                ],
            }
        )
        return
    console = output()
    console.print(
        f"measured: {rates.read:,.0f} rows/s read, {rates.pairs:.2f} pairs a row, {rates.score:,.1f} pairs/s scored "
        f"and {rates.assign:,.0f} pairs/s assigned by a worker"
    )
    console.print(
        f"{counted(rows, 'row')}: {rates.written * rows / 1e9:,.1f} GB in the working directory",
        highlight=False,
    )
    table = plain_table(numbers=["workers", "hours", "speed-up", "busy", "failures", "worker hours"])
    alone = schedules[0].total
    for schedule in schedules:
        table.add_row(
            f"{schedule.workers}",
            f"{schedule.total / 3600:,.1f}"
            if schedule.total < 50 * _WEEK
            else f"{schedule.total / 3600:,.0f}",
            f"{alone / schedule.total:,.1f}",
            f"{schedule.busy:.0%}",
            f"{schedule.failures:,}",
            f"{schedule.worker_hours:,.1f}",
        )
    console.print(table)
