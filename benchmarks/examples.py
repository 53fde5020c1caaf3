"""What commands and programs print whose output the pages show, for a test that compares the two.

A page marks such a block with ``<!-- recorded: NAME -->``. Its lines are in the output that is recorded here under this
name, in the same order; ``…`` in the page stands for what is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.records import write_result

#: Each output's name with the words of a relscout command or a Python program. They run in this order in one folder.
EXAMPLES: dict[str, Sequence[str] | str] = {
    "demo": ("demo",),
    "demo-relations": """
from relscout import Discovery
for relation in Discovery.load("demo-run").relations[:3]:
    print(relation.id, relation.name, relation.size, relation.confidence)
""",
    "demo-written": """
from relscout import Discovery, write, write_facts
discovery = Discovery.load("demo-run")
print(write_facts(discovery.facts(), "facts.ttl"), "facts written")
sure = [triple for triple in discovery.triples() if triple.confidence >= 0.6]
print(write(sure, "triples.jsonl"), "triples written")
""",
    "demo-fact": """
import json
for line in open("demo-run/facts.jsonl", encoding="utf-8"):
    fact = json.loads(line)
    if fact["phrase"] and fact["relation"].startswith("associated with"):
        print(json.dumps(fact, indent=1, ensure_ascii=False))
        break
""",
    "bundled": """
from pathlib import Path
from relscout import bundled_corpus
from relscout.io.writers.jsonl import write_instances
print(write_instances(bundled_corpus(), Path("gold.jsonl")))
""",
    "kmeans-bundled": ("lab", "reproduce", "run", "kmeans-bundled"),
    "discover": ("discover", "gold.jsonl", "--out", "marked-run"),
    "evaluate": ("evaluate", "marked-run", "--gold", "gold.jsonl"),
    "number-of-relations": """
from relscout import Discovery
curve = Discovery.load("marked-run").run["k_curve"]
for k, smoothed in zip(curve["candidates"], curve["smoothed"]):
    print(k, "*" * round(100 * smoothed), "←" if k == curve["k"] else "")
""",
    "apply": """
from relscout import Discovery, RelationInstance
sentences = [("Oslo is the capital of Norway.", "Oslo", "Norway")]
sentences += [("The Irrawaddy flows into the Andaman Sea.", "Irrawaddy", "Andaman Sea")]
sentences += [("The bakery opens at seven and closes at noon.", "bakery", "noon")]
new = [RelationInstance.from_strings(*sentence) for sentence in sentences]
for triple in Discovery.load("marked-run").extract(new):
    instance = triple.instance
    print(f"{instance.head_text} | {triple.relation} | {instance.tail_text}: {triple.confidence:.2f}")
""",
    "discover-15": ("discover", "gold.jsonl", "--relations", "15", "--out", "my-run"),
    "analyze": ("lab", "analyze", "my-run"),
}

_RELSCOUT = "from relscout.cli import main; main()"
_COLUMNS = "120"


def run() -> None:
    """Run the examples and write what each of them prints.

    Raises:
        subprocess.CalledProcessError: An example failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": _COLUMNS, "XDG_CACHE_HOME": folder}
        outputs = {}
        for name, example in EXAMPLES.items():
            outputs[name] = printed(example, Path(folder), environment)
            print(f"{name}: {len(outputs[name])} lines", flush=True)
    print(f"written to {write_result('examples', {'columns': int(_COLUMNS), 'outputs': outputs})}")


def printed(
    example: Sequence[str] | str, folder: Path, environment: Mapping[str, str], *, notes: bool = False
) -> list[str]:
    """Return the lines that the words of a relscout command, or a Python program, print in a folder.

    With ``notes``, these include what it writes to standard error.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    words = [example] if isinstance(example, str) else [_RELSCOUT, *example]
    done = subprocess.run(
        [sys.executable, "-c", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if notes else None,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.splitlines()
