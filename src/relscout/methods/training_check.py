"""Compares a method that trains with k-means on the frozen vectors, without gold relations, and keeps one of them.

Training can make relations worse: labels of another domain teach differences that do not matter in the corpus, and
self-training amplifies the errors of its first clusters. Two questions are asked, neither of which needs a label of the
corpus:

1. *Before training, for a method that learns from labelled relations:* does the corpus belong to their domain
   (:func:`relation_shift`)? The means of labelled relations scatter around their centre. The centre of as many other
   relations of the same domain lies within that scatter; that of a corpus of another domain does not.
2. *After training:* which partition agrees better with neighbours (:class:`Agreement`)? The modularity of both
   partitions is measured on two graphs that training has not changed: nearest neighbours by the frozen vectors, and by
   the words between and around the mentions. K-means follows the former by construction, so a trained partition may
   lose a little there; the words are a view that neither has optimised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import means
from relscout.clustering.neighbours import modularity, neighbour_graph
from relscout.core.errors import CollapsedError, DivergedError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.encoders import OnLoss
from relscout.methods.estimator import EncoderTraining, Estimator, NRelations, check_labels
from relscout.methods.kmeans import KMeans
from relscout.methods.vectors import encode
from relscout.training.stored import trainable

if TYPE_CHECKING:
    from relscout.encoders import Encoder

#: Fewest instances for which graphs of neighbours say anything, and most of which they are built.
FEWEST, _SAMPLE = 100, 2500
#: Largest number of labelled instances that are encoded to compare the domains.
_LABELLED = 2000
#: Neighbours of each instance, as in the estimate of the number of relations.
_NEIGHBOURS = 20
#: Characters before the first and after the last mention that count as wording.
_AROUND = 25
#: Largest shift at which labels are expected to help. Among three draws of Wiki80 it is 0.6 to 1.1 (frozen MiniLM);
#: between these, SemEval and ChemProt, 8 to 48.
MOST_SHIFT = 3.0
#: Modularity, as a share of that of k-means, that a trained partition must reach by vectors, and by wording. The gold
#: relations of two development draws reach 0.92 and 0.77 by vectors, 1.29 and 1.41 by wording.
LEAST_STRUCTURE, LEAST_WORDING = 0.7, 1.0


@dataclass(frozen=True)
class Agreement:
    """How well a partition agrees with graphs of neighbours: its modularity on each, in [-0.5, 1].

    Args:
        vectors: By the frozen vectors.
        wording: By the words between and around the mentions; ``None`` if hardly any instances share words.
    """

    vectors: float
    wording: float | None


class Neighbourhoods:
    """The graphs of neighbours of a corpus.

    Args:
        instances: N instances, at least :data:`FEWEST`.
        vectors: Their frozen vectors (N, D), float32, of unit length.
        seed: Draws the instances of the graphs, if there are more than 2,500.
    """

    def __init__(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32], *, seed: int
    ) -> None:
        # canonical order, so that the order of the input does not matter
        order = np.array(canonical_order(instances))
        if len(order) > _SAMPLE:
            drawn = generator(seed, "training check").choice(len(order), _SAMPLE, replace=False)
            order = order[np.sort(drawn)]
        self._rows = order
        sample = vectors[order]
        self._by_vectors = neighbour_graph(sample @ sample.T, _NEIGHBOURS)
        self._by_wording = _wording_graph([instances[row] for row in order])

    def agreement(self, labels: NDArray[np.int64]) -> Agreement:
        """Return the agreement of a partition, given the cluster of each instance (N,), int64."""
        _, sampled = np.unique(labels[self._rows], return_inverse=True)
        k = int(sampled.max()) + 1
        wording = None if self._by_wording is None else modularity(self._by_wording, sampled, k)
        return Agreement(modularity(self._by_vectors, sampled, k), wording)


def _wording_graph(instances: Sequence[RelationInstance]) -> Any:
    """Return the graph of neighbours by wording (N, N), or ``None`` if hardly any instances share words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [_wording(instance) for instance in instances]
    try:
        # words of a third of the corpus say little about its relations
        weights = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_df=0.3).fit_transform(
            texts
        )
    except ValueError:  # no word is left
        return None
    similarity = np.asarray((weights @ weights.T).todense(), dtype=np.float32)
    graph = neighbour_graph(similarity, _NEIGHBOURS)
    # neighbours that share no word are chosen by their place
    graph = graph.multiply(similarity > 0).tocsr()
    graph.eliminate_zeros()
    return graph if graph.nnz >= _NEIGHBOURS * len(texts) / 2 else None


def _wording(instance: RelationInstance) -> str:
    """Return the words around and, twice, between the mentions, with the order of head and tail as one word."""
    first, last = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    order = "headfirst" if first is instance.head else "tailfirst"
    text = instance.text
    before, between = text[max(0, first.start - _AROUND) : first.start], text[first.end : last.start]
    return f"{before} {order} {between} {between} {text[last.end : last.end + _AROUND]}"


