"""Is the right property among those that a vocabulary offers for a relation, and is its score calibrated?

The vocabulary is FewRel's ``pid2name.json``: 744 of Wikidata's properties with descriptions. Each row asks for the
property of each of several clusters; it is right if it is the gold property (or that of the majority of the cluster's
sentences). ``fewrel`` are FewRel's 16 validation relations, ``nyt`` its 25 on New York Times text, ``redocred`` the
relations of Re-DocRED ``dev`` with at least 10 pairs in a sentence, ``unseen`` those of them that are not among the 64
relations of Wiki80 on which the scores were fitted. ``kmeans`` are k-means clusters with K given, from the default
encoder, instead of gold ones. Chance is 1 / 744. ``calibration_error`` is the expected calibration error (ten bins) of
the probabilities of the best five entries of each relation. ``said_to_be_new`` is the share of relations that no entry
is said to fit, with the whole vocabulary, and without the right property.

``--fit`` prints the constants of :mod:`relscout.discovery.matching` instead, from Wiki80's 64 relations: weights and
margin by a grid, and the calibration by logistic regression on random parts of the vocabulary, with and without the
right property. It also writes the mean vectors of these relations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.records import write_result
from relscout import RelationInstance, VectorCache, discover, read
from relscout.core.seeding import generator
from relscout.discovery import matching
from relscout.discovery.matching import Array, RelationTexts
from relscout.encoders import TransformerEncoder
from relscout.encoders.settings import RELATION, settings_for
from relscout.lab import protocols
from relscout.naming import bare_name, name_relations
from relscout.naming.vocabulary import Vocabulary, read_vocabulary

_SHOWN = 20
#: Numbers of entries of the vocabularies on which the probabilities are fitted; 744 are all.
_SIZES = (10, 30, 100, 300, 744)


def run(data: Path, cache: VectorCache, *, instances: int, seeds: int, kmeans: bool, fitting: bool) -> None:
    """Measure, or fit, and write or print the result.

    Args:
        data: Folder with fewrel/, wiki80/ and redocred/.
        cache: Keeps the vectors.
        instances: Largest number of instances of a relation.
        seeds: Number of draws of the instances.
        kmeans: Whether to cluster FewRel, too.
        fitting: Whether to fit the constants instead.
    """
    vocabulary = read_vocabulary(data / "fewrel" / "pid2name.json")
    if fitting:
        fit(data, vocabulary, cache)
        return
    # Wiki80 has names; some names are those of two properties
    known = {entry.id for entry in vocabulary.entries} & set(_by_id(protocols.predefined(data), vocabulary))
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        gold = {name: _drawn(of_name, instances, seed) for name, of_name in _data(data, vocabulary).items()}
        for name, relations in gold.items():
            rows.append(measured(name, relations, list(relations), vocabulary, cache, seed))
        unseen = {id: few for id, few in gold["redocred"].items() if id not in known}
        rows.append(measured("redocred unseen", unseen, list(unseen), vocabulary, cache, seed))
        if kmeans:
            for name in ("fewrel", "nyt"):
                rows.append(clustered(name, gold[name], vocabulary, cache, seed))
        for row in rows:
            print({key: value for key, value in row.items() if key != "wrong"}, flush=True)
    for row in rows[: len(gold)]:
        print(row["relations"], *row.pop("wrong")[:_SHOWN], sep="\n  ")
    rows = [{key: value for key, value in row.items() if key != "wrong"} for row in rows]
    result = {"note": " ".join(str(__doc__).split()), "entries": len(vocabulary), "rows": rows}
    print(f"written to {write_result('vocabulary', result)}")


def _data(data: Path, vocabulary: Vocabulary) -> dict[str, dict[str, list[RelationInstance]]]:
    """Return the instances of each data set by the id of their property."""
    ids = {entry.id for entry in vocabulary.entries}
    of_set = {
        "fewrel": read(data / "fewrel" / "val_wiki.json"),
        "nyt": read(data / "fewrel" / "val_nyt.json"),
        "redocred": read(data / "redocred" / "dev.json", on_warning=lambda _: None),
    }
    return {
        name: {id: several for id, several in _grouped(instances).items() if id in ids and len(several) >= 10}
        for name, instances in of_set.items()
    }


def _grouped(instances: Iterable[RelationInstance]) -> dict[str, list[RelationInstance]]:
    groups: defaultdict[str, list[RelationInstance]] = defaultdict(list)
    for instance in instances:
        groups[str(instance.relation)].append(instance)
    return {
        relation: sorted(groups[relation], key=lambda instance: instance.id) for relation in sorted(groups)
    }


def _by_id(
    instances: Iterable[RelationInstance], vocabulary: Vocabulary
) -> dict[str, list[RelationInstance]]:
    ids = {entry.name: entry.id for entry in vocabulary.entries}
    return {ids[name]: several for name, several in _grouped(instances).items()}


def _drawn(
    groups: dict[str, list[RelationInstance]], most: int, seed: int
) -> dict[str, list[RelationInstance]]:
    random = generator(seed, "vocabulary")
    return {
        relation: [
            several[place].without_relation() for place in random.permutation(len(several))[:most].tolist()
        ]
        for relation, several in groups.items()
    }


def _texts(groups: Sequence[Sequence[RelationInstance]]) -> list[RelationTexts]:
    labels = [place for place, several in enumerate(groups) for _ in several]
    names = name_relations([instance for several in groups for instance in several], labels)
    return [
        RelationTexts(several, [bare_name(names[place].name), *(words for words, _ in names[place].ngrams)])
        for place, several in enumerate(groups)
    ]


def measured(
    name: str,
    groups: dict[str, list[RelationInstance]],
    gold: Sequence[str],
    vocabulary: Vocabulary,
    cache: VectorCache,
    seed: int,
) -> dict[str, Any]:
    """Score clusters whose properties are known."""
    values = matching.similarities(_texts(list(groups.values())), vocabulary, cache=cache)
    scored = matching.combined(values)
    ids = [entry.id for entry in vocabulary.entries]
    right = np.array([ids.index(id) for id in gold])
    at = np.arange(len(gold))
    place = (scored.ranks > scored.ranks[at, right][:, None]).sum(axis=1)
    order = np.argsort(-scored.ranks, axis=1)
    top = np.take_along_axis(scored.probabilities, order[:, :5], axis=1)
    without = {
        what: np.stack([np.delete(row, skipped) for row, skipped in zip(table, right, strict=True)])
        for what, table in values.items()
    }
    new = matching.combined(without).probabilities.max(axis=1) < matching.LEAST
    forward = ~scored.inverse[at, right]
    wrong = [
        f"{vocabulary.entries[right[row]].name} (place {place[row] + 1}): "
        + "; ".join(
            f"{vocabulary.entries[c].name} {scored.probabilities[row, c]:.2f}" for c in order[row][:5]
        )
        for row in at
        if place[row]
    ]
    return {
        "relations": name,
        "seed": seed,
        "clusters": len(gold),
        "instances": sum(map(len, groups.values())),
        "top_1": _rounded((place == 0).mean()),
        "top_5": _rounded((place < 5).mean()),
        "mean_reciprocal_rank": _rounded((1 / (place + 1)).mean()),
        "calibration_error": _rounded(calibration_error(top, order[:, :5] == right[:, None])),
        "said_to_be_new": _rounded((scored.probabilities.max(axis=1) < matching.LEAST).mean()),
        "said_to_be_new_without_the_right_entry": _rounded(new.mean()),
        "right_direction": _rounded(forward.mean()),
        "wrong": wrong,
    }


def clustered(
    name: str,
    groups: dict[str, list[RelationInstance]],
    vocabulary: Vocabulary,
    cache: VectorCache,
    seed: int,
) -> dict[str, Any]:
    """Score k-means clusters, whose property is that of the majority of their sentences."""
    instances = [instance for several in groups.values() for instance in several]
    gold = {instance.id: id for id, several in groups.items() for instance in several}
    encoder = TransformerEncoder(settings_for(RELATION), cache=cache)
    discovery = discover(instances, n_relations=len(groups), encoder=encoder, seed=seed)
    ids = discovery.assignments.relation_ids
    found: dict[str, list[RelationInstance]] = {}
    majority = []
    for relation in discovery.relations:
        members = [
            instance for instance, id in zip(instances, ids.tolist(), strict=True) if id == relation.id
        ]
        counts = Counter(gold[instance.id] for instance in members)
        majority.append(min(counts, key=lambda name: (-counts[name], name)))
        # central and different instances, as a run of the command has them
        found[str(relation.id)] = discovery.examples(relation.id, matching.EXAMPLES)
    return measured(f"{name} kmeans", found, majority, vocabulary, cache, seed)


def calibration_error(probabilities: Array, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error in ten bins of equal width (Guo et al., ICML 2017), in [0, 1]."""
    flat, hits = probabilities.ravel(), right.ravel()
    bins = np.minimum((flat * 10).astype(int), 9)
    return float(
        sum(
            (bins == place).mean() * abs(flat[bins == place].mean() - hits[bins == place].mean())
            for place in range(10)
            if (bins == place).any()
        )
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)


