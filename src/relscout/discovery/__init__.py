"""From instances to named relations: the main function, ``discover``."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.settings import from_mapping
from relscout.discovery.relation import (
    Assignments,
    ParentRelation,
    Relation,
    among_relations,
    hierarchy_of,
    polarities_of,
    unlike,
)
from relscout.discovery.result import Discovery, load
from relscout.encoders import (
    Encoder,
    EncoderSettings,
    Precomputed,
    TransformerEncoder,
    can_encode,
    check_encoder_like,
    checked_vectors,
    known_share,
    name_of,
    unknown_token_warning,
)
from relscout.encoders.settings import RELATION, settings_for
from relscout.io.readers.given import Given, as_instances
from relscout.methods import Estimator, check_method
from relscout.methods import method as method_class
from relscout.methods.estimator import NRelations, check_enough, check_labels
from relscout.naming import RelationName, bare_name, name_relations
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

#: What becomes of relations that are labelled and stand among the unlabelled instances, too.
Known = Literal["raise", "drop", "keep"]
_CHOICES = ("raise", "drop", "keep")
_NAMED = 3


def check_known(known: str) -> None:
    """Check the choice itself.

    Raises:
        UnknownNameError: There is no such choice.
    """
    if known not in _CHOICES:
        raise UnknownNameError("choice for known relations", known, _CHOICES)


def apart(
    unlabeled: Sequence[RelationInstance], labeled: Sequence[RelationInstance], *, known: Known
) -> tuple[list[RelationInstance], list[str]]:
    """Return the labelled instances that a method may learn from, and messages about those left out.

    Gold relations of the unlabelled instances are read here and nowhere else, and only to check whether a label gives
    away the answer.

    Args:
        unlabeled: The corpus, with gold relations where they are known.
        labeled: Instances with gold relations.
        known: Of relations on both sides, ``raise`` an error, ``drop`` the labelled instances, or ``keep`` them.

    Raises:
        InputError: A labelled instance has no relation, relations stand on both sides, or fewer than two are left.
    """
    from relscout.training.labels import check_labelled, check_left, content

    check_labelled(labeled)
    warnings: list[str] = []
    kept = list(labeled)
    both = sorted(
        {str(one.relation) for one in labeled} & {one.relation for one in unlabeled if one.relation}
    )
    if both and known == "raise":
        raise InputError(
            f"{_relations(both)} labelled and among the gold relations of the instances to be clustered; leave the "
            "labelled ones out with --known drop (known='drop' in Python), which is how novel relations are evaluated, "
            "or allow it with --known keep where the corpus is meant to hold known relations"
        )
    if both and known == "drop":
        kept = [one for one in kept if one.relation not in both]
        warnings.append(
            f"{len(labeled) - len(kept)} labelled instances were left out: {_relations(both)} among the gold relations "
            "of the instances to be clustered"
        )
    unseen = {content(one) for one in unlabeled}
    n_before = len(kept)
    kept = [one for one in kept if content(one) not in unseen]
    if n_before > len(kept):
        warnings.append(
            f"{n_before - len(kept)} labelled instances were left out: the same sentences with the same mentions are "
            "to be clustered"
        )
    check_left(kept, warnings)
    return kept, warnings


def _relations(names: Sequence[str]) -> str:
    """Return how many relations there are and the first few names, with the verb."""
    named = ", ".join(map(repr, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")
    return f"1 relation ({named}) is" if len(names) == 1 else f"{len(names)} relations ({named}) are"


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

#: How relations are found where every pair of entities of a text is an instance. A corpus has few large relations and
#: many small ones, which average linkage finds and k-means, whose clusters are much of a size, does not. The distance
#: was chosen on Re-DocRED's ``dev`` documents, where higher values give larger and less pure relations.
TEXT_METHOD = "hac"
#: Expected share of related pairs among those that are kept, where nothing else is asked for.
TEXT_PRECISION = 0.8
TEXT_SETTINGS: Mapping[str, Any] = {
    "linkage": "average",
    "distance": "cosine",
    "apart": 0.41,
    "smallest": 0,
    "directions": 0,
}
#: What a representation reads there: the types of the two are known from the recogniser, and say much.
_TEXT_POOLING = f"{EncoderSettings().pooling}+coarse-types*1.5"


def default_encoder(kind: type[Estimator], *, every_pair: bool) -> EncoderSettings:
    """Return how a method reads an encoder by default.

    Args:
        kind: The method.
        every_pair: Whether every pair of entities of a text is an instance, with the types that a recogniser gave.
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
    none: Share | Judged | None = None,
    precision: float | None = None,
    relatedness: Relatedness | None = None,
    hierarchy: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = silent,
    checkpoints: Path | None = None,
) -> Discovery:
    """Find the relations that a corpus expresses, name them, and assign each instance to one.

    The order of the instances does not change the result, and their gold relations are removed before any method
    sees them.

    Args:
        instances: The corpus: instances, dictionaries as in our JSON Lines, or a pandas, polars or pyarrow frame with
            the columns of our tables (see :func:`relscout.io.readers.given.as_instances`).
        method: A name (see :func:`relscout.methods.method_names`), a class, or an estimator that is not fitted, which
            brings its parameters and stays as it is. When left out, ``kmeans``, or with a ``precision`` that of
            :data:`TEXT_METHOD` with :data:`TEXT_SETTINGS`.
        n_relations: Number of relations, or ``"auto"`` to estimate it.
        encoder: Gives the relation representations; ``relation``, the bundled encoder with what it learnt of relations,
            read as the method reads it, when left out. Any object with ``encode(instances)`` and ``fingerprint`` is an
            encoder (:class:`relscout.encoders.Encoder`).
        vectors: Representations of the instances that you have already (N, D), finite numbers, one row for each
            instance in the order in which they are given. Methods that train an encoder cannot use them: ``kmeans``,
            ``hac`` and others on frozen vectors can. Without ``encoder``, the run cannot be saved, and only the same
            instances can be predicted; with it, that encodes everything else.
        seed: Draws everything random; the same seed on the same machine gives the same result.
        labeled: Instances with gold relations that are not to be found, for methods that learn from some, in any form
            that ``instances`` may have.
        known: What becomes of relations that are labelled and stand among the gold relations of ``instances``, too:
            ``raise`` an error, ``drop`` the labelled instances, or ``keep`` them.
        after: Earlier runs, the oldest first, of which this corpus is a later batch: what they have found is labelled,
            and keeps its names and numbers; ``n_relations`` is the number of novel relations. For ``transfer``.
        none: Share of the corpus that expresses no relation, in [0, 1), ``"auto"`` to estimate it, or instances
            that somebody has judged (see :class:`relscout.methods.unrelated.NoRelationWrapper`); ``None`` gives
            every instance a relation.
        precision: For text in which every pair of entities is an instance: pairs are left out that the relatedness
            model does not hold to be related, so many that this share of the others is expected to be, in (0, 1].
            With judged instances as ``none``, these calibrate the model first.
        relatedness: The relatedness model, in place of the one that comes with relscout.
        hierarchy: Whether the relations are arranged in a tree, for :attr:`Discovery.parents`.
        settings: Settings of the method by name.
        progress: Progress callback.
        checkpoints: Folder for work in progress: a method that trains resumes from it after an interruption.

    Raises:
        InputError: There are no instances, fewer (different) ones than relations, two different ones with one id, or
            the labelled instances cannot be learnt from.
        SettingError: A setting cannot work.
        UnknownNameError: There is no such method or setting.
    """
    started = time.perf_counter()
    options = dict(settings or {})
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
            raise SettingError(f"known is {known!r}, but relations of earlier runs are kept; leave it out")
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
        raise SettingError(f"{reserved[0]!r} is no setting of a method; give it to discover itself")
    # a command line gives texts; what cannot work is reported before anything is read
    checked = from_mapping(kind.SETTINGS, options)
    options = {name: getattr(checked, name) for name in options}
    check_known(known)
    check_labels(kind.NAME, kind.LABELS, given=labeled is not None)
    given = as_instances(instances)
    array = None if vectors is None else checked_vectors(vectors, len(given), "vectors is")
    bare = [instance.without_relation() for instance in given]
    warnings = _check(bare)
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
    readable = known_share(encoder, [one.text for one in bare])
    if warning := unknown_token_warning(1 - readable, name_of(encoder)):
        warnings.append(warning)
    if precision is not None:
        from relscout.text.spacy_pipeline import with_syntax

        bare = with_syntax(bare)
    estimator = kind(encoder, n_relations=n_relations, seed=seed, **options)
    if none is not None or precision is not None:
        from relscout.methods.unrelated import NoRelationWrapper

        estimator = cast(
            Estimator, NoRelationWrapper(estimator, none, precision=precision, relatedness=relatedness)
        )
    # methods get an order that the instances decide, so that the order of the input cannot matter
    order = canonical_order(bare)
    ordered = [bare[row] for row in order]
    try:
        estimator.fit(ordered, learnt_from, progress=progress, checkpoints=checkpoints)
    except InputError as error:
        if warning is None:
            raise
        raise InputError(f"{warning}; so it failed: {error}") from error
    fitted = time.perf_counter()
    progress("describe", 0, None)
    # no relation is -1, and its column the last one
    confidences = estimator.probabilities_[np.arange(len(ordered)), estimator.labels_]
    related = estimator.related_
    if related is not None:
        confidences = among_relations(estimator.probabilities_, estimator.labels_)
    # of texts that the encoder cannot read, nothing is sure
    confidences = (confidences * readable).astype(np.float32)
    relations = describe(ordered, estimator.labels_, confidences, estimator)
    back = np.argsort(order)
    run = {
        "method": kind.NAME,
        "settings": dict(estimator.settings()),
        "seed": int(seed),
        "data": _counts(bare) | ({} if learnt_from is None else _labelled_counts(learnt_from)),
        "n_relations": estimator.n_relations_,
        **estimator.report_,
        "warnings": warnings + list(estimator.report_.get("warnings", [])),
        "seconds": {"fit": round(fitted - started, 3), "describe": round(time.perf_counter() - fitted, 3)},
        "versions": _versions(),
    }
    assignments = Assignments(
        bare,
        estimator.labels_[back],
        confidences[back],
        None if related is None else related[back],
        polarities_of(bare, estimator.labels_[back]),
    )
    found = Discovery(relations, assignments, estimator, run)
    if after:
        from relscout.discovery.earlier import first_free, numbered_after

        found = numbered_after(found, numbers, free=first_free(after))
    if precision is not None:
        from relscout.discovery.refinement import without_narrow_names

        found = replace(found, relations=without_narrow_names(found.relations))
        found = with_refinement(merged_by_name(found))
    if hierarchy:
        ids = found.assignments.relation_ids[order]
        tree = [one.as_dict() for one in hierarchy_of(found.relations, ids, estimator.vectors_)]
        found = replace(found, run={**found.run, "hierarchy": tree})
    return found


