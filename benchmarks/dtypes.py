"""Does faster arithmetic change what is found? FewRel with the vectors of float32 and of bfloat16."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.records import write_result
from relscout import EncoderSettings, TransformerEncoder, VectorCache, discover, score
from relscout.lab.protocols import load
from relscout.metrics import over_seeds

_K = 16


def run(data: Path, cache: VectorCache, *, seeds: Sequence[int]) -> None:
    """Cluster FewRel with both arithmetics under the same seeds, and write scores and how alike the vectors are."""
    instances = load("fewrel-unsupervised", data).scored
    gold = [str(instance.relation) for instance in instances]
    rows, vectors = {}, {}
    for dtype in ("float32", "bfloat16"):
        encoder = TransformerEncoder(EncoderSettings(dtype=dtype), cache=cache)
        found = []
        for seed in seeds:
            discovery = discover(instances, n_relations=_K, encoder=encoder, seed=seed)
            found.append(score(discovery.assignments.relation_ids, gold))
        vectors[dtype] = discovery.model.transform(instances)
        rows[dtype] = {
            name: {"mean": round(value.mean, 4), "std": None if value.std is None else round(value.std, 4)}
            for name, value in over_seeds(found).items()
        }
        rows[dtype]["b3_f1_by_seed"] = [round(one.b3_f1, 4) for one in found]
        print(dtype, rows[dtype]["b3_f1"], rows[dtype]["b3_f1_by_seed"], flush=True)
    cosine = np.einsum("nd,nd->n", vectors["float32"], vectors["bfloat16"])
    result = {
        "protocol": "fewrel-unsupervised",
        "seeds": list(seeds),
        "rows": rows,
        "b3_f1_difference": round(rows["bfloat16"]["b3_f1"]["mean"] - rows["float32"]["b3_f1"]["mean"], 4),
        "cosine": {"mean": round(float(cosine.mean()), 5), "lowest": round(float(cosine.min()), 5)},
    }
    print(f"written to {write_result('dtypes', result)}")
