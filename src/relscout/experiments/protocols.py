"""The protocols: what is clustered or learnt from, what is scored, and what is labelled, from files of public data.

A data folder holds one folder for each data set, with the published file names in it. Gold relations of what is
scored are for scoring only: they are removed before any method sees an instance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from relscout.errors import InputError, SettingError, UnknownNameError
from relscout.experiments import cross_domain, fewrel, lessons, tasks
from relscout.experiments.lessons import SHARES, Lesson
from relscout.experiments.tasks import Task

#: What is to be done: find relations, tell given ones apart, or tell new ones apart by a few instances of each.
Kind = Literal["discovery", "supervised", "few-shot"]


@dataclass(frozen=True)
class Protocol:
    """How a method is put to the test."""

    description: str
    """One line: what is labelled, clustered and scored."""
    load: Callable[[Path], Task | Lesson]
    """Reads the instances from a data folder; :func:`load` and :func:`load_lesson` look for the files first."""
    files: tuple[str, ...] = ()
    """What is read, relative to the data folder; a name that ends in ``/`` is a folder with at least one file."""
    kind: Kind = "discovery"
    """The task: discovery, supervised or few-shot."""
    score: str = "accuracy"
    """What tables show of a supervised protocol: a figure of :class:`~relscout.metrics.ClassificationScores`."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that are needed, as ``relscout datasets`` calls them."""
        return tuple(dict.fromkeys(dataset_of(file) for file in self.files))

    def missing(self, data: Path) -> list[str]:
        """Return the files that are not there."""
        return [file for file in self.files if not _is_there(data / file, folder=file.endswith("/"))]


#: Folders that hold a part of a data set; all others are called like theirs.
_PARTS = {"trex-spo": "trex", "trex-ds": "trex"}
_FEWREL = "fewrel/val_wiki.json"
_WIKI80 = tuple(f"wiki80/{part}.txt" for part in ("dev", "train_0.1", "train_0.1_untyped"))
_PREDEFINED = (_FEWREL, "fewrel/pid2name.json", *_WIKI80)
_NYTFB = tuple(
    f"nyt_fb/{part}_{what}.json" for part in ("train", "validate") for what in ("sentence", "label_id")
)

