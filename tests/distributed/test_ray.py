"""Everything that runs on Ray: in this file alone, so that Ray starts once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from relscout.cli.app import run as run_command
from relscout.core.errors import InputError, OutputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Discovery, discover
from relscout.discovery.relation import find_facts as facts_of
from relscout.distributed import Marking, extract, find_facts
from relscout.distributed import discover as discover_sharded
from relscout.distributed.cluster import AUTO, Cluster
from relscout.distributed.plan import measured
from relscout.distributed.working import claimed
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.text import MarkedSentence, Passage, marked_sentence
from relscout.text.pairs import mark

ray = pytest.importorskip("ray")

#: Largest difference of confidences: batches differ, and with them the rounding of the encoder.
TOLERANCE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def nodes() -> Iterator[Any]:
    """A cluster of a node with two CPUs, to which this process is connected; others can be added."""
    from ray.cluster_utils import Cluster as LocalNodes

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray starts workers with the lowest priority, which on a busy machine is none
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - its name
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    head = {"num_cpus": 2, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = LocalNodes(initialize_head=True, head_node_args=head)
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def address(nodes: Any) -> str:
    return str(nodes.address)


@pytest.fixture(scope="module")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Pairs of five sentences a document."""
    return [
        replace(instance, relation=None, document=f"page {place // 5}", document_start=100 * (place % 5))
        for place, instance in enumerate(corpus[:160])
    ]


