"""The methods whose relation classifier trains with the link predictor: March, UIE-March, UIE-PCNN and UIE-BERT."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.clustering.kmeans import spread, started_kmeans, too_alike, unit_length
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
    WIDEST,
    AboveZero,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Numbers,
    OneOf,
    Rate,
    TrainedLayers,
    Width,
    numbers_of,
    settings_class,
)
from relscout.encoders import Encoder, OnLoss, loss_warnings
from relscout.encoders.convolution import (
    FORMATS,
    ConvolutionalEncoder,
    WordVocabulary,
    digest_of,
    first_weights,
    word_vectors,
)
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.estimator import NRelations, VectorMethod, check_labels
from relscout.methods.features import parsed, typed
from relscout.methods.uie.classifiers import (
    FrozenVectors,
    LinearHead,
    RelationClassifier,
    SparseClassifier,
    SparseFeatures,
    VectorClassifier,
    sparse_shares,
)
from relscout.methods.uie.training import DistributionSettings, LinkSettings, LinkTraining
from relscout.methods.vectors import drawn, encode, outputs_by_size, scattered
from relscout.text.spacy_pipeline import looks_english
from relscout.training.stored import Checkpoints, Trained, below, check_encoder, trainable

Instances = Sequence[RelationInstance]

_UIE = (
    "Simon, Guigue, Piwowarski: Unsupervised Information Extraction: Regularizing Discriminative Approaches with "
    "Relation Distribution Losses. ACL 2019"
)


#: Classifier of a method.
C = TypeVar("C", bound=RelationClassifier)


class LinkMethod(VectorMethod, Generic[C]):
    """A method that trains a relation classifier with the link predictor; a subclass has the classifier.

    The relations are the outputs of the classifier that are the likeliest of some instance.
    """

    _FITTED: ClassVar[str] = "_fitted"
    #: Whether :meth:`_train` was called, or :meth:`restore`.
    _fitted: bool | None = None
    #: Descent of the classifier and the link predictor.
    _OPTIMIZER: ClassVar[Literal["adam", "adagrad"]] = "adam"

    def fit(
        self,
        unlabeled: Instances,
        labeled: Instances | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: The instances.
            labeled: Must be ``None``, because the method cannot use labels.
            progress: Progress callback.
            checkpoints: Folder for checkpoints after each epoch, so that an interrupted fit resumes with the same
                result.

        Raises:
            InputError: There are no instances, or fewer distinct ones than relations.
            SettingError: ``labeled`` is given, the encoder cannot be trained, or a parameter is invalid.
            DivergedError: The loss is no longer a number.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        instances, order, requested = self._check_input(unlabeled)
        self.report_ = {"warnings": []}
        lost: Counter[str] = Counter()
        classifier, n_relations = self._classifier(
            instances, requested, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        self.report_["warnings"] += loss_warnings(lost)
        work = self._checkpoint(checkpoints, self._identity(), instances)
        self._train(classifier, instances, n_relations, progress=progress, work=work)
        self._keep(classifier)
        self._fitted = True
        # the same code path as transform and predict, so that these return exactly the same
        vectors = self._read(instances, progress=progress)
        progress("cluster", 0, None)
        shares = self.probabilities_of(vectors)
        outputs = outputs_by_size(shares.argmax(axis=1).astype(np.int64), n_relations)
        self._select(outputs)
        self.n_relations_ = len(outputs)
        self.report_["warnings"] += self._fewer(n_relations, "no instance is assigned to the others")
        vectors = self._read(instances, progress=progress)
        self._set_results(self.probabilities_of(vectors), vectors, order)
        work.clear()
        return self

    def predict_proba(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        self._check_fitted()
        if not instances:
            return np.zeros((0, self.n_relations_), dtype=np.float32)
        order = canonical_order(instances)
        ordered = [instances[place] for place in order]
        return scattered(
            self.probabilities_of(self._read(ordered, progress=progress, on_loss=on_loss)), order
        )

    def transform(self, instances: Instances, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32, of unit length."""
        self._check_fitted()
        order = canonical_order(instances)
        return scattered(self._read([instances[place] for place in order], progress=progress), order)

    @abstractmethod
    def _classifier(
        self, instances: Instances, n_relations: NRelations, *, progress: Progress, on_loss: OnLoss
    ) -> tuple[C, int]:
        """Return the untrained classifier, with the instances prepared for it, and the number of relations K."""

    @abstractmethod
    def _keep(self, classifier: C) -> None:
        """Store what was trained."""

    @abstractmethod
    def _select(self, outputs: NDArray[np.int64]) -> None:
        """Keep these outputs of the classifier, in this order."""

    @abstractmethod
    def _read(
        self, instances: Instances, *, progress: Progress, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return the vectors (N, D), float32, of unit length, that :meth:`probabilities_of` takes."""

    @abstractmethod
    def _weights_of_losses(self) -> tuple[float, float]:
        """Return the weights α of the skewness loss, and β of the dispersion loss."""

    def _identity(self) -> str:
        """Return what decides the fit apart from settings and instances, as a text."""
        return ""

    def _train(
        self,
        classifier: C,
        instances: Instances,
        n_relations: int,
        *,
        progress: Progress,
        work: Checkpoints,
    ) -> None:
        from relscout.training.link_predictor import EntityPairs

        alpha, beta = self._weights_of_losses()
        training = LinkTraining(
            classifier,
            EntityPairs.of(instances).of_contents(classifier.row_of),
            n_relations,
            self._settings,
            alpha=alpha,
            beta=beta,
            optimizer=self._OPTIMIZER,
            seed=int(generator(self.seed, "link training").integers(2**31)),
            progress=progress,
            work=work,
        )
        training.run()
        self.report_["epochs"] = training.epochs

    def _number(self, instances: Instances, n_relations: NRelations, progress: Progress) -> int:
        """Return the number of relations, estimated from the vectors of the encoder if it is not given."""
        if n_relations != "auto":
            return n_relations
        vectors = encode(self.encoder, instances, progress=progress)
        return self.estimated_number(vectors, largest=self._settings.max_relations, progress=progress)


def _check_distinct(classifier: RelationClassifier, n_relations: int) -> None:
    """Check that there are as many different instances as relations.

    Raises:
        InputError: There are fewer.
    """
    if len(classifier.lengths) < n_relations:
        raise too_alike(len(classifier.row_of), n_relations)


class ReadsSparseFeatures(LinkMethod[SparseClassifier]):
    """Base class of methods with a log-linear classifier on sparse features, for which the encoder is not run.

    The representation of an instance is the square root of its probabilities, whose length is 1.
    """

    READS: ClassVar[Literal["vectors", "features"]] = "features"

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, K) that ``transform`` returned."""
        return np.square(vectors)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the features and their weights, and whether annotations are computed."""
        values = {"annotates": self._annotates, "features": list(self._features.names)}
        return values, {"weight": self._weight}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._annotates = bool(values["annotates"])
        self._features = SparseFeatures(tuple(map(str, values["features"])))
        self._weight = arrays["weight"]
        self.n_relations_ = self._weight.shape[1]
        self._fitted = True

    def _classifier(
        self,
        instances: Instances,
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,  # noqa: ARG002 - nothing is cut
    ) -> tuple[SparseClassifier, int]:
        number = self._number(instances, n_relations, progress)
        options = self._settings
        # decided once, so that predictions do not depend on which instances are predicted together
        annotates = options.annotate and looks_english([instance.text for instance in instances])
        if annotates:
            instances = parsed(typed(instances, progress), progress)
        classifier = SparseClassifier(
            instances,
            SparseFeatures.of(instances, least=options.least_count),
            number,
            annotates=annotates,
            learning_rate=options.learning_rate,
            seed=self.seed,
        )
        _check_distinct(classifier, number)
        return classifier, number

    def _keep(self, classifier: SparseClassifier) -> None:
        self._features, self._weight = classifier.features, classifier.weight
        self._annotates = classifier.annotates

    def _select(self, outputs: NDArray[np.int64]) -> None:
        self._weight = np.ascontiguousarray(self._weight[:, outputs])

    def _read(
        self,
        instances: Instances,
        *,
        progress: Progress,
        on_loss: OnLoss | None = None,  # noqa: ARG002 - nothing is cut
    ) -> NDArray[np.float32]:
        if self._annotates:
            instances = parsed(typed(instances, progress), progress)
        return np.sqrt(sparse_shares(self._features, self._weight, instances))

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        return self.encoder

    _annotates: bool
    _features: SparseFeatures
    _weight: NDArray[np.float32]


@settings_class
class MarchSettings(LinkSettings):
    """Settings of the method ``march``."""

    # the paper's best model is the hybrid one; on a small corpus, in which most entities occur once, its bilinear form
    # learns the pairs by heart whatever the relation, so that relations mean nothing
    bilinear: bool = False
    """Whether scores have RESCAL's bilinear form in addition to selectional preferences (paper: the hybrid model)."""
    entropy_weight: NotNegative = 0.03
    """Weight of the entropy of the predictions, at least 0: 1 is that of the variational bound."""
    learning_rate: AboveZero = 0.1
    """Learning rate of the weights of the features."""
    link_learning_rate: AboveZero = 0.1
    """Learning rate of the link predictor."""
    least_count: AtLeast1 = 2
    """Instances that must have a feature before it gets a weight, at least 1."""
    annotate: bool = True
    """Whether missing parses and entity types are those of the default spaCy pipeline, if the texts look English."""


class March(ReadsSparseFeatures):
    """A discrete-state variational autoencoder: relations from sparse features, decoded to the two entities.

    Args:
        encoder: Estimates the number of relations where it is not given; not run otherwise.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the encoder's vectors.
        seed: Random seed.

    The other parameters are the fields of :class:`MarchSettings`.
    """

    NAME: ClassVar[str] = "march"
    CITATION: ClassVar[str] = (
        "Marcheggiani, Titov: Discrete-State Variational Autoencoders for Joint Discovery and Factorization of "
        "Relations. TACL 2016"
    )
    SETTINGS: ClassVar[type[MarchSettings]] = MarchSettings
    _OPTIMIZER: ClassVar[Literal["adam", "adagrad"]] = "adagrad"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        entity_dimension: int = MarchSettings.entity_dimension,
        bilinear: bool = MarchSettings.bilinear,
        negatives: int = MarchSettings.negatives,
        epochs: int = MarchSettings.epochs,
        batch: int = MarchSettings.batch,
        link_learning_rate: float = MarchSettings.link_learning_rate,
        max_relations: int = MarchSettings.max_relations,
        entropy_weight: float = MarchSettings.entropy_weight,
        learning_rate: float = MarchSettings.learning_rate,
        least_count: int = MarchSettings.least_count,
        annotate: bool = MarchSettings.annotate,
    ) -> None:
        self._store(locals())

    def _weights_of_losses(self) -> tuple[float, float]:
        return -self._settings.entropy_weight, 0.0


