"""What a protocol hands to a method and to the scores; and those that are one file read whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relscout.corpus import bundled_corpus
from relscout.errors import RecordError
from relscout.instances import RelationInstance
from relscout.readers import read


@dataclass(frozen=True)
class Task:
    """The instances of a protocol."""

    fitted: Sequence[RelationInstance]
    """What relations are found in."""
    scored: Sequence[RelationInstance]
    """What is scored, each with its gold relation; in part or as a whole among the fitted ones, or unseen."""
    labeled: Sequence[RelationInstance] | None = None
    """Instances of other relations, with their gold relations; ``None`` where a method gets none."""
    notes: tuple[str, ...] = ()
    """Notes about how the files were read."""


def bundled(data: Path) -> Task:  # noqa: ARG001 - every protocol is called alike
    """Return the corpus that comes with relscout."""
    return everything(list(bundled_corpus()))


def wiki80(data: Path) -> list[RelationInstance]:
    """Return the instances of Wiki80 that can be had, each once, in the order of their ids."""
    found: dict[str, RelationInstance] = {}
    for part in ("dev", "train_0.1", "train_0.1_untyped"):
        for instance in read(data / "wiki80" / f"{part}.txt"):
            found.setdefault(instance.id, instance)
    return [found[key] for key in sorted(found)]


def nytfb_unsupervised(data: Path) -> Task:
    """Return ``train`` and ``validate`` of the NYT+FB sample; records without both entities are left out."""
    notes: list[str] = []
    train, validate = (
        _lenient(data / "nyt_fb" / f"{part}_sentence.json", notes) for part in ("train", "validate")
    )
    return Task([*train, *validate], validate, notes=tuple(notes))


def trex_spo(data: Path) -> Task:
    """Return the triples of all T-REx files in ``trex-spo/``."""
    return _trex(data / "trex-spo")


def trex_ds(data: Path) -> Task:
    """Return the triples of all T-REx files in ``trex-ds/``."""
    return _trex(data / "trex-ds")


def everything(instances: Sequence[RelationInstance], notes: Sequence[str] = ()) -> Task:
    """Return a task in which all instances are clustered and scored."""
    return Task(instances, instances, notes=tuple(notes))


def _trex(folder: Path) -> Task:
    notes: list[str] = []
    files = sorted(folder.glob("*.json*"))
    return everything([one for file in files for one in _lenient(file, notes, format="trex")], notes)


def _lenient(path: Path, notes: list[str], *, format: str = "nyt-fb") -> list[RelationInstance]:
    """Read a published file that is known to hold wrong records, and note how many were left out."""
    wrong: list[RecordError] = []
    found = list(read(path, format=format, on_error="skip", on_skip=wrong.append))
    if wrong:
        notes.append(
            f"{path.parent.name}/{path.name}: {len(wrong)} of {len(found) + len(wrong)} records left out; "
            f"the first, {wrong[0].place}: {wrong[0].reason}"
        )
    return found