def relation_shift(
    vectors: NDArray[np.float32],
    labelled: NDArray[np.float32],
    classes: NDArray[np.int64],
    n_relations: float,
) -> float:
    """Return how far the centre of a corpus lies from that of labelled relations, relative to their scatter.

    With the mean m of the corpus, the means m_c of K′ labelled relations, and their mean m̄, this is::

        ‖m − m̄‖² / (s² (1 / K′ + 1 / K)),    s² = Σ_c ‖m_c − m̄‖² / (K′ − 1)

    If all relations are draws from one population, it is about 1, since their vectors vary in many dimensions.

    Args:
        vectors: Vectors of the corpus (N, D), float32.
        labelled: Vectors of labelled instances (M, D), float32.
        classes: Relation of each of these (M,), int64, from 0 to K′ - 1, each of which occurs; K′ is at least 2.
        n_relations: Number of relations K of the corpus, above 0; if they differ in size, the number of as many equal
            ones, 1 / Σ p² of their shares p.
    """
    n_classes = int(classes.max()) + 1
    of_classes = means(labelled, classes, n_classes).astype(np.float64)
    centre = of_classes.mean(axis=0)
    scatter = float(((of_classes - centre) ** 2).sum()) / (n_classes - 1)
    distance = float(((vectors.mean(axis=0, dtype=np.float64) - centre) ** 2).sum())
    return distance / max(scatter * (1 / n_classes + 1 / n_relations), 1e-12)


@dataclass(frozen=True)
class Verdict:
    """Which of two fitted methods is kept, and why.

    Args:
        trained: Whether it is the trained one.
        why: The reason, part of a sentence.
        evidence: What was measured, as JSON values.
    """

    trained: bool
    why: str
    evidence: Mapping[str, Any]


def compare(start: Agreement, trained: Agreement) -> Verdict:
    """Return which partition agrees better with the neighbours.

    Args:
        start: Agreement of k-means.
        trained: Agreement of the partition after training.
    """
    evidence = {
        "vectors": [round(start.vectors, 4), round(trained.vectors, 4)],
        "wording": None
        if start.wording is None or trained.wording is None
        else [round(start.wording, 4), round(trained.wording, 4)],
    }
    if trained.vectors < LEAST_STRUCTURE * start.vectors:
        why = (
            f"training separated neighbours by the frozen vectors (modularity {trained.vectors:.3f}, "
            f"k-means {start.vectors:.3f})"
        )
        return Verdict(False, why, evidence)
    if start.wording is None or trained.wording is None:
        return Verdict(False, "hardly any instances share words, so that nothing shows a gain", evidence)
    compared = f"(modularity {trained.wording:.3f}, k-means {start.wording:.3f})"
    if trained.wording < LEAST_WORDING * start.wording:
        return Verdict(False, f"training separated instances of similar wording {compared}", evidence)
    return Verdict(True, f"training brought instances of similar wording together {compared}", evidence)


