"""How lessons are scored: relation by relation, or in episodes; and what is reached without reading a text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from relscout.experiments.lessons import Lesson
from relscout.metrics import classification_scores

#: Name of the scores of a supervised lesson in its records: the fields of ``ClassificationScores``.
TEST = "test"
#: Relations in an episode, and instances of each that are shown (Peng et al. 2020, table 6).
WAYS, SHOTS = (5, 10), (1, 5)
#: Kinds of episodes → relations in each.
EPISODES = {f"{ways}-way-{shots}-shot": ways for ways in WAYS for shots in SHOTS}
#: Episodes of each kind; the same ones for every row and seed. The paper draws 10,000.
N_EPISODES = 10_000
EPISODES_SEED = 0
#: Rows that look at no text, by the kind of the protocol.
TRIVIAL = {"supervised": ("most frequent relation",), "few-shot": ("chance",)}


def scores_of(predicted: list[str], lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the scores of predicted relations, as records hold them."""
    gold = [str(one.relation) for one in lesson.scored]
    # data without an instance of none has nothing to leave out
    none = lesson.no_relation if lesson.no_relation in {*gold, *predicted} else None
    return {TEST: classification_scores(predicted, gold, na_label=none).as_dict()}


def most_frequent(lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the scores of giving every instance the relation that most training instances have."""
    counts = Counter(str(one.relation) for one in lesson.train if one.relation != lesson.no_relation)
    relation = min(counts, key=lambda one: (-counts[one], one))
    return scores_of([relation] * len(lesson.scored), lesson)


def chance() -> dict[str, dict[str, Any]]:
    """Return the scores of guessing in episodes, known without any."""
    return {
        name: {"accuracy": 1 / ways, "standard_error": 0.0, "episodes": 0} for name, ways in EPISODES.items()
    }
