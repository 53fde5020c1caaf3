from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.inputs import Vocabulary
from relscout.encoders.marking import MARKINGS
from relscout.encoders.transformer import load_tokenizer

Parse = Callable[..., RelationInstance]

SHOWN = {
    "none": "mary was born in paris .",
    "markers": "[E1] mary [/E1] was born in [E2] paris [/E2] .",
    "typed-markers": "@ * person * mary @ was born in # ^ city ^ paris # .",
    "type-tokens": "[E1 PERSON] mary [/E1 PERSON] was born in [E2 CITY] paris [/E2 CITY] .",
    "prompt": "mary was born in paris . mary [MASK] paris .",
    "C+M": "[E1] mary [/E1] was born in [E2] paris [/E2] .",
    "C+T": "[E1] person [/E1] was born in [E2] city [/E2] .",
    "OnlyC": "[E1] [BLANK] [/E1] was born in [E2] [BLANK] [/E2] .",
    "OnlyC-roles": "[E1] [SUBJ] [/E1] was born in [E2] [OBJ] [/E2] .",
    "OnlyM": "[E1] mary [/E1] [E2] paris [/E2]",
    "OnlyT": "[E1] person [/E1] [E2] city [/E2]",
}


@pytest.fixture(scope="session")
def mary(instance: Parse) -> RelationInstance:
    return instance("<h>Mary</h> was born in <t>Paris</t>.", head_type="PERSON", tail_type="CITY")


@pytest.mark.parametrize("marking", MARKINGS)
def test_each_scheme_shows_what_it_promises(
    marking: str, tiny_bert: Path, tokens: Any, mary: RelationInstance
) -> None:
    assert tokens(tiny_bert, marking).of(mary) == SHOWN[marking]


@pytest.mark.parametrize("marking", MARKINGS)
def test_without_unused_tokens_markers_are_new_ones(
    marking: str, tiny_bert_without_unused: Path, tokens: Any, mary: RelationInstance
) -> None:
    found = tokens(tiny_bert_without_unused, marking)
    assert found.of(mary) == SHOWN[marking]
    expected = {"type-tokens": 12, "OnlyC-roles": 7}.get(marking, 5 if "[E1]" in SHOWN[marking] else 0)
    assert found.vocabulary.n_new_embeddings == expected


def test_unused_tokens_serve_as_markers(tiny_bert: Path, tokens: Any) -> None:
    assert tokens(tiny_bert, "markers").vocabulary.n_new_embeddings == 0


@pytest.mark.parametrize("marking", MARKINGS)
def test_byte_level_tokenizers_show_the_same(
    marking: str, tiny_roberta: Path, tokens: Any, mary: RelationInstance
) -> None:
    found = tokens(tiny_roberta, marking)
    (only,) = found.vocabulary.inputs([mary])
    decoded = "".join(found.names.get(token) or found.tokenizer.decode([token]) for token in only.marked.ids)
    assert (
        decoded.replace(" ", "").replace("<mask>", "[MASK]").lower()
        == SHOWN[marking].replace(" ", "").lower()
    )


