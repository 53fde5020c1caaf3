"""A discovery as one page that a person looks at: a single HTML file that works from disk, without a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from relscout.core.files import whole_file
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted, shortened, visible
from relscout.discovery import Assignments, Discovery, Relation
from relscout.discovery.relation import fingerprint
from relscout.report.content import COLOURS, MOST_PICTURED, Content, FactsView, Gold, gather, pieces, place_of

if TYPE_CHECKING:
    from relscout.metrics import ClusteringScores

#: Facts and entities that stand there before anything is asked for.
FIRST_ROWS = 12
#: The scores shown, with their titles.
SCORES = ("b3_f1", "v_measure", "ari")


def write_report(
    discovery: Discovery,
    path: str | Path,
    *,
    title: str = "Relations of a corpus",
    gold: Mapping[str, str] | None = None,
    figures: str | Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Write the page of a discovery: one file that works from disk, without a network.

    Args:
        discovery: The discovery.
        path: The file.
        title: What the page is called.
        gold: Id of an instance → its gold relation, for some or all; adds a comparison of the found relations with it.
        figures: Folder for its pictures as PNG and SVG; ``None`` draws none.
        progress: Called with what is being computed, see :func:`relscout.report.content.gather`.

    Raises:
        InputError: There are no relations, or no instance has a gold relation.
        MissingExtraError: Pictures are wanted and matplotlib is not installed.
        OutputError: A file cannot be written.
    """
    if figures is not None:
        from relscout.report.figures import check_figures, write_figures

        check_figures(figures)
    content = gather(discovery, title=title, gold=gold, progress=progress)
    scripts = ("relations", "facts", "decisions", "pictures")
    page = write_page(Path(path), "report.html.j2", _shown(content), data_of(content), scripts)
    if figures is not None:
        write_figures(content, figures)
    return page


