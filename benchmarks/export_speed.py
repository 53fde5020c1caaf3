"""Time and memory of writing triples to graph formats, and what rdflib and networkx take for the same.

Run as ``python benchmarks/export_speed.py --triples 50000``. Each measurement runs in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from relscout.core.instances import Mention, RelationInstance, Triple
from relscout.io.writers import write


def triples(number: int) -> Iterator[Triple]:
    """Yield triples of as many sentences about a quarter as many people."""
    for index in range(number):
        head, tail = f"Person {index % (number // 4)}", f"City {index * 7 % (number // 8)}"
        text = (
            f"{head} was born in the old and rather small town of {tail}, as the register of the parish says."
        )
        start = text.index(tail)
        ends = Mention(0, len(head), "PERSON"), Mention(start, start + len(tail), "CITY")
        instance = RelationInstance(text, *ends, id=f"i{index}", source=f"a.txt, line {index}", document="a")
        yield Triple(instance, index % 30, f"born in {index % 30}", 0.75, 0.5, "asserted")


def with_rdflib(number: int, path: Path) -> None:
    """Build a graph of the same statements and write it."""
    import rdflib

    from relscout.io.writers.rdf import descriptions

    graph = rdflib.Graph()
    for place, (uri, properties) in enumerate(descriptions(triples(number))):
        subject = rdflib.URIRef(uri) if uri else rdflib.BNode(f"b{place}")
        for predicate, target in properties:
            term = rdflib.URIRef(target) if isinstance(target, str) else rdflib.Literal(*target[:1])
            graph.add((subject, rdflib.URIRef(predicate), term))
    graph.serialize(path, format={".nt": "nt", ".ttl": "turtle"}[path.suffix], encoding="utf-8")


def with_networkx(number: int, path: Path) -> None:
    """Build a graph of the same edges and write it."""
    import networkx as nx

    from relscout.io.writers.identity import entity_uri
    from relscout.io.writers.property_graph import triple_properties

    graph = nx.MultiDiGraph()
    for triple in triples(number):
        one = triple.instance
        ends = [entity_uri(one, mention) for mention in (one.head, one.tail)]
        for uri, mention in zip(ends, (one.head, one.tail), strict=True):
            graph.add_node(uri, label=mention.surface(one.text), type=mention.type)
        graph.add_edge(
            *ends, **{name: value for name, value in triple_properties(triple).items() if value is not None}
        )
    nx.write_graphml(graph, path)


def ours(number: int, path: Path) -> None:
    """Write the triples as they come."""
    write(triples(number), path)


def measured(writes: Callable[[int, Path], None], name: str, number: int) -> None:
    """Print the seconds and the memory in MiB that one call adds."""
    # kilobytes on Linux, bytes on macOS
    unit = 2**20 if sys.platform == "darwin" else 2**10
    with tempfile.TemporaryDirectory() as folder:
        writes(8, Path(folder) / name)  # pays for the imports
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        writes(number, Path(folder) / name)
        seconds = time.perf_counter() - start
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit
    print(f"{name} {writes.__name__}: {seconds:.1f} s, {more:.0f} MiB more")


def main() -> None:
    """Measure every format both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--triples", type=int, default=50_000)
    number = parser.parse_args().triples
    for name, other in (("t.nt", with_rdflib), ("t.ttl", with_rdflib), ("t.graphml", with_networkx)):
        for writes in (ours, other):
            process = multiprocessing.get_context("spawn").Process(
                target=measured, args=(writes, name, number)
            )
            process.start()
            process.join()


if __name__ == "__main__":
    main()
