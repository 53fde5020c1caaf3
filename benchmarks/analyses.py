"""The analyses of the gallery: their commands, and the readings, written by hand after a look at the outputs."""

from __future__ import annotations

import json

from benchmarks.gallery import Analysis, Step


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
