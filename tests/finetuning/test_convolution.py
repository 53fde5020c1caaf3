from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from relscout.core.errors import ArtifactError
from relscout.core.files import load_artifact, save_artifact
from relscout.core.instances import Mention, RelationInstance
from relscout.finetuning.cnn import CNNClassifier, ConvolutionalEncoder, WordVocabulary, first_weights

SHORT = RelationInstance("Ann met Bob", Mention(0, 3, "PERSON"), Mention(8, 11, "PERSON"))
LONG = RelationInstance("Yesterday Ann met old Bob again", Mention(10, 13), Mention(22, 25))


def built() -> tuple[WordVocabulary, ConvolutionalEncoder]:
    vocabulary = WordVocabulary.of([SHORT, LONG], marking="C+M", max_length=8, least=1)
    words = np.random.default_rng(0).standard_normal((len(vocabulary.words), 3)).astype(np.float32)
    weights = first_weights(
        words,
        n_distances=17,
        n_types=1,
        position_dimension=2,
        type_dimension=2,
        dimension=5,
        windows=(2, 3),
        seed=0,
    )
    return vocabulary, ConvolutionalEncoder(weights)


def test_a_vector_is_the_maximum_of_the_filters_over_the_sentence() -> None:
    vocabulary, encoder = built()
    sentences, _ = vocabulary.sentences([SHORT])
    weights = encoder.weights()
    tables = ("words", "from_head", "from_tail", "types")
    x = np.concatenate(
        [weights[f"tables.{name}.weight"][ids] for name, ids in zip(tables, sentences.ids, strict=True)],
        axis=1,
    )  # (3, 9)
    expected = []
    for window, (left, right) in {2: (0, 1), 3: (1, 1)}.items():
        around = np.pad(x, ((left, right), (0, 0)))
        for kernel, bias in zip(
            *(weights[f"filters.{window}.{name}"] for name in ("weight", "bias")), strict=True
        ):
            found = [np.sum(kernel * around[start : start + window].T) + bias for start in range(len(x))]
            expected.append(np.tanh(max(found)))
    assert encoder.dimension == 5
    np.testing.assert_allclose(encoder(sentences, np.array([0])).detach()[0], expected, rtol=1e-5)


def test_a_vector_does_not_depend_on_what_it_is_padded_to() -> None:
    vocabulary, encoder = built()
    sentences, _ = vocabulary.sentences([SHORT, LONG])
    alone, together = (
        encoder(sentences, contents)[0] for contents in (sentences.row_of[:1], sentences.row_of)
    )
    torch.testing.assert_close(alone, together)


def test_words_drop_out_in_training_only() -> None:
    vocabulary, encoder = built()
    dropping = ConvolutionalEncoder(encoder.weights(), word_dropout=0.9)
    sentences, _ = vocabulary.sentences([LONG])
    dropping.train()
    assert not torch.equal(dropping(sentences, np.array([0])), encoder(sentences, np.array([0])))
    dropping.train(False)
    assert torch.equal(dropping(sentences, np.array([0])), encoder(sentences, np.array([0])))


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
