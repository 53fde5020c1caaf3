"""What few-shot classification has learnt, in a folder and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relscout.artifacts import Artifact, save_artifact
from relscout.encoders import TransformerEncoder
from relscout.files import make_above
from relscout.finetuning.fewshot_learning import Learnt
from relscout.finetuning.seen import CHOSEN_BY, Seen
from relscout.training.stored import below, load_kind, own_weights, portable, stored_transformer, whole
from relscout.training.trained import Trained

_KIND = "few-shot"


def write(folder: Path, learnt: Learnt, encoder: TransformerEncoder, settings: Mapping[str, Any]) -> None:
    """Write what was learnt; folders above ``folder`` are made where they are missing.

    Raises:
        OutputError: The folder holds other files or cannot be written.
    """
    trained = learnt.trained or Trained(encoder.fingerprint, {})
    tensors = {f"encoder.{name}": array for name, array in trained.weights.items()}
    if learnt.centre is not None:
        tensors["centre"] = learnt.centre
    told = {
        **settings,
        "relations": list(learnt.relations),
        "dev_relations": sorted(learnt.held.relations),
        "report": learnt.report,
        "encoder": portable(encoder),
        "encoder_fingerprint": trained.fingerprint,
    }
    seen = {"seen": learnt.seen.array(), "held": learnt.held.array()}
    make_above(folder)
    save_artifact(folder, Artifact(_KIND, told, {**tensors, **seen, **own_weights(encoder)}))


def read(folder: Path) -> tuple[Learnt, TransformerEncoder, dict[str, Any]]:
    """Return what was learnt, the encoder that it is for, and the settings, from a folder.

    Raises:
        ArtifactError: The folder does not hold that.
    """
    artifact = load_kind(folder, _KIND)
    with whole(folder, _KIND):
        values = dict(artifact.settings)
        relations = tuple(str(name) for name in values.pop("relations"))
        held = values.pop("dev_relations")
        learnt = Learnt(
            relations,
            Trained(str(values.pop("encoder_fingerprint")), below("encoder.", artifact.tensors)),
            artifact.tensors.get("centre"),
            Seen.restored(artifact.tensors["seen"], relations),
            Seen.restored(artifact.tensors["held"], held, how=CHOSEN_BY),
            dict(values.pop("report")),
        )
        return learnt, stored_transformer(values.pop("encoder"), artifact.tensors), values
