"""Names of clusters whose instances have a parse."""

from __future__ import annotations

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.naming import RelationName, name_relations
from relscout.text.spacy_pipeline import SpacyPipeline, parse_of

PEOPLE = ("Ada King", "Alan Ross", "Grace Hall", "Karl Berg", "Emma Lind", "John Moss")
PLACES = ("Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Accra")
FIRMS = ("Google", "Nokia", "Toyota", "Boeing", "Siemens", "Microsoft")


class Parser:
    """Makes instances from templates with {head} and {tail}, parsed once each."""

    def __init__(self, pipeline: SpacyPipeline) -> None:
        self._pipeline = pipeline

    def __call__(
        self, *templates: str, tails: tuple[str, ...] = PLACES, types: tuple[str, str] = ("PERSON", "GPE")
    ) -> list[RelationInstance]:
        return [
            self._instance(template, head, tail, types)
            for head, tail in zip(PEOPLE, tails, strict=True)
            for template in templates
        ]

    def _instance(self, template: str, head: str, tail: str, types: tuple[str, str]) -> RelationInstance:
        text = template.format(head=head, tail=tail)
        spans = [(text.index(name), text.index(name) + len(name)) for name in (head, tail)]
        head_mention, tail_mention = (Mention(*span, type) for span, type in zip(spans, types, strict=True))
        return RelationInstance(text, head_mention, tail_mention, parse=parse_of(self._pipeline.nlp(text)))


@pytest.fixture(scope="module")
def parsed(pipeline: SpacyPipeline) -> Parser:
    return Parser(pipeline)


def named(*clusters: list[RelationInstance]) -> list[RelationName]:
    instances = [instance for cluster in clusters for instance in cluster]
    labels = [label for label, cluster in enumerate(clusters) for _ in cluster]
    return list(name_relations(instances, labels).values())


@pytest.fixture(scope="module")
def died(parsed: Parser) -> list[RelationInstance]:
    return parsed("{head} died in {tail}.")


@pytest.fixture(scope="module")
def founded(parsed: Parser) -> list[RelationInstance]:
    templates = (
        "{tail} was founded by {head}.",
        "{head}, who founded {tail}, lives here.",
        "{head} founded {tail}.",
    )
    return parsed(*templates, tails=FIRMS, types=("PERSON", "ORG"))


def test_a_name_reads_from_head_to_tail_whichever_comes_first(
    founded: list[RelationInstance], died: list[RelationInstance]
) -> None:
    name, _ = named(founded, died)
    assert (name.name, name.pattern) == ("founded", "HEAD founded TAIL")


def test_words_between_that_do_not_connect_are_left_out(parsed: Parser, died: list[RelationInstance]) -> None:
    name, _ = named(parsed("{head}, a quiet neighbour, was born in {tail}."), died)
    assert name.name == "born in"


def test_the_share_says_how_many_instances_agree(parsed: Parser, died: list[RelationInstance]) -> None:
    half = [*parsed("{head} was born in {tail}."), *parsed("{head} moved to {tail}.")]
    name, _ = named(half, died)
    assert name.share == pytest.approx(0.5, abs=0.1)


def test_another_form_of_the_same_word_agrees(
    parsed: Parser, founded: list[RelationInstance], died: list[RelationInstance]
) -> None:
    founders = parsed("{head} is the founder of {tail}.", tails=FIRMS, types=("PERSON", "ORG"))
    assert named([*founded, *founders], died)[0].share == 1.0


def test_a_pure_relation_is_not_mixed(founded: list[RelationInstance], died: list[RelationInstance]) -> None:
    assert [name.mixed for name in named(founded, died)] == [False, False]


def test_a_relation_of_unlike_content_is_called_mixed(parsed: Parser, died: list[RelationInstance]) -> None:
    unlike = parsed(
        "{head} was born in {tail}.",
        "{head} moved to {tail}.",
        "{head} visited {tail}.",
        "{head} wrote about {tail}.",
        "{head} is the mayor of {tail}.",
    )
    name, _ = named(unlike, died)
    assert name.mixed
    assert name.name.startswith("mixed: ")
    assert len(name.name.removeprefix("mixed: ").split(" / ")) == 2


def test_a_plain_preposition_names_what_nothing_else_does(
    parsed: Parser, died: list[RelationInstance]
) -> None:
    name, _ = named(parsed("{head} was in {tail}."), died)
    assert name.name == "in"


def test_a_relation_without_any_connection_has_a_vague_name_and_is_mixed(
    parsed: Parser, died: list[RelationInstance]
) -> None:
    apart = parsed("{head} spoke of peace while rain fell and crowds left {tail}.")
    name, _ = named(apart, died)
    assert (name.name, name.pattern) == ("associated with", "HEAD associated with TAIL")
    assert name.mixed


def test_two_relations_of_one_connection_get_two_names(parsed: Parser, died: list[RelationInstance]) -> None:
    dates = parsed(
        "{head} died in {tail}.",
        tails=("1901", "1902", "1903", "1904", "1905", "1906"),
        types=("PERSON", "DATE"),
    )
    names = {name.name for name in named(dates, died)}
    assert len(names) == 2
    assert all(name.startswith("died in") for name in names)


def test_the_order_of_the_instances_changes_nothing(
    founded: list[RelationInstance], died: list[RelationInstance]
) -> None:
    assert named(founded, died) == named(founded[::-1], died[::-1])