@settings_class
class UIEMarchSettings(DistributionSettings):
    """Settings of the method ``uie-march``."""

    learning_rate: AboveZero = 5e-3
    """Learning rate of the weights of the features."""
    least_count: AtLeast1 = 2
    """Instances that must have a feature before it gets a weight, at least 1."""
    annotate: bool = True
    """Whether missing parses and entity types are those of the default spaCy pipeline, if the texts look English."""


class UIEMarch(ReadsSparseFeatures):
    """Relations from sparse features, with the skewness and dispersion losses.

    Args:
        encoder: Estimates the number of relations where it is not given; not run otherwise.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the encoder's vectors.
        seed: Random seed.

    The other parameters are the fields of :class:`UIEMarchSettings`.
    """

    NAME: ClassVar[str] = "uie-march"
    CITATION: ClassVar[str] = _UIE
    SETTINGS: ClassVar[type[UIEMarchSettings]] = UIEMarchSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        entity_dimension: int = UIEMarchSettings.entity_dimension,
        bilinear: bool = UIEMarchSettings.bilinear,
        negatives: int = UIEMarchSettings.negatives,
        epochs: int = UIEMarchSettings.epochs,
        batch: int = UIEMarchSettings.batch,
        link_learning_rate: float = UIEMarchSettings.link_learning_rate,
        max_relations: int = UIEMarchSettings.max_relations,
        skewness_weight: float = UIEMarchSettings.skewness_weight,
        dispersion_weight: float = UIEMarchSettings.dispersion_weight,
        learning_rate: float = UIEMarchSettings.learning_rate,
        least_count: int = UIEMarchSettings.least_count,
        annotate: bool = UIEMarchSettings.annotate,
    ) -> None:
        self._store(locals())

    def _weights_of_losses(self) -> tuple[float, float]:
        return self._settings.skewness_weight, self._settings.dispersion_weight