def test_an_entity_of_no_known_type_is_called_entity(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    untyped = instance("<h>Mary</h> was born in <t>Paris</t>.")
    assert tokens(tiny_bert, "OnlyT").of(untyped) == "[E1] entity [/E1] [E2] entity [/E2]"


def test_a_type_is_read_in_words_and_cut_to_four_tokens(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    typed = instance("<h>Mary</h> <t>Paris</t>", head_type="CAPITAL_CITY", tail_type="a-of-the-new-york-city")
    assert tokens(tiny_bert, "OnlyT").of(typed) == "[E1] capital city [/E1] [E2] a of the new [/E2]"


def test_a_type_that_the_tokenizer_drops_is_unknown(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    typed = instance("<h>Mary</h> <t>Paris</t>", head_type="\x00\ud800", tail_type="CITY")
    assert tokens(tiny_bert, "OnlyT").of(typed) == "[E1] [UNK] [/E1] [E2] city [/E2]"


@pytest.mark.parametrize("text", ["[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[unused0]", "[E1]"])
@pytest.mark.parametrize("marking", ["none", "markers", "prompt"])
def test_a_literal_special_token_is_plain_text(
    text: str, marking: str, tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    found = tokens(tiny_bert, marking)
    faked = found.of(instance(f"<h>Mary</h> {text} <t>{text}</t>"))
    plain = found.of(instance("<h>Mary</h> was <t>was</t>"))
    specials = ("[MASK]", "[UNK]", "[SEP]", "[CLS]", "[PAD]", "[E1]", "[/E1]", "[E2]", "[/E2]")
    assert [word for word in faked.split() if word in specials] == [
        word for word in plain.split() if word in specials
    ]
    assert found.mentions(instance(f"<h>Mary</h> {text} <t>{text}</t>"))[1].startswith("[ ")


@pytest.mark.parametrize("text", ["<mask>", "</s>", "<s>", "<pad>"])
def test_a_literal_special_token_is_plain_text_to_byte_level_tokenizers(
    text: str, tiny_roberta: Path, tokens: Any, instance: Parse
) -> None:
    found = tokens(tiny_roberta, "prompt").of(instance(f"<h>Mary</h> {text} <t>{text}</t>")).split()
    assert [word for word in found if word in ("<mask>", "</s>", "<s>", "<pad>", "<unk>")] == ["<mask>"]


def test_a_vocabulary_that_reads_a_literal_marker_as_that_token_is_not_fooled(
    tiny_bert: Path, instance: Parse
) -> None:
    tokenizer = load_tokenizer(str(tiny_bert))
    tokenizer.add_tokens(["[unused0]"])
    assert "[unused0]" in tokenizer.tokenize("the [unused0]")
    marker, unknown = tokenizer.convert_tokens_to_ids(["[unused0]", "[UNK]"])
    vocabulary = Vocabulary(tokenizer, len(tokenizer), "markers", 128)
    (only,) = vocabulary.inputs([instance("<h>Mary</h> [unused0] <t>Paris</t>")])
    assert only.marked.ids.count(marker) == 1
    assert only.marked.ids.count(unknown) == 1


DROPPED = {
    "zero-width space": "\u200b",
    "control character": "\x07",
    "NUL": "\x00",
    "lone combining mark": "\u0301",
    "lone surrogate": "\ud800",
    "replacement character": "\ufffd",
}


@pytest.mark.parametrize("text", DROPPED.values(), ids=DROPPED.keys())
@pytest.mark.parametrize("marking", MARKINGS)
def test_a_mention_that_the_tokenizer_drops_has_an_unknown_token(
    text: str, marking: str, tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    found = tokens(tiny_bert, marking)
    head, tail = found.mentions(instance(f"the <h>{text}</h> was in <t>Paris</t>"))
    assert (head, tail) == {
        "C+T": ("entity", "entity"),
        "OnlyT": ("entity", "entity"),
        "OnlyC": ("[BLANK]", "[BLANK]"),
        "OnlyC-roles": ("[SUBJ]", "[OBJ]"),
    }.get(marking, ("[UNK]", "paris"))


def test_two_dropped_mentions_beside_each_other_keep_their_order(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    found = tokens(tiny_bert, "markers")
    assert found.of(instance("<h>\u200b</h> <t>\u200b</t>")) == "[E1] [UNK] [/E1] [E2] [UNK] [/E2]"
    assert found.of(instance("<t>\u200b</t> <h>\u200b</h>")) == "[E2] [UNK] [/E2] [E1] [UNK] [/E1]"


def test_a_lone_surrogate_moves_no_mention(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    broken = instance("\ud83d <h>Mary</h> \udc00 was in <t>Paris</t>")
    assert tokens(tiny_bert, "markers").mentions(broken) == ("mary", "paris")


def test_emoji_move_no_mention(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    joyful = instance("\U0001f600\U0001f469\u200d\U0001f467 <h>Mary</h> \U0001f600 in <t>Paris</t>")
    assert tokens(tiny_bert, "markers").mentions(joyful) == ("mary", "paris")


def test_emoji_move_no_mention_in_bytes(tiny_roberta: Path, tokens: Any, instance: Parse) -> None:
    found = tokens(tiny_roberta, "none")
    joyful = instance("\U0001f600 <h>\U0001f469\u200d\U0001f467</h> Mary <t>\u05d0\u05d1</t>")
    marked = found.vocabulary.inputs([joyful])[0].marked
    head, tail = (found.tokenizer.decode(marked.ids[slice(*span)]) for span in (marked.head, marked.tail))
    assert (head.strip(), tail.strip()) == ("\U0001f469\u200d\U0001f467", "\u05d0\u05d1")


def test_right_to_left_text_keeps_its_mentions_in_reading_order(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    hebrew = instance("\u202b<h>Mary</h> \u05d0\u05d1\u05d2 \u200f<t>Paris</t> \u05d3\u202c")
    assert tokens(tiny_bert, "markers").of(hebrew) == "[E1] mary [/E1] [UNK] [E2] paris [/E2] [UNK]"


def test_a_mention_boundary_inside_a_token_takes_the_whole_token(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    glued = instance("<h>Mar</h>y in <t>Par</t>is")
    assert tokens(tiny_bert, "markers").of(glued) == "[E1] mary [/E1] in [E2] paris [/E2]"


def test_mentions_that_share_a_token_are_both_marked(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    glued = instance("<h>ber</h><t>lin</t> in")
    assert tokens(tiny_bert, "markers").of(glued) == "[E1] [E2] berlin [/E1] [/E2] in"


def test_a_sentence_of_100000_characters_keeps_both_mentions(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    long = instance("a " * 20_000 + "<h>Mary</h>" + " in" * 10_000 + "<t> Paris</t>" + " by" * 10_000)
    found = tokens(tiny_bert, "markers")
    assert found.mentions(long) == ("mary", "paris")
    (only,) = found.vocabulary.inputs([long])
    assert (len(only.marked.ids), only.lost) == (126, "between")


def test_a_word_of_100000_characters_is_one_unknown_token(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    long = instance("<h>Mary</h> " + "x" * 100_000 + " <t>Paris</t>")
    assert tokens(tiny_bert, "none").of(long) == "mary [UNK] paris"


def test_a_sentence_cut_before_it_is_tokenised_is_told_as_lost_context(
    tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    spacious = instance("by" + " " * 10_000 + "<h>Mary</h> in <t>Paris</t>")
    assert tokens(tiny_bert, "none").of(spacious) == "mary in paris"
    assert tokens(tiny_bert, "none").vocabulary.inputs([spacious])[0].lost == "context"


def test_a_scheme_without_context_loses_none(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    long = instance("a " * 20_000 + "<h>Mary</h> in <t>Paris</t>")
    assert tokens(tiny_bert, "OnlyM").vocabulary.inputs([long])[0].lost == ""


@pytest.mark.parametrize("blanks", [(False, False), (True, False), (False, True), (True, True)])
def test_the_mask_of_a_prompt_stands_between_the_mentions_also_where_they_are_blanked(
    blanks: tuple[bool, bool], tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    vocabulary = tokens(tiny_bert, "prompt").vocabulary
    (fitted,) = vocabulary.fitted([instance("In <t>New York</t> <h>Mary Ann</h> was born.")])
    shown = vocabulary.shown(fitted, blanks=blanks)
    head, tail = (shown.marked.ids[start:end] for start, end in (shown.marked.head, shown.marked.tail))
    assert shown.marked.ids[shown.mask - len(head) : shown.mask] == head
    assert shown.marked.ids[shown.mask] == vocabulary.mask_id
    assert shown.marked.ids[shown.mask + 1 : shown.mask + 1 + len(tail)] == tail
    assert shown.mask + 1 + len(tail) == len(shown.marked.ids) - 1  # behind it, the full stop alone


def test_a_name_too_long_for_the_prompt_is_told(tiny_bert: Path, tokens: Any, instance: Parse) -> None:
    long = instance("<h>" + "a " * 30 + "Mary</h> in <t>Paris</t>")
    assert tokens(tiny_bert, "prompt").vocabulary.inputs([long])[0].lost == "mention"


words = st.sampled_from(
    ["a", "in", "Mary", "Paris", "was", "\u200b", "\U0001f600", "[MASK]", "x\u0301", ",", "york"]
)
types = st.sampled_from(["PERSON", "a of the in on", "", "\x00", None])


@st.composite
def instances(draw: st.DrawFn) -> RelationInstance:
    """Short and long sentences in which the mentions are apart, nested, or side by side."""
    parts = draw(st.lists(words, min_size=2, max_size=12)) * draw(st.sampled_from([1, 5, 25]))
    ends = [sum(len(part) + 1 for part in parts[:place]) for place in range(len(parts) + 1)]
    start = draw(st.integers(0, len(parts) - 1))
    end = draw(st.integers(start + 1, len(parts)))
    inside = draw(st.booleans()) and end - start > 1
    if inside:
        low = draw(st.integers(start, end - 1))
        high = draw(st.integers(low + 1, end - (low == start)))
    elif start > 0:
        low = draw(st.integers(0, start - 1))
        high = draw(st.integers(low + 1, start))
    else:
        parts, ends = [*parts, "in"], [*ends, ends[-1] + 3]
        low, high = end, end + 1
    one = Mention(ends[start], ends[end] - 1, draw(types))
    other = Mention(ends[low], ends[high] - 1, draw(types))
    head, tail = draw(st.permutations([one, other]))
    return RelationInstance(" ".join(parts), head, tail)


@given(instance=instances(), marking=st.sampled_from(sorted(MARKINGS)), max_length=st.integers(32, 128))
def test_no_input_is_too_long_and_all_places_lie_within_it(
    instance: RelationInstance, marking: str, max_length: int, tiny_bert: Path
) -> None:
    vocabulary = Vocabulary(load_tokenizer(str(tiny_bert)), 300, marking, max_length, ["PERSON"])
    (only,) = vocabulary.inputs([instance])
    marked = only.marked
    assert len(marked.ids) + vocabulary.overhead <= max_length
    for start, (begin, end) in ((marked.head_start, marked.head), (marked.tail_start, marked.tail)):
        assert 0 <= start <= begin < end <= len(marked.ids)
    assert (only.mask >= 0) is (marking == "prompt")


@given(instance=instances(), marking=st.sampled_from(["C+T", "OnlyC", "OnlyT"]))
def test_no_token_of_a_hidden_mention_shows(
    instance: RelationInstance, marking: str, tiny_bert: Path, tokens: Any
) -> None:
    found = tokens(tiny_bert, marking)
    plain = tokens(tiny_bert, "none", 4096).mentions(instance)
    hidden = {*range(instance.head.start, instance.head.end), *range(instance.tail.start, instance.tail.end)}
    outside = "".join(" " if place in hidden else sign for place, sign in enumerate(instance.text))
    context = set(found.tokenizer.tokenize(outside))
    secret = {word for mention in plain for word in mention.split()} - context - {"[UNK]"}
    marked = found.vocabulary.inputs([instance])[0].marked
    shown = [
        word
        for place, word in enumerate(found.words(marked.ids))
        if place not in range(*marked.head) and place not in range(*marked.tail)
    ]
    assert secret.isdisjoint(shown)


def test_markers_that_leave_no_room_are_refused(tiny_bert: Path, mary: RelationInstance) -> None:
    vocabulary = Vocabulary(load_tokenizer(str(tiny_bert)), 300, "markers", 7)
    with pytest.raises(SettingError, match=r"max_length is 7, but marking 'markers' takes 4 tokens and the"):
        vocabulary.inputs([mary])


def test_a_tokenizer_of_another_model_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(SettingError, match="but the model only 20 embeddings; they do not belong together"):
        Vocabulary(load_tokenizer(str(tiny_bert)), 20, "none", 128)


def test_a_prompt_needs_a_mask_token(tiny_bert: Path) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})))
    with pytest.raises(SettingError, match="marking 'prompt' needs a mask token"):
        Vocabulary(tokenizer, 300, "prompt", 128)


def test_no_instances_give_no_inputs(tiny_bert: Path) -> None:
    assert Vocabulary(load_tokenizer(str(tiny_bert)), 300, "none", 128).inputs([]) == []


def test_the_share_of_unknown_tokens_is_counted(tiny_bert: Path, tokens: Any) -> None:
    vocabulary = tokens(tiny_bert, "none").vocabulary
    assert vocabulary.unknown_share(["the city", "Mary was born"]) == 0
    assert vocabulary.unknown_share(["the ☃ ☃ city"]) == 0.5
    assert vocabulary.unknown_share([]) == vocabulary.unknown_share(["", " "]) == 0


def test_unknown_tokens_are_counted_in_a_sample_that_no_order_changes(tiny_bert: Path, tokens: Any) -> None:
    vocabulary = tokens(tiny_bert, "none").vocabulary
    texts = [f"the {'☃ ' * (number % 3)} {number}" for number in range(40)]
    share = vocabulary.unknown_share(texts, most=10)
    assert 0 < share < 1
    assert vocabulary.unknown_share([*texts[::-1], *texts], most=10) == share


def test_a_vocabulary_without_an_unknown_token_knows_all(tiny_roberta: Path, tokens: Any) -> None:
    assert tokens(tiny_roberta, "none").vocabulary.unknown_share(["the ☃ of Ω"]) == 0
