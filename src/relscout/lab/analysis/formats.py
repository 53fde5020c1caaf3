"""The five input formats, and the answers of a fitted model in each.

Peng et al. 2020, "Learning from Context or Names? An Empirical Study on Neural Relation Extraction", section 2.2. The
markings of an encoder (:mod:`relscout.encoders.marking`) produce the same formats as tokens, which the model must have
seen in training. These functions rewrite the text instead, so they work with any fitted model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError, UnknownNameError
from relscout.core.files import DESCRIPTION as ARTIFACT
from relscout.core.instances import Mention, RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.discovery import Discovery
from relscout.discovery.storage import RUN, run_folder
from relscout.encoders import OnLoss
from relscout.encoders.marking import NO_TYPE, type_words

#: Input format → the parts of the sentence that it keeps.
FORMATS: dict[str, str] = {
    "C+M": "context and names",
    "C+T": "context and types",
    "OnlyC": "context alone",
    "OnlyM": "names alone",
    "OnlyT": "types alone",
}
#: Formats that need entity types.
WITH_TYPES = ("C+T", "OnlyT")
#: Candidate placeholders for head and tail in OnlyC. The paper trains the tokens [SUBJ] and [OBJ]. A model that was not
#: trained with them reads a placeholder as an ordinary word: k-means on sentences about "entity" finds companies.
#: :func:`relscout.lab.analysis.formats.answers` selects the candidate that changes the fewest answers.
BLANKS = (("X", "Y"), ("one", "another"), ("entity", "entity"))

_Span = tuple[int, int]


def rewritten(
    instance: RelationInstance, format: str, *, blanks: tuple[str, str] = BLANKS[0]
) -> RelationInstance:
    """Rewrite an instance in an input format: hidden parts are removed from text, types and entity ids.

    As in the paper, only the marked mentions are replaced, not other names of the entities (see
    :func:`repeats_a_name`). If one mention contains the other, the replacement of the outer one comes first. Without
    context, the head comes first. An unknown type becomes "entity".

    Args:
        instance: The instance. Id, source and gold relation stay.
        format: A key of :data:`FORMATS`.
        blanks: Placeholders of head and tail in OnlyC.

    Raises:
        UnknownNameError: There is no such format.
    """
    if format not in FORMATS:
        raise UnknownNameError("input format", format, FORMATS)
    if format == "C+M":
        return instance
    types = instance.type_pair if format in WITH_TYPES else (None, None)
    words = blanks if format == "OnlyC" else _words(instance, format)
    text, (head, tail) = _text(instance, words) if format in ("C+T", "OnlyC") else _pair(words)
    return replace(instance, text=text, head=Mention(*head, types[0]), tail=Mention(*tail, types[1]))


def repeats_a_name(instance: RelationInstance) -> bool:
    """Return whether an entity's name also occurs outside the marked mentions, where OnlyC keeps it."""
    context = "\n".join(_around(instance))
    names = (instance.head_text.strip(), instance.tail_text.strip())
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", context, re.IGNORECASE) for name in names)


def _words(instance: RelationInstance, format: str) -> tuple[str, str]:
    if format == "OnlyM":
        return instance.head_text, instance.tail_text
    head, tail = (type_words(kind) for kind in instance.type_pair)
    return head if head.strip() else NO_TYPE, tail if tail.strip() else NO_TYPE


def _pair(words: tuple[str, str]) -> tuple[str, tuple[_Span, _Span]]:
    head, tail = words
    start = len(head) + 1
    return f"{head} {tail}", ((0, len(head)), (start, start + len(tail)))


def _text(instance: RelationInstance, words: tuple[str, str]) -> tuple[str, tuple[_Span, _Span]]:
    """Return the text with the mentions replaced, and the spans of the replacements."""
    first = _first(instance)
    before, between, after = _around(instance)
    text = _ending_apart(before)
    spans: list[_Span] = []
    for role, following in ((first, between or " "), (1 - first, after)):
        spans.append((len(text), len(text) + len(words[role])))
        text += words[role] + _beginning_apart(following)
        if role == first:
            text = _ending_apart(text)
    return text, (spans[first], spans[1 - first])


def _around(instance: RelationInstance) -> tuple[str, str, str]:
    """Return the text before, between and after the mentions, without any part of a mention."""
    spans = ((instance.head.start, instance.head.end), (instance.tail.start, instance.tail.end))
    first = _first(instance)
    (low, gap), (resume, high) = spans[first], spans[1 - first]
    return instance.text[:low], instance.text[gap:resume], instance.text[max(gap, high) :]


def _first(instance: RelationInstance) -> int:
    """Return the mention that starts first (of two, the longer): 0 for the head, 1 for the tail."""
    head, tail = instance.head, instance.tail
    return int((tail.start, -tail.end) < (head.start, -head.end))


def _ending_apart(text: str) -> str:
    # the rest of a word that contains a mention, as "Parisbased" does, must not join the replacement
    return f"{text} " if text[-1:].isalnum() else text


def _beginning_apart(text: str) -> str:
    return f" {text}" if text[:1].isalnum() else text


#: Answer of a discovery for an instance without a relation.
NO_RELATION = "(none)"