def _checked_kind(kind: object) -> type[Estimator]:
    try:
        return check_method(kind)
    except SettingError as error:
        raise SettingError(f"method is neither a name, nor a method's class or estimator: {error}") from error


def merged_by_name(found: Discovery) -> Discovery:
    """Return a discovery in which relations of one name between entities of the same coarse types are one.

    Where each pair of a text is an instance, clusters are many, and naming adds entity types or numbers to those of one
    name. Clusters with the same name between entities of the same kind express the same relation.
    """
    groups: dict[tuple[str, tuple[str, str]], list[int]] = {}
    for relation in found.relations:
        if relation.types is not None:
            head, tail = (coarse_type(kind) for kind in relation.types)
            groups.setdefault((bare_name(relation.name), (head, tail)), []).append(relation.id)
    for (name, _), ids in groups.items():
        if len(ids) < 2:
            continue
        found = found.merge(ids)
        kept = next(one for one in found.relations if one.id in ids)
        others = {other for id, other in found.names.items() if id != kept.id}
        typed = f"{name} ({' – '.join(kind or '?' for kind in kept.types or ())})"
        if (better := next((wish for wish in (name, typed) if wish not in others), kept.name)) != kept.name:
            renamed = replace(found.rename(kept.id, better).relation(kept.id), pattern=kept.pattern)
            parts = tuple(renamed if one.id == kept.id else one for one in found.relations)
            found = replace(found, relations=parts)
    return found


