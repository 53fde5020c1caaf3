"""From the sections of a YAML file to a preset; what its names mean to the code is checked elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Any

from relscout.errors import SettingError, UnknownNameError
from relscout.experiments.lesson_scores import EPISODES
from relscout.experiments.protocols import PROTOCOLS, Kind
from relscout.experiments.schema import (
    FIGURES,
    KINDS,
    SCORINGS,
    Figure,
    NRelations,
    Preset,
    Published,
    Row,
    Sweep,
)
from relscout.experiments.sections import Section
from relscout.metrics import ClusteringScores

#: The figures among the fields of the scores.
SCORES = tuple(one.name for one in dataclasses.fields(ClusteringScores) if one.type in ("float", float))


def parse(section: Section, name: str) -> Preset:
    """Return the preset that a file describes.

    Raises:
        SettingError: A key is not known or missing, or a value is not of the right type.
    """
    section.check_keys([one.name for one in dataclasses.fields(Preset) if one.name != "name"])
    names = _protocols(section)
    # what is wrong with a name is told where the names are checked
    kind = PROTOCOLS[names[0]].kind if names[0] in PROTOCOLS else "discovery"
    rows = tuple(map(_row, section.sections("rows")))
    swept = section.section("sweep")
    seeds = section.integers("seeds", (0, 1, 2))
    if min(seeds) < 0:
        raise SettingError(f"{section.place}, seeds: expected whole numbers from 0, got {list(seeds)}")
    return Preset(
        name=name,
        title=section.take("title", str),
        protocol=names[0],
        rows=rows,
        n_relations=_n_relations(section),
        protocols=names if "protocols" in section.values else (),
        paper=section.take("paper", str, ""),
        encoder=_values(section, "encoder"),
        settings=_settings(section),
        sweep=None if swept is None else _sweep(swept),
        seeds=seeds,
        figures=tuple(map(_figure, section.sections("figures", ()))),
        published=tuple(_published(one, kind) for one in section.sections("published", ())),
        notes=section.take("notes", str, ""),
    )


def _row(section: Section) -> Row:
    section.check_keys([one.name for one in dataclasses.fields(Row)])
    return Row(
        name=section.take("name", str),
        method=section.take("method", str),
        kind=_choice(section, "kind", KINDS, "method"),
        settings=_values(section, "settings"),
        encoder=_values(section, "encoder"),
        n_relations=_n_relations(section),
    )


def _sweep(section: Section) -> Sweep:
    section.check_keys([one.name for one in dataclasses.fields(Sweep)])
    values = section.take("values", list)
    if any(value in values[:place] for place, value in enumerate(values)):
        raise SettingError(f"{section.place}, values holds a value twice: {values}")
    return Sweep(section.take("setting", str), tuple(values), section.texts("rows"))


def _figure(section: Section) -> Figure:
    section.check_keys([one.name for one in dataclasses.fields(Figure)])
    kind = _choice(section, "kind", FIGURES)
    figure = Figure(
        kind,
        rows=section.texts("rows", ()),
        relations=section.take("relations", int, Figure.relations),
        instances=section.take("instances", int, Figure.instances),
        score=_choice(section, "score", SCORES, Figure.score),
    )
    if kind == "tsne" and not figure.rows:
        raise SettingError(f"{section.place}: a figure 'tsne' needs the key 'rows'")
    for key in ("relations", "instances"):
        if (value := getattr(figure, key)) < 1:
            raise SettingError(f"{section.place}, {key} is {value}, expected at least 1")
    return figure


def _published(section: Section, kind: Kind) -> Published:
    known = _figures_of(kind)
    fixed = ("row", "source", "reference", *(("scoring",) if kind == "discovery" else ()))
    section.check_keys([*fixed, *known])
    scores = {key: section.take(key, float) for key in section.values if key in known}
    for key, value in scores.items():
        if not -100 <= value <= 100:
            raise SettingError(f"{section.place}, {key} is {value}, expected percent, at most 100")
    if not scores:
        raise SettingError(f"{section.place}: no score is given; known are {', '.join(known)}")
    return Published(
        row=section.take("row", str),
        scoring=_choice(section, "scoring", SCORINGS) if kind == "discovery" else "",
        source=section.take("source", str),
        scores=scores,
        reference=section.take("reference", bool, False),
    )


def _protocols(section: Section) -> tuple[str, ...]:
    if "protocols" not in section.values:
        return (section.take("protocol", str),)
    if "protocol" in section.values:
        raise SettingError(f"{section.place}: 'protocol' and 'protocols' are given; expected one of them")
    return section.texts("protocols")


def _figures_of(kind: Kind) -> tuple[str, ...]:
    """Return what published figures may be of."""
    if kind == "discovery":
        return SCORES
    if kind == "few-shot":
        return tuple(EPISODES)
    return tuple(name for name, known in PROTOCOLS.items() if known.kind == kind)


def _n_relations(section: Section) -> NRelations | None:
    if "n_relations" not in section.values:
        return None
    value = section.values["n_relations"]
    if value in ("gold", "auto") or (type(value) is int and value >= 1):
        return value  # type: ignore[no-any-return]
    raise SettingError(
        f"{section.place}, n_relations is {value!r}, expected a whole number from 1, 'gold' or 'auto'"
    )


def _settings(section: Section) -> dict[str, dict[str, Any]]:
    by_method = section.section("settings")
    if by_method is None:
        return {}
    return {method: _values(by_method, method) for method in by_method.values}


def _values(section: Section, key: str) -> dict[str, Any]:
    inner = section.section(key)
    return {} if inner is None else dict(inner.values)


def _choice(section: Section, key: str, known: Any, default: Any = None) -> str:
    value = section.take(key, str) if default is None else section.take(key, str, default)
    if value not in known:
        with section.located():
            raise UnknownNameError(key, value, known)
    return value
