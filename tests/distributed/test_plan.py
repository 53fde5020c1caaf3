from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from relscout.cli.app import run as run_command
from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.distributed.plan import Conditions, Rates, measured, simulate
from relscout.distributed.shards import READ, SCORED, TRIPLES_FOLDER, note_trial, write_summary

RATES = Rates(read=1_000, pairs=2, score=200, assign=2_000, written=500)
IDEAL = Conditions(start=10, stragglers=0, failures=0)


def test_a_schedule_without_mishaps_is_the_one_worked_out_by_hand():
    # five shards of 2,000 pairs, of which each takes 10 s and then 1 s; three rounds of two workers
    schedule = simulate(RATES, rows=5_000, workers=2, shard_size=1_000, conditions=IDEAL)
    assert schedule.seconds == pytest.approx({"read": 5, "score": 40, "assign": 3, "write": 5})
    assert schedule.total == pytest.approx(53)
    assert schedule.busy == pytest.approx(55 / (2 * 43))
    assert schedule.worker_hours == pytest.approx(2 * 43 / 3600)
    assert (schedule.failures, schedule.lost) == (0, 0)


def test_the_last_shard_may_be_smaller():
    schedule = simulate(RATES, rows=1_100, workers=1, shard_size=1_000, conditions=IDEAL)
    assert schedule.seconds["score"] == pytest.approx(10 + 11)


def test_more_workers_than_shards_do_not_help():
    few, many = (simulate(RATES, rows=4_000, workers=n, shard_size=1_000, conditions=IDEAL) for n in (4, 64))
    assert many.total == few.total
    assert many.busy < few.busy / 10


def test_stragglers_cost_what_they_take_longer():
    slow = replace(IDEAL, stragglers=1.0, slowdown=3)
    schedule = simulate(RATES, rows=5_000, workers=1, shard_size=1_000, conditions=slow)
    assert schedule.seconds["score"] == pytest.approx(10 + 3 * 50)
    some = simulate(
        RATES, rows=500_000, workers=8, shard_size=1_000, conditions=replace(slow, stragglers=0.1)
    )
    assert some.seconds["score"] - 10 == pytest.approx(1.2 * 500 * 10 / 8, rel=0.05)


def test_failures_lose_work_and_starts():
    failing = replace(IDEAL, failures=60)
    schedule = simulate(RATES, rows=200_000, workers=4, shard_size=1_000, conditions=failing)
    # 200 shards of 10 s and 1 s at one failure a minute: e^λt − 1 failures each
    assert schedule.failures == pytest.approx(200 * (0.1814 + 0.0168), rel=0.3)
    assert 0 < schedule.lost < schedule.failures * 10
    ideal = simulate(RATES, rows=200_000, workers=4, shard_size=1_000, conditions=IDEAL)
    more = (schedule.lost + 10 * schedule.failures) / 4
    # the last worker may be one that failed at the end
    assert more - 5 < schedule.total - ideal.total < more + 60


def test_spread_keeps_the_mean():
    spread = replace(RATES, spread=0.5)
    schedule = simulate(spread, rows=2_000_000, workers=1, shard_size=1_000, conditions=IDEAL)
    assert schedule.seconds["score"] == pytest.approx(10 + 20_000, rel=0.03)


def test_the_same_seed_gives_the_same_schedule():
    first, again, other = (simulate(RATES, rows=10**6, workers=8, seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_ten_million_rows_on_many_workers_end_before_few():
    schedules = [simulate(RATES, rows=10**7, workers=workers) for workers in (1, 16, 256)]
    scoring = [schedule.seconds["score"] for schedule in schedules]
    assert scoring[0] / scoring[1] > 15
    assert scoring[1] / scoring[2] > 12
    # reading and writing, which one process does, are left
    assert 2 * 10**7 / 1_000 < schedules[2].total < 1.1 * 2 * 10**7 / 1_000


@pytest.mark.parametrize(
    "build",
    [
        lambda: Rates(read=0, pairs=1, score=1, assign=1, written=1),
        lambda: Rates(read=1, pairs=1, score=1, assign=1, written=1, spread=-1),
        lambda: Conditions(stragglers=1.5),
        lambda: Conditions(slowdown=0.5),
        lambda: Conditions(failures=-1),
        lambda: simulate(RATES, rows=0, workers=1),
        lambda: simulate(RATES, rows=10**12 + 1, workers=1, shard_size=10**6),
        lambda: simulate(RATES, rows=10**8, workers=1, shard_size=1),
        lambda: simulate(RATES, rows=10**6, workers=1, conditions=Conditions(failures=3600)),
    ],
)
def test_impossible_values_are_refused(build):
    with pytest.raises(SettingError):
        build()


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """Working folder of a trial: 2,000 rows in ten shards, of which the first also loaded the model."""
    work = tmp_path / "work"
    for folder in (READ, *(f"{stage}/{n}" for stage in (SCORED, TRIPLES_FOLDER) for n in range(10))):
        (work / folder).mkdir(parents=True)
    write_summary(work / READ, {"rows": 2_000, "seconds": 0.5})
    note_trial(work, {stage: [str(n) for n in range(10)] for stage in (SCORED, TRIPLES_FOLDER)})
    for n in range(10):
        write_summary(
            work / SCORED / str(n),
            {"pairs": 500, "seconds": 30.0 if n == 3 else 4.0 + n % 2, "started": float(n != 3) * (n + 1)},
        )
        write_summary(work / TRIPLES_FOLDER / str(n), {"pairs": 500, "triples": 400, "seconds": 0.25})
    return work


def test_rates_are_measured_in_the_folder_of_a_trial(trial):
    rates = measured(trial)
    assert (rates.read, rates.pairs, rates.assign) == (4_000, 2.5, 2_000)
    # nine shards: five of 4 s and four of 5 s
    assert rates.score == pytest.approx(4_500 / 40)
    assert 0.1 < rates.spread < 0.12
    assert rates.written == sum(path.stat().st_size for path in trial.rglob("*.json")) / 2_000


def test_parts_of_an_earlier_trial_do_not_count(trial):
    expected = measured(trial)
    for stage in (SCORED, TRIPLES_FOLDER):
        (trial / stage / "earlier").mkdir()
        write_summary(trial / stage / "earlier", {"pairs": 9_000, "seconds": 1.0, "started": 9.0})
    assert measured(trial) == expected


def test_a_folder_without_a_trial_is_an_error(tmp_path):
    with pytest.raises(InputError, match="not the working folder of a finished trial"):
        measured(tmp_path)


def test_a_damaged_summary_is_an_error_that_names_it(trial):
    (trial / SCORED / "4" / "summary.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"4/summary.json is damaged: 'pairs' is None"):
        measured(trial)


def test_the_command_prints_a_line_for_each_number_of_workers(trial, capsys):
    assert run_command(["lab", "plan", str(trial), "--rows", "1000000"]) == 0
    printed = capsys.readouterr().out
    assert "112.5 pairs/s scored" in printed
    assert [line.split()[0] for line in printed.splitlines()[-9:]] == [str(2**n) for n in range(9)]
    assert run_command(["lab", "plan", str(trial), "--rows", "1000000", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["schedules"][0]["total"] > 15 * plan["schedules"][5]["total"]
    assert run_command(["lab", "plan", str(trial.parent), "--rows", "5"]) == 2
