"""Protocols: the clustered, scored and labelled instances of an experiment, from files of public data.

Cross-domain (RoCORE, tables 4 and 6): the paper transfers from FewRel to TACRED and back. TACRED is licensed, so
newspaper text and SemEval's web text replace it, for those who do not have it.

Open world: half of the instances of known relations are labelled, and the others are mixed, without labels, with
instances of novel relations, as in KNoRD (Hogan, Li, Shang, EMNLP 2023) and MixORE (Wang et al., ACL 2025). The papers
have splits of their own. Here the 64 and 16 relations are those of RoCORE's setting, there are no unrelated pairs, and
all relations are about equally frequent, where novel ones are rare in KNoRD.

Incremental (RoCORE, section 5.5 and figure 4): a fifth of the instances of pre-defined and of novel relations is held
out and scored together; of the others, those of pre-defined relations are labelled and those of novel ones clustered.

Supervised: the scored relations are the trained ones, with 1 %, 10 % or all of the labelled instances (Peng et al.
2020, tables 1 and 5). Few-shot: episodes over relations that are not in the training data (table 6).

A data folder holds one folder for each data set, with the published file names. Gold relations of scored instances are
removed before any method sees the instances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from relscout.core.errors import InputError, RecordError, SettingError, UnknownNameError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.seeding import generator
from relscout.encoders.cache import instance_key
from relscout.io.readers import read
from relscout.text.corpus import bundled_corpus
from relscout.training.labels import drawn_share


@dataclass(frozen=True)
class Task:
    """The instances of a protocol."""

    fitted: Sequence[RelationInstance]
    """Instances in which relations are discovered."""
    scored: Sequence[RelationInstance]
    """Scored instances with gold relations; they may be among the fitted ones or unseen."""
    labeled: Sequence[RelationInstance] | None = None
    """Instances with gold relations, if any: of other relations, or with ``mixed`` of some of the same."""
    notes: tuple[str, ...] = ()
    """Notes about reading the files."""
    mixed: bool = False
    """Whether instances of labelled relations are among the fitted or unseen scored ones; their names are scored."""

    @property
    def n_gold(self) -> int:
        """Number of relations to discover: gold relations of the scored instances, with ``mixed`` the novel ones."""
        known = {instance.relation for instance in self.labeled or ()} if self.mixed else set()
        return len({instance.relation for instance in self.scored} - known)


def bundled(data: Path) -> Task:  # noqa: ARG001 - protocols share a signature
    """Return the bundled corpus."""
    return everything(list(bundled_corpus()))


def wiki80(data: Path) -> list[RelationInstance]:
    """Return the distinct instances of the published parts of Wiki80, in the order of their ids."""
    by_id: dict[str, RelationInstance] = {}
    for part in ("dev", "train_0.1", "train_0.1_untyped"):
        for instance in read(data / "wiki80" / f"{part}.txt"):
            by_id.setdefault(instance.id, instance)
    return [by_id[key] for key in sorted(by_id)]


def nytfb_unsupervised(data: Path) -> Task:
    """Return ``train`` and ``validate`` of the NYT+FB sample, except records without both entities."""
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
    return everything(
        [instance for file in files for instance in _lenient(file, notes, format="trex")], notes
    )


def _lenient(path: Path, notes: list[str], *, format: str = "nyt-fb") -> list[RelationInstance]:
    """Read a published file that contains invalid records, and note how many were skipped."""
    wrong: list[RecordError] = []
    instances = list(read(path, format=format, on_error="skip", on_skip=wrong.append))
    if wrong:
        notes.append(
            f"{path.parent.name}/{path.name}: {len(wrong)} of {len(instances) + len(wrong)} records left out; "
            f"the first, {wrong[0].place}: {wrong[0].reason}"
        )
    return instances


#: SemEval's name for "no relation".
_OTHER = "Other"


def wikipedia_to_news(data: Path) -> Task:
    """Return FewRel's 25 relations on New York Times text, clustered; labelled: Wiki80 without these relations."""
    folder = data / "fewrel"
    clustered = list(read(folder / "val_nyt.json", relation_names=folder / "pid2name.json"))
    novel = {instance.relation for instance in clustered}
    return Task(
        clustered, clustered, [instance for instance in wiki80(data) if instance.relation not in novel]
    )


def wikipedia_to_nytfb(data: Path) -> Task:
    """Return :func:`nytfb_unsupervised` with Wiki80 labelled, for methods that learn from labels of other relations.

    NYT+FB numbers its relations, so that those that Wiki80 has, too, stay labelled.
    """
    return replace(nytfb_unsupervised(data), labeled=wiki80(data))


