"""The folder of a fine-tuned classifier, and the triples that the classifier finds.

::

    model/              the classifier
    scores.json         scores of every seed on the test data, settings, warnings
    predictions.jsonl   one line per test instance: id, source, head, tail, gold, relation, probability
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.files import CONTENTS as MODEL_CONTENTS
from relscout.core.files import (
    check_makeable,
    check_replaceable,
    load_artifact,
    make_above,
    whole_file,
    whole_folder,
)
from relscout.core.instances import NAMES_OF_NONE, RelationInstance, Triple
from relscout.core.progress import Progress, silent
from relscout.encoders import OnLoss
from relscout.finetuning.classifier import SentenceClassifier
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.supervised import RelationClassifier
from relscout.finetuning.trials import Prediction

MODEL, SCORES, PREDICTIONS = "model", "scores.json", "predictions.jsonl"
_CONTENTS = frozenset({MODEL, SCORES, PREDICTIONS})
CLASSIFIERS: tuple[type[SentenceClassifier[Any]], ...] = (RelationClassifier, CNNClassifier)


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Check before training that the folder can be written after it.

    Raises:
        OutputError: The folder holds other files, or a fine-tuned classifier and ``overwrite`` is not set, or it cannot
            be written.
    """
    if (folder / SCORES).is_file() and not overwrite:
        raise OutputError(f"{folder} already holds a fine-tuning; choose another folder, or add --overwrite")
    _check_contents(folder)
    check_makeable(folder)


def save_finetuning(
    folder: Path,
    model: SentenceClassifier[Any],
    *,
    scores: Mapping[str, Any],
    predictions: Sequence[Prediction],
) -> None:
    """Write a fine-tuned classifier to a folder, completely or not at all.

    Args:
        folder: The folder; missing folders above it are created.
        model: The classifier.
        scores: Scores, as JSON values.
        predictions: Predictions of the classifier on the test data.

    Raises:
        OutputError: The folder holds other files or cannot be written.
    """
    make_above(folder)
    _check_contents(folder)
    with whole_folder(folder, contents=_CONTENTS) as fresh:
        model.save(fresh / MODEL)
        lines = [json.dumps(prediction.as_dict(), ensure_ascii=False) + "\n" for prediction in predictions]
        written = {
            SCORES: json.dumps(scores, indent=2, ensure_ascii=False) + "\n",
            PREDICTIONS: "".join(lines),
        }
        for name, text in written.items():
            with whole_file(fresh / name) as partial:
                partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def _check_contents(folder: Path) -> None:
    """Check that the folder holds no other files than those of a fine-tuned classifier, which would be lost."""
    check_replaceable(folder, contents=_CONTENTS if (folder / SCORES).is_file() else ())
    check_replaceable(folder / MODEL, contents=MODEL_CONTENTS)


def holds_classifier(folder: Path) -> bool:
    """Return whether a folder holds a fine-tuned classifier, with its scores or without."""
    if (folder / SCORES).is_file() and (folder / MODEL).is_dir():
        return True
    try:
        kind = load_artifact(folder).kind
    except (ArtifactError, OSError):
        return False
    return any(kind == classifier.KIND for classifier in CLASSIFIERS)


def load_classifier(folder: Path) -> SentenceClassifier[Any]:
    """Load a classifier from its folder, with its scores or without.

    Raises:
        ArtifactError: There is no classifier, or it is damaged.
    """
    place = folder / MODEL if (folder / SCORES).is_file() else folder
    kind = load_artifact(place).kind
    for known in CLASSIFIERS:
        if kind == known.KIND:
            return known.load(place)
    kinds = " or ".join(repr(classifier.KIND) for classifier in CLASSIFIERS)
    raise ArtifactError(f"{place} holds a {kind!r}, expected {kinds}")


def triples_of(
    classifier: SentenceClassifier[Any],
    instances: Sequence[RelationInstance],
    *,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Iterator[Triple]:
    """Yield the likeliest relation of each instance as a triple; instances classified as no relation are skipped.

    Args:
        classifier: A fitted classifier.
        instances: Labelled or not.
        progress: Progress callback.
        on_loss: Called with each truncated instance and what was lost.
    """
    shares = classifier.predict_proba(instances, progress=progress, on_loss=on_loss)
    for instance, chosen, row in zip(instances, shares.argmax(axis=1).tolist(), shares, strict=True):
        name = classifier.relations_[chosen]
        if name.casefold() not in NAMES_OF_NONE:
            yield Triple(instance, chosen, name, float(row[chosen]))
