"""Instances whose answers can be worked out by hand, and a model that tells what it was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from relscout.core.instances import Mention, RelationInstance


def sentence(
    head: str, phrase: str, tail: str, relation: str | None, *, typed: bool = True
) -> RelationInstance:
    start = len(head) + len(phrase) + 2
    types = ("PERSON", "CITY" if tail in ("Rome", "Oslo") else "ORG") if typed else (None, None)
    return RelationInstance(
        f"{head} {phrase} {tail} .",
        Mention(0, len(head), types[0]),
        Mention(start, start + len(tail), types[1]),
        relation=relation,
    )


class Rules:
    """A classifier that answers by rules: the first word of a text that it knows decides."""

    relations_ = ("Other", "born", "works")

    def __init__(self, rules: dict[str, str], *, sure: float = 0.8) -> None:
        self.rules, self.sure = rules, sure
        self.seen: list[RelationInstance] = []

    def predict_proba(
        self, instances: Sequence[RelationInstance], *, progress=None, on_loss=None
    ) -> np.ndarray:
        self.seen += instances
        table = np.full((len(instances), 3), (1 - self.sure) / 2, dtype=np.float32)
        for row, one in enumerate(instances):
            answer = next((self.rules[word] for word in one.text.split() if word in self.rules), "Other")
            table[row, self.relations_.index(answer)] = self.sure
        return table


@pytest.fixture
def said() -> Callable[..., RelationInstance]:
    """Make a sentence: head, phrase, tail, gold relation."""
    return sentence


@pytest.fixture
def rules() -> type[Rules]:
    """A classifier whose rules are given."""
    return Rules


@pytest.fixture
def ten() -> list[RelationInstance]:
    """Ten sentences: four "born", four "works", two without a relation."""
    return [
        sentence("Ada", "was born in", "Rome", "born"),
        sentence("Bob", "was born in", "Oslo", "born"),
        sentence("Cas", "of", "Rome", "born"),
        sentence("Dan", "of", "Oslo", "born"),
        sentence("Eve", "works for", "Acme", "works"),
        sentence("Fay", "works for", "Rome", "works"),
        sentence("Gil", "of", "Acme", "works"),
        sentence("Hal", "leads", "Acme", "works"),
        sentence("Ida", "visits", "Oslo", "Other"),
        sentence("Jon", "visits", "Nile", "Other"),
    ]