def fit(data: Path, vocabulary: Vocabulary, cache: VectorCache) -> None:
    """Print the quality of weights and margins on Wiki80's 64 relations, fit the calibration, and write their means."""
    groups = _drawn(_by_id(protocols.predefined(data), vocabulary), 40, 0)
    texts = _texts(list(groups.values()))
    background = matching.mean_vectors(texts, cache=cache)
    values = matching.similarities(texts, vocabulary, background=background, cache=cache)
    ids = [entry.id for entry in vocabulary.entries]
    right = np.array([ids.index(id) for id in groups])
    for ends, margin, generality in product((1.0, 2.0, 3.0), (0.2, 0.4, 0.6), (0.0, 3.0, 5.0, 7.0)):
        quality = [
            (
                reciprocal_rank(ranks, right),
                float((inverse[np.arange(len(right)), right] == is_turned).mean()),
            )
            for is_turned, table in enumerate((values, turned(values)))
            for ranks, inverse in [matching.weighted(table, ends=ends, margin=margin, generality=generality)]
        ]
        print(
            f"ends {ends}, margin {margin}, generality {generality}: mean reciprocal rank and right direction",
            np.round(quality, 4),
        )
    coefficients, constant = fitted_calibration(values, right)
    print("CALIBRATION, CONSTANT =", coefficients, constant)
    np.save(matching.BACKGROUND, background)
    print(f"written: {matching.BACKGROUND}")