def wikipedia_to_web(data: Path) -> Task:
    """Return SemEval's test instances except ``Other``, clustered and scored; labelled: Wiki80."""
    clustered = _semeval(data, "test")
    return Task(clustered, clustered, wiki80(data))


def web_to_wikipedia(data: Path) -> Task:
    """Return Wiki80's ``dev``, clustered and scored; labelled: SemEval's training instances except ``Other``."""
    clustered = list(read(data / "wiki80" / "dev.txt"))
    return Task(clustered, clustered, _semeval(data, "train"))


def _semeval(data: Path, part: str) -> list[RelationInstance]:
    return [instance for instance in read(data / "semeval" / f"{part}.txt") if instance.relation != _OTHER]


#: Three fixed draws of 16 pre-defined relations, for development.
DRAWS = "ABC"
_DRAW_SIZE = 16
_DRAW_SEED = 20260101
#: Number of scored instances of the novel relations in RoCORE: 1/7 of 11,200.
_TEST_SIZE = 1600


def unsupervised(data: Path) -> Task:
    """Return the 11,200 instances of FewRel's 16 validation relations."""
    return everything(novel(data))


def nyt_unsupervised(data: Path) -> Task:
    """Return the 2,500 instances of 25 relations on New York Times text."""
    return everything(list(read(data / "fewrel" / "val_nyt.json")))


def transfer(data: Path) -> Task:
    """Return RoCORE's setting: pre-defined relations labelled, novel ones clustered, unseen instances scored."""
    return _fewrel_scored(data, predefined(data))


def _fewrel_scored(data: Path, labeled: Sequence[RelationInstance]) -> Task:
    clustered = novel(data)
    if len(clustered) <= _TEST_SIZE:
        raise InputError(
            f"{data / 'fewrel' / 'val_wiki.json'} holds {len(clustered)} instances; {_TEST_SIZE} of them are "
            "scored unseen; expected 11,200"
        )
    return _unseen_scored(clustered, _TEST_SIZE, labeled, "fewrel-transfer split")


def _unseen_scored(
    novel: Sequence[RelationInstance], n_scored: int, labeled: Sequence[RelationInstance], draw: str
) -> Task:
    """Return a task in which some of the novel instances, drawn at random, are scored, and the others clustered."""
    ordered = [novel[place] for place in canonical_order(novel)]
    shuffled = [ordered[place] for place in generator(0, draw).permutation(len(ordered))]
    return Task(shuffled[n_scored:], shuffled[:n_scored], labeled)


def full_transfer(data: Path) -> Task:
    """Return the paper's whole setting on FewRel: as :func:`transfer`, with all 44,800 labelled instances."""
    return _fewrel_scored(data, _fewrel_train(data))


def _fewrel_train(data: Path) -> list[RelationInstance]:
    return list(read(data / _FEWREL_TRAIN))


#: Novel relations of TACRED, and the scored share of their instances (RoCORE, section 4.1).
_TACRED_NOVEL, _TACRED_TEST = 10, 0.15
#: TACRED's name for "no relation".
_TACRED_NONE = "no_relation"


def _tacred_related(data: Path) -> list[RelationInstance]:
    """Return the related instances of all parts of TACRED, in canonical order."""
    parts = [
        instance for part in ("train", "dev", "test") for instance in read(data / "tacred" / f"{part}.json")
    ]
    return [parts[place] for place in canonical_order(parts) if parts[place].relation != _TACRED_NONE]


def tacred_unsupervised(data: Path) -> Task:
    """Return the 21,773 related instances of TACRED's 41 relations, all clustered and scored (Siamese URE, table 2)."""
    return everything(_tacred_related(data))


def tacred_sides(data: Path) -> tuple[list[RelationInstance], list[RelationInstance]]:
    """Return the related instances of all parts of TACRED: those of pre-defined relations, and of the novel ones.

    The paper labels the relations 0 to 30 of 41 and does not say how they are numbered. Here the most frequent ones are
    labelled: TACRED's own list of relations is roughly in that order, and 18 of the first 31 have the 12,000 instances
    of figure 3.

    Raises:
        InputError: There are too few relations.
    """
    related = _tacred_related(data)
    counts = Counter(str(instance.relation) for instance in related)
    if len(counts) < _TACRED_NOVEL + 2:
        raise InputError(
            f"{data / 'tacred'} holds {len(counts)} relations; {_TACRED_NOVEL} are novel and at least 2 labelled; "
            "expected 41"
        )
    # ties stay in canonical order, so that the split does not depend on the names of the relations
    novel = {name for name, _ in counts.most_common()[-_TACRED_NOVEL:]}
    return (
        [instance for instance in related if instance.relation not in novel],
        [instance for instance in related if instance.relation in novel],
    )


