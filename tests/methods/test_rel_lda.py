from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.methods.rel_lda import (
    RelLDA,
    RelLDASettings,
    collapsed,
    features_of,
    fitted_mixture,
    posterior,
)

#: token, head, label, tag, lemma
FOUNDED = [
    ("Ada", 1, "nsubj", "PROPN", "Ada"),
    ("founded", 1, "ROOT", "VERB", "found"),
    ("a", 3, "det", "DET", "a"),
    ("firm", 1, "dobj", "NOUN", "firm"),
    ("in", 1, "prep", "ADP", "in"),
    ("Rome", 4, "pobj", "PROPN", "Rome"),
]


@pytest.fixture
def sentence() -> Callable[..., RelationInstance]:
    """Build a parsed instance from tokens and the positions of head and tail."""

    def build(
        head: int, tail: int, tokens: list[tuple[str, int, str, str, str]] = FOUNDED
    ) -> RelationInstance:
        starts, text = [], ""
        for token, *_ in tokens:
            starts.append(len(text))
            text += f"{token} "
        ends = [start + len(token) for start, (token, *_) in zip(starts, tokens, strict=True)]
        _, heads, labels, tags, lemmas = zip(*tokens, strict=True)
        parse = Parse(tuple(starts), tuple(ends), heads, labels, tags, lemmas)
        return RelationInstance(
            text.strip(),
            Mention(starts[head], ends[head], "PERSON"),
            Mention(starts[tail], ends[tail]),
            parse=parse,
        )

    return build


def test_the_features_are_those_of_the_paper(sentence: Callable[..., RelationInstance]) -> None:
    assert features_of(sentence(0, 5)) == (
        "X <nsubj found prep> in pobj> Y",
        "ada",
        "rome",
        "found",
        "founded a firm in",
        "VERB DET NOUN ADP",
        "PERSON-None",
        "nsubj-pobj",
    )


def test_the_direction_changes_the_features(sentence: Callable[..., RelationInstance]) -> None:
    there, back = features_of(sentence(0, 5)), features_of(sentence(5, 0))
    assert back[0] == "X <pobj in <prep found nsubj> Y"
    assert back[4] == "tail first: founded a firm in"
    assert (back[1], back[2]) == (there[2], there[1])


def test_a_mention_may_govern_the_other(sentence: Callable[..., RelationInstance]) -> None:
    assert features_of(sentence(1, 3))[0] == "X dobj> Y"
    assert features_of(sentence(3, 1))[0] == "X <dobj Y"


def test_without_a_parse_the_words_remain(sentence: Callable[..., RelationInstance]) -> None:
    bare = dataclasses.replace(sentence(0, 5), parse=None)
    assert features_of(bare) == ("", "ada", "rome", "", "founded a firm in", "", "PERSON-None", "")


def test_mentions_in_two_sentences_have_no_path(sentence: Callable[..., RelationInstance]) -> None:
    apart = [("Ada", 0, "ROOT", "PROPN", "Ada"), ("Rome", 1, "ROOT", "PROPN", "Rome")]
    assert features_of(sentence(0, 1, apart))[0] == ""


