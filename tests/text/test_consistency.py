"""Names that agree within a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from relscout.core.instances import Mention
from relscout.text import MarkedSentence, Passage
from relscout.text.consistency import consistent
from relscout.text.pairs import mark
from relscout.text.spacy_pipeline import SpacyPipeline

Marked = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def pipeline() -> SpacyPipeline:
    return SpacyPipeline.load()


def sentences(
    pipeline: SpacyPipeline, marked: Sequence[Marked], *, document: str = "a.txt"
) -> list[MarkedSentence]:
    """Parse each text, a sentence, and mark the first place of each name with its type instead of the tagger's."""
    parsed = pipeline.annotate(Passage(text, document=document) for text, _ in marked)
    return [
        replace(sentence, mentions=[at(sentence.text, name, kind) for name, kind in names.items()])
        for sentence, (_, names) in zip(parsed, marked, strict=True)
    ]


def at(text: str, name: str, kind: str) -> Mention:
    return Mention(text.index(name), text.index(name) + len(name), kind)


def marks(given: Sequence[MarkedSentence]) -> list[dict[str, str | None]]:
    return [{m.surface(sentence.text): m.type for m in sentence.mentions} for sentence in consistent(given)]


def test_the_last_name_of_a_person_is_a_person(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Grace Okoro was born in Lagos.", {"Grace Okoro": "PERSON", "Lagos": "GPE"}),
            ("Okoro studied in London.", {"Okoro": "GPE", "London": "GPE"}),
            ("Later Okoro led the bank.", {}),
        ],
    )
    assert marks(given)[1:] == [{"Okoro": "PERSON", "London": "GPE"}, {"Okoro": "PERSON"}]


def test_a_name_that_was_missed_is_marked_with_its_usual_type(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Nordvik Energy opened an office in Oslo.", {"Nordvik Energy": "ORG", "Oslo": "GPE"}),
            ("Nordvik Energy has hired Ida Kron.", {"Nordvik Energy": "ORG", "Ida Kron": "PERSON"}),
            ("Ida Kron advised Nordvik Energy.", {"Ida Kron": "PERSON"}),
            ("The city sued Nordvik Energy.", {"Nordvik Energy": "LAW"}),
        ],
    )
    assert marks(given)[2:] == [{"Ida Kron": "PERSON", "Nordvik Energy": "ORG"}, {"Nordvik Energy": "ORG"}]


@pytest.mark.parametrize(
    "text",
    [
        "The Okoro Prize is old.",  # a part of a longer name
        "They walked to okoro.",
        "The firm Smith-Okoro closed.",
    ],
)
def test_parts_of_other_words_and_names_are_not_marked(pipeline: SpacyPipeline, text: str) -> None:
    given = sentences(pipeline, [("Grace Okoro was here.", {"Grace Okoro": "PERSON"}), (text, {})])
    assert marks(given)[1] == {}


def test_a_title_before_a_name_is_no_part_of_it(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline, [("Grace Okoro was here.", {"Grace Okoro": "PERSON"}), ("They met Dr. Okoro there.", {})]
    )
    assert marks(given)[1] == {"Okoro": "PERSON"}


def test_a_place_keeps_its_type_where_a_person_has_its_name(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Jack London was a writer.", {"Jack London": "PERSON"}),
            ("She lived in London.", {"London": "GPE"}),
            ("London is large.", {"London": "GPE"}),
        ],
    )
    assert marks(given)[1:] == [{"London": "GPE"}, {"London": "GPE"}]


def test_a_name_that_is_also_a_common_word_is_not_marked(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Treaty signed the paper.", {"Treaty": "ORG"}),
            ("Then Treaty left.", {}),
            ("It was a treaty.", {}),
        ],
    )
    assert marks(given)[1] == {}


