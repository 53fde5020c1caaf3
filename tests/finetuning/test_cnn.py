"""What only the convolutional classifier does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relscout.core.errors import ArtifactError, SettingError
from relscout.core.files import load_artifact, save_artifact
from relscout.core.instances import Mention, RelationInstance
from relscout.finetuning.cnn import CNNClassifier


def test_in_pieces_it_learns_something_else_and_comes_back_from_disk_the_same(
    known: list[RelationInstance], held: list[RelationInstance], tmp_path: Path
) -> None:
    whole, pieces = (
        CNNClassifier(epochs=1, least_steps=0, dimension=4, pooling=pooling).fit(known)
        for pooling in ("sentence", "pieces")
    )
    shares = pieces.predict_proba(held)
    assert shares.tobytes() != whole.predict_proba(held).tobytes()
    pieces.save(tmp_path / "model")
    assert CNNClassifier.load(tmp_path / "model").predict_proba(held).tobytes() == shares.tobytes()


def test_weights_under_names_of_an_older_version_are_refused(
    known: list[RelationInstance], tmp_path: Path
) -> None:
    CNNClassifier(epochs=1, least_steps=0, dimension=4).fit(known).save(tmp_path / "new")
    saved = load_artifact(tmp_path / "new")
    older = {name.replace("tables.", "").removesuffix(".weight"): a for name, a in saved.tensors.items()}
    save_artifact(tmp_path / "old", replace(saved, tensors=older))
    with pytest.raises(
        ArtifactError, match=r"is not a whole 'cnn-classifier' of this version .* save the model again"
    ):
        CNNClassifier.load(tmp_path / "old")


def test_with_tags_it_reads_more_and_comes_back_from_disk_the_same(
    known: list[RelationInstance], held: list[RelationInstance], tmp_path: Path
) -> None:
    quick = {"epochs": 1, "least_steps": 0, "dimension": 4}
    tagged = CNNClassifier(**quick, tag_dimension=3).fit(known)
    shares = tagged.predict_proba(held)
    assert shares.tobytes() != CNNClassifier(**quick).fit(known).predict_proba(held).tobytes()
    tagged.save(tmp_path / "model")
    assert CNNClassifier.load(tmp_path / "model").predict_proba(held).tobytes() == shares.tobytes()


def test_text_that_is_not_english_has_no_tags(known: list[RelationInstance]) -> None:
    text = "Ayşe {} yılında İstanbul'da doğdu ve orada büyüdü"
    turkish = [
        RelationInstance(text.format(number), Mention(0, 4), Mention(18, 26), relation=instance.relation)
        for number, instance in enumerate(known, start=1000)
    ]
    with pytest.raises(SettingError, match="tag_dimension is 3, but the text does not look English"):
        CNNClassifier(tag_dimension=3).fit(turkish)
