"""Siamese with the tokens of the paper: the entity types themselves are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relscout.core.files import load_artifact
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.methods.siamese import Siamese
from tests.methods.siamese.conftest import FAST


def fitted(tiny_bert: Path, instances: list[RelationInstance]) -> Siamese:
    kinds = {kind for instance in instances for kind in instance.type_pair if kind}
    settings = EncoderSettings(
        str(tiny_bert), marking="type-tokens", pooling="start", device="cpu", types=tuple(kinds)
    )
    quick = {**FAST, "epochs": 2, "warm_up_epochs": 1, "encoder_learning_rate": 1e-3}
    return Siamese(TransformerEncoder(settings), n_relations=4, trained_layers=-1, **quick).fit(instances)


@pytest.fixture(scope="module")
def model(tiny_bert: Path, few: list[RelationInstance]) -> Siamese:
    return fitted(tiny_bert, few)


def test_the_embeddings_of_the_types_train(model: Siamese, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    trained = load_artifact(tmp_path / "model").tensors["encoder.embeddings.word_embeddings.weight"]
    assert isinstance(model.encoder, TransformerEncoder)
    before = model.encoder.model.get_input_embeddings().weight.numpy()
    first = len(before) - model.encoder.vocabulary.n_new_embeddings + 4  # after those for no known type
    assert trained.shape == before.shape
    assert (np.abs(trained[first:] - before[first:]).max(axis=1) > 0).any()


def test_what_is_loaded_predicts_the_same(
    model: Siamese, unseen: list[RelationInstance], tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    again = Siamese.load(tmp_path / "model")
    assert again.predict_proba(unseen).tobytes() == model.predict_proba(unseen).tobytes()


def test_the_order_of_the_input_changes_nothing(
    model: Siamese, tiny_bert: Path, few: list[RelationInstance]
) -> None:
    assert fitted(tiny_bert, few[::-1]).labels_[::-1].tolist() == model.labels_.tolist()


def test_a_type_that_was_not_fitted_is_read_as_an_entity_and_reported(
    model: Siamese, unseen: list[RelationInstance]
) -> None:
    new, none = (replace(unseen[0], head=replace(unseen[0].head, type=kind)) for kind in ("GADGET", None))
    lost: list[str] = []
    found = model.predict_proba([new], on_loss=lambda _, what: lost.append(what))
    assert lost == ["type"]
    assert found.tobytes() == model.predict_proba([none]).tobytes()