def tacred_transfer(data: Path) -> Task:
    """Return RoCORE's setting on TACRED: 31 relations labelled, 10 clustered, 15 % of their instances scored unseen."""
    known, novel = tacred_sides(data)
    return _tacred_scored(novel, known)


def _tacred_scored(novel: Sequence[RelationInstance], labeled: Sequence[RelationInstance]) -> Task:
    return _unseen_scored(novel, max(1, round(_TACRED_TEST * len(novel))), labeled, "tacred-transfer split")


def fewrel_to_tacred(data: Path) -> Task:
    """Return RoCORE's F → T: FewRel's 64 training relations labelled, TACRED's novel ones clustered and scored."""
    return _tacred_scored(tacred_sides(data)[1], _fewrel_train(data))


def tacred_to_fewrel(data: Path) -> Task:
    """Return RoCORE's T → F: TACRED's 31 relations labelled, FewRel's novel ones clustered and scored."""
    return _fewrel_scored(data, tacred_sides(data)[0])


def development(draw: str) -> Callable[[Path], Task]:
    """Return a loader of a draw of 16 pre-defined relations, clustered without labels."""

    def load(data: Path) -> Task:
        chosen, _ = drawn(data, draw)
        return everything(chosen)

    return load


def development_transfer(draw: str) -> Callable[[Path], Task]:
    """Return a loader of a draw of 16 pre-defined relations, with the other 48 labelled."""

    def load(data: Path) -> Task:
        chosen, others = drawn(data, draw)
        return Task(chosen, chosen, others)

    return load


#: Instances of each novel relation in the open world: about as many as Wiki80 has of each pre-defined one.
_NOVEL_SIZE = 160


def open_world(data: Path) -> Task:
    """Return FewRel's 16 novel relations mixed with the unlabelled half of the 64 pre-defined ones."""
    folder = data / "fewrel"
    named = list(read(folder / "val_wiki.json", relation_names=folder / "pid2name.json"))
    members: dict[str, list[RelationInstance]] = {}
    for place in canonical_order(named):
        members.setdefault(str(named[place].relation), []).append(named[place])
    chosen = []
    # in the order of the first instances, so that the draw does not depend on the names of the relations
    for number, instances in enumerate(members.values()):
        order = generator(0, f"open world {number}").permutation(len(instances))[:_NOVEL_SIZE]
        chosen += [instances[place] for place in sorted(order.tolist())]
    return mixture(predefined(data), chosen)


def development_open_world(draw: str) -> Callable[[Path], Task]:
    """Return a loader of a draw of 16 relations as novel ones, mixed with the unlabelled half of the other 48."""
    return _of_draw(draw, mixture)


def _of_draw(
    draw: str, task: Callable[[Sequence[RelationInstance], Sequence[RelationInstance]], Task]
) -> Callable[[Path], Task]:
    """Return a loader of a task of the other relations of a draw as known ones, and its own as novel ones."""

    def load(data: Path) -> Task:
        chosen, others = drawn(data, draw)
        return task(others, chosen)

    return load


def mixture(known: Sequence[RelationInstance], novel: Sequence[RelationInstance]) -> Task:
    """Return a task in which half of each known relation is labelled, and the other half mixed with novel relations.

    Args:
        known: Instances of relations to label.
        novel: Instances of other relations.
    """
    labeled = drawn_share(known, 0.5, seed=0)
    taken = {id(instance) for instance in labeled}
    mixed = [*(instance for instance in known if id(instance) not in taken), *novel]
    return Task(mixed, mixed, labeled, mixed=True)


#: Share of each relation that is held out in incremental learning, as in RoCORE's tests on FewRel, about.
_HELD_OUT = 0.2


def incremental(data: Path) -> Task:
    """Return FewRel's 64 pre-defined relations, labelled, and 16 novel ones, clustered; a fifth of both is scored."""
    return held_out_of_both(predefined(data), novel(data))


def full_incremental(data: Path) -> Task:
    """Return the paper's own relations: as :func:`incremental`, with all of FewRel's training set pre-defined."""
    return held_out_of_both(_fewrel_train(data), novel(data))


def tacred_incremental(data: Path) -> Task:
    """Return TACRED's 31 relations, labelled, and the 10 novel ones, clustered; a fifth of both is scored."""
    return held_out_of_both(*tacred_sides(data))