@pytest.fixture(scope="module")
def run(tiny_bert: Path, instances: list[RelationInstance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run, on the first half of the pairs."""
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    found = discover(
        instances[:80],
        method="kmeans",
        n_relations=4,
        encoder=encoder,
        settings={"start": "k-means++", "n_init": 1},
    )
    folder = tmp_path_factory.mktemp("runs") / "run"
    found.save(folder)
    return folder


@pytest.fixture(scope="module")
def expected(run: Path, instances: list[RelationInstance]) -> list[Any]:
    """The triples of all pairs, by one process."""
    found = Discovery.load(run)
    return list(found.triples_of(found.predict(instances)))


class Steps:
    """Progress: what each stage began and ended with; calls a function after so many shards."""

    def __init__(self, after: int = 0, act: Callable[[], None] = lambda: None) -> None:
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self._after, self._act = after, act

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.first.setdefault(stage, done)
        self.last[stage] = done
        if stage == "score shards" and done == self._after > 0:
            self._act()


def assert_same(triples: Iterable[Any], expected: Iterable[Any]) -> None:
    ours, theirs = list(triples), list(expected)
    without = [replace(triple, confidence=0.0, related=None) for triple in ours]
    assert without == [replace(triple, confidence=0.0, related=None) for triple in theirs]
    assert [triple.confidence for triple in ours] == pytest.approx(
        [triple.confidence for triple in theirs], abs=TOLERANCE
    )


@dataclass(frozen=True)
class Capitals:
    """Marks capitalised words; kills its process, once, at a word, and refuses another word."""

    killed: Path | None = None
    deadly: str = ""
    refused: str = ""

    fingerprint = "capitals"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        for passage in texts:
            if self.refused and self.refused in passage.text:
                raise InputError(f"{passage.source} holds {self.refused!r}")
            if self.killed is not None and self.deadly in passage.text and not self.killed.exists():
                self.killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            names = [Mention(*name.span(), "PERSON") for name in re.finditer(r"[A-Z]\w+", passage.text)]
            yield marked_sentence(passage, 0, len(passage.text), names)


def capitals(english: bool, **options: Any) -> Capitals:
    return Capitals(**options)


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    names = ("Ada", "Bob", "Carl", "Dora", "Emil", "Fred", "Gus", "Hal")
    return [
        Passage(f"{head} wrote to {tail} from {place}.", f"letter {number // 3}", 100 * (number % 3))
        for number, (head, tail, place) in enumerate(
            (head, tail, place) for head in names for tail in names for place in ("Paris", "Berlin", "Rome")
        )
        if head != tail
    ]


def test_triples_are_those_of_one_machine_in_their_order(run, instances, expected, tmp_path):
    steps = Steps()
    extraction = extract(run, iter(instances), work=tmp_path, shard_size=30, progress=steps)
    assert steps.last["score shards"] == len(list((tmp_path / "input").iterdir())) > 4
    assert (extraction.pairs, extraction.triples, extraction.skipped) == (160, 160, [])
    assert_same(extraction, expected)
    rates = measured(tmp_path)
    assert rates.pairs == 1
    assert min(rates.read, rates.score, rates.assign, rates.written) > 0


def test_facts_are_those_of_one_machine_in_their_order(run, instances, tmp_path):
    extraction = extract(run, instances, work=tmp_path, shard_size=30)
    expected = facts_of(extraction).facts
    assert len(expected) > 50
    for parts in (1, 3):
        assert tuple(find_facts(extraction, parts=parts)) == expected


def test_only_what_is_not_done_is_done_again(run, instances, expected, tmp_path):
    extract(run, instances, work=tmp_path, shard_size=30)
    parts = sorted((tmp_path / "scored").iterdir())
    (parts[0] / "summary.json").unlink()
    before = {part: (part / "part-00000.parquet").stat().st_mtime_ns for part in parts}
    steps = Steps()
    again = extract(run, instances, work=tmp_path, shard_size=30, progress=steps)
    assert steps.first == {"score shards": len(parts) - 1, "assign shards": len(parts)}
    now = {part: (part / "part-00000.parquet").stat().st_mtime_ns for part in parts}
    assert [part for part in parts if now[part] != before[part]] == parts[:1]
    assert_same(again, expected)


def test_another_setting_does_the_second_pass_only(run, instances, tmp_path):
    all_of_them = extract(run, instances, work=tmp_path, shard_size=60)
    steps = Steps()
    middle = sorted(triple.confidence for triple in all_of_them)[80]
    sure = extract(run, instances, work=tmp_path, shard_size=60, min_confidence=middle, progress=steps)
    assert steps.first["score shards"] == steps.last["score shards"] > steps.first["assign shards"] == 0
    assert list(sure) == [triple for triple in all_of_them if triple.confidence >= middle]
    assert sorted(pair.id for pair in sure.related()) == sorted(triple.instance.id for triple in all_of_them)


def test_an_expected_precision_is_that_of_the_whole_corpus(run, instances, tmp_path):
    found = Discovery.load(run)
    expected = list(found.triples_of(found.predict(instances[:60], precision=0.8)))
    assert 0 < len(expected) < 60
    assert_same(extract(run, instances[:60], work=tmp_path, shard_size=20, precision=0.8), expected)


def test_a_worker_that_is_killed_loses_and_doubles_nothing(run, passages, tmp_path):
    marking = Marking(partial(capitals, killed=tmp_path / "killed", deadly="Emil"))
    extraction = extract(
        run, passages, work=tmp_path / "work", marking=marking, every_pair=False, shard_size=40
    )
    assert (tmp_path / "killed").exists()
    pairs = list(mark(passages, annotator=Capitals()))
    found = Discovery.load(run)
    assert_same(extraction, found.triples_of(found.predict(pairs)))


DRIVER = """
    import json, os, signal, sys
    from pathlib import Path
    from relscout import read
    from relscout.distributed import Cluster, extract

    def kill(stage, done, total):
        if stage == "score shards" and done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    run, pairs, work, address = sys.argv[1:]
    extract(run, read(pairs), work=work, shard_size=30, cluster=Cluster(address), progress=kill)
"""


def test_a_driver_that_is_killed_loses_and_doubles_nothing(run, instances, expected, address, tmp_path):
    from relscout.io.writers.jsonl import write_instances

    write_instances(instances, tmp_path / "pairs.jsonl")
    arguments = [run, tmp_path / "pairs.jsonl", tmp_path / "work", address]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER), *map(str, arguments)],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    steps = Steps()
    extraction = extract(run, instances, work=tmp_path / "work", shard_size=30, progress=steps)
    assert 2 <= steps.first["score shards"] < steps.last["score shards"]
    assert_same(extraction, expected)


def test_a_broken_shard_is_an_error_that_names_shard_and_node(run, passages, tmp_path):
    marking = Marking(partial(capitals, refused="Gus"))
    with pytest.raises(InputError, match=r"on node .*part-0000\d.parquet: .*holds 'Gus'"):
        extract(run, passages, work=tmp_path, marking=marking, every_pair=False, shard_size=60)


def test_broken_shards_are_skipped_and_listed(run, passages, tmp_path):
    marking = Marking(partial(capitals, refused="Gus wrote"))
    extraction = extract(
        run, passages, work=tmp_path, marking=marking, every_pair=False, shard_size=10, broken="skip"
    )
    assert 0 < len(extraction.skipped) < 10
    assert all("holds 'Gus wrote'" in reason for reason in extraction.skipped)
    texts = {triple.instance.text for triple in extraction}
    assert "Ada wrote to Gus from Paris." in texts
    assert not any(text.startswith("Gus") for text in texts)


def test_a_node_that_cannot_write_is_an_error_that_names_node_and_path(run, instances, tmp_path):
    with claimed(tmp_path):
        (tmp_path / "scored").touch()
    with pytest.raises(OutputError, match=rf"on node .*{tmp_path}/scored"):
        extract(run, instances[:20], work=tmp_path, broken="skip")


def test_a_running_cluster_is_used_and_kept():
    with Cluster(AUTO).connected() as connected:
        assert connected.is_initialized()
    assert ray.is_initialized()


def test_the_command_line_writes_what_one_machine_writes(run, instances, tmp_path):
    from relscout.io.writers.jsonl import write_instances

    write_instances(instances[:60], tmp_path / "pairs.jsonl")
    command = ["extract", str(run), str(tmp_path / "pairs.jsonl"), "--no-cache", "--facts", "--out"]
    assert run_command([*command, str(tmp_path / "here.jsonl")]) == 0
    assert run_command([*command, str(tmp_path / "there.jsonl"), "--ray", "local", "--shard-size", "25"]) == 0
    numbers = re.compile(r'"confidence": [0-9.]+')
    here, there = ((tmp_path / name).read_text() for name in ("here.jsonl", "there.jsonl"))
    assert numbers.sub("", there) == numbers.sub("", here)
    shares = [[float(part[14:]) for part in numbers.findall(text)] for text in (here, there)]
    assert shares[1] == pytest.approx(shares[0], abs=2e-4)  # four decimals
    assert not (tmp_path / "there.jsonl.work").exists()


def test_files_that_cannot_be_read_are_skipped_and_listed(run, instances, tmp_path, capsys):
    from relscout.io.writers.jsonl import write_instances

    write_instances(instances[:30], tmp_path / "pairs.jsonl")
    write_instances(instances[30:60], tmp_path / "cut.jsonl.gz")
    whole = (tmp_path / "cut.jsonl.gz").read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    files = [str(tmp_path / name) for name in ("pairs.jsonl", "cut.jsonl.gz", "missing.jsonl")]
    command = [
        "extract",
        str(run),
        *files,
        "--no-cache",
        "--out",
        str(tmp_path / "x.jsonl"),
        "--ray",
        "local",
    ]
    assert run_command(command) == 2
    nothing = [
        "extract",
        str(run),
        files[2],
        *command[command.index("--no-cache") :],
        "--broken-shards",
        "skip",
    ]
    assert run_command(nothing) == 2
    assert re.search(
        "note: skipped: .*missing.jsonl: .*\n.*nothing to read", capsys.readouterr().err, re.DOTALL
    )
    assert run_command([*command, "--broken-shards", "skip"]) == 0
    notes = capsys.readouterr().err
    assert "note: skipped: " in notes
    assert all(f"{name}: " in notes for name in files[1:])
    assert 30 <= len((tmp_path / "x.jsonl").read_text().splitlines()) < 60


START = {"start": "k-means++", "n_init": 2}


def test_relations_are_those_of_one_machine(tiny_bert, instances, tmp_path):
    settings = EncoderSettings(model=str(tiny_bert), pooling="sentence")
    rows = [*instances, replace(instances[0])]
    expected = discover(
        rows, method="kmeans", n_relations=6, encoder=TransformerEncoder(settings), settings=START
    )
    steps = Steps()
    found = discover_sharded(
        iter(rows),
        work=tmp_path / "work",
        n_relations=6,
        encoder=settings,
        settings=START,
        shard_size=40,
        progress=steps,
    )
    assert steps.last["encode shards"] > 3
    assert found.relations == expected.relations
    assert found.assignments.relation_ids.tolist() == expected.assignments.relation_ids.tolist()
    assert found.assignments.polarities == expected.assignments.polarities
    assert found.assignments.confidences == pytest.approx(expected.assignments.confidences, abs=TOLERANCE)
    without = {"seconds": None}
    assert {**found.run, **without} == {**expected.run, **without}
    found.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert list(loaded.assignments.instances) == rows
    assert [fact.evidence for fact in loaded.facts()] == [fact.evidence for fact in expected.facts()]


def test_relations_of_a_sample_are_applied_as_on_one_machine(tiny_bert, instances, tmp_path):
    settings = EncoderSettings(model=str(tiny_bert), pooling="sentence")
    how = {"method": "hac", "n_relations": 5, "fit_on": 60}
    rows = [*instances, replace(instances[0])]
    expected = discover(rows, encoder=TransformerEncoder(settings), **how)
    where = {"work": tmp_path / "work", "encoder": settings, "shard_size": 40}
    found = discover_sharded(iter(rows), **where, **how)
    assert found.relations == expected.relations
    assert found.assignments.relation_ids.tolist() == expected.assignments.relation_ids.tolist()
    assert found.assignments.polarities == expected.assignments.polarities
    assert found.assignments.confidences == pytest.approx(expected.assignments.confidences, abs=TOLERANCE)
    assert {**found.run, "seconds": None} == {**expected.run, "seconds": None}
    steps = Steps()
    again = discover_sharded(iter(rows), **where, **how, progress=steps)
    assert steps.first["apply to shards"] == steps.last["apply to shards"] > 3
    assert "encode" not in steps.first
    assert again.relations == found.relations
    assert again.run == {**found.run, "seconds": again.run["seconds"]}


def test_another_method_without_a_sample_is_refused(instances, tmp_path):
    with pytest.raises(SettingError, match="pass fit_on"):
        discover_sharded(iter(instances), work=tmp_path / "work", method="hac")


def test_the_command_line_discovers_what_one_machine_discovers(tiny_bert, instances, tmp_path):
    from relscout.io.writers.jsonl import write_instances

    write_instances(instances, tmp_path / "pairs.jsonl")
    (tmp_path / "encoder.json").write_text('{"pooling": "sentence"}')
    command = ["discover", str(tmp_path / "pairs.jsonl"), "--relations", "5", "--no-cache", "--no-report"]
    command += ["--encoder", str(tiny_bert), "--encoder-config", str(tmp_path / "encoder.json")]
    command += ["--set", "start=k-means++,n_init=1", "--out"]
    assert run_command([*command, str(tmp_path / "here"), "--method", "kmeans"]) == 0
    assert run_command([*command, str(tmp_path / "there"), "--ray", "local", "--shard-size", "50"]) == 0
    here, there = (Discovery.load(tmp_path / name) for name in ("here", "there"))
    assert there.relations == here.relations
    assert there.assignments.relation_ids.tolist() == here.assignments.relation_ids.tolist()
    assert not (tmp_path / "there.work").exists()


@pytest.mark.parametrize(
    "option", [["--method", "hac"], ["--none", "auto"], ["--hierarchy"], ["--precision", "0.8"]]
)
def test_what_is_not_k_means_is_refused(instances, tmp_path, option, capsys):
    from relscout.io.writers.jsonl import write_instances

    write_instances(instances[:5], tmp_path / "pairs.jsonl")
    command = ["discover", str(tmp_path / "pairs.jsonl"), "--ray", "local", "--out", str(tmp_path / "run")]
    assert run_command([*command, *option]) == 2
    assert (
        f"cannot be combined with {' '.join(option) if option[0] == '--method' else option[0]}"
        in capsys.readouterr().err
    )


# the last one, because a process that connects to Ray later may be given to the dead node
def test_a_node_that_dies_loses_and_doubles_nothing(run, instances, expected, nodes, tmp_path):
    added = nodes.add_node(num_cpus=2, object_store_memory=100 * 2**20)
    steps = Steps(after=1, act=lambda: nodes.remove_node(added, allow_graceful=False))
    extraction = extract(run, instances, work=tmp_path, shard_size=20, progress=steps)
    assert added not in nodes.list_all_nodes()
    assert steps.last["score shards"] > 4
    assert_same(extraction, expected)
