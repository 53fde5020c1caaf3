"""Matches discovered relations to the entries of a vocabulary, without labels, by the bundled sentence encoder.

Texts that say what a relation means are compared with those of each entry, by the cosines of their vectors: the words
around and between the entities of its examples, the phrases that name it, and the lists of its heads and tails, with
the name of the entry and with its name and description. Names of relations mostly describe the tail ("mother",
"country"), so the list of tails counts twice; if that of heads is more similar by a margin, the entry fits from tail to
head. The weighted sum ranks the entries. It favours general names, which are similar to many others of the vocabulary:
"country" is the name of more relations than "Roman praenomen", whose sentences are as similar to texts about Rome. A
logistic model of this sum, of its distance to the best other entry and of the number of entries, at least 10, gives the
probability that an entry is the relation.

What all relations have in common says nothing about one of them: the mean vectors of the relations of the corpus are
subtracted and, since a corpus may have few, those of Wiki80's relations, as if it had eight more.

The weights, the margin and the logistic model were fitted to Wiki80's 64 relations that are not among FewRel's 16
novel ones, with 12 examples of each and FewRel's list of 744 of Wikidata's properties (``python -m benchmarks
vocabulary --fit``). Whole sentences did not help, nor did characters that a name shares with the words around the
entities, sentences made of an entry's name and the entities, or metrics learnt from the 64 relations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.instances import Match, Mention, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.discovery.relation import Relation
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.encoders.settings import BUNDLED
from relscout.naming import bare_name
from relscout.naming.vocabulary import Vocabulary, VocabularyEntry

#: Number of example sentences of a relation, of its phrases, and of words before and after its entities.
EXAMPLES, PHRASES, _AROUND = 12, 5, 4
#: Weight of the list of tails, and what an entry loses that fits from tail to head.
ENDS_WEIGHT, INVERSE_MARGIN = 2.0, 0.4
#: Weight of the mean similarity of an entry's name to all names of the vocabulary.
GENERALITY_WEIGHT = 5.0
#: Log-odds of a match: coefficients of :func:`calibration_features`, and the constant.
CALIBRATION: Final = (1.715, 1.517, -0.58)
CONSTANT: Final = -2.421
#: Number of entries of the smallest vocabulary to which they were fitted.
_LEAST_ENTRIES = 10
#: Least probability of a match, and number of matches of a relation.
LEAST, MOST = 0.1, 5
#: The mean vectors of what is compared, in the order of :data:`KINDS`, over Wiki80's 64 relations (4, D), float32; and
#: the number of relations of a corpus whose mean counts as much.
BACKGROUND: Final = Path(__file__).parent.parent / "data" / "vocabulary" / "background.npy"
_CENTRED_AT = 8
#: What of a relation is compared with entries.
KINDS: Final = ("window", "phrase", "heads", "tails")
_MIXED = re.compile(r"^mixed: | \(inverse\)$")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RelationTexts:
    """The texts that say what a relation means.

    Args:
        examples: Example instances, at least one; the first :data:`EXAMPLES` count.
        phrases: Phrases that name it, the best first; the first :data:`PHRASES` count.
    """

    examples: Sequence[RelationInstance]
    phrases: Sequence[str]

    @property
    def windows(self) -> list[str]:
        """The words around and between the entities of each example."""
        return [_window(instance) for instance in self.examples[:EXAMPLES]]

    @property
    def heads(self) -> str:
        """The heads of the examples, as a list."""
        return ", ".join(dict.fromkeys(instance.head_text for instance in self.examples[:EXAMPLES]))

    @property
    def tails(self) -> str:
        """The tails of the examples, as a list."""
        return ", ".join(dict.fromkeys(instance.tail_text for instance in self.examples[:EXAMPLES]))

    @property
    def listed_phrases(self) -> str:
        """The phrases, as a list."""
        return ", ".join(self.phrases[:PHRASES])


def match_relations(
    relations: Sequence[Relation],
    instances: Mapping[str, RelationInstance],
    vocabulary: Vocabulary,
    *,
    cache: VectorCache | None = None,
    progress: Progress = silent,
) -> dict[int, tuple[Match, ...]]:
    """Return the entries of a vocabulary that fit each relation, the best first; none for a new relation.

    Args:
        relations: The relations (R).
        instances: The instances of the corpus by id.
        vocabulary: The vocabulary (E).
        cache: Stores the vectors of all texts, so that a large vocabulary is encoded once.
        progress: Called with the number of texts encoded, stage ``"encode"``.
    """
    # relations that a person has kept may have lost all examples, and a few no instance at all
    usable = [relation for relation in relations if any(id in instances for id in relation.examples)]
    matches: dict[int, tuple[Match, ...]] = {relation.id: () for relation in relations}
    if not usable:
        return matches
    texts = [
        RelationTexts([instances[id] for id in relation.examples if id in instances], _phrases(relation))
        for relation in usable
    ]
    scored = score_entries(texts, vocabulary, cache=cache, progress=progress)
    for row, relation in enumerate(usable):
        matches[relation.id] = scored.matches(row, vocabulary)
    return matches


def _phrases(relation: Relation) -> list[str]:
    """Return the phrases of a relation without what is not said: types in brackets, "mixed" and "(inverse)"."""
    words = [_MIXED.sub("", bare_name(relation.name)), *(phrase for phrase, _ in relation.ngrams)]
    return list(dict.fromkeys(words))


def _window(instance: RelationInstance) -> str:
    """Return a sentence from a few words before its first entity to a few words after its second."""
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    text, end = instance.text, max(first.end, second.end)
    return " ".join(
        [*text[: first.start].split()[-_AROUND:], text[first.start : end], *text[end:].split()[:_AROUND]]
    )


@dataclass(frozen=True)
class EntryScores:
    """How well the entries of a vocabulary (E) fit relations (R).

    Args:
        ranks: Weighted similarity of each relation and entry (R, E), float32; higher is better.
        probabilities: Estimated probability that the entry is the relation (R, E), float32, in [0, 1].
        inverse: Whether the entry fits from tail to head (R, E), bool.
    """

    ranks: Array
    probabilities: Array
    inverse: NDArray[np.bool_]

    def matches(self, row: int, vocabulary: Vocabulary) -> tuple[Match, ...]:
        """Return the entries that fit the relation in a row, the best first."""
        probabilities = self.probabilities[row]
        # entries with one probability are in the order of their ids, whatever the order of the vocabulary
        order = sorted(
            np.flatnonzero(probabilities >= LEAST).tolist(),
            key=lambda place: (-probabilities[place], -self.ranks[row, place], vocabulary.entries[place].id),
        )
        return tuple(
            Match(
                entry.id,
                entry.name,
                round(float(probabilities[place]), 4),
                bool(self.inverse[row, place]),
                entry.uri,
            )
            for place in order[:MOST]
            for entry in [vocabulary.entries[place]]
        )


def score_entries(
    relations: Sequence[RelationTexts],
    vocabulary: Vocabulary,
    *,
    cache: VectorCache | None = None,
    progress: Progress = silent,
) -> EntryScores:
    """Score every entry of a vocabulary (E) for every relation (R)."""
    return combined(similarities(relations, vocabulary, cache=cache, progress=progress))


def similarities(
    relations: Sequence[RelationTexts],
    vocabulary: Vocabulary,
    *,
    background: Array | None = None,
    cache: VectorCache | None = None,
    progress: Progress = silent,
) -> dict[str, Array]:
    """Return each similarity of relations and entries (R, E), float32, such as that of ``"window name"``.

    They are cosines, from which the mean over the relations and the background is subtracted: an entry that is similar
    to all relations of a corpus says more about the corpus. ``"generality"`` is the mean cosine of the name of an entry
    with all names, above that of all entries: what is subtracted is large for general names.

    Args:
        relations: The relations (R).
        vocabulary: The vocabulary (E).
        background: Mean vectors of other relations (4, D), see :func:`mean_vectors`; by default those of Wiki80.
        cache: Stores the vectors of all texts.
        progress: Called with the number of texts encoded, stage ``"encode"``.
    """
    entries = vocabulary.entries
    names = [[entry.name, *entry.aliases] for entry in entries]
    of_entries = {
        "name": [name for several in names for name in several],
        "text": [_described(entry) for entry in entries],
    }
    every = [text for texts in of_entries.values() for text in texts]
    queries, vectors, row_of = _encoded(relations, every, cache, progress)
    subtracted = np.load(BACKGROUND) if background is None else background  # (4, D)
    begins = np.cumsum([0, *map(len, names)])[:-1]
    of_text = vectors[[row_of[text] for text in of_entries["text"]]]  # (E, D)
    of_name = vectors[[row_of[text] for text in of_entries["name"]]]  # (names, D)
    n = len(relations)
    values: dict[str, Array] = {}
    for place, what in enumerate(KINDS):
        both = np.concatenate([queries[what], subtracted[place : place + 1]])  # (R + 1, D)
        # the best of all names of an entry counts
        for how, cosines in (
            ("name", np.maximum.reduceat(both @ of_name.T, begins, axis=1)),
            ("text", both @ of_text.T),
        ):
            mean = (cosines[:n].sum(axis=0) + _CENTRED_AT * cosines[n]) / (n + _CENTRED_AT)
            values[f"{what} {how}"] = (cosines[:n] - mean).astype(np.float32)
    # summed in the order of the names, so that the order of the vocabulary does not matter
    centre = vectors[sorted(row_of[entry.name] for entry in entries)].mean(axis=0, dtype=np.float64)
    generality = vectors[[row_of[entry.name] for entry in entries]] @ centre - centre @ centre  # (E,)
    values["generality"] = np.tile(generality.astype(np.float32), (n, 1))
    return values


def mean_vectors(relations: Sequence[RelationTexts], *, cache: VectorCache | None = None) -> Array:
    """Return the mean vectors over the relations of what is compared (4, D), float32, in the order of :data:`KINDS`."""
    queries, _, _ = _encoded(relations, [], cache, silent)
    return np.stack([queries[what].mean(axis=0) for what in KINDS])


def _encoded(
    relations: Sequence[RelationTexts], others: Sequence[str], cache: VectorCache | None, progress: Progress
) -> tuple[dict[str, Array], Array, dict[str, int]]:
    """Return the vectors of relations by kind (R, D), of all texts (T, D), of unit length, and the row of each text."""
    of_relations = {
        "window": [relation.windows for relation in relations],
        "phrase": [[relation.listed_phrases] for relation in relations],
        "heads": [[relation.heads] for relation in relations],
        "tails": [[relation.tails] for relation in relations],
    }
    every = [*others, *(text for several in of_relations.values() for texts in several for text in texts)]
    distinct = sorted({text for text in every if text.strip()})
    encoder = TransformerEncoder(EncoderSettings(BUNDLED, marking="none", pooling="sentence"), cache=cache)
    vectors = unit_length(encoder.encode([_as_instance(text) for text in distinct], progress=progress))
    row_of = {text: row for row, text in enumerate(distinct)}

    def mean_of(texts: Sequence[str]) -> Array:
        rows = [row_of[text] for text in texts if text in row_of]
        return vectors[rows].mean(axis=0) if rows else np.zeros(vectors.shape[1], dtype=np.float32)

    queries = {
        what: unit_length(np.stack([mean_of(texts) for texts in of_relations[what]])) for what in KINDS
    }
    return queries, vectors, row_of


def combined(values: Mapping[str, Array]) -> EntryScores:
    """Combine the similarities of :func:`similarities`, each (R, E)."""
    ranks, inverse = weighted(values)
    features = calibration_features(ranks)
    from scipy.special import expit

    # with fewer entries than were measured, the log-odds would only rise by extrapolation
    features[..., 2] = np.maximum(features[..., 2], np.log(_LEAST_ENTRIES))
    # one by one: a product of matrices rounds equal entries differently, by their place in the vocabulary
    logits = CONSTANT + sum(weight * features[..., place] for place, weight in enumerate(CALIBRATION))
    return EntryScores(ranks, np.asarray(expit(logits), dtype=np.float32), inverse)


def weighted(
    values: Mapping[str, Array],
    *,
    ends: float = ENDS_WEIGHT,
    margin: float = INVERSE_MARGIN,
    generality: float = GENERALITY_WEIGHT,
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the weighted sums of similarities (R, E), float32, and whether the entry fits from tail to head.

    Args:
        values: What :func:`similarities` returns.
        ends: Weight of the list of tails, or of heads; the others have weight 1.
        margin: What an entry loses that fits from tail to head.
        generality: Weight of the generality of an entry.
    """
    both = {
        what: values[f"{what} name"] + values[f"{what} text"]
        for what in ("window", "phrase", "heads", "tails")
    }
    forward, backward = ends * both["tails"], ends * both["heads"] - margin
    ranks = both["window"] + both["phrase"] + np.maximum(forward, backward)
    ranks = ranks + generality * values["generality"]
    return ranks.astype(np.float32), np.asarray(backward > forward)


def calibration_features(ranks: Array) -> Array:
    """Return what the probability depends on (R, E, 3): the sum, its distance to the best other one, and ln E."""
    n = ranks.shape[1]
    ordered = np.sort(ranks, axis=1)
    best = ordered[:, -1:]
    second = ordered[:, -2:-1] if n > 1 else best
    others = np.where(ranks == best, second, best)
    size = np.full_like(ranks, np.log(n))
    return np.stack([ranks, ranks - others, size], axis=-1)


def _described(entry: VocabularyEntry) -> str:
    ends = " → ".join(" or ".join(classes) for classes in (entry.domain, entry.range)) if entry.domain else ""
    description = " ".join(filter(None, (entry.description, f"({ends})" if ends else "")))
    return f"{entry.name}: {description}" if description else entry.name


def _as_instance(text: str) -> RelationInstance:
    """Return an instance whose sentence vector is that of a text; without marking, its mentions do not matter."""
    bare = text.strip()
    if len(bare) < 2:
        bare += "."
    return RelationInstance(bare, Mention(0, 1), Mention(len(bare) - 1, len(bare)))