def development_incremental(draw: str) -> Callable[[Path], Task]:
    """Return a loader of a draw of 16 relations as novel ones and the other 48 as pre-defined ones; as above."""
    return _of_draw(draw, held_out_of_both)


def held_out_of_both(known: Sequence[RelationInstance], novel: Sequence[RelationInstance]) -> Task:
    """Return a task in which a fifth of the instances of each relation is scored and unseen.

    Args:
        known: Instances of relations to label.
        novel: Instances of other relations, to cluster.
    """
    labeled, clustered = (drawn_share(side, 1 - _HELD_OUT, seed=0) for side in (known, novel))
    taken = {id(instance) for instance in (*labeled, *clustered)}
    scored = [instance for instance in (*known, *novel) if id(instance) not in taken]
    return Task(clustered, scored, labeled, mixed=True)


def predefined(data: Path) -> list[RelationInstance]:
    """Return Wiki80's distinct instances of the 64 pre-defined relations, without FewRel's 16 novel ones."""
    folder = data / "fewrel"
    named = read(folder / "val_wiki.json", relation_names=folder / "pid2name.json")
    left_out = {instance.relation for instance in named}
    return [instance for instance in wiki80(data) if instance.relation not in left_out]


def novel(data: Path) -> list[RelationInstance]:
    """Return the instances of FewRel's 16 validation relations."""
    return list(read(data / "fewrel" / "val_wiki.json"))


def drawn(data: Path, draw: str) -> tuple[list[RelationInstance], list[RelationInstance]]:
    """Return the instances of a draw's relations, and those of all others."""
    instances = predefined(data)
    relations = sorted({str(instance.relation) for instance in instances})
    # one generator for all draws, in this order: changing it would change the development sets
    random = np.random.default_rng(_DRAW_SEED)
    permutations = {name: random.permutation(relations) for name in DRAWS}
    chosen = set(permutations[draw][:_DRAW_SIZE].tolist())
    return (
        [instance for instance in instances if instance.relation in chosen],
        [instance for instance in instances if instance.relation not in chosen],
    )


#: Amounts of labelled data that a sweep may vary.
RELATIONS, SHARE, INSTANCES = "labeled.relations", "labeled.share", "labeled.instances"
VARIED = (RELATIONS, SHARE, INSTANCES)
#: Share of entity types that a sweep may replace by others.
CORRUPTED = "types.corrupted"


def check_varied(variation: Mapping[str, Any]) -> None:
    """Check the values of a sweep over the instances; other settings are ignored.

    Raises:
        SettingError: A number of relations or instances is not an integer from 2, or a share is not above 0 and at
            most 1.
    """
    for name, value in variation.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if name in (RELATIONS, INSTANCES) and not (whole and value >= 2):
            raise SettingError(f"{name} is {value!r}, expected a whole number from 2")
        if name == SHARE and not (isinstance(value, int | float) and whole <= 1 and 0 < value <= 1):
            raise SettingError(f"{SHARE} is {value!r}, expected a share above 0, and at most 1")
        if name == CORRUPTED and not (isinstance(value, int | float) and whole <= 1 and 0 <= value <= 1):
            raise SettingError(f"{CORRUPTED} is {value!r}, expected a share from 0 to 1")


def part_of(labeled: Sequence[RelationInstance], variation: Mapping[str, Any]) -> Sequence[RelationInstance]:
    """Return the labelled instances of a variation: some of the relations, a share of each, or a fixed number of all.

    A smaller part is always contained in a larger one, so that a sweep compares amounts rather than draws. A fixed
    number of instances is divided among the relations as evenly as their sizes allow, so that with fewer relations each
    has more (RoCORE, figure 3).

    Args:
        labeled: All labelled instances.
        variation: The settings that the sweep changes.

    Raises:
        InputError: There are fewer labelled relations or instances.
    """
    if not set(variation) & set(VARIED):
        return labeled
    part = [labeled[place] for place in canonical_order(labeled)]
    if (wanted := variation.get(RELATIONS)) is not None:
        names = sorted({str(instance.relation) for instance in part})
        if wanted > len(names):
            raise InputError(
                f"{RELATIONS} is {wanted}, but only {len(names)} relations are labelled; ask for fewer"
            )
        order = generator(0, "labelled relations").permutation(len(names))
        chosen = {names[place] for place in order[:wanted]}
        part = [instance for instance in part if str(instance.relation) in chosen]
    part = drawn_share(part, variation.get(SHARE, 1), seed=0)
    return part if (number := variation.get(INSTANCES)) is None else _evenly(part, labeled, number)