class ReadsVectors(LinkMethod[VectorClassifier]):
    """Base class of methods with a linear classifier on vectors of unit length."""

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) that ``transform`` returned."""
        self._check_fitted()
        return self._head.shares(vectors)

    def _keep(self, classifier: VectorClassifier) -> None:
        self._head = classifier.head

    def _select(self, outputs: NDArray[np.int64]) -> None:
        self._head = self._head.only(outputs)

    def _weights_of_losses(self) -> tuple[float, float]:
        return self._settings.skewness_weight, self._settings.dispersion_weight

    def _head_arrays(self) -> dict[str, NDArray[Any]]:
        return {"head.weight": self._head.weight, "head.bias": self._head.bias}

    def _restore_head(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._head = LinearHead(arrays["head.weight"], arrays["head.bias"])
        self.n_relations_ = len(self._head.bias)
        self._fitted = True

    _head: LinearHead


@settings_class
class UIEPCNNSettings(DistributionSettings):
    """Settings of the method ``uie-pcnn``."""

    marking: Annotated[str, OneOf(FORMATS)] = "C+M"
    """Input format: ``C+M``, ``C+T``, ``OnlyC``, ``OnlyM`` or ``OnlyT``."""
    windows: Numbers = "3"
    """Words that a filter reads, joined by ``-`` (Zeng et al. 2015: 3)."""
    dimension: Width = 230
    """Filters, shared by the windows; a sentence has three times as many dimensions (Zeng et al. 2015: 230)."""
    word_dimension: Width = 50
    """Dimensions of a word embedding, at least 1; word vectors that are given decide it (Zeng et al. 2015: 50)."""
    position_dimension: Width = 5
    """Dimensions of the embedding of a word's distance from the head, and from the tail (Zeng et al. 2015: 5)."""
    type_dimension: Annotated[int, Field(ge=0, le=WIDEST)] = 0
    """Dimensions of the embedding of an entity type; 0 reads no types."""
    vectors: str = ""
    """Text file of word vectors to start from, such as GloVe's; empty draws them all."""
    least_count: AtLeast1 = 2
    """Instances in which a word must occur to be known, at least 1."""
    max_length: AtLeast2 = 80
    """Most words of an input, at least 2; longer sentences are cut around the entities."""
    learning_rate: AboveZero = 1e-3
    """Learning rate of the classifier and the network."""
    dropout: Rate = 0.5
    """Dropout rate on the representation, in [0, 1) (Zeng et al. 2015: 0.5)."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The windows, each once, from the narrowest."""
        return tuple(sorted(set(numbers_of(self.windows))))


