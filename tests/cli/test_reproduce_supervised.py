"""``relscout lab reproduce`` on presets whose relations are given, from the list to the table."""

from __future__ import annotations

import json

import pytest

from relscout.lab.records import read_records

WORDS = {"born": "was born in", "died": "died at", "Other": "saw"}


@pytest.fixture
def data(tmp_path):
    """A data folder for the protocols ``semeval-…``."""
    folder = tmp_path / "data" / "semeval"
    folder.mkdir(parents=True)
    for number, part in enumerate(("train_0.01", "train_0.1", "dev", "test")):
        lines = []
        for relation, phrase in WORDS.items():
            for place in range(4):
                tokens = ["ada", *phrase.split(), f"town{4 * number + place}"]
                head, tail = (
                    {"name": "ada", "pos": [0, 1]},
                    {"name": tokens[-1], "pos": [len(tokens) - 1, len(tokens)]},
                )
                lines.append(json.dumps({"token": tokens, "h": head, "t": tail, "relation": relation}) + "\n")
        (folder / f"{part}.txt").write_text("".join(lines))
    return folder.parent


@pytest.fixture
def small(tmp_path, tiny_bert):
    """A preset that takes little time."""
    (tmp_path / "small.yaml").write_text(
        "title: A small lesson\n"
        "paper: 'Somebody: A paper. ACL 2020'\n"
        "protocols: [semeval-1, semeval-10]\n"
        "settings: {classifier: {epochs: 1, least_steps: 0, batch: 4, trained_layers: 1}}\n"
        "rows:\n"
        "  - name: tiny\n"
        "    method: classifier\n"
        f"    encoder: {{model: {json.dumps(str(tiny_bert))}, pooling: start, marking: C+M}}\n"
        "  - {name: own, method: classifier, encoder: {model: given, pooling: start, marking: OnlyC}}\n"
        "seeds: [0, 1]\n"
        "published:\n"
        "  - {row: tiny, source: 'Table 5', semeval-1: 36.7}\n"
        "  - {row: CP, source: 'Table 5', semeval-1: 48.2, semeval-10: 82.2, reference: true}\n"
    )
    return tmp_path / "small.yaml"


def test_from_the_preset_to_the_table(relscout, small, data, tmp_path, tiny_bert):
    shown = relscout("lab", "reproduce", "show", small, "--data", data).out
    for told in (
        "semeval-1: trained on 1 % of SemEval",
        "semeval-10: trained on 10 %",
        "36.7",
        "82.2",
        "semeval in",
        "given",
    ):
        assert told in shown

    done = relscout("lab", "reproduce", "run", small, "--data", data)
    assert "semeval-10, tiny, seed 1: micro-f1 " in done.err
    assert "semeval-1, most frequent relation: micro-f1 " in done.err
    assert "6 runs done, 0 already in relscout-results.jsonl" in done.err
    assert len([line for line in done.out.splitlines() if line.startswith("tiny ")]) == 2

    chosen = ("--rows", "own", "--seeds", 1, "--encoder", tiny_bert)
    again = relscout("lab", "reproduce", "run", small, "--data", data, *chosen)
    assert "2 runs done, 0 already" in again.err
    found = read_records(tmp_path / "relscout-results.jsonl")
    assert [(one["protocol"], one["row"]) for one in found[-2:]] == [
        ("semeval-1", "own"),
        ("semeval-10", "own"),
    ]

    tables = relscout("lab", "reproduce", "table", small).out
    assert tables.startswith("**A small lesson: all protocols.**")
    assert "A small lesson: semeval-1." in tables
    assert "A small lesson: semeval-10." in tables
    assert "| own " in tables
    assert "rained on 1 % of SemEval 2010's training instances" in tables
    assert "48.2" in tables
    assert " macro-F1 " in relscout("lab", "reproduce", "table", small, "--all-scores").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "names-semeval", "--rows", "own encoder, C+M"), "needs an encoder; give it (--encoder"),
        (
            ("run", "kmeans-bundled", "--encoder", "x"),
            "no row of preset 'kmeans-bundled' needs an encoder",
        ),
        (("run", "names-tacred-paper"), "get it with 'relscout datasets get tacred'"),
        (
            ("run", "names-encoders", "--encoder", "cp=a", "--encoder", "cp=b"),
            "are both for rows with given:cp",
        ),
        (("run", "names-encoders", "--encoder", "pc=a"), "unknown encoder of preset 'names-encoders' 'pc'"),
    ],
)
def test_what_cannot_work_is_one_line(refused, arguments, said):
    assert said in refused("lab", "reproduce", *arguments)


def test_what_is_about_found_relations_is_refused(refused, relscout, small, data):
    relscout("lab", "reproduce", "run", small, "--data", data, "--rows", "most frequent relation")
    assert "--scoring applies to discovery" in refused("lab", "reproduce", "table", small, "--scoring", "raw")
    assert "figures are for discovery" in refused("lab", "reproduce", "figure", small, "--kind", "losses")
    assert "has discovered relations to list" in refused("lab", "reproduce", "table", small, "--names")
