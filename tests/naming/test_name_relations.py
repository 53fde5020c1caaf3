from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.naming import RelationName, name_relations

PEOPLE = ("Ada Lovelace", "Alan Turing", "Grace Hopper", "Kurt Gödel", "Emmy Noether", "John McCarthy")
PLACES = ("Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Accra")


def marked(
    template: str, head: str, tail: str, *, types: tuple[str | None, str | None] = (None, None)
) -> RelationInstance:
    """An instance from a template with {head} and {tail}."""
    start = {}
    text = ""
    for part in template.replace("{", "\0{").replace("}", "\0").split("\0"):
        if part in ("{head", "{tail"):
            start[part[1:]] = len(text)
            part = head if part == "{head" else tail
        text += part
    return RelationInstance(
        text,
        Mention(start["head"], start["head"] + len(head), types[0]),
        Mention(start["tail"], start["tail"] + len(tail), types[1]),
    )


def sentences(*templates: str, types: tuple[str | None, str | None] = (None, None)) -> list[RelationInstance]:
    """Every template with every pair of a person and a place."""
    pairs = zip(PEOPLE, PLACES, strict=True)
    return [marked(template, head, tail, types=types) for head, tail in pairs for template in templates]


def named(*clusters: list[RelationInstance], **settings: float) -> list[RelationName]:
    instances = [instance for cluster in clusters for instance in cluster]
    labels = [label for label, cluster in enumerate(clusters) for _ in cluster]
    return list(name_relations(instances, labels, **settings).values())  # type: ignore[arg-type]


BORN = sentences("{head} was born in {tail} .", "{head} ( 1901 – 1980 ) was born in {tail} , far away .")
DIED = sentences("{head} died in the city of {tail} .")
CAPITAL = sentences(
    "{tail} is the birthplace of {head} .", "{tail} , far away , is the birthplace of {head} ."
)


def test_a_relation_is_called_what_stands_between_its_mentions() -> None:
    born, died = named(BORN, DIED)
    assert (born.name, born.pattern) == ("was born in", "HEAD was born in TAIL")
    assert "died" in died.name


def test_where_the_tail_comes_first_the_pattern_says_so() -> None:
    name, _ = named(CAPITAL, DIED)
    assert name.pattern == "TAIL is the birthplace of HEAD"
    assert name.head_first == 0.0


def test_a_name_that_reads_from_head_to_tail_is_preferred() -> None:
    both_ways = sentences("{head} founded {tail} .", "{tail} was founded by {head} .")
    name, _ = named(both_ways, DIED)
    assert name.pattern == "HEAD founded TAIL"
    assert name.head_first == 0.5


def test_a_longer_phrase_is_preferred_if_it_keeps_the_support_of_its_parts() -> None:
    weights = dict(named(BORN, DIED)[0].ngrams)
    assert weights["was born in"] > weights["born in"] > weights["born"]


def test_forms_of_one_verb_count_together_and_the_most_frequent_one_is_shown() -> None:
    forms = [
        *sentences("{head} wrote {tail} .", "{head} wrote the {tail} ."),
        *sentences("{head} writes {tail} ."),
    ]
    name, _ = named(forms, DIED)
    assert name.name == "wrote"
    assert "writes" not in dict(name.ngrams)


def test_what_all_relations_say_does_not_name_one_of_them() -> None:
    one = sentences("{head} famously , yes , married {tail} .")
    other = sentences("{head} famously , yes , visited {tail} .")
    names = named(one, other)
    assert [name.name for name in names] == ["married", "visited"]
    assert all("famously" not in dict(name.ngrams) for name in names)


def test_stop_words_alone_do_not_name_a_relation_that_has_types() -> None:
    only_stop_words = sentences("{head} is in the {tail} .", types=("PERSON", "CITY"))
    name, _ = named(only_stop_words, DIED)
    assert name.name == "PERSON – CITY"


def test_stop_words_name_a_relation_where_nothing_else_is_there() -> None:
    name, _ = named(sentences("{head} is in the {tail} ."), DIED)
    assert name.name == "is in"


