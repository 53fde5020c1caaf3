"""Leave one corpus out: does an adapter help on relations of a kind that it has not seen?

For each of five labelled corpora an adapter learns from the four others. The relations of the corpus that is left out
are then clustered by k-means, their number given, once with the frozen encoder and once with the adapter. The gain is
that of B³ F1. FewRel's New York Times set is clustered with the adapter that has learnt from no news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapter.schemas import FILES, schemas
from adapter.train import ENCODERS, train
from benchmarks.records import earlier, write_result
from relscout import RelationInstance, TransformerEncoder, read, score
from relscout.core.instances import canonical_order
from relscout.encoders import Precomputed
from relscout.encoders.settings import learnt_relations, settings_for
from relscout.lab.records import commit
from relscout.methods.kmeans import KMeans

#: A relation with fewer instances is not clustered.
_FEWEST = 20
#: Maximum number of clustered instances.
_MOST = 2_000


def run(
    data: Path, work: Path, *, adapter: str, most: int, seeds: Sequence[int], corpora: Sequence[str]
) -> None:
    """Measure each corpus and write the result.

    Args:
        data: Folder with the corpora.
        work: Folder for the trained adapters; one that is there already is used again.
        adapter: ``relation`` or ``relation-base``.
        most: Maximum number of instances of a corpus to learn from.
        seeds: Seeds of k-means.
        corpora: The corpora to leave out.
    """
    clustered = {name: _clustered(_all_of(data, name)) for name in corpora}
    news = _clustered(read(data / "fewrel" / "val_nyt.json"))
    frozen = TransformerEncoder(ENCODERS[adapter], whitens=False)
    record = f"leave-one-out-{adapter}"
    learnt_from = f"at most {most:,} instances of each of the other corpora"
    rows = _measured_before(record, learnt_from)
    for name in corpora:
        folder = work / f"{adapter}-without-{name}-{most}"
        if not (folder / "relscout.json").exists():
            train(adapter, data, without=(name,), most=most, out=folder, checkpoints=work / "checkpoints")
        taught = TransformerEncoder(settings_for(str(folder), dtype=frozen.settings.dtype))
        tasks = {name: clustered[name], **({"fewrel-nyt": news} if name == "nyt-fb" else {})}
        for task, instances in tasks.items():
            row = _row(frozen, taught, instances, seeds)
            rows[task] = {
                "instances": len(instances),
                "relations": len({instance.relation for instance in instances}),
                # Re-DocRED shares relations with FewRel's news
                "relations_learnt": len(
                    learnt_relations(str(folder)) & {str(instance.relation) for instance in instances}
                ),
                **row,
                "commit": commit(),
                "gain": round(row["adapter"]["b3_f1"]["mean"] - row["frozen"]["b3_f1"]["mean"], 4),
            }
            print(task, rows[task], flush=True)
    gains = [rows[name]["gain"] for name in FILES if name in rows]
    result = {
        "adapter": adapter,
        "learnt_from": learnt_from,
        "note": " ".join(str(__doc__).split()),
        "mean_gain": round(float(np.mean(gains)), 4),
        "rows": rows,
    }
    print(f"written to {write_result(record, result)}")


def _measured_before(name: str, learnt_from: str) -> dict[str, dict[str, Any]]:
    """Return the rows of an earlier run, each with its commit: training all adapters at once takes hours."""
    record = earlier(name)
    if record is None or record["learnt_from"] != learnt_from:
        return {}
    return {task: {"commit": record["commit"], **row} for task, row in record["rows"].items()}


def _all_of(data: Path, name: str) -> list[RelationInstance]:
    others = [other for other in FILES if other != name]
    return schemas(data, most=10**6, most_of_a_relation=400, without=others)[name]


def _clustered(instances: Any) -> list[RelationInstance]:
    """Return a sample of the instances whose relations have enough of them, drawn whatever their order is."""
    related = [instance for instance in instances if not instance.is_unrelated]
    count = Counter(instance.relation for instance in related)
    kept = [instance for instance in related if count[instance.relation] >= _FEWEST]
    kept = [kept[place] for place in canonical_order(kept)]
    drawn = np.random.default_rng(0).permutation(len(kept))[:_MOST]
    return [kept[place] for place in sorted(drawn)]


def _row(
    frozen: TransformerEncoder,
    taught: TransformerEncoder,
    instances: Sequence[RelationInstance],
    seeds: Sequence[int],
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the scores of the frozen encoder, and of the adapter without and with whitening."""
    gold = [str(instance.relation) for instance in instances]
    bare = [instance.without_relation() for instance in instances]
    unwhitened = TransformerEncoder(taught.settings, whitens=False)
    vectors = unwhitened.encode(bare)
    if taught.whitening is None:
        raise ValueError(f"{taught.settings.model} has no whitening, which the row compares")
    return {
        "frozen": _scores(frozen, frozen.encode(bare), bare, gold, seeds),
        "adapter, not whitened": _scores(unwhitened, vectors, bare, gold, seeds),
        "adapter": _scores(taught, taught.whitening(vectors), bare, gold, seeds),
    }


def _scores(
    encoder: TransformerEncoder,
    vectors: NDArray[np.float32],
    bare: Sequence[RelationInstance],
    gold: Sequence[str],
    seeds: Sequence[int],
) -> dict[str, dict[str, float]]:
    known = Precomputed(encoder, bare, vectors)
    scores = [
        score(KMeans(known, n_relations=len(set(gold)), seed=seed).fit(bare).labels_, gold) for seed in seeds
    ]
    return {
        name: {
            "mean": round(float(np.mean([getattr(one, name) for one in scores])), 4),
            "std": round(float(np.std([getattr(one, name) for one in scores])), 4),
        }
        for name in ("b3_f1", "v_measure", "ari")
    }
