"""Train the adapter in the box, the encoder ``relation``, from the labelled relations of Wiki80.

Run ``make train-adapter DATA=folder with fewrel/ and wiki80/``. It learns from the 64 relations of Wiki80 that are not
among the 16 of FewRel's validation set: what those score stays a test of relations that the adapter has never seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from relscout.lab.protocols import protocol
from relscout.pretraining.adapter import train_adapter

HERE = Path(__file__).parent
TARGET = HERE.parent / "src" / "relscout" / "data" / "relation"
#: The text stays as it is; its figures are written by hand.
CARD = TARGET / "README.md"


def main() -> int:
    """Train and write the adapter; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with fewrel/ and wiki80/")
    parser.add_argument("--out", type=Path, default=TARGET, help="where the adapter is written")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    source = protocol("fewrel-transfer")
    if missing := source.missing(arguments.data):
        print(
            f"{arguments.data / missing[0]} is not there; get it with 'relscout datasets get'",
            file=sys.stderr,
        )
        return 2
    labeled = source.load(arguments.data).labeled or ()
    found = train_adapter(
        labeled,
        seed=arguments.seed,
        out=arguments.out,
        card=CARD.read_text(encoding="utf-8"),
        flexible=True,
        checkpoints=HERE.parent / "build" / "adapter",
    )
    report = found.report
    print(
        f"{arguments.out}: {report['instances']:,} instances of {len(report['relations'])} relations, "
        f"{report['parameters']:,} parameters, labels told right {report['accuracy'][-1]:.1%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