def test_with_nothing_at_all_the_number_is_the_name() -> None:
    silent = sentences("{head} , {tail} .")
    instances = [*silent, *DIED]
    names = name_relations(instances, [7] * len(silent) + [1] * len(DIED))
    assert names[7].name == "relation 7"
    assert names[7].ngrams == ()
    assert names[7].types is None


def test_a_type_that_is_not_known_is_a_question_mark() -> None:
    silent = sentences("{head} , {tail} .", types=("PERSON", "UNK"))
    assert named(silent, DIED)[0].name == "PERSON – ?"


def test_stop_words_come_before_types_of_which_one_is_not_known() -> None:
    only_stop_words = sentences("{head} is in the {tail} .", types=("PERSON", "UNK"))
    assert named(only_stop_words, DIED)[0].name == "is in"


def test_types_of_which_one_is_not_known_do_not_tell_two_relations_apart() -> None:
    people = sentences("{head} admires {tail} .", types=("PERSON", "UNK"))
    firms = sentences("{head} admires {tail} .", types=("FIRM", "UNK"))
    names = {name.name for name in named(people, firms, DIED)}
    assert {"admires", "admires (2)"} <= names


def test_types_that_are_not_known_do_not_name_a_relation() -> None:
    silent = sentences("{head} , {tail} .", types=("UNK", "none"))
    assert named(silent, DIED)[0].name == "relation 0"


def test_a_word_and_the_preposition_before_the_second_mention_name_a_relation_of_varied_objects() -> None:
    subjects = ("physics", "law", "music", "algebra", "botany", "history")
    students = [
        marked(f"{{head}} studied {subject} at {{tail}} .", head, tail)
        for subject, head, tail in zip(subjects, PEOPLE, PLACES, strict=True)
    ]
    name, _ = named(students, DIED)
    assert (name.name, name.pattern) == ("studied at", "HEAD studied … at TAIL")


def test_words_that_are_left_out_are_not_marked_where_mostly_none_are() -> None:
    rivers = [
        *sentences("{head} flows into {tail} .", "{head} flows into the wide {tail} ."),
        *sentences("{head} flows north into {tail} ."),
    ]
    name, _ = named(rivers, DIED)
    assert (name.name, name.pattern) == ("flows into", "HEAD flows into TAIL")


def test_a_frequent_word_wins_over_a_rare_phrase_in_a_cluster_of_varied_sentences() -> None:
    fillers = ("once", "twice", "easily", "narrowly", "slowly", "gladly")
    varied = [
        marked(template.replace("FILLER", filler), head, tail)
        for template in ("{head} won , FILLER , {tail} .", "{tail} , FILLER won , {head} .")
        for filler, head, tail in zip(fillers, PEOPLE, PLACES, strict=True)
    ]
    rare = sentences("{head} is the famous holder of {tail} .")[:3]
    assert named([*varied, *rare], DIED)[0].name == "won"


def test_a_word_that_modifies_another_says_less_than_one_that_does_not() -> None:
    nouns = ("peak", "hill", "summit", "point", "ridge", "top")
    highest = [
        marked(f"{{head}} , the highest {noun} , crowns , it seems , {{tail}} .", head, tail)
        for noun, head, tail in zip(nouns, PEOPLE, PLACES, strict=True)
    ]
    weights = dict(named(highest, DIED)[0].ngrams)
    assert weights["crowns"] > weights["highest"]


def test_words_behind_both_mentions_name_a_relation_that_has_none_between_them() -> None:
    name, _ = named(sentences("{head} , {tail} , got married ."), DIED)
    assert (name.name, name.pattern) == ("got married", "HEAD … TAIL … got married")


def test_words_before_both_mentions_name_a_relation_that_has_none_between_them() -> None:
    name, _ = named(sentences("The wedding of {head} and {tail} ."), DIED)
    assert (name.name, name.pattern) == ("wedding", "wedding … HEAD … TAIL")