def with_refinement(found: Discovery) -> Discovery:
    """Return a discovery in which explicit wording overrides the clusters."""
    from relscout.discovery.earlier import first_free
    from relscout.discovery.refinement import refine

    free = first_free([found])
    relations, assignments, refinement = refine(found.relations, found.assignments, free=free)
    left = {one.id for one in relations}
    labels = {label: found.merged.get(label, label) for label in range(found.model.n_relations_)}
    # what has no pair left is no relation, and new text that is nearest to it has none
    merged = {label: id if id in left else -1 for label, id in labels.items()}
    return replace(
        found,
        relations=relations,
        assignments=assignments,
        merged={label: id for label, id in merged.items() if label != id},
        run={
            **found.run,
            "refinement": refinement.as_json(),
            "next_number": max([free, *(id + 1 for id in left)]),
        },
    )


def _check(instances: Sequence[RelationInstance]) -> list[str]:
    if not instances:
        raise InputError("there are no instances to find relations in")
    by_id: dict[str, RelationInstance] = {}
    n_repeated = 0
    for instance in instances:
        _check_unicode(instance)
        other = by_id.setdefault(instance.id, instance)
        if other is not instance:
            n_repeated += 1
            if _spans(other) != _spans(instance):
                raise InputError(
                    f"two different instances have the id {instance.id!r} ({other.source or 'no source'}; "
                    f"{instance.source or 'no source'}); ids must be unique, or left out"
                )
    return [f"{n_repeated} of {len(instances)} instances repeat another one exactly"] if n_repeated else []