def test_what_a_name_after_of_or_the_is_not_a_last_name(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Ida of Aragon ruled.", {"Ida of Aragon": "PERSON"}),
            ("Aragon was rich.", {"Aragon": "GPE"}),
        ],
    )
    assert marks(given)[1] == {"Aragon": "GPE"}


def test_identifiers_other_documents_and_texts_without_a_document_change_nothing(
    pipeline: SpacyPipeline,
) -> None:
    named: list[Marked] = [("Grace Okoro was here.", {"Grace Okoro": "PERSON"})]
    short: list[Marked] = [("Okoro left.", {"Okoro": "GPE"})]
    first, second = sentences(pipeline, named), sentences(pipeline, short)
    linked = [replace(second[0], mentions=[replace(second[0].mentions[0], entity_id="Q1")])]
    assert marks([*first, *second])[1] == {"Okoro": "PERSON"}
    assert marks([*first, *linked])[1] == {"Okoro": "GPE"}
    assert marks([*first, *sentences(pipeline, short, document="b.txt")])[1] == {"Okoro": "GPE"}
    assert marks(sentences(pipeline, [*named, *short], document=""))[1] == {"Okoro": "GPE"}


def test_without_a_parse_only_given_names_are_marked(pipeline: SpacyPipeline) -> None:
    given = sentences(pipeline, [("Grace Okoro left.", {"Grace Okoro": "PERSON"}), ("Okoro left.", {})])
    assert marks([replace(sentence, parse=None) for sentence in given])[1] == {}


def test_pairs_have_the_names_of_their_document(pipeline: SpacyPipeline) -> None:
    texts = ("Charles Flint was a merchant in New York.", "Flint married Emma Kate Simmons in London.")
    passages = [Passage(text, "a.txt", start, "a.txt") for start, text in zip((0, 42), texts, strict=True)]
    types = {(pair.head_text, pair.tail_text): pair.type_pair for pair in mark(passages, annotator=pipeline)}
    assert types["Flint", "Emma Kate Simmons"] == ("PERSON", "PERSON")


def test_a_person_s_name_before_a_noun_is_not_the_person(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Alfred Okoro was a chemist.", {"Alfred Okoro": "PERSON"}),
            ("The Okoro laureate came from Ghana.", {"Ghana": "GPE"}),
        ],
    )
    assert marks(given)[1] == {"Ghana": "GPE"}


def test_a_frequent_place_is_no_last_name(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("British Honduras had a capital.", {"British Honduras": "PERSON"}),
            ("It is the capital of Honduras.", {"Honduras": "GPE"}),
            ("She came from Honduras.", {"Honduras": "GPE"}),
            ("They left Honduras.", {"Honduras": "GPE"}),
        ],
    )
    assert marks(given)[1:] == [{"Honduras": "GPE"}] * 3


@pytest.mark.parametrize(
    ("person", "other", "kind"),
    [
        ("Henry Ford", "Ford", "ORG"),
        ("George Washington", "Washington", "GPE"),
    ],
)
def test_a_company_or_a_place_with_the_last_name_of_a_person_keeps_its_type(
    pipeline: SpacyPipeline, person: str, other: str, kind: str
) -> None:
    given = sentences(
        pipeline,
        [
            *((f"{person} {verb}.", {person: "PERSON"}) for verb in ("arrived", "spoke", "left")),
            (f"{other} has grown.", {other: kind}),
            (f"They knew {other}.", {other: kind}),
        ],
    )
    assert marks(given)[3:] == [{other: kind}] * 2


def test_a_short_name_at_the_end_of_a_text_is_marked_next_to_longer_ones(pipeline: SpacyPipeline) -> None:
    given = sentences(
        pipeline,
        [
            ("Nordvik Energy Holding hired Ida Kron.", {"Nordvik Energy Holding": "ORG"}),
            ("Nordvik opened an office in Oslo.", {"Nordvik": "ORG"}),
            ("Ida Kron left Nordvik", {}),
        ],
    )
    assert marks(given)[2] == {"Nordvik": "ORG"}
