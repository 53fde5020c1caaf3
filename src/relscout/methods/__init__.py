"""The methods: one paper, one file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from relscout.errors import UnknownNameError
from relscout.methods.estimator import Estimator

__all__ = ["METHODS", "Estimator", "load_fitted", "method"]

#: Name → ``module:Class``.
METHODS: dict[str, str] = {
    "hac": "relscout.methods.hac:HAC",
    "hiure": "relscout.methods.hiure:HiURE",
    "kmeans": "relscout.methods.kmeans:KMeans",
    "rocore": "relscout.methods.rocore:RoCORE",
    "rsn": "relscout.methods.rsn:RSN",
    "selfore": "relscout.methods.selfore:SelfORE",
    "siamese": "relscout.methods.siamese:Siamese",
    "transfer": "relscout.methods.transfer:Transfer",
}


def method(name: str) -> type[Estimator]:
    """Return the class of a registered method.

    Raises:
        UnknownNameError: There is no method of that name.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    module, _, attribute = METHODS[name].partition(":")
    return cast(type[Estimator], getattr(import_module(module), attribute))


def load_fitted(folder: Path) -> Estimator:
    """Read a fitted method from a folder, whichever it is, with what tells unrelated pairs if it has that.

    Raises:
        ArtifactError: The folder does not hold a fitted method.
        UnknownNameError: It is one that this relscout lacks.
    """
    from relscout.artifacts import load_artifact
    from relscout.methods.unrelated.with_none import KIND, WithNone

    kind = load_artifact(folder).kind
    if kind == KIND:
        return cast(Estimator, WithNone.load(folder, load_fitted))
    return method(kind).load(folder)
