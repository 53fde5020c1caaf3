"""Presets: experiments as YAML files, parsed and checked against the code."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from relscout.core.config_files import located, read_config
from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import check_fields, from_mapping
from relscout.encoders import EncoderSettings
from relscout.lab import learners
from relscout.lab.learners import EPISODES, learner
from relscout.lab.protocols import PROTOCOLS, VARIED, Kind, check_varied, protocol
from relscout.lab.schema import (
    OPEN_WORLD_SCORES,
    SCORES,
    SCORINGS,
    Figure,
    Preset,
    Probes,
    Published,
    Row,
)
from relscout.methods import method
from relscout.metrics.clustering import ENTITY_TYPE_PAIR, ONE_CLUSTER, SINGLETONS

#: Rows of every table for discovery.
TRIVIAL = (ONE_CLUSTER, SINGLETONS, ENTITY_TYPE_PAIR)


def check(preset: Preset, path: Path) -> None:
    """Check a preset against the code; only the methods' modules are loaded.

    Args:
        preset: The parsed file.
        path: The file, for the place of an error.

    Raises:
        SettingError: A name is unknown or a setting is invalid.
    """
    kind = _kind(preset, path)
    _check_kind_of_task(preset, kind, path)
    _check_names(preset, kind, path)
    for place, row in enumerate(preset.rows):
        with located(path, "rows", place, place=f"rows[{place}] ({row.name})"):
            settings = _settings_kind(row, kind)
            from_mapping(EncoderSettings, preset.encoder_of(row))
            for variation in preset.variations(row):
                from_mapping(settings, preset.settings_of(row, variation))
                check_varied(variation)
                if set(variation) & set(VARIED) and (kind != "discovery" or learns_from_no_labels(row)):
                    raise SettingError("the sweep varies labelled instances, and this row gets none")
    for name in preset.settings:
        with located(path, "settings", name, place=f"settings, {name}"):
            rows = [row for row in preset.rows if row.method == name]
            if any(row.kind == "supervised" for row in rows):
                learner(name, "supervised")
            else:
                method(name) if kind == "discovery" else learner(name, kind)
            if not rows:
                raise SettingError("no row has that method")


def trivial_rows(preset: Preset) -> tuple[str, ...]:
    """Return the rows that every table of this kind has."""
    return TRIVIAL if (kind := protocol(preset.protocol).kind) == "discovery" else learners.TRIVIAL[kind]


def check_rows(preset: Preset, rows: Collection[str] | None) -> None:
    """Refuse names of rows that neither the preset nor every table has; ``None`` means all rows.

    Raises:
        SettingError: A row is unknown, or there is no name at all.
    """
    if rows is None:
        return
    if not rows:
        raise SettingError("no row is given; name at least one, or leave rows out for all")
    _check_known(rows, [*(row.name for row in preset.rows), *trivial_rows(preset)])


def _kind(preset: Preset, path: Path) -> Kind:
    kinds: list[Kind] = []
    key = "protocols" if preset.protocols else "protocol"
    with located(path, key, place=key):
        for variant in preset.each():
            kinds.append(protocol(variant.protocol).kind)
            if kinds[-1] != kinds[0]:
                raise SettingError(
                    f"{preset.protocol!r} is {kinds[0]} and {variant.protocol!r} is {kinds[-1]}; expected one kind"
                )
        if preset.protocols and kinds[0] == "discovery":
            raise SettingError("a preset for discovery has one protocol; name it by the key 'protocol'")
    return kinds[0]


def _check_kind_of_task(preset: Preset, kind: Kind, path: Path) -> None:
    """Check the keys that only some kinds of task use."""
    with located(path):
        if kind == "discovery":
            if preset.n_relations is None:
                raise SettingError("n_relations is missing")
            if waiting := preset.rows_without_encoder():
                raise SettingError(f"row {waiting[0]!r} has no encoder, which discovery needs; name it")
            return
        if preset.figures:
            raise SettingError(f"a preset that is {kind} has no figures; leave the key out")
        if preset.probes is not None:
            raise SettingError(f"a preset that is {kind} has no probes; leave the key out")
    for place, row in enumerate(preset.rows):
        with located(path, "rows", place, place=f"rows[{place}] ({row.name})"):
            if preset.n_relations_of(row) is not None:
                raise SettingError(f"n_relations is for discovery: with {kind}, the relations are given")
            if row.kind == "supervised":
                raise SettingError(f"a supervised row is for discovery: with {kind}, leave the kind out")
            if row.kind == "frozen" and (
                kind != "few-shot" or preset.settings_of(row).get("iterations") != 0
            ):
                raise SettingError(
                    "a frozen row is not trained: it must be few-shot with the setting iterations: 0"
                )


def _settings_kind(row: Row, kind: Kind) -> type[Any]:
    if row.kind == "supervised":
        return learner(row.method, "supervised").settings
    return method(row.method).SETTINGS if kind == "discovery" else learner(row.method, kind).settings


def learns_from_no_labels(row: Row) -> bool:
    """Return whether a row for discovery gets no labelled instances: a frozen one, or a method without use for them."""
    return row.kind == "frozen" or (row.kind == "method" and method(row.method).LABELS == "none")


def _check_names(preset: Preset, kind: Kind, path: Path) -> None:
    names = [row.name for row in preset.rows]
    trivial = trivial_rows(preset)
    for name, count in Counter([*names, *trivial]).items():
        if count > 1:
            with located(path, "rows", place="rows"):
                raise SettingError(f"two rows have the name {name!r} (trivial rows included)")
    if preset.sweep is not None:
        with located(path, "sweep", "rows", place="sweep, rows"):
            _check_known(preset.sweep.rows, names)
    with located(path, "names", place="names"):
        _check_known(preset.names, names)
        if preset.names and kind != "discovery":
            raise SettingError(f"a preset that is {kind} discovers no relations; leave the key out")
    shown: set[str] = set()
    for place, figure in enumerate(preset.figures):
        with located(path, "figures", place, place=f"figures[{place}]"):
            _check_known(figure.rows, names)
            if figure.kind == "tsne" and not figure.rows:
                raise SettingError("a figure 'tsne' needs the key 'rows'")
            if figure.kind == "tsne" and (again := sorted(shown & set(figure.rows))):
                raise SettingError(f"row {again[0]!r} is in another figure 'tsne'; points are drawn once")
            shown |= set(figure.rows if figure.kind == "tsne" else ())
            if figure.kind == "sweep" and preset.sweep is None:
                raise SettingError("a figure 'sweep' needs the key 'sweep' of the preset")
            if key := _lacking(figure, preset.probes):
                raise SettingError(f"a figure {figure.kind!r} needs the key {key!r} of the preset's probes")
    for place, published in enumerate(preset.published):
        with located(path, "published", place, place=f"published[{place}]"):
            _check_scores(published, kind)
            if not published.reference:
                _check_known([published.row], [*names, *trivial])
            elif published.row in (*names, *trivial):
                raise SettingError(
                    f"row {published.row!r} is run here, so its published figures are no reference"
                )


def _lacking(figure: Figure, probes: Probes | None) -> str:
    """Return the key of the probes that a figure is drawn from and that is missing; empty if none is."""
    key = {"purity": "neighbours", "clusters": "relations", "sizes": "relations"}.get(figure.kind, "")
    return "" if key and probes is not None and getattr(probes, key) else key


def _check_scores(published: Published, kind: Kind) -> None:
    """Check the names of published scores, which depend on the kind of task."""
    if kind == "discovery" and not published.scoring:
        raise SettingError("scoring is missing")
    if kind == "discovery" and published.scoring not in SCORINGS:
        raise UnknownNameError("scoring", published.scoring, SCORINGS)
    if kind != "discovery" and published.scoring:
        raise SettingError(f"'scoring' applies to discovery only, and this preset is {kind}; leave it out")
    for name in published.scores:
        if name not in (known := _figures_of(kind, published.scoring)):
            raise UnknownNameError("key", name, known)


def _check_known(rows: Iterable[str], known: Iterable[str]) -> None:
    for row in rows:
        if row not in known:
            raise UnknownNameError("row", row, known)


def parse(values: Any, name: str) -> Preset:
    """Return the preset that the content of a file describes.

    Raises:
        SettingError: It is not a mapping, a key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(values, dict):
        raise SettingError(f"the file holds {values!r}, expected a mapping")
    values = {**values, "name": name}
    if "protocols" in values:
        if "protocol" in values:
            raise SettingError("'protocol' and 'protocols' are given; expected one of them")
        names = values["protocols"]
        # of the others, each is taken in turn
        values["protocol"] = names[0] if isinstance(names, list) and names else names
    if isinstance(published := values.get("published"), list):
        values["published"] = [_with_scores(entry) for entry in published]
    check_fields(Preset, values)
    return Preset(**values)


