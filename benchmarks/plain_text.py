"""From documents as plain text to facts, held against what is judged: Re-DocRED ``dev``, one fold of the documents.

The relatedness model is trained on the other four folds. The default pipeline finds the entities, the number of
relations is estimated. A mention counts as a gold one where they share most of their characters. ``related``: of the
facts whose two ends are gold entities, the share that some relation of the gold data relates. ``recall``: of the pairs
of gold entities that share a sentence and are related, the share that a kept pair has in that sentence; ``possible``
is the share of which the two mentions were recognised at all, so that 1 - possible is what entity recognition loses.
``gold_mentions`` rows are given the gold mentions and types instead. B³, V and ARI are those of the kept pairs that
the sentence relates, against their relation (of several, the most frequent).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.records import write_result
from relatedness import fitting
from relatedness.data import glue
from relscout import discover
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Discovery
from relscout.metrics import score
from relscout.text import Passage
from relscout.text.pairs import head_first, mark
from relscout.text.relatedness import Relatedness
from relscout.text.spacy_pipeline import SpacyPipeline, with_syntax


@dataclass(frozen=True)
class GoldMention:
    """A gold mention: its entity in the document, its sentence, and its characters in the document's text."""

    entity: int
    sentence: int
    start: int
    end: int
    type: str


@dataclass(frozen=True)
class GoldDocument:
    """A document as text, with what is judged in it."""

    name: str
    text: str
    sentences: Sequence[tuple[int, int]]
    mentions: Sequence[GoldMention]
    #: Unordered pair of entities → relations, whatever their evidence; and by sentence, those with evidence there.
    relations: dict[frozenset[int], set[str]]
    expressed: dict[tuple[int, frozenset[int]], set[str]]


