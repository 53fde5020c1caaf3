"""Finds the relations of a corpus in shards on the workers of a Ray cluster: by k-means, or in a sample by any method.

For k-means, workers encode the shards. K and the starting centroids come from samples, drawn as on one machine: from
the instances in canonical order, whatever their shards. Lloyd's iterations run over all vectors, in
:mod:`relscout.distributed.vectors`. Names and examples come from samples of each relation, and its size, confidence and
types from counts. Other methods are fitted on a sample, in the process that was started, and workers apply the
relations of the sample (:mod:`relscout.distributed.sampled`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import soft_assignment
from relscout.core.errors import SettingError
from relscout.core.instances import Mention, Polarity, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import from_mapping
from relscout.discovery import Assignments, Discovery, identical_warnings, run_record
from relscout.discovery.corpus import Known, check_instances, repeated_warnings
from relscout.discovery.describing import describe
from relscout.discovery.relation import polarities_of
from relscout.distributed.cluster import Cluster, Failure, caught, check_nodes, worked
from relscout.distributed.extracting import Pass
from relscout.distributed.sampled import PASSAGES_REFUSED, in_sample
from relscout.distributed.shards import INPUT, SHARD_SIZE, VECTORS, Corpus, cut, read_summary, write_summary
from relscout.distributed.vectors import ShardedVectors, read_vectors, write_vectors
from relscout.distributed.working import claimed
from relscout.encoders import (
    EncoderSettings,
    TransformerEncoder,
    check_share,
    loss_warnings,
    name_of,
    readable_share,
    unknown_token_warning,
)
from relscout.encoders.inputs import joined_unknown_share
from relscout.encoders.settings import RELATION, settings_for
from relscout.io.shards import INSTANCES, ShardedRows, read_columns, read_shard, take
from relscout.methods.estimator import NRelations, check_enough, unused_settings
from relscout.methods.kmeans import KMeans
from relscout.methods.vectors import encode, identical_share
from relscout.naming import name_relations

_FILE = "vectors.npy"
#: Hashes of the texts, and of the pairs of names, of a shard.
_TEXTS, _PAIRS = "texts.npy", "pairs.npy"


@dataclass(frozen=True)
class _Encoding:
    """What workers need to encode a shard."""

    corpus: Corpus
    settings: EncoderSettings
    described: str

    def part(self, index: int) -> Path:
        return self.corpus.part(VECTORS, index, self.described)


_LOADED: dict[EncoderSettings, TransformerEncoder] = {}


def _encoder(settings: EncoderSettings) -> TransformerEncoder:
    """Return an encoder, which a worker loads once."""
    if settings not in _LOADED:
        _LOADED.clear()
        _LOADED[settings] = TransformerEncoder(settings)
    return _LOADED[settings]


def _encode(index: int, job: _Encoding) -> Failure | None:
    """Write the vectors of a shard; return why that failed, if it did."""

    def work() -> None:
        instances = list(read_shard(job.corpus.shard(index), INSTANCES))
        encoder, part = _encoder(job.settings), job.part(index)
        lost: Counter[str] = Counter()
        vectors = encode(encoder, instances, on_loss=lambda _, what: lost.update([what]))
        part.mkdir(parents=True, exist_ok=True)
        write_vectors(part / _FILE, vectors)
        write_vectors(part / _TEXTS, _hashes(instance.text for instance in instances))
        write_vectors(
            part / _PAIRS, _hashes((instance.head_text, instance.tail_text) for instance in instances)
        )
        types = Counter(kind for instance in instances for kind in instance.type_pair if kind is not None)
        summary = {
            "pairs": len(instances),
            "lost": dict(lost),
            "unknown": encoder.unknown_shares([instance.text for instance in instances]),
            "types": dict(types),
        }
        write_summary(part, summary)

    failure: Failure | None = caught(work)
    return failure


def _hashes(values: Iterable[object]) -> NDArray[Any]:
    """Return the distinct hashes (n,), uint64, of values."""
    from hashlib import blake2b

    digests = (
        blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).digest() for value in values
    )
    return np.unique(np.frombuffer(b"".join(digests), dtype=np.uint64))


@dataclass(frozen=True)
class _Assigned:
    """Relations of a shard's instances.

    Args:
        labels: Relation of each (n,), int64.
        confidences: Confidence of each (n,), float32.
        polarities: Polarity of each (n), or ``None`` if all are asserted.
    """

    labels: NDArray[np.int64]
    confidences: NDArray[np.float32]
    polarities: Sequence[Polarity] | None


def _assign(
    index: int, job: _Encoding, state: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]
) -> _Assigned | Failure:
    """Return the relations of a shard's instances, by the state of the fitted method."""
    variance, centroids = state[0]["variance"], state[1]["centroids"]

    def work() -> _Assigned:
        instances = list(read_shard(job.corpus.shard(index), INSTANCES))
        shares = soft_assignment(np.asarray(read_vectors(job.part(index) / _FILE)), centroids, variance)
        labels = shares.argmax(axis=1).astype(np.int64)
        confidences = shares[np.arange(len(labels)), labels]
        return _Assigned(labels, confidences, polarities_of(instances, labels))

    result: _Assigned | Failure = caught(work)
    return result


