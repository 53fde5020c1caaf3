"""The report of a discovery: a single HTML file that works offline."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from relscout.core.files import whole_file
from relscout.core.instances import Match
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted, pieces, shortened, visible
from relscout.discovery import Discovery, Relation
from relscout.discovery.relation import SHOWN_EXAMPLES, fingerprint
from relscout.report.content import COLOURS, MOST_PICTURED, Content, FactsView, Gold, gather, place_of

if TYPE_CHECKING:
    from relscout.metrics import ClusteringScores

#: Number of facts and entities shown initially.
FIRST_ROWS = 12
#: The displayed scores.
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
    """Write the report of a discovery: a single HTML file that works offline.

    Args:
        discovery: The discovery.
        path: The file.
        title: Title of the page.
        gold: Id of an instance → gold relation, for some or all; adds a comparison.
        figures: Folder for figures as PNG and SVG; ``None`` draws none.
        progress: Called with the current step, see :func:`relscout.report.content.gather`.

    Raises:
        InputError: There are no relations, or no instance has a gold relation.
        MissingExtraError: Figures are requested and matplotlib is not installed.
        OutputError: A file cannot be written.
    """
    if figures is not None:
        from relscout.report.figures import check_figures, write_figures

        check_figures(figures)
    content = gather(discovery, title=title, gold=gold, progress=progress)
    scripts = ("relations", "facts", "decisions", "pictures")
    page = write_page(Path(path), "report.html.j2", _template_values(content), data_of(content), scripts)
    if figures is not None:
        write_figures(content, figures)
    return page


def write_page(
    path: Path, template: str, values: Mapping[str, Any], data: Mapping[str, Any], scripts: Sequence[str]
) -> Path:
    """Write a page from a template.

    Args:
        path: The file.
        template: Name of the template.
        values: Values for the template.
        data: JSON values for the scripts.
        scripts: Names of the scripts, in addition to the common ones.

    Raises:
        OutputError: The file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("relscout.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        # Jinja escapes text of the corpus, and control characters become visible
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    text = environment.get_template(template).render(
        **values,
        version=version("relscout"),
        style=Markup(asset("style.css")),  # noqa: S704 - our own file
        scripts=[Markup(asset(f"{name}.js")) for name in ("core", "charts", *scripts)],  # noqa: S704
        data=_packed(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))),
        plotly=_plotly(),
    )
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def score_cells(scores: ClusteringScores) -> list[str]:
    """Return a row of a table of scores: the number of clusters, then the scores."""
    return [f"{scores.n_found:,}", *(f"{getattr(scores, name):.3f}" for name in SCORES)]


def _template_values(content: Content) -> dict[str, Any]:
    discovery = content.discovery
    relations = [view.relation for view in content.relations]
    typed = {relation.id: type_pair(relation) for relation in relations}
    run = discovery.run
    return {
        "content": content,
        "title": shown_name(content.title),
        "lead": _lead(content),
        "warnings": [visible(str(warning)) for warning in run.get("warnings", ())],
        "names": {relation.id: shown_name(relation.name) for relation in relations},
        "tree": _tree(content),
        "typed": typed,
        "types": sorted({pair for pair in typed.values() if pair}),
        "colours": {relation.id: colour_of(place) for place, relation in enumerate(relations)},
        "total": len(content.instances),
        "largest": max(relation.size for relation in relations) or 1,
        "pieces": lambda row: pieces(content.instance(row)),
        "shown_name": shown_name,
        "shown_examples": SHOWN_EXAMPLES,
        "vocabulary": run.get("vocabulary"),
        "most": MOST_PICTURED,
        "curve": run.get("k_curve"),
        "settings": _settings(discovery),
        "facts_of": {relation.id: content.facts.of_relation(relation, relations) for relation in relations},
        "first_rows": FIRST_ROWS,
        "polarity": discovery.assignments.doubt,
        **({} if content.gold is None else _gold_values(content.gold)),
    }


