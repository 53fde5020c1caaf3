"""What ``method="auto"`` compares, and the line that says what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from relscout.core.errors import SettingError
from relscout.methods.training_check import FEWEST

#: The name that asks for a choice.
AUTO: Final = "auto"
#: Most instances of a corpus in which training is tried: above, it takes far longer than all the rest.
_MOST = 20_000


@dataclass(frozen=True)
class Candidate:
    """A method that is tried, or chosen at once.

    Args:
        method: Its name.
        settings: Its settings that differ from the defaults.
        why: Why it is chosen without a comparison; empty if it is compared with k-means.
    """

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def candidate(
    *, labelled: bool, every_pair: bool, n_instances: int | None = None, frozen: bool = False
) -> Candidate:
    """Return the method that ``"auto"`` compares with k-means, or the one that it chooses at once.

    Args:
        labelled: Whether labelled data for other relations are given.
        every_pair: Whether every pair of entities of a text is an instance.
        n_instances: Number of instances; ``None`` if it is not known yet.
        frozen: Whether the encoder cannot be trained: vectors are given, or an encoder that is no transformer.

    Raises:
        SettingError: Labelled data are given, and the encoder cannot be trained.
    """
    if labelled:
        if frozen:
            raise SettingError(
                "labelled instances are given, but vectors, or an encoder that is no transformer, cannot be trained on "
                "them; leave out the labelled instances, or give a TransformerEncoder"
            )
        few = n_instances is not None and n_instances < FEWEST
        why = (
            f"there are labels, and {n_instances} instances are too few to compare it with k-means"
            if few
            else ""
        )
        return Candidate("transfer", why=why)
    if every_pair:
        return Candidate("hac", why="every pair of entities is an instance, so that most relations are small")
    if frozen:
        return Candidate("kmeans", why="vectors, or an encoder that is no transformer, cannot be trained")
    if n_instances is not None and n_instances < FEWEST:
        return Candidate("kmeans", why=f"{n_instances} instances are too few to learn from")
    if n_instances is not None and n_instances > _MOST:
        return Candidate("kmeans", why=f"training on {n_instances:,} instances would take too long")
    # of the methods without labels, only SelfORE scored higher than its start (Results), and its adaptive clustering
    # did so alone, in a small part of the time of the whole
    return Candidate("selfore", {"classification": False})


def check_auto(*, settings: Mapping[str, Any], after: bool) -> None:
    """Check what may not be given together with ``method="auto"``.

    Raises:
        SettingError: Settings or earlier runs are given.
    """
    if settings:
        raise SettingError(
            f"method 'auto' chooses its settings, too, but {next(iter(settings))!r} was given; leave it out, or name "
            "a method"
        )
    if after:
        raise SettingError(
            "method 'auto' cannot continue from earlier runs, which need a method that recognises their relations; "
            "use transfer"
        )


def choice_line(choice: Mapping[str, Any]) -> str:
    """Return what was chosen and why, in one line, from ``choice`` of a run's record."""
    if choice.get("compared_with"):
        return f"{choice['method']} was kept instead of {choice['compared_with']}: {choice['why']}"
    return f"{choice['method']} was chosen: {choice['why']}"
