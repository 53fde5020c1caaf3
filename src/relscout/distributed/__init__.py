"""Discovery and extraction on several processes or machines, with Ray (extra ``ray``).

A corpus is cut into shards of whole documents in a working folder, which workers read one at a time. What is done of a
shard is a file there, so that killed work continues where it stopped.

Names are imported on first use, so that a node can be checked before it loads PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relscout.distributed.cluster import Cluster
    from relscout.distributed.discovering import discover
    from relscout.distributed.extracting import Marking, ShardedExtraction, extract
    from relscout.distributed.facts import find_facts

_HOMES = {
    "Cluster": "cluster",
    "Marking": "extracting",
    "ShardedExtraction": "extracting",
    "discover": "discovering",
    "extract": "extracting",
    "find_facts": "facts",
}

__all__ = ["Cluster", "Marking", "ShardedExtraction", "discover", "extract", "find_facts"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
