"""Syntax for instances that have none, and whether a text looks English."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.text.spacy_pipeline import SpacyPipeline, looks_english, with_syntax

ENGLISH = (
    "The old harbour of the town was built by fishermen who had come from the north.",
    "When the winter was over, they sold the boats and moved to a house on the hill.",
)
GERMAN = (
    "Der alte Hafen der Stadt wurde von Fischern gebaut, die aus dem Norden gekommen waren.",
    "Als der Winter vorbei war, verkauften sie die Boote und zogen in ein Haus auf dem Berg.",
)
FRENCH = ("Le vieux port de la ville a été construit par des pêcheurs qui étaient venus du nord.",)
SPANISH = ("El viejo puerto de la ciudad fue construido por pescadores que habían venido del norte.",)
CHINESE = ("这座城市的旧港口是由来自北方的渔民建造的。", "冬天过去以后，他们卖掉了船，搬到山上的房子里。")
THAI = ("ท่าเรือเก่าของเมืองนี้สร้างโดยชาวประมงที่มาจากทางเหนือ",)


def instance(text: str, head: str, tail: str) -> RelationInstance:
    spans = [(text.index(name), text.index(name) + len(name)) for name in (head, tail)]
    return RelationInstance(text, *(Mention(*span) for span in spans))


def test_english_looks_english() -> None:
    assert looks_english(ENGLISH)
    assert looks_english([" ".join(ENGLISH).upper()])


@pytest.mark.parametrize(
    "texts", [GERMAN, FRENCH, SPANISH, CHINESE, THAI], ids=["de", "fr", "es", "zh", "th"]
)
def test_other_languages_do_not(texts: tuple[str, ...]) -> None:
    assert not looks_english(texts)


@pytest.mark.parametrize("texts", [[], [""], ["  \n"], ["1984 – 2001 …"]])
def test_what_has_no_words_does_not(texts: list[str]) -> None:
    assert not looks_english(texts)


def test_the_language_is_that_of_most_words_in_any_order() -> None:
    mostly_german = [*GERMAN * 4, ENGLISH[0]]
    assert looks_english([*ENGLISH, GERMAN[0]])
    # a text that is repeated counts once
    assert (
        looks_english(mostly_german)
        == looks_english(mostly_german[::-1])
        == looks_english(set(mostly_german))
    )


def test_instances_get_the_syntax_of_their_text() -> None:
    given = instance("The town of Oslo was founded by King Harald.", "Oslo", "King Harald")
    (found,) = with_syntax([given])
    assert found == given  # a parse is not compared
    assert found.parse is not None
    assert [given.text[a:b] for a, b in zip(found.parse.starts, found.parse.ends, strict=True)][:3] == [
        "The",
        "town",
        "of",
    ]
    assert "agent" in found.parse.labels


def test_a_text_is_parsed_once_and_a_parse_that_is_there_is_kept() -> None:
    text = "The town of Oslo was founded by King Harald."
    first = instance(text, "Oslo", "King Harald")
    other, parsed = instance(text, "town", "Oslo"), with_syntax([first])[0]
    own = replace(parsed, text="The town of Oslo was founded by King Harald!")
    found = with_syntax([first, other, own])
    assert found[0].parse is found[1].parse
    assert found[2] is own


def test_a_text_in_another_language_is_not_parsed_unless_a_pipeline_is_given() -> None:
    given = [instance(GERMAN[0], "Stadt", "Norden")]
    assert with_syntax(given)[0].parse is None
    assert with_syntax(given, pipeline=SpacyPipeline.load(needs_entities=False))[0].parse is not None


def test_nothing_is_parsed_where_there_is_nothing() -> None:
    assert with_syntax([]) == []
