"""Entities by token classifiers and GLiNER."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import MissingExtraError, SettingError
from relscout.core.instances import Mention
from relscout.text import MarkedSentence, Passage
from relscout.text.recognisers import Gliner, Recognised, TokenClassifier, entities

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Return the folder of a random token classifier."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    folder = tmp_path_factory.mktemp("token-classifier")
    config = BertConfig.from_pretrained(tiny_bert, num_labels=len(LABELS))
    config.id2label = dict(enumerate(LABELS))
    torch.manual_seed(0)
    BertForTokenClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


@pytest.fixture
def classifier(saved: Path) -> TokenClassifier:
    return TokenClassifier.load(str(saved))


class Keyed:
    """A recogniser that finds what is written in capital letters."""

    fingerprint = "capitals"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
        self.sizes.append(len(sentences))
        return [
            [
                Mention(text.index(word), text.index(word) + len(word), "X")
                for word in text.split()
                if word.isupper()
            ]
            for text in sentences
        ]


def test_sentences_are_given_in_batches_and_come_back_in_order() -> None:
    keyed = Keyed()
    passages = [Passage(f"We met IDA again. Then BOLT {number}.", "d", 100 * number) for number in range(3)]
    found = list(Recognised(keyed, batch_size=4).annotate(passages))
    assert keyed.sizes == [4, 2]
    assert [(one.document_start, one.mentions[0].surface(one.text)) for one in found] == [
        (0, "IDA"), (18, "BOLT"), (100, "IDA"), (118, "BOLT"), (200, "IDA"), (218, "BOLT")
    ]  # fmt: skip


def test_of_entities_that_overlap_the_longest_is_kept() -> None:
    class Nested(Keyed):
        def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
            return [[Mention(0, 3), Mention(0, 8), Mention(9, 12), Mention(6, 10)] for _ in sentences]

    (sentence,) = Recognised(Nested()).annotate([Passage("Ida Kron or Bo")])
    assert [(one.start, one.end) for one in sentence.mentions] == [(0, 8), (9, 12)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("B-PER I-PER O B-LOC", ["Ida Kron/PER", "Oslo/LOC"]),
        ("PER PER O LOC", ["Ida Kron/PER", "Oslo/LOC"]),
        ("I-PER I-PER O I-LOC", ["Ida Kron/PER", "Oslo/LOC"]),
        ("B-PER B-PER O S-LOC", ["Ida/PER", "Kron/PER", "Oslo/LOC"]),
        ("B-PER L-PER U-LOC U-LOC", ["Ida Kron/PER", "in/LOC", "Oslo/LOC"]),
        ("B-PER E-PER E-PER O", ["Ida Kron/PER", "in/PER"]),
        ("B-PER I-LOC O O", ["Ida/PER", "Kron/LOC"]),
        ("O O O O", []),
    ],
)
def test_labels_of_several_schemes_become_entities(labels: str, expected: list[str]) -> None:
    text = "Ida Kron in Oslo"
    spans = [(0, 3), (4, 8), (9, 11), (12, 16)]
    words = [(*span, label) for span, label in zip(spans, labels.split(), strict=True)]
    assert [f"{one.surface(text)}/{one.type}" for one in entities(words, text)] == expected


def word_labels(classifier: TokenClassifier, text: str) -> list[str]:
    """Return what the model says of the first token of each word, the text being read alone."""
    import torch

    encoded = classifier.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        best = classifier.model(**encoded).logits[0].argmax(dim=-1).tolist()
    words = encoded.word_ids(0)
    firsts = [place for place, word in enumerate(words) if word is not None and word not in words[:place]]
    return [LABELS[best[place]] for place in firsts]


def test_a_token_classifier_labels_words_by_their_first_token(classifier: TokenClassifier) -> None:
    texts = ["marie curie works in warsaw .", "john founded the company in new york"]
    for text, found in zip(texts, classifier.find(texts), strict=True):
        spans, start = [], 0
        for word in text.split():
            spans.append((start, start + len(word)))
            start += len(word) + 1
        labelled = [(*span, label) for span, label in zip(spans, word_labels(classifier, text), strict=True)]
        assert found == entities(labelled, text)
    assert any(classifier.find(texts)), "a classifier that finds nothing shows nothing here"


def test_a_sentence_longer_than_the_model_is_read_to_its_end(classifier: TokenClassifier) -> None:
    limit = classifier.model.config.max_position_embeddings
    text = "marie curie works in warsaw . " * limit
    (found,) = classifier.find([text])
    assert found == sorted(found, key=lambda one: one.start)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert found[-1].end > len(text) - 40


def test_what_stands_around_a_sentence_in_its_batch_changes_nothing(classifier: TokenClassifier) -> None:
    text = "marie curie works in warsaw ."
    assert classifier.find([text, text + " she died in paris ."])[0] == classifier.find([text])[0]


def test_the_fingerprint_depends_on_the_weights(classifier: TokenClassifier, saved: Path) -> None:
    import torch

    before = classifier.fingerprint
    assert TokenClassifier.load(str(saved)).fingerprint == before
    other = TokenClassifier.load(str(saved))
    with torch.no_grad():
        other.model.classifier.bias += 1
    assert other.fingerprint != before


def test_a_missing_model_and_a_model_without_types_are_errors(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(SettingError, match="does not load"):
        TokenClassifier.load(str(tmp_path))
    with pytest.raises(SettingError, match="names no entity types, only LABEL_0, LABEL_1"):
        TokenClassifier.load(str(tiny_bert))


class Answers:
    """What GLiNER answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[str], float]] = []

    def inference(
        self, texts: list[str], labels: list[str], *, threshold: float
    ) -> list[list[dict[str, Any]]]:
        self.asked.append((texts, labels, threshold))
        return [
            [{"start": 0, "end": 3, "text": text[:3], "label": labels[0], "score": 0.9}] if text else []
            for text in texts
        ]