def _lead(content: Content) -> list[str]:
    """Return sentences about the corpus and the run."""
    discovery, run = content.discovery, content.discovery.run
    counts = run.get("data", {})
    none = int((discovery.assignments.relation_ids < 0).sum())
    texts = f" in {counts['texts']:,} sentences" if "texts" in counts else ""
    pairs = f", {counts['entity_pairs']:,} pairs of entities" if "entity_pairs" in counts else ""
    wanted = run.get("settings", {}).get("n_relations")
    how = "their number was estimated" if wanted == "auto" else "their number was given"
    if isinstance(wanted, int) and wanted > len(discovery.relations):
        how = f"{wanted} were asked for"
    if "decisions" in run:
        how = "some were changed by hand"
    sentences = [
        f"{counted(len(content.instances), 'instance')}{texts}{pairs}, and "
        f"{counted(len(discovery.relations), 'relation')}; {how}."
    ]
    encoder = run.get("settings", {}).get("encoder")
    by = f"Method {run['method']}" if "method" in run else "Fitted"
    of_encoder = encoder.get("model", encoder.get("class")) if isinstance(encoder, Mapping) else None
    model = "" if of_encoder is None else f" on the encoder {shown_name(str(of_encoder))}"
    took = f", in {sum(run['seconds'].values()):,.0f} s" if run.get("seconds") else ""
    sentences.append(f"{by}{model}{took}; settings and versions are under Run.")
    facts = content.facts
    entities = "1 entity" if facts.total_entities == 1 else f"{facts.total_entities:,} entities"
    sentences.append(f"{counted(facts.total, 'fact')} about {entities}.")
    if none:
        sentences.append(f"{counted(none, 'instance')} {'has' if none == 1 else 'have'} no relation.")
    if counts.get("entity_types"):
        kinds = sorted(counts["entity_types"], key=lambda kind: -counts["entity_types"][kind])
        more = f" and {len(kinds) - 6} more" if len(kinds) > 6 else ""
        sentences.append(f"Entity types: {', '.join(map(shown_name, kinds[:6]))}{more}.")
    return sentences


def _tree(content: Content) -> list[dict[str, Any]]:
    """Return the hierarchy as opening, leaf and closing events in order, without recursion."""
    parents = {parent.id: parent for parent in content.tree}
    names = {view.relation.id: view.relation for view in content.relations}
    events: list[dict[str, Any]] = []
    waiting: list[int | None] = [content.tree[-1].id] if content.tree else []
    while waiting:
        id = waiting.pop()
        if id is None:
            events.append({"what": "close"})
        elif id in parents:
            parent = parents[id]
            events.append({"what": "open", "name": parent.name, "distance": parent.distance})
            waiting += [None, *parent.children[::-1]]
        else:
            events.append({"what": "leaf", "id": id, "size": names[id].size})
    return events


def _settings(discovery: Discovery) -> list[tuple[str, str]]:
    """Return settings, times and versions of the run as names and values."""
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
    rows += [("decisions", json.dumps(decision, ensure_ascii=False)) for decision in run.get("decisions", ())]
    return [(str(name), visible(str(value))) for name, value in rows]


def _gold_values(gold: Gold) -> dict[str, Any]:
    low_high = [f"{gold.intervals[name].low:.3f} to {gold.intervals[name].high:.3f}" for name in SCORES]
    rows = [
        {"name": "discovered", "cells": score_cells(gold.scores), "strong": True},
        {"name": "95 % interval", "cells": ["", *low_high], "strong": False},
        *(
            {"name": name, "cells": score_cells(scores), "strong": False}
            for name, scores in gold.baselines.items()
        ),
    ]
    unknown = f"; {gold.unknown:,} without a gold relation are not counted" if gold.unknown else ""
    of_gold = counted(gold.scores.n_gold, "gold relation")
    caption = f"{counted(gold.scores.n_instances, 'instance')} of {of_gold}{unknown}"
    return {"gold_rows": rows, "gold_caption": caption}


