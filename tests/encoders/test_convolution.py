from __future__ import annotations

import numpy as np
import torch

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.convolution import ConvolutionalEncoder, WordVocabulary, first_weights

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


def test_in_pieces_a_vector_has_the_maximum_before_between_and_after_the_mentions() -> None:
    vocabulary, encoder = built()
    sentences, _ = vocabulary.sentences([LONG])
    pieces = ConvolutionalEncoder(encoder.weights(), pieces=True)
    whole = encoder(sentences, np.array([0]))[0]
    vector = pieces(sentences, np.array([0]))[0]
    assert pieces.dimension == 3 * encoder.dimension
    # the maxima of "Yesterday Ann", "met old Bob" and "again", window by window
    of_pieces = [vector[:9].reshape(3, 3), vector[9:].reshape(3, 2)]
    highest = torch.cat([of_window.amax(dim=0) for of_window in of_pieces])
    torch.testing.assert_close(highest, whole)
    assert all(len(of_window.unique(dim=0)) == 3 for of_window in of_pieces)


def test_a_piece_without_words_is_zero() -> None:
    vocabulary, encoder = built()
    sentences, _ = vocabulary.sentences([SHORT])
    vector = ConvolutionalEncoder(encoder.weights(), pieces=True)(sentences, np.array([0]))[0]
    after = torch.cat([vector[6:9], vector[13:]])  # nothing follows Bob
    assert not after.any()
    assert vector[:6].all()


def test_pieces_do_not_depend_on_padding_nor_on_which_mention_is_the_head() -> None:
    vocabulary, encoder = built()
    pieces = ConvolutionalEncoder(encoder.weights(), pieces=True)
    sentences, _ = vocabulary.sentences([SHORT, LONG])
    alone, together = (
        pieces(sentences, contents)[0] for contents in (sentences.row_of[:1], sentences.row_of)
    )
    torch.testing.assert_close(alone, together)
    turned = RelationInstance(SHORT.text, SHORT.tail, SHORT.head)
    of_turned, _ = vocabulary.sentences([turned])
    assert torch.equal(pieces(of_turned, np.array([0]))[0] == 0, alone == 0)


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
