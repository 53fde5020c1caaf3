"""Protocols in which what is labelled and what is clustered is different text (RoCORE's tables 4 and 6).

The paper goes from FewRel to TACRED and back. TACRED is licensed, so newspaper text and SemEval's web text stand in.
"""

from __future__ import annotations

from pathlib import Path

from relscout.experiments.tasks import Task, wiki80
from relscout.instances import RelationInstance
from relscout.readers import read

#: SemEval's instances of no relation of its list.
_OTHER = "Other"


def wikipedia_to_news(data: Path) -> Task:
    """Return Wiki80 labelled, but for the relations that are clustered: FewRel's 25 on New York Times text."""
    folder = data / "fewrel"
    found = list(read(folder / "val_nyt.json", relation_names=folder / "pid2name.json"))
    novel = {one.relation for one in found}
    return Task(found, found, [one for one in wiki80(data) if one.relation not in novel])


def wikipedia_to_web(data: Path) -> Task:
    """Return Wiki80 labelled, and SemEval's test instances clustered and scored, those of ``Other`` left out."""
    found = _semeval(data, "test")
    return Task(found, found, wiki80(data))


def web_to_wikipedia(data: Path) -> Task:
    """Return SemEval's training instances labelled, those of ``Other`` left out, and Wiki80's ``dev`` clustered."""
    found = list(read(data / "wiki80" / "dev.txt"))
    return Task(found, found, _semeval(data, "train"))


def _semeval(data: Path, part: str) -> list[RelationInstance]:
    return [one for one in read(data / "semeval" / f"{part}.txt") if one.relation != _OTHER]