class Classifier(Protocol):
    """A trained relation classifier."""

    relations_: tuple[str, ...]

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, R), float32."""
        ...


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of a model in every input format.

    Args:
        instances: N instances, as they are.
        labels: Input format → relations (N,).
        confidences: Input format → confidences (N,), float32, in [0, 1].
        gold: Gold relations (N,), or ``None``.
        n_typed: Number of instances with the entity types of both head and tail.
        blanks: Selected placeholders of head and tail in OnlyC.
        tried: Candidate placeholders → number of the N answers that they keep.
    """

    instances: Sequence[RelationInstance]
    labels: Mapping[str, Sequence[str]]
    confidences: Mapping[str, NDArray[np.float32]]
    gold: Sequence[str] | None
    n_typed: int
    blanks: tuple[str, str]
    tried: Mapping[tuple[str, str], int]

    def right(self, format: str) -> NDArray[np.bool_]:
        """Return whether each answer is the gold relation (N,).

        Raises:
            InputError: No gold relations are known.
        """
        if self.gold is None:
            raise InputError("right and wrong need gold relations, and none are known")
        return same(self.labels[format], self.gold)

    def kept(self, format: str) -> NDArray[np.bool_]:
        """Return whether each answer equals that in C+M (N,)."""
        return same(self.labels[format], self.labels["C+M"])


def same(first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """Return where two sequences of N labels agree (N,)."""
    return np.array([left == right for left, right in zip(first, second, strict=True)], dtype=bool)


def formats_for(instances: Sequence[RelationInstance]) -> list[str]:
    """Return the input formats for these instances: without entity types, those that need none."""
    any_type = any(kind is not None for instance in instances for kind in instance.type_pair)
    return [format for format in FORMATS if any_type or format not in WITH_TYPES]


def answers(
    model: Classifier | Discovery,
    instances: Sequence[RelationInstance],
    *,
    gold: Sequence[str] | None = None,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Answers:
    """Predict every instance in every input format.

    Gold relations are hidden. OnlyC is predicted with each of :data:`~relscout.lab.analysis.formats.BLANKS`, and the
    placeholders that change the fewest answers are selected: other changes are due to the meaning of a placeholder
    rather than to the missing names. Selecting the best of several overestimates it, so only every second instance (in
    canonical order) takes part in the selection. The answers cover all instances, and the number of answers that each
    candidate keeps is reported.

    Args:
        model: A trained classifier, or a discovery.
        instances: N instances, at least one.
        gold: Gold relations (N,), if known.
        progress: Called with the progress of each format.
        on_loss: Called with each instance that the encoder had to cut in C+M, and what was lost.

    Raises:
        InputError: There is no instance.
    """
    if not instances:
        raise InputError("there is nothing to analyse: no instance is left")
    labels: dict[str, Sequence[str]] = {}
    confidences: dict[str, NDArray[np.float32]] = {}
    choosing = canonical_order(instances)[::2]
    tried: dict[tuple[str, str], int] = {}
    chosen = BLANKS[0]
    for format in formats_for(instances):
        most = -1
        for blanks in BLANKS if format == "OnlyC" else BLANKS[:1]:
            inputs = [rewritten(instance, format, blanks=blanks).without_relation() for instance in instances]
            predicted, sure = _predict(
                model, inputs, progress=_stage(progress, format), on_loss=on_loss if format == "C+M" else None
            )
            kept = same(predicted, labels.get("C+M", predicted))
            if format == "OnlyC":
                tried[blanks] = int(kept.sum())
            if (votes := int(kept[choosing].sum())) > most:
                most, labels[format], confidences[format] = votes, predicted, sure
                chosen = blanks if format == "OnlyC" else chosen
    n_typed = sum(None not in instance.type_pair for instance in instances)
    return Answers(instances, labels, confidences, gold, n_typed, chosen, tried)


def _predict(
    model: Classifier | Discovery,
    inputs: Sequence[RelationInstance],
    *,
    progress: Progress,
    on_loss: OnLoss | None,
) -> tuple[list[str], NDArray[np.float32]]:
    if isinstance(model, Discovery):
        assigned = model.predict(inputs, progress=progress, on_loss=on_loss)
        names = model.names
        return [names.get(id, NO_RELATION) for id in assigned.relation_ids.tolist()], assigned.confidences
    probabilities = model.predict_proba(inputs, progress=progress, on_loss=on_loss)
    best = probabilities.argmax(axis=1)
    return [model.relations_[place] for place in best.tolist()], probabilities.max(axis=1)


def _stage(progress: Progress, format: str) -> Progress:
    return lambda stage, done, total: progress(f"{format} {stage}", done, total)


def load_model(folder: Path) -> Classifier | Discovery:
    """Load a trained relation classifier, or the run of a discovery.

    Raises:
        ArtifactError: The folder holds neither, or is damaged.
    """
    if (run_folder(folder) / RUN).is_file():
        return Discovery.load(folder)
    from relscout.finetuning.storage import SCORES, load_classifier

    if folder.is_dir() and not any((folder / name).exists() for name in (SCORES, ARTIFACT)):
        raise ArtifactError(
            f"{folder} holds neither a run (there is no {RUN}) nor a trained classifier (no {ARTIFACT}); give a folder "
            "of 'relscout discover --out' or of 'relscout lab finetune --out'"
        )
    return load_classifier(folder)