def _with_scores(entry: Any) -> Any:
    """Return an entry of ``published`` with its scores below one key."""
    if not isinstance(entry, dict):
        return entry
    known = [field.name for field in dataclasses.fields(Published) if field.name != "scores"]
    scores = {key: value for key, value in entry.items() if key not in known}
    return {"scoring": "", **{key: value for key, value in entry.items() if key in known}, "scores": scores}


def _figures_of(kind: Kind, scoring: str) -> tuple[str, ...]:
    if kind == "discovery":
        return OPEN_WORLD_SCORES if scoring == "open-world" else SCORES
    if kind == "few-shot":
        return tuple(EPISODES)
    return tuple(name for name, known in PROTOCOLS.items() if known.kind == kind)


def presets() -> list[str]:
    """Return the names of the bundled presets, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _bundled().iterdir())


def preset(name_or_path: str | Path) -> Preset:
    """Read a bundled preset by its name, or your own by the path of its file.

    Raises:
        UnknownNameError: No preset has that name, and there is no such file.
        InputError: The file cannot be read or is not YAML.
        SettingError: A key, name or value is invalid.
    """
    name = str(name_or_path)
    if name in presets():
        with as_file(_bundled() / f"{name}.yaml") as path:
            return _checked(path, name)
    path = Path(name_or_path)
    if not path.is_file() and path.suffix not in (".yaml", ".yml"):
        raise UnknownNameError("preset", name, presets())
    return _checked(path, path.stem)


def _bundled() -> Traversable:
    return files("relscout.lab") / "presets"


def _checked(path: Path, name: str) -> Preset:
    values = read_config(path)
    with located(path):
        parsed = parse(values, name)
    check(parsed, path)
    return parsed