def turned(values: dict[str, Array]) -> dict[str, Array]:
    """Return the similarities of relations with heads and tails exchanged."""
    names = {"heads": "tails", "tails": "heads"}
    return {" ".join(names.get(word, word) for word in what.split()): table for what, table in values.items()}


def reciprocal_rank(ranks: Array, right: NDArray[np.int64]) -> float:
    """Return the mean reciprocal rank of the right entries, in [0, 1]."""
    at = np.arange(len(right))
    return float((1 / (1 + (ranks > ranks[at, right][:, None]).sum(axis=1))).mean())


def fitted_calibration(values: dict[str, Array], right: NDArray[np.int64]) -> tuple[list[float], float]:
    """Return coefficients and constant of the probability.

    Half of the vocabularies lack the right entry, and half of the relations have heads and tails exchanged.
    """
    random = generator(0, "vocabulary calibration")
    inputs, targets = [], []
    tables = [matching.weighted(table)[0] for table in (values, turned(values))]
    for size in _SIZES:
        for repeat in range(8):
            for row, gold in enumerate(right.tolist()):
                others = random.permutation(np.delete(np.arange(tables[0].shape[1]), gold))
                chosen = others[: size - 1].tolist()
                if random.random() < 0.5:
                    chosen.append(gold)
                part = tables[repeat % 2][row, chosen][None]
                features = matching.calibration_features(part)[0]
                for place in np.argsort(-part[0])[:5].tolist():
                    inputs.append(features[place])
                    targets.append(chosen[place] == gold)
    model = LogisticRegression(C=1e6, max_iter=1000).fit(np.array(inputs), targets)
    return [round(float(value), 3) for value in model.coef_[0]], round(float(model.intercept_[0]), 3)
