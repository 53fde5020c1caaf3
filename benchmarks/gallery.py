"""The gallery: analyses of text that we may publish, each a page with its commands, what they print, and a reading.

The texts are the sentences of the bundled corpus, so that anybody can repeat them with an installed relscout. The
readings were written by hand after a look at the outputs; look again when an output changes.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.examples import printed
from benchmarks.records import RESULTS, write_result

PAGES = Path(__file__).parents[1] / "docs" / "gallery"
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

relations = {json.dumps(sorted(relations))}
sentences = [pair.text for pair in bundled_corpus() if pair.relation in relations]
Path("text.txt").write_text("\\n\\n".join(sorted(set(sentences))), encoding="utf-8")
print(len(set(sentences)), "sentences")"""


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
                example = step.run if step.is_program else shlex.split(step.run)[1:]
                outputs[name] = [line.rstrip() for line in printed(example, place, environment)]
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
