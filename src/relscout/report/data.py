"""What the page's scripts read, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isnan
from typing import Any

from relscout.core.wording import visible
from relscout.discovery import Relation
from relscout.discovery.decisions import fingerprint
from relscout.report.content import MOST_PICTURED, Content, FactsView, pieces, place_of
from relscout.report.drawing import COLOURS, shortened

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
