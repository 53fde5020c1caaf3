"""What connects two entities in the syntax, read from head to tail."""

from __future__ import annotations

import re

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.naming.connections import connection, connections
from relscout.text.spacy_pipeline import SpacyPipeline, parse_of


def parsed(pipeline: SpacyPipeline, marked: str, *types: str) -> RelationInstance:
    """An instance from a sentence with ``<the head>`` and ``[the tail]`` marked."""
    spans, text = {}, ""
    for piece in re.split(r"([<\[].+?[>\]])", marked):
        if piece[:1] in ("<", "["):
            spans[piece[0]] = (len(text), len(text) + len(piece) - 2)
            piece = piece[1:-1]
        text += piece
    head_type, tail_type = types or ("PERSON", "ORG")
    return RelationInstance(
        text,
        Mention(*spans["<"], head_type),
        Mention(*spans["["], tail_type),
        parse=parse_of(pipeline.nlp(text)),
    )


def name(pipeline: SpacyPipeline, marked: str, *types: str) -> str | None:
    found = connection(parsed(pipeline, marked, *types))
    return found.name if found else None


def test_an_active_verb_is_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> founded [Borealis Ltd] in 1990.") == "founded"


def test_the_agent_of_a_passive_verb_does_what_it_says(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "[Borealis Ltd] was founded by <Ada King>.") == "founded"


def test_what_the_agent_does_stands_in_the_past(pipeline: SpacyPipeline) -> None:
    assert (
        name(pipeline, "The novel [Winter Light] was written by <Ada King>.", "PERSON", "WORK_OF_ART")
        == "wrote"
    )


