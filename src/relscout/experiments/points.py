"""The points of a figure: a fixed draw of scored instances, their vectors, and what they were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.experiments.schema import Figure
from relscout.files import whole_file
from relscout.seeding import generator


def draw(gold: Sequence[str], figure: Figure) -> list[int]:
    """Return the places of the instances that a figure shows: the same ones for every row and seed.

    SelfORE's figure 2 shows four relations drawn at random, with 50 instances of each. Drawn from are the relations
    that have that many instances; the most frequent ones are taken where these are too few.

    Args:
        gold: Gold relation of each scored instance (N,), in an order that the instances decide.
        figure: How many relations and instances it shows.
    """
    random = generator(0, "figure")
    counts = Counter(gold)
    frequent = sorted(counts, key=lambda relation: (-counts[relation], relation))
    large = sorted(relation for relation in counts if counts[relation] >= figure.instances)
    if len(large) >= figure.relations:
        chosen = [large[place] for place in random.choice(len(large), figure.relations, replace=False)]
    else:
        chosen = frequent[: figure.relations]
    places = []
    for relation in sorted(chosen):
        members = [place for place, one in enumerate(gold) if one == relation]
        kept = random.permutation(len(members))[: figure.instances]
        places += [members[place] for place in sorted(kept)]
    return places


def points_file(results: Path, key: str, figure: Figure) -> Path:
    """Return the file beside the results that holds the points of a run."""
    return results.with_name(f"{results.stem}-{key[:16]}-{figure.relations}x{figure.instances}.npz")


def write_points(
    path: Path, *, vectors: NDArray[np.float32], gold: Sequence[str], found: NDArray[np.int64]
) -> None:
    """Write the points of a run: arrays ``vectors`` (n, D) float16, ``gold`` (n,) text and ``found`` (n,) int64.

    Raises:
        OutputError: The file cannot be written.
    """
    # half precision ends at 65,504; a figure shows distances relative to each other, so the scale is free
    scale = max(float(np.abs(vectors).max(initial=0.0)) / 60_000, 1.0)
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            vectors=(vectors / scale).astype(np.float16),
            gold=np.array(gold, dtype=np.str_),
            found=found.astype(np.int64),
        )
