"""``relscout lab pretrain align``."""

from __future__ import annotations

import gzip
import json
import re

import pytest

GRAPH = "Ada\tbirthplace\tLondon\nBob\tbirthplace\tLondon\nAcme\temploys\tAda\nAcme\temploys\tBob\nAda\tknows\tBob\n"


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "graph.tsv"
    path.write_text(GRAPH, encoding="utf-8")
    return path


@pytest.fixture
def aligned(relscout, good, graph, tmp_path):
    """Align the good instances and return how it ended, with the written records."""

    def run(*options, corpus=good, out="aligned.jsonl"):
        done = relscout(
            "lab", "pretrain", "align", corpus, "--graph", graph, "--out", tmp_path / out, *options
        )
        assert done.code == 0, done.err
        written = (tmp_path / out).read_bytes()
        content = gzip.decompress(written) if out.endswith(".gz") else written
        return done, [json.loads(line) for line in content.splitlines()]

    return run


def facts(records):
    return [(record["head"]["text"], record["relation"], record["tail"]["text"]) for record in records]


def test_sentences_get_the_relations_of_the_graph(aligned):
    done, records = aligned()
    assert facts(records) == [
        ("Ada", "birthplace", "London"),
        ("Bob", "birthplace", "London"),
        ("Acme", "employs", "Ada"),
        ("Acme", "employs", "Bob"),
    ]
    assert [record["head"]["entity_id"] for record in records] == ["Ada", "Bob", "Acme", "Acme"]
    assert re.search(r"^instances read +30$", done.out, re.MULTILINE)
    assert re.search(r"^  with head and tail exchanged +2$", done.out, re.MULTILINE)
    assert re.search(r"^birthplace +2$", done.out, re.MULTILINE)
    assert "4 instances of 2 relations written to " in done.err


def test_the_account_is_reported_to_machines(aligned, good, tmp_path):
    more = [
        {"text": text, "head": {"start": 0, "end": 3}, "tail": {"start": len(text) - 3, "end": len(text)}}
        for text in ("Ada met Bob", "Ada saw Bob")
    ]
    corpus = tmp_path / "more.jsonl"
    corpus.write_text(good.read_text() + "".join(json.dumps(one) + "\n" for one in more))
    done, _ = aligned("--json", "--exclude", good, "--as-marked", corpus=corpus)
    told = json.loads(done.out)
    assert told["excluded_instances"] == 30
    assert (told["graph"]["triples"], told["graph"]["entities"]) == (5, 4)
    account = told["account"]
    assert (account["instances"], account["excluded"], account["kept"]) == (32, 2, {"knows": 2})


def test_the_output_is_packed_where_its_name_says_so_and_the_same_each_time(aligned, tmp_path):
    assert aligned(out="a.jsonl.gz")[1] == aligned()[1]
    before = (tmp_path / "a.jsonl.gz").read_bytes()
    aligned(out="a.jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == before


def test_plain_text_is_linked_by_the_names_of_ntriples(noted, tmp_path):
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    (tmp_path / "graph.nt").write_text(
        f'<http://e/Q1> <http://p/P19> <http://e/Q2> .\n<http://e/Q1> {label} "Zoe"@en .\n'
        f'<http://e/Q2> {label} "Oslo"@nb .\n<http://f/Q2> <http://p/P1> <http://e/Q1> .\nbroken\n'
    )
    (tmp_path / "names.tsv").write_text("Zoe\tPERSON\nOslo\tCITY\n")
    (tmp_path / "text.txt").write_text("Zoe was born in Oslo. In Oslo, Zoe left.\n")
    said = noted(
        *("lab", "pretrain", "align", tmp_path / "text.txt", "--gazetteer", tmp_path / "names.tsv"),
        *(
            "--graph",
            tmp_path / "graph.nt",
            "--languages",
            "en,nb",
            "--on-error",
            "skip",
            "--out",
            tmp_path / "a.jsonl",
        ),
    )
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {(record["text"], *fact) for record, fact in zip(records, facts(records), strict=True)} >= {
        ("Zoe was born in Oslo.", "Zoe", "P19", "Oslo"),
        ("In Oslo, Zoe left.", "Zoe", "P19", "Oslo"),
    }
    assert "note: 1 invalid record skipped:\n  " in said
    assert "graph.nt, line 5: not N-Triples" in said
    assert (
        "note: 1 identifier shared by several IRIs, such as <http://e/Q2> and <http://f/Q2>; use --iris whole"
        in said
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--out", "a.csv"), "expected a file name that ends in .jsonl or .jsonl.gz"),
        (("--out", "missing/a.jsonl"), "there is no directory missing"),
        (("--languages", "en,"), "--languages is 'en,'; expected language tags"),
        (("--min-sentences", 0), "--min-sentences"),
        (("--aliases", "graph.tsv", "--iris", "long"), "'short', 'whole'"),
        (("--exclude", "absent.jsonl"), "absent.jsonl: no such file"),
        (("--types", "A:B"), "--types has no effect here"),
    ],
)
def test_what_cannot_work_is_refused(refused, good, graph, options, what):
    assert what in refused("lab", "pretrain", "align", good, "--graph", graph, "--out", "a.jsonl", *options)


