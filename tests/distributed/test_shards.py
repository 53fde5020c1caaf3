from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from relscout.core.errors import InputError, OutputError, SettingError
from relscout.core.files import files_in
from relscout.core.instances import Parse, RelationInstance, Triple
from relscout.core.progress import silent
from relscout.distributed.extracting import Job, Pass, score
from relscout.distributed.shards import (
    PASSAGES,
    SCORED_PAIRS,
    TRIPLES,
    ScoredPair,
    cut,
    read_scored,
    read_summary,
    read_triples,
    write_summary,
)
from relscout.distributed.vectors import ShardedVectors, write_vectors
from relscout.distributed.working import check_apart, claimed, remove
from relscout.encoders.inputs import joined_unknown_share
from relscout.io.shards import INSTANCES, read_shard, write_shard
from relscout.text import Passage
from relscout.text.spacy_pipeline import EnglishSample, looks_english


def pair(text: str, document: str = "") -> RelationInstance:
    return replace(RelationInstance.from_strings(text, "Ada", "Bob"), document=document)


def test_a_shard_ends_with_a_whole_document(tmp_path):
    rows = [pair(f"Ada met Bob {number}.", f"day {number // 4}") for number in range(18)]
    corpus = cut(rows, tmp_path, shard_size=5)
    shards = [list(read_shard(corpus.shard(index), INSTANCES)) for index in range(len(corpus.digests))]
    assert [len(shard) for shard in shards] == [8, 8, 2]
    assert [row for shard in shards for row in shard] == rows
    assert (corpus.rows, corpus.kind, corpus.english) == (18, "instances", False)


def test_pairs_without_a_document_stay_with_their_sentence(tmp_path):
    sentences = [pair(f"Ada met Bob {number}.") for number in range(3)]
    rows = [row for sentence in sentences for row in (sentence, sentence.swapped())]
    corpus = cut(rows, tmp_path, shard_size=1)
    assert [len(list(read_shard(corpus.shard(index), INSTANCES))) for index in range(3)] == [2, 2, 2]


def test_gold_relations_are_left_out(tmp_path):
    corpus = cut([replace(pair("Ada met Bob."), relation="met")], tmp_path)
    assert [row.relation for row in read_shard(corpus.shard(0), INSTANCES)] == [None]


def test_passages_come_back_as_they_were(tmp_path):
    rows = [
        Passage("Ada met Bob.", "d", 3, "f, line 1", ((2, 1), (5, 4)), (0, 4)),
        Passage("No more.", "d", 20, "f, line 3"),
    ]
    corpus = cut(rows, tmp_path)
    assert corpus.kind == "passages"
    assert list(read_shard(corpus.shard(0), PASSAGES)) == rows


def test_the_key_of_a_part_changes_with_the_shard_and_with_the_settings_only(tmp_path):
    rows = [pair(f"Ada met Bob {number}.") for number in range(3)]
    corpus = cut(rows, tmp_path / "a", shard_size=1)
    same = cut([*rows[:2], pair("Bob met Ada.")], tmp_path / "a", shard_size=1)
    keys = [[each.part("scored", index, "x") for index in range(3)] for each in (corpus, same)]
    assert [first == second for first, second in zip(*keys, strict=True)] == [True, True, False]
    assert corpus.part("scored", 0, "y") != keys[0][0]


def test_a_part_is_done_when_its_summary_is_whole(tmp_path):
    assert read_summary(tmp_path) is None
    write_summary(tmp_path, {"pairs": 3})
    assert read_summary(tmp_path) == {"pairs": 3}
    (tmp_path / "summary.json").write_text('{"pairs":')
    assert read_summary(tmp_path) is None


def test_scored_pairs_keep_their_parse(tmp_path):
    parse = Parse(
        (0, 4, 8),
        (3, 7, 11),
        (1, 1, 1),
        ("nsubj", "ROOT", "dobj"),
        ("PROPN", "VERB", "PROPN"),
        ("Ada", "meet", "Bob"),
    )
    rows = [
        ScoredPair(replace(pair("Ada met Bob."), parse=parse), [0.25, 0.75], 0.5),
        ScoredPair(pair("Ada saw Bob."), [1.0, 0.0], None),
    ]
    path = write_shard(tmp_path, 0, rows, SCORED_PAIRS)
    back = list(read_scored(path))
    assert back == rows
    assert [row.instance.parse for row in back] == [parse, None]


def test_triples_get_the_matches_of_their_relation(tmp_path):
    triple = Triple(pair("Ada met Bob."), 3, "met", 0.5, None, "negated", "met")
    path = write_shard(tmp_path, 0, [triple], TRIPLES)
    assert list(read_triples([path, path], {})) == [triple, triple]


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nothing to read"):
        cut([], tmp_path)