def drawn(size: int, n_relations: int) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Draw instances of the model: each of four features has three typical values in each relation."""
    random = np.random.default_rng(0)
    relations = random.choice(
        n_relations, size, p=np.arange(1, n_relations + 1) / sum(range(n_relations + 1))
    )
    widths = [3 * n_relations] * 4
    typical = 3 * relations[:, None] + random.integers(3, size=(size, 4))
    noisy = random.random((size, 4)) < 0.1
    values = np.where(noisy, random.integers(3 * n_relations, size=(size, 4)), typical)
    shifts = np.cumsum([0, *[width + 1 for width in widths]])
    return values + shifts[:-1], widths, relations


def test_the_relations_of_the_model_are_recovered() -> None:
    values, widths, relations = drawn(600, 4)
    mixture = fitted_mixture(values, widths, 4, settings=RelLDASettings(), random=np.random.default_rng(1))
    labels = posterior(values, mixture.log)[0].argmax(axis=1)
    table = np.zeros((4, 4))
    np.add.at(table, (labels, relations), 1)
    assert table.max(axis=1).sum() / 600 > 0.95
    # the shares of the relations are learnt, too
    np.testing.assert_allclose(np.sort(np.exp(mixture.log[-1])), [0.1, 0.2, 0.3, 0.4], atol=0.05)


def test_the_probabilities_of_each_kind_of_feature_sum_to_one() -> None:
    values, widths, _ = drawn(100, 3)
    mixture = fitted_mixture(values, widths, 5, settings=RelLDASettings(), random=np.random.default_rng(1))
    rows = np.split(np.exp(mixture.log), np.cumsum([width + 1 for width in widths]))
    for kind in rows[:-1]:
        np.testing.assert_allclose(kind[:-1].sum(axis=0), 1)
        np.testing.assert_allclose(kind[-1], 1)
    assert rows[-1].sum() == pytest.approx(1)


def test_an_update_is_that_of_a_slow_loop_over_all_others() -> None:
    columns, widths, _ = drawn(30, 2)
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    counts = np.zeros((sum(widths) + 4, 3))
    for values, row in zip(columns, shares, strict=True):
        counts[values] += row
    beta, updated = 0.3, collapsed(columns, counts, shares, widths, 0.3)
    for instance in (0, 17):
        others = [other for other in range(30) if other != instance]
        for relation in range(3):
            size = sum(shares[other, relation] for other in others)
            expected = (size + 1) / (29 + 3)
            for kind, width in enumerate(widths):
                same = [other for other in others if columns[other, kind] == columns[instance, kind]]
                count = sum(shares[other, relation] for other in same)
                expected *= (count + beta) / (size + beta * width)
            assert np.exp(updated[instance, relation]) == pytest.approx(expected)


def test_an_instance_does_not_confirm_its_own_relation() -> None:
    columns = np.array([[0, 3], [1, 3], [1, 3]])
    rows = []
    for own in ([1.0, 0.0], [0.0, 1.0]):
        shares = np.array([own, [0.0, 1.0], [0.5, 0.5]])
        counts = np.zeros((5, 2))
        for values, row in zip(columns, shares, strict=True):
            counts[values] += row
        rows.append(collapsed(columns, counts, shares, [2, 1], 0.1)[0])
    np.testing.assert_allclose(*rows)


def test_the_posterior_is_that_of_a_slow_loop() -> None:
    values = np.array([[0, 3], [1, 2]])
    log = np.log([[0.7, 0.2], [0.3, 0.8], [0.4, 0.5], [0.6, 0.5], [0.25, 0.75]])
    shares, likelihood = posterior(values, log)
    joint = np.array([[0.25 * 0.7 * 0.6, 0.75 * 0.2 * 0.5], [0.25 * 0.3 * 0.4, 0.75 * 0.8 * 0.5]])
    np.testing.assert_allclose(shares, joint / joint.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(np.exp(likelihood), joint.sum(axis=1))


def test_a_value_that_was_never_seen_is_as_likely_under_all_relations(
    sentence: Callable[..., RelationInstance],
) -> None:
    instances = [
        dataclasses.replace(sentence(*pair), id=f"{pair} {number}")
        for pair in ((0, 5), (3, 5))
        for number in range(10)
    ]
    fitted = RelLDA(n_relations=2, annotate=False).fit(instances)
    assert len(set(fitted.labels_[:10])) == 1
    assert fitted.labels_[0] != fitted.labels_[-1]
    other = RelationInstance("Zoë knew Bo", Mention(0, 3), Mention(9, 11))
    np.testing.assert_allclose(fitted.predict_proba([other]), 0.5, atol=1e-3)


def test_the_estimated_number_comes_with_its_curve(sentence: Callable[..., RelationInstance]) -> None:
    pairs = ((0, 5), (3, 5), (5, 0))
    instances = [
        dataclasses.replace(sentence(*pair), id=f"{pair} {number}") for pair in pairs for number in range(20)
    ]
    fitted = RelLDA(annotate=False).fit(instances)
    assert fitted.n_relations_ == 3
    assert fitted.report_["k_curve"]["candidates"] == [1, 2, 3]


def test_the_simple_model_reads_three_features(sentence: Callable[..., RelationInstance]) -> None:
    instances = [
        dataclasses.replace(
            sentence(0, 5), head=dataclasses.replace(sentence(0, 5).head, type=kind), id=f"{kind} {number}"
        )
        for kind in ("PERSON", "ORG")
        for number in range(10)
    ]
    RelLDA(n_relations=2, annotate=False).fit(instances)
    # head, tail and path are the same in all
    with pytest.raises(InputError, match="2 relations of 20 instances with 1 different features"):
        RelLDA(n_relations=2, annotate=False, features="simple").fit(instances)


def test_a_missing_parse_is_that_of_the_pipeline() -> None:
    text = "Marie Curie was born in Warsaw and she moved to Paris when she was young."
    instances = [
        RelationInstance.from_strings(text, "Marie Curie", tail, head_type="PERSON", tail_type="GPE")
        for tail in ("Warsaw", "Paris")
    ]
    read = RelLDA().completed(instances, lambda *_: None)
    assert features_of(read[0])[0] == "X <nsubjpass bear prep> in pobj> Y"
    # the texts are the same, so they share a parse
    assert read[0].parse is read[1].parse


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("smoothing", 0.0, "smoothing is 0.0, expected a number above 0"),
        ("features", "ful", "did you mean 'full'"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RelLDA(**{setting: value}).settings()
