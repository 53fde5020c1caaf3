"""Discovery in a sample of a corpus, whose relations are then applied to all of it.

A method that trains holds all instances of its fit in memory, and takes hours for a hundred thousand. Its relations are
those of a sample here: the instances with the lowest hashes of seed and id, whatever their order. Instances of the
sample keep the relations of the fit; the others get those of :meth:`relscout.discovery.Discovery.predict`, some
thousands at a time.
"""

from __future__ import annotations

import dataclasses
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import Polarity, RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import checked_seed
from relscout.discovery.corpus import (
    Known,
    Overlap,
    check_instances,
    check_known,
    check_unicode,
    repeated_warnings,
)
from relscout.discovery.describing import describe
from relscout.discovery.relation import Assignments, Relation, unless_asserted
from relscout.discovery.result import Discovery
from relscout.encoders import (
    loss_warnings,
    name_of,
    readable_share,
    unknown_share,
    unknown_token_warning,
)
from relscout.encoders.inputs import text_sample
from relscout.io.readers.given import Given, as_instances
from relscout.io.shards import BARE_INSTANCES, ROWS_PER_GROUP, ShardedRows, take

#: Instances from which a relation is described that occurs outside the sample only.
_DESCRIBED = 1_000


@dataclass(frozen=True)
class Part:
    """Relations of some instances, as an :class:`Applier` returns them.

    Args:
        labels: Relation of each (n,), int64; -1 for none.
        confidences: Confidence of each (n,), float32, as if every token were known.
        polarities: Polarity of each (n); ``None`` if all are asserted.
        lost: How many instances were cut, by what was cut.
    """

    labels: NDArray[np.int64]
    confidences: NDArray[np.float32]
    polarities: Sequence[Polarity] | None
    lost: Counter[str]


class Applier:
    """Returns the relations of instances: those of the fit for its sample, else predicted ones.

    Args:
        fitted: The discovery in the sample.
    """

    def __init__(self, fitted: Discovery) -> None:
        self.fitted, sample = fitted, fitted.assignments
        self._place = {instance.id: place for place, instance in enumerate(sample.instances)}
        unknown = _unknown_share(fitted, [instance.text for instance in sample.instances])
        self._confidences = sample.confidences / max(readable_share(unknown), 1e-12)

    def __call__(self, instances: Sequence[RelationInstance], *, progress: Progress = silent) -> Part:
        """Return the relations of instances without gold relations."""
        sample, lost = self.fitted.assignments, Counter[str]()
        labels = np.empty(len(instances), dtype=np.int64)
        confidences = np.empty(len(instances), dtype=np.float32)
        polarities: list[Polarity] = ["asserted"] * len(instances)
        rows = [row for row, instance in enumerate(instances) if instance.id not in self._place]
        predicted = self.fitted.predict(
            [instances[row] for row in rows],
            unknown_tokens=0.0,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
        )
        labels[rows], confidences[rows] = predicted.relation_ids, predicted.confidences
        for row, polarity in zip(rows, predicted.polarity_values(), strict=True):
            polarities[row] = polarity
        own = sample.polarity_values()
        for row, instance in enumerate(instances):
            if (place := self._place.get(instance.id)) is not None:
                labels[row], confidences[row] = sample.relation_ids[place], self._confidences[place]
                polarities[row] = own[place]
        return Part(labels, np.minimum(confidences, 1), unless_asserted(polarities), lost)


#: Yields the relations of all instances by a discovery in a sample: rows (n,), and their relations.
Apply = Callable[[Discovery, Progress], Iterator[tuple[NDArray[np.int64], Part]]]