def _evenly(
    part: Sequence[RelationInstance], labeled: Sequence[RelationInstance], number: int
) -> list[RelationInstance]:
    """Return a number of the instances of a part, as evenly over its relations as their sizes allow."""
    if number > len(part):
        raise InputError(
            f"{INSTANCES} is {number}, but only {len(part)} instances are labelled; ask for fewer"
        )
    # relations are numbered by their first instance, so that the draw depends on neither their names nor the part
    numbers: dict[str, int] = {}
    for place in canonical_order(labeled):
        numbers.setdefault(str(labeled[place].relation), len(numbers))
    members: dict[int, list[int]] = {}
    for place, instance in enumerate(part):
        members.setdefault(numbers[str(instance.relation)], []).append(place)
    ranked = []
    for relation, places in members.items():
        order = generator(0, f"labelled instances {relation}").permutation(len(places))
        ranked += [(rank, relation, places[drawn]) for rank, drawn in enumerate(order.tolist())]
    return [part[place] for place in sorted(place for _, _, place in sorted(ranked)[:number])]


def with_types(task: Task, *, types: bool = True, corrupted: float = 0) -> Task:
    """Return a task in which entity types are left out, or a share of them is wrong.

    A wrong type is one of the other types in the data. Which types are wrong depends on each instance alone; those of
    a smaller share are wrong with a larger share, too, in the same way.

    Args:
        task: The task; itself if nothing changes.
        types: Whether instances have types.
        corrupted: Share of the types that are wrong, in [0, 1].

    Raises:
        InputError: Types should be replaced, and the data have fewer than two.
    """
    if types and not corrupted:
        return task
    known = sorted({kind for instance in task.fitted for kind in instance.type_pair if kind is not None})
    if types and len(known) < 2:
        raise InputError(f"{CORRUPTED} needs at least two entity types, and the data have {len(known)}")

    def changed(instance: RelationInstance) -> RelationInstance:
        if not types:
            mentions = [replace(mention, type=None) for mention in (instance.head, instance.tail)]
            return replace(instance, head=mentions[0], tail=mentions[1])
        random = generator(0, f"types of {instance_key(instance).hex()}")
        mentions = []
        for mention in (instance.head, instance.tail):
            share, place = random.random(), int(random.integers(len(known) - 1))
            if mention.type is not None and share < corrupted:
                mention = replace(mention, type=[kind for kind in known if kind != mention.type][place])
            mentions.append(mention)
        return replace(instance, head=mentions[0], tail=mentions[1])

    labeled = None if task.labeled is None else [changed(instance) for instance in task.labeled]
    fitted, scored = ([changed(instance) for instance in part] for part in (task.fitted, task.scored))
    return replace(task, fitted=fitted, scored=scored, labeled=labeled)


#: Share of the labelled instances in percent → suffix of the published file.
SHARES = {1: "_0.01", 10: "_0.1", 100: ""}


@dataclass(frozen=True)
class SupervisedTask:
    """The instances of a supervised or few-shot protocol, all with gold relations."""

    train: Sequence[RelationInstance]
    scored: Sequence[RelationInstance]
    """Scored instances, of the same relations or, in few-shot, of others."""
    dev: Sequence[RelationInstance] | None = None
    """Instances to select the best epoch; without them, the last epoch is used."""
    no_relation: str | None = None
    """Name of the "no relation" class, which is not a positive, if there is one."""
    notes: tuple[str, ...] = ()


def files(dataset: str, share: int, *parts: str) -> tuple[str, ...]:
    """Return the files of a share of the training instances and of other parts, relative to the data folder."""
    return tuple(f"{dataset}/{part}.txt" for part in (f"train{SHARES[share]}", *parts))


def published_share(
    dataset: str, share: int, *, test: bool = True, no_relation: str | None = None
) -> Callable[[Path], SupervisedTask]:
    """Return a loader of a share of the training instances, as drawn and published by the authors.

    Args:
        dataset: Folder with the files.
        share: In percent, a key of :data:`SHARES`.
        test: Whether there is a test file; otherwise ``dev`` is scored and no epoch selected.
        no_relation: Name of the "no relation" class.
    """

    def load(data: Path) -> SupervisedTask:
        parts = ("dev", "test") if test else ("dev",)
        train, dev, *rest = (list(read(data / file)) for file in files(dataset, share, *parts))
        if not rest:
            return SupervisedTask(
                train, dev, notes=("scored on dev, so that the last epoch counts and not the best on dev",)
            )
        return SupervisedTask(train, rest[0], dev, no_relation)

    return load


