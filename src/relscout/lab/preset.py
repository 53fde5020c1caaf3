"""Presets: experiments as YAML files, parsed and checked against the code."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from relscout.core.config_files import read_config
from relscout.core.errors import RelscoutError, SettingError, UnknownNameError
from relscout.core.settings import from_mapping
from relscout.encoders import EncoderSettings
from relscout.lab import learners
from relscout.lab.learners import EPISODES, learner
from relscout.lab.protocols import PROTOCOLS, VARIED, Kind, check_varied, protocol
from relscout.lab.schema import FIGURES, KINDS, SCORINGS, Figure, NRelations, Preset, Published, Row, Sweep
from relscout.methods import method
from relscout.metrics import ClusteringScores
from relscout.metrics.clustering import ENTITY_TYPE_PAIR, ONE_CLUSTER, SINGLETONS

T = TypeVar("T")
_REQUIRED: Any = object()
_NAMES = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a mapping"}


def load(path: Path) -> Section:
    """Read a YAML file that holds a mapping.

    Raises:
        InputError: The file cannot be read or is not YAML.
        SettingError: It does not hold a mapping.
    """
    return Section(str(path), read_config(path))


@dataclass(frozen=True)
class Section:
    """A mapping in a file.

    Args:
        place: The file and the path to the mapping, for error messages.
        values: The mapping; its keys must be strings.

    Raises:
        SettingError: It is not such a mapping.
    """

    place: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        _check_kind(self.place, self.values, dict)
        for key in self.values:
            if not isinstance(key, str):
                raise SettingError(f"{self.place}: the key {key!r} is no text; put it into quotes")

    @contextlib.contextmanager
    def located(self, key: str = "") -> Iterator[None]:
        """Prefix errors about this section, or a key of it, with its place."""
        try:
            yield
        except RelscoutError as error:
            raise SettingError(f"{self._place(key)}: {error}") from error

    def check_keys(self, known: Collection[str]) -> None:
        """Refuse unknown keys.

        Raises:
            SettingError: A key is unknown; the message names the nearest known key.
        """
        with self.located():
            for key in self.values:
                if key not in known:
                    raise UnknownNameError("key", key, known)

    def take(self, key: str, kind: type[T], default: T = _REQUIRED) -> T:
        """Return the value of a key.

        Raises:
            SettingError: The key is missing and has no default, or its value is not of that kind.
        """
        if key not in self.values:
            if default is _REQUIRED:
                raise SettingError(f"{self.place}: the key {key!r} is missing")
            return default
        value = self.values[key]
        if kind is float and type(value) is int:
            value = float(value)
        _check_kind(self._place(key), value, kind)
        if value == "" or (isinstance(value, list) and not value and default is _REQUIRED):
            raise SettingError(f"{self._place(key)} is empty")
        return value  # type: ignore[no-any-return]

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """Return a list of strings."""
        return self._items(key, str, default)

    def integers(self, key: str, default: tuple[int, ...] = _REQUIRED) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        return self._items(key, int, default)

    def section(self, key: str) -> Section | None:
        """Return the mapping of a key, or ``None``."""
        return Section(self._place(key), self.values[key]) if key in self.values else None

    def sections(self, key: str, default: tuple[Section, ...] = _REQUIRED) -> tuple[Section, ...]:
        """Return the mappings of a list."""
        if key not in self.values and default is not _REQUIRED:
            return default
        items = self.take(key, list)
        return tuple(Section(f"{self._place(key)}[{place}]", item) for place, item in enumerate(items))

    def _items(self, key: str, kind: type[T], default: tuple[T, ...]) -> tuple[T, ...]:
        if key not in self.values and default is not _REQUIRED:
            return default
        items = self.take(key, list)
        for place, item in enumerate(items):
            _check_kind(f"{self._place(key)}[{place}]", item, kind)
        if len(set(items)) < len(items):
            raise SettingError(f"{self._place(key)} holds a value twice: {items}")
        return tuple(items)

    def _place(self, key: str) -> str:
        return f"{self.place}, {key}" if key else self.place


def _check_kind(place: str, value: Any, kind: type[Any]) -> None:
    if type(value) is not kind:
        raise SettingError(f"{place} is {value!r}, expected {_NAMES[kind]}")


#: Rows of every table for discovery.
TRIVIAL = (ONE_CLUSTER, SINGLETONS, ENTITY_TYPE_PAIR)


def check(preset: Preset, section: Section) -> None:
    """Check a preset against the code; only the methods' modules are loaded.

    Args:
        preset: The parsed file.
        section: The file, for the place of an error.

    Raises:
        SettingError: A name is unknown or a setting is invalid.
    """
    kind = _kind(preset, section)
    _check_kind_of_task(preset, kind, section)
    _check_names(preset, section)
    for place, row in enumerate(preset.rows):
        with section.located(f"rows[{place}] ({row.name})"):
            settings = _settings_kind(row, kind)
            from_mapping(EncoderSettings, preset.encoder_of(row))
            for variation in preset.variations(row):
                from_mapping(settings, preset.settings_of(row, variation))
                check_varied(variation)
                if set(variation) & set(VARIED) and (kind != "discovery" or _learns_from_no_labels(row)):
                    raise SettingError("the sweep varies labelled instances, and this row gets none")
    for name in preset.settings:
        with section.located(f"settings, {name}"):
            method(name) if kind == "discovery" else learner(name, kind)
            if name not in {row.method for row in preset.rows}:
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


def _kind(preset: Preset, section: Section) -> Kind:
    kinds: list[Kind] = []
    with section.located("protocols" if preset.protocols else "protocol"):
        for variant in preset.each():
            kinds.append(protocol(variant.protocol).kind)
            if kinds[-1] != kinds[0]:
                raise SettingError(
                    f"{preset.protocol!r} is {kinds[0]} and {variant.protocol!r} is {kinds[-1]}; expected one kind"
                )
        if preset.protocols and kinds[0] == "discovery":
            raise SettingError("a preset for discovery has one protocol; name it by the key 'protocol'")
    return kinds[0]


def _check_kind_of_task(preset: Preset, kind: Kind, section: Section) -> None:
    """Check the keys that only some kinds of task use."""
    if kind == "discovery":
        if preset.n_relations is None:
            raise SettingError(f"{section.place}: the key 'n_relations' is missing")
        if waiting := preset.rows_without_encoder():
            raise SettingError(
                f"{section.place}: row {waiting[0]!r} has no encoder, which discovery needs; name it"
            )
        return
    if preset.figures:
        raise SettingError(f"{section.place}: a preset that is {kind} has no figures; leave the key out")
    for place, row in enumerate(preset.rows):
        with section.located(f"rows[{place}] ({row.name})"):
            if preset.n_relations_of(row) is not None:
                raise SettingError(f"n_relations is for discovery: with {kind}, the relations are given")
            if row.kind == "frozen" and (
                kind != "few-shot" or preset.settings_of(row).get("iterations") != 0
            ):
                raise SettingError(
                    "a frozen row is not trained: it must be few-shot with the setting iterations: 0"
                )


def _settings_kind(row: Row, kind: Kind) -> type[Any]:
    return method(row.method).SETTINGS if kind == "discovery" else learner(row.method, kind).settings


def _learns_from_no_labels(row: Row) -> bool:
    return row.kind == "frozen" or method(row.method).LABELS == "none"


def _check_names(preset: Preset, section: Section) -> None:
    names = [row.name for row in preset.rows]
    trivial = trivial_rows(preset)
    for name, count in Counter([*names, *trivial]).items():
        if count > 1:
            raise SettingError(
                f"{section.place}, rows: two rows have the name {name!r} (trivial rows included)"
            )
    if preset.sweep is not None:
        with section.located("sweep, rows"):
            _check_known(preset.sweep.rows, names)
    shown: set[str] = set()
    for place, figure in enumerate(preset.figures):
        with section.located(f"figures[{place}]"):
            _check_known(figure.rows, names)
            if again := sorted(shown & set(figure.rows)):
                raise SettingError(f"row {again[0]!r} is in another figure 'tsne'; points are drawn once")
            shown |= set(figure.rows if figure.kind == "tsne" else ())
            if figure.kind == "sweep" and preset.sweep is None:
                raise SettingError("a figure 'sweep' needs the key 'sweep' of the preset")
    for place, published in enumerate(preset.published):
        with section.located(f"published[{place}]"):
            if not published.reference:
                _check_known([published.row], [*names, *trivial])
            elif published.row in (*names, *trivial):
                raise SettingError(
                    f"row {published.row!r} is run here, so its published figures are no reference"
                )


def _check_known(rows: Iterable[str], known: Iterable[str]) -> None:
    for row in rows:
        if row not in known:
            raise UnknownNameError("row", row, known)


#: Names of the scores.
SCORES = tuple(field.name for field in dataclasses.fields(ClusteringScores) if field.type in ("float", float))


def parse(section: Section, name: str) -> Preset:
    """Return the preset that a file describes.

    Raises:
        SettingError: A key is unknown or missing, or a value has the wrong type.
    """
    section.check_keys([field.name for field in dataclasses.fields(Preset) if field.name != "name"])
    names = _protocols(section)
    # check() reports an unknown protocol
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
        published=tuple(_published(entry, kind) for entry in section.sections("published", ())),
        notes=section.take("notes", str, ""),
    )


def _row(section: Section) -> Row:
    section.check_keys([field.name for field in dataclasses.fields(Row)])
    return Row(
        name=section.take("name", str),
        method=section.take("method", str),
        kind=_choice(section, "kind", KINDS, "method"),
        settings=_values(section, "settings"),
        encoder=_values(section, "encoder"),
        n_relations=_n_relations(section),
    )


def _sweep(section: Section) -> Sweep:
    section.check_keys([field.name for field in dataclasses.fields(Sweep)])
    values = section.take("values", list)
    if any(value in values[:place] for place, value in enumerate(values)):
        raise SettingError(f"{section.place}, values holds a value twice: {values}")
    return Sweep(section.take("setting", str), tuple(values), section.texts("rows"))


def _figure(section: Section) -> Figure:
    section.check_keys([field.name for field in dataclasses.fields(Figure)])
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
            return _checked(load(path), name)
    path = Path(name_or_path)
    if not path.is_file() and path.suffix not in (".yaml", ".yml"):
        raise UnknownNameError("preset", name, presets())
    return _checked(load(path), path.stem)


def _bundled() -> Traversable:
    return files("relscout.lab") / "presets"


def _checked(section: Section, name: str) -> Preset:
    parsed = parse(section, name)
    check(parsed, section)
    return parsed