def write_page(
    path: Path, template: str, shown: Mapping[str, Any], data: Mapping[str, Any], scripts: Sequence[str]
) -> Path:
    """Write a page made of a template.

    Args:
        path: The file.
        template: Its name.
        shown: What the template shows.
        data: What the scripts read, as JSON values.
        scripts: Names of the scripts, after the one that all have in common.

    Raises:
        OutputError: The file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("relscout.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        # whatever a corpus decides is escaped by Jinja, and its control characters are made visible
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    text = environment.get_template(template).render(
        **shown,
        version=version("relscout"),
        style=Markup(_asset("style.css")),  # noqa: S704 - our own file
        scripts=[Markup(_asset(f"{name}.js")) for name in ("core", "charts", *scripts)],  # noqa: S704
        data=_packed(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))),
        plotly=_plotly(),
    )
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def score_cells(scores: ClusteringScores) -> list[str]:
    """Return a row of a table of scores: the number of clusters, then the scores."""
    return [f"{scores.n_found:,}", *(f"{getattr(scores, name):.3f}" for name in SCORES)]


def _shown(content: Content) -> dict[str, Any]:
    """Return what the template shows."""
    discovery = content.discovery
    relations = [view.relation for view in content.relations]
    typed = {one.id: type_pair(one) for one in relations}
    run = discovery.run
    return {
        "content": content,
        "title": shown_name(content.title),
        "lead": _lead(content),
        "warnings": [visible(str(one)) for one in run.get("warnings", ())],
        "names": {one.id: shown_name(one.name) for one in relations},
        "tree": _tree(content),
        "typed": typed,
        "types": sorted({one for one in typed.values() if one}),
        "colours": {one.id: colour_of(place) for place, one in enumerate(relations)},
        "total": len(content.instances),
        "largest": max(one.size for one in relations) or 1,
        "pieces": lambda row: pieces(content.instances[row]),
        "shown_name": shown_name,
        "most": MOST_PICTURED,
        "curve": run.get("k_curve"),
        "settings": _settings(discovery),
        "facts_of": {one.id: content.facts.of_relation(one, relations) for one in relations},
        "first_rows": FIRST_ROWS,
        "polarity": lambda row: _polarity(discovery.assignments, row),
        **({} if content.gold is None else _gold_shown(content.gold)),
    }


def _polarity(given: Assignments, row: int) -> str:
    """Return how a sentence does not assert its relation; empty where it does."""
    found = "asserted" if given.polarities is None else given.polarities[row]
    return "" if found == "asserted" else found


def _lead(content: Content) -> list[str]:
    """Return the corpus and the run in a few sentences."""
    run, found = content.discovery.run, content.discovery
    counts = run.get("data", {})
    none = int((found.assignments.relation_ids < 0).sum())
    texts = f" in {counts['texts']:,} sentences" if "texts" in counts else ""
    pairs = f", {counts['entity_pairs']:,} pairs of entities" if "entity_pairs" in counts else ""
    chosen = "estimated" if run.get("settings", {}).get("n_relations") == "auto" else "given"
    edited = "decisions" in run
    how = "some were renamed, merged or dropped by hand" if edited else f"their number was {chosen}"
    said = [
        f"{counted(len(content.instances), 'instance')}{texts}{pairs}, and "
        f"{counted(len(found.relations), 'relation')}; {how}."
    ]
    encoder = run.get("settings", {}).get("encoder")
    by = f"Method {run['method']}" if "method" in run else "Fitted"
    of_encoder = encoder.get("model", encoder.get("class")) if isinstance(encoder, Mapping) else None
    model = "" if of_encoder is None else f" on the encoder {shown_name(str(of_encoder))}"
    took = f", in {sum(run['seconds'].values()):,.0f} s" if run.get("seconds") else ""
    said.append(f"{by}{model}{took}; settings and versions are under Run.")
    facts = content.facts
    entities = "1 entity" if facts.total_entities == 1 else f"{facts.total_entities:,} entities"
    said.append(f"{counted(facts.total, 'fact')} about {entities}.")
    if none:
        said.append(f"{counted(none, 'instance')} {'has' if none == 1 else 'have'} no relation.")
    if counts.get("entity_types"):
        kinds = sorted(counts["entity_types"], key=lambda kind: -counts["entity_types"][kind])
        more = f" and {len(kinds) - 6} more" if len(kinds) > 6 else ""
        said.append(f"Entity types: {', '.join(map(shown_name, kinds[:6]))}{more}.")
    return said


def _tree(content: Content) -> list[dict[str, Any]]:
    """Return the tree as what is opened, stands there, and is closed, in order, so that nothing recurses."""
    parents = {one.id: one for one in content.tree}
    names = {view.relation.id: view.relation for view in content.relations}
    events: list[dict[str, Any]] = []
    waiting: list[int | None] = [content.tree[-1].id] if content.tree else []
    while waiting:
        id = waiting.pop()
        if id is None:
            events.append({"what": "close"})
        elif id in parents:
            one = parents[id]
            events.append({"what": "open", "name": one.name, "distance": one.distance})
            waiting += [None, *one.children[::-1]]
        else:
            events.append({"what": "leaf", "id": id, "size": names[id].size})
    return events


def _settings(discovery: Discovery) -> list[tuple[str, str]]:
    """Return what decides the run, and what it took, as names and values."""
    run = discovery.run
    settings = dict(run.get("settings", {}))
    encoder = settings.pop("encoder", None)
    rows: list[tuple[str, Any]] = [("method", run.get("method")), ("seed", run.get("seed"))]
    if isinstance(encoder, Mapping):
        rows += [(f"encoder: {key}", value) for key, value in encoder.items() if value is not None]
    elif encoder is not None:
        rows.append(("encoder", encoder))
    rows += [(key, value) for key, value in settings.items() if key != "seed"]
    rows += [(f"seconds: {key}", value) for key, value in run.get("seconds", {}).items()]
    rows += [(f"version: {key}", value) for key, value in run.get("versions", {}).items()]
    rows += [("decisions", json.dumps(one, ensure_ascii=False)) for one in run.get("decisions", ())]
    return [(str(name), visible(str(value))) for name, value in rows]


def _gold_shown(gold: Gold) -> dict[str, Any]:
    low_high = [f"{gold.intervals[name].low:.3f} to {gold.intervals[name].high:.3f}" for name in SCORES]
    rows = [
        {"name": "discovered", "cells": score_cells(gold.scores), "strong": True},
        {"name": "95 % interval", "cells": ["", *low_high], "strong": False},
        *({"name": name, "cells": score_cells(one), "strong": False} for name, one in gold.baselines.items()),
    ]
    unknown = f"; {gold.unknown:,} without a gold relation are not counted" if gold.unknown else ""
    of_gold = counted(gold.scores.n_gold, "gold relation")
    caption = f"{counted(gold.scores.n_instances, 'instance')} of {of_gold}{unknown}"
    return {"gold_rows": rows, "gold_caption": caption}


def _asset(name: str) -> str:
    return files("relscout.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _plotly() -> Markup:
    """Return Plotly's library, packed: from its package, so that the page asks no network for it."""
    from plotly.offline import get_plotlyjs

    return _packed(get_plotlyjs())


def _packed(text: str) -> Markup:
    # no time in it: the same page is the same bytes
    packed = gzip.compress(text.encode("utf-8", "backslashreplace"), 6, mtime=0)
    # nothing in it needs to be escaped
    return Markup(base64.b64encode(packed).decode("ascii"))  # noqa: S704


#: Shapes of points, so that relations of one colour differ; Plotly's names.
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
_LONGEST_NAME = 160
#: Aliases of an entity that the page holds.
_ALIASES = 30


def colour_of(place: int) -> str:
    """Return the colour of the relation at a place in the order of sizes."""
    # the last of these is black, which nobody sees on a dark page
    return COLOURS[place % (len(COLOURS) - 1)]


