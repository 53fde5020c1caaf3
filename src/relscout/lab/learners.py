"""Methods for given relations, supervised or few-shot, and their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from relscout.core.errors import UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.lab.protocols import SupervisedTask
from relscout.metrics import classification_scores


class Learning(Protocol):
    """A supervised or few-shot method."""

    @property
    def report_(self) -> dict[str, Any]:
        """Report of the training, as JSON values."""
        ...

    def fit(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = ...,
        checkpoints: Path | None = None,
    ) -> Self:
        """Train on instances with gold relations."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return all settings, as JSON values."""
        ...


class Classifying(Learning, Protocol):
    """Predicts the relations that it was trained on."""

    def predict(self, instances: Sequence[RelationInstance], *, progress: Progress = ...) -> list[str]:
        """Return the relation of each instance."""
        ...


class EpisodeScore(Protocol):
    """Accuracy on the queries of episodes."""

    @property
    def accuracy(self) -> float:
        """Share of right queries, 0 to 1."""
        ...

    @property
    def standard_error(self) -> float:
        """Standard error of the accuracy over the episodes."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out."""
        ...


class Episodic(Learning, Protocol):
    """Classifies new relations from a few instances of each, even without training."""

    def evaluate_grid(
        self,
        instances: Sequence[RelationInstance],
        *,
        ways: Sequence[int],
        shots: Sequence[int],
        episodes: int = ...,
        seed: int | None = None,
        progress: Progress = ...,
    ) -> Sequence[EpisodeScore]:
        """Score episodes for every combination of ways and shots."""
        ...


@dataclass(frozen=True)
class Learner:
    """A method for given relations."""

    kind: Literal["supervised", "few-shot"]
    """Kind of its protocols."""
    location: str
    """``module:Class`` of a :class:`Classifying` or :class:`Episodic` method."""
    settings_location: str
    """``module:Class`` of its settings."""
    reads: Literal["encoder", "words"] = "encoder"
    """Its input: vectors of an encoder, or word vectors of its own."""

    @property
    def estimator(self) -> type[Any]:
        """The class of the method."""
        return _load_class(self.location)

    @property
    def settings(self) -> type[Any]:
        """The class of its settings."""
        return _load_class(self.settings_location)


_FINETUNING = "relscout.finetuning"
#: Name → method.
LEARNERS: dict[str, Learner] = {
    "classifier": Learner(
        "supervised",
        f"{_FINETUNING}.supervised:RelationClassifier",
        f"{_FINETUNING}.supervised:SupervisedSettings",
    ),
    "cnn": Learner(
        "supervised", f"{_FINETUNING}.cnn:CNNClassifier", f"{_FINETUNING}.cnn:CNNSettings", reads="words"
    ),
    "fewshot-cnn": Learner(
        "few-shot",
        f"{_FINETUNING}.cnn_fewshot:CNNFewShot",
        f"{_FINETUNING}.cnn_fewshot:CNNFewShotSettings",
        reads="words",
    ),
    "fewshot": Learner(
        "few-shot", f"{_FINETUNING}.fewshot:FewShot", f"{_FINETUNING}.fewshot_training:FewShotSettings"
    ),
}


def reads_encoder(name: str) -> bool:
    """Return whether a method, of any kind, needs an encoder."""
    return name not in LEARNERS or LEARNERS[name].reads == "encoder"


def learner(name: str, kind: str) -> Learner:
    """Return a method for protocols of a kind, ``supervised`` or ``few-shot``.

    Raises:
        UnknownNameError: There is none of that name.
    """
    known = {key: candidate for key, candidate in LEARNERS.items() if candidate.kind == kind}
    if name not in known:
        raise UnknownNameError(f"{kind} method", name, known)
    return known[name]


def _load_class(location: str) -> type[Any]:
    module, _, name = location.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


#: Key of the scores of a supervised task in its records; they are the fields of ``ClassificationScores``.
TEST = "test"
#: Relations in an episode, and support instances of each (Peng et al. 2020, table 6).
WAYS, SHOTS = (5, 10), (1, 5)
#: Kind of episode → number of relations.
EPISODES = {f"{ways}-way-{shots}-shot": ways for ways in WAYS for shots in SHOTS}
#: Episodes of each kind; the same ones for every row and seed. The paper draws 10,000.
N_EPISODES = 10_000
EPISODES_SEED = 0
#: Kind of the protocol → names of its trivial rows, which ignore the text.
TRIVIAL = {"supervised": ("most frequent relation",), "few-shot": ("chance",)}


def scores_of(predicted: list[str], task: SupervisedTask) -> dict[str, dict[str, Any]]:
    """Return the scores of predicted relations, as records hold them."""
    gold = [str(instance.relation) for instance in task.scored]
    none = task.no_relation if task.no_relation in {*gold, *predicted} else None
    return {TEST: classification_scores(predicted, gold, na_label=none).as_dict()}


def most_frequent(task: SupervisedTask) -> dict[str, dict[str, Any]]:
    """Return the scores of always predicting the most frequent relation of the training instances."""
    counts = Counter(
        str(instance.relation) for instance in task.train if instance.relation != task.no_relation
    )
    relation = min(counts, key=lambda relation: (-counts[relation], relation))
    return scores_of([relation] * len(task.scored), task)


def chance() -> dict[str, dict[str, Any]]:
    """Return the expected scores of guessing in episodes."""
    return {
        name: {"accuracy": 1 / ways, "standard_error": 0.0, "episodes": 0} for name, ways in EPISODES.items()
    }
