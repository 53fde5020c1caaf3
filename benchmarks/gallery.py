"""The gallery: analyses of text that we may publish, each a page with its commands, what they print, and a reading.

The texts are the sentences of the bundled corpus, so that anybody can repeat them with an installed relscout. The
readings were written by hand after a look at the outputs; look again when an output changes.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import RESULTS, write_result

PAGES = Path(__file__).parents[1] / "docs" / "gallery"
_RELSCOUT = "from relscout.cli import main; main()"
_COLUMNS = "110"


@dataclass(frozen=True)
class Step:
    """A command of relscout, or a Python program, and the text above it."""

    text: str
    run: str
    """The command as people type it, or the program; a program has several lines."""
    lines: int = 12
    """Most lines of the output that the page shows."""
    is_program: bool = False


@dataclass(frozen=True)
class Analysis:
    """A page."""

    name: str
    title: str
    question: str
    steps: tuple[Step, ...]
    reading: str


def _texts(*relations: str) -> str:
    """Return the program that writes the sentences of some relations as plain text, without their marks."""
    return f"""from pathlib import Path
from relscout import bundled_corpus

relations = {set(relations)!r}
sentences = [pair.text for pair in bundled_corpus() if pair.relation in relations]
Path("text.txt").write_text("\\n\\n".join(sorted(set(sentences))), encoding="utf-8")
print(len(set(sentences)), "sentences")"""


_PAIRS = """from pathlib import Path
from relscout import bundled_corpus
from relscout.io.writers.jsonl import write_instances

pairs = list(bundled_corpus())
print(write_instances(pairs, Path("pairs.jsonl")), "marked pairs")"""

_NAMES = """from pathlib import Path

names = ["place of birth", "spouse", "author", "composer", "educated at", "capital of", "mouth of the watercourse"]
names += ["mountain range", "official language", "parent astronomical body", "founded by", "award received"]
names += ["discoverer or inventor", "position held", "employer", "country of citizenship", "religion", "sibling"]
Path("names.txt").write_text("\\n".join(names), encoding="utf-8")
print(len(names), "names")"""

_HALVES = """from pathlib import Path
from relscout import bundled_corpus
from relscout.io.writers.jsonl import write_instances

pairs = [pair for pair in bundled_corpus() if pair.relation != "no_relation"]
print(write_instances(pairs[::2], Path("first.jsonl")), write_instances(pairs[1::2], Path("second.jsonl")))"""

_SHARES = """from relscout import Discovery, bundled_corpus

related = {(pair.text, pair.head_text, pair.tail_text): pair.relation for pair in bundled_corpus()}
for folder in ("half", "most", "sure"):
    discovery = Discovery.load(folder)
    triples = list(discovery.triples())
    ends = [(triple.instance.text, triple.instance.head_text, triple.instance.tail_text) for triple in triples]
    labels = [related.get((text, *pair)) or related.get((text, *pair[::-1])) for text, *pair in ends]
    known = [label for label in labels if label is not None]
    wrong = known.count("no_relation")
    print(f"{folder}: {len(triples)} triples; marked {len(known)}, of these unrelated {wrong}")"""

ANALYSES = (
    Analysis(
        "people-and-works",
        "Who wrote, composed and married what and whom",
        "Sentences about people and their works, as plain text: which relations does relscout find, and what does it "
        "say about one person?",
        (
            Step(
                "Write the text: five kinds of sentences, without any marks.",
                _texts("place of birth", "author", "spouse", "composer", "educated at"),
                is_program=True,
            ),
            Step("Find the relations:", "relscout discover text.txt --out people", lines=24),
            Step(
                "Ask for the relations between people and works, largest first:",
                "relscout query people 'SELECT ?relation (COUNT(*) AS ?facts) { ?f rdf:predicate ?r . ?r rdfs:label "
                "?relation ; rdfs:domain type:PERSON ; rdfs:range type:WORK_OF_ART } GROUP BY ?relation "
                "ORDER BY DESC(?facts) ?relation'",
            ),
            Step(
                "And for people with facts of two kinds:",
                "relscout query people 'SELECT ?person ?first ?x ?second ?y { ?f rdf:subject ?p ; "
                "rdf:predicate/rdfs:label ?first ; rdf:object/rdfs:label ?x . ?g rdf:subject ?p ; "
                "rdf:predicate/rdfs:label ?second ; rdf:object/rdfs:label ?y . ?p rdfs:label ?person "
                "FILTER(?first < ?second) } ORDER BY ?person ?first ?second LIMIT 10'",
            ),
        ),
        """\