def shown_name(text: str) -> str:
    """Return a name for the page: control characters are dots, and what is very long is cut in the middle."""
    return shortened(visible(text), _LONGEST_NAME)


def type_pair(relation: Relation) -> str:
    """Return the most frequent entity types of a relation, as ``HEAD → TAIL``; empty where none are known."""
    if relation.types is None or relation.types == (None, None):
        return ""
    head, tail = (shown_name(one) if one else "?" for one in relation.types)
    return f"{head} → {tail}"


def data_of(content: Content) -> dict[str, Any]:
    """Return what the scripts read."""
    gold = content.gold
    places = {row: place for place, row in enumerate(content.shown)}
    on_map = [
        (row, point)
        for row, point in zip(content.map.rows.tolist(), content.map.points.tolist(), strict=True)
        if row in places
    ]
    relations = {
        view.relation.id: {
            "name": shown_name(view.relation.name),
            "size": view.relation.size,
            "colour": colour_of(place),
            "symbol": _SYMBOLS[place // (len(COLOURS) - 1) % len(_SYMBOLS)],
            "ngrams": [[shown_name(words), weight] for words, weight in view.relation.ngrams],
            "near": [[other.id, round(value, 4)] for other, value in view.near],
            "uncertain": [places[row] for row in view.uncertain],
            "members": [places[row] for row in view.members],
        }
        for place, view in enumerate(content.relations)
    }
    return {
        "fingerprint": fingerprint(content.discovery.relations),
        "order": [view.relation.id for view in content.relations],
        "relations": relations,
        "sentences": [_sentence(content, row) for row in content.shown],
        **_facts(content.facts, places),
        "map": {
            "rows": [places[row] for row, _ in on_map],
            "x": [round(point[0], 4) for _, point in on_map],
            "y": [round(point[1], 4) for _, point in on_map],
        },
        # of so many relations as can be read
        "likeness": [
            [round(value, 4) if isfinite(value) else None for value in row]
            for row in content.likeness[:MOST_PICTURED, :MOST_PICTURED].tolist()
        ],
        "graph": {
            "entities": [
                {
                    "name": visible(one.name),
                    "x": one.x,
                    "y": one.y,
                    "links": one.links,
                    "relations": one.relations,
                }
                for one in content.graph.entities
            ],
            "links": [[one.head, one.tail, one.relation, one.count] for one in content.graph.links],
        },
        "gold": None
        if gold is None
        else {
            "names": [shown_name(name) for name in gold.gold],
            "found": gold.found,
            "table": gold.table.tolist(),
            "totals": gold.totals.tolist(),
        },
        "curve": content.discovery.run.get("k_curve"),
    }


def _sentence(content: Content, row: int) -> list[Any]:
    """Return a sentence: pieces, relation, confidence, place, and, where known, gold relation, related and polarity."""
    given, gold = content.discovery.assignments, content.gold
    instance = given.instances[row]
    related = None if given.related is None else float(given.related[row])
    polarity = "asserted" if given.polarities is None else given.polarities[row]
    details: list[Any] = [
        [part for piece in pieces(instance) for part in (piece.text, piece.role)],
        int(given.relation_ids[row]),
        round(float(given.confidences[row]), 4),
        shown_name(place_of(instance)),
        None if gold is None or row not in gold.labels else shown_name(gold.labels[row]),
        None if related is None or isnan(related) else round(related, 4),
        "" if polarity == "asserted" else polarity,
    ]
    while not details[-1]:
        details.pop()
    return details


def _facts(view: FactsView, place_of_row: Mapping[int, int]) -> dict[str, Any]:
    """Return facts, and entities by their places: first those that are listed, then others that facts are about."""
    entities = {one.id: one for one in view.entities}
    for fact in view.facts:
        entities.setdefault(fact.head.id, fact.head)
        entities.setdefault(fact.tail.id, fact.tail)
    at = {id: place for place, id in enumerate(entities)}
    return {
        "facts": [
            [
                at[fact.head.id],
                fact.relation_id,
                at[fact.tail.id],
                fact.support,
                fact.documents,
                fact.confidence,
                [place_of_row[row] for row in rows],
                shown_name(fact.phrase),
            ]
            for fact, rows in zip(view.facts, view.rows, strict=True)
        ],
        "factNames": {fact.relation_id: shown_name(fact.relation) for fact in view.facts},
        "entities": [
            [
                _exact(one.id),
                shown_name(one.name),
                shown_name(one.type or ""),
                [alias for alias in one.aliases if _exact(alias)][:_ALIASES],
                len(one.aliases),
                one.mentions,
                view.per_entity.get(one.id, 0),
            ]
            for one in entities.values()
        ],
        "listed": len(view.entities),
    }


def _exact(text: str) -> str | None:
    """Return a text that the page can show as it is, so that a decision can name it; ``None`` for others."""
    return text if shown_name(text) == text else None