PROTOCOLS: dict[str, Protocol] = {
    "bundled": Protocol(
        "the bundled corpus, all clustered and scored; no download",
        tasks.bundled,
    ),
    "fewrel-unsupervised": Protocol(
        "FewRel's 16 validation relations, all 11,200 instances clustered and scored",
        fewrel.unsupervised,
        (_FEWREL,),
    ),
    "fewrel-nyt-unsupervised": Protocol(
        "25 relations on New York Times text, all 2,500 instances clustered and scored",
        fewrel.nyt_unsupervised,
        ("fewrel/val_nyt.json",),
    ),
    "nytfb-unsupervised": Protocol(
        "a sample of NYT+FB: train and validate clustered, validate scored", tasks.nytfb_unsupervised, _NYTFB
    ),
    "trex-spo": Protocol(
        "T-REx documents whose sentences name subject, predicate and object; all clustered and scored",
        tasks.trex_spo,
        ("trex-spo/",),
    ),
    "trex-ds": Protocol(
        "T-REx documents aligned by distant supervision; all clustered and scored",
        tasks.trex_ds,
        ("trex-ds/",),
    ),
    "fewrel-transfer": Protocol(
        "labelled: 64 relations of Wiki80; 9,600 instances of 16 others clustered, 1,600 unseen ones scored",
        fewrel.transfer,
        _PREDEFINED,
    ),
    "wikipedia-to-news": Protocol(
        "labelled: Wiki80; 25 other relations on New York Times text clustered and scored",
        cross_domain.wikipedia_to_news,
        ("fewrel/val_nyt.json", "fewrel/pid2name.json", *_WIKI80),
    ),
    "wikipedia-to-web": Protocol(
        "labelled: Wiki80; SemEval 2010's test instances clustered and scored, without 'Other'",
        cross_domain.wikipedia_to_web,
        ("semeval/test.txt", *_WIKI80),
    ),
    "web-to-wikipedia": Protocol(
        "labelled: SemEval 2010's training instances, without 'Other'; Wiki80's dev clustered and scored",
        cross_domain.web_to_wikipedia,
        ("semeval/train.txt", "wiki80/dev.txt"),
    ),
    **{
        f"dev-{draw}": Protocol(
            f"for development: draw {draw} of 16 of Wiki80's 64 pre-defined relations, clustered and scored",
            fewrel.development(draw),
            _PREDEFINED,
        )
        for draw in fewrel.DRAWS
    },
    **{
        f"dev-transfer-{draw}": Protocol(
            f"for development: draw {draw} of 16 relations clustered and scored, the other 48 labelled",
            fewrel.development_transfer(draw),
            _PREDEFINED,
        )
        for draw in fewrel.DRAWS
    },
    **{
        f"semeval-{share}": Protocol(
            f"trained on {share} % of SemEval 2010's training instances, scored on its test: micro-F1 without 'Other'",
            lessons.published_share("semeval", share, no_relation="Other"),
            lessons.files("semeval", share, "dev", "test"),
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    **{
        f"wiki80-{share}": Protocol(
            f"trained on {share} % of Wiki80's training instances, scored on its dev: accuracy",
            lessons.published_share("wiki80", share, test=False),
            lessons.files("wiki80", share, "dev"),
            "supervised",
        )
        for share in (1, 10)
    },
    **{
        f"chemprot-{share}": Protocol(
            f"trained on {share} % of ChemProt's training instances, scored on its test: micro-F1",
            lessons.published_share("chemprot", share),
            lessons.files("chemprot", share, "dev", "test"),
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    **{
        f"tacred-{share}": Protocol(
            f"trained on {share} % of TACRED's training instances, scored on its test: micro-F1 without 'no_relation'",
            lessons.tacred(share),
            ("tacred/train.json", "tacred/dev.json", "tacred/test.json"),
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    "fewshot": Protocol(
        "trained on 64 relations of Wiki80; episodes over FewRel's 16 validation relations: accuracy",
        lessons.few_shot,
        _PREDEFINED,
        "few-shot",
    ),
    **{
        f"fewshot-dev-{draw}": Protocol(
            f"for development: episodes over draw {draw} of 16 of the 64 relations, trained on the other 48",
            lessons.few_shot_development(draw),
            _PREDEFINED,
            "few-shot",
        )
        for draw in fewrel.DRAWS
    },
}


def protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def load(name: str, data: Path) -> Task:
    """Read the instances of a protocol for discovery from a data folder.

    Raises:
        UnknownNameError: There is no protocol of that name.
        SettingError: It is none for discovery.
        InputError: A file is missing or wrong, or a scored instance has no gold relation.
    """
    task = _read(name, data)
    if not isinstance(task, Task):
        raise SettingError(
            f"protocol {name!r} is {protocol(name).kind}, not for discovery; read it by load_lesson"
        )
    return task


def load_lesson(name: str, data: Path) -> Lesson:
    """Read the instances of a supervised or few-shot protocol from a data folder.

    Raises:
        UnknownNameError: There is no protocol of that name.
        SettingError: It is one for discovery.
        InputError: A file is missing or wrong, or a scored instance has no gold relation.
    """
    lesson = _read(name, data)
    if not isinstance(lesson, Lesson):
        raise SettingError(f"protocol {name!r} is for discovery: nothing is learnt in it; read it by load")
    return lesson


def _read(name: str, data: Path) -> Task | Lesson:
    chosen = protocol(name)
    if missing := chosen.missing(data):
        what = "which holds no .json file" if (data / missing[0]).is_dir() else "which is not there"
        raise InputError(
            f"protocol {name!r} needs {data / missing[0]}, {what}; get it with "
            f"'relscout datasets get {dataset_of(missing[0])}', or name your data folder with --data"
        )
    task = chosen.load(data)
    bare = sum(instance.relation is None for instance in task.scored)
    if bare or not task.scored:
        raise InputError(
            f"protocol {name!r} in {data}: {bare} of {len(task.scored)} instances to be scored have no gold "
            "relation; expected at least one instance, and a relation for each"
        )
    return task


def dataset_of(file: str) -> str:
    """Return which data set a file is of, as ``relscout datasets`` calls it."""
    folder = file.partition("/")[0]
    return _PARTS.get(folder, folder)


def _is_there(path: Path, *, folder: bool) -> bool:
    return any(path.glob("*.json*")) if folder else path.is_file()
