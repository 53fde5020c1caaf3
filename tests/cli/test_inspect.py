from __future__ import annotations

import gzip
import io
import json
import shlex
import tarfile
import zipfile

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


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600


def office(folder: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/document.xml", "<document/>")
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("notes.txt"))
    return buffer.getvalue()


TEXTS = {
    "notes.txt": ("Ada was born in London.\n", "plain text, 1 passage, 23 characters"),
    "my notes.md": ("# Lives\n\nAda was born in London.\n", "Markdown, 2 passages, 28 characters"),
    "page.html": (
        "<html><body><p>Ada was born in London.</p></body></html>",
        "HTML, 1 passage, 23 characters",
    ),
    "table.csv": ("id,title,text\n1,A,Ada was born in London.\n", "table of texts, 1 passage, 23 characters"),
    "texts.jsonl": ('{"text": "Ada was born in London."}\n', "JSON Lines of texts, 1 passage, 23 characters"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_described_with_the_command_that_reads_it(relscout, tmp_path, name):
    content, described = TEXTS[name]
    (tmp_path / name).write_text(content)
    done = relscout("inspect", name)
    assert done.code == 0
    assert done.out.startswith(f"{name}: {described}\n")
    assert done.out.endswith(f"Next: relscout discover {shlex.quote(name)}\n")
    assert (
        json.loads(relscout("inspect", name, "--json").out)["next"]
        == f"relscout discover {shlex.quote(name)}"
    )


def test_a_folder_of_texts_is_described(relscout, tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "b.md"):
        (tmp_path / "folder" / name).write_text("Ada was born in London.\n")
    assert relscout("inspect", "folder").out.startswith("folder: folder of texts, 2 passages, ")


def test_the_folder_of_a_run_is_described(relscout, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"version": "0.1.0"}')
    (tmp_path / "run" / "relations.jsonl").write_text("{}\n{}\n")
    assert (
        relscout("inspect", "run").out
        == "run: run of relscout 0.1.0, 2 relations\nNext: relscout report run\n"
    )
    (tmp_path / "run" / "run.json").write_text("{")
    assert "the folder of a run is damaged" in relscout("inspect", "run").err


OTHERS = {
    "empty.txt": (b"", "the file is empty; was it saved, or fetched, to its end?"),
    "scan.png": (
        PNG,
        "a PNG image; recognise its text with an OCR program, and run 'relscout discover' on that",
    ),
    "old.doc": (
        OLE + "WordDocument".encode("utf-16-le"),
        "an old Word document (.doc); save it as text (.txt)",
    ),
    "old.xls": (
        OLE + "Workbook".encode("utf-16-le"),
        "an old Excel workbook (.xls); save it as .xlsx or CSV",
    ),
    "new.docx": (office("word"), "a Word document; save it as text (.txt) or PDF"),
    "talk.pptx": (office("ppt"), "a PowerPoint file; save it as text (.txt) or PDF"),
    "letter.rtf": (
        b"{\\rtf1 Ada}",
        "a document in RTF; save it as text (.txt), and run 'relscout discover' on that",
    ),
    "files.tar": (tar(), "a tar archive; unpack it"),
    "files.tar.gz": (gzip.compress(tar()), "a tar archive; unpack it"),
    "data.pkl": (b"\x80\x04\x95\x00", "a Python pickle, which could run any program"),
    "data.jsonl": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "a pointer of Git LFS instead of the file; fetch it",
    ),
    "table.csv": (
        b"sentence,subj,obj\nAda in London,Ada,London\n",
        "run: relscout inspect table.csv --columns text=sentence,head=subj,tail=obj",
    ),
    "named.csv": (
        b"source,sentence,head,tail\nx.txt,Ada in London,Ada,London\n",
        "--columns text=sentence\n",
    ),
    "facts.csv": (
        b"head,relation,tail,support,sentence,evidence\nAda,born in,London,1,Ada in London,[]\n",
        "a table of facts, which has no offsets",
    ),
    "unknown.json": (
        b'[{"text": "a", "entities": [{"id": 1, "begin": 0}]}]',
        "it resembles doccano (missing: label)",
    ),
    "strange.json": (
        b'[{"who": "Ada"}]',
        "its records have the fields 'who'; if you know it, name it with --format: relscout",
    ),
    "latin.csv": ("text,head,tail\nZoë in Köln,Zoë,Köln\n".encode("cp1252"), "--encoding cp1252"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_cannot_be_read_is_said_to_be_what_it_is(relscout, tmp_path, name):
    content, explained = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    done = relscout("inspect", name)
    assert explained in done.err
    assert done.code == (0 if name == "latin.csv" else 2)


def test_a_web_page_in_place_of_a_file_is_noted(relscout, tmp_path):
    (tmp_path / "data.json").write_text("<!DOCTYPE html><title>404</title><p>Page not found.</p>")
    done = relscout("inspect", "data.json")
    assert done.out.startswith("data.json: HTML, 1 passage, ")
    assert "note: data.json is a web page, which some servers send in place of a file" in done.err


def test_marked_pairs_end_with_the_next_command(relscout, good):
    assert relscout("inspect", good).out.endswith(f"Next: relscout discover {good}\n")


def test_a_record_without_relations_is_said_to_have_none(relscout, tmp_path):
    (tmp_path / "a.json").write_text('[{"tokens": ["Ada"], "entities": [], "relations": []}]')
    assert "no record relates two marked entities" in relscout("inspect", "a.json").err


def test_what_a_reader_decides_is_noted_once(relscout, tmp_path):
    (tmp_path / "a.csv").write_bytes("text,head,tail\nAda in London,Ada,London\n".encode("utf-16"))
    done = relscout("inspect", "a.csv")
    assert done.code == 0
    assert done.err == (
        "note: a.csv: read as UTF-16, as its byte-order mark says; for another encoding, pass --encoding\n"
    )


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
