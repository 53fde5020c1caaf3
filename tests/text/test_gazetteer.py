"""Entities by a list of names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention
from relscout.text import MarkedSentence, Passage
from relscout.text.gazetteer import Gazetteer, WithGazetteer


def gazetteer(*names: str, **sensitive: bool) -> Gazetteer:
    made = Gazetteer(**sensitive)
    for name in names:
        made.add(name, "X")
    return made


def found(text: str, *names: str, **sensitive: bool) -> list[str]:
    marked = gazetteer(*names, **sensitive).mentions(text)
    return [mention.surface(text) for mention in marked]


def load(tmp_path: Path, content: str) -> Gazetteer:
    path = tmp_path / "names.tsv"
    path.write_text(content, encoding="utf-8")
    return Gazetteer.load(path)


def test_names_are_found_in_the_order_of_the_text() -> None:
    assert found("Oslo, then Bergen, then Oslo.", "Bergen", "Oslo") == ["Oslo", "Bergen", "Oslo"]


def test_the_longest_name_wins() -> None:
    assert found("New York City and New York", "New York", "York", "New York City") == [
        "New York City",
        "New York",
    ]


def test_a_shorter_name_is_found_where_the_longer_one_does_not_fit() -> None:
    assert found("New York Times", "New York City", "New") == ["New"]


@pytest.mark.parametrize("text", ["Oslofjord", "preOslo", "Oslo_2", "Oslo\u0301"])
def test_a_name_inside_a_word_is_not_found(text: str) -> None:
    assert found(text, "Oslo") == []


@pytest.mark.parametrize("text", ["Oslo's", "(Oslo)", "Oslo-based", "«Oslo»", "Oslo"])
def test_a_name_next_to_a_sign_is_found(text: str) -> None:
    assert found(text, "Oslo") == ["Oslo"]


def test_names_may_hold_signs() -> None:
    assert found("AT&T bought C++ Ltd. from St. Olav", "AT&T", "C++ Ltd.", "St. Olav") == [
        "AT&T",
        "C++ Ltd.",
        "St. Olav",
    ]


def test_white_space_in_a_name_matches_any_white_space_and_nothing_else() -> None:
    assert found("New\u00a0 York, NewYork, New-York", "New York") == ["New\u00a0 York"]


def test_case_counts_unless_it_is_switched_off() -> None:
    assert found("apple sued APPLE", "Apple") == []
    assert found("apple sued APPLE, STRASSE", "Apple", "Straße", case_sensitive=False) == [
        "apple",
        "APPLE",
        "STRASSE",
    ]


def test_types_and_identifiers_come_from_the_file(tmp_path: Path) -> None:
    names = load(tmp_path, "# cities\nOslo\tCITY\tQ585\n\nBergen\tCITY\n")
    oslo, bergen = names.mentions("Oslo or Bergen")
    assert (oslo.type, oslo.entity_id, bergen.type, bergen.entity_id) == ("CITY", "Q585", "CITY", None)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Bergen", "got 1 fields"),
        ("Bergen CITY", "got 1 fields"),
        ("Bergen\tCITY\tQ1\tmore", "got 4 fields"),
        ("\tCITY", "the name is empty"),
        ("Bergen\t", "the type is empty"),
        ("Oslo\tPERSON", "'Oslo' is PERSON here and CITY Q585 further up"),
    ],
)
def test_a_wrong_line_is_an_error_with_its_place(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(RecordError) as caught:
        load(tmp_path, f"Oslo\tCITY\tQ585\n{line}\n")
    assert "names.tsv, line 2: " in str(caught.value)
    assert what in str(caught.value)


def test_the_same_line_twice_is_no_error(tmp_path: Path) -> None:
    assert len(load(tmp_path, "Oslo\tCITY\nOslo\tCITY\n").mentions("Oslo")) == 1


def test_a_file_without_names_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lists no name"):
        load(tmp_path, "# nothing\n")


def test_sentences_come_with_the_names_in_them() -> None:
    text = "Rain in Oslo. Sun in Bergen and Oslo. Fog."
    sentences = list(gazetteer("Oslo", "Bergen").annotate([Passage(text, source="a.txt, line 1")]))
    assert [sentence.text for sentence in sentences] == ["Rain in Oslo.", "Sun in Bergen and Oslo.", "Fog."]
    surfaces = [[mention.surface(sentence.text) for mention in sentence.mentions] for sentence in sentences]
    assert surfaces == [["Oslo"], ["Bergen", "Oslo"], []]
    assert {sentence.source for sentence in sentences} == {"a.txt, line 1"}


def test_no_sentence_ends_inside_a_name() -> None:
    (sentence,) = gazetteer("Wham! Live").annotate([Passage("We saw Wham! Live twice.")])
    assert len(sentence.mentions) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("小明出生在上海。", "上海"),
        ("彼はニューヨークに住む", "ニューヨーク"),
        ("เขาเกิดที่กรุงเทพมหานครเมื่อปีก่อน", "กรุงเทพมหานคร"),
        ("ລາວຢູ່ວຽງຈັນໃນປີນີ້", "ວຽງຈັນ"),
        ("គាត់រស់នៅភ្នំពេញសព្វថ្ងៃ", "ភ្នំពេញ"),
        ("在Oslo工作", "Oslo"),
    ],
)
def test_names_in_scripts_without_blanks_need_no_word_boundary(text: str, name: str) -> None:
    assert found(text, name) == [name]


def test_a_name_does_not_end_before_a_vowel_sign() -> None:
    assert found("กินน้ำ", "กินน") == []


def test_of_names_in_unspaced_text_the_longest_wins_too() -> None:
    assert found("他去了上海市和上海", "上海", "上海市") == ["上海市", "上海"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("他用iPhone手机。", "iPhone手机"),
        ("在T恤公司，「东京」。", "东京"),
        ("トヨタはソニー・グループと", "ソニー・グループ"),
        ("レオナルド・ダ・ヴィンチ（画家）", "レオナルド・ダ・ヴィンチ"),
    ],
)
def test_names_may_mix_scripts_and_stand_at_signs(text: str, name: str) -> None:
    assert found(text, name) == [name]


def test_of_names_that_overlap_the_longest_counts_and_shorter_ones_fill_the_rest() -> None:
    assert found("市长江大桥在上海市长江路", "市长", "长江大桥", "上海", "市长江路") == [
        "长江大桥",
        "上海",
        "市长江路",
    ]
    assert found("New York City Hall", "New York", "York City Hall") == ["York City Hall"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("เกรุง", "กรุง"),
        ("กรุงะ", "กรุง"),
        ("ໄທຍ", "ທຍ"),
        ("ニュース", "ニュ"),
        ("キャノン", "キ"),
        ("ソニー", "ソニ"),
    ],
)
def test_no_name_begins_or_ends_inside_a_syllable(text: str, name: str) -> None:
    assert found(text, name) == []


def test_a_dash_of_kana_after_han_is_no_part_of_a_syllable() -> None:
    assert found("東京ー大阪", "東京") == ["東京"]


def test_invisible_breaks_between_words_do_not_matter_in_scripts_without_blanks() -> None:
    text = "គាត់\u200bរស់នៅ\u200bភ្នំ\u200bពេញ\u200bសព្វ"
    assert found(text, "ភ្នំពេញ") == ["ភ្នំ\u200bពេញ"]
    assert found("in\u200bOslo", "Oslo") == ["Oslo"]


@pytest.mark.parametrize(
    ("text", "name", "surface"),
    [
        ("住在ＩＢＭ公司", "IBM", "ＩＢＭ"),
        ("IBM公司", "ＩＢＭ", "IBM"),
        ("ﾄﾖﾀとｿﾆｰとﾊﾟﾅｿﾆｯｸ", "パナソニック", "ﾊﾟﾅｿﾆｯｸ"),
        ("Ａｄａ　Ｌｏｖｅｌａｃｅ。", "Ada Lovelace", "Ａｄａ　Ｌｏｖｅｌａｃｅ"),
        ("奈良の葛\U000e0100城市", "葛城市", "葛\U000e0100城市"),
    ],
)
def test_width_is_ignored_by_choice_and_offsets_are_those_of_the_text(
    text: str, name: str, surface: str
) -> None:
    assert found(text, name) == []
    assert found(text, name, width_sensitive=False) == [surface]


def test_accents_are_ignored_by_choice() -> None:
    text = "vive en Coyoaca\u0301n, Łódź, Zürich y Köln"
    names = ("Coyoacan", "Łodz", "Zurich", "Kóln")
    assert found(text, *names) == []
    assert found(text, *names, accent_sensitive=False) == ["Coyoaca\u0301n", "Łódź", "Zürich", "Köln"]


def test_marks_that_make_another_letter_are_no_accents() -> None:
    assert found("かきくけこ", "が", accent_sensitive=False) == []
    assert found("นํ้า", "นา", accent_sensitive=False) == []


def test_a_name_does_not_end_inside_a_letter_that_is_compared_as_two() -> None:
    assert found("Straße", "stras", case_sensitive=False) == []


@given(
    st.text(alphabet="aAＡｱｶﾞガéÉe\u0301ß\u200b上 ", max_size=20), st.booleans(), st.booleans(), st.booleans()
)
def test_what_is_marked_is_a_listed_name_but_for_what_is_ignored(
    text: str, case: bool, width: bool, accent: bool
) -> None:
    names = ("a", "ガ", "é", "ss", "上a")
    sensitive = {"case_sensitive": case, "width_sensitive": width, "accent_sensitive": accent}
    marked = gazetteer(*names, **sensitive).mentions(text)
    for mention in marked:
        # two texts differ only in what is ignored if each, as a listed name, marks the whole of the other
        surface = mention.surface(text)
        assert any(
            found(surface, name, **sensitive) == [surface] and found(name, surface, **sensitive) == [name]
            for name in names
        )
    assert all(before.end <= after.start for before, after in pairwise(marked))


def test_names_that_differ_only_in_what_is_ignored_must_be_one_entity() -> None:
    names = Gazetteer(accent_sensitive=False)
    names.add("Zürich", "CITY")
    with pytest.raises(InputError, match=r"'Zurich' is PERSON here and CITY further up \(as 'Zürich'\)"):
        names.add("Zurich", "PERSON")


def test_where_nothing_is_marked_it_says_why() -> None:
    reasons = gazetteer("Oslo", "Bergen", "köln", "IBM", "Rome").unmatched(
        ["The Oslofjord and KÖLN.", "At ＩＢＭ in koln, BERGEN."]
    )
    assert reasons is not None
    assert reasons.names == 5
    assert reasons.inside == {"Oslo": "Oslofjord"}
    assert reasons.ignoring == {"case": ("köln", "Bergen"), "width": ("IBM",), "accents": ("köln",)}
    assert str(reasons) == (
        "none of the 5 names of the list is marked: 1 occurs inside longer words or syllables, where no name is "
        "marked ('Oslo' in 'Oslofjord'); list those words instead; 2 would be marked with --ignore case ('köln', "
        "'Bergen'); 1 would be marked with --ignore width ('IBM'); 1 would be marked with --ignore accents ('köln')"
    )


def test_where_no_name_occurs_it_says_so_and_where_one_is_marked_nothing() -> None:
    assert "none of them occurs in the text" in str(gazetteer("Rome").unmatched(["Oslo"]))
    assert gazetteer("Rome", "Oslo").unmatched(["Bergen", "Oslo"]) is None


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("listed", ["NFC", "NFD"])
def test_accents_may_be_encoded_either_way_and_offsets_are_those_of_the_text(form: str, listed: str) -> None:
    text = unicodedata.normalize(form, "Él está en Coyoacán. Łódź és 한국 한 Würzburg.")
    names = [unicodedata.normalize(listed, name) for name in ("Coyoacán", "Łódź", "한국", "Würzburg")]
    marked = gazetteer(*names).mentions(text)
    assert [each.surface(text) for each in marked] == [
        unicodedata.normalize(form, name) for name in ("Coyoacán", "Łódź", "한국", "Würzburg")
    ]


@given(st.text(alphabet="aeo\u0301\u0323\u0308ñ각ᆨ ", max_size=20))
def test_names_found_in_decomposed_text_are_names_that_stand_there(text: str) -> None:
    for each in gazetteer("a", "é", "ọ").mentions(text):
        assert unicodedata.normalize("NFC", each.surface(text)) in {"a", "é", "ọ"}


class Halves:
    """An annotator whose sentences are the halves of a passage, with the first word of each as an entity."""

    fingerprint = "halves"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        for passage in texts:
            for part in passage.text.split("|"):
                yield MarkedSentence(part, [Mention(0, len(part.split()[0]), "WORD")], passage.source)


def annotated(names: Gazetteer, text: str) -> list[list[tuple[str, str | None]]]:
    sentences = WithGazetteer(Halves(), names).annotate([Passage(text)])
    return [[(each.surface(one.text), each.type) for each in one.mentions] for one in sentences]


def test_names_are_added_to_what_another_annotator_finds() -> None:
    assert annotated(gazetteer("Oslo"), "Rain in Oslo|Sun") == [
        [("Rain", "WORD"), ("Oslo", "X")],
        [("Sun", "WORD")],
    ]


def test_a_name_counts_where_it_overlaps_an_entity() -> None:
    assert annotated(gazetteer("Oslo rain"), "Oslo rain fell") == [[("Oslo rain", "X")]]


def test_an_added_name_does_not_reach_over_the_end_of_a_sentence() -> None:
    assert annotated(gazetteer("Oslo rain"), "in Oslo|rain fell") == [[("in", "WORD")], [("rain", "WORD")]]


def test_the_fingerprint_depends_on_the_names_and_not_on_their_order() -> None:
    assert gazetteer("Oslo", "Bergen").fingerprint == gazetteer("Bergen", "Oslo").fingerprint
    assert gazetteer("Oslo").fingerprint != gazetteer("Bergen").fingerprint
    for setting in ("case_sensitive", "width_sensitive", "accent_sensitive"):
        assert gazetteer("Oslo").fingerprint != gazetteer("Oslo", **{setting: False}).fingerprint


@given(
    st.lists(
        st.sampled_from(["Oslo", "New York", "York", "C++", "rain", ".", "(", " ", "\n", "New"]), max_size=12
    )
)
def test_every_mention_is_a_listed_name_and_none_overlap(pieces: list[str]) -> None:
    text = "".join(pieces)
    marked = gazetteer("Oslo", "New York", "York", "C++").mentions(text)
    assert all(" ".join(each.surface(text).split()) in {"Oslo", "New York", "York", "C++"} for each in marked)
    assert all(before.end <= after.start for before, after in pairwise(marked))