def test_entity_names_between_the_mentions_do_not_leak_into_the_name() -> None:
    crowded = sentences(
        "{head} and Bertrand Russell visited {tail} .", "{head} , a Danish pianist , visited {tail} ."
    )
    name, _ = named(crowded, DIED)
    words = " ".join(words for words, _ in name.ngrams)
    assert name.name == "visited"
    assert "russell" not in words
    assert "danish" not in words


def test_numbers_months_and_closed_brackets_do_not_leak_into_the_name() -> None:
    dated = sentences("{head} ( born 3 May 1901 , Russian speaker ) moved on 12 March 1950 to {tail} .")
    name, _ = named(dated, DIED)
    assert name.name == "moved"
    assert not {"may", "march", "1901", "speaker"} & {
        word for words, _ in name.ngrams for word in words.split()
    }


def test_a_nationality_before_a_noun_does_not_break_a_phrase() -> None:
    singers = [
        *sentences("{head} is an Italian operatic singer of {tail} ."),
        *sentences("{head} is a Norwegian operatic singer of {tail} ."),
    ]
    name, _ = named(singers, DIED)
    assert "operatic singer of" in dict(name.ngrams)


def test_a_possessive_stays_in_the_pattern_and_leaves_the_name() -> None:
    name, _ = named(sentences("{head} 's cousin {tail} came ."), DIED)
    assert (name.name, name.pattern) == ("cousin", "HEAD's cousin TAIL")


def test_raw_and_tokenised_possessives_are_the_same() -> None:
    raw, _ = named(sentences("{head}'s cousin {tail} came."), DIED)
    assert raw.pattern == "HEAD's cousin TAIL"


def test_no_name_is_longer_than_asked_for() -> None:
    names = named(BORN, DIED, CAPITAL, max_words=2)
    assert all(len(words.split()) <= 2 for name in names for words, _ in name.ngrams)


def test_a_phrase_of_too_few_instances_does_not_name_a_relation() -> None:
    mixed = [*sentences("{head} admires {tail} .")[:3], *sentences("{head} , {tail} .", types=("A", "B"))]
    assert named(mixed, DIED, min_share=0.2)[0].name == "admires"
    assert named(mixed, DIED, min_share=0.5)[0].name == "A – B"


def test_two_relations_of_one_phrase_get_two_names() -> None:
    strong = sentences("{head} admires {tail} .")
    weak = sentences("{head} deeply admires {tail} .", "{head} , yes , admires {tail} .")
    names = named(strong, weak, DIED)
    assert len({name.name for name in names}) == 3
    assert all("admires" in name.name for name in names[:2])


def test_types_tell_two_relations_of_one_phrase_apart() -> None:
    people = sentences("{head} admires {tail} .", types=("PERSON", "CITY"))
    firms = sentences("{head} admires {tail} .", types=("FIRM", "CITY"))
    names = {name.name for name in named(people, firms, DIED)}
    assert "admires" in names
    assert names & {"admires (PERSON – CITY)", "admires (FIRM – CITY)"}


def test_names_stay_unique_where_nothing_tells_relations_apart() -> None:
    same = sentences("{head} , {tail} .", types=("PERSON", "CITY"))
    names = {name.name for name in named(same, same, same, DIED)}
    assert {"PERSON – CITY", "PERSON – CITY (2)", "PERSON – CITY (3)"} <= names


def test_the_dominating_types_and_their_share_are_told() -> None:
    mixed = [
        *sentences("{head} met {tail} .", types=("PERSON", "CITY")),
        *sentences("{head} met {tail} .")[:2],
    ]
    name = named(mixed, DIED)[0]
    assert name.types == ("PERSON", "CITY")
    assert name.type_share == pytest.approx(6 / 8)


def test_a_single_cluster_is_named_too() -> None:
    assert named(BORN)[0].name == "was born in"


def test_a_cluster_of_one_instance_is_named_by_it() -> None:
    assert "admires" in named(sentences("{head} admires {tail} .")[:1], DIED)[0].name


