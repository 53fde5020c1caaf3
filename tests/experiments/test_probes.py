"""What is measured of representations and clusters next to the scores."""

from __future__ import annotations

import numpy as np
import pytest

from relscout.lab.preset import preset
from relscout.lab.probes import composition, few_shot, neighbour_purity, probe
from relscout.lab.records import read_records
from relscout.lab.runner import run_preset
from relscout.lab.schema import Probes
from relscout.lab.summaries import Measured
from relscout.lab.tables import probes_table

GOLD = ["a", "a", "a", "b", "b", "b"]


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_purity_counts_the_nearest_first() -> None:
    vectors = on_circle(0, 1, 3, 90, 91, 5)
    # nearest: 0→1, 1→0, 2→1 or 5 at equal distance (1 is first), 3→4, 4→3, 5→2 (another relation)
    purity = neighbour_purity(vectors, GOLD, [1, 5, 9])
    assert purity["1"] == pytest.approx(5 / 6, abs=1e-6)
    assert purity["5"] == purity["9"] == pytest.approx(2 / 5)  # all others


def test_purity_is_that_of_a_slow_reference() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gold = [f"r{label}" for label in random.integers(0, 4, 60)]
    shares = []
    for row in range(60):
        others = [other for other in range(60) if other != row]
        nearest = sorted(others, key=lambda other: -float(vectors[row] @ vectors[other]))[:7]
        shares.append(np.mean([gold[other] == gold[row] for other in nearest]))
    assert neighbour_purity(vectors, gold, [7])["7"] == pytest.approx(np.mean(shares), abs=1e-6)


def test_episodes_are_right_on_separate_relations_and_at_chance_on_noise() -> None:
    gold = [f"r{row % 6}" for row in range(60)]
    separate = np.eye(6, dtype=np.float32)[[row % 6 for row in range(60)]]
    assert few_shot(separate, gold, 1) == {"accuracy": 1.0, "standard_error": 0.0, "relations": 6}
    noise = np.random.default_rng(1).normal(size=(3000, 8)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    found = few_shot(noise, [f"r{row % 6}" for row in range(3000)], 5)
    assert found["accuracy"] == pytest.approx(0.2, abs=4 * found["standard_error"])


def test_episodes_do_not_depend_on_the_names_of_the_relations() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    names, others = (
        [f"{prefix}{(row * step) % 6}" for row in range(60)] for prefix, step in (("r", 1), ("z", 5))
    )
    assert few_shot(vectors, names, 1) == few_shot(vectors, others, 1)


def test_too_few_relations_have_no_episodes() -> None:
    assert few_shot(on_circle(*range(6)), GOLD, 1) == {}


def test_the_largest_and_the_smallest_cluster_list_their_relations() -> None:
    largest, smallest = composition(np.array([0, 0, 1, 0, 0, 0, -1]), [*GOLD, "a"], 2)
    assert largest == [
        {"relation": "b", "in_cluster": 3, "in_all": 3},
        {"relation": "a", "in_cluster": 2, "in_all": 4},
    ]
    assert smallest == [{"relation": "a", "in_cluster": 1, "in_all": 4}]
    assert composition(np.array([-1]), ["a"], 2) == ([], [])


def test_a_probe_holds_what_is_asked_for_and_no_more() -> None:
    found = probe(Probes(neighbours=(1,)), on_circle(0, 1, 3, 90, 91, 5), np.zeros(6, dtype=np.int64), GOLD)
    assert list(found["neighbours"]) == ["1"]
    assert (found["shots"], found["clusters"], found["sizes"]) == ({}, {}, [])


def test_a_run_records_its_probes_and_runs_again_for_others(tmp_path, data, written, description) -> None:
    asked = {"neighbours": [1, 3], "shots": [1], "relations": 2}
    description |= {"seeds": [0], "probes": asked}
    options = {"data": data, "results": tmp_path / "results.jsonl"}

    def run() -> list[str]:
        return [record["row"] for record in run_preset(preset(written(description)), **options)]

    assert [row for row in run() if row in ("plain", "spans")] == ["plain", "spans"]
    assert run() == []
    records = read_records(tmp_path / "results.jsonl")
    probes = records[-1]["probes"]
    assert probes["sizes"] == [12, 12, 12]
    assert all(0 <= share <= 1 for share in probes["neighbours"].values())
    assert sum(row["in_cluster"] for row in probes["clusters"]["largest"]) >= 12
    table = probes_table(Measured(preset(written(description)), records))
    assert table is not None
    assert [column.title for column in table.columns] == [
        "row",
        "1 neighbours",
        "3 neighbours",
        "1 shot",
        "seeds",
    ]
    description["probes"] = {"neighbours": [2]}
    assert run() == ["plain", "spans"]