def test_a_passive_subject_keeps_the_preposition_by(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Borealis Ltd> was acquired by [Google].", "ORG", "ORG") == "acquired by"


def test_the_tail_that_does_something_to_the_head_is_its_agent(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "[Google] hired <Ada King> in 1990.") == "hired by"


def test_a_verb_keeps_its_particle(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King>, who set up [Borealis Ltd], lives in Oslo.") == "set up"


def test_a_particle_is_not_repeated_in_the_passive(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "[Nokia] was taken over by <Microsoft>.", "ORG", "ORG") == "took over"


def test_a_verb_and_its_preposition_are_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> graduated from [Oslo University].") == "graduated from"


def test_a_passive_verb_loses_its_auxiliary(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> was born in [Oslo].", "PERSON", "GPE") == "born in"


def test_a_date_is_read_with_in(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> was born on [3 May 1901].", "PERSON", "DATE") == "born in"


def test_a_participle_after_a_name_is_passive(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Amazon>, based in [Seattle], bought Google.", "ORG", "GPE") == "based in"


def test_an_infinitive_has_the_subject_of_its_verb(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> wants to sell [Borealis Ltd].") == "sells"


def test_verbs_that_are_joined_share_their_subject(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> moved to Oslo and founded [Borealis Ltd].") == "founded"


def test_verbs_that_are_joined_share_their_object(pipeline: SpacyPipeline) -> None:
    found = connections(parsed(pipeline, "<Ada King> founded and led [Borealis Ltd]."))
    assert {one.name for one in found} == {"founded", "led"}


def test_names_that_are_joined_share_their_verb(pipeline: SpacyPipeline) -> None:
    assert (
        name(pipeline, "The <Danube> flows through Vienna, Budapest and [Belgrade].", "LOC", "GPE")
        == "flows through"
    )


def test_names_that_are_joined_have_no_connection(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "The Danube flows through <Vienna> and [Belgrade].", "GPE", "GPE") is None


def test_two_subjects_of_a_verb_for_two_are_connected_by_it(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> and [Omar Dia] met in Oslo.", "PERSON", "PERSON") == "met"


def test_a_noun_in_apposition_is_the_name(pipeline: SpacyPipeline) -> None:
    marked = "<Ada King>, the chief executive of [Borealis Ltd], lives in Oslo."
    assert name(pipeline, marked) == "chief executive of"


def test_a_noun_after_is_is_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> is a member of [Borealis Ltd].") == "member of"


def test_one_of_many_is_one(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> is one of the founders of [Borealis Ltd].") == "founder of"


def test_a_noun_with_a_hyphen_stays_whole(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King>, co-founder of [Borealis Ltd], lives in Oslo.") == "co-founder of"


def test_nouns_that_are_joined_share_what_follows(pipeline: SpacyPipeline) -> None:
    found = connections(
        parsed(pipeline, "<Berlin> is the capital and largest city of [Germany].", "GPE", "GPE")
    )
    assert found[0].name == "capital of"


def test_a_noun_after_as_is_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> served as president of [Borealis Ltd].") == "president of"


def test_a_title_before_a_name_is_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "[Apple] CEO <Tim Cook> visited Paris.") == "CEO of"


def test_a_possessive_reads_with_of(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Tim Cook>, [Apple]'s chief executive, lives in Boston.") == "chief executive of"


def test_what_describes_the_tail_is_what_the_head_has(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<France>'s capital, [Paris], is large.", "GPE", "GPE") == "has capital"


def test_an_object_stands_between_a_verb_and_its_preposition(pipeline: SpacyPipeline) -> None:
    marked = "<Ada King> played a role in [World War II]."
    assert name(pipeline, marked, "PERSON", "EVENT") == "played a role in"


def test_a_verb_alone_with_its_preposition_is_a_second_way_to_say_it(pipeline: SpacyPipeline) -> None:
    found = connections(parsed(pipeline, "<Ada King> studied physics at [Oslo University]."))
    assert [one.name for one in found] == ["studied physics at", "studied at"]


def test_a_light_verb_leaves_its_object_as_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Google> has its headquarters in [Paris].", "ORG", "GPE") == "headquarters in"


def test_a_noun_of_the_head_is_the_name_before_is(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "The headquarters of <Google> is in [Paris].", "ORG", "GPE") == "headquarters in"


def test_a_noun_can_stand_for_a_verb(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King>'s birth in [Oslo] was a surprise.", "PERSON", "GPE") == "birth in"


def test_what_is_between_two_is_with_the_other(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "The war between <France> and [Prussia] ended.", "GPE", "GPE") == "war with"


def test_a_kind_of_place_before_its_name_is_left_out(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> lives in the city of [Boston].", "PERSON", "GPE") == "lives in"


def test_an_adjective_with_its_preposition_is_the_name(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Lima> is famous for [Machu Picchu].", "GPE", "LOC") == "famous for"


def test_a_plain_preposition_is_the_last_resort(pipeline: SpacyPipeline) -> None:
    found = connection(parsed(pipeline, "<Ada King> was in [Paris].", "PERSON", "GPE"))
    assert found is not None
    assert (found.name, found.root) == ("in", "")


def test_forms_of_one_connection_share_a_key(pipeline: SpacyPipeline) -> None:
    sentences = (
        "<Borealis> was founded by [Ada King].",
        "<Borealis>, founded by [Ada King], is small.",
        "<Borealis> has been founded by [Ada King].",
    )
    keys = [one.key for one in (connection(parsed(pipeline, marked)) for marked in sentences) if one]
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "marked",
    [
        "<Google> hired Ada King from [Apple] in 1990.",
        "<Ada King> gave Omar Dia 30 books from [Oslo].",
        "<Ada King> met him at [Oslo University].",
    ],
)
def test_no_proper_name_number_or_pronoun_stands_in_a_name(pipeline: SpacyPipeline, marked: str) -> None:
    words = {word for one in connections(parsed(pipeline, marked)) for word in one.name.lower().split()}
    assert words
    assert words.isdisjoint({"ada", "king", "omar", "dia", "30", "him"})


def test_clauses_apart_have_no_connection(pipeline: SpacyPipeline) -> None:
    assert name(pipeline, "<Ada King> spoke of peace while [Google] paid for lunch.") is None


def test_without_a_parse_there_is_no_connection() -> None:
    assert connection(RelationInstance("Ada founded Acme", Mention(0, 3), Mention(12, 16))) is None