def test_the_working_folder_must_be_writable(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        cut([pair("Ada met Bob.")], tmp_path / "file")


def test_shards_of_a_larger_corpus_are_removed(tmp_path):
    rows = [pair(f"Ada met Bob {number}.") for number in range(4)]
    cut(rows, tmp_path, shard_size=1)
    corpus = cut(rows[:2], tmp_path, shard_size=1)
    assert sorted((tmp_path / "input").iterdir()) == [corpus.shard(0), corpus.shard(1)]


def test_a_shard_has_a_size(tmp_path):
    with pytest.raises(SettingError, match="shard_size is 0"):
        cut([pair("Ada met Bob.")], tmp_path, shard_size=0)


def test_parts_of_a_corpus_have_the_language_of_the_whole(corpus):
    texts = [instance.text for instance in corpus[:600]] + [
        f"{word} ist da und bleibt." for word in "abcdefg"
    ]
    for order in (texts, texts[::-1]):
        sample = EnglishSample()
        for start in range(0, len(order), 50):
            sample.add(order[start : start + 50])
        assert sample.looks_english() == looks_english(texts)


def test_unknown_tokens_of_parts_are_joined_as_those_of_the_whole(tiny_bert, corpus):
    from relscout.encoders import EncoderSettings, TransformerEncoder

    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert)))
    texts = [instance.text for instance in corpus[:700]] + ["", "猫 が いる", "Ελλάδα"]
    parts = [encoder.unknown_shares(texts[start::3]) for start in range(3)]
    assert 0 < encoder.unknown_share(texts) == joined_unknown_share(parts)


def test_vectors_in_shards_are_read_like_an_array(tmp_path):
    expected = np.eye(5, dtype=np.float32)
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path, rows in zip(files, ([3, 0, 4], [1, 2]), strict=True):
        write_vectors(path, expected[rows])
    vectors = ShardedVectors(None, files, [3, 2], np.array([1, 3, 4, 0, 2]), 5)
    for rows in (slice(1, 4), slice(2), [4, 0], np.array([2]), np.int64(3), 0, slice(0, 0)):
        assert np.array_equal(vectors[rows], expected[rows])


def test_a_node_that_cannot_load_the_run_breaks_no_shard(tmp_path):
    corpus = cut([pair("Ada met Bob.")], tmp_path / "work")
    shown = {"relatedness": False, "least": {}, "drop_negated": False, "described": ""}
    job = Job(tmp_path / "run", corpus, None, **shown, backend=None, dtype=None)
    failure = score(0, job)
    assert failure is not None
    assert failure.message.startswith(f"cannot load the run {tmp_path / 'run'}")
    for broken in ("raise", "skip"):
        passed = Pass(None, None, corpus, broken, silent)
        with pytest.raises(SettingError, match=f"on node {failure.node}: cannot load"):
            passed.note(0, failure)


def test_ray_is_imported_when_it_is_used():
    code = "import sys, relscout.distributed.extracting, relscout.cli.extract; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


CLAIM = """
import sys
from pathlib import Path
from relscout.distributed.working import claimed

with claimed(Path(sys.argv[1])):
    print("claimed")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_one_command_at_a_time_uses_a_working_folder(tmp_path):
    other = [sys.executable, "-c", CLAIM, str(tmp_path / "work")]
    with claimed(tmp_path / "work"), claimed(tmp_path / "work"):
        refused = subprocess.run(other, capture_output=True, text=True, check=False)
    assert f"is in use by another command (process {os.getpid()} on " in refused.stderr
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "claimed\n"


def test_a_folder_with_other_files_is_no_working_folder(tmp_path):
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "part-00000.parquet").write_text("mine")
    with pytest.raises(SettingError, match="holds 'input' and is not a working folder"), claimed(tmp_path):
        pass
    remove(tmp_path)
    assert (tmp_path / "input" / "part-00000.parquet").read_text() == "mine"


def test_only_what_relscout_wrote_is_removed(tmp_path):
    for name in ("ours", "shared"):
        with claimed(tmp_path / name) as work:
            cut([pair("Ada met Bob.")], work)
    (tmp_path / "shared" / "notes.txt").touch()
    remove(tmp_path / "ours")
    remove(tmp_path / "shared")
    assert list(tmp_path.rglob("*")) == [tmp_path / "shared", tmp_path / "shared" / "notes.txt"]


def test_the_input_is_not_in_the_working_folder(tmp_path):
    for path in (tmp_path / "work", tmp_path / "work" / "input" / "part-00000.parquet"):
        with pytest.raises(SettingError, match="is in the working folder"):
            check_apart(tmp_path / "work", [path])
    check_apart(tmp_path / "work", [tmp_path, tmp_path / "workshop.jsonl"])


def test_a_working_folder_in_an_input_is_not_read(tmp_path):
    (tmp_path / "pairs.jsonl").touch()
    with claimed(tmp_path / "work") as work:
        cut([pair("Ada met Bob.")], work)
    assert list(files_in(tmp_path)) == [tmp_path / "pairs.jsonl"]
