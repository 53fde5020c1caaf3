"""Discovery in a sample, whose relations the workers of a Ray cluster apply to all shards.

The method is fitted in the process that was started. Its run is saved in the working folder, where workers load it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.discovery import Discovery
from relscout.discovery import discover as discover_here
from relscout.discovery.choosing import AUTO, candidate
from relscout.discovery.corpus import Overlap
from relscout.discovery.relation import fingerprint as fingerprint_of
from relscout.discovery.sampled import Applier, Part, discover_in_sample
from relscout.discovery.storage import RUN
from relscout.distributed.cluster import Cluster, Failure, Ray, caught, check_nodes
from relscout.distributed.extracting import Pass
from relscout.distributed.shards import (
    APPLIED,
    CHECKPOINTS,
    FITTED,
    INPUT,
    Corpus,
    cut,
    read_summary,
    write_summary,
)
from relscout.distributed.working import claimed
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import RELATION, settings_for
from relscout.io.shards import BARE_INSTANCES, INSTANCES, ShardedRows, read_shard
from relscout.methods import method as method_class

PASSAGES_REFUSED = (
    "the rows are passages of text, and only marked pairs are clustered in shards; discover the relations of a part of "
    "the text, and apply them to all of it with relscout.distributed.extract"
)
_LABELS, _CONFIDENCES = "labels.npy", "confidences.npy"


@dataclass(frozen=True)
class _Job:
    """What workers need to apply the relations of a sample to a shard."""

    corpus: Corpus
    run: Path

    def part(self, index: int) -> Path:
        return self.corpus.part(APPLIED, index, self.run.name)


_LOADED: dict[Path, Applier] = {}


def _applier(run: Path) -> Applier:
    """Return what applies a run, which a worker loads once."""
    if run not in _LOADED:
        _LOADED.clear()
        _LOADED[run] = Applier(Discovery.load(run))
    return _LOADED[run]


def _apply(index: int, job: _Job) -> Failure | None:
    """Write the relations of a shard's instances; return why that failed, if it did."""

    def work() -> None:
        applied = _applier(job.run)(list(read_shard(job.corpus.shard(index), INSTANCES)))
        part = job.part(index)
        part.mkdir(parents=True, exist_ok=True)
        np.save(part / _LABELS, applied.labels)
        np.save(part / _CONFIDENCES, applied.confidences)
        write_summary(part, {"polarities": applied.polarities, "lost": dict(applied.lost)})

    failure: Failure | None = caught(work)
    return failure


def in_sample(
    rows: Iterable[RelationInstance],
    fit_on: int,
    *,
    work: Path,
    encoder: EncoderSettings | None,
    labeled: Sequence[RelationInstance] | None,
    shard_size: int,
    cluster: Cluster,
    progress: Progress,
    method: str,
    **options: Any,
) -> Discovery:
    """Discover relations in a sample, and apply them on the workers; see :func:`relscout.distributed.discover`."""
    with cluster.connected() as ray, claimed(work):
        check_nodes(ray, work, timeout=cluster.timeout)
        overlap = None if labeled is None else Overlap(labeled)
        marked = _marked(rows)
        corpus = cut(marked if overlap is None else overlap.watch(marked), work, shard_size=shard_size)
        named = candidate(labelled=labeled is not None, every_pair=False).method if method == AUTO else method
        settings = encoder or settings_for(RELATION, default=method_class(named).ENCODER)
        fitted: list[Path] = []
        pairs: ShardedRows[RelationInstance] = ShardedRows(
            work / INPUT, BARE_INSTANCES, count=len(corpus.digests)
        )
        return discover_in_sample(
            pairs,
            fit_on,
            labeled=labeled,
            overlap=overlap,
            fit=partial(_fit, work, fitted),
            apply=partial(_on_workers, ray, cluster.workers, corpus, fitted),
            progress=progress,
            method=method,
            encoder=TransformerEncoder(settings),
            checkpoints=work / CHECKPOINTS,
            **options,
        )


def _marked(rows: Iterable[RelationInstance]) -> Iterator[RelationInstance]:
    for row in rows:
        if not isinstance(row, RelationInstance):
            raise SettingError(PASSAGES_REFUSED)
        yield row


def _fit(
    work: Path, place: list[Path], sample: Sequence[RelationInstance], *, progress: Progress, **options: Any
) -> Discovery:
    """Return the run of a sample, in the working folder, and add its folder to ``place``."""
    folder = work / FITTED / _key(sample, options)
    if not (folder / RUN).is_file():
        discover_here(sample, progress=progress, **options).save(folder)
    place.append(folder)
    return Discovery.load(folder)


def _key(sample: Sequence[RelationInstance], options: Mapping[str, Any]) -> str:
    """Return a hash of all that determines the run of a sample."""
    encoder, digest = options["encoder"], blake2b(digest_size=16)
    simple = {
        name: value
        for name, value in options.items()
        if name not in ("encoder", "labeled", "after", "checkpoints")
    }
    computing = encoder.fingerprint, encoder.settings.backend, encoder.settings.dtype
    earlier = [fingerprint_of(run.relations) for run in options["after"]]
    digest.update(repr((version("relscout"), sorted(simple.items()), computing, earlier)).encode())
    for instance in (*sample, *(options["labeled"] or ())):
        key = instance.id, instance.text, instance.head, instance.tail, instance.relation
        digest.update(repr(key).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _on_workers(
    ray: Ray,
    workers: int | None,
    corpus: Corpus,
    fitted: Sequence[Path],
    _: Discovery,
    progress: Progress,
) -> Iterator[tuple[NDArray[np.int64], Part]]:
    job, start = _Job(corpus, fitted[-1]), 0
    parts = {index: job.part(index) for index in range(len(corpus.digests))}
    Pass(ray, workers, corpus, "raise", progress).run("apply to shards", _apply, parts, job)
    for part in parts.values():
        summary = read_summary(part) or {}
        labels = np.load(part / _LABELS, allow_pickle=False)
        confidences = np.load(part / _CONFIDENCES, allow_pickle=False)
        yield (
            np.arange(start, start + len(labels)),
            Part(labels, confidences, summary["polarities"], Counter(summary["lost"])),
        )
        start += len(labels)