The corpus marks one pair in each sentence, of five relations. The text says more: relscout finds 36 relations. Two
of them are called *associated with*. Their sentences differ too much for a name, so that each fact shows what its
own sentence says ("class of", "degree from").

Births, marriages and works are there, but in several relations each: *has wife*, *has husband*, *marriage to*,
*married*, *married in*; *composed*, *wrote*. [Merge them](../how-to/rename-and-merge.md) in the report. Mistakes are of
two kinds:

- **Types.** The small spaCy pipeline classifies titles as organisations or persons (*Gayane*, *Brandenburg
  Concertos*), and some people as organisations. The question about works of art therefore returns two Nobel prizes
  only. Names in a [gazetteer](../how-to/plain-text.md) have the types that you give them.
- **Names.** *Left*, *opening volume of* and *transferred after year at* are words of single sentences. *Entered by* is
  "entered into a second marriage". Small relations have such names; rename or merge them.""",
    ),
    Analysis(
        "places",
        "Capitals, rivers and mountains as a graph",
        "Sentences about places: can questions over several facts be answered?",
        (
            Step(
                "Write the text:",
                _texts("capital of", "river mouth", "mountain range", "official language", "orbits"),
                is_program=True,
            ),
            Step("Find the relations:", "relscout discover text.txt --out places", lines=24),
            Step(
                "Which entities have the most facts?",
                "relscout query places 'SELECT ?entity (COUNT(DISTINCT ?f) AS ?facts) { ?f rdf:subject|rdf:object ?e . "
                "?e rdfs:label ?entity } GROUP BY ?entity ORDER BY DESC(?facts) ?entity LIMIT 8'",
            ),
            Step(
                "What leads from a city, over a country, to a third place or language?",
                "relscout query places 'SELECT ?city ?one ?country ?two ?third { ?f rdf:subject/rdfs:label ?city ; "
                "rdf:predicate/rdfs:label ?one ; rdf:object ?c . ?g rdf:subject ?c ; rdf:predicate/rdfs:label ?two ; "
                "rdf:object/rdfs:label ?third . ?c rdfs:label ?country } ORDER BY ?city ?third LIMIT 10'",
            ),
        ),
        """\
Moons and planets, capitals, languages and summits are there without a list of relations. *Capital of* is there
twice, since some cities are classified as organisations, and *located in* mixes places in countries with a
language in a country (Hindi and India).

The planets with many moons have the most facts, as the sentences suggest. The question over two facts is answered from
what the facts say, mistakes included: *Charles Perrine is the largest of Jupiter* has the discoverer in place of
his moon Himalia. Chains multiply mistakes. Ask for a confidence or a support in such a query, as
[Query a run by SPARQL](../how-to/query.md) shows.""",
    ),
    Analysis(
        "known-names",
        "Names from a vocabulary of one's own",
        "Marked pairs of fifteen relations, and a list of eighteen names, four of which nothing in the corpus "
        "expresses: which relations get which name?",
        (
            Step("Write the pairs and the names:", _PAIRS, is_program=True),
            Step("", _NAMES, is_program=True),
            Step(
                "Find fifteen relations and match them:",
                "relscout discover pairs.jsonl --relations 15 --vocabulary names.txt --out named --no-report",
                lines=40,
            ),
            Step(
                "The names, with their estimated probabilities:",
                """from relscout import Discovery

for relation in Discovery.load("named").relations:
    names = [f"{match.name} {match.score:.2f}" for match in relation.matches or ()]
    print(f"{relation.name} ({relation.size}):", "; ".join(names) or "new")""",
                is_program=True,
                lines=20,
            ),
            Step("Against the labels:", "relscout evaluate named --gold pairs.jsonl"),
        ),
        "",
    ),
    Analysis(
        "new-text",
        "Relations of one half, applied to the other",
        "A run finds relations in half of the marked pairs. Are they right in sentences that it never saw?",
        (
            Step("Write both halves, without the unrelated pairs:", _HALVES, is_program=True),
            Step(
                "Find the relations of the first half:",
                "relscout discover first.jsonl --relations 14 --out run --no-report",
                lines=3,
            ),
            Step("Their agreement with the labels there:", "relscout evaluate run --gold first.jsonl"),
            Step(
                "Apply them to the second half:",
                """from collections import Counter

