from __future__ import annotations

import json

import pytest


def test_the_format_and_the_number_of_instances_come_first(relscout, good):
    assert relscout("inspect", good).out.startswith(f"{good}: jsonl, 30 instances\n")


def test_gold_relations_are_counted(relscout, good):
    out = relscout("inspect", good).out
    assert "birthplace            18\n" in out
    assert "employer              12\n" in out


def test_sentences_are_shown_with_their_entities(relscout, good):
    assert "  [h Ada] was born in [t London] .\n" in relscout("inspect", good).out


def test_wrong_records_are_listed_and_the_rest_counted(relscout, with_one_more):
    done = relscout("inspect", with_one_more(head=(3, 3)))
    assert (done.code, "jsonl, 30 instances" in done.out) == (0, True)
    assert "line 31: head span [3, 3)" in done.err


def test_the_list_of_wrong_records_has_an_end(relscout, with_one_more):
    err = relscout("inspect", with_one_more("{}\n" * 15)).err
    assert err.startswith("note: 15 invalid records skipped:\n")
    assert err.endswith("  … and 5 more\n")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"text": "University of Paris .", "head": (0, 19), "tail": (14, 19)},
            "one entity inside the other: 1",
        ),
        ({"relation": "birthplace"}, "repeated ids: 1"),
        ({}, "without a gold relation: 1"),
    ],
)
def test_what_is_unusual_is_reported(relscout, with_one_more, fields, told):
    assert told in relscout("inspect", with_one_more(**fields)).out


def test_json_has_everything_as_numbers(relscout, good):
    told = json.loads(relscout("inspect", good, "--json").out)
    assert (told["format"], told["instances"], told["problems"]["count"]) == ("jsonl", 30, 0)
    assert told["relations"] == {"birthplace": 18, "employer": 12}
    assert told["characters"] == {"median": 23, "p99": 25, "longest": 25}


def test_entity_types_are_counted_as_pairs(relscout, tmp_path):
    (tmp_path / "table.csv").write_text("text,head,tail,head_type\nAda in Rome,Ada,Rome,PERSON\n")
    assert json.loads(relscout("inspect", tmp_path / "table.csv", "--json").out)["type_pairs"] == {
        "PERSON → ?": 1
    }


def test_a_name_that_looks_like_markup_is_shown_as_it_is(relscout, good, tmp_path):
    (tmp_path / "[bold]x.jsonl").write_bytes(good.read_bytes())
    assert relscout("inspect", "[bold]x.jsonl").out.startswith("[bold]x.jsonl: jsonl, ")


@pytest.fixture
def in_utf16_units(tmp_path):
    """Two sentences whose offsets count as JavaScript does, with an emoji before the mentions of one."""
    path = tmp_path / "exported.jsonl"
    texts = ("🎉 Bea joined Fiat.", "Cem left Saab.")
    spans = (((3, 6), (14, 18)), ((0, 3), (9, 13)))
    records = [
        {
            "text": text,
            **{
                role: {"start": span[0], "end": span[1]}
                for role, span in zip(("head", "tail"), both, strict=True)
            },
        }
        for text, both in zip(texts, spans, strict=True)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_offsets_in_other_units_are_noticed(relscout, in_utf16_units):
    done = relscout("inspect", in_utf16_units)
    assert "mentions that begin or end inside a word or on a blank: 2 of 4\n" in done.out
    assert done.err.startswith(f"note: {in_utf16_units}: 2 of 4 mentions (50%) begin or end inside a word")
    assert "--offsets utf-16" in done.err
    assert done.err.count("\n") == 1


def test_offsets_in_other_units_are_read(relscout, in_utf16_units):
    done = relscout("inspect", in_utf16_units, "--offsets", "utf-16")
    assert (done.code, done.err) == (0, "")
    assert "🎉 [h Bea] joined [t Fiat]." in done.out


def test_json_says_which_offsets_fit(relscout, in_utf16_units):
    found = json.loads(relscout("inspect", in_utf16_units, "--json").out)["offsets"]
    assert found == {"mentions": 4, "cut": 2, "fitting": "utf-16"}


def test_every_command_that_reads_marked_pairs_notices_and_reads_offsets(relscout, in_utf16_units, tmp_path):
    noticed = relscout("convert", in_utf16_units, "--out", tmp_path / "wrong.jsonl")
    assert "--offsets utf-16" in noticed.err
    relscout("convert", in_utf16_units, "--offsets", "utf-16", "--out", tmp_path / "right.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "right.jsonl").read_text().splitlines()]
    assert [row["head"]["text"] for row in rows] == ["Bea", "Cem"]


def test_an_encoding_can_be_named(relscout, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("text,head,tail\nZoë in Malmö,Zoë,Malmö\n".encode("latin-1"))
    assert "[h Zoë] in [t Malmö]" in relscout("inspect", path, "--encoding", "latin-1").out
