from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.methods.rw_hac import RWHAC, Projection, embeddings_of, one_hot_types, sums_of, words_of

TEXT = "Ada quickly founded a firm in Rome today"
STARTS = (0, 4, 12, 20, 22, 27, 30, 35)
ENDS = (3, 11, 19, 21, 26, 29, 34, 40)
PARSED = RelationInstance(
    TEXT,
    Mention(0, 3, "PERSON"),
    Mention(30, 34, "GPE"),
    parse=Parse(
        STARTS,
        ENDS,
        heads=(2, 2, 2, 4, 2, 2, 5, 2),
        labels=("nsubj", "advmod", "ROOT", "det", "dobj", "prep", "pobj", "npadvmod"),
        tags=("PROPN", "ADV", "VERB", "DET", "NOUN", "ADP", "PROPN", "NOUN"),
        lemmas=tuple(TEXT.split()),
    ),
)


def test_words_on_the_path_are_apart_from_others_and_mentions_left_out() -> None:
    words, on_path, others = words_of(PARSED)
    assert words == TEXT.lower().split()
    assert on_path == ["founded", "in"]
    assert others == ["quickly", "a", "firm", "today"]


def test_without_a_parse_no_word_is_on_the_path() -> None:
    words, on_path, others = words_of(dataclasses.replace(PARSED, parse=None))
    assert words == TEXT.lower().split()
    assert on_path == []
    assert others == ["quickly", "founded", "a", "firm", "in", "today"]


def test_words_are_weighted_by_their_place() -> None:
    embeddings = np.eye(3, dtype=np.float32)
    sums = sums_of([PARSED], {"founded": 0, "quickly": 1, "unseen": 2}, embeddings, (3.0, 4.0, 1.0))
    np.testing.assert_allclose(sums, [[0.6, 0.8, 0.0]], atol=1e-6)


def test_an_unknown_type_is_zero() -> None:
    other = dataclasses.replace(PARSED, tail=Mention(30, 34, "FACILITY"))
    rows = one_hot_types([PARSED, other], (["ORG", "PERSON"], ["GPE"]))
    assert rows.tolist() == [[0, 1, 1], [0, 1, 0]]


def test_words_with_the_same_neighbours_have_similar_embeddings() -> None:
    random = np.random.default_rng(0)
    verbs, places = ["born", "raised", "died"], ["Paris", "Rome", "Oslo"]
    goods, shops = ["bread", "milk", "salt"], ["baker", "grocer", "market"]
    texts = [
        [str(random.choice(group)) for group in ((verbs, places) if place % 2 else (goods, shops))]
        for place in range(200)
    ]
    vectors = embeddings_of(texts, width=4, window=2)
    assert len(vectors) == 12
    np.testing.assert_allclose([np.linalg.norm(vector) for vector in vectors.values()], 1, atol=1e-5)
    assert vectors["born"] @ vectors["raised"] > 0.9
    assert abs(vectors["born"] @ vectors["bread"]) < 0.1


@pytest.mark.parametrize("texts", [[], [["one"]], [["one"], ["two"], ["three"], ["four"]]])
def test_texts_without_neighbours_have_embeddings_too(texts: list[list[str]]) -> None:
    vectors = embeddings_of(texts, width=8, window=5)
    assert sorted(vectors) == sorted({word for text in texts for word in text})
    assert all(np.isfinite(vector).all() for vector in vectors.values())


def test_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    projected = Projection.of(rows, 3).of_rows(rows)
    expected = PCA(3).fit_transform(rows)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    # the sign of a component is arbitrary
    np.testing.assert_allclose(np.abs(projected), np.abs(expected), atol=1e-4)


def test_equal_rows_project_to_zero_and_stay_equal() -> None:
    rows = np.full((5, 3), 0.1, dtype=np.float32)
    assert not Projection.of(rows, 2).of_rows(rows).any()


def test_without_types_words_decide() -> None:
    there = [
        RelationInstance.from_strings(f"Ada{number} founded Borealis", f"Ada{number}", "Borealis")
        for number in range(10)
    ]
    back = [
        RelationInstance.from_strings(f"Ada{number} sold bread", f"Ada{number}", "bread")
        for number in range(10)
    ]
    fitted = RWHAC(n_relations=2, annotate=False).fit([*there, *back])
    assert len(set(fitted.labels_[:10])) == len(set(fitted.labels_[10:])) == 1
    assert fitted.labels_[0] != fitted.labels_[-1]


def test_of_many_instances_a_sample_is_clustered_with_a_warning() -> None:
    instances = [
        RelationInstance.from_strings(f"Ada{number} met Bo", f"Ada{number}", "Bo", head_type="AB"[number % 2])
        for number in range(12)
    ]
    fitted = RWHAC(n_relations=2, annotate=False, max_instances=8).fit(instances)
    assert fitted.report_["warnings"][0].startswith("8 of 12 instances were clustered")
    assert fitted.labels_.tolist() in ([0, 1] * 6, [1, 0] * 6)


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("width", 0, "width is 0, expected at least 1"),
        ("path_weight", -1.0, "path_weight is -1.0, expected at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RWHAC(**{setting: value}).settings()
