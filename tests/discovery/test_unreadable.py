"""Texts that the encoder cannot read or cannot distinguish are reported, and refused where they are too many."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from relscout import RelationInstance
from relscout.core.errors import InputError
from relscout.core.instances import Mention
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder
from relscout.methods.vectors import identical_share

TOWNS = ("Kutaisi", "Batumi", "Gori", "Zugdidi", "Poti", "Telavi")


def _mixed(share: int) -> list[RelationInstance]:
    """Sentences of which about every tenth to third word is unknown."""
    return [
        RelationInstance.from_strings(
            f"Nino {number} was born {'☃ ' * share}in the old town of {town} again.", f"Nino {number}", town
        )
        for number in range(4)
        for town in TOWNS
    ]


def test_sentences_in_another_script_are_refused_with_the_remedy(encoder: TransformerEncoder) -> None:
    people, towns = ("ኒኖ", "ዳዊት", "ሳራ"), ("ጎንደር", "ሐረር", "አክሱም")
    corpus = [
        RelationInstance.from_strings(f"{person} በ{town} ተወለደ።", person, town)
        for person in people
        for town in towns
    ]
    with pytest.raises(InputError, match=r"unknown to the encoder .*multilingual.*allow_unknown_tokens=True"):
        discover(corpus, encoder=encoder)


def test_symbols_that_no_vocabulary_has_are_refused_unless_allowed(encoder: TransformerEncoder) -> None:
    corpus = _mixed(40)
    with pytest.raises(InputError, match="--allow-unknown-tokens"):
        discover(corpus, n_relations=2, encoder=encoder)
    allowed = discover(corpus, n_relations=2, encoder=encoder, allow_unknown_tokens=True)
    assert "of the tokens of these texts are unknown" in allowed.run["warnings"][0]
    assert allowed.assignments.confidences.max() < 0.5


def test_some_unknown_tokens_are_a_warning(encoder: TransformerEncoder) -> None:
    (warning,) = discover(_mixed(2), n_relations=2, encoder=encoder).run["warnings"]
    assert "unknown to the encoder 'minilm'" in warning


def test_given_vectors_do_not_come_from_the_encoder(encoder: TransformerEncoder) -> None:
    corpus = _mixed(40)
    vectors = np.random.default_rng(0).standard_normal((len(corpus), 2304)).astype(np.float32)
    found = discover(corpus, n_relations=2, encoder=encoder, vectors=vectors)
    assert (len(found.relations), found.run["warnings"]) == (2, [])


def test_new_text_is_checked_too(found: Discovery) -> None:
    with pytest.raises(InputError, match="allow_unknown_tokens=True"):
        found.predict(_mixed(40))
    assert len(found.predict(_mixed(40), allow_unknown_tokens=True).warnings) == 1
    (warning,) = found.predict(_mixed(2)).warnings
    assert "unknown to the encoder 'minilm'" in warning


def test_new_text_that_is_too_long_is_counted(found: Discovery, unseen: list[RelationInstance]) -> None:
    assert found.predict(unseen).warnings == []
    far = RelationInstance.from_strings(f"Ada was born {'in spring, ' * 400}in London.", "Ada", "London")
    (warning,) = found.predict([*unseen, far]).warnings
    assert warning.startswith("in 1 instance, words between the entities were left out")


def test_different_texts_with_one_vector_are_reported(instances: list[RelationInstance]) -> None:
    vectors = np.random.default_rng(0).standard_normal((len(instances), 8)).astype(np.float32)
    vectors[::4] = vectors[0]
    found = discover(instances, n_relations=3, vectors=vectors)
    (warning,) = found.run["warnings"]
    share = len(instances[::4]) / len(instances)
    assert warning.startswith(
        f"{share:.0%} of the instances have the same vector as instances with another text"
    )


def test_the_same_sentence_about_others_may_have_one_vector(instances: list[RelationInstance]) -> None:
    first = RelationInstance.from_strings("Ada married Bob.", "Ada", "Bob")
    others = [
        RelationInstance.from_strings(f"Ida married Tom{number}.", "Ida", f"Tom{number}")
        for number in range(9)
    ]
    vectors = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    vectors[10:] = vectors[10]
    corpus = [*(replace(one, id="") for one in instances[:10]), first, *others]
    assert discover(corpus, n_relations=2, vectors=vectors).run["warnings"] == []


def test_vectors_are_compared_in_little_memory() -> None:
    instances = [RelationInstance(f"Ada met Bob {n}", Mention(0, 3), Mention(8, 11)) for n in range(500)] * 80
    vectors = np.random.default_rng(0).standard_normal((len(instances), 128)).astype(np.float32)
    tracemalloc.start()
    try:
        assert identical_share(instances, vectors) == 0
        assert tracemalloc.get_traced_memory()[1] < 0.75 * vectors.nbytes
    finally:
        tracemalloc.stop()
