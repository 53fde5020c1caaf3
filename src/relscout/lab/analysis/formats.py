"""The five input formats, and the answers of a fitted model to each of them.

Peng et al. 2020, "Learning from Context or Names? An Empirical Study on Neural Relation Extraction", section 2.2. The
markings of an encoder (:mod:`relscout.encoders.marking`) make the same formats of tokens; they need a model that was
trained with markers. Rewriting the text needs nothing: a run whose encoder reads plain sentences can be shown it, and
a fitted model stays what it is.
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

#: Input format → what it shows.
FORMATS: dict[str, str] = {
    "C+M": "context and names",
    "C+T": "context and types",
    "OnlyC": "context alone",
    "OnlyM": "names alone",
    "OnlyT": "types alone",
}
#: Formats that say nothing where no entity types are known.
WITH_TYPES = ("C+T", "OnlyT")
#: Words that may stand for head and tail in OnlyC. The paper trains tokens, [SUBJ] and [OBJ]; a model that was not
#: trained with them takes any word for what it means: k-means that is shown "entity" everywhere finds companies. Hence
#: several, of which :func:`relscout.lab.analysis.formats.answers` takes those that change the fewest answers.
BLANKS = (("X", "Y"), ("one", "another"), ("entity", "entity"))

_Span = tuple[int, int]


def shown(
    instance: RelationInstance, format: str, *, blanks: tuple[str, str] = BLANKS[0]
) -> RelationInstance:
    """Return an instance as an input format shows it: what it hides is nowhere in text, types or entity ids.

    The marked mentions are replaced, as in the paper, and not what else the sentence may call the entities (see
    :func:`names_again`). Where one mention lies inside the other, what stands for the outer one is followed by what
    stands for the inner one. Without context, the head comes first. A type that is not known is shown as "entity".

    Args:
        instance: The instance to show. Its id, source and gold relation stay.
        format: A name of :data:`FORMATS`.
        blanks: Words in place of head and tail in OnlyC.

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


def names_again(instance: RelationInstance) -> bool:
    """Return whether the sentence names one of its entities once more outside of the marked mentions.

    What stands there is shown in OnlyC, too, as in the paper.
    """
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
    """Return the text with other words in place of the mentions, and where these stand."""
    first = _first(instance)
    before, between, after = _around(instance)
    text = _ending_apart(before)
    spans: list[_Span] = []
    for role, behind in ((first, between or " "), (1 - first, after)):
        spans.append((len(text), len(text) + len(words[role])))
        text += words[role] + _beginning_apart(behind)
        if role == first:
            text = _ending_apart(text)
    return text, (spans[first], spans[1 - first])


def _around(instance: RelationInstance) -> tuple[str, str, str]:
    """Return the text before, between and after the mentions; nothing of a mention is in it, nested or not."""
    spans = ((instance.head.start, instance.head.end), (instance.tail.start, instance.tail.end))
    first = _first(instance)
    (low, gap), (resume, high) = spans[first], spans[1 - first]
    return instance.text[:low], instance.text[gap:resume], instance.text[max(gap, high) :]


def _first(instance: RelationInstance) -> int:
    """Return which mention begins first: 0 for the head, 1 for the tail; of two that begin together, the longer."""
    starts: Sequence[tuple[int, int]] = [(one.start, -one.end) for one in (instance.head, instance.tail)]
    return min((0, 1), key=lambda role: starts[role])


def _ending_apart(text: str) -> str:
    # a mention that is part of a word ("Paris" in "Paris-based" is not, in "Parisbased" it is) must not leave one word
    return f"{text} " if text[-1:].isalnum() else text


def _beginning_apart(text: str) -> str:
    return f" {text}" if text[:1].isalnum() else text


#: Answer of a discovery that gives an instance no relation.
NO_RELATION = "(none)"


