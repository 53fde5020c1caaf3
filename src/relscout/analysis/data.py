"""Which instances can be analysed: those whose gold relation the model knows; and which are not tested on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from relscout.errors import InputError
from relscout.instances import RelationInstance
from relscout.training.labels import content

_NAMED = 3


@dataclass(frozen=True)
class Judged:
    """Instances with gold relations, or without any.

    Args:
        instances: N instances.
        gold: Their gold relations (N,); ``None`` where no instance has one.
        unlabelled: How many instances were left out because they have none while others do.
        unknown: Gold relation that the model does not know → how many instances were left out.
    """

    instances: Sequence[RelationInstance]
    gold: Sequence[str] | None
    unlabelled: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)


def judged(instances: Sequence[RelationInstance], *, known: Collection[str] | None = None) -> Judged:
    """Leave out what cannot be judged beside the rest.

    Args:
        instances: Instances, with gold relations where there are some.
        known: Relations of a classifier; ``None`` for a discovery, whose relations have names of their own.

    Raises:
        InputError: There is no instance, or none of a relation that is known.
    """
    if not instances:
        raise InputError("there is nothing to analyse: the data hold no instance")
    labelled = [one for one in instances if one.relation is not None]
    if not labelled:
        return Judged(instances, None)
    unknown = Counter(
        str(one.relation) for one in labelled if known is not None and one.relation not in known
    )
    kept = [one for one in labelled if str(one.relation) not in unknown]
    if known is not None and not kept:
        raise InputError(
            f"none of the {len(unknown)} gold relations ({_few(unknown)}) is among the {len(known)} that the model "
            f"knows ({_few(known)}); give data of the same relations, or rename them (relation_names, --relation-names)"
        )
    return Judged(kept, [str(one.relation) for one in kept], len(instances) - len(labelled), dict(unknown))


def untested(
    given: Sequence[RelationInstance], test: Sequence[RelationInstance], what: str
) -> tuple[list[RelationInstance], list[str]]:
    """Return the instances that are not tested on, and a warning where others were left out.

    Args:
        given: Instances.
        test: Instances that are tested on.
        what: What they are for, as the warning puts it, such as ``"to learn from"``.
    """
    tested = {content(one) for one in test}
    left = [one for one in given if content(one) not in tested]
    met = len(given) - len(left)
    warning = f"{met} of {len(given)} instances {what} are tested on, too, and were left out"
    return left, [warning] if met else []


def _few(names: Collection[str]) -> str:
    chosen = sorted(names)[:_NAMED]
    return ", ".join(map(repr, chosen)) + (", …" if len(names) > _NAMED else "")
