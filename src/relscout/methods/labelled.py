"""Whether a method learns from labelled instances."""

from __future__ import annotations

from typing import Literal

from relscout.errors import SettingError

#: Whether a method learns from labelled instances: it refuses them, or cannot do without.
Labels = Literal["none", "required"]


def check_labels(name: str, labels: Labels, *, given: bool) -> None:
    """Check that labelled instances are given to a method that learns from some, and to no other.

    Raises:
        SettingError: They are missing, or of no use.
    """
    if labels == "none" and given:
        raise SettingError(f"method {name!r} cannot learn from labelled instances; leave them out")
    if labels == "required" and not given:
        raise SettingError(
            f"method {name!r} learns from labelled instances of other relations; give some "
            "(--labeled FILE on the command line, labeled=… in Python)"
        )