def _checked(labeled: Given) -> list[RelationInstance]:
    found = as_instances(labeled, what="labeled")
    for instance in found:
        _check_unicode(instance)
    return found


def _check_unicode(instance: RelationInstance) -> None:
    mentions = (instance.head, instance.tail)
    texts = [value for one in mentions for value in (one.type, one.entity_id) if value is not None]
    try:
        "".join([instance.id, instance.text, instance.source, *texts]).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"instance {instance.id!a} ({instance.source!a}) holds half a surrogate pair, which is not Unicode text "
            "and which no file can hold; was an emoji cut in two?"
        ) from error


def _spans(instance: RelationInstance) -> tuple[object, ...]:
    head, tail = instance.head, instance.tail
    return instance.text, head.start, head.end, tail.start, tail.end


def _counts(instances: Sequence[RelationInstance]) -> dict[str, Any]:
    types = Counter(kind for instance in instances for kind in instance.type_pair if kind is not None)
    return {
        "instances": len(instances),
        "texts": len({instance.text for instance in instances}),
        "entity_pairs": len({(instance.head_text, instance.tail_text) for instance in instances}),
        "entity_types": dict(sorted(types.items())),
    }


def _labelled_counts(labeled: Sequence[RelationInstance]) -> dict[str, int]:
    return {"labelled": len(labeled), "labelled_relations": len({one.relation for one in labeled})}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


#: Examples kept for each relation, and how many of the most central instances they are picked from.
_EXAMPLES, _POOL = 12, 60
#: A relation is another's inverse where at least this share of its examples, read backwards, falls into the other.
_INVERSE_SHARE = 0.6


