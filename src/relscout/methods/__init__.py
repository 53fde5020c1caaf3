"""The methods of relscout and those that other packages register."""

from __future__ import annotations

import inspect
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from relscout.core.errors import ArtifactError, PluginError, SettingError, UnknownNameError
from relscout.encoders import Encoder
from relscout.methods.estimator import Estimator, Method, VectorMethod
from relscout.methods.nearest_mean import ClusteringMethod

__all__ = [
    "METHODS",
    "ClusteringMethod",
    "Estimator",
    "Method",
    "VectorMethod",
    "check_method",
    "load_fitted",
    "method",
    "method_names",
]

#: Name → ``module:Class``, in the order of the documentation, whose pages, tables and navigation follow from it.
METHODS: dict[str, str] = {
    "kmeans": "relscout.methods.kmeans:KMeans",
    "hac": "relscout.methods.hac:HAC",
    "etype": "relscout.methods.etype:EType",
    "etype-plus": "relscout.methods.etype:ETypePlus",
    "rel-lda": "relscout.methods.rel_lda:RelLDA",
    "rw-hac": "relscout.methods.rw_hac:RWHAC",
    "promptore": "relscout.methods.promptore:PromptORE",
    "march": "relscout.methods.uie:March",
    "uie-march": "relscout.methods.uie:UIEMarch",
    "uie-pcnn": "relscout.methods.uie:UIEPCNN",
    "uie-bert": "relscout.methods.uie:UIEBERT",
    "selfore": "relscout.methods.selfore:SelfORE",
    "rocore": "relscout.methods.rocore:RoCORE",
    "transfer": "relscout.methods.transfer:Transfer",
    "rsn": "relscout.methods.rsn:RSN",
    "siamese": "relscout.methods.siamese:Siamese",
    "hiure": "relscout.methods.hiure:HiURE",
    "eiure": "relscout.methods.eiure:EIURE",
}
_GROUP: Final = "relscout.methods"
#: What a class must have to be a method.
_CONTRACT = (
    "NAME",
    "CITATION",
    "SETTINGS",
    "LABELS",
    "ENCODER",
    "KNOWN_SETTING",
    *("fit", "predict_proba", "transform", "relatedness", "settings", "get_params", "save", "load", "names_"),
)


def method_names() -> list[str]:
    """Return the names of all methods, including those that other packages register."""
    from relscout.core.plugins import registered

    return [*METHODS, *registered(_GROUP, METHODS)]


def method(name: str) -> type[Estimator]:
    """Return the class of a method.

    Raises:
        UnknownNameError: There is no method of that name.
        PluginError: Another package registers it, and it cannot be loaded.
    """
    if name in METHODS:
        module, _, attribute = METHODS[name].partition(":")
        return cast(type[Estimator], getattr(import_module(module), attribute))
    from relscout.core.plugins import described, loaded, registered

    others = registered(_GROUP, METHODS)
    if name not in others:
        raise UnknownNameError("method", name, [*METHODS, *others])
    kind = loaded(_GROUP, others[name], needs=())
    try:
        check_method(kind)
    except SettingError as error:
        raise PluginError(f"{described(_GROUP, others[name])} is no method: {error}") from error
    if name != kind.NAME:
        raise PluginError(
            f"{described(_GROUP, others[name])} has the NAME {kind.NAME!r}; register it under that name"
        )
    return cast(type[Estimator], kind)


def check_method(kind: object) -> type[Estimator]:
    """Return a class if it is a method.

    Raises:
        SettingError: It is no class, is abstract, or lacks a part of the contract (:class:`Estimator`).
    """
    if not isinstance(kind, type):
        raise SettingError(f"it is a {type(kind).__name__}, expected a class such as a subclass of Method")
    if missing := [name for name in _CONTRACT if not hasattr(kind, name)]:
        raise SettingError(
            f"the class {kind.__name__} has no {', no '.join(missing)}; derive it from relscout.methods.Method"
        )
    if inspect.isabstract(kind):
        absent = ", ".join(sorted(cast(Any, kind).__abstractmethods__))
        raise SettingError(f"the class {kind.__name__} does not implement {absent}")
    return cast(type[Estimator], kind)


def load_fitted(
    folder: Path, *, encoder: Encoder | None = None, kind: type[Estimator] | None = None
) -> Estimator:
    """Read any fitted method from a folder, with its detector of unrelated pairs if it has one.

    Args:
        folder: Where it was saved.
        encoder: The encoder that it was fitted with; required if relscout did not build it.
        kind: Class of the method, if it is neither one of relscout nor registered.

    Raises:
        ArtifactError: The folder does not hold a fitted method, or the encoder is missing or differs.
        UnknownNameError: This version of relscout does not have the method.
        PluginError: Another package registers it, and it cannot be loaded.
    """
    from relscout.core.files import load_artifact
    from relscout.methods.unrelated.no_relation import KIND, NoRelationWrapper

    name = load_artifact(folder).kind
    if name == KIND:
        return NoRelationWrapper.load(folder, encoder=encoder, read=partial(load_fitted, kind=kind))
    if kind is not None and name != check_method(kind).NAME:
        raise ArtifactError(f"{folder} holds a {name!r}, but the class that was given is a {kind.NAME!r}")
    return (kind or method(name)).load(folder, encoder=encoder)
