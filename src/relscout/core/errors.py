"""Everything relscout raises on purpose.

::

    RelscoutError
    ├── InputError (ValueError)      the data cannot be used as it is
    │   └── RecordError              one record of a file is wrong: which file, which place, why
    ├── SettingError (ValueError)    a setting has an invalid value
    │   ├── UnknownNameError         no format, method or encoder has that name; suggests the nearest
    │   ├── DivergedError            a loss is no longer a number
    │   └── CollapsedError           representations or clusters collapsed to a single point
    ├── PluginError                  a plug-in of another package cannot be loaded
    ├── MissingExtraError (ImportError)   an optional part is not installed; names the extra
    ├── ArtifactError                a saved folder is damaged, incomplete or of another version
    ├── DownloadError                a public data set or a run cannot be fetched
    └── OutputError (OSError)        a result cannot be written to its destination
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RelscoutError(Exception):
    """Base of all errors that relscout raises on purpose; its text is one line for users."""


class InputError(RelscoutError, ValueError):
    """The data cannot be used as it is."""


class RecordError(InputError):
    """One record of a file is wrong.

    Args:
        path: The file, as the user named it.
        place: Where in the file, for example ``"line 12"``, ``"record 7"`` or ``"P177[3]"``.
        reason: What was given, what was expected and what to do.
    """

    def __init__(self, path: object, place: str, reason: str) -> None:
        super().__init__(f"{path}, {place}: {reason}")
        self.path = path
        self.place = place
        self.reason = reason


class SettingError(RelscoutError, ValueError):
    """A setting has an invalid value.

    Attributes:
        keys: Keys and positions that lead to the value in a file of settings, if they are known.
    """

    keys: tuple[str | int, ...] = ()


class UnknownNameError(SettingError):
    """No entry has the requested name.

    Args:
        kind: Kind of entry, for example ``"method"``.
        name: The requested name.
        known: All existing names.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        super().__init__(f"unknown {kind} {name!r}: {hint}known are {', '.join(choices)}")
        self.kind = kind
        self.name = name
        self.known = choices


class DivergedError(SettingError):
    """A loss is no longer a number: the learning rate is too high for these data."""


class CollapsedError(SettingError):
    """All representations, or all clusters, collapsed to a single point: the settings do not suit these data."""


class MissingExtraError(RelscoutError, ImportError):
    """An optional part of relscout is not installed.

    Args:
        feature: The feature that needs it, in a user's words.
        extra: The name of the extra that installs it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the optional part [{extra}]: pip install 'relscout[{extra}]'")
        self.feature = feature
        self.extra = extra


class PluginError(RelscoutError):
    """A method, reader or writer that another package registers cannot be loaded."""


class InputWarning(UserWarning):
    """An input was read under an assumption that it does not confirm, or that is probably wrong."""


class PluginWarning(UserWarning):
    """A plug-in of another package is ignored."""


class ArtifactError(RelscoutError):
    """A saved folder is damaged, incomplete or was written by another version."""


class DownloadError(RelscoutError):
    """A public data set or a run cannot be fetched: no network, no such file, or not the file that was published."""


class OutputError(RelscoutError, OSError):
    """A result cannot be written to its destination."""