def run(data: Path, *, fold: int, seeds: Sequence[int], precisions: Sequence[float], cache: Path) -> None:
    """Measure with every seed and precision, and write the result.

    Args:
        data: Folder with the corpora of :func:`relatedness.fitting.learning_pairs`.
        fold: Fold of the documents that are read as text.
        seeds: Seeds of training and clustering.
        precisions: Expected precisions to keep pairs at.
        cache: Folder that keeps vectors between runs.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pairs = fitting.learning_pairs(data)
    prepared = fitting.prepared(pairs, fitting.kept_vectors(pairs, fitting.ENCODER["model"], cache))
    of_pair = fitting.folds_of(prepared.documents, 0)
    numbers = sorted({int(number) for number in prepared.documents[of_pair == fold]})
    raw = json.loads((data / "redocred" / "dev.json").read_text(encoding="utf-8"))
    documents = [_document(raw[number]) for number in numbers]
    passages = [Passage(one.text, one.name, 0, one.name) for one in documents]
    started = perf_counter()
    own = list(mark(passages, annotator=SpacyPipeline.load()))
    seconds = perf_counter() - started
    marked = with_syntax([pair for one in documents for pair in _gold_pairs(one)])
    rows = []
    for seed in seeds:
        model = _model(prepared, of_pair, fold, seed)
        for precision in precisions:
            for name, instances in (("plain text", own), ("gold_mentions", marked)):
                started = perf_counter()
                found = discover(instances, precision=precision, relatedness=model, seed=seed)
                row = {"input": name, "seed": seed, "fold": fold, "precision": precision}
                row |= {"documents": len(documents), "pairs": len(instances)} | _measured(found, documents)
                row["seconds"] = round(perf_counter() - started, 1)
                rows.append(row)
                print(row, flush=True)
    result = {"note": " ".join(str(__doc__).split()), "seconds_to_annotate": round(seconds, 1), "rows": rows}
    print(f"written to {write_result('plain-text', result)}")


def _model(data: fitting.Prepared, of_pair: Any, fold: int, seed: int) -> Relatedness:
    """Train on the other folds; the calibration is that of another fold, by parts that have not seen it either."""
    other = (fold + 1) % fitting.FOLDS
    calibrating = (of_pair != fold) & (of_pair != other)
    scores = fitting.Scores(*(np.full(len(of_pair), np.nan) for _ in range(4)))
    held = of_pair == other
    fitting.score_fold(
        scores,
        data,
        held,
        fitting.networks(data, calibrating, seed=seed),
        fitting.grow(data, calibrating, seed=seed),
    )
    seen = of_pair != fold
    trained = fitting.networks(data, seen, seed=seed)
    return fitting.assembled(data, trained, fitting.grow(data, seen, seed=seed), scores, seed=seed)


def _document(record: dict[str, Any]) -> GoldDocument:
    texts = [glue(tokens) for tokens in record["sents"]]
    sentences, start = [], 0
    for text, _, _ in texts:
        sentences.append((start, start + len(text)))
        start += len(text) + 1
    mentions = []
    for entity, vertex in enumerate(record["vertexSet"]):
        for one in vertex:
            _, starts, ends = texts[one["sent_id"]]
            shift = sentences[one["sent_id"]][0]
            first, last = one["pos"][0], one["pos"][1] - 1
            mentions.append(
                GoldMention(entity, one["sent_id"], shift + starts[first], shift + ends[last], one["type"])
            )
    relations: dict[frozenset[int], set[str]] = defaultdict(set)
    expressed: dict[tuple[int, frozenset[int]], set[str]] = defaultdict(set)
    for label in record["labels"]:
        both = frozenset((label["h"], label["t"]))
        relations[both].add(label["r"])
        for sentence in label["evidence"]:
            expressed[sentence, both].add(label["r"])
    text = " ".join(text for text, _, _ in texts)
    return GoldDocument(record["title"], text, sentences, mentions, dict(relations), dict(expressed))


def _gold_pairs(document: GoldDocument) -> list[RelationInstance]:
    by_sentence: dict[int, list[GoldMention]] = defaultdict(list)
    for mention in sorted(document.mentions, key=lambda one: (one.start, one.end)):
        by_sentence[mention.sentence].append(mention)
    found = []
    for sentence, mentions in sorted(by_sentence.items()):
        start, end = document.sentences[sentence]
        for one, other in combinations(mentions, 2):
            if one.entity == other.entity or one.end > other.start:
                continue
            first, second = (
                Mention(each.start - start, each.end - start, each.type) for each in (one, other)
            )
            instance = RelationInstance(
                document.text[start:end], first, second, document=document.name, document_start=start,
                id=f"{document.name} {one.start} {other.start} {one.end} {other.end}",
            )  # fmt: skip
            turned = not head_first(first, second)
            found.append(replace(instance, head=second, tail=first) if turned else instance)
    return found


def _measured(found: Discovery, documents: Sequence[GoldDocument]) -> dict[str, Any]:
    given = found.assignments
    by_name = {one.name: one for one in documents}
    ends = [_ends(one, by_name[one.document]) for one in given.instances]
    kept = given.relation_ids >= 0
    judged = right = 0
    facts: dict[tuple[str, int, frozenset[int]], bool] = {}
    covered: set[tuple[str, int, frozenset[int]]] = set()
    possible: set[tuple[str, int, frozenset[int]]] = set()
    clusters, gold = [], []
    counts = Counter(name for one in documents for names in one.expressed.values() for name in names)
    for row, (instance, place) in enumerate(zip(given.instances, ends, strict=True)):
        if place is None:
            continue
        sentence, both = place
        document = by_name[instance.document]
        is_related = both in document.relations
        key = (document.name, sentence, both)
        if is_related:
            possible.add(key)
        if not kept[row]:
            continue
        judged, right = judged + 1, right + is_related
        facts[document.name, int(given.relation_ids[row]), both] = is_related
        if is_related:
            covered.add(key)
        if names := document.expressed.get((sentence, both)):
            clusters.append(int(given.relation_ids[row]))
            gold.append(max(names, key=lambda name: (counts[name], name)))
    wanted = {
        (one.name, sentence, frozenset((a.entity, b.entity)))
        for one in documents
        for sentence in range(len(one.sentences))
        for a, b in combinations([each for each in one.mentions if each.sentence == sentence], 2)
        if a.entity != b.entity and frozenset((a.entity, b.entity)) in one.relations
    }
    scores = score(np.array(clusters), gold)
    return {
        "relations": len(found.relations),
        "kept": int(kept.sum()),
        "facts": len(found.facts()),
        "judged_facts": len(facts),
        "related": round(sum(facts.values()) / max(1, len(facts)), 4),
        "related_pairs": round(right / max(1, judged), 4),
        "recall": round(len(covered) / len(wanted), 4),
        "possible": round(len(possible) / len(wanted), 4),
        "expressed_and_kept": len(gold),
        "b3_f1": round(scores.b3_f1, 4),
        "v_measure": round(scores.v_measure, 4),
        "ari": round(scores.ari, 4),
    }


def _ends(instance: RelationInstance, document: GoldDocument) -> tuple[int, frozenset[int]] | None:
    """Return the gold sentence and the two gold entities of a pair; ``None`` where one of them is none."""
    shift = instance.document_start or 0
    found = [
        _matching(document, shift + one.start, shift + one.end) for one in (instance.head, instance.tail)
    ]
    if None in found:
        return None
    one, other = (each for each in found if each is not None)
    if one.entity == other.entity or one.sentence != other.sentence:
        return None
    return one.sentence, frozenset((one.entity, other.entity))


def _matching(document: GoldDocument, start: int, end: int) -> GoldMention | None:
    """Return the gold mention that shares most of its characters, and of the other's, with a span."""
    best, best_share = None, 0.5
    for mention in document.mentions:
        shared = min(end, mention.end) - max(start, mention.start)
        share = shared / (max(end, mention.end) - min(start, mention.start))
        if share > best_share:
            best, best_share = mention, share
    return best
