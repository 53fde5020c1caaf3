"""Time and peak memory of scoring many instances and of a bootstrap, and how long scikit-learn needs for its part.

Run as ``python benchmarks/metrics_speed.py --instances 1000000 --clusters 1000 --out metrics_speed.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from relscout.core.seeding import generator
from relscout.metrics import bootstrap_intervals, score

REPEATS = 5
RESAMPLED, N_RESAMPLES = 10_000, 20  # of 80 clusters, the size of Wiki80


def noisy_clustering(n_instances: int, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) found and gold indices that agree on about 60 % of the instances."""
    random = generator(0, "metrics speed")
    gold = random.integers(0, n_clusters, n_instances)
    found = np.where(random.random(n_instances) < 0.6, gold, random.integers(0, n_clusters, n_instances))
    return found, gold


def scikit_learn_scores(found: Any, gold: Any) -> None:
    """Compute what scikit-learn has of the same scores: no B³, and V, ARI and NMI without accuracy."""
    from sklearn.metrics import (
        adjusted_rand_score,
        homogeneity_completeness_v_measure,
        normalized_mutual_info_score,
    )

    homogeneity_completeness_v_measure(gold, found)
    adjusted_rand_score(gold, found)
    normalized_mutual_info_score(gold, found)


def scikit_learn_bootstrap(found: np.ndarray, gold: np.ndarray) -> None:
    """Compute the same scores for resamples of the instances."""
    random = generator(0, "bootstrap")
    for _ in range(N_RESAMPLES):
        drawn = random.integers(0, len(found), len(found))
        scikit_learn_scores(found[drawn], gold[drawn])


def seconds_of(call: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_mib_of(call: Callable[[], object]) -> float:
    """Return the peak of the memory that one call allocates, in MiB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def measure(calls: dict[str, Callable[[], object]]) -> dict[str, dict[str, float]]:
    """Time all calls in turn, so that a busy moment of the machine hits none of them alone."""
    rounds = [{name: seconds_of(call) for name, call in calls.items()} for _ in range(REPEATS)]
    return {
        name: {"seconds": statistics.median(each[name] for each in rounds), "peak_mib": peak_mib_of(call)}
        for name, call in calls.items()
    }


def compare(n_instances: int, n_clusters: int) -> dict[str, Any]:
    """Measure our scores for every kind of label, and scikit-learn's on integer labels for comparison."""
    found, gold = noisy_clustering(n_instances, n_clusters)
    # a distinct string object per instance, as a reader would make them
    found_names, gold_names = ([f"relation {index}" for index in side.tolist()] for side in (found, gold))
    few = noisy_clustering(RESAMPLED, 80)
    calls: dict[str, Callable[[], object]] = {
        "integer arrays": lambda: score(found, gold),
        "lists of strings": lambda: score(found_names, gold_names),
        "singletons": lambda: score(np.arange(n_instances), gold),
        "scikit-learn, integer arrays (no B³, no accuracy)": lambda: scikit_learn_scores(found, gold),
        f"{N_RESAMPLES} resamples of {RESAMPLED:,}": lambda: bootstrap_intervals(
            *few, n_resamples=N_RESAMPLES
        ),
        f"{N_RESAMPLES} resamples of {RESAMPLED:,}, scikit-learn": lambda: scikit_learn_bootstrap(*few),
    }
    for call in calls.values():
        call()  # the first one pays for imports
    return {
        "instances": n_instances,
        "clusters": n_clusters,
        "repeats": REPEATS,
        "machine": f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}",
        "results": measure(calls),
        # kilobytes on Linux, bytes on macOS
        "process_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
    }


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1_000_000)
    parser.add_argument("--clusters", type=int, default=1_000)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    report = compare(options.instances, options.clusters)
    for name, figures in report["results"].items():
        print(f"{name}: {figures['seconds']:.3f} s, peak {figures['peak_mib']:.0f} MiB")
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