from relscout import Discovery, read

discovery = Discovery.load("run")
pairs = list(read("second.jsonl"))
labels = discovery.predict(pairs).relation_ids.tolist()
for relation in discovery.relations:
    gold = Counter(pair.relation for pair, label in zip(pairs, labels) if label == relation.id)
    (most, count), *_ = gold.most_common(1) or [("none", 0)]
    print(f"{relation.name}: {count} of {gold.total()} are {most}")""",
                is_program=True,
                lines=16,
            ),
        ),
        "",
    ),
    Analysis(
        "precision",
        "Fewer facts, or more of them",
        "`--precision` sets the expected share of related pairs. What does it cost on sentences about society and "
        "science, sixty of which mark an unrelated pair?",
        (
            Step(
                "Write the text:",
                _texts(
                    "founded by", "award received", "discoverer or inventor", "position held", "no_relation"
                ),
                is_program=True,
            ),
            Step(
                "Find the relations three times:",
                "relscout discover text.txt --precision 0.5 --out half --no-report",
                lines=1,
            ),
            Step("", "relscout discover text.txt --precision 0.8 --out most --no-report", lines=1),
            Step("", "relscout discover text.txt --precision 0.9 --out sure --no-report", lines=1),
            Step(
                "Compare the pairs that are kept with those that are marked in the corpus:",
                _SHARES,
                is_program=True,
            ),
        ),
        "",
    ),
)


def run(names: Sequence[str] = ()) -> None:
    """Run analyses, record what they print, and write their pages.

    Args:
        names: The analyses (default: all); the outputs of others are kept.

    Raises:
        subprocess.CalledProcessError: A step failed.
    """
    recorded = RESULTS / "gallery.json"
    outputs: dict[str, list[str]] = {}
    if recorded.exists():
        outputs = json.loads(recorded.read_text(encoding="utf-8"))["outputs"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": _COLUMNS, "XDG_CACHE_HOME": folder}
        for analysis in (each for each in ANALYSES if not names or each.name in names):
            place = Path(folder) / analysis.name
            place.mkdir()
            for number, step in enumerate(analysis.steps, 1):
                name = f"{analysis.name}-{number}"
                outputs[name] = _printed(step, place, environment)
                print(f"{name}: {len(outputs[name])} lines", flush=True)
            write_result("gallery", {"columns": int(_COLUMNS), "outputs": outputs})
            write_page(analysis, outputs)


def write_page(analysis: Analysis, outputs: dict[str, list[str]]) -> None:
    """Write the page of an analysis with its recorded outputs."""
    parts = [f"# {analysis.title}", analysis.question]
    for number, step in enumerate(analysis.steps, 1):
        name = f"{analysis.name}-{number}"
        parts += [step.text, _shown(step), *_output(name, outputs[name], step.lines)]
    parts += ["## What it shows", analysis.reading]
    text = "\n\n".join(part for part in parts if part)
    (PAGES / f"{analysis.name}.md").write_text(text + "\n", encoding="utf-8")


def _printed(step: Step, folder: Path, environment: dict[str, str]) -> list[str]:
    words = [step.run] if step.is_program else [_RELSCOUT, *shlex.split(step.run)[1:]]
    done = subprocess.run(
        [sys.executable, "-c", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def _shown(step: Step) -> str:
    if step.is_program:
        return f"<!-- not run: python -m benchmarks gallery runs it -->\n```python\n{step.run}\n```"
    return f"```console\n$ {step.run}\n```"


def _output(name: str, lines: list[str], most: int) -> list[str]:
    if not lines:
        return []
    kept = [line for line in lines if line.strip()][:most]
    rest = ["…"] if len([line for line in lines if line.strip()]) > most else []
    return [f"<!-- recorded: {name} -->\n```text\n" + "\n".join([*kept, *rest]) + "\n```"]
