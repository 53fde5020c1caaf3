"""Facts of triples in shards, grouped by tasks of Ray or in this process.

:mod:`relscout.discovery.grouping` divides the triples. Ray keeps what is exchanged in its object store, spills it to
disk when that is full, and computes again what a lost node held. In this process, it is on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from relscout.core.errors import SettingError
from relscout.core.instances import Fact, Match
from relscout.core.progress import Progress, silent
from relscout.discovery.grouping import by_document, fact_order, group, in_order, listed, parts_for, unwrapped
from relscout.distributed.cluster import Cluster, errors_of
from relscout.distributed.extracting import ShardedExtraction
from relscout.distributed.shards import read_triples


def find_facts(
    extraction: ShardedExtraction,
    *,
    cluster: Cluster | None = None,
    parts: int | None = None,
    progress: Progress = silent,
) -> Iterator[Fact]:
    """Yield the facts of an extraction, the most supported first.

    Memory is that of the shared names, of a part, and of 100,000 facts.

    Args:
        extraction: Triples in shards.
        cluster: Where Ray runs; on this machine by default.
        parts: Number of parts in which triples and facts are divided, from 1; by default one for 50,000 triples.
        progress: Called with the number of finished steps, stage ``"facts"``.

    Raises:
        InputError: Ray does not answer.
        MissingExtraError: Ray is not installed.
        RelscoutError: A task failed, or its worker died.
        SettingError: ``parts`` is below 1.
    """
    if parts is not None and parts < 1:
        raise SettingError(f"parts is {parts}; expected a whole number from 1")
    number = parts or parts_for(extraction.triples)
    with (cluster or Cluster()).connected() as ray, errors_of(ray, "facts"):
        read = ray.remote(num_returns=number, max_retries=3)(_read)
        groups = [extraction.paths[start::number] for start in range(min(number, len(extraction.paths)))]
        divided = [listed(read.remote(list(paths), extraction.matches, number), number) for paths in groups]
        grouped = group(ray, list(zip(*divided, strict=True)), number, progress=progress)
        del divided
        yield from in_order(ray, grouped.facts, fact_order)


def _read(paths: Sequence[Path], matches: Mapping[int, tuple[Match, ...]], number: int) -> Any:
    """Divide the triples of shards by their documents."""
    return unwrapped(by_document(read_triples(paths, matches), number))
