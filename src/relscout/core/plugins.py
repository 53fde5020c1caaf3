"""Methods, readers and writers of other packages, which register them as entry points."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from relscout.core.errors import PluginError, PluginWarning

Group = Literal["relscout.methods", "relscout.readers", "relscout.writers"]

_MEND = "repair or uninstall the package"


def registered(group: Group, ours: Collection[str]) -> dict[str, EntryPoint]:
    """Return the plug-ins of other packages by name; nothing is imported.

    A plug-in with a name of relscout's own, or of an earlier plug-in, is ignored with a :class:`PluginWarning`.

    Args:
        group: Kind of plug-in.
        ours: Names of relscout's own.
    """
    entries: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        if entry.name in ours:
            warnings.warn(
                f"{described(group, entry)} is ignored: relscout has one of that name; give it another",
                PluginWarning,
                stacklevel=3,
            )
        elif entry.name in entries and entries[entry.name].value != entry.value:
            warnings.warn(
                f"{described(group, entry)} is ignored: {described(group, entries[entry.name])} comes first",
                PluginWarning,
                stacklevel=3,
            )
        else:
            entries.setdefault(entry.name, entry)
    return entries


def loaded(group: Group, entry: EntryPoint, *, needs: Collection[str]) -> Any:
    """Import a plug-in.

    Args:
        group: Kind of plug-in.
        entry: A value of :func:`registered`.
        needs: Names of required attributes.

    Raises:
        PluginError: It cannot be imported, or lacks an attribute.
    """
    try:
        plugin = entry.load()
    except Exception as error:
        # importing other packages can raise anything, and users need one line
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise PluginError(f"{described(group, entry)} cannot be loaded ({reason}); {_MEND}") from error
    if missing := sorted(name for name in needs if not hasattr(plugin, name)):
        raise PluginError(f"{described(group, entry)} has no {' and no '.join(missing)}; {_MEND}")
    return plugin


def described(group: Group, entry: EntryPoint) -> str:
    """Describe a plug-in: its kind, name and location, and the package that registers it."""
    package = f" of the package {entry.dist.name}" if entry.dist is not None else ""
    return f"the {group.removeprefix('relscout.').removesuffix('s')} {entry.name!r} ({entry.value}){package}"
