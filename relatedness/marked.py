"""Sentences with one marked pair, for which the other entities have to be recognised: Wiki80, NYT+FB, SemEval, ours.

Somebody has judged the marked pair only. The other pairs of its sentence are there because a pair is scored in view of
them; they count little, as pairs without a relation, since most of them have none.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from relatedness.data import JudgedPair
from relscout.core.instances import Mention, RelationInstance
from relscout.text import NUMBER_TYPES
from relscout.text.spacy_pipeline import SpacyPipeline, parse_of

#: Weight of a pair that nobody has judged.
UNJUDGED = 0.05
#: Sentences of one relation of distant supervision, where a few relations make up most of it.
MOST_OF_A_RELATION = 200


def with_other_pairs(
    instances: Sequence[RelationInstance],
    *,
    expressed: Sequence[bool],
    relations: Sequence[str],
    weight: float,
    pipeline: SpacyPipeline,
    source: str,
) -> list[JudgedPair]:
    """Return the marked pairs and the pairs with and among the other entities of their sentences, with a parse.

    Args:
        instances: Instances with one marked pair; sentences are taken as they are, not split.
        expressed: For each, whether the sentence expresses a relation between the two.
        relations: For each, the name of the relation.
        weight: How much a marked pair counts.
        pipeline: Recognises entities and parses.
        source: Name of the corpus.
    """
    by_text: dict[str, list[int]] = defaultdict(list)
    for place, instance in enumerate(instances):
        by_text[instance.text].append(place)
    pairs: list[JudgedPair] = []
    texts = list(by_text)
    for text, doc in zip(texts, pipeline.nlp.pipe(texts), strict=True):
        entities = [
            Mention(one.start_char, one.end_char, one.label_)
            for one in doc.ents
            if one.label_ not in NUMBER_TYPES
        ]
        typed = {(one.start, one.end): one.type for one in entities}
        judged: dict[tuple[Mention, Mention], int] = {}
        for place in by_text[text]:
            ends = (_typed(instances[place].head, typed), _typed(instances[place].tail, typed))
            first, second = sorted(ends, key=lambda one: (one.start, one.end))
            judged.setdefault((first, second), place)
        given = sorted({one for both in judged for one in both}, key=lambda one: (one.start, one.end))
        others = [
            one for one in entities if all(one.end <= each.start or each.end <= one.start for each in given)
        ]
        mentions = sorted([*given, *others], key=lambda one: (one.start, one.end))
        parse = parse_of(doc)
        marked = {one for both in judged for one in both}
        for first, second in combinations(mentions, 2):
            if first.crosses(second):
                continue
            known = judged.get((first, second))
            instance = RelationInstance(text, first, second, parse=parse)
            if known is None:
                # a pair is scored in view of those that share an entity with it; nothing is learnt from the others
                trust = UNJUDGED if first in marked or second in marked else 0.0
                pairs.append(JudgedPair(instance, False, False, weight=trust, source=source))
            else:
                names = frozenset({relations[known]}) if expressed[known] else frozenset()
                pairs.append(
                    JudgedPair(
                        instance,
                        expressed[known],
                        expressed[known],
                        names,
                        names,
                        weight=weight,
                        source=source,
                    )
                )
    return pairs


def _typed(mention: Mention, types: Mapping[tuple[int, int], str | None]) -> Mention:
    if mention.type is not None:
        return Mention(mention.start, mention.end, mention.type)
    return Mention(mention.start, mention.end, types.get((mention.start, mention.end)))


def extra_pairs(data: Path, pipeline: SpacyPipeline) -> list[JudgedPair]:
    """Return the pairs of the bundled corpus, Wiki80, SemEval and NYT+FB.

    Relations of Wiki80 have their Wikidata identifiers, as in Re-DocRED. The 16 relations of FewRel's validation set
    are left out, so that FewRel can be scored.

    Args:
        data: Folder with ``fewrel/``, ``nyt_fb/``, ``semeval/`` and ``wiki80/``.
        pipeline: Recognises entities and parses.
    """
    from relscout.io.readers import read
    from relscout.text.corpus import bundled_corpus

    names = json.loads((data / "fewrel" / "pid2name.json").read_text(encoding="utf-8"))
    identifiers = {name: number for number, (name, _) in sorted(names.items(), reverse=True)}
    novel = set(json.loads((data / "fewrel" / "val_wiki.json").read_text(encoding="utf-8")))
    own = list(bundled_corpus())
    wiki80 = {
        (one.text, one.head.start, one.tail.start): one
        for name in ("dev.txt", "train_0.1.txt")
        for one in read(data / "wiki80" / name)
        if identifiers[str(one.relation)] not in novel
    }
    semeval = list(read(data / "semeval" / "train.txt"))
    news = _at_most(read(data / "nyt_fb" / "train_sentence.json", on_error="skip"), MOST_OF_A_RELATION)
    found = []
    for source, weight, instances in (
        ("corpus", 0.5, own),
        ("wiki80", 0.5, list(wiki80.values())),
        ("semeval", 0.15, semeval),
        ("nyt-fb", 0.15, news),
    ):
        relations = [str(one.relation) for one in instances]
        found += with_other_pairs(
            instances,
            expressed=[name not in ("no_relation", "Other") for name in relations],
            relations=[
                f"{source}:{name}" if source in ("semeval", "nyt-fb") else identifiers.get(name, name)
                for name in relations
            ],
            weight=weight,
            pipeline=pipeline,
            source=source,
        )
    return found


def _at_most(instances: Iterator[RelationInstance], most: int) -> list[RelationInstance]:
    """Return the first instances of each relation in the order of the text's hash, each text once."""
    from relscout.text.spacy_pipeline import hash_of

    unique = {one.text: one for one in instances}
    kept: dict[str, list[RelationInstance]] = defaultdict(list)
    for text in sorted(unique, key=lambda text: (hash_of(text), text)):
        one = unique[text]
        if len(kept[str(one.relation)]) < most:
            kept[str(one.relation)].append(one)
    return [one for relation in sorted(kept) for one in kept[relation]]
