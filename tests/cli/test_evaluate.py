from __future__ import annotations

import json

import pytest

SCORES = (
    "b3_precision",
    "b3_recall",
    "b3_f1",
    "homogeneity",
    "completeness",
    "v_measure",
    "ari",
    "nmi",
    "accuracy",
)


@pytest.fixture
def labels(tmp_path):
    """Write a file with one label a line."""

    def write(name: str, text: str):
        (tmp_path / name).write_text("\n".join(text) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def scored(relscout):
    """Return the scores of what must work."""

    def score(*arguments: object) -> dict:
        done = relscout("evaluate", *arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return score


def test_json_has_the_scores_that_others_script_against(scored, finished, good):
    told = scored(finished, "--gold", good)
    assert tuple(told)[: len(SCORES)] == SCORES
    assert all(0 <= told[name] <= 1 for name in SCORES if name != "ari")
    assert -0.5 <= told["ari"] <= 1
    assert told["n_instances"] == 30


def test_scores_are_those_of_hand(scored, labels):
    told = scored(labels("found", "aabb"), "--gold", labels("gold", "xxxy"))
    assert told["b3_precision"] == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert told["b3_recall"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert told["accuracy"] == pytest.approx(3 / 4)


def test_a_perfect_clustering_scores_one_under_any_names(scored, labels):
    told = scored(labels("found", "1212"), "--gold", labels("gold", "ölöl"))
    assert [told[name] for name in SCORES] == [1.0] * len(SCORES)


def test_the_folder_and_its_assignments_score_the_same(scored, finished, good):
    assert scored(finished, "--gold", good) == scored(finished / "assignments.jsonl", "--gold", good)


def test_instances_are_matched_by_id_in_any_order(scored, finished, good, tmp_path):
    backwards = tmp_path / "backwards.jsonl"
    backwards.write_text("".join(reversed(good.read_text().splitlines(keepends=True))))
    assert scored(finished, "--gold", backwards) == scored(finished, "--gold", good)


def test_instances_of_one_side_only_are_left_out_and_noted(noted, finished, good, tmp_path):
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(good.read_text().splitlines(keepends=True)[:5]))
    said = noted("evaluate", finished, "--gold", fewer)
    assert said == f"note: 5 instances are in both files, of 30 in {finished} and 5 in {fewer}\n"


def test_instances_without_a_gold_relation_are_left_out_and_noted(noted, finished, with_one_more):
    assert "note: 1 instance in " in noted("evaluate", finished, "--gold", with_one_more())


def test_majority_mapping_is_another_protocol(scored, labels):
    files = labels("found", "abcd"), "--gold", labels("gold", "xxyy")
    assert (scored(*files)["b3_recall"], scored(*files)["protocol"]) == (0.5, "raw clusters")
    mapped = scored(*files, "--majority-mapped")
    assert (mapped["b3_recall"], mapped["protocol"]) == (1.0, "majority mapped")


def test_the_table_has_the_trivial_baselines(relscout, finished, good):
    out = relscout("evaluate", finished, "--gold", good).out
    assert out.startswith("30 instances, 2 gold relations, protocol: raw clusters\n")
    assert "one cluster" in out
    assert "singletons" in out
    assert "entity-type pair" not in out


def test_gold_relations_can_be_renamed_together(scored, finished, good, tmp_path):
    (tmp_path / "names.json").write_text(json.dumps({"birthplace": "any", "employer": "any"}))
    assert scored(finished, "--gold", good, "--relation-names", tmp_path / "names.json")["n_gold"] == 1


def test_files_of_different_length_are_refused(refused, labels):
    said = refused("evaluate", labels("found", "aab"), "--gold", labels("gold", "xy"))
    assert "found has 3 labels" in said
    assert "gold has 2" in said


def test_files_with_no_id_in_common_are_refused(refused, finished, tmp_path, good):
    (tmp_path / "other.jsonl").write_text(good.read_text().replace("Ada", "Zoe").splitlines()[0] + "\n")
    said = refused("evaluate", finished, "--gold", tmp_path / "other.jsonl")
    assert "they have no id in common" in said


def test_gold_without_relations_is_refused(refused, finished, tmp_path, good):
    records = [json.loads(line) for line in good.read_text().splitlines()]
    bare = "".join(json.dumps({**one, "relation": None}) + "\n" for one in records)
    (tmp_path / "bare.jsonl").write_text(bare)
    said = refused("evaluate", finished, "--gold", tmp_path / "bare.jsonl")
    assert "none of its 30 instances has a gold relation" in said


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"a\n\x07\n", b'{"x": 1}\n', b"[1]\n"])
@pytest.mark.parametrize("side", ["found", "gold"])
def test_what_is_no_file_of_labels_is_refused(refused, labels, tmp_path, content, side):
    labels("found", "a")
    labels("gold", "x")
    (tmp_path / side).write_bytes(content)
    assert str(tmp_path / side) in refused("evaluate", tmp_path / "found", "--gold", tmp_path / "gold")


@pytest.mark.parametrize("side", ["found", "gold"])
def test_a_file_that_is_missing_is_refused(refused, labels, tmp_path, side):
    names = {"found": labels("found", "a"), "gold": labels("gold", "a"), side: tmp_path / "nowhere"}
    assert "nowhere: " in refused("evaluate", names["found"], "--gold", names["gold"])


def test_a_folder_that_is_no_run_is_refused(refused, labels, tmp_path):
    (tmp_path / "empty").mkdir()
    said = refused("evaluate", tmp_path / "empty", "--gold", labels("gold", "a"))
    assert "not a run directory, there is no" in said


def test_a_line_that_is_no_assignment_is_refused_with_its_number(refused, finished, good, tmp_path):
    path = tmp_path / "assignments.jsonl"
    path.write_text((finished / "assignments.jsonl").read_text() + '{"id": "x"}\n')
    assert "assignments.jsonl, line 31: not a JSON object with 'id' and 'relation_id'" in refused(
        "evaluate", path, "--gold", good
    )
    path.write_text('{"id": "x", "relation_id": 0, "relation": ["born in"]}\n')
    assert "line 1: not a JSON object with 'id' and 'relation_id', and a name" in refused(
        "evaluate", path, "--gold", good, "--labeled", good
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("--offsets", "utf-16"), ("--columns", "text=a"), ("--relation-names", "missing.json")],
)
def test_options_of_marked_pairs_are_refused_for_bare_labels(refused, tmp_path, option, value):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    error = refused("evaluate", tmp_path / "labels.txt", "--gold", tmp_path / "labels.txt", option, value)
    assert f"{option}" in error
    assert "has one label per line" in error


def test_labelled_relations_that_nothing_has_are_noted(relscout, finished, good, tmp_path):
    same = relscout("evaluate", finished, "--gold", good, "--labeled", good)
    assert same.code == 0, same.err
    assert "has the name of a labelled relation, so that all of these count as wrong" in same.err
    other = tmp_path / "other.jsonl"
    lines = [json.loads(line) for line in good.read_text(encoding="utf-8").splitlines()]
    other.write_text("".join(json.dumps({**line, "relation": "another"}) + "\n" for line in lines))
    wrong = relscout("evaluate", finished, "--gold", good, "--labeled", other)
    assert "none of the labelled relations is a gold relation; is this the file of --labeled?" in wrong.err
