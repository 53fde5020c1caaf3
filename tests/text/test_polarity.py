"""Whether a sentence asserts a relation, denies it, or only supposes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.text.polarity import polarity
from relscout.text.spacy_pipeline import SpacyPipeline, parse_of

if TYPE_CHECKING:
    from spacy.language import Language

Parsed = Callable[[RelationInstance], RelationInstance]


_HERE = Path(__file__).parent


def sentences(part: str) -> list[tuple[str, RelationInstance]]:
    """Return the sentences of a part (``"development"``, ``"held_out"``) with their polarity."""
    lines = (_HERE / f"polarity_{part}.txt").read_text(encoding="utf-8").splitlines()
    return [(gold, marked(sentence)) for gold, sentence in (line.split("\t") for line in lines)]


def marked(sentence: str) -> RelationInstance:
    """Return a sentence whose two mentions stand in square brackets; the earlier one is the head."""
    text, spans = "", []
    for piece in re.split(r"(\[[^]]*\])", sentence):
        if piece.startswith("["):
            spans.append(Mention(len(text), len(text) + len(piece) - 2))
            piece = piece[1:-1]
        text += piece
    head, tail = spans
    return RelationInstance(text, head, tail)


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    """Return a function that gives an instance the parse of the default pipeline."""
    nlp: Language = SpacyPipeline.load().nlp
    return lambda instance: replace(instance, parse=parse_of(nlp(instance.text)))


@pytest.mark.parametrize("part", ["development", "held_out"])
def test_about_half_of_the_sentences_assert_though_they_hold_negations_elsewhere(part: str) -> None:
    gold = [polarity for polarity, _ in sentences(part)]
    assert len(gold) >= 60
    assert {"negated", "hypothetical"} < set(gold)
    assert gold.count("asserted") >= 0.48 * len(gold)


def test_the_sentences_of_the_development_part_are_classified_by_their_parse(parsed: Parsed) -> None:
    wrong = [one.text for gold, one in sentences("development") if polarity(parsed(one)) != gold]
    assert wrong == []


def test_the_sentences_of_the_development_part_are_classified_by_their_words() -> None:
    assert [one.text for gold, one in sentences("development") if polarity(one) != gold] == []


def test_sentences_held_out_are_nearly_all_classified(parsed: Parsed) -> None:
    held_out = sentences("held_out")
    by_parse = sum(polarity(parsed(one)) == gold for gold, one in held_out)
    by_words = sum(polarity(one) == gold for gold, one in held_out)
    assert by_parse >= 0.95 * len(held_out)
    assert by_words >= 0.9 * len(held_out)


BOTH_WAYS = [
    ("[Lena Ferro] never worked for [Kestrel Bank].", "negated"),
    ("[Lena Ferro] did not found [Kestrel Foundry].", "negated"),
    ("[Lena Ferro] was not born in [Tunis].", "negated"),
    ("If [Lena Ferro] had married [Oskar Lund], things would differ.", "hypothetical"),
    ("[Lena Ferro] works for [Kestrel Bank] as an engineer.", "asserted"),
    ("[Lena Ferro] read a book about [Kestrel Bank].", "asserted"),
    ("[Lena Ferro] might not work for [Kestrel Bank].", "negated"),
    ("Why did [Lena Ferro] leave [Kestrel Bank]?", "asserted"),
    ("[Lena Ferro] will join [Kestrel Bank] in May.", "asserted"),
    ("[Lena Ferro] said that she works for [Kestrel Bank].", "asserted"),
]


@pytest.mark.parametrize(("sentence", "expected"), BOTH_WAYS)
def test_the_parse_tells_the_polarity(parsed: Parsed, sentence: str, expected: str) -> None:
    assert polarity(parsed(marked(sentence))) == expected


@pytest.mark.parametrize(("sentence", "expected"), BOTH_WAYS)
def test_without_a_parse_the_words_tell_it(sentence: str, expected: str) -> None:
    assert polarity(marked(sentence)) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        # what holds the clause of the pair
        ("[Lena Ferro] said that she had never worked for [Kestrel Bank].", "negated"),
        ("Nobody believes that [Lena Ferro] owns [Kestrel Bank].", "negated"),
        ("Nobody denied that [Lena Ferro] owns [Kestrel Bank].", "asserted"),
        ("Oskar did not know that [Lena Ferro] owns [Kestrel Bank].", "asserted"),
        ("Oskar denied that [Lena Ferro] lived in [Tunis].", "negated"),
        # verbs that stand together
        ("[Lena Ferro] did not join or support [Kestrel Bank].", "negated"),
        ("[Lena Ferro] might come and join [Kestrel Bank].", "hypothetical"),
        ("[Lena Ferro] refused to sleep but joined [Kestrel Bank].", "asserted"),
        ("[Lena Ferro] is not a nurse but the founder of [Kestrel Bank].", "asserted"),
        # what is said of one mention only
        ("[Lena Ferro] moved not to Tunis but to [Cairo].", "asserted"),
        ("Oskar did not meet [Lena Ferro], who founded [Kestrel Bank].", "asserted"),
        ("[Lena Ferro], the alleged founder of [Kestrel Bank], was silent.", "hypothetical"),
    ],
)
def test_the_syntax_says_what_a_word_applies_to(parsed: Parsed, sentence: str, expected: str) -> None:
    assert polarity(parsed(marked(sentence))) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Had [Mara Quill] joined [Orbit Foods], she would be rich.", "hypothetical"),
        ("Should the [Quill Group] buy [Orbit Foods], prices rise.", "hypothetical"),
        ("Were [Mara Quill] to buy [Orbit Foods], prices would rise.", "hypothetical"),
        ("She had [Mara Quill] hired by [Orbit Foods].", "asserted"),
        ("[Mara Quill] had joined [Orbit Foods] before the war.", "asserted"),
        ("Imagine that [Mara Quill] had founded [Orbit Foods].", "hypothetical"),
        ("In case [Mara Quill] leaves [Orbit Foods], call me.", "hypothetical"),
        ("[Mara Quill] hardly ever worked with [Orbit Foods].", "negated"),
        ("[Mara Quill] is far from being the owner of [Orbit Foods].", "negated"),
        ("[Mara Quill] was wrongly said to have founded [Orbit Foods].", "negated"),
    ],
)
def test_words_that_suppose_or_deny_without_a_parse(sentence: str, expected: str) -> None:
    assert polarity(marked(sentence)) == expected


def test_a_negative_word_beats_a_hypothetical_one(parsed: Parsed) -> None:
    sentence = marked("If [Lena Ferro] had not joined [Kestrel Bank], it would have failed.")
    assert polarity(parsed(sentence)) == polarity(sentence) == "negated"


@pytest.mark.parametrize("song", ["Maybe", "Never Again", "If Not Now"])
def test_words_of_a_name_say_nothing(parsed: Parsed, song: str) -> None:
    sentence = marked(f'"[{song}]" is a song by [Lena Ferro].')
    assert polarity(parsed(sentence)) == polarity(sentence) == "asserted"


def test_the_order_of_head_and_tail_does_not_matter(parsed: Parsed) -> None:
    for _, one in [*sentences("development"), *sentences("held_out")]:
        assert polarity(parsed(one)) == polarity(parsed(one).swapped())
        assert polarity(one) == polarity(one.swapped())


@pytest.mark.parametrize(
    "sentence", ["[Lena Ferro] no trabaja en [Banco Sur].", "[Lena Ferro] wurde nicht in [Bonn] geboren."]
)
def test_text_of_other_languages_counts_as_asserted(parsed: Parsed, sentence: str) -> None:
    assert polarity(marked(sentence)) == "asserted"
