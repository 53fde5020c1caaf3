from __future__ import annotations

import dataclasses
import errno
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.files import load_artifact, save_artifact
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Discovery, discover
from relscout.discovery.storage import check_target, checksums, earlier_run
from relscout.encoders import TransformerEncoder
from relscout.methods import Estimator

Instances = list[RelationInstance]

FILES = [
    "assignments.jsonl",
    "entities.jsonl",
    "facts.jsonl",
    "instances.jsonl.gz",
    "model",
    "model/artifact.json",
    "model/tensors.safetensors",
    "relations.jsonl",
    "run.json",
    "triples.jsonl",
]
#: What is derived from the other files, and not read back.
DERIVED = ("triples.jsonl", "facts.jsonl", "entities.jsonl")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def rebound(run: Path) -> None:
    """Bind a run to its parts as they are now, as if it had been saved like that."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["sha256"] = checksums(run, record)
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_the_folder_holds_the_documented_files_and_no_others(saved: Path) -> None:
    assert list(contents(saved)) == FILES
    assert [path.name for path in saved.parent.iterdir()] == ["run"]


def test_assignments_are_in_input_order_and_without_gold_relations(saved: Path, found: Discovery) -> None:
    lines = records(saved / "assignments.jsonl")
    assert [line["id"] for line in lines] == [one.id for one in found.assignments.instances]
    for line, id in zip(lines, found.assignments.relation_ids.tolist(), strict=True):
        assert list(line) == ["id", "relation_id", "relation", "confidence", "related", "polarity", "phrase"]
        assert (line["relation_id"], line["relation"]) == (id, found.relation(id).name)


def test_an_instance_without_a_relation_is_assigned_minus_one(found: Discovery, tmp_path: Path) -> None:
    ids = found.assignments.relation_ids.copy()
    ids[1] = -1
    dataclasses.replace(found, assignments=dataclasses.replace(found.assignments, relation_ids=ids)).save(
        tmp_path / "run"
    )
    line = records(tmp_path / "run" / "assignments.jsonl")[1]
    assert (line["relation_id"], line["relation"]) == (-1, None)
    assert Discovery.load(tmp_path / "run").assignments.relation_ids[1] == -1


def test_no_gold_relation_is_in_any_file(saved: Path, instances: Instances) -> None:
    with gzip.open(saved / "instances.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert {json.loads(line)["relation"] for line in lines} == {None}


def test_triples_are_written_for_every_assignment(saved: Path, found: Discovery) -> None:
    lines = records(saved / "triples.jsonl")
    assert [line["id"] for line in lines] == [one.id for one in found.assignments.instances]


def test_a_loaded_discovery_is_the_saved_one(saved: Path, found: Discovery) -> None:
    loaded = Discovery.load(saved)
    assert loaded.relations == found.relations
    assert loaded.run == found.run
    assert list(loaded.assignments.instances) == list(found.assignments.instances)
    np.testing.assert_array_equal(loaded.assignments.relation_ids, found.assignments.relation_ids)
    np.testing.assert_array_equal(loaded.assignments.confidences, found.assignments.confidences)
    assert list(loaded.triples()) == list(found.triples())


def test_relatedness_polarity_and_document_survive_saving(judged: Discovery, tmp_path: Path) -> None:
    before = judged
    before.save(tmp_path / "run")
    after = Discovery.load(tmp_path / "run")
    assert after.assignments.related is not None
    assert before.assignments.related is not None
    assert after.assignments.related.tobytes() == before.assignments.related.tobytes()
    assert after.assignments.polarities == before.assignments.polarities
    assert list(after.assignments.instances) == list(before.assignments.instances)
    assert list(after.triples()) == list(before.triples())
    after.save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "run")


def test_pairs_without_a_relation_keep_what_was_estimated(judged: Discovery, tmp_path: Path) -> None:
    judged.save(tmp_path / "run")
    lines = records(tmp_path / "run" / "assignments.jsonl")
    assert (lines[0]["relation_id"], lines[0]["related"], lines[0]["polarity"]) == (-1, 0.0, "asserted")
    assert (lines[3]["related"], lines[2]["polarity"], lines[-1]["related"]) == (None, "hypothetical", 1.0)


def test_a_run_without_the_newer_fields_is_read(saved: Path, found: Discovery, tmp_path: Path) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    newer = {"related", "polarity"}
    lines = [
        {key: line[key] for key in line if key not in newer} for line in records(run / "assignments.jsonl")
    ]
    (run / "assignments.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    for name in DERIVED[1:]:
        (run / name).unlink()
    rebound(run)
    loaded = Discovery.load(run)
    assert (loaded.assignments.related, loaded.assignments.polarities) == (None, None)
    # without a polarity, all of it counts as asserted
    assert set(loaded.assignments.polarity_values()) == {"asserted"}
    whole, before = (
        {(one.head.id, one.relation_id, one.tail.id) for one in each.facts()} for each in (loaded, found)
    )
    assert whole >= before


def test_facts_and_entities_are_written(saved: Path, found: Discovery) -> None:
    facts, entities = records(saved / "facts.jsonl"), records(saved / "entities.jsonl")
    known = {entity["id"]: entity for entity in entities}
    assert [fact["evidence"] for fact in facts] == [list(fact.evidence) for fact in found.facts()]
    assert list(facts[0]) == [
        "head",
        "relation_id",
        "relation",
        "tail",
        "support",
        "documents",
        "confidence",
        "phrase",
        "evidence",
    ]
    for fact in facts:
        for end in (fact["head"], fact["tail"]):
            assert end == {key: known[end["id"]][key] for key in ("id", "name", "type")}
    ends = [fact[end]["id"] for fact in facts for end in ("head", "tail")]
    assert all(entity["facts"] == ends.count(entity["id"]) for entity in entities)
    triples = {line["id"] for line in records(saved / "triples.jsonl")}
    assert {id for fact in facts for id in fact["evidence"]} <= triples


def test_a_loaded_discovery_predicts_the_same_bytes(
    saved: Path, found: Discovery, instances: Instances, unseen: Instances
) -> None:
    loaded = Discovery.load(str(saved))
    for some in (instances, unseen):
        before, after = found.predict(some), loaded.predict(some)
        assert after.relation_ids.tobytes() == before.relation_ids.tobytes()
        assert after.confidences.tobytes() == before.confidences.tobytes()


def test_a_loaded_discovery_saves_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    Discovery.load(saved).save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(saved)


def test_the_model_folder_leads_to_its_run(saved: Path, found: Discovery) -> None:
    assert Discovery.load(saved / "model").relations == found.relations


def test_instances_of_unknown_source_stay_so(encoder: TransformerEncoder, tmp_path: Path) -> None:
    known, unknown = (
        RelationInstance(f"{name} was born in Rome.", Mention(0, 3), Mention(16, 20), source=source)
        for name, source in (("Ann", "births.txt, line 3"), ("Bob", ""))
    )
    discover([known, unknown], n_relations=1, encoder=encoder).save(tmp_path / "run")
    sources = [one.source for one in Discovery.load(tmp_path / "run").assignments.instances]
    assert sources == ["births.txt, line 3", ""]


def test_every_character_survives_saving(encoder: TransformerEncoder, tmp_path: Path) -> None:
    texts = [
        "Zoë 👩‍👩‍👧 was born in Köln.",
        "Zoe\u0308 was born in K\u0000o\u0001ln.",
        "نجيب محفوظ وُلِد في القاهرة",
        "A\u2028B\x85C was\r\nborn in\tRome",
        '"Quoted" \\ was born in \\"Rome\\"',
    ]
    strange = [
        RelationInstance(
            text,
            Mention(0, 3, type="PERSON 👩"),
            Mention(len(text) - 4, len(text), type="CITY\n", entity_id="Q\u202e1"),
            id=f"{number}:{text[:3]}",
            source=f"däta\u2029.txt, line {number}",
        )
        for number, text in enumerate(texts)
    ]
    found = discover(strange, n_relations=2, encoder=encoder)
    found.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert list(loaded.assignments.instances) == strange
    assert loaded.relations == found.relations


def test_an_older_run_is_replaced(saved: Path, found: Discovery, tmp_path: Path) -> None:
    found.rename(0, "old").save(tmp_path / "run")
    found.save(tmp_path / "run")
    assert contents(tmp_path / "run") == contents(saved)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_with_other_files_is_not_written_to(found: Discovery, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match=r"the folder holds 'thesis\.tex'"):
        found.save(tmp_path)
    assert list(contents(tmp_path)) == ["thesis.tex"]


class BreaksOff:
    """A fitted method that is interrupted in the middle of being written."""

    names_: dict[int, str] = {}

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def save(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "artifact.json").write_text("{", encoding="utf-8")
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_an_interrupted_save_leaves_the_older_run(
    saved: Path, found: Discovery, tmp_path: Path, error: BaseException
) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    broken = dataclasses.replace(found, model=cast(Estimator, BreaksOff(error)))
    with pytest.raises(type(error)):
        broken.save(run)
    assert contents(run) == contents(saved)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_leaves_nothing(found: Discovery, tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    broken = dataclasses.replace(found, model=cast(Estimator, BreaksOff(full)))
    with pytest.raises(OutputError, match="No space left on device; nothing was written"):
        broken.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def scrambled(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 50)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [Path.unlink, cut_in_half, scrambled, emptied])
@pytest.mark.parametrize("file", [file for file in FILES if file not in ("model", *DERIVED)])
def test_a_damaged_file_is_refused(
    saved: Path, tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    damage(run / file)
    with pytest.raises(ArtifactError):
        Discovery.load(run)


@pytest.mark.parametrize("file", ["assignments.jsonl", "relations.jsonl"])
def test_a_missing_line_is_refused(saved: Path, tmp_path: Path, file: str) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    without_last_line(run / file)
    with pytest.raises(ArtifactError):
        Discovery.load(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("relation_id", 77),
        ("relation_id", 1.5),
        ("relation_id", "1"),
        ("confidence", None),
        ("id", "other"),
        ("related", "yes"),
        ("polarity", "doubted"),
    ],
)
def test_an_edited_assignment_is_refused(saved: Path, tmp_path: Path, field: str, value: object) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    first, *rest = (run / "assignments.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    edited = json.dumps({**json.loads(first), field: value}) + "\n"
    (run / "assignments.jsonl").write_text("".join([edited, *rest]), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"assignments\.jsonl was changed after it was saved"):
        Discovery.load(run)
    rebound(run)
    with pytest.raises(ArtifactError):
        Discovery.load(run)


def test_parts_of_another_run_are_refused(saved: Path, found: Discovery, tmp_path: Path) -> None:
    found.rename(0, "another").merge([1, 2]).save(tmp_path / "other")
    for part in ("model", "relations.jsonl", "assignments.jsonl", "run.json"):
        run = shutil.copytree(saved, tmp_path / part)
        target, source = run / part, tmp_path / "other" / part
        if target.is_dir():
            described = json.loads((source / "artifact.json").read_text(encoding="utf-8"))
            described["settings"]["seed"] += 1
            (target / "artifact.json").write_text(json.dumps(described), encoding="utf-8")
        else:
            shutil.copyfile(source, target)
        with pytest.raises(ArtifactError, match="was changed after it was saved, or is of another run"):
            Discovery.load(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [("merged", {"0": 1}), ("seed", "7"), ("warnings", None), ("method", ["kmeans"]), ("sha256", 5)],
)
def test_an_edited_record_is_refused(saved: Path, tmp_path: Path, field: str, value: object) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps({**record, field: value}), encoding="utf-8")
    with pytest.raises(ArtifactError):
        Discovery.load(run)


def test_a_run_without_checksums_is_refused(saved: Path, tmp_path: Path) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del record["sha256"]
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ArtifactError, match="has no checksums"):
        Discovery.load(run)


@pytest.mark.parametrize("file", ["run.json", "relations.jsonl", "model/artifact.json"])
def test_json_that_is_nested_too_deeply_is_damage(saved: Path, tmp_path: Path, file: str) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    (run / file).write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(ArtifactError):
        Discovery.load(run)


def test_a_lost_relation_is_noticed_even_with_fitting_checksums(saved: Path, tmp_path: Path) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    model = load_artifact(run / "model")
    shorter = {
        name: array[:-1] if len(array) == model.settings["fitted_relations"] else array
        for name, array in model.tensors.items()
    }
    assert any(len(shorter[name]) < len(array) for name, array in model.tensors.items())
    save_artifact(run / "model", dataclasses.replace(model, tensors=shorter))
    rebound(run)
    with pytest.raises(
        ArtifactError, match=r"its arrays are of \d relations, and \d were fitted|is not a whole"
    ):
        Discovery.load(run)


def test_the_run_of_the_same_command_is_recognised(found: Discovery, tmp_path: Path) -> None:
    assert not earlier_run(tmp_path / "run", {"seed": 1})
    found.with_run({"command": {"seed": 1, "inputs": ["a"]}}).save(tmp_path / "run")
    assert earlier_run(tmp_path / "run", {"inputs": ["a"], "seed": 1})
    with pytest.raises(OutputError, match="already holds a run of another command, with other seed;"):
        earlier_run(tmp_path / "run", {"inputs": ["a"], "seed": 2})


def test_a_method_that_this_version_lacks_is_named(saved: Path, tmp_path: Path) -> None:
    run = shutil.copytree(saved, tmp_path / "run")
    description = run / "model" / "artifact.json"
    described = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**described, "kind": "selforeX"}), encoding="utf-8")
    rebound(run)
    with pytest.raises(ArtifactError, match="a method that is not installed: unknown method 'selforeX'"):
        Discovery.load(run)


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: None])
def test_what_is_no_run_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "thing")
    with pytest.raises(ArtifactError, match=r"is not a run of relscout: there is no run\.json in it"):
        Discovery.load(tmp_path / "thing")


def test_a_new_folder_below_new_folders_is_a_good_target(found: Discovery, tmp_path: Path) -> None:
    check_target(tmp_path / "a" / "b" / "run", overwrite=False)
    assert list(tmp_path.iterdir()) == []
    found.save(tmp_path / "a" / "b" / "run")
    assert (tmp_path / "a" / "b" / "run" / "run.json").is_file()


def test_an_older_run_is_a_target_only_where_it_may_be_overwritten(saved: Path) -> None:
    check_target(saved, overwrite=True)
    with pytest.raises(OutputError, match="already holds a run; choose another folder, or add"):
        check_target(saved, overwrite=False)


def test_what_cannot_be_replaced_is_no_target(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.touch()
    for target, complaint in (
        (file, "it is a file"),
        (tmp_path, r"holds 'notes\.txt'"),
        (file / "run", r"notes\.txt is a file, not a folder"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(OutputError, match=complaint):
            check_target(target, overwrite=True)


@pytest.mark.parametrize("name", ["model/weights.bin", "triples.jsonl"])
def test_files_of_the_same_names_that_are_no_run_are_not_lost(
    found: Discovery, tmp_path: Path, name: str
) -> None:
    mine = tmp_path / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match="which is not part of this output"):
        check_target(tmp_path / "mine", overwrite=True)
    with pytest.raises(OutputError, match="which is not part of this output"):
        found.save(tmp_path / "mine")
    assert mine.read_text(encoding="utf-8") == "precious"
