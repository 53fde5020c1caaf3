"""Whether a preset means something to the code: its methods, settings, encoder, protocol and rows exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from relscout.config import from_mapping
from relscout.encoders import EncoderSettings
from relscout.errors import SettingError, UnknownNameError
from relscout.experiments.labelled_part import VARIED, check_varied
from relscout.experiments.protocols import protocol
from relscout.experiments.schema import Preset
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
    with section.located("protocol"):
        protocol(preset.protocol)
    _check_names(preset, section)
    for place, row in enumerate(preset.rows):
        with section.located(f"rows[{place}] ({row.name})"):
            settings = method(row.method).SETTINGS
            from_mapping(EncoderSettings, preset.encoder_of(row))
            for variation in preset.variations(row):
                from_mapping(settings, preset.settings_of(row, variation))
                check_varied(variation)
                if set(variation) & set(VARIED) and (
                    row.kind == "frozen" or method(row.method).LABELS == "none"
                ):
                    raise SettingError("the sweep is over labelled instances, of which this row gets none")
    for name in preset.settings:
        with section.located(f"settings, {name}"):
            method(name)
            if name not in {row.method for row in preset.rows}:
                raise SettingError("no row has that method")


def check_rows(preset: Preset, rows: Collection[str] | None) -> None:
    """Refuse names of rows that a preset does not have, nor every table; ``None`` stands for all rows.

    Raises:
        SettingError: There is such a name, or no name at all.
    """
    if rows is None:
        return
    if not rows:
        raise SettingError("no row is asked for; name at least one, or leave them out for all")
    _check_known(rows, [*(row.name for row in preset.rows), *TRIVIAL])


def _check_names(preset: Preset, section: Section) -> None:
    names = [row.name for row in preset.rows]
    for name, count in Counter([*names, *TRIVIAL]).items():
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
                _check_known([published.row], [*names, *TRIVIAL])
            elif published.row in (*names, *TRIVIAL):
                raise SettingError(
                    f"row {published.row!r} is run here, so its published figures are no reference"
                )


def _check_known(rows: Iterable[str], known: Iterable[str]) -> None:
    for row in rows:
        if row not in known:
            raise UnknownNameError("row", row, known)
