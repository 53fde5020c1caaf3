"""Train the relatedness model in the box from Re-DocRED, CoNLL04, Wiki80, NYT+FB, SemEval and the bundled corpus.

Run ``make train-relatedness DATA=folder``; the folder holds ``redocred/``, ``conll04/``, ``wiki80/``, ``nyt_fb/``,
``semeval/`` and ``fewrel/``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from relatedness import fitting
from relscout.core.errors import InputError

TARGET = Path(__file__).parents[1] / "src" / "relscout" / "data" / "relatedness"


def main() -> int:
    """Train and write the model; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m relatedness.train", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with redocred/, conll04/, wiki80/, nyt_fb/, semeval/ and fewrel/",
    )
    parser.add_argument(
        "--out", type=Path, default=TARGET, help="where model/ is written, next to its README.md"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors for the next run")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seed = arguments.seed
    try:
        pairs = fitting.learning_pairs(arguments.data)
    except (FileNotFoundError, InputError) as error:
        print(f"{error}; --data names the folder that holds all corpora", file=sys.stderr)
        return 2
    if arguments.cache is None:
        vectors = fitting.encoded([pair.instance for pair in pairs])
    else:
        vectors = fitting.kept_vectors(pairs, fitting.ENCODER["model"], arguments.cache)
    data = fitting.prepared(pairs, vectors)
    everything = np.ones(len(pairs), dtype=bool)
    model = fitting.assembled(
        data,
        fitting.networks(data, everything, seed=seed),
        fitting.grow(data, everything, seed=seed),
        fitting.out_of_fold(data, seed=seed),
        seed=seed,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    model.save(arguments.out / "model")
    print(f"{arguments.out}: {model.card}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