class Survey:
    """What is known of a corpus after one pass.

    Args:
        rows: The instances (N).
        seed: Draws the sample.

    Attributes:
        digests: Hash of seed and id of each instance (N,), uint64.
        texts: A sample of the texts.
        data: Counts: instances, different texts and entity pairs, and entity types.
    """

    def __init__(self, rows: Iterable[RelationInstance], *, seed: int) -> None:
        ids, texts, pairs = array("Q"), array("Q"), array("Q")
        types: Counter[str] = Counter()

        def noted() -> Iterator[str]:
            for row in rows:
                check_unicode(row)
                ids.append(_digest(f"{seed} {row.id}"))
                texts.append(_digest(row.text))
                pairs.append(_digest(repr((row.head_text, row.tail_text))))
                types.update(kind for kind in row.type_pair if kind is not None)
                yield row.text

        self.texts: list[str] = text_sample(noted())
        self.digests: NDArray[np.uint64] = np.array(ids, dtype=np.uint64)
        self.data: dict[str, Any] = {
            "instances": len(ids),
            "texts": len(np.unique(np.array(texts, dtype=np.uint64))),
            "entity_pairs": len(np.unique(np.array(pairs, dtype=np.uint64))),
            "entity_types": dict(sorted(types.items())),
        }

    def sample(self, rows: Sequence[RelationInstance], size: int) -> list[RelationInstance]:
        """Return the instances with the ``size`` lowest hashes, each id once, in canonical order."""
        lowest = np.unique(self.digests)[:size]
        chosen = take(rows, np.flatnonzero(np.isin(self.digests, lowest)).tolist())
        ordered = [chosen[place] for place in canonical_order(chosen)]
        return list({instance.id: instance for instance in reversed(ordered)}.values())[::-1]

    def check_repeated(self, rows: Sequence[RelationInstance]) -> list[str]:
        """Return a warning if some instances repeat others.

        Raises:
            InputError: There is no instance, or two different ones have the same id.
        """
        _, numbers, counts = np.unique(self.digests, return_inverse=True, return_counts=True)
        repeated = np.flatnonzero(counts[numbers] > 1)
        if len(repeated) or not len(self.digests):
            check_instances(take(rows, repeated.tolist()))
        return repeated_warnings(len(repeated) - int((counts > 1).sum()), len(self.digests))


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _unknown_share(fitted: Discovery, texts: Sequence[str]) -> float:
    """Return the share of unknown tokens, in [0, 1]; 0 for methods that do not run the encoder."""
    return 0.0 if fitted.model.READS == "features" else unknown_share(fitted.model.encoder, texts)