def discover(
    rows: Iterable[RelationInstance],
    *,
    work: str | Path,
    method: str = "kmeans",
    n_relations: NRelations = "auto",
    encoder: EncoderSettings | None = None,
    seed: int = 0,
    labeled: Sequence[RelationInstance] | None = None,
    known: Known = "raise",
    after: Sequence[Discovery] = (),
    fit_on: int | None = None,
    settings: Mapping[str, Any] | None = None,
    check_training: bool = True,
    allow_unknown_tokens: bool = False,
    shard_size: int = SHARD_SIZE,
    cluster: Cluster | None = None,
    progress: Progress = silent,
) -> Discovery:
    """Discover the relations of marked pairs on the workers of a Ray cluster: by k-means, or in a sample by any method.

    The result is that of :func:`relscout.discover` with the same arguments on one machine, apart from the rounding
    of the encoder and of sums: 1e-5 of a confidence, and so the relation of an instance that is as near to two of them.
    Started again with the same arguments, whatever was killed before, it continues with the training of the sample and
    the shards that are not encoded.

    Memory is about 50 bytes for each instance, its id, and the samples. The instances of the result are read from the
    working folder where they are used, so save the result before you remove that.

    Args:
        rows: Marked pairs; gold relations are left out. Consumed one shard at a time.
        work: Working folder, which all nodes must see.
        method: Name of the method; any but ``kmeans`` needs ``fit_on``.
        n_relations: Number of relations, or ``"auto"`` to estimate it.
        encoder: Settings of the encoder; by default the bundled encoder ``relation``.
        seed: Random seed.
        labeled: Labelled data for other relations, for methods that use labels.
        known: For relations that are labelled and among the gold relations of the corpus; see
            :func:`relscout.discover`.
        after: Earlier runs, the oldest first; see :func:`relscout.discover`.
        fit_on: Fit the method on a sample of so many pairs, in this process, and apply its relations on the workers.
        settings: Settings of the method by name.
        check_training: Whether a method that trains is compared with k-means; see :func:`relscout.discover`.
        allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
        shard_size: Pairs of a shard, from 1; a shard is what a worker loses if it dies.
        cluster: Where Ray runs; on this machine by default.
        progress: Progress callback.

    Raises:
        InputError: There are no pairs, or fewer (different) ones than relations, two different ones with the same id, a
            shard is broken, or Ray does not answer.
        OutputError: A node cannot write to the working folder, or its disk is full.
        SettingError: A setting is invalid, the rows are passages, the nodes differ in their versions, or the working
            folder is in use or holds other files.
        MissingExtraError: Ray is not installed.
    """
    started = time.perf_counter()
    cluster, work, options = cluster or Cluster(), Path(work).absolute(), dict(settings or {})
    if fit_on is not None:
        return in_sample(
            rows,
            fit_on,
            work=work,
            encoder=encoder,
            labeled=labeled,
            shard_size=shard_size,
            cluster=cluster,
            progress=progress,
            method=method,
            n_relations=n_relations,
            seed=seed,
            known=known,
            after=after,
            settings=options,
            check_training=check_training,
            allow_unknown_tokens=allow_unknown_tokens,
        )
    if method != "kmeans" or labeled is not None or after:
        raise SettingError(
            f"method is {method!r}, or labelled data or earlier runs are given, but only k-means can be fitted to all "
            "pairs on a cluster; pass fit_on, the number of pairs to fit on"
        )
    checked = from_mapping(KMeans.SETTINGS, options)
    options = {name: getattr(checked, name) for name in options}
    with cluster.connected() as ray, claimed(work):
        check_nodes(ray, work, timeout=cluster.timeout)
        corpus = cut(rows, work, shard_size=shard_size)
        if corpus.kind != "instances":
            raise SettingError(PASSAGES_REFUSED)
        check_enough(n_relations, corpus.rows)
        indices = range(len(corpus.digests))
        ids = _ids(corpus)
        #: row of each instance in canonical order
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
        instances = ShardedRows(work / INPUT, INSTANCES, count=len(indices))
        warnings = [*_check(ids, order, instances), *unused_settings(options, n_relations)]
        chosen = _typed(encoder or settings_for(RELATION, default=KMeans.ENCODER), corpus)
        estimator = KMeans(TransformerEncoder(chosen), n_relations=n_relations, seed=seed, **options)
        fingerprint = estimator.encoder.fingerprint
        job = _Encoding(
            corpus, chosen, f"relscout {version('relscout')}\n{fingerprint}\n{chosen.backend} {chosen.dtype}"
        )
        passed = Pass(ray, cluster.workers, corpus, "raise", progress)
        passed.run("encode shards", _encode, {index: job.part(index) for index in indices}, job)
        summaries = [read_summary(job.part(index)) or {} for index in indices]
        unknown = joined_unknown_share(summary["unknown"] for summary in summaries)
        if warning := unknown_token_warning(unknown, name_of(estimator.encoder)):
            check_share(unknown, warning, allow_unknown_tokens=allow_unknown_tokens)
            warnings.append(warning)
        files = [job.part(index) / _FILE for index in indices]
        sizes = [summary["pairs"] for summary in summaries]
        dimension = read_vectors(files[0]).shape[1]
        vectors = ShardedVectors(ray, files, sizes, order, dimension, workers=cluster.workers)
        estimator.fit_distant(vectors, fingerprint, progress=progress)
        lost = sum((Counter(summary["lost"]) for summary in summaries), Counter[str]())
        estimator.report_["warnings"] += loss_warnings(lost)
        fitted = time.perf_counter()
        progress("describe", 0, None)
        shared = [ray.put(value) for value in (job, estimator.state())]
        parts: dict[int, _Assigned] = {}
        for index, part in worked(
            ray, _assign, indices, *shared, stage="assign shards", workers=cluster.workers
        ):
            if isinstance(part, Failure):
                raise part.error()
            parts[index] = part
    labels = np.concatenate([parts[index].labels for index in indices])
    shares = np.concatenate([parts[index].confidences for index in indices]) * readable_share(unknown)
    confidences: NDArray[np.float32] = shares.astype(np.float32)
    names = name_relations(instances, labels)
    # all that is read of the vectors and instances are samples of each relation, in canonical order
    estimator.vectors_ = cast(NDArray[np.float32], vectors)
    ordered = _Ordered(instances, order)
    relations = describe(ordered, labels[order], confidences[order], estimator, names=names)
    sample = np.linspace(0, len(ids) - 1, min(len(ids), _COMPARED)).astype(np.int64)
    same = identical_share(take(ordered, sample.tolist()), vectors[sample])
    run = run_record(
        estimator,
        seed=seed,
        data=_counts(summaries, [job.part(index) for index in indices]),
        warnings=[*warnings, *identical_warnings(same, estimator.encoder)],
        seconds={"fit": fitted - started, "describe": time.perf_counter() - fitted},
    )
    assignments = Assignments(instances, labels, confidences, None, _polarities(parts))
    return Discovery(relations, assignments, estimator, run)


