"""As in a container: no home, folders that cannot be written, no network, and processes that are ended from outside."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .test_process import ENVIRONMENT, START, started

NESTED = "[" * 200_000


@pytest.fixture
def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The home directory is neither in the environment nor in the list of users."""
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME", "RELSCOUT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_cache_that_cannot_be_written_is_a_note(noted, good, fast, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    said = noted("discover", good, *fast, "--out", tmp_path / "run")
    assert said.startswith(
        f"note: nothing is kept for the next run: cannot write {tmp_path}/file/relscout (Not a"
    )
    assert said.count("note:") == 1
    assert (tmp_path / "run" / "run.json").is_file()


def test_a_cache_that_was_asked_for_must_be_writable(refused, good, fast, tmp_path):
    (tmp_path / "file").touch()
    said = refused("discover", good, *fast, "--cache", tmp_path / "file" / "vectors.sqlite")
    assert "cannot open the vector cache" in said


def test_without_a_home_a_run_keeps_nothing(noted, good, fast, without_home):
    assert "nothing is kept for the next run: there is no home directory;" in noted("discover", good, *fast)


def test_without_a_home_data_sets_need_a_directory(refused, relscout, without_home, tmp_path):
    for command in (("list",), ("get", "fewrel")):
        assert "there is no home directory for data sets; name a directory with --dir" in refused(
            "datasets", *command
        )
    assert relscout("datasets", "list", "--dir", tmp_path).code == 0


@pytest.mark.parametrize(
    "name", ["./nothing", "~/nothing", "/nothing/here", "a/b/c", "folder/nothing", "file"]
)
def test_an_encoder_folder_that_is_missing_is_an_error_before_anything_is_read(refused, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    path = f"{tmp_path}/file" if name == "file" else name
    said = refused("discover", tmp_path / "no-input.jsonl", "--encoder", path, "--format", "jsonl")
    assert f"cannot load encoder {path!r}" in said
    assert ("is a file" if name == "file" else "the folder does not exist") in said


def test_a_hub_that_cannot_be_reached_is_asked_once(refused, good, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / ".cache"))
    said = refused("discover", good, "--no-cache", "--encoder", "some/model")
    assert "(there is no such folder, and http://127.0.0.1:9 cannot be reached)" in said


def test_starting_centres_need_no_place_for_compiled_code(tmp_path: Path) -> None:
    # the real package compiles for half a minute where nothing is kept
    (tmp_path / "umap.py").write_text(
        "import numba\n@numba.njit(cache=True)\ndef half(x): return x / 2\n"
        "class UMAP:\n"
        "    def __init__(self, **settings): pass\n"
        "    def fit_transform(self, vectors): return vectors\n",
        encoding="utf-8",
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np\n"
        "from relscout.clustering.kmeans import starting_centroids\n"
        "vectors = np.eye(200, dtype=np.float32)\n"
        "print(starting_centroids(vectors, 2, start='neighbours', seed=0).shape)\n"
    )
    # numba is left with the one place that nobody has named
    environment = {**ENVIRONMENT, "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("(2, 200)\n", 0), done.stderr


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, good: Path) -> Path:
    """A file that takes seconds to convert."""
    path = tmp_path_factory.mktemp("long") / "long.jsonl"
    path.write_text(good.read_text(encoding="utf-8") * 10_000, encoding="utf-8")
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_no_temporary_files(long: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = started("convert", long, "--format", "jsonl", "--out", tmp_path / "out.jsonl")
    while not list(tmp_path.glob(".out.jsonl.*.partial")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_arrives_where_python_ignores_exceptions_stops_a_moment_later(
    long: Path, tmp_path: Path
) -> None:
    begin = (
        "import gc, os\n"
        "def kill(phase, info):\n"
        "    gc.callbacks.remove(kill)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    sum(range(9))\n"
        "from relscout.cli import main\n"
        "gc.callbacks.append(kill)\n"
        "main()\n"
    )
    command = [
        sys.executable,
        "-c",
        f"{START}\n{begin}",
        "convert",
        str(long),
        "--out",
        str(tmp_path / "o.jsonl"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); sys.argv[1:] = ['methods']\n"
        "from relscout.cli import main\n"
        "try: main()\n"
        "finally: assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", ["config.json", "config.yaml"])
@pytest.mark.parametrize(
    "content", [NESTED, '{"max_length": ' + "9" * 5000 + "}"], ids=["deep", "long number"]
)
def test_a_configuration_that_no_parser_takes(refused, good, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert name in refused("discover", good, "--encoder-config", tmp_path / name)


def test_side_files_that_are_nested_too_deeply(refused, good, finished, tmp_path):
    deep = tmp_path / "deep.json"
    deep.write_text(NESTED, encoding="utf-8")
    (tmp_path / "lines").write_text('{"id": ' + NESTED, encoding="utf-8")
    commands = (
        ("inspect", good, "--relation-names", deep),
        ("apply", deep, finished, "--out", tmp_path / "run"),
        ("evaluate", tmp_path / "lines", "--gold", good),
        ("report", finished, "--gold", deep, "--out", tmp_path / "page.html"),
    )
    for command in commands:
        refused(*command)


def test_an_encoder_folder_with_descriptions_that_are_nested_too_deeply(refused, good, tmp_path):
    for name in ("relscout.json", "adapter_config.json", "config.json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(NESTED, encoding="utf-8")
        said = refused("discover", good, "--encoder", tmp_path / name, "--no-cache")
        assert name in said or "cannot load encoder" in said


@pytest.mark.parametrize(
    "fields",
    [
        {"relation_id": [1]},
        {"relation_id": True},
        {"relation_id": "1"},
        {"id": None},
        {"id": {}},
        {"relation": 3},
    ],
    ids=json.dumps,
)
def test_assignments_with_fields_of_another_type(refused, good, finished, tmp_path, fields):
    line = json.loads((finished / "assignments.jsonl").read_text(encoding="utf-8").split("\n")[0])
    (tmp_path / "assignments.jsonl").write_text(json.dumps({**line, **fields}) + "\n", encoding="utf-8")
    assert "assignments.jsonl, line 1: not a JSON object with" in refused(
        "evaluate", tmp_path / "assignments.jsonl", "--gold", good
    )


def test_a_damaged_run_is_not_evaluated(refused, good, finished, tmp_path):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    text = (run / "assignments.jsonl").read_text(encoding="utf-8")
    (run / "assignments.jsonl").write_text(text.replace('"relation_id": 0', '"relation_id": 1', 1), "utf-8")
    assert "assignments.jsonl was changed after it was saved" in refused("evaluate", run, "--gold", good)
