"""The figures of a model whose answers are known, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relscout.core.errors import InputError
from relscout.lab.analysis import FORMATS, analyze
from relscout.metrics import classification_scores

#: The model reads "born" and "works" first, then the city's name, then the types.
READS = {"born": "born", "works": "works", "Rome": "born", "Oslo": "born", "city": "born", "Acme": "works"}


@pytest.fixture
def analysis(ten, rules):
    return analyze(rules(READS), ten)


def test_the_answers_are_those_of_what_is_shown(analysis):
    assert analysis.answers.labels == {
        "C+M": ["born", "born", "born", "born", "works", "works", "works", "works", "born", "Other"],
        "C+T": ["born", "born", "born", "born", "works", "works", "Other", "Other", "born", "Other"],
        "OnlyC": ["born", "born", "Other", "Other", "works", "works", "Other", "Other", "Other", "Other"],
        "OnlyM": ["born", "born", "born", "born", "works", "born", "works", "works", "born", "Other"],
        "OnlyT": ["born", "born", "born", "born", "Other", "born", "Other", "Other", "born", "Other"],
    }


def test_kept_and_reliance_are_those_of_hand(analysis):
    figures = analysis.figures
    kept = {format: one.kept.value for format, one in figures.formats.items()}
    assert kept == pytest.approx({"C+M": 1, "C+T": 0.8, "OnlyC": 0.5, "OnlyM": 0.9, "OnlyT": 0.6})
    assert figures.majority.kept.value == 0.5  # "born", five times
    told = figures.reliance
    assert told.context.value == pytest.approx(0.1)
    assert told.mentions.value == pytest.approx(0.5)
    assert (told.types.value, told.names.value) == pytest.approx((0.3, 0.2))
    assert told.names_by_types.value == pytest.approx(6 / 9)
    for one in (told.context, told.mentions, told.types, told.names, told.lead):
        assert one.low <= one.value <= one.high
    assert told.lead.value == pytest.approx(-0.4)


def test_scores_are_micro_f1_without_the_class_of_none(analysis, ten):
    assert (analysis.figures.score, analysis.figures.none) == ("micro-F1", ("Other",))
    gold = [one.relation for one in ten]
    for format, labels in analysis.answers.labels.items():
        expected = classification_scores(labels, gold, na_label="Other").micro_f1
        assert analysis.figures.formats[format].score.value == pytest.approx(expected)
    assert analysis.figures.majority.score.value == pytest.approx(2 * 4 / (10 + 8))


def test_shared_answers_are_those_of_section_2_4(analysis):
    figures = analysis.figures.formats["C+T"]
    assert figures.right_shared.value == pytest.approx(7 / 9)  # "of" and "leads" need the name Acme
    assert figures.wrong_same.value == pytest.approx(1)  # "visits Oslo" is "born" in both
    assert analysis.figures.formats["OnlyC"].wrong_same.value == 0


def test_flips_are_lost_or_gained_and_relations_are_ranked_by_what_they_lose(analysis):
    kinds = {one.row: one.kind for one in analysis.flips}
    assert kinds == {2: "lost", 3: "lost", 6: "lost", 7: "lost", 8: "gained"}
    assert [(one.relation, one.count, one.lost) for one in analysis.relations] == [
        ("born", 4, 0.5),
        ("works", 4, 0.5),
        ("Other", 2, -0.5),
    ]


def test_the_verdict_says_it_in_words(analysis):
    says = " ".join(analysis.findings.statements).replace("\xa0", " ")
    assert (
        "too few instances to see what it reads most. With the context alone it keeps 50 % (95 %: 20–80)"
        in says
    )
    assert "There are too few instances to see how much of what names add" in says
    assert (
        "without names 50 % (95 %: 20–80) of its answers change, and types in their place restore 60 %"
        in says
    )
    assert "do not contradict the order that the paper reports" in says
    assert "C+T and OnlyT, OnlyC and OnlyM" in says  # 0.667 and 0.824 of ten are not worth an order
    assert "the paper trained one model per format" in says
    beware = " ".join(analysis.findings.cautions).replace("\xa0", " ")
    assert "Names alone score 0.824 where reading nothing scores 0.444" in beware
    assert "mislead" not in beware  # one is right without names only, but four are with names only
    assert "only 10 instances" in beware


def test_a_model_that_reads_the_context_is_told_so(said, rules):
    many = [said(f"N{i}", "was born in", "Rome", "born") for i in range(60)]
    many += [said(f"M{i}", "works for", "Acme", "works") for i in range(60)]
    found = analyze(rules({"born": "born", "works": "works"}), many)
    first, types, order = found.findings.statements
    assert first.startswith("This model reads mostly the context.")
    assert types == "Neither names nor types matter much to it."
    assert "no significant difference: C+M and OnlyC, C+T and OnlyC, OnlyM and OnlyT." in order
    assert found.findings.cautions == ()


def test_a_model_that_reads_the_names_of_many_is_told_so(ten, rules):
    many = [replace(one, id=f"{one.id}{i}") for i in range(20) for one in ten]
    assert analyze(rules(READS), many).findings.statements[0].startswith("This model reads mostly the names.")


def test_a_model_that_always_says_the_same_reads_neither(ten, rules):
    many = [replace(one, id=f"{one.id}{i}") for i in range(20) for one in ten]
    says = analyze(rules({}), many).findings.statements
    assert says[0].startswith(
        "This model reads neither context nor names by itself, as far as its answers show: it nearly always returns"
    )


def test_names_that_mislead_on_the_whole_are_told(said, rules):
    many = [said(f"N{i}", "was born in", "Rome", "born") for i in range(100)]
    many += [said("Acme", "was born in", f"M{i}", "born") for i in range(20)]
    found = analyze(rules({"Acme": "works", "born": "born"}), many)
    (caution,) = [one.replace("\xa0", " ") for one in found.findings.cautions if "mislead" in one]
    assert caution == (
        "20 instances (17 %) are right without names only, and 0 (0 %) with names only: on the whole, names mislead it."
    )


def test_every_second_instance_chooses_the_words_and_the_best_of_all_has_no_say(said, rules):
    # "one" keeps what is "born", "X" what "works": four to two of those that choose, four to eight of all
    heads = ["Ada", "Bob"] * 4 + ["Bob"] * 4
    many = [replace(said(head, "met", "Rome", "born"), id=f"{place:02}") for place, head in enumerate(heads)]
    found = analyze(rules({"Ada": "born", "Bob": "works", "one": "born", "X": "works"}), many[::-1])
    assert found.answers.tried == {("X", "Y"): 8, ("one", "another"): 4, ("entity", "entity"): 0}
    assert found.answers.blanks == ("one", "another")
    assert found.figures.formats["OnlyC"].kept.value == pytest.approx(4 / 12)
    note = found.findings.notes[0].replace("\xa0", " ")
    assert (
        "of every second instance (with “X” and “Y” it keeps 67 %; with “entity” and “entity” it keeps 0 %)"
        in note
    )


def test_the_words_that_stand_for_names_are_those_that_change_least(ten, rules):
    found = analyze(rules({**READS, "X": "works", "entity": "works"}), ten)
    assert found.answers.blanks == ("one", "another")
    assert found.as_dict()["blanks"] == ["one", "another"]


def test_gold_relations_are_not_shown(ten, rules):
    model = rules(READS)
    analyze(model, ten)
    assert model.seen
    assert all(one.relation is None for one in model.seen)


def test_the_order_of_the_instances_changes_nothing(ten, rules, analysis):
    backwards = analyze(rules(READS), ten[::-1])
    assert backwards.as_dict() == analysis.as_dict()


def test_without_gold_relations_it_is_told_what_changes(ten, rules):
    found = analyze(rules(READS), [one.without_relation() for one in ten])
    assert found.figures.score is None
    assert found.figures.formats["OnlyC"].kept.value == 0.5
    assert {one.kind for one in found.flips} == {"changed"}
    assert len(found.flips) == 5


def test_without_types_their_formats_are_left_out_and_partly_typed_is_told(said, rules):
    bare = [said(name, "was born in", "Rome", "born", typed=False) for name in ("Ada", "Bob", "Cas")]
    found = analyze(rules(READS), bare)
    assert list(found.figures.formats) == ["C+M", "OnlyC", "OnlyM"]
    assert (found.figures.reliance.types, found.figures.reliance.names) == (None, None)
    assert any("has no entity types" in one for one in found.findings.notes)
    found = analyze(rules(READS), [*bare, said("Dan", "was born in", "Rome", "born")])
    assert list(found.figures.formats) == list(FORMATS)
    assert any("1 of 4 instances have both entity types" in one for one in found.findings.notes)


def test_what_cannot_be_judged_is_left_out(ten, rules):
    strange = replace(ten[0], relation="knows", text=ten[0].text + "!", id="")
    found = analyze(rules(READS), [*ten, strange, ten[1].without_relation()])
    assert len(found.answers.instances) == 10
    assert (found.data.unlabelled, found.data.unknown) == (1, {"knows": 1})
    with pytest.raises(InputError, match=r"none of the 1 gold relations \('knows'\) is among the 3"):
        analyze(rules(READS), [strange])
    with pytest.raises(InputError, match="no instance"):
        analyze(rules(READS), [])
