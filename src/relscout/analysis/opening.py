"""The model that a folder holds, whatever kind it is."""

from __future__ import annotations

from pathlib import Path

from relscout.analysis.answers import Classifier
from relscout.artifacts import load_artifact
from relscout.discovery import Discovery
from relscout.discovery.storage import RUN, run_folder
from relscout.errors import ArtifactError


def opened(folder: Path) -> Classifier | Discovery:
    """Read a trained relation classifier, or the run of a discovery.

    Raises:
        ArtifactError: The folder holds neither, or is damaged.
    """
    if (run_folder(folder) / RUN).is_file():
        return Discovery.load(folder)
    from relscout.finetuning.supervised import RelationClassifier

    try:
        kind = load_artifact(folder).kind
    except ArtifactError as error:
        if folder.is_dir() and not (folder / "artifact.json").exists():
            raise ArtifactError(
                f"{folder} holds neither a run (there is no {RUN}) nor a trained classifier (no artifact.json); give a "
                "folder of 'relscout discover --out' or of 'relscout finetune --out'"
            ) from error
        raise
    if kind == RelationClassifier.KIND:
        return RelationClassifier.load(folder)
    from relscout.finetuning.cnn import CNNClassifier

    if kind == CNNClassifier.KIND:
        return CNNClassifier.load(folder)
    raise ArtifactError(
        f"{folder} holds a {kind!r}, expected the folder of a run, or a classifier of 'relscout finetune'"
    )
