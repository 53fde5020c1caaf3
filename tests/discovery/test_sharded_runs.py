from __future__ import annotations

import copy
import gc
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from relscout import read
from relscout.core.errors import ArtifactError, OutputError, SettingError
from relscout.core.files import files_in
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.storage import Parts, checksums, save
from relscout.io.shards import ASSIGNMENTS, FACTS, INSTANCES, ShardedRows, read_shards, write_shard
from relscout.io.writers.jsonl import fact_record

FOLDERS = ("assignments", "facts", "instances", "triples")


@pytest.fixture(scope="module")
def sharded(judged: Discovery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in shards of 40 rows."""
    folder = tmp_path_factory.mktemp("sharded") / "run"
    parts = Parts(judged.relations, judged.assignments, judged.model, judged.run, judged.merged)
    save(folder, parts, judged.triples(), judged.found_facts, shard_above=0, rows_per_shard=40)
    return folder


@pytest.fixture
def copied(sharded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sharded, tmp_path / "run")


def test_shards_replace_the_large_files(sharded: Path, judged: Discovery) -> None:
    assert sorted(path.name for path in sharded.iterdir()) == [
        "assignments",
        "entities.jsonl",
        "facts",
        "instances",
        "model",
        "relations.jsonl",
        "run.json",
        "triples",
    ]
    counts = json.loads((sharded / "run.json").read_text(encoding="utf-8"))["shards"]
    assert counts == {name: len(list((sharded / name).iterdir())) for name in FOLDERS}
    assert counts["instances"] == 3
    assert list(read_shards(sharded / "facts", FACTS)) == list(map(fact_record, judged.facts()))
    assert next(read_shards(sharded / "assignments", ASSIGNMENTS))["phrase"] == ""


def test_a_loaded_run_is_the_saved_one(sharded: Path, judged: Discovery) -> None:
    loaded = Discovery.load(sharded)
    assert isinstance(loaded.assignments.instances, ShardedRows)
    assert list(loaded.assignments.instances) == list(judged.assignments.instances)
    assert loaded.run == judged.run
    assert loaded.relations == judged.relations
    assert loaded.assignments.relation_ids.tobytes() == judged.assignments.relation_ids.tobytes()
    assert loaded.assignments.confidences.tobytes() == judged.assignments.confidences.tobytes()
    assert loaded.assignments.related is not None
    assert judged.assignments.related is not None
    assert loaded.assignments.related.tobytes() == judged.assignments.related.tobytes()
    assert loaded.assignments.polarities == judged.assignments.polarities
    assert loaded.assignments.phrases == judged.assignments.phrases
    assert list(loaded.triples()) == list(judged.triples())
    assert loaded.facts() == judged.facts()
    assert loaded.examples(0) == judged.examples(0)


def pickled(run: Discovery) -> Discovery:
    return cast(Discovery, pickle.loads(pickle.dumps(run)))  # noqa: S301 - the test wrote it


@pytest.mark.parametrize("copied_by", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_finds_its_facts_after_the_run_is_gone(
    sharded: Path, judged: Discovery, copied_by: Callable[[Discovery], Discovery]
) -> None:
    loaded = Discovery.load(sharded)
    assert len(loaded.found_facts.facts) == len(judged.facts())
    another = copied_by(loaded)
    del loaded
    gc.collect()
    assert another.facts() == judged.facts()


def test_what_was_not_estimated_stays_so(found: Discovery, tmp_path: Path) -> None:
    found.save(tmp_path / "run", shard_above=0)
    loaded = Discovery.load(tmp_path / "run").assignments
    before = found.assignments
    assert before.related is None
    assert (loaded.related, loaded.phrases) == (None, before.phrases)
    assert loaded.polarities == before.polarities


def test_both_layouts_are_evaluated_alike(
    sharded: Path, judged: Discovery, instances: list[RelationInstance]
) -> None:
    assert Discovery.load(sharded).evaluate(instances) == judged.evaluate(instances)


def test_a_run_keeps_its_layout_when_it_is_saved_again(copied: Path) -> None:
    renamed = Discovery.load(copied).rename(0, "renamed")
    renamed.save(copied)
    assert (copied / "instances").is_dir()
    loaded = Discovery.load(copied)
    assert loaded.names[0] == "renamed"
    assert list(loaded.triples()) == list(renamed.triples())


def test_a_run_in_shards_is_saved_as_lines_if_asked(copied: Path, judged: Discovery) -> None:
    Discovery.load(copied).save(copied, shard_above=1000)
    assert not any((copied / name).exists() for name in FOLDERS)
    assert list(Discovery.load(copied).triples()) == list(judged.triples())


def test_the_limit_decides_the_layout(found: Discovery, tmp_path: Path) -> None:
    number = len(found.assignments.instances)
    for limit in (number - 1, number):
        found.save(tmp_path / "run", shard_above=limit)
        assert (tmp_path / "run" / "instances").is_dir() == (number > limit)
    with pytest.raises(SettingError, match="shard_above is -1; expected a number of instances, 0 or more"):
        found.save(tmp_path / "run", shard_above=-1)


def test_shards_of_a_run_are_input_files(sharded: Path, judged: Discovery) -> None:
    ids = [instance.id for path in sorted((sharded / "instances").iterdir()) for instance in read(path)]
    assert ids == [instance.id for instance in judged.assignments.instances]
    triples = [instance.id for path in sorted((sharded / "triples").iterdir()) for instance in read(path)]
    assert triples == [triple.instance.id for triple in judged.triples()]


def test_a_folder_of_texts_is_read_without_the_run_in_it(copied: Path) -> None:
    (copied.parent / "note.txt").write_text("text", encoding="utf-8")
    assert [path.name for path in files_in(copied.parent)] == ["note.txt"]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def scrambled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:120] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [Path.unlink, cut_off, scrambled])
@pytest.mark.parametrize("name", ["assignments", "instances"])
def test_a_damaged_shard_is_named(copied: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(copied / name / "part-00001.parquet")
    with pytest.raises(ArtifactError, match=rf"{name}/part-00001\.parquet (is missing|was changed after it)"):
        Discovery.load(copied)


def test_a_missing_last_shard_is_named(copied: Path) -> None:
    (copied / "instances" / "part-00002.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"instances/part-00002\.parquet is missing"):
        Discovery.load(copied)


def test_a_foreign_file_among_the_shards_is_named_and_never_removed(copied: Path, found: Discovery) -> None:
    (copied / "instances" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"instances/notes\.txt is not a shard"):
        Discovery.load(copied)
    with pytest.raises(OutputError, match=r"the folder holds 'notes\.txt'"):
        found.save(copied)


def rebound(run: Path) -> None:
    """Bind a run to its parts as they are now, as if it had been saved like that."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["sha256"] = checksums(run, record)
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_shard_of_another_run_is_refused(copied: Path) -> None:
    rows = list(read_shards(copied / "instances", INSTANCES))
    write_shard(copied / "instances", 1, rows[:40], INSTANCES)
    with pytest.raises(ArtifactError, match=r"instances/part-00001\.parquet was changed after it was saved"):
        Discovery.load(copied)
    rebound(copied)
    with pytest.raises(ArtifactError, match="do not list the same instances"):
        Discovery.load(copied)


@pytest.mark.parametrize("value", [{"instances": 3}, 3, {"instances": "3", "assignments": 3}])
def test_an_edited_number_of_shards_is_refused(copied: Path, value: object) -> None:
    record = json.loads((copied / "run.json").read_text(encoding="utf-8"))
    (copied / "run.json").write_text(json.dumps({**record, "shards": value}), encoding="utf-8")
    with pytest.raises(ArtifactError, match="is damaged or incomplete"):
        Discovery.load(copied)
