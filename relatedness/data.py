"""Sentences in which every pair of entities is judged: Re-DocRED, CoNLL04 and the pairs that the model learns from.

A pair of Re-DocRED is *expressed* where a label of its two entities has the sentence among its evidence. Most labels
have no evidence at all (they were added when DocRED was completed): their pairs are *related in the document*, and
whether a sentence expresses them, nobody has judged.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from relscout.core.instances import Mention, RelationInstance

_NO_BLANK_BEFORE = frozenset(
    {
        ",",
        ".",
        ";",
        ":",
        "!",
        "?",
        ")",
        "]",
        "}",
        "%",
        "'s",
        "’s",
        "n't",
        "'",
        "’",
        "'re",
        "'ve",
        "'ll",
        "'d",
        "'m",
    }
)
_NO_BLANK_AFTER = frozenset({"(", "[", "{", "$", "£", "€", "#"})


@dataclass(frozen=True)
class JudgedPair:
    """A pair of entities of a sentence with what is known of it.

    Args:
        instance: The pair, in the order of the text.
        expressed: Whether the sentence expresses a relation between the two.
        related: Whether some relation holds between the two in the document.
        relations: The relations that the sentence expresses.
        document_relations: The relations that hold in the document, expressed here or not.
        weight: How much the pair counts in training, 0 to 1; nothing is learnt from it at 0.
        source: Name of the corpus.
    """

    instance: RelationInstance
    expressed: bool
    related: bool
    relations: frozenset[str] = frozenset()
    document_relations: frozenset[str] = frozenset()
    weight: float = 1.0
    source: str = "redocred"


def redocred(path: Path) -> list[JudgedPair]:
    """Return every unordered pair of mentions of different entities that share a sentence of Re-DocRED."""
    found = []
    for document in json.loads(path.read_text(encoding="utf-8")):
        found += _pairs_of_document(document)
    return found


def _pairs_of_document(document: dict[str, Any]) -> Iterator[JudgedPair]:
    texts = [glue(tokens) for tokens in document["sents"]]
    starts, start = [], 0
    for text, _, _ in texts:
        starts.append(start)
        start += len(text) + 1
    mentions: dict[int, list[tuple[Mention, int]]] = defaultdict(list)
    for entity, vertex in enumerate(document["vertexSet"]):
        for place in vertex:
            first, last = place["pos"]
            _, begins, ends = texts[place["sent_id"]]
            mention = Mention(begins[first], ends[last - 1], place["type"])
            if (mention, entity) not in mentions[place["sent_id"]]:
                mentions[place["sent_id"]].append((mention, entity))
    everywhere: dict[frozenset[int], set[str]] = defaultdict(set)
    here: dict[tuple[frozenset[int], int], set[str]] = defaultdict(set)
    for label in document["labels"]:
        both = frozenset((label["h"], label["t"]))
        everywhere[both].add(label["r"])
        for sentence in label["evidence"]:
            here[both, sentence].add(label["r"])
    for sentence in sorted(mentions):
        in_order = sorted(mentions[sentence], key=lambda found: (found[0].start, found[0].end, found[1]))
        for (first_mention, one), (second_mention, other) in combinations(in_order, 2):
            both = frozenset((one, other))
            same = (first_mention.start, first_mention.end) == (second_mention.start, second_mention.end)
            if one == other or same or first_mention.crosses(second_mention):
                continue
            relations, of_document = here[both, sentence], everywhere[both]
            yield JudgedPair(
                RelationInstance(
                    texts[sentence][0],
                    first_mention,
                    second_mention,
                    document=document["title"],
                    document_start=starts[sentence],
                ),
                expressed=bool(relations),
                related=bool(of_document),
                relations=frozenset(relations),
                document_relations=frozenset(of_document),
            )


def conll04(path: Path) -> list[JudgedPair]:
    """Return every unordered pair of entities of the sentences of CoNLL04, whose tokens are joined by blanks."""
    found = []
    for record in json.loads(path.read_text(encoding="utf-8")):
        begins, ends, start = [], [], 0
        for token in record["tokens"]:
            begins.append(start)
            ends.append(start + len(token))
            start += len(token) + 1
        text = " ".join(record["tokens"])
        named: dict[frozenset[int], set[str]] = defaultdict(set)
        for relation in record["relations"]:
            named[frozenset((relation["head"], relation["tail"]))].add(relation["type"])
        entities = [
            Mention(begins[entity["start"]], ends[entity["end"] - 1], entity["type"])
            for entity in record["entities"]
        ]
        for (one, first), (other, second) in combinations(enumerate(entities), 2):
            first, second = sorted((first, second), key=lambda mention: (mention.start, mention.end))
            relations = frozenset(named[frozenset((one, other))])
            instance = RelationInstance(text, first, second)
            found.append(
                JudgedPair(instance, bool(relations), bool(relations), relations, relations, source="conll04")
            )
    return found


def glue(tokens: Sequence[str]) -> tuple[str, list[int], list[int]]:
    """Return the text of a tokenised sentence as people write it, and where each token begins and ends in it."""
    text, begins, ends = "", [], []
    open_quote, glued = False, True
    for word in tokens:
        before = not glued and word not in _NO_BLANK_BEFORE
        glued = word in _NO_BLANK_AFTER
        if word == '"':
            before = before and not open_quote
            open_quote = not open_quote
            glued = open_quote
        if before and text:
            text += " "
        begins.append(len(text))
        text += word
        ends.append(len(text))
    return text, begins, ends
