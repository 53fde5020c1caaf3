"""The model that a folder holds, whatever kind it is."""

from __future__ import annotations

from pathlib import Path

from relscout.analysis.answers import Classifier
from relscout.artifacts import DESCRIPTION as ARTIFACT
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
    from relscout.finetuning.storage import SCORES, load_classifier

    if folder.is_dir() and not any((folder / name).exists() for name in (SCORES, ARTIFACT)):
        raise ArtifactError(
            f"{folder} holds neither a run (there is no {RUN}) nor a trained classifier (no {ARTIFACT}); give a folder "
            "of 'relscout discover --out' or of 'relscout finetune --out'"
        )
    return load_classifier(folder)