def tacred(share: int) -> Callable[[Path], SupervisedTask]:
    """Return a loader of a share of TACRED; the draw of the authors is not published."""

    def load(data: Path) -> SupervisedTask:
        train, dev, test = (list(read(data / "tacred" / f"{part}.json")) for part in ("train", "dev", "test"))
        drawn = part_of(train, {SHARE: share / 100})
        notes = () if share == 100 else (f"the {share} % are a draw of relscout's, of each relation",)
        return SupervisedTask(drawn, test, dev, _TACRED_NONE, notes)

    return load


def wiki80_full(data: Path) -> SupervisedTask:
    """Return as many training instances of Wiki80 as the paper has, and its validation set as the scored ones.

    OpenNRE publishes 50,400 training instances; the authors moved 11,200 of them to a test of their own, which is not
    published. The same share of each relation is drawn here.
    """
    scored = list(read(data / _WIKI80_FULL[1]))
    train = part_of(list(read(data / _WIKI80_FULL[0])), {SHARE: 7 / 9})
    return SupervisedTask(
        train,
        scored,
        notes=("scored on the validation set, so that the last epoch counts and not the best on it",),
    )


def few_shot(data: Path) -> SupervisedTask:
    """Return Wiki80's 64 pre-defined relations for training, and FewRel's 16 novel ones for the episodes."""
    return SupervisedTask(predefined(data), novel(data))


def few_shot_full(data: Path) -> SupervisedTask:
    """Return all of FewRel's training set, and its 16 validation relations for the episodes (Peng et al. 2020)."""
    return SupervisedTask(list(read(data / _FEWREL_TRAIN)), novel(data))


def few_shot_pubmed(data: Path) -> SupervisedTask:
    """Return Wiki80's 64 pre-defined relations for training, and those of FewRel 2.0 on PubMed for the episodes."""
    return SupervisedTask(predefined(data), list(read(data / _FEWREL_PUBMED)))


def few_shot_pubmed_full(data: Path) -> SupervisedTask:
    """Return all of FewRel's training set, and the relations of FewRel 2.0 on PubMed (Gao et al., EMNLP 2019)."""
    return SupervisedTask(list(read(data / _FEWREL_TRAIN)), list(read(data / _FEWREL_PUBMED)))


def few_shot_development(draw: str) -> Callable[[Path], SupervisedTask]:
    """Return a loader of a draw of 16 pre-defined relations for the episodes, and the other 48 for training."""

    def load(data: Path) -> SupervisedTask:
        chosen, others = drawn(data, draw)
        return SupervisedTask(others, chosen)

    return load


#: The task: discover relations, classify given relations, or classify new ones from a few instances.
Kind = Literal["discovery", "supervised", "few-shot"]


@dataclass(frozen=True)
class Protocol:
    """An experimental protocol."""

    description: str
    """One line: labelled, clustered and scored instances."""
    load: Callable[[Path], Task | SupervisedTask]
    """Reads the instances from a data folder; call it through :func:`load` or :func:`load_supervised_task`."""
    files: tuple[str, ...] = ()
    """Files relative to the data folder; a name that ends in ``/`` is a folder with at least one file."""
    kind: Kind = "discovery"
    score: str = "accuracy"
    """Score of a supervised protocol in tables: a field of :class:`~relscout.metrics.ClassificationScores`."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the required data sets in ``relscout datasets``."""
        return tuple(dict.fromkeys(dataset_of(file) for file in self.files))

    def missing(self, data: Path) -> list[str]:
        """Return the missing files."""
        return [file for file in self.files if not _is_there(data / file, folder=file.endswith("/"))]


#: Folder with a part of a data set → data set; other folders have the name of their data set.
_PARTS = {"trex-spo": "trex", "trex-ds": "trex"}
_FEWREL = "fewrel/val_wiki.json"
_FEWREL_TRAIN, _FEWREL_PUBMED = "fewrel_train/train_wiki.json", "fewrel_pubmed/val_pubmed.json"
_WIKI80_FULL = ("wiki80_full/wiki80_train.txt", "wiki80_full/wiki80_val.txt")
_WIKI80 = tuple(f"wiki80/{part}.txt" for part in ("dev", "train_0.1", "train_0.1_untyped"))
_PREDEFINED = (_FEWREL, "fewrel/pid2name.json", *_WIKI80)
_TACRED = tuple(f"tacred/{part}.json" for part in ("train", "dev", "test"))
_NYTFB = tuple(
    f"nyt_fb/{part}_{what}.json" for part in ("train", "validate") for what in ("sentence", "label_id")
)

