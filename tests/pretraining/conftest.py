from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.inputs import Vocabulary
from relscout.pretraining import READ_BY
from relscout.pretraining.corpus import Corpus, read_corpus


def sentence(
    head: str, tail: str, relation: str | None = None, *, words: str = "was born in", ids: bool = False
) -> RelationInstance:
    text = f"{head} {words} {tail} ."
    start = len(head) + len(words) + 2
    return RelationInstance(
        text,
        Mention(0, len(head), entity_id=f"Q{head}" if ids else None),
        Mention(start, start + len(tail), entity_id=f"Q{tail}" if ids else None),
        relation=relation,
    )


@pytest.fixture(scope="session")
def say() -> Callable[..., RelationInstance]:
    """An instance from its entities."""
    return sentence


@pytest.fixture(scope="session")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    """A tiny BERT as pre-training reads it."""
    return TransformerEncoder(
        EncoderSettings(str(tiny_bert), READ_BY.marking, READ_BY.pooling, READ_BY.max_length)
    )


@pytest.fixture(scope="session")
def vocabulary(encoder: TransformerEncoder) -> Vocabulary:
    return encoder.vocabulary


@pytest.fixture(scope="session")
def gather(vocabulary: Vocabulary) -> Callable[..., Corpus]:
    """A corpus of instances."""
    return lambda instances, **given: read_corpus(instances, vocabulary, **{"with_relation": True, **given})


@pytest.fixture(scope="session")
def few(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Eight sentences of each of four relations."""
    easy = ("spouse", "capital of", "river mouth", "orbits")
    return [one for name in easy for one in [one for one in corpus if one.relation == name][:8]]


@pytest.fixture
def without_dropout(tiny_bert: Path, tmp_path: Path) -> Path:
    """The same tiny BERT, whose dropout, which differs with groups and processes, is off."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    told = json.loads((folder / "config.json").read_text())
    told |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(told))
    return folder
