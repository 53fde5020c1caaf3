"""The points of a figure: a fixed draw of scored instances, their vectors, and what they were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    path: Path,
    *,
    vectors: NDArray[np.float32],
    earlier: NDArray[np.float32] | None = None,
    gold: Sequence[str],
    found: NDArray[np.int64],
) -> None:
    """Write the points of a run: arrays ``vectors`` (n, D) float16, ``gold`` (n,) text and ``found`` (n,) int64.

    Args:
        path: The file.
        vectors: (n, D).
        earlier: Vectors of an earlier moment (n, Z), written as ``earlier``, where there are some.
        gold: Gold relations.
        found: What was found.

    Raises:
        OutputError: The file cannot be written.
    """
    of_before: dict[str, Any] = {} if earlier is None else {"earlier": _halved(earlier)}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            vectors=_halved(vectors),
            **of_before,
            gold=np.array(gold, dtype=np.str_),
            found=found.astype(np.int64),
        )


def _halved(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    # half precision ends at 65,504; a figure shows distances relative to each other, so the scale is free
    scale = max(float(np.abs(vectors).max(initial=0.0)) / 60_000, 1.0)
    return (vectors / scale).astype(np.float16)
