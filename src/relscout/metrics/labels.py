"""Labels of any hashable kind, turned into indices that arrays can count."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError

Labels: TypeAlias = Sequence[Any] | NDArray[Any]
"""One label per instance: strings, integers, tuples or anything else that can be a dictionary key."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedLabels:
    """Labels as indices into their sorted distinct values."""

    codes: NDArray[np.int64]
    """(N,) index into ``names`` for every instance."""

    names: Sequence[Hashable]
    """The distinct labels, sorted, so that nothing depends on which one came first."""


def paired(first: Labels, second: Labels, *, roles: tuple[str, str]) -> tuple[CodedLabels, CodedLabels]:
    """Code two aligned sequences of labels.

    Args:
        first: (N,) labels.
        second: (N,) labels of the same instances in the same order.
        roles: What the two are called in an error, such as ``("found", "gold")``.

    Raises:
        InputError: The lengths differ, there is no label at all, or a label is missing (``None`` or NaN),
            cannot be compared (a tensor) or cannot be a dictionary key (a list).
    """
    checked = [_one_dimensional(labels, role) for labels, role in zip((first, second), roles, strict=True)]
    lengths = [len(labels) for labels in checked]
    if lengths[0] != lengths[1]:
        raise InputError(
            f"{lengths[0]} {roles[0]} labels stand against {lengths[1]} {roles[1]} labels; "
            "expected one of each per instance, in the same order"
        )
    if lengths[0] == 0:
        raise InputError(f"0 {roles[0]} and 0 {roles[1]} labels; at least one instance is needed for a score")
    return code(checked[0], roles[0]), code(checked[1], roles[1])


def code(labels: Labels, role: str) -> CodedLabels:
    """Code one sequence of labels; see :func:`paired` for the arguments and errors."""
    values = _one_dimensional(labels, role)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "iu":
            distinct, codes = np.unique(values, return_inverse=True)
            return CodedLabels(codes.astype(np.int64, copy=False), distinct.tolist())
        values = values.tolist()
    try:
        names = _sorted(_checked(dict.fromkeys(values), values, role))
    except TypeError as error:
        raise InputError(
            f"a {role} label cannot be a label: {error}; expected strings or integers"
        ) from error
    position = {name: index for index, name in enumerate(names)}
    return CodedLabels(np.fromiter(map(position.__getitem__, values), np.int64, len(values)), names)


def _one_dimensional(labels: Labels, role: str) -> Labels:
    if isinstance(labels, Sequence) and not isinstance(labels, (str, bytes)):
        return labels
    if not hasattr(labels, "__array__"):
        raise InputError(
            f"{role} labels came as a {type(labels).__name__}; "
            "expected a list, a tuple or an array, one label per instance"
        )
    array = np.asarray(labels)
    if array.ndim != 1:
        raise InputError(
            f"{role} labels have shape {array.shape}; expected one dimension, one label per instance"
        )
    return array


def _checked(distinct: Iterable[Hashable], labels: Sequence[Any], role: str) -> list[Hashable]:
    names = list(distinct)
    kinds = set(map(type, names))
    if type(None) in kinds:
        missing = sum(label is None for label in labels)
        raise InputError(
            f"{missing} of {len(labels)} {role} labels are None, the first at index {labels.index(None)}; "
            "score only instances whose label is known"
        )
    # only NaN differs from itself
    if any(issubclass(kind, (float, np.floating)) for kind in kinds) and any(x != x for x in names):
        raise InputError(
            f"some of the {len(labels)} {role} labels are NaN; score only instances with a label"
        )
    for kind in kinds:
        if hasattr(kind, "__array__") and not issubclass(kind, np.generic):
            raise InputError(
                f"{role} labels are {kind.__name__} objects; expected plain values or one array: try tolist()"
            )
    return names


def _sorted(names: list[Any]) -> list[Any]:
    try:
        return sorted(names)
    except TypeError:
        return sorted(names, key=repr)