def discover_in_sample(
    instances: Given | ShardedRows[RelationInstance],
    fit_on: int,
    *,
    fit: Callable[..., Discovery],
    seed: int = 0,
    labeled: Given | None = None,
    known: Known = "raise",
    after: Sequence[Discovery] = (),
    overlap: Overlap | None = None,
    apply: Apply | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Discovery:
    """Discover the relations of a sample of a corpus, and apply them to all of it.

    Names, examples and entity types of a relation are those of the sample; its size and its confidence are those of the
    whole corpus. ``run["fitted_on"]`` says how many instances the sample has. The corpus may be on the disk, where it
    is read twice, and is read again where the instances of the result are used.

    Args:
        instances: The corpus, as for :func:`relscout.discover`, or in shards.
        fit_on: Largest number of instances in the sample, from 1.
        fit: :func:`relscout.discover`, or what calls it with the sample and the arguments.
        seed: Random seed, which also draws the sample.
        labeled: Labelled data for other relations.
        known: For relations that are labelled and among the gold relations of the corpus.
        after: Earlier runs, the oldest first.
        overlap: What labelled data and corpus have in common, if the corpus was watched while it was written to
            shards; else it is watched here.
        apply: Applies the relations of the sample; by default in this process.
        progress: Progress callback; the stage ``"apply"`` counts instances.
        **options: Further arguments of :func:`relscout.discover`.

    Raises:
        InputError: As :func:`relscout.discover`.
        SettingError: ``fit_on`` is below 1, or as :func:`relscout.discover`.
    """
    started = time.perf_counter()
    if not isinstance(fit_on, int) or isinstance(fit_on, bool) or fit_on < 1:
        raise SettingError(f"fit_on is {fit_on!r}; expected a whole number of instances from 1")
    check_known(known)
    rows = instances if isinstance(instances, ShardedRows) else as_instances(instances)
    if labeled is not None:
        labeled = as_instances(labeled, what="labeled")
        overlap = overlap or Overlap(labeled)
    watched = rows if overlap is None or overlap.is_known else overlap.watch(rows)
    survey = Survey(watched, seed=checked_seed(seed))
    bare: Sequence[RelationInstance] = (
        ShardedRows(rows.folder, BARE_INSTANCES)
        if isinstance(rows, ShardedRows)
        else [row.without_relation() for row in rows]
    )
    del rows, instances
    warnings = survey.check_repeated(bare)
    if labeled is not None and overlap is not None:
        labeled, left_out = overlap.usable(labeled, known=known)
        warnings += left_out
        known = "keep"
    sample = survey.sample(bare, fit_on)
    fitted = fit(sample, seed=seed, labeled=labeled, known=known, after=after, progress=progress, **options)
    until_fitted = time.perf_counter()
    labels = np.empty(len(bare), dtype=np.int64)
    confidences = np.empty(len(bare), dtype=np.float32)
    doubted: dict[int, Polarity] = {}
    lost: Counter[str] = Counter()
    for places, part in (apply or _here(bare))(fitted, progress):
        labels[places], confidences[places] = part.labels, part.confidences
        lost += part.lost
        if part.polarities is not None:
            doubted |= {
                place: polarity
                for place, polarity in zip(places.tolist(), part.polarities, strict=True)
                if polarity != "asserted"
            }
    unknown = _unknown_share(fitted, survey.texts)
    confidences = (confidences * readable_share(unknown)).astype(np.float32)
    polarities: list[Polarity] | None = None
    if doubted:
        polarities = [doubted.get(place, "asserted") for place in range(len(bare))]
    warnings += _warnings(fitted, [row.text for row in sample], unknown, lost)
    seconds = {
        "fit": until_fitted - started - fitted.run["seconds"]["describe"],
        "apply": time.perf_counter() - until_fitted,
        "describe": fitted.run["seconds"]["describe"],
    }
    run = {
        **fitted.run,
        "data": {**fitted.run["data"], **survey.data},
        "fitted_on": len(sample),
        "warnings": warnings,
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
    }
    relations = described_relations(fitted, bare, labels, confidences)
    return dataclasses.replace(
        fitted,
        relations=relations,
        assignments=Assignments(bare, labels, confidences, None, polarities),
        run=run,
    )


def _here(rows: Sequence[RelationInstance]) -> Apply:
    """Return what applies relations in this process."""

    def apply(fitted: Discovery, progress: Progress) -> Iterator[tuple[NDArray[np.int64], Part]]:
        applied, done = Applier(fitted), 0
        # in canonical order, so that the batches, and with them the rounding, do not depend on the order of the input;
        # rows on the disk are read in their order
        order: Iterable[int] = range(len(rows))
        stream: Iterable[RelationInstance] = rows
        if not isinstance(rows, ShardedRows):
            order = canonical_order(rows)
            stream = (rows[place] for place in order)
        places, batches = iter(order), iter(stream)
        progress("apply", 0, len(rows))
        while batch := list(islice(batches, ROWS_PER_GROUP)):
            yield np.fromiter(islice(places, len(batch)), np.int64, len(batch)), applied(batch)
            done += len(batch)
            progress("apply", done, len(rows))

    return apply


def _warnings(fitted: Discovery, sample: Sequence[str], unknown: float, lost: Counter[str]) -> list[str]:
    """Return the warnings of a fit, with those of the whole corpus about unknown tokens and cut instances."""
    name = name_of(fitted.model.encoder)
    of_sample = unknown_token_warning(1 - readable_share(_unknown_share(fitted, sample)), name)
    warnings = [warning for warning in fitted.run["warnings"] if warning != of_sample]
    if warning := unknown_token_warning(unknown, name):
        warnings.append(warning)
    return warnings + [f"outside the sample, {each}" for each in loss_warnings(lost)]


def described_relations(
    fitted: Discovery,
    rows: Sequence[RelationInstance],
    labels: NDArray[np.int64],
    confidences: NDArray[np.float32],
) -> tuple[Relation, ...]:
    """Return the relations with sizes and confidences of the whole corpus, and those that the sample does not have."""
    described = {relation.id: relation for relation in fitted.relations}
    model, places = fitted.model, {}
    for label in model.names_:
        id = fitted.merged.get(label, label)
        if id not in described and (members := np.flatnonzero(labels == id)).size:
            # evenly spaced is as good as random
            places[label] = members[
                np.linspace(0, len(members) - 1, min(len(members), _DESCRIBED)).astype(int)
            ]
    if places:
        chosen = np.concatenate(list(places.values()))
        new = take(rows, chosen.tolist())
        of_new = np.repeat(list(places), [len(members) for members in places.values()])
        vectors = model.transform(new)
        for relation in describe(new, of_new, confidences[chosen], model, vectors=vectors):
            id = fitted.merged.get(relation.id, relation.id)
            described[id] = dataclasses.replace(relation, id=id, inverse=None)
    sums = {id: _size_and_confidence(labels == id, confidences) for id in described}
    return tuple(
        dataclasses.replace(described[id], size=sums[id][0], confidence=sums[id][1])
        for id in sorted(described)
    )


def _size_and_confidence(members: NDArray[np.bool_], confidences: NDArray[np.float32]) -> tuple[int, float]:
    return int(members.sum()), round(float(confidences[members].mean()), 4)
