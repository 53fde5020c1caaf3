"""Train the adapters in the box, the encoders ``relation`` and ``relation-base``, from labelled corpora.

Run ``make train-adapter DATA=folder with the corpora``, and with ``ADAPTER=relation-base`` for the larger one, whose
base model comes from the Hugging Face hub or from the folder that ``RELSCOUT_MPNET`` names. The 16 relations of
FewRel's validation set are left out of all corpora, so that they test how an adapter does on relations not seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from adapter.schemas import FILES, inverses, schemas
from relscout.cli.screen import progress_bars
from relscout.core.errors import RelscoutError
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import BUNDLED, MPNET, RELATION, RELATION_BASE
from relscout.pretraining.adapter import TrainedAdapter, train_adapter

HERE = Path(__file__).parent
BOX = HERE.parent / "src" / "relscout" / "data"
#: Maximum number of instances of a relation that an adapter learns from: the classes of SemEval, ChemProt and NYT+FB
#: differ a hundredfold.
MOST_OF_A_RELATION = 400
#: The encoder that each adapter is for. Frozen layers run in bfloat16 in the larger one, which takes half of the time.
ENCODERS = {
    RELATION: EncoderSettings(model=BUNDLED),
    RELATION_BASE: EncoderSettings(
        model=MPNET, pooling="span-mean@6+span-mean@10+sentence@8+between@10", dtype="bfloat16"
    ),
}
#: What differs from the usual settings: the larger model trains its layers 7 to 10.
SETTINGS = {RELATION: {}, RELATION_BASE: {"supervised_layers": 4, "rank": 8}}
#: Corpora that an adapter does not learn from. The relatedness model reads the vectors of the default encoder and is
#: trained and calibrated on Re-DocRED: an encoder that had seen its labels would make it too sure of other text.
WITHOUT: dict[str, tuple[str, ...]] = {RELATION: ("redocred",), RELATION_BASE: ()}
#: Maximum number of instances of a corpus, which sets the time.
MOST = {RELATION: 10_000, RELATION_BASE: 5_000}


def train(
    name: str,
    data: Path,
    *,
    without: tuple[str, ...] | None = None,
    most: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    checkpoints: Path | None = None,
) -> TrainedAdapter:
    """Train an adapter.

    Args:
        name: ``relation`` or ``relation-base``.
        data: Folder with the corpora.
        without: Corpora to leave out; by default those of the adapter in the box.
        most: Maximum number of instances of a corpus; by default that of the adapter in the box.
        seed: Random seed.
        out: Folder to write it to.
        checkpoints: Folder for checkpoints, so that interrupted training resumes.
    """
    left_out = WITHOUT[name] if without is None else without
    sets = schemas(data, most=most or MOST[name], most_of_a_relation=MOST_OF_A_RELATION, without=left_out)
    card = BOX / name / "README.md"
    with progress_bars(resumable=checkpoints is not None) as progress:
        return train_adapter(
            sets,
            TransformerEncoder(ENCODERS[name]),
            settings=SETTINGS[name],
            seed=seed,
            out=out,
            card=card.read_text(encoding="utf-8") if card.exists() else None,
            # the larger model has other layers, which the poolings of methods are not for
            flexible=name == RELATION,
            inverse_of=inverses(sets),
            checkpoints=checkpoints,
            progress=progress,
        )


def main() -> int:
    """Train and write the adapter; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora and fewrel/")
    parser.add_argument("--adapter", choices=list(ENCODERS), default=RELATION)
    parser.add_argument("--without", nargs="*", choices=list(FILES), help="corpora to leave out")
    parser.add_argument("--out", type=Path, help="where the adapter is written; by default into the package")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        trained = train(
            arguments.adapter,
            arguments.data,
            without=None if arguments.without is None else tuple(arguments.without),
            seed=arguments.seed,
            out=arguments.out or BOX / arguments.adapter,
            checkpoints=HERE.parent / "build" / "adapter",
        )
    except (OSError, RelscoutError) as error:
        print(f"{error}; get the corpora with 'relscout datasets get'", file=sys.stderr)
        return 2
    report = trained.report
    print(
        f"{arguments.out or BOX / arguments.adapter}: {report['instances']:,} instances of {len(report['relations'])} "
        f"relations of {len(report['sets'])} corpora, {report['parameters']:,} parameters, correctly classified "
        f"{report['accuracy'][-1]:.1%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