class _WordNetwork(ConvolutionalEncoder):
    """A piecewise convolutional network and its vocabulary."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], vocabulary: WordVocabulary) -> None:
        super().__init__(weights, pieces=True)
        self.vocabulary = vocabulary


class UIEPCNN(ReadsVectors):
    """Relations from a piecewise convolutional network on words, with the skewness and dispersion losses.

    Args:
        encoder: Estimates the number of relations where it is not given; not run otherwise.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the encoder's vectors.
        seed: Random seed.

    The other parameters are the fields of :class:`UIEPCNNSettings`.
    """

    NAME: ClassVar[str] = "uie-pcnn"
    CITATION: ClassVar[str] = _UIE
    SETTINGS: ClassVar[type[UIEPCNNSettings]] = UIEPCNNSettings
    READS: ClassVar[Literal["vectors", "features"]] = "features"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        entity_dimension: int = UIEPCNNSettings.entity_dimension,
        bilinear: bool = UIEPCNNSettings.bilinear,
        negatives: int = UIEPCNNSettings.negatives,
        epochs: int = UIEPCNNSettings.epochs,
        batch: int = UIEPCNNSettings.batch,
        link_learning_rate: float = UIEPCNNSettings.link_learning_rate,
        max_relations: int = UIEPCNNSettings.max_relations,
        skewness_weight: float = UIEPCNNSettings.skewness_weight,
        dispersion_weight: float = UIEPCNNSettings.dispersion_weight,
        marking: str = UIEPCNNSettings.marking,
        windows: str = UIEPCNNSettings.windows,
        dimension: int = UIEPCNNSettings.dimension,
        word_dimension: int = UIEPCNNSettings.word_dimension,
        position_dimension: int = UIEPCNNSettings.position_dimension,
        type_dimension: int = UIEPCNNSettings.type_dimension,
        vectors: str = UIEPCNNSettings.vectors,
        least_count: int = UIEPCNNSettings.least_count,
        max_length: int = UIEPCNNSettings.max_length,
        learning_rate: float = UIEPCNNSettings.learning_rate,
        dropout: float = UIEPCNNSettings.dropout,
    ) -> None:
        self._store(locals())

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the vocabulary, and the weights of the network and of the classifier."""
        vocabulary = self._network.vocabulary
        values = {"words": list(vocabulary.words), "types": list(vocabulary.types)}
        weights = {f"network.{name}": array for name, array in self._network.weights().items()}
        return values, {**self._head_arrays(), **weights}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        options = self._settings
        vocabulary = WordVocabulary(
            tuple(values["words"]), tuple(values["types"]), options.marking, options.max_length
        )
        self._network = _WordNetwork(below("network.", arrays), vocabulary)
        self._restore_head(arrays)

    def _identity(self) -> str:
        return digest_of(self._vectors_file)

    def _classifier(
        self, instances: Instances, n_relations: NRelations, *, progress: Progress, on_loss: OnLoss
    ) -> tuple[VectorClassifier, int]:
        number = self._number(instances, n_relations, progress)
        options: UIEPCNNSettings = self._settings
        vocabulary = WordVocabulary.of(
            instances, marking=options.marking, max_length=options.max_length, least=options.least_count
        )
        words = word_vectors(
            vocabulary.words, dimension=options.word_dimension, path=self._vectors_file, seed=self.seed
        )
        weights = first_weights(
            words,
            n_distances=2 * options.max_length + 1,
            n_types=len(vocabulary.types) if options.type_dimension else 0,
            position_dimension=options.position_dimension,
            type_dimension=options.type_dimension,
            dimension=options.dimension,
            windows=options.widths,
            seed=self.seed,
        )
        sentences, lost = vocabulary.sentences(instances)
        for instance, what in zip(instances, lost, strict=True):
            if what:
                on_loss(instance, what)
        classifier = VectorClassifier(
            _WordNetwork(weights, vocabulary),
            sentences,
            number,
            dropout=options.dropout,
            learning_rate=options.learning_rate,
            encoder_learning_rate=options.learning_rate,
            seed=self.seed,
            progress=progress,
        )
        _check_distinct(classifier, number)
        return classifier, number

    def _keep(self, classifier: VectorClassifier) -> None:
        super()._keep(classifier)
        vocabulary: WordVocabulary = classifier.learner.vocabulary
        self._network = _WordNetwork(classifier.learner.weights(), vocabulary)

    def _read(
        self, instances: Instances, *, progress: Progress, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        sentences, lost = self._network.vocabulary.sentences(instances)
        for instance, what in zip(instances, lost, strict=True):
            if what and on_loss is not None:
                on_loss(instance, what)
        vectors = np.empty((len(sentences.lengths), self._network.dimension), dtype=np.float32)
        for contents, batch in self._network.encoded(sentences, progress):
            vectors[contents] = batch
        return unit_length(vectors[sentences.row_of])

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        return self.encoder

    @property
    def _vectors_file(self) -> Path | None:
        return Path(self._settings.vectors) if self._settings.vectors else None

    _network: _WordNetwork


@settings_class
class UIEBERTSettings(DistributionSettings):
    """Settings of the method ``uie-bert``."""

    start: Literal["clusters", "random"] = "clusters"
    """First weights of the classifier: the ``clusters`` of k-means on the untrained vectors, or ``random`` (paper)."""
    learning_rate: AboveZero = 2e-4
    """Learning rate of the classification layer."""
    encoder_learning_rate: AboveZero = 1e-5
    """Learning rate of the encoder's layers that train."""
    trained_layers: TrainedLayers = 0
    """Layers of the encoder that train, counted from the highest that is read; 0 for none, -1 for the whole encoder."""
    dropout: Rate = 0.1
    """Dropout rate on the representation and in the layers that train, in [0, 1)."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""


class UIEBERT(ReadsVectors):
    """Relations from the vectors of a transformer, with the skewness and dispersion losses.

    Args:
        encoder: The encoder, a :class:`TransformerEncoder` if layers of it train; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained vectors.
        seed: Random seed.

    The other parameters are the fields of :class:`UIEBERTSettings`.
    """

    NAME: ClassVar[str] = "uie-bert"
    CITATION: ClassVar[str] = _UIE
    SETTINGS: ClassVar[type[UIEBERTSettings]] = UIEBERTSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        entity_dimension: int = UIEBERTSettings.entity_dimension,
        bilinear: bool = UIEBERTSettings.bilinear,
        negatives: int = UIEBERTSettings.negatives,
        epochs: int = UIEBERTSettings.epochs,
        batch: int = UIEBERTSettings.batch,
        link_learning_rate: float = UIEBERTSettings.link_learning_rate,
        max_relations: int = UIEBERTSettings.max_relations,
        skewness_weight: float = UIEBERTSettings.skewness_weight,
        dispersion_weight: float = UIEBERTSettings.dispersion_weight,
        start: Literal["clusters", "random"] = UIEBERTSettings.start,
        learning_rate: float = UIEBERTSettings.learning_rate,
        encoder_learning_rate: float = UIEBERTSettings.encoder_learning_rate,
        trained_layers: int = UIEBERTSettings.trained_layers,
        dropout: float = UIEBERTSettings.dropout,
        training_dtype: Arithmetic = UIEBERTSettings.training_dtype,
    ) -> None:
        self._store(locals())

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the encoder's fingerprint, the weights of the classifier and those of the encoder that trained."""
        weights = {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        return {"trained_from": self._trained.fingerprint}, {**self._head_arrays(), **weights}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._restore_head(arrays)

    def _identity(self) -> str:
        return self.encoder.fingerprint

    def _classifier(
        self, instances: Instances, n_relations: NRelations, *, progress: Progress, on_loss: OnLoss
    ) -> tuple[VectorClassifier, int]:
        options: UIEBERTSettings = self._settings
        learner: Any
        prepared: Any
        if options.trained_layers:
            base = trainable(self.NAME, self.encoder)
            learner = TunableEncoder(
                base,
                trained_layers=options.trained_layers,
                dropout=options.dropout,
                arithmetic=options.training_dtype,
            )
            prepared = learner.prepare(instances, progress=progress, on_loss=on_loss)
            vectors = unit_length(learner.encode(prepared, progress=progress))
        else:
            vectors = encode(self.encoder, instances, progress=progress, on_loss=on_loss)
            learner = prepared = FrozenVectors(instances, vectors)
        if n_relations == "auto":
            n_relations = self.estimated_number(vectors, largest=options.max_relations, progress=progress)
        classifier = VectorClassifier(
            learner,
            prepared,
            n_relations,
            head=self._of_clusters(vectors, n_relations, progress) if options.start == "clusters" else None,
            dropout=options.dropout,
            learning_rate=options.learning_rate,
            encoder_learning_rate=options.encoder_learning_rate,
            seed=self.seed,
            progress=progress,
        )
        _check_distinct(classifier, n_relations)
        return classifier, n_relations

    def _of_clusters(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> LinearHead:
        """Return a head with the probabilities of k-means' clusters: those of equally frequent round Gaussians."""
        clusters = started_kmeans(vectors, n_relations, start="neighbours", seed=self.seed, progress=progress)
        sample = drawn(vectors, generator(self.seed, "spread"))
        variance = np.float32(spread(sample, clusters.inertia / len(vectors)))
        norms = np.einsum("kd,kd->k", clusters.centroids, clusters.centroids)
        return LinearHead(clusters.centroids / variance, -norms / (2 * variance))

    def _keep(self, classifier: VectorClassifier) -> None:
        super()._keep(classifier)
        self._trained = Trained(self.encoder.fingerprint, classifier.learner.weights())

    def _read(
        self, instances: Instances, *, progress: Progress, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        return encode(self._ready_encoder(), instances, progress=progress, on_loss=on_loss)

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        if self._trained.weights:
            return self._trained.on(trainable(self.NAME, self.encoder))
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder

    _trained: Trained