PROTOCOLS: dict[str, Protocol] = {
    "bundled": Protocol(
        "the bundled corpus, all clustered and scored; no download",
        bundled,
    ),
    "fewrel-unsupervised": Protocol(
        "FewRel's 16 validation relations, all 11,200 instances clustered and scored",
        unsupervised,
        (_FEWREL,),
    ),
    "fewrel-nyt-unsupervised": Protocol(
        "25 relations on New York Times text, all 2,500 instances clustered and scored",
        nyt_unsupervised,
        ("fewrel/val_nyt.json",),
    ),
    "nytfb-unsupervised": Protocol(
        "a sample of NYT+FB: train and validate clustered, validate scored", nytfb_unsupervised, _NYTFB
    ),
    "trex-spo": Protocol(
        "T-REx documents whose sentences name subject, predicate and object; all clustered and scored",
        trex_spo,
        ("trex-spo/",),
    ),
    "trex-ds": Protocol(
        "T-REx documents aligned by distant supervision; all clustered and scored",
        trex_ds,
        ("trex-ds/",),
    ),
    "fewrel-transfer": Protocol(
        "labelled: 64 relations of Wiki80; 9,600 instances of 16 others clustered, 1,600 unseen ones scored",
        transfer,
        _PREDEFINED,
    ),
    "fewrel-full-transfer": Protocol(
        "labelled: all of FewRel's 64 training relations; clustered and scored as in fewrel-transfer",
        full_transfer,
        (_FEWREL_TRAIN, _FEWREL),
    ),
    "tacred-unsupervised": Protocol(
        "TACRED without 'no_relation', all 21,773 instances of 41 relations clustered and scored",
        tacred_unsupervised,
        _TACRED,
    ),
    "tacred-transfer": Protocol(
        "labelled: TACRED's 31 most frequent relations; 10 others clustered, 15 % of their instances unseen and scored",
        tacred_transfer,
        _TACRED,
    ),
    "fewrel-to-tacred": Protocol(
        "labelled: FewRel's 64 training relations; clustered and scored as in tacred-transfer",
        fewrel_to_tacred,
        (*_TACRED, _FEWREL_TRAIN),
    ),
    "tacred-to-fewrel": Protocol(
        "labelled: TACRED's 31 most frequent relations; clustered and scored as in fewrel-transfer",
        tacred_to_fewrel,
        (*_TACRED, _FEWREL),
    ),
    "fewrel-open-world": Protocol(
        "labelled: half of 64 relations of Wiki80; the other half mixed with 16 novel relations, clustered and scored",
        open_world,
        _PREDEFINED,
    ),
    "fewrel-incremental": Protocol(
        "four fifths of 64 relations of Wiki80 labelled, four fifths of 16 others clustered, the rest of both scored",
        incremental,
        _PREDEFINED,
    ),
    "fewrel-full-incremental": Protocol(
        "four fifths of FewRel's 64 training relations labelled, four fifths of 16 others clustered, the rest scored",
        full_incremental,
        (_FEWREL_TRAIN, _FEWREL),
    ),
    "tacred-incremental": Protocol(
        "four fifths of TACRED's 31 relations labelled, four fifths of 10 others clustered, the rest of both scored",
        tacred_incremental,
        _TACRED,
    ),
    "wikipedia-to-news": Protocol(
        "labelled: Wiki80; 25 other relations on New York Times text clustered and scored",
        wikipedia_to_news,
        ("fewrel/val_nyt.json", "fewrel/pid2name.json", *_WIKI80),
    ),
    "wikipedia-to-nytfb": Protocol(
        "labelled: Wiki80; a sample of NYT+FB clustered and scored as in nytfb-unsupervised",
        wikipedia_to_nytfb,
        (*_NYTFB, *_WIKI80),
    ),
    "wikipedia-to-web": Protocol(
        "labelled: Wiki80; SemEval 2010's test instances clustered and scored, without 'Other'",
        wikipedia_to_web,
        ("semeval/test.txt", *_WIKI80),
    ),
    "web-to-wikipedia": Protocol(
        "labelled: SemEval 2010's training instances, without 'Other'; Wiki80's dev clustered and scored",
        web_to_wikipedia,
        ("semeval/train.txt", "wiki80/dev.txt"),
    ),
    **{
        f"dev-{draw}": Protocol(
            f"for development: draw {draw} of 16 of Wiki80's 64 pre-defined relations, clustered and scored",
            development(draw),
            _PREDEFINED,
        )
        for draw in DRAWS
    },
    **{
        f"dev-transfer-{draw}": Protocol(
            f"for development: draw {draw} of 16 relations clustered and scored, the other 48 labelled",
            development_transfer(draw),
            _PREDEFINED,
        )
        for draw in DRAWS
    },
    **{
        f"dev-open-world-{draw}": Protocol(
            f"for development: half of 48 relations labelled, the other half mixed with the 16 of draw {draw}",
            development_open_world(draw),
            _PREDEFINED,
        )
        for draw in DRAWS
    },
    **{
        f"dev-incremental-{draw}": Protocol(
            f"for development: four fifths of 48 relations labelled, of draw {draw} clustered, the rest of both scored",
            development_incremental(draw),
            _PREDEFINED,
        )
        for draw in DRAWS
    },
    **{
        f"semeval-{share}": Protocol(
            f"trained on {share} % of SemEval 2010's training instances, scored on its test: micro-F1 without 'Other'",
            published_share("semeval", share, no_relation="Other"),
            files("semeval", share, "dev", "test"),
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    **{
        f"wiki80-{share}": Protocol(
            f"trained on {share} % of Wiki80's training instances, scored on its dev: accuracy",
            published_share("wiki80", share, test=False),
            files("wiki80", share, "dev"),
            "supervised",
        )
        for share in (1, 10)
    },
    "wiki80-100": Protocol(
        "trained on 39,200 of Wiki80's instances that OpenNRE publishes, scored on its validation set: accuracy",
        wiki80_full,
        _WIKI80_FULL,
        "supervised",
    ),
    **{
        f"chemprot-{share}": Protocol(
            f"trained on {share} % of ChemProt's training instances, scored on its test: micro-F1",
            published_share("chemprot", share),
            files("chemprot", share, "dev", "test"),
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    **{
        f"tacred-{share}": Protocol(
            f"trained on {share} % of TACRED's training instances, scored on its test: micro-F1 without 'no_relation'",
            tacred(share),
            _TACRED,
            "supervised",
            "micro_f1",
        )
        for share in SHARES
    },
    "fewshot": Protocol(
        "trained on 64 relations of Wiki80; episodes over FewRel's 16 validation relations: accuracy",
        few_shot,
        _PREDEFINED,
        "few-shot",
    ),
    "fewshot-full": Protocol(
        "trained on all of FewRel's training set; episodes over its 16 validation relations: accuracy",
        few_shot_full,
        (_FEWREL_TRAIN, _FEWREL),
        "few-shot",
    ),
    "fewshot-pubmed": Protocol(
        "trained on 64 relations of Wiki80; episodes over FewRel 2.0's validation relations on PubMed: accuracy",
        few_shot_pubmed,
        (_FEWREL_PUBMED, *_PREDEFINED),
        "few-shot",
    ),
    "fewshot-pubmed-full": Protocol(
        "trained on all of FewRel's training set; episodes over FewRel 2.0's relations on PubMed: accuracy",
        few_shot_pubmed_full,
        (_FEWREL_PUBMED, _FEWREL_TRAIN),
        "few-shot",
    ),
    **{
        f"fewshot-dev-{draw}": Protocol(
            f"for development: episodes over draw {draw} of 16 of the 64 relations, trained on the other 48",
            few_shot_development(draw),
            _PREDEFINED,
            "few-shot",
        )
        for draw in DRAWS
    },
}


def protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        UnknownNameError: There is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def load(name: str, data: Path) -> Task:
    """Read the instances of a protocol for discovery from a data folder.

    Raises:
        UnknownNameError: There is no such protocol.
        SettingError: It is not for discovery.
        InputError: A file is missing or wrong, or a scored instance has no gold relation.
    """
    task = _read(name, data)
    if not isinstance(task, Task):
        raise SettingError(
            f"protocol {name!r} is {protocol(name).kind}, not for discovery; read it by load_supervised_task"
        )
    return task


def load_supervised_task(name: str, data: Path) -> SupervisedTask:
    """Read the instances of a supervised or few-shot protocol from a data folder.

    Raises:
        UnknownNameError: There is no such protocol.
        SettingError: It is for discovery.
        InputError: A file is missing or wrong, or a scored instance has no gold relation.
    """
    task = _read(name, data)
    if not isinstance(task, SupervisedTask):
        raise SettingError(f"protocol {name!r} is for discovery, not for supervised tasks; read it by load")
    return task


def _read(name: str, data: Path) -> Task | SupervisedTask:
    chosen = protocol(name)
    if missing := chosen.missing(data):
        what = "which holds no .json file" if (data / missing[0]).is_dir() else "which is missing"
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
    """Return the name of a file's data set in ``relscout datasets``."""
    folder = file.partition("/")[0]
    return _PARTS.get(folder, folder)


def _is_there(path: Path, *, folder: bool) -> bool:
    return any(path.glob("*.json*")) if folder else path.is_file()