def test_instances_of_no_cluster_are_left_out() -> None:
    names = name_relations([*BORN, *DIED], [0] * len(BORN) + [-1] * len(DIED))
    assert list(names) == [0]


def test_no_instances_have_no_names() -> None:
    assert name_relations([], []) == {}


def test_nested_mentions_are_named_by_what_surrounds_them() -> None:
    nested = [
        RelationInstance(
            f"students of the University of {place} here",
            Mention(16, 30 + len(place)),
            Mention(30, 30 + len(place)),
        )
        for place in PLACES
    ]
    assert named(nested, DIED)[0].pattern == "students … HEAD … TAIL"


def test_german_nouns_are_not_taken_for_names() -> None:
    capitals = sentences("{head} ist die Hauptstadt von {tail} .")
    rivers = sentences("{head} ist ein Fluss bei {tail} .")
    first, second = named(capitals, rivers)
    assert "hauptstadt" in first.name
    assert "fluss" in second.name


def test_chinese_phrases_are_cut_and_written_without_spaces() -> None:
    born = [
        marked("{head}出生于{tail}。", head, tail)
        for head, tail in zip("甲乙丙丁戊", "东南西北中", strict=True)
    ]
    died = [
        marked("{head}逝世在{tail}。", head, tail)
        for head, tail in zip("甲乙丙丁戊", "东南西北中", strict=True)
    ]
    assert [name.name for name in named(born, died)] == ["出生于", "逝世在"]


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_names_depend_on_neither_the_order_of_instances_nor_the_numbers_of_clusters(seed: int) -> None:
    clusters = [BORN, DIED, CAPITAL, sentences("{head} visited {tail} ."), sentences("{head} saw {tail} .")]
    generator = random.Random(seed)
    numbers = generator.sample(range(50), len(clusters))
    pairs = [(one, number) for cluster, number in zip(clusters, numbers, strict=True) for one in cluster]
    generator.shuffle(pairs)
    names = name_relations([one for one, _ in pairs], np.array([number for _, number in pairs]))
    assert [names[number] for number in numbers] == named(*clusters)
    assert list(names) == sorted(numbers)


def test_a_sample_of_a_large_cluster_does_not_depend_on_the_order() -> None:
    large = [
        marked(f"{{head}} {verb} {{tail}} in {year} .", "Ada", "Oslo")
        for year in range(10_300)
        for verb in ("saw", "met")
    ]
    forwards, backwards = named(large, DIED), named(large[::-1], DIED)
    assert forwards == backwards


def test_what_is_counted_of_many_clusters_is_that_of_all_their_instances() -> None:
    # with 261 clusters, 200 instances of each are named, and never more than 800 are kept
    large = [
        marked(f"{{head}} {verb} {{tail}} in {year} .", "Ada", "Oslo")
        for year in range(500)
        for verb in ("saw", "met")
    ]
    small = [[marked(f"{{head}} verb{number} {{tail}} .", "Bo", "Rome")] for number in range(260)]
    turned = [instance.swapped() for instance in large[:250]]
    forwards, backwards = named(large + turned, *small), named(turned[::-1] + large[::-1], *small)
    assert forwards == backwards
    assert (forwards[0].head_first, forwards[0].type_share) == (1000 / 1250, 0.0)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(1,\), but there are 12 instances"):
        name_relations(BORN, [0])


def test_labels_that_are_no_integers_are_refused() -> None:
    with pytest.raises(InputError, match="labels are float64"):
        name_relations(BORN, np.zeros(len(BORN)))


@pytest.mark.parametrize("min_share", [0.0, 1.5])
def test_a_share_out_of_range_is_refused(min_share: float) -> None:
    with pytest.raises(SettingError, match="min_share"):
        name_relations(BORN, [0] * len(BORN), min_share=min_share)


def test_names_of_no_words_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 1 word"):
        name_relations(BORN, [0] * len(BORN), max_words=0)
