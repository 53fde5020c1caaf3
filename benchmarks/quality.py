"""Quality of ``discover`` on public data, with trivial baselines and the simplest pooling for comparison.

Nothing is chosen here: settings are the defaults, which were chosen on the development draws.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import write_result
from relscout import EncoderSettings, RelationInstance, TransformerEncoder, VectorCache, discover, score
from relscout.lab.protocols import load
from relscout.metrics import ClusteringScores, majority_mapped, over_seeds, trivial_baselines

#: Published figures (B³ F1, V-measure F1, ARI) that stand beside ours, each with its source.
PUBLISHED = {
    "fewrel-unsupervised": {},
    "fewrel-nyt-unsupervised": {
        "PromptORE, BERT-base (replication notes)": (0.652, 0.780, 0.569),
    },
    "nytfb-unsupervised": {
        "EType (raw clusters)": (0.419, 0.406, 0.327),
        "SelfORE, reproduced (raw clusters)": (0.414, 0.404, 0.350),
        "Siamese URE, Table 1 (raw clusters)": (0.449, 0.457, 0.396),
    },
}
#: The protocols that "dev" stands for.
DRAWS = ("dev-A", "dev-B", "dev-C")
#: The way to beat: entity spans and sentence vector, k-means++ starts.
FLOOR = {"pooling": "span-mean@4+sentence", "start": "k-means++"}


def run(data: Path, cache: VectorCache, *, seeds: Sequence[int], protocols: Sequence[str]) -> None:
    """Measure the protocols and write one result file for each."""
    for protocol in protocols:
        for name in DRAWS if protocol == "dev" else (protocol,):
            task = load(name, data)
            # every paper asks for ten of the many relations of NYT+FB
            k = 10 if name == "nytfb-unsupervised" else len({instance.relation for instance in task.scored})
            _write(name, _rows(task.fitted, task.scored, k, cache, seeds), task.scored, seeds)


def _rows(
    fitted: Sequence[RelationInstance],
    scored: Sequence[RelationInstance],
    n_relations: int,
    cache: VectorCache,
    seeds: Sequence[int],
) -> dict[str, dict[str, Any]]:
    gold = [str(instance.relation) for instance in scored]
    pairs = [instance.type_pair for instance in scored]
    rows: dict[str, dict[str, Any]] = {
        f"trivial: {name}": _summary([scores])
        for name, scores in trivial_baselines(
            gold, type_pairs=pairs if any(map(any, pairs)) else None
        ).items()
    }
    variants: Mapping[str, dict[str, Any]] = {
        "floor: frozen spans + sentence, k-means++": {**FLOOR, "n_relations": n_relations},
        "kmeans": {"n_relations": n_relations},
        "kmeans, k-means++ starts": {"n_relations": n_relations, "start": "k-means++"},
        "kmeans, K estimated": {"n_relations": "auto"},
    }
    for name, given in variants.items():
        options = dict(given)
        encoder = TransformerEncoder(
            EncoderSettings(pooling=options.pop("pooling", EncoderSettings().pooling)), cache=cache
        )
        k = options.pop("n_relations")
        found, mapped, seconds, chosen = [], [], [], []
        for seed in seeds:
            started = time.perf_counter()
            discovery = discover(fitted, n_relations=k, encoder=encoder, seed=seed, settings=options)
            seconds.append(time.perf_counter() - started)
            labels = discovery.assignments.relation_ids[len(fitted) - len(scored) :]
            found.append(score(labels, gold))
            mapped.append(majority_mapped(labels, gold))
            chosen.append(len(discovery.relations))
        rows[name] = {
            **_summary(found),
            "majority mapped (another protocol)": _summary(mapped),
            "k": chosen,
            "seconds": [round(one, 1) for one in seconds],
        }
        print(name, _line(rows[name]), chosen, flush=True)
    return rows


def _summary(scores: Sequence[ClusteringScores]) -> dict[str, Any]:
    return {
        name: {"mean": round(value.mean, 4), "std": None if value.std is None else round(value.std, 4)}
        for name, value in over_seeds(scores).items()
    }


def _line(row: Mapping[str, Any]) -> str:
    return " / ".join(f"{row[name]['mean']:.3f}" for name in ("b3_f1", "v_measure", "ari"))


def _write(
    name: str, rows: dict[str, dict[str, Any]], scored: Sequence[RelationInstance], seeds: Sequence[int]
) -> None:
    path = write_result(
        f"quality-{name}",
        {
            "protocol": name,
            "encoder": "minilm: all-MiniLM-L6-v2, 22 M parameters, frozen",
            "labelled_instances": 0,
            "scored_instances": len(scored),
            "seeds": list(seeds),
            "rows": rows,
            "published": PUBLISHED.get(name, {}),
        },
    )
    print(f"written to {path}")