class Classifier(Protocol):
    """What is needed of a trained relation classifier."""

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
    """The relation that each instance was given in each input format.

    Args:
        instances: N instances, as they are.
        given: Input format → answers (N,), names of relations.
        confidences: Input format → how sure each is (N,), float32, in [0, 1].
        gold: Gold relations (N,); ``None`` where they are not known.
        n_typed: How many instances name the entity types of both head and tail.
        blanks: Words that stood for head and tail in OnlyC.
        tried: Words that were tried for that → how many of the N answers they keep.
    """

    instances: Sequence[RelationInstance]
    given: Mapping[str, Sequence[str]]
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
        return same(self.given[format], self.gold)

    def kept(self, format: str) -> NDArray[np.bool_]:
        """Return whether each answer is that of C+M (N,)."""
        return same(self.given[format], self.given["C+M"])


def same(first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """Return where two sequences of N labels agree (N,)."""
    return np.array([one == other for one, other in zip(first, second, strict=True)], dtype=bool)


def typed(instances: Sequence[RelationInstance]) -> int:
    """Return how many instances name the entity types of both head and tail."""
    return sum(None not in one.type_pair for one in instances)


def formats_for(instances: Sequence[RelationInstance]) -> list[str]:
    """Return the input formats that say something of these instances: without any entity type, none with types."""
    any_type = any(kind is not None for one in instances for kind in one.type_pair)
    return [format for format in FORMATS if any_type or format not in WITH_TYPES]


def answers(
    model: Classifier | Discovery,
    instances: Sequence[RelationInstance],
    *,
    gold: Sequence[str] | None = None,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Answers:
    """Ask a fitted model about every instance in every input format.

    Gold relations are not shown to it. In OnlyC it is asked once with each of
    :data:`~relscout.lab.analysis.formats.BLANKS`, and those words are taken that change the fewest answers: what others
    change is owed to what they mean, and not to the names that are gone. The best of several is flattered by chance, so
    every second instance chooses (in an order that the instances decide) and the others do not. The answers cover all
    instances; what the other words keep is reported as well.

    Args:
        model: A trained classifier, or a discovery.
        instances: N instances, at least one.
        gold: Gold relations (N,), where they are known.
        progress: Called with how far each format is.
        on_loss: Called with each instance that did not fit into the encoder as it is (C+M), and what was lost.

    Raises:
        InputError: There is no instance.
    """
    if not instances:
        raise InputError("there is nothing to analyse: no instance is left")
    given: dict[str, Sequence[str]] = {}
    confidences: dict[str, NDArray[np.float32]] = {}
    choosing = canonical_order(instances)[::2]
    tried: dict[tuple[str, str], int] = {}
    chosen = BLANKS[0]
    for format in formats_for(instances):
        most = -1
        for blanks in BLANKS if format == "OnlyC" else BLANKS[:1]:
            inputs = [shown(one, format, blanks=blanks).without_relation() for one in instances]
            found, sure = _asked(
                model,
                inputs,
                progress=_stage(progress, format),
                on_loss=on_loss if format == "C+M" else None,
            )
            kept = same(found, given.get("C+M", found))
            if format == "OnlyC":
                tried[blanks] = int(kept.sum())
            if (votes := int(kept[choosing].sum())) > most:
                most, given[format], confidences[format] = votes, found, sure
                chosen = blanks if format == "OnlyC" else chosen
    return Answers(instances, given, confidences, gold, typed(instances), chosen, tried)


def _asked(
    model: Classifier | Discovery,
    inputs: Sequence[RelationInstance],
    *,
    progress: Progress,
    on_loss: OnLoss | None,
) -> tuple[list[str], NDArray[np.float32]]:
    if isinstance(model, Discovery):
        found = model.predict(inputs, progress=progress, on_loss=on_loss)
        names = model.names
        return [names.get(id, NO_RELATION) for id in found.relation_ids.tolist()], found.confidences
    probabilities = model.predict_proba(inputs, progress=progress, on_loss=on_loss)
    best = probabilities.argmax(axis=1)
    return [model.relations_[place] for place in best.tolist()], probabilities.max(axis=1)


def _stage(progress: Progress, format: str) -> Progress:
    """Return the progress of one format, whose stages begin with its name."""

    def told(stage: str, done: int, total: int | None) -> None:
        progress(f"{format} {stage}", done, total)

    return told


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
            "of 'relscout discover --out' or of 'relscout lab finetune --out'"
        )
    return load_classifier(folder)
