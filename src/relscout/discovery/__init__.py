"""The main function, ``discover``: from instances to named relations."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.settings import from_mapping
from relscout.discovery.choosing import AUTO, candidate, check_auto
from relscout.discovery.corpus import (
    Known,
    apart,
    check_instances,
    check_known,
    check_unicode,
)
from relscout.discovery.describing import describe
from relscout.discovery.relation import (
    Assignments,
    ParentRelation,
    Relation,
    among_relations,
    hierarchy_of,
    polarities_of,
)
from relscout.discovery.result import Discovery, load
from relscout.encoders import (
    Encoder,
    EncoderSettings,
    Precomputed,
    TransformerEncoder,
    check_encoder_like,
    check_share,
    checked_vectors,
    known_share,
    name_of,
    underlying,
    unknown_token_warning,
)
from relscout.encoders.settings import RELATION, settings_for
from relscout.io.readers.given import Given, as_instances
from relscout.methods import Estimator, check_method
from relscout.methods import method as method_class
from relscout.methods.estimator import NRelations, check_enough, check_labels, unused_settings
from relscout.methods.vectors import identical_share
from relscout.naming import bare_name
from relscout.text import coarse_type

if TYPE_CHECKING:
    from relscout.methods.unrelated import Judged, Share
    from relscout.text.relatedness import Relatedness

__all__ = [
    "Assignments",
    "Discovery",
    "ParentRelation",
    "Relation",
    "discover",
    "load",
]

#: Share of instances with the vector of another text above which a user is warned.
_MOST_IDENTICAL = 0.01
_PACKAGES = (
    "relscout",
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "scipy",
    "scikit-learn",
    "umap-learn",
)

#: The default method for text in which every pair of entities is an instance. Such a corpus has few large and many
#: small relations, which suits average linkage better than k-means with its clusters of similar size. The distance was
#: chosen on the ``dev`` documents of Re-DocRED, where higher values give larger and less pure relations.
TEXT_METHOD = "hac"
#: Default expected share of related pairs among the largest ones.
TEXT_PRECISION = 0.8
TEXT_SETTINGS: Mapping[str, Any] = {
    "linkage": "average",
    "distance": "cosine",
    "apart": 0.41,
    "smallest": 0,
    "directions": 0,
}
#: Its pooling adds the entity types of the recogniser.
_TEXT_POOLING = f"{EncoderSettings().pooling}+coarse-types*1.5"


def default_encoder(kind: type[Estimator], *, every_pair: bool) -> EncoderSettings:
    """Return the default encoder settings of a method.

    Args:
        kind: The method.
        every_pair: Whether every pair of entities of a text is an instance, with the types of a recogniser.
    """
    usual = kind.ENCODER
    if every_pair and usual.pooling == EncoderSettings().pooling:
        return replace(usual, pooling=_TEXT_POOLING)
    return usual


def discover(
    instances: Given,
    *,
    method: str | type[Estimator] | Estimator | None = None,
    n_relations: NRelations = "auto",
    encoder: Encoder | None = None,
    vectors: ArrayLike | None = None,
    seed: int = 0,
    labeled: Given | None = None,
    known: Known = "raise",
    after: Sequence[Discovery] = (),
    fit_on: int | None = None,
    none: Share | Judged | None = None,
    precision: float | None = None,
    relatedness: Relatedness | None = None,
    hierarchy: bool = False,
    settings: Mapping[str, Any] | None = None,
    check_training: bool = True,
    allow_unknown_tokens: bool = False,
    progress: Progress = silent,
    checkpoints: Path | None = None,
) -> Discovery:
    """Discover the relations of a corpus, name them, and assign each instance to one.

    The order of the instances does not change the result. Gold relations are removed first.

    Args:
        instances: The corpus: instances, dictionaries as in our JSON Lines, or a pandas, polars or pyarrow frame with
            the columns of our tables (see :func:`relscout.io.readers.given.as_instances`).
        method: A name (see :func:`relscout.methods.method_names`), a class, or an unfitted estimator, which brings its
            parameters and is not changed. By default ``kmeans``, or with a ``precision`` :data:`TEXT_METHOD` with
            :data:`TEXT_SETTINGS`. ``"auto"`` compares k-means with a method that trains, see ``check_training``:
            ``transfer`` with labelled data, else the adaptive clustering of ``selfore``; ``run["choice"]`` says what
            was chosen and why.
        n_relations: Number of relations, or ``"auto"`` to estimate it.
        encoder: The encoder of the instances: any object with ``encode(instances)`` and ``fingerprint``
            (:class:`relscout.encoders.Encoder`). By default the bundled encoder ``relation``, trained on relations.
        vectors: Precomputed representations (N, D), finite, one row per instance in the given order, for methods that
            do not train an encoder, such as ``kmeans`` and ``hac``. Without ``encoder``, the run cannot be saved, and
            only the same instances can be predicted; with it, the encoder encodes everything else.
        seed: Random seed; the same seed on the same machine gives the same result.
        labeled: Labelled data for other relations, in any form of ``instances``, for methods that use labels.
        known: For relations that are labelled and among the gold relations of ``instances``: ``raise`` an error,
            ``drop`` the labelled instances, or ``keep`` them.
        after: Earlier runs, the oldest first, for a later batch of the corpus. Their relations are labelled data and
            keep their names and numbers; ``n_relations`` is the number of novel relations. For ``transfer``.
        fit_on: Fit the method on a random sample of so many instances, and apply its relations to all, with the memory
            of the sample (:func:`relscout.discovery.sampled.discover_in_sample`); ``None`` fits it on all. Not with
            ``vectors``, ``none``, ``precision``, ``relatedness`` or ``hierarchy``.
        none: Share of the corpus that expresses no relation, in [0, 1), ``"auto"`` to estimate it, or labelled examples
            (see :class:`relscout.methods.unrelated.NoRelationWrapper`); ``None`` gives every instance a relation.
        precision: For text in which every pair of entities is an instance: expected share of related pairs among those
            that get a relation, in (0, 1], by the relatedness model. Labelled examples as ``none`` calibrate it first.
        relatedness: The relatedness model; by default the bundled one.
        hierarchy: Whether to arrange the relations in a tree, for :attr:`Discovery.parents`.
        settings: Settings of the method by name.
        check_training: Whether a method that trains is compared with k-means on its frozen vectors, without gold
            relations, and k-means is kept if training made the relations worse
            (:class:`relscout.methods.training_check.TrainingCheck`). A method that assigns instances to labelled
            relations, and one with fewer than 100 instances, is not compared.
        allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
        progress: Progress callback.
        checkpoints: Folder for checkpoints, from which an interrupted training resumes.

    Raises:
        InputError: There are no instances, fewer (different) ones than relations, two different ones with the same id,
            the encoder does not know over half of the tokens, or the labelled instances cannot be used.
        SettingError: A setting is invalid.
        UnknownNameError: There is no such method or setting.
    """
    if fit_on is not None:
        from relscout.discovery.sampled import discover_in_sample

        unfit = {
            "vectors": vectors,
            "none": none,
            "precision": precision,
            "relatedness": relatedness,
            "hierarchy": hierarchy or None,
        }
        if given_too := [name for name, value in unfit.items() if value is not None]:
            raise SettingError(
                f"fit_on and {given_too[0]} cannot be combined: the relations of a sample are applied to each instance "
                "on its own; leave one of them out"
            )
        return discover_in_sample(
            instances,
            fit_on,
            fit=discover,
            method=method,
            n_relations=n_relations,
            encoder=encoder,
            seed=seed,
            labeled=labeled,
            known=known,
            after=after,
            settings=settings,
            check_training=check_training,
            allow_unknown_tokens=allow_unknown_tokens,
            progress=progress,
            checkpoints=checkpoints,
        )
    started = time.perf_counter()
    options = dict(settings or {})
    choice: dict[str, Any] = {}
    if method == AUTO:
        check_auto(settings=options, after=bool(after))
        instances = as_instances(instances)
        picked = candidate(
            labelled=labeled is not None,
            every_pair=precision is not None,
            n_instances=len(instances),
            frozen=vectors is not None or (encoder is not None and underlying(encoder) is None),
        )
        method, options, check_training = picked.method, dict(picked.settings), True
        if picked.why:
            choice = {"choice": {"method": method, "compared_with": None, "why": picked.why}}
    if method is None:
        method = "kmeans" if precision is None else TEXT_METHOD
    if method == TEXT_METHOD and precision is not None:
        options = {**TEXT_SETTINGS, **options}
    if isinstance(method, str):
        kind = method_class(method)
    elif isinstance(method, type):
        kind = _checked_kind(method)
    else:
        kind = _checked_kind(type(method))
        if options or n_relations != "auto" or seed != 0:
            raise SettingError(
                f"method is an estimator, which has its own parameters ({method!r}); give n_relations, seed and "
                "settings to it, or pass its class"
            )
        options = method.get_params(deep=False)
        if (its_own := options.pop("encoder", None)) is not None and encoder is not None:
            raise SettingError("the estimator given as method has an encoder of its own; give one of the two")
        encoder = encoder if its_own is None else its_own
        n_relations, seed = options.pop("n_relations", "auto"), options.pop("seed", 0)
    if encoder is not None:
        check_encoder_like(encoder)
    numbers: dict[str, int] = {}
    if after:
        if labeled is not None:
            raise SettingError(
                "labelled instances and earlier runs cannot be combined; save the former as a run"
            )
        if known != "raise":
            raise SettingError(
                f"known is {known!r}, but relations of earlier runs are always kept; leave it out"
            )
        if none is not None or precision is not None:
            raise SettingError(
                "none or precision and earlier runs cannot be combined: the earlier runs show which pairs are "
                "unrelated (no_relation_fnr)"
            )
        from relscout.discovery.earlier import labelled_by, settings_after

        options = settings_after(kind, options)
        labeled, numbers = labelled_by(after)
        known = "keep"
    if reserved := sorted({"encoder", "n_relations", "seed"} & options.keys()):
        raise SettingError(f"{reserved[0]!r} is not a setting of a method; pass it to discover directly")
    # the command line passes strings; errors are reported before any data is read
    checked = from_mapping(kind.SETTINGS, options)
    options = {name: getattr(checked, name) for name in options}
    check_known(known)
    if known != "raise" and labeled is None:
        raise SettingError(
            f"known is {known!r}, which has no effect without labelled instances; leave it out"
        )
    if relatedness is not None and none is None and precision is None:
        raise SettingError(
            "relatedness is given, but nothing is left out by it; give none or precision, too, or leave it out"
        )
    check_labels(kind.NAME, kind.LABELS, given=labeled is not None)
    given = as_instances(instances)
    array = None if vectors is None else checked_vectors(vectors, len(given), "vectors is")
    bare = [instance.without_relation() for instance in given]
    # those that go with the default method were not given
    chosen = {name: value for name, value in options.items() if TEXT_SETTINGS.get(name) != value}
    warnings = [*check_instances(bare), *unused_settings(chosen, n_relations)]
    learnt_from: list[RelationInstance] | None = None
    if labeled is not None:
        learnt_from, left_out = apart(given, _checked(labeled), known=known)
        warnings += left_out
    del given
    check_enough(n_relations, len(bare))
    if array is not None:
        encoder = Precomputed(encoder, bare, array)
    if encoder is None:
        default = default_encoder(kind, every_pair=precision is not None)
        encoder = TransformerEncoder(settings_for(RELATION, default=default))
    if isinstance(encoder, TransformerEncoder):
        encoder = encoder.with_types_of([*bare, *(learnt_from or ())])
    # an encoder next to given vectors did not make them, and that of a method that reads features is not run
    unread = array is not None or kind.READS == "features"
    readable = 1.0 if unread else known_share(encoder, [instance.text for instance in bare])
    if warning := unknown_token_warning(1 - readable, name_of(encoder)):
        check_share(1 - readable, warning, allow_unknown_tokens=allow_unknown_tokens)
        warnings.append(warning)
    if precision is not None:
        from relscout.text.spacy_pipeline import with_syntax

        bare = with_syntax(bare)
    if (none is not None or precision is not None) and options.get("open_world"):
        # the relatedness model recognises unrelated pairs then; a value that was given is checked by the wrapper
        options.setdefault("no_relation_fnr", 0.0)
    estimator = kind(encoder, n_relations=n_relations, seed=seed, **options)
    if check_training and getattr(kind, "TRAINS", False):
        from relscout.methods.training_check import TrainingCheck, assigns_known

        if not assigns_known(estimator.settings()):
            estimator = TrainingCheck(estimator)
    if none is not None or precision is not None:
        from relscout.methods.unrelated import NoRelationWrapper

        estimator = NoRelationWrapper(estimator, none, precision=precision, relatedness_model=relatedness)
    # canonical order, so that the order of the input does not matter
    order = canonical_order(bare)
    ordered = [bare[row] for row in order]
    try:
        estimator.fit(ordered, learnt_from, progress=progress, checkpoints=checkpoints)
    except InputError as error:
        if warning is None:
            raise
        raise InputError(f"{warning}; so it failed: {error}") from error
    if getattr(kind, "TRAINS", False):
        estimator = without_check(estimator)
    fitted = time.perf_counter()
    progress("describe", 0, None)
    # no relation is -1, the last column
    confidences = estimator.probabilities_[np.arange(len(ordered)), estimator.labels_]
    related = estimator.related_
    if related is not None:
        confidences = among_relations(estimator.probabilities_, estimator.labels_)
    # texts with unknown tokens lower the confidence
    confidences = (confidences * readable).astype(np.float32)
    # features, such as a pair of entity types, are meant to be equal in different texts
    same = 0.0 if kind.READS == "features" else identical_share(ordered, estimator.vectors_)
    warnings += identical_warnings(same, encoder)
    relations = describe(ordered, estimator.labels_, confidences, estimator)
    back = np.argsort(order)
    run = run_record(
        estimator,
        seed=seed,
        data=_counts(bare) | ({} if learnt_from is None else _labelled_counts(learnt_from)),
        warnings=warnings,
        seconds={"fit": fitted - started, "describe": time.perf_counter() - fitted},
        choice=choice,
    )
    assignments = Assignments(
        bare,
        estimator.labels_[back],
        confidences[back],
        None if related is None else related[back],
        polarities_of(bare, estimator.labels_[back]),
    )
    discovery = Discovery(relations, assignments, estimator, run)
    if after:
        from relscout.discovery.earlier import first_free, numbered_after

        discovery = numbered_after(discovery, numbers, free=first_free(after))
    if precision is not None:
        from relscout.discovery.refinement import without_narrow_names

        discovery = replace(discovery, relations=without_narrow_names(discovery.relations))
        discovery = with_refinement(merged_by_name(discovery))
    if hierarchy:
        ids = discovery.assignments.relation_ids[order]
        tree = [parent.as_dict() for parent in hierarchy_of(discovery.relations, ids, estimator.vectors_)]
        discovery = replace(discovery, run={**discovery.run, "hierarchy": tree})
    return discovery


def _checked_kind(kind: object) -> type[Estimator]:
    try:
        return check_method(kind)
    except SettingError as error:
        raise SettingError(f"method is neither a name, nor a method's class or estimator: {error}") from error


def without_check(estimator: Estimator) -> Estimator:
    """Return a fitted estimator in which a :class:`TrainingCheck` is replaced by the method that it kept."""
    from relscout.methods.training_check import TrainingCheck
    from relscout.methods.unrelated import NoRelationWrapper

    if isinstance(estimator, TrainingCheck):
        return estimator.kept_
    if isinstance(estimator, NoRelationWrapper) and isinstance(estimator.method, TrainingCheck):
        estimator.method = estimator.method.kept_
    return estimator


def merged_by_name(discovery: Discovery) -> Discovery:
    """Return a discovery in which relations with the same name and the same coarse types are merged.

    With every pair of a text as an instance, there are many clusters, and naming distinguishes equal names by types or
    numbers although they express the same relation.
    """
    groups: dict[tuple[str, tuple[str, str]], list[int]] = {}
    for relation in discovery.relations:
        if relation.types is not None:
            head, tail = (coarse_type(kind) for kind in relation.types)
            groups.setdefault((bare_name(relation.name), (head, tail)), []).append(relation.id)
    for (name, _), ids in groups.items():
        if len(ids) < 2:
            continue
        discovery = discovery.merge(ids)
        largest = next(relation for relation in discovery.relations if relation.id in ids)
        others = {other for id, other in discovery.names.items() if id != largest.id}
        typed = f"{name} ({' – '.join(kind or '?' for kind in largest.types or ())})"
        if (
            better := next((wish for wish in (name, typed) if wish not in others), largest.name)
        ) != largest.name:
            renamed = replace(
                discovery.rename(largest.id, better).relation(largest.id), pattern=largest.pattern
            )
            parts = tuple(
                renamed if relation.id == largest.id else relation for relation in discovery.relations
            )
            discovery = replace(discovery, relations=parts)
    return discovery


def with_refinement(discovery: Discovery) -> Discovery:
    """Return a discovery in which explicit wording overrides the clusters."""
    from relscout.discovery.earlier import first_free
    from relscout.discovery.refinement import refine

    free = first_free([discovery])
    relations, assignments, refinement = refine(discovery.relations, discovery.assignments, free=free)
    left = {relation.id for relation in relations}
    labels = {label: discovery.merged.get(label, label) for label in range(discovery.model.n_relations_)}
    # a relation without pairs is dropped, also for new text
    merged = {label: id if id in left else -1 for label, id in labels.items()}
    return replace(
        discovery,
        relations=relations,
        assignments=assignments,
        merged={label: id for label, id in merged.items() if label != id},
        run={
            **discovery.run,
            "refinement": refinement.as_json(),
            "next_number": max([free, *(id + 1 for id in left)]),
        },
    )


def identical_warnings(same: float, encoder: Encoder) -> list[str]:
    """Return a warning if too many instances have the vector of another text.

    Args:
        same: Their share, in [0, 1].
        encoder: The encoder.
    """
    if same <= _MOST_IDENTICAL:
        return []
    return [
        f"{same:.0%} of the instances have the same vector as instances with another text, so that nothing can "
        f"distinguish them; does the encoder {name_of(encoder)!r} know their language?"
    ]


def run_record(
    estimator: Estimator,
    *,
    seed: int,
    data: Mapping[str, Any],
    warnings: Sequence[str],
    seconds: Mapping[str, float],
    choice: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``run`` of a discovery says of its fit.

    Args:
        estimator: The fitted method.
        seed: Random seed.
        data: Counts of the corpus.
        warnings: Warnings of the corpus; those of the method are added.
        seconds: Seconds that each step took.
        choice: How the method was chosen, if it was.
    """
    return {
        "method": estimator.NAME,
        "settings": dict(estimator.settings()),
        "seed": int(seed),
        "data": dict(data),
        "n_relations": estimator.n_relations_,
        **estimator.report_,
        **(choice or {}),
        "warnings": [*warnings, *estimator.report_.get("warnings", [])],
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
        "versions": versions(*_PACKAGES),
    }


def _checked(labeled: Given) -> list[RelationInstance]:
    instances = as_instances(labeled, what="labeled")
    for instance in instances:
        check_unicode(instance)
    return instances


def _counts(instances: Sequence[RelationInstance]) -> dict[str, Any]:
    types = Counter(kind for instance in instances for kind in instance.type_pair if kind is not None)
    return {
        "instances": len(instances),
        "texts": len({instance.text for instance in instances}),
        "entity_pairs": len({(instance.head_text, instance.tail_text) for instance in instances}),
        "entity_types": dict(sorted(types.items())),
    }


def _labelled_counts(labeled: Sequence[RelationInstance]) -> dict[str, int]:
    return {"labelled": len(labeled), "labelled_relations": len({instance.relation for instance in labeled})}


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of installed packages; ``unknown`` for one that is not installed."""
    installed = {"python": platform.python_version()}
    for package in packages:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "unknown"
    return installed