@pytest.mark.parametrize("read", ["inputs", "exclude", "link"])
def test_what_is_read_is_not_written_over(refused, good, graph, tmp_path, read):
    mine, other = tmp_path / "mine.jsonl", tmp_path / "other.jsonl"
    mine.write_bytes(good.read_bytes())
    if read == "link":
        other.symlink_to(mine)
    given = [good, "--exclude", mine] if read == "exclude" else [mine]
    said = refused(
        "lab", "pretrain", "align", *given, "--graph", graph, "--out", other if read == "link" else mine
    )
    assert "it is an input of this command" in said
    assert mine.read_bytes() == good.read_bytes()


def test_a_wrong_line_of_the_graph_is_reported_with_its_place(refused, good, graph):
    graph.write_text(GRAPH + "Ada\tknows\n", encoding="utf-8")
    said = refused("lab", "pretrain", "align", good, "--graph", graph, "--out", "a.jsonl")
    assert said.startswith(f"error: {graph}, line 6: got 2 fields")


def test_a_graph_of_another_world_is_reported_and_nothing_is_written(refused, good, graph):
    graph.write_text("Q1\tP1\tQ2\n", encoding="utf-8")
    said = refused("lab", "pretrain", "align", good, "--graph", graph, "--out", "a.jsonl")
    assert (
        "30 instances read, 0 of 60 mentions linked: none of the names such as 'Ada' is in the graph" in said
    )


def test_links_of_wikipedia_are_aligned(relscout, refused, tmp_path):
    dump = tmp_path / "wiki_00"
    text = 'Ada was born in <a href="London">London</a>. In <a href="London">London</a>, Ada met Bob.'
    dump.write_text(f'<doc id="1" title="Ada">\n{text}\n</doc>\n', encoding="utf-8")
    (tmp_path / "graph.tsv").write_text("Q1\tbirthplace\tQ2\n", encoding="utf-8")
    (tmp_path / "ids.tsv").write_text("Ada\tQ1\nLondon\tQ2\n", encoding="utf-8")
    marked, out = tmp_path / "marked.jsonl", tmp_path / "aligned.jsonl"
    done = relscout(
        "lab", "pretrain", "anchors", dump, "--identifiers", tmp_path / "ids.tsv", "--out", marked
    )
    assert "2 pairs written to" in done.err
    relscout("lab", "pretrain", "align", marked, "--graph", tmp_path / "graph.tsv", "--out", out)
    assert facts(map(json.loads, out.read_text().splitlines())) == [("Ada", "birthplace", "London")] * 2
    bare = relscout("lab", "pretrain", "anchors", dump, "--links-only", "--out", tmp_path / "none.jsonl")
    assert "no sentence has two links" in bare.err
    wrong = refused("lab", "pretrain", "anchors", marked, "--out", tmp_path / "x.jsonl")
    assert "marked.jsonl, line 1" in wrong
    assert "begins no article" in wrong