def asset(name: str) -> str:
    """Return a file of the page: its style sheet, a script or a template."""
    return files("relscout.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _plotly() -> Markup:
    """Return the compressed Plotly library of its package, so that the page works offline."""
    from plotly.offline import get_plotlyjs

    return _packed(get_plotlyjs())


def _packed(text: str) -> Markup:
    # without a timestamp, for reproducible files
    packed = gzip.compress(text.encode("utf-8", "backslashreplace"), 6, mtime=0)
    return Markup(base64.b64encode(packed).decode("ascii"))  # noqa: S704 - base64 needs no escaping


#: Plotly names of point shapes, which distinguish relations of one colour.
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
_LONGEST_NAME = 160
#: Maximum number of aliases of an entity on the page.
_ALIASES = 30


def colour_of(place: int) -> str:
    """Return the colour of the relation at a position in the order of sizes."""
    # the last colour is black, which is invisible on a dark page
    return COLOURS[place % (len(COLOURS) - 1)]


def symbol_of(place: int) -> str:
    """Return Plotly's name of the point shape of the relation at a position in the order of sizes."""
    return _SYMBOLS[place // (len(COLOURS) - 1) % len(_SYMBOLS)]


def shown_name(text: str) -> str:
    """Return a name for the page: with visible control characters, and shortened if very long."""
    return shortened(visible(text), _LONGEST_NAME)


def type_pair(relation: Relation) -> str:
    """Return the most frequent entity types of a relation as ``HEAD → TAIL``, or an empty string."""
    if relation.types is None or relation.types == (None, None):
        return ""
    head, tail = (shown_name(kind) if kind else "?" for kind in relation.types)
    return f"{head} → {tail}"


def data_of(content: Content) -> dict[str, Any]:
    """Return the data of the scripts, as JSON values."""
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
            "symbol": symbol_of(place),
            "ngrams": [[shown_name(words), weight] for words, weight in view.relation.ngrams],
            "near": [[other.id, round(value, 4)] for other, value in view.near],
            "uncertain": [places[row] for row in view.uncertain],
            "members": [places[row] for row in view.members],
            **(
                {}
                if view.relation.matches is None
                else {"matches": [_match(match) for match in view.relation.matches]}
            ),
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
        # limited to a readable number of relations
        "likeness": [
            [round(value, 4) if isfinite(value) else None for value in row]
            for row in content.likeness[:MOST_PICTURED, :MOST_PICTURED].tolist()
        ],
        "graph": {
            "entities": [
                {**asdict(entity), "name": visible(entity.name)} for entity in content.graph.entities
            ],
            "links": [[link.head, link.tail, link.relation, link.count] for link in content.graph.links],
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


def _match(match: Match) -> list[Any]:
    """Return id, name, score, direction and URI of an entry that fits a relation."""
    return [shown_name(match.id), shown_name(match.name), round(match.score, 4), match.inverse, match.uri]


def _sentence(content: Content, row: int) -> list[Any]:
    """Return pieces, relation, confidence and origin of a sentence; if known, gold relation, relatedness, polarity."""
    assignments, gold = content.discovery.assignments, content.gold
    instance = content.instance(row)
    related = None if assignments.related is None else float(assignments.related[row])
    fields: list[Any] = [
        [part for piece in pieces(instance) for part in (piece.text, piece.role)],
        int(assignments.relation_ids[row]),
        round(float(assignments.confidences[row]), 4),
        shown_name(place_of(instance)),
        None if gold is None or row not in gold.labels else shown_name(gold.labels[row]),
        None if related is None or isnan(related) else round(related, 4),
        assignments.doubt(row),
    ]
    while not fields[-1]:
        fields.pop()
    return fields


def _facts(view: FactsView, place_of_row: Mapping[int, int]) -> dict[str, Any]:
    """Return facts and entities; the listed entities first, then other entities of facts."""
    entities = {entity.id: entity for entity in view.entities}
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
                _exact(entity.id),
                shown_name(entity.name),
                shown_name(entity.type or ""),
                [alias for alias in entity.aliases if _exact(alias)][:_ALIASES],
                len(entity.aliases),
                entity.mentions,
                view.per_entity.get(entity.id, 0),
            ]
            for entity in entities.values()
        ],
        "listed": len(view.entities),
    }


def _exact(text: str) -> str | None:
    """Return a text if the page shows it unchanged, so that a decision can contain it; otherwise ``None``."""
    return text if shown_name(text) == text else None
