"""Work on shards in this process, without Ray."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from relscout.cli.app import run as run_command
from relscout.core.errors import RelscoutError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.discovery.relation import find_facts as facts_of
from relscout.discovery.tasks import Here
from relscout.distributed import Cluster, extract, find_facts
from relscout.distributed import discover as discover_sharded
from relscout.distributed.cluster import HERE, worked
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.io.writers.jsonl import write_instances

#: Largest difference of confidences: batches differ, and with them the rounding of the encoder.
TOLERANCE = 1e-5
#: Starts that take no time.
START = {"start": "k-means++", "n_init": 2}
IN_PROCESS = Cluster(HERE)


@pytest.fixture(scope="module")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Pairs of five sentences a document."""
    return [
        replace(instance, relation=None, document=f"page {place // 5}", document_start=100 * (place % 5))
        for place, instance in enumerate(corpus[:90])
    ]


@pytest.fixture(scope="module")
def settings(tiny_bert: Path) -> EncoderSettings:
    return EncoderSettings(model=str(tiny_bert), pooling="sentence")


@pytest.fixture(scope="module")
def whole(settings: EncoderSettings, instances: list[RelationInstance]) -> Discovery:
    """The relations of all pairs, with all in memory."""
    encoder = TransformerEncoder(settings)
    return discover(instances, method="kmeans", n_relations=5, encoder=encoder, settings=START)


@pytest.fixture(scope="module")
def run(whole: Discovery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    whole.save(folder)
    return folder


def test_relations_of_shards_are_those_of_all_pairs_in_memory(settings, instances, whole, tmp_path):
    found = discover_sharded(
        iter(instances),
        work=tmp_path,
        n_relations=5,
        encoder=settings,
        settings=START,
        shard_size=20,
        cluster=IN_PROCESS,
    )
    assert found.relations == whole.relations
    assert found.assignments.relation_ids.tolist() == whole.assignments.relation_ids.tolist()
    assert found.assignments.confidences == pytest.approx(whole.assignments.confidences, abs=TOLERANCE)


def test_interrupted_work_continues_with_the_shards_that_are_missing(settings, instances, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "encode shards" and done == 2:
            raise StoppedError

    steps: list[tuple[str, int]] = []
    how = {"n_relations": 5, "encoder": settings, "settings": START, "shard_size": 20, "cluster": IN_PROCESS}
    with pytest.raises(StoppedError):
        discover_sharded(iter(instances), work=tmp_path, **how, progress=stop)
    discover_sharded(iter(instances), work=tmp_path, **how, progress=lambda *at: steps.append((at[0], at[1])))
    assert next(done for stage, done in steps if stage == "encode shards") == 2


def test_relations_of_a_sample_are_applied_shard_by_shard(settings, instances, tmp_path):
    how = {"method": "hac", "n_relations": 4, "fit_on": 40}
    expected = discover(instances, encoder=TransformerEncoder(settings), **how)
    found = discover_sharded(
        iter(instances), work=tmp_path, encoder=settings, shard_size=20, cluster=IN_PROCESS, **how
    )
    assert found.relations == expected.relations
    assert found.assignments.relation_ids.tolist() == expected.assignments.relation_ids.tolist()


def test_a_method_that_is_chosen_is_fitted_on_the_sample(settings, instances, tmp_path):
    how = {"method": "auto", "n_relations": 4, "fit_on": 40}
    found = discover_sharded(
        iter(instances), work=tmp_path, encoder=settings, shard_size=50, cluster=IN_PROCESS, **how
    )
    assert found.run["choice"]["why"] == "40 instances are too few to learn from"
    assert len(found.assignments.instances) == len(instances)


@pytest.mark.parametrize("parts", [1, 4])
def test_triples_and_facts_of_shards_are_those_of_all_pairs_in_memory(run, instances, tmp_path, parts):
    loaded = Discovery.load(run)
    expected = list(loaded.triples_of(loaded.predict(instances)))
    extraction = extract(run, iter(instances), work=tmp_path, shard_size=20, cluster=IN_PROCESS)
    rounded = [replace(triple, confidence=round(triple.confidence, 3)) for triple in extraction]
    assert rounded == [replace(triple, confidence=round(triple.confidence, 3)) for triple in expected]
    facts = list(find_facts(extraction, cluster=IN_PROCESS, parts=parts))
    assert len(facts) > 20
    assert facts == list(facts_of(list(extraction)).facts)


def test_items_are_worked_on_one_after_the_other():
    begun = []
    results = worked(Here(), lambda item, factor: begun.append(item) or item * factor, [1, 2], 10, stage="x")
    assert next(results) == (1, 10)
    assert begun == [1]


def test_a_run_that_is_missing_is_an_error(instances, tmp_path):
    with pytest.raises(RelscoutError, match="missing is not a run"):
        extract(tmp_path / "missing", iter(instances), work=tmp_path / "work", cluster=IN_PROCESS)


def test_the_command_line_writes_the_same_in_shards(run, instances, tmp_path):
    write_instances(instances, tmp_path / "pairs.jsonl")
    command = ["extract", str(run), str(tmp_path / "pairs.jsonl"), "--no-cache", "--facts", "--out"]
    assert run_command([*command, str(tmp_path / "whole.jsonl")]) == 0
    assert run_command([*command, str(tmp_path / "parts.jsonl"), "--in-shards", "--shard-size", "20"]) == 0
    numbers = re.compile(r'"confidence": [0-9.]+')
    whole, parts = ((tmp_path / name).read_text() for name in ("whole.jsonl", "parts.jsonl"))
    assert numbers.sub("", parts) == numbers.sub("", whole)
    assert not (tmp_path / "parts.jsonl.work").exists()


def test_the_command_line_discovers_the_same_in_shards(tiny_bert, instances, whole, tmp_path):
    write_instances(instances, tmp_path / "pairs.jsonl")
    (tmp_path / "encoder.json").write_text('{"pooling": "sentence"}')
    command = [
        "discover",
        str(tmp_path / "pairs.jsonl"),
        "--relations",
        "5",
        "--in-shards",
        "--shard-size",
        "25",
    ]
    command += ["--encoder", str(tiny_bert), "--encoder-config", str(tmp_path / "encoder.json")]
    command += ["--no-report", "--set", "start=k-means++,n_init=2", "--out", str(tmp_path / "run")]
    assert run_command(command) == 0
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.relations == whole.relations
    assert not (tmp_path / "run.work").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ray", "local"], "--in-shards has no effect with --ray"),
        (["--workers", "2"], "--workers has no effect without --ray; add --ray local, or leave it out"),
        (["--ray-timeout", "2"], "--ray-timeout has no effect without --ray"),
        ([], "--in-shards needs a working directory; add --out or --work"),
        (["--limit-memory", "1GB"], "--limit-memory and --in-shards cannot be combined"),
    ],
)
def test_options_that_contradict_shards_are_refused(options, message, capsys):
    assert run_command(["extract", "run", "pairs.jsonl", "--in-shards", *options]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_ray_is_not_needed():
    code = "import sys; from relscout.distributed import Cluster; from relscout.distributed.cluster import HERE\n"
    code += "with Cluster(HERE).connected() as here: print(type(here).__name__, 'ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Here", "False"]
