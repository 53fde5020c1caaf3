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
    """Return what other packages register, by name; nothing is imported.

    A name that is ours, or that two packages register, is refused with a :class:`PluginWarning`.

    Args:
        group: What kind of plug-in.
        ours: Names that relscout has itself.
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
        group: What kind of plug-in.
        entry: One of :func:`registered`.
        needs: Names of attributes that it must have.

    Raises:
        PluginError: It cannot be imported, or lacks an attribute.
    """
    try:
        plugin = entry.load()
    except Exception as error:
        # whatever a module of others raises when it is imported, its user needs one line
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise PluginError(f"{described(group, entry)} cannot be loaded ({reason}); {_MEND}") from error
    if missing := sorted(name for name in needs if not hasattr(plugin, name)):
        raise PluginError(f"{described(group, entry)} has no {' and no '.join(missing)}; {_MEND}")
    return plugin


def described(group: Group, entry: EntryPoint) -> str:
    """Return a plug-in in words: what it is, where it is, and which package registers it."""
    package = f" of the package {entry.dist.name}" if entry.dist is not None else ""
    return f"the {group.removeprefix('relscout.').removesuffix('s')} {entry.name!r} ({entry.value}){package}"
