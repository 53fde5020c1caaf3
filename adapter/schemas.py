"""The labelled corpora that the adapters learn from, each with its own set of relations.

FewRel's 16 validation relations are never among them, by Wikidata identifier, by name or by meaning: SemEval's
*Component-Whole* is *part of*, its *Member-Collection* is *member of*, and NYT+FB's relation 40 is *child*.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from relatedness.data import glue
from relscout import read
from relscout.core.instances import Mention, RelationInstance

#: Relations of the corpora that mean one of FewRel's 16, by corpus.
SAME_MEANING = {
    "semeval": ("Component-Whole", "Member-Collection"),
    "nyt-fb": ("40",),
}
#: Files of each corpus below the folder of data.
FILES = {
    "wiki80": ("wiki80/dev.txt", "wiki80/train_0.1.txt", "wiki80/train_0.1_untyped.txt"),
    "redocred": ("redocred/dev.json",),
    "nyt-fb": ("nyt_fb/train_sentence.json",),
    "semeval": ("semeval/train.txt",),
    "chemprot": ("chemprot/train.txt",),
}
#: Relations with fewer instances than this teach nothing, because no two sentences of theirs meet in a batch.
_FEWEST = 10


def schemas(
    data: Path, *, most: int, most_of_a_relation: int, without: Iterable[str] = ()
) -> dict[str, list[RelationInstance]]:
    """Return the instances of each corpus, in an order that does not depend on the files' order.

    Args:
        data: Folder with ``wiki80/``, ``redocred/``, ``nyt_fb/``, ``semeval/``, ``chemprot/`` and ``fewrel/``.
        most: Maximum number of instances of a corpus.
        most_of_a_relation: Maximum number of instances of a relation.
        without: Corpora to leave out, whose files need not be there.

    Raises:
        OSError: A file is missing.
        InputError: A file is damaged.
    """
    names = json.loads((data / "fewrel" / "pid2name.json").read_text(encoding="utf-8"))
    novel = {instance.relation for instance in read(data / "fewrel" / "val_wiki.json")}
    never = novel | {names[identifier][0] for identifier in novel}
    return {
        corpus: _drawn(
            [
                instance
                for instance in _read(data, corpus)
                if instance.relation not in never and not _means(corpus, instance.relation or "")
            ],
            most,
            most_of_a_relation,
        )
        for corpus in FILES
        if corpus not in set(without)
    }


def inverses(sets: Mapping[str, Sequence[RelationInstance]]) -> dict[str, str]:
    """Return the relations that are the inverses of others: those of SemEval that differ in their direction only."""
    names = {instance.relation or "" for instances in sets.values() for instance in instances}
    pairs = {name: name.replace("(e1,e2)", "(e2,e1)") for name in names if name.endswith("(e1,e2)")}
    return {**pairs, **{inverse: name for name, inverse in pairs.items()}}


def _means(corpus: str, relation: str) -> bool:
    return relation.split("(")[0] in SAME_MEANING.get(corpus, ())


def _read(data: Path, corpus: str) -> Iterator[RelationInstance]:
    for name in FILES[corpus]:
        if corpus == "redocred":
            yield from redocred_triples(data / name)
        else:
            # NYT+FB has sentences without a head or a tail
            yield from read(data / name, on_error="skip" if corpus == "nyt-fb" else "raise")


def redocred_triples(path: Path) -> Iterator[RelationInstance]:
    """Yield the judged triples of Re-DocRED that a sentence is evidence for, with their mentions in that sentence."""
    for document in json.loads(path.read_text(encoding="utf-8")):
        texts = [glue(tokens) for tokens in document["sents"]]
        labels: dict[tuple[int, int, int], set[str]] = defaultdict(set)
        for label in document["labels"]:
            for sentence in label["evidence"]:
                labels[label["h"], label["t"], sentence].add(label["r"])
        for (head, tail, sentence), relations in sorted(labels.items()):
            text, begins, ends = texts[sentence]
            heads, tails = (
                [
                    _mention(place, begins, ends)
                    for place in document["vertexSet"][entity]
                    if place["sent_id"] == sentence
                ]
                for entity in (head, tail)
            )
            # a pair of two relations would be torn between two directions
            if len(relations) == 1 and heads and tails and not heads[0].crosses(tails[0]):
                yield RelationInstance(text, heads[0], tails[0], relation=next(iter(relations)))


def _mention(place: dict[str, Any], begins: Sequence[int], ends: Sequence[int]) -> Mention:
    first, last = place["pos"]
    return Mention(begins[first], ends[last - 1], place["type"])


def _drawn(
    instances: Sequence[RelationInstance], most: int, most_of_a_relation: int
) -> list[RelationInstance]:
    """Return at most so many instances, drawn by a hash of their content; rare relations and repetitions go."""
    by_relation: dict[str, dict[bytes, RelationInstance]] = defaultdict(dict)
    for instance in instances:
        content = f"{instance.head.start} {instance.head.end} {instance.tail.start} {instance.tail.end} {instance.text}"
        key = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        by_relation[instance.relation or ""].setdefault(key, instance)
    drawn = [
        item
        for of_relation in by_relation.values()
        if len(of_relation) >= _FEWEST
        for item in sorted(of_relation.items())[:most_of_a_relation]
    ]
    return [instance for _, instance in sorted(drawn, key=lambda item: item[0])[:most]]
