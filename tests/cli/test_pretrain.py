from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance

Run = Callable[..., Any]


@pytest.fixture
def file(corpus: list[RelationInstance], tmp_path: Path) -> Path:
    """A file of instances of two relations."""
    path = tmp_path / "told.jsonl"
    told = [one for one in corpus if one.relation in ("spouse", "orbits")][::6]
    path.write_text(
        "".join(
            json.dumps(
                {
                    "text": one.text,
                    "head": {"start": one.head.start, "end": one.head.end},
                    "tail": {"start": one.tail.start, "end": one.tail.end},
                    "relation": one.relation,
                }
            )
            + "\n"
            for one in told
        )
    )
    return path


def test_an_encoder_is_pretrained_and_used(
    relscout: Run, file: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    pretrain = (
        "lab",
        "pretrain",
        "cp",
        file,
        "--encoder",
        tiny_bert,
        "--out",
        "mine",
        "--set",
        "steps=2,batch=4",
    )
    done = relscout(*pretrain, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["steps"], told["pairs"]["relations"], told["mlm_head"]) == (2, 2, "fresh")
    assert "new one is trained" in done.err
    assert sorted(place.name for place in tmp_path.iterdir() if not place.name.startswith(".")) == [
        "mine",
        "told.jsonl",
    ]
    found = relscout("discover", file, "--encoder", "mine", "--relations", "2", "--no-cache", "--json")
    assert (found.code, len(json.loads(found.out)["relations"])) == (0, 2)
    again = relscout(*pretrain)
    assert (again.code, again.out) == (2, "")
    assert "--overwrite" in again.err
    shown = relscout(*pretrain, "--overwrite")
    assert shown.out.splitlines()[-1].split()[0] == "1"


@pytest.mark.parametrize("objective", ["cp", "labels"])
def test_an_adapter_is_not_written_over_its_base(
    objective: str, refused: Run, file: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bert, tmp_path / "base")
    before = sorted(place.name for place in (tmp_path / "base").iterdir())
    rank = "adapter_rank=2" if objective == "cp" else "rank=2"
    given = ("--encoder", "base", "--out", "base", "--overwrite", "--set", rank)
    assert "it is an input of this command" in refused("lab", "pretrain", objective, file, *given)
    assert sorted(place.name for place in (tmp_path / "base").iterdir()) == before


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--set", "batch=1"], "batch is 1, expected at least 2"),
        (["--set", "speed=1"], "unknown setting 'speed'"),
        (["--preset", "papers"], "did you mean 'paper'"),
        (["--set", "dtype=float8"], "unknown dtype 'float8'"),
        (["--exclude", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_wrong_options_are_reported_in_a_line(
    given: list[str], complaint: str, refused: Run, file: Path, tiny_bert: Path
) -> None:
    assert complaint in refused(
        "lab", "pretrain", "cp", file, "--encoder", tiny_bert, "--out", "mine", *given
    )


def test_a_data_type_of_the_encoder_does_not_set_that_of_the_training(
    refused: Run, file: Path, encoder_config: Callable[..., Path]
) -> None:
    config = encoder_config(dtype="bfloat16")
    said = refused("lab", "pretrain", "cp", file, "--encoder-config", config, "--out", "mine")
    assert f"{config}: dtype has no effect on pre-training; use --set dtype=bfloat16 instead" in said


def test_what_gives_no_pairs_is_reported_in_a_line(refused: Run, file: Path, tiny_bert: Path) -> None:
    arguments = (file, "--encoder", tiny_bert, "--out", "mine")
    assert "0 have two or more" in refused("lab", "pretrain", "mtb", *arguments)
    assert "entity pair excluded" in refused("lab", "pretrain", "cp", *arguments, "--exclude", file)


def test_labels_teach_an_adapter_that_is_used(
    relscout: Run, file: Path, tiny_bert: Path, encoder_config: Callable[..., Path], tmp_path: Path
) -> None:
    teach = (
        *(
            "lab",
            "pretrain",
            "labels",
            file,
            "--encoder",
            tiny_bert,
            "--encoder-config",
            encoder_config(pooling="span-mean@2+between"),
            "--out",
            "new/mine",
        ),
        *("--set", "rank=2,supervised_layers=1,supervised_steps=2,supervised_batch=8", "--no-cache"),
    )
    done = relscout(*teach)
    assert done.code == 0, done.err
    assert "of 2 relations, and their inverses" in done.out
    assert {place.name for place in (tmp_path / "new/mine").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "relscout.json",
        "whitening.safetensors",
    }
    found = relscout("discover", file, "--encoder", "new/mine", "--relations", "2", "--no-cache", "--json")
    assert (found.code, len(json.loads(found.out)["relations"])) == (0, 2)
    again = relscout(*teach)
    assert (again.code, again.out) == (2, "")
    assert "--overwrite" in again.err


def test_files_with_relations_of_their_own_are_learnt_side_by_side(
    relscout: Run, file: Path, tiny_bert: Path, encoder_config: Callable[..., Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join(lines[1::2]), encoding="utf-8")
    file.write_text("\n".join(lines[::2]), encoding="utf-8")
    quick = "rank=2,supervised_layers=1,supervised_steps=2,supervised_batch=8"
    trained = relscout(
        *("lab", "pretrain", "labels", file, other, "--per-file", "--encoder", tiny_bert),
        *("--encoder-config", encoder_config(pooling="span-mean@2+between"), "--out", "both"),
        *("--set", quick, "--no-cache", "--json"),
    )
    assert trained.code == 0, trained.err
    report = json.loads(trained.out)
    assert report["sets"] == {str(file): len(lines[::2]), str(other): len(lines[1::2])}


def test_one_file_is_not_several_sets(refused: Callable[..., str], file: Path, tiny_bert: Path) -> None:
    for files in ((file,), (file, file)):
        error = refused(
            "lab", "pretrain", "labels", *files, "--per-file", "--encoder", tiny_bert, "--out", "x"
        )
        assert "--per-file needs two or more different files, but INPUT is" in error


def test_pairs_of_a_test_set_are_not_taught(refused: Run, file: Path, tiny_bert: Path) -> None:
    teach = ("lab", "pretrain", "labels", file, "--encoder", tiny_bert, "--out", "mine", "--no-cache")
    assert "their entity pair is excluded" in refused(*teach, "--exclude", file)


def test_a_test_set_beside_a_table_may_be_a_table_or_not(
    refused: Run, file: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    table = tmp_path / "told.csv"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    with table.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["sentence", "head", "tail", "relation"])
        for one in records:
            names = (one["text"][one[role]["start"] : one[role]["end"]] for role in ("head", "tail"))
            rows.writerow([one["text"], *names, one["relation"]])
    pretrain = (
        "lab",
        "pretrain",
        "cp",
        table,
        "--columns",
        "text=sentence",
        "--format",
        "csv",
        "--out",
        "mine",
    )
    for tested in (table, file):
        said = refused(*pretrain, "--encoder", tiny_bert, "--on-error", "skip", "--exclude", tested)
        assert "entity pair excluded" in said


def test_labels_that_cannot_teach_are_reported(
    relscout: Run, file: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    teach = ("lab", "pretrain", "labels", file, "--encoder", tiny_bert, "--out", "mine", "--no-cache")
    wrong = relscout(*teach, "--set", "rank=0")
    assert (wrong.code, wrong.out) == (2, "")
    assert "rank is 0" in wrong.err
    one = tmp_path / "one.jsonl"
    one.write_text(file.read_text().splitlines()[0] + "\n")
    alone = relscout("lab", "pretrain", "labels", one, "--encoder", tiny_bert, "--out", "mine", "--no-cache")
    assert alone.code == 2
    assert "only the relation" in alone.err
    assert not (tmp_path / "mine").exists()


def test_a_teacher_is_repeated_also_on_unlabelled_pairs(
    relscout: Run,
    refused: Run,
    file: Path,
    tiny_bert: Path,
    encoder_config: Callable[..., Path],
    tmp_path: Path,
) -> None:
    further = tmp_path / "further.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(lines[::2]), encoding="utf-8")
    further.write_text("\n".join(lines[1::2]), encoding="utf-8")
    learn = (
        *("lab", "pretrain", "labels", file, "--encoder", tiny_bert, "--no-cache"),
        *("--encoder-config", encoder_config(pooling="span-mean@2+between")),
        *("--set", "rank=2,supervised_layers=1,supervised_steps=2,supervised_batch=8,whitening_rank=0"),
    )
    assert relscout(*learn, "--out", "teacher").code == 0
    learn = (*learn, "--out", "student")
    assert "--unlabeled needs --teacher" in refused(*learn, "--unlabeled", further)
    trained = relscout(*learn, "--teacher", "teacher", "--unlabeled", further)
    assert trained.code == 0, trained.err
    assert "and on the neighbourhoods of teacher" in " ".join(trained.out.split())
    assert f"also of {len(lines[1::2])} unlabelled instances" in " ".join(trained.out.split())


def test_a_teacher_computes_as_the_encoder_does(
    refused: Run, file: Path, tiny_bert: Path, encoder_config: Callable[..., Path]
) -> None:
    config = encoder_config(pooling="span-mean@2+between", backend="openvino", dtype="int8")
    learn = ("lab", "pretrain", "labels", file, "--encoder", tiny_bert, "--encoder-config", config)
    said = refused(*learn, "--teacher", tiny_bert, "--per-file", "--out", "student")
    assert "--per-file" in said
    assert "int8" not in said
