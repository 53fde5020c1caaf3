from __future__ import annotations

import errno
import signal
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from relscout.core.errors import InputError, OutputError
from relscout.core.files import check_replaceable, parsed_json, remove_stale, whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def break_off(writing: AbstractContextManager[Path], error: BaseException) -> None:
    """Write something, to the file or into the folder, and then fail."""
    with writing as place:
        (place / "a.txt" if place.is_dir() else place).write_text("half", encoding="utf-8")
        raise error


class Everything(Collection[str]):
    """A folder that may hold these files may hold all."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A folder ``run`` that holds ``a.txt``, and nothing else beside it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.txt").write_text("older", encoding="utf-8")
    return tmp_path / "run"


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("new", encoding="utf-8")
        assert not (tmp_path / "a.txt").exists()
        assert partial.parent == tmp_path
    assert (tmp_path / "a.txt").read_text("utf-8") == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.txt") as partial:
        partial.touch()
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


@pytest.mark.parametrize("error", [InputError("bad record"), KeyboardInterrupt()])
def test_an_older_file_stays_when_writing_fails(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a.txt").write_text("older", encoding="utf-8")
    with pytest.raises(type(error)):
        break_off(whole_file(tmp_path / "a.txt"), error)
    assert (tmp_path / "a.txt").read_text("utf-8") == "older"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError) as caught, whole_file(tmp_path / "a.txt"):
        raise full
    assert str(caught.value) == f"cannot write {tmp_path}/a.txt: No space left on device; nothing was written"
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["missing/a.txt", "file/a.txt", "folder"])
def test_a_file_that_has_no_place_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"), whole_file(tmp_path / place) as partial:
        partial.touch()
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "run", contents=["a.txt"]) as fresh:
        (fresh / "a.txt").write_text("new", encoding="utf-8")
        assert not (tmp_path / "run").exists()
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "a.txt").read_text("utf-8") == "new"


def test_a_folder_gets_the_usual_permissions(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "run", contents=[]):
        pass
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual").stat().st_mode
    )


def test_an_older_folder_is_replaced_as_a_whole(older: Path) -> None:
    with whole_folder(older, contents=["a.txt", "b.txt"]) as fresh:
        (fresh / "b.txt").touch()
    assert names(older) == ["b.txt"]
    assert names(older.parent) == ["run"]


@pytest.mark.parametrize("error", [InputError("bad record"), KeyboardInterrupt()])
def test_an_older_folder_stays_when_writing_fails(older: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        break_off(whole_folder(older, contents=["a.txt"]), error)
    assert (older / "a.txt").read_text("utf-8") == "older"
    assert names(older.parent) == ["run"]


def test_a_full_disk_leaves_the_older_folder(older: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(OutputError, match="No space left on device; nothing was written"),
        whole_folder(older, contents=["a.txt"]),
    ):
        raise full
    assert (older / "a.txt").read_text("utf-8") == "older"


def test_a_folder_with_something_else_in_it_is_not_replaced(older: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"the folder holds 'a\.txt', which is not part of this output"),
        whole_folder(older, contents=["b.txt"]),
    ):
        pytest.fail("nothing should be written")
    assert names(older) == ["a.txt"]


def test_what_comes_into_the_folder_meanwhile_is_not_lost(older: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"the folder holds 'thesis\.tex'"),
        whole_folder(older, contents=["a.txt"]),
    ):
        (older / "thesis.tex").touch()
    assert names(older) == ["a.txt", "thesis.tex"]
    assert names(older.parent) == ["run"]


def test_a_file_in_the_place_of_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with (
        pytest.raises(OutputError, match="it is a file, but a folder is expected"),
        whole_folder(tmp_path / "run", contents=[]),
    ):
        pytest.fail("nothing should be written")


def test_a_link_to_a_folder_stays_a_link(older: Path) -> None:
    link = older.parent / "link"
    link.symlink_to(older)
    with whole_folder(link, contents=["a.txt"]) as fresh:
        (fresh / "a.txt").write_text("new", encoding="utf-8")
    assert link.is_symlink()
    assert (older / "a.txt").read_text("utf-8") == "new"


def test_the_folder_where_one_is_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(OutputError, match="the folder is where you are and cannot be replaced"),
        whole_folder(Path(), contents=[]),
    ):
        pytest.fail("nothing should be written")


@pytest.mark.skipif(not Path("/proc").is_mount(), reason="there is no mount point at /proc")
def test_a_mount_point_cannot_be_replaced() -> None:
    with pytest.raises(OutputError, match="the folder is a mount point and cannot be replaced"):
        check_replaceable(Path("/proc"), contents=Everything())


def test_a_folder_without_a_parent_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*: No such file"),
        whole_folder(tmp_path / "a" / "b", contents=[]),
    ):
        pytest.fail("nothing should be written")


def test_a_kill_leaves_the_older_folder_whole(older: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from relscout.core.files import whole_folder\n"
        "with whole_folder(Path(sys.argv[1]), contents=['a.txt']) as fresh:\n"
        "    (fresh / 'a.txt').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(older)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(older) == ["a.txt"]
    assert (older / "a.txt").read_text("utf-8") == "older"


def killed_while_writing(code: str, *arguments: object) -> None:
    """Run code that kills its own process."""
    start = "import os, signal, sys; from pathlib import Path; from relscout.core.files import *\n"
    done = subprocess.run([sys.executable, "-c", start + code, *map(str, arguments)], check=False)
    assert done.returncode == -signal.SIGKILL


KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed_while_writing(f"with whole_file(Path(sys.argv[1])): {KILL}", tmp_path / "a.txt")
    killed_while_writing(f"with whole_folder(Path(sys.argv[1]), contents=[]): {KILL}", tmp_path / "run")
    assert len(names(tmp_path)) == 2
    with whole_file(tmp_path / "a.txt") as partial:
        partial.touch()
    with whole_folder(tmp_path / "run", contents=[]):
        pass
    assert names(tmp_path) == ["a.txt", "run"]


def test_what_others_are_writing_stays(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.txt") as first, whole_file(tmp_path / "a.txt") as second:
        remove_stale(tmp_path / "a.txt")
        assert first.exists()
        assert second.exists()
        second.write_text("second", encoding="utf-8")
    with whole_folder(tmp_path / "run", contents=["b.txt"]) as fresh:
        remove_stale(tmp_path / "run")
        (fresh / "b.txt").touch()
    assert names(tmp_path) == ["a.txt", "run"]


def test_what_only_looks_like_a_temporary_file_stays(tmp_path: Path) -> None:
    mine = [".a.txt.notes.partial", ".a.txt.partial", "a.txt.abcdefgh.partial", ".a.txt.b.abcdefgh.partial"]
    for name in mine:
        (tmp_path / name).touch()
    remove_stale(tmp_path / "a.txt")
    assert names(tmp_path) == sorted(mine)


def test_an_older_folder_that_was_moved_aside_comes_back(older: Path) -> None:
    between = (
        "rename = Path.rename\n"
        "def first_only(self, target):\n"
        "    if self.name == 'new': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return rename(self, target)\n"
        "Path.rename = first_only\n"
        "with whole_folder(Path(sys.argv[1]), contents=['a.txt']): pass\n"
    )
    killed_while_writing(between, older)
    assert not older.exists()
    remove_stale(older)
    assert (older / "a.txt").read_text("utf-8") == "older"
    assert names(older.parent) == ["run"]


def test_a_temporary_file_in_a_folder_does_not_keep_it_from_being_replaced(older: Path) -> None:
    killed_while_writing(f"with whole_file(Path(sys.argv[1])): {KILL}", older / "a.txt")
    assert len(names(older)) == 2
    check_replaceable(older, contents=["a.txt"])
    assert names(older) == ["a.txt"]


def test_json_that_is_nested_too_deeply_is_an_error_of_its_own() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parsed_json("[" * 200_000)


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_file(tmp_path / "link") as partial:
        partial.write_text("new", encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text(encoding="utf-8") == "new"


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(OutputError, match="is not an ordinary file"), whole_file(Path("/dev/null")):
        pass