def test_gliner_is_asked_for_the_types_and_its_answers_become_entities() -> None:
    model = Answers()
    annotator = Recognised(Gliner(model, ["person", "town"], threshold=0.3))
    found: list[MarkedSentence] = list(annotator.annotate([Passage("Ida runs. Bob too.")]))
    assert [[(each.surface(one.text), each.type) for each in one.mentions] for one in found] == [
        [("Ida", "person")],
        [("Bob", "person")],
    ]
    assert model.asked == [(["Ida runs.", "Bob too."], ["person", "town"], 0.3)]


def test_gliner_is_loaded_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("gliner")

    class Model(Answers):
        @classmethod
        def from_pretrained(cls, name: str) -> Model:
            if name != "here":
                raise OSError("no such model")
            return cls()

    module.GLiNER = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gliner", module)
    assert Gliner.load("here", ["person"]).find(["Ida"]) == [[Mention(0, 3, "person")]]
    with pytest.raises(SettingError, match="the GLiNER model 'there' does not load: no such model"):
        Gliner.load("there", ["person"])


def test_a_missing_gliner_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gliner", None)
    with pytest.raises(MissingExtraError, match=r"relscout\[gliner\]"):
        Gliner.load("here", ["person"])


def test_gliner_needs_types_and_a_probability() -> None:
    with pytest.raises(SettingError, match="needs the types"):
        Gliner(Answers(), [])
    with pytest.raises(SettingError, match="threshold is 2"):
        Gliner(Answers(), ["person"], threshold=2)


def test_fingerprints_depend_on_what_decides_the_entities() -> None:
    base = Gliner(Answers(), ["person"], name="m").fingerprint
    assert Gliner(Answers(), ["person"], name="m").fingerprint == base
    assert Gliner(Answers(), ["town"], name="m").fingerprint != base
    assert Gliner(Answers(), ["person"], name="m", threshold=0.4).fingerprint != base