def describe(
    instances: Sequence[RelationInstance],
    labels: NDArray[np.int64],
    confidences: NDArray[np.float32],
    model: Estimator,
) -> tuple[Relation, ...]:
    """Describe every relation of a fitted method, in the order of their numbers.

    Args:
        instances: The fitted instances, in the order in which they were fitted.
        labels: Relation of each (N,), int64; -1 for none.
        confidences: Confidence of each assignment (N,), float32.
        model: The fitted method.
    """
    names = name_relations(instances, labels)
    # pre-defined relations that a method has recognised keep the names of the labels
    given = model.names_
    called = dict(given)
    for label, name in names.items():
        if label not in given:
            called[label] = unlike(set(called.values()), _read_from_head(name))
    examples = {
        label: _examples(np.flatnonzero(labels == label), instances, model.vectors_, confidences)
        for label in names
    }
    inverses: dict[int, int] = {}
    every_pair = (model.report_.get("relatedness") or {}).get("precision") is not None
    if not every_pair and can_encode(model.encoder):
        # where every pair of a text comes once, its head is chosen, and none is read the other way round
        inverses = _inverses(
            {label: [instances[row] for row in rows] for label, rows in examples.items()}, model
        )
    return tuple(
        Relation(
            id=label,
            name=called[label],
            pattern=f"HEAD {given[label]} TAIL" if label in given else name.pattern,
            size=int((labels == label).sum()),
            confidence=round(float(confidences[labels == label].mean()), 4),
            types=name.types,
            type_share=round(name.type_share, 4),
            head_first=round(name.head_first, 4),
            ngrams=tuple((words, round(weight, 4)) for words, weight in name.ngrams),
            inverse=inverses.get(label),
            examples=tuple(instances[row].id for row in examples[label]),
            mixed=name.mixed and label not in given,
            share=None if name.share is None or label in given else round(name.share, 4),
        )
        for label, name in names.items()
    )


def _read_from_head(name: RelationName) -> str:
    """Return the name so that "head, name, tail" is true: marked where the sentences say it from tail to head."""
    # "TAIL's mother HEAD" has no word "TAIL", so the pattern is read as it was made (see relscout.naming)
    backwards = name.pattern.endswith("… TAIL … HEAD") or (
        name.pattern.startswith("TAIL") and not name.pattern.endswith("… HEAD … TAIL")
    )
    return f"{name.name} (inverse)" if backwards else name.name


def _examples(
    rows: NDArray[np.int64],
    instances: Sequence[RelationInstance],
    vectors: NDArray[np.float32],
    confidences: NDArray[np.float32],
) -> list[int]:
    """Pick central instances that differ in wording: by turns the one least like those already picked.

    The first is the instance nearest the centroid; sentences and entity pairs do not repeat while others are left.
    """
    members = vectors[rows]
    centrality = members @ members.mean(axis=0) * confidences[rows]
    by_centrality = [int(place) for place in np.lexsort((rows, -centrality))]
    ids: set[str] = set()
    seen: set[tuple[str, ...]] = set()
    pool: list[int] = []
    repeated: list[int] = []
    for place in by_centrality:
        instance = instances[rows[place]]
        keys = {(instance.text,), (instance.head_text.lower(), instance.tail_text.lower())}
        if instance.id in ids:
            continue
        ids.add(instance.id)
        (repeated if keys & seen else pool).append(place)
        seen |= keys
        if len(pool) == _POOL:
            break
    if not pool:
        return []
    picked = [pool.pop(0)]
    likeness = members @ members[picked[0]]
    while pool and len(picked) < _EXAMPLES:
        best = max(pool, key=lambda place: centrality[place] - 0.5 * likeness[place])
        pool.remove(best)
        picked.append(best)
        likeness = np.maximum(likeness, members @ members[best])
    picked += repeated[: max(min(_EXAMPLES, 3) - len(picked), 0)]
    return [int(rows[place]) for place in picked]


def _inverses(examples: dict[int, list[RelationInstance]], model: Estimator) -> dict[int, int]:
    """Find relations that say the same the other way round, by reading their examples backwards."""
    asked = [(label, instance.swapped()) for label, chosen in examples.items() for instance in chosen]
    if not asked:
        return {}
    found = model.predict([instance for _, instance in asked])
    share: dict[int, dict[int, float]] = {label: {} for label in examples}
    for (label, _), other in zip(asked, found.tolist(), strict=True):
        share[label][other] = share[label].get(other, 0.0) + 1 / len(examples[label])
    inverses = {}
    for label, others in share.items():
        other = max(others, key=lambda candidate: (others[candidate], -candidate))
        # where a relation's own examples, read backwards, stay in it, it may be symmetric, or direction is not seen
        if (
            other != label
            and others[other] >= _INVERSE_SHARE
            and share.get(other, {}).get(label, 0.0) >= _INVERSE_SHARE
        ):
            inverses[label] = other
    return inverses
