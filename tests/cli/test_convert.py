from __future__ import annotations

import gzip
import json

import pytest


def test_what_was_converted_converts_to_itself(noted, good, tmp_path):
    assert noted("convert", good, "--out", tmp_path / "a.jsonl") == (
        f"30 instances written to {tmp_path / 'a.jsonl'}\n"
    )
    noted("convert", tmp_path / "a.jsonl", "--out", tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_gold_relations_are_kept(noted, good, tmp_path):
    noted("convert", good, "--out", tmp_path / "a.jsonl")
    relations = [json.loads(line)["relation"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert relations == ["birthplace"] * 18 + ["employer"] * 12


def test_a_table_is_converted_by_the_names_of_its_columns(noted, tmp_path):
    (tmp_path / "table.csv").write_text("sentence,subj,obj\nAda in Rome,Ada,Rome\n")
    columns = "text=sentence, head=subj, tail=obj"
    noted("convert", tmp_path / "table.csv", "--columns", columns, "--out", tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text())["tail"]["text"] == "Rome"


def test_the_output_is_packed_where_its_name_says_so(noted, good, tmp_path):
    for name in ("a.jsonl", "a.jsonl.gz"):
        noted("convert", good, "--out", tmp_path / name)
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_a_file_is_not_converted_in_place(refused, good, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(good.read_bytes())
    error = refused("convert", tmp_path / "a.jsonl", "--out", tmp_path / "a.jsonl")
    assert "it is an input of this command; choose another name" in error
    assert (tmp_path / "a.jsonl").read_bytes() == good.read_bytes()


def test_nothing_is_written_where_a_record_is_wrong(refused, with_one_more, tmp_path):
    assert "line 31" in refused("convert", with_one_more(head=(3, 3)), "--out", tmp_path / "a.jsonl")


def test_wrong_records_can_be_skipped(noted, with_one_more, tmp_path):
    said = noted("convert", with_one_more(head=(3, 3)), "--out", tmp_path / "a.jsonl", "--on-error", "skip")
    assert said.splitlines()[0] == "note: 1 invalid record skipped:"
    assert said.splitlines()[-1].startswith("30 instances written to ")


def test_plain_text_is_converted_by_a_gazetteer(noted, tmp_path):
    (tmp_path / "names.tsv").write_text("Zoe\tPERSON\tQ1\nOslo\tCITY\n")
    (tmp_path / "text.txt").write_text("Zoe was born in Oslo. Zoe left.\n")
    rules = ("--gazetteer", tmp_path / "names.tsv", "--types", "PERSON:CITY")
    noted("convert", tmp_path / "text.txt", *rules, "--out", tmp_path / "a.jsonl")
    (found,) = (json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines())
    assert found["head"] == {"text": "Zoe", "type": "PERSON", "entity_id": "Q1", "start": 0, "end": 3}
    assert found["source"] == "text.txt, line 1"


def test_entities_get_their_types_from_a_spacy_pipeline(noted, tmp_path):
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"pattern": "Rome", "label": "CITY"}])
    pipeline.to_disk(tmp_path / "pipeline")
    (tmp_path / "table.csv").write_text("text,head,tail,head_type\nAda in Rome,Ada,Rome,PERSON\n")
    noted(
        *("convert", tmp_path / "table.csv", "--entity-types", tmp_path / "pipeline"),
        *("--out", tmp_path / "a.jsonl"),
    )
    record = json.loads((tmp_path / "a.jsonl").read_text())
    assert (record["head"]["type"], record["tail"]["type"]) == ("PERSON", "CITY")


@pytest.mark.parametrize("tool", ["label-studio", "doccano", "prodigy", "pubannotation", "brat"])
def test_pre_annotations_of_a_tool_convert_back(noted, good, tmp_path, tool):
    noted("convert", good, "--to", tool, "--out", tmp_path / "tool")
    noted("convert", tmp_path / "tool", "--out", tmp_path / "b.jsonl")
    relations = [json.loads(line)["relation"] for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert relations == ["birthplace"] * 18 + ["employer"] * 12


def test_an_unknown_tool_names_the_nearest(refused, good, tmp_path):
    said = refused("convert", good, "--to", "docano", "--out", tmp_path / "a")
    assert "did you mean 'doccano'" in said


def gazetteer_notes(noted, tmp_path, text, names, *more):
    """Convert a text by a list of names; return the surfaces of its pairs and what is said before the last line."""
    (tmp_path / "names.tsv").write_text(names, encoding="utf-8")
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    out = tmp_path / "a.jsonl"
    said = noted("convert", tmp_path / "text.txt", "--gazetteer", tmp_path / "names.tsv", *more, "--out", out)
    records = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    pairs = [(record["head"]["text"], record["tail"]["text"]) for record in records]
    return pairs, " ".join(said.rpartition("\n0 ")[0].split())


@pytest.mark.parametrize(
    ("text", "names", "pairs"),
    [
        (
            "小明出生在上海。张三创办了阿里工厂。",
            "小明 上海 张三 阿里工厂",
            [("小明", "上海"), ("张三", "阿里工厂")],
        ),
        ("彼はソニーの東京本社で働く", "ソニー 東京", [("ソニー", "東京")]),
        ("สมชายเกิดที่กรุงเทพ", "สมชาย กรุงเทพ", [("สมชาย", "กรุงเทพ")]),
    ],
)
def test_names_in_text_without_blanks_are_paired(noted, tmp_path, text, names, pairs):
    listed = "".join(f"{name}\tX\n" for name in names.split())
    assert gazetteer_notes(noted, tmp_path, text, listed)[0] == pairs


def test_where_no_name_of_the_list_is_marked_it_says_why(noted, tmp_path):
    pairs, said = gazetteer_notes(noted, tmp_path, "ＩＢＭ収購了某某公司。", "IBM\tORG\n某某公司\tORG\n")
    assert (pairs, said) == (
        [],
        "note: no sentence has two entities to pair; use --gazetteer for names that the "
        "pipeline does not know, --mentions noun-chunks for text without names, or --spacy for another language",
    )
    pairs, said = gazetteer_notes(noted, tmp_path, "ＩＢＭ収購了某某公司。", "IBM\tORG\n")
    assert (
        "note: none of the 1 name of the list is marked: 1 would be marked with --ignore width ('IBM')"
        in said
    )


def test_names_match_whatever_their_width_and_case_where_that_is_ignored(noted, tmp_path):
    names = "ibm\tORG\n某某公司\tORG\n"
    pairs, _ = gazetteer_notes(noted, tmp_path, "ＩＢＭ収購了某某公司。", names, "--ignore", "width, case")
    assert pairs == [("ＩＢＭ", "某某公司")]


def test_what_is_ignored_must_be_known_and_needs_a_list(refused, tmp_path):
    (tmp_path / "a.txt").write_text("Ada in Rome.\n")
    (tmp_path / "names.tsv").write_text("Ada\tPER\n")
    to = ("--out", tmp_path / "a.jsonl")
    listed = ("--gazetteer", tmp_path / "names.tsv")
    said = refused("convert", tmp_path / "a.txt", *listed, "--ignore", "size", *to)
    assert "'size' (--ignore); expected some of case, width, accents" in said
    assert "applies to the names of --gazetteer" in refused(
        "convert", tmp_path / "a.txt", "--ignore", "case", *to
    )


def test_types_that_no_pair_has_are_reported(relscout, tmp_path):
    (tmp_path / "names.tsv").write_text("Zoe\tPERSON\nOslo\tCITY\n")
    (tmp_path / "text.txt").write_text("Zoe was born in Oslo.\n")
    given = ("--gazetteer", tmp_path / "names.tsv", "--types", "CITY:PERSON,PERSN:CITY")
    done = relscout("convert", tmp_path / "text.txt", *given, "--out", tmp_path / "o.jsonl")
    assert "note: --types has PERSN:CITY, but no pair has these types\n" in done.err
    assert "CITY:PERSON," not in done.err
