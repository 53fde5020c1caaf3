"""Whether a preset means something to the code: its methods, settings, encoder, protocols and rows exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from relscout.config import from_mapping
from relscout.encoders import EncoderSettings
from relscout.errors import SettingError, UnknownNameError
from relscout.experiments import lesson_scores
from relscout.experiments.labelled_part import VARIED, check_varied
from relscout.experiments.learners import learner
from relscout.experiments.protocols import Kind, protocol
from relscout.experiments.schema import Preset, Row
from relscout.experiments.sections import Section
from relscout.methods import method
from relscout.metrics.baselines import ENTITY_TYPE_PAIR, ONE_CLUSTER, SINGLETONS

#: Rows that every table has, whether a preset names them or not.
TRIVIAL = (ONE_CLUSTER, SINGLETONS, ENTITY_TYPE_PAIR)


def check(preset: Preset, section: Section) -> None:
    """Check a preset against the code; nothing is loaded but the methods' modules.

    Args:
        preset: What the file describes.
        section: The file itself, which says where something wrong stands.

    Raises:
        SettingError: A name is not known, or a setting cannot work.
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
                    raise SettingError("the sweep is over labelled instances, of which this row gets none")
    for name in preset.settings:
        with section.located(f"settings, {name}"):
            method(name) if kind == "discovery" else learner(name, kind)
            if name not in {row.method for row in preset.rows}:
                raise SettingError("no row has that method")


def trivial_rows(preset: Preset) -> tuple[str, ...]:
    """Return the rows that every table of that kind has, whether a preset names them or not."""
    return TRIVIAL if (kind := protocol(preset.protocol).kind) == "discovery" else lesson_scores.TRIVIAL[kind]


def check_rows(preset: Preset, rows: Collection[str] | None) -> None:
    """Refuse names of rows that a preset does not have, nor every table; ``None`` stands for all rows.

    Raises:
        SettingError: There is such a name, or no name at all.
    """
    if rows is None:
        return
    if not rows:
        raise SettingError("no row is asked for; name at least one, or leave them out for all")
    _check_known(rows, [*(row.name for row in preset.rows), *trivial_rows(preset)])


def _kind(preset: Preset, section: Section) -> Kind:
    """Return what is to be done, which is one and the same under all protocols."""
    kinds: list[Kind] = []
    with section.located("protocols" if preset.protocols else "protocol"):
        for one in preset.each():
            kinds.append(protocol(one.protocol).kind)
            if kinds[-1] != kinds[0]:
                raise SettingError(
                    f"{preset.protocol!r} is {kinds[0]} and {one.protocol!r} is {kinds[-1]}; expected one kind"
                )
        if preset.protocols and kinds[0] == "discovery":
            raise SettingError("a preset for discovery has one protocol; name it by the key 'protocol'")
    return kinds[0]


def _check_kind_of_task(preset: Preset, kind: Kind, section: Section) -> None:
    """Check the keys that some kinds of task need and others have no use for."""
    if kind == "discovery":
        if preset.n_relations is None:
            raise SettingError(f"{section.place}: the key 'n_relations' is missing")
        if waiting := preset.waiting():
            raise SettingError(
                f"{section.place}: row {waiting[0]!r} waits for an encoder; name it, to find relations"
            )
        return
    if preset.figures:
        raise SettingError(f"{section.place}: a preset that is {kind} has no figures; leave the key out")
    for place, row in enumerate(preset.rows):
        with section.located(f"rows[{place}] ({row.name})"):
            if preset.n_relations_of(row) is not None:
                raise SettingError(f"n_relations is for discovery: the relations of what is {kind} are given")
            if row.kind == "frozen" and (
                kind != "few-shot" or preset.settings_of(row).get("iterations") != 0
            ):
                raise SettingError(
                    "a row that is frozen learns nothing: that is few-shot with the setting iterations: 0"
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
            raise SettingError(f"{section.place}, rows: two are called {name!r} (the trivial ones counted)")
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