class TrainingCheck(Estimator):
    """A method that trains, and k-means on its frozen vectors: both are fitted, and one of them is kept.

    After the fit, this behaves as the one that is kept, :attr:`kept_`, which ``save`` writes; it is loaded as such. A
    training that diverges or collapses is given up. With fewer than :data:`FEWEST` instances nothing can be
    compared: the method is fitted and kept, as if alone.

    Args:
        method: The method that trains, not fitted; it must not assign instances to labelled relations, which k-means
            cannot.

    Attributes:
        kept_: The fitted method that is kept: ``method``, or a :class:`relscout.methods.kmeans.KMeans`. Its report
            has an entry ``choice`` if the two were compared, and a warning if k-means is kept.
    """

    _NOT_SETTINGS = frozenset({"method"})
    #: Attributes that are those of the method that is kept, or of the method before the fit.
    _OF_THE_METHOD = frozenset(
        [
            "NAME",
            "CITATION",
            "LABELS",
            "ENCODER",
            "KNOWN_SETTING",
            "TRAINS",
            "seed",
            "n_relations",
            "n_relations_",
            "names_",
            "related_",
            "labels_",
            "probabilities_",
            "vectors_",
            "report_",
            "predefined_",
        ]
    )

    method: Estimator
    kept_: Estimator

    def __init__(self, method: Estimator) -> None:
        self._store(locals())

    def __getattr__(self, name: str) -> Any:
        if name in self._OF_THE_METHOD and "method" in self.__dict__:
            return getattr(self._current, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _current(self) -> Estimator:
        current: Estimator = self.__dict__.get("kept_", self.method)
        return current

    @property
    def encoder(self) -> Encoder:
        """The encoder of the method."""
        return self._current.encoder

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Fit k-means and the method, and keep one of them.

        Raises:
            InputError: As the method.
            SettingError: As the method, except that a training that diverges or collapses is no error; or the method
                assigns instances to labelled relations.
        """
        self.__dict__.pop("kept_", None)
        method, name = self.method, self.method.NAME
        if assigns_known(method.settings()):
            raise SettingError(
                f"this {name!r} assigns instances to labelled relations, and k-means cannot, so that the two cannot "
                "be compared; fit it without TrainingCheck"
            )
        # errors come before long work
        check_labels(name, method.LABELS, given=labeled is not None)
        if isinstance(method, EncoderTraining):
            trainable(name, method.encoder)
        if len(unlabeled) < FEWEST:
            self.kept_ = method.fit(unlabeled, labeled, progress=progress, checkpoints=checkpoints)
            return self
        # a method without this setting estimates the number of relations in a way of its own
        largest = getattr(method, "max_relations", None)
        limit = {} if largest is None else {"max_relations": largest}
        start = KMeans(method.encoder, n_relations=method.n_relations, seed=method.seed, **limit)
        start.fit(unlabeled, progress=progress)
        verdict = self._before(start, labeled, progress)
        if verdict is not None:
            return self._keep(start, verdict, given_up=name)
        try:
            n_relations = method.n_relations if largest is None else start.n_relations_
            self._train(n_relations, unlabeled, labeled, progress, checkpoints)
        except (CollapsedError, DivergedError) as error:
            return self._keep(start, Verdict(False, str(error), {}), given_up=name)
        graphs = Neighbourhoods(unlabeled, start.vectors_, seed=method.seed)
        verdict = compare(graphs.agreement(start.labels_), graphs.agreement(method.labels_))
        if verdict.trained:
            if largest is not None and (curve := start.report_.get("k_curve")):
                method.report_["k_curve"] = curve
            return self._keep(method, verdict, given_up="")
        return self._keep(start, verdict, given_up=name)

    def _before(
        self, start: KMeans, labeled: Sequence[RelationInstance] | None, progress: Progress
    ) -> Verdict | None:
        """Return a verdict where training is not worth its time, else ``None``."""
        if labeled is None:
            return None
        sample = [labeled[place] for place in canonical_order(labeled)]
        if len(sample) > _LABELLED:
            drawn = generator(self.method.seed, "training check, labelled").choice(
                len(sample), _LABELLED, replace=False
            )
            sample = [sample[place] for place in np.sort(drawn)]
        names = [str(instance.relation) for instance in sample]
        if len(Counter(names)) < 2:
            return None
        _, classes = np.unique(names, return_inverse=True)
        bare = [instance.without_relation() for instance in sample]
        vectors = encode(self.method.encoder, bare, progress=progress)
        sizes = np.bincount(start.labels_).astype(np.float64)
        # the centre of a corpus with a few frequent relations scatters like that of these few
        effective = float(sizes.sum() ** 2 / (sizes**2).sum())
        shift = relation_shift(start.vectors_, vectors, classes, effective)
        if shift <= MOST_SHIFT:
            return None
        why = (
            "the corpus is of another domain than the labelled relations (squared distance of their centres: "
            f"{shift:.1f} times that within a domain, and {MOST_SHIFT:g} is the limit)"
        )
        return Verdict(False, why, {"shift": round(shift, 3)})

    def _train(
        self,
        n_relations: NRelations,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None,
        progress: Progress,
        checkpoints: Path | None,
    ) -> None:
        """Fit the method with a number of relations, and leave its parameters as they are."""
        asked = self.method.n_relations
        self.method.n_relations = n_relations
        try:
            self.method.fit(unlabeled, labeled, progress=progress, checkpoints=checkpoints)
        finally:
            self.method.n_relations = asked

    def _keep(self, kept: Estimator, verdict: Verdict, *, given_up: str) -> Self:
        """Keep a fitted method, and report why.

        Args:
            kept: The method.
            verdict: Why.
            given_up: Name of the method that trains, if k-means is kept.
        """
        self.kept_ = kept
        kept.report_["choice"] = {
            "method": kept.NAME,
            "compared_with": given_up or KMeans.NAME,
            "why": verdict.why,
            **verdict.evidence,
        }
        if given_up:
            line = f"{kept.NAME} was kept instead of {given_up}: {verdict.why}"
            kept.report_["warnings"] = [line, *kept.report_.get("warnings", ())]
        return self

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1."""
        return self._current.predict_proba(instances, progress=progress, on_loss=on_loss)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32."""
        return self._current.transform(instances, progress=progress)

    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the method that is kept, or of the method before the fit."""
        return self._current.settings()

    def save(self, folder: Path) -> None:
        """Write the method that is kept to a folder; :func:`relscout.methods.load_fitted` reads it as such.

        Raises:
            SettingError: Nothing was fitted yet.
            OutputError: The folder holds other files or cannot be written.
        """
        self._current.save(folder)

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Read the method that was kept from a folder; see :func:`relscout.methods.load_fitted`.

        Raises:
            ArtifactError: The folder does not hold a fitted method, or the encoder is missing or differs.
        """
        from relscout.methods import load_fitted

        kept = load_fitted(folder, encoder=encoder)
        loaded = cls(kept)
        loaded.kept_ = kept
        return loaded


def assigns_known(settings: Mapping[str, Any]) -> bool:
    """Return whether a method with these settings assigns instances to labelled relations, too."""
    return bool(settings.get("open_world") or settings.get("incremental"))