#: Instances whose vectors are compared with each other.
_COMPARED = 50_000


class _Ordered(Sequence[RelationInstance]):
    """Instances in another order, read from the disk where they are used."""

    def __init__(self, instances: Sequence[RelationInstance], order: NDArray[np.int64]) -> None:
        self._instances, self._order = instances, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return take(self, range(*place.indices(len(self))))
        return self._instances[int(self._order[place])]


def _ids(corpus: Corpus) -> list[str]:
    """Return the ids of all instances, in the order of the shards."""
    tables = (read_columns(corpus.shard(index), INSTANCES, ["id"]) for index in range(len(corpus.digests)))
    return [id for table in tables for id in table["id"].to_pylist()]


def _check(ids: Sequence[str], order: NDArray[np.int64], instances: Sequence[RelationInstance]) -> list[str]:
    """Check that equal ids are those of equal instances, and return a warning if some repeat others.

    Raises:
        InputError: Two different instances have the same id.
    """
    repeats = [(first, second) for first, second in pairwise(order.tolist()) if ids[first] == ids[second]]
    for pair in repeats:
        check_instances([instances[row] for row in pair])
    return repeated_warnings(len(repeats), len(ids))


def _typed(settings: EncoderSettings, corpus: Corpus) -> EncoderSettings:
    """Return the settings with the entity types of the corpus, if the marking needs them."""
    encoder = TransformerEncoder(settings)
    types: set[str] = set()
    for index in range(len(corpus.digests)):
        table = read_columns(corpus.shard(index), INSTANCES, ["head_type", "tail_type"])
        types.update(kind for column in table.columns for kind in column.unique().to_pylist() if kind)
    listed = sorted(types)
    # any instances with these types will do
    text = "a b"
    typed = [RelationInstance(text, Mention(0, 1, kind), Mention(2, 3, kind)) for kind in listed]
    return encoder.with_types_of(typed).settings


def _counts(summaries: Sequence[Mapping[str, Any]], parts: Sequence[Path]) -> dict[str, Any]:
    """Return the counts of a corpus: instances, different texts and entity pairs, and entity types."""
    types = sum((Counter(summary["types"]) for summary in summaries), Counter[str]())

    def distinct(name: str) -> int:
        return len(np.unique(np.concatenate([np.load(part / name) for part in parts])))

    return {
        "instances": sum(summary["pairs"] for summary in summaries),
        "texts": distinct(_TEXTS),
        "entity_pairs": distinct(_PAIRS),
        "entity_types": dict(sorted(types.items())),
    }


def _polarities(parts: Mapping[int, _Assigned]) -> list[Polarity] | None:
    """Return the polarity of each instance (N), or ``None`` if all are asserted."""
    if all(part.polarities is None for part in parts.values()):
        return None
    asserted: Polarity = "asserted"
    return [
        polarity
        for index in sorted(parts)
        for polarity in parts[index].polarities or [asserted] * len(parts[index].labels)
    ]
