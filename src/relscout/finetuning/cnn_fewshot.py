"""Few-shot classification with a convolutional network as the encoder (Han et al.: FewRel, EMNLP 2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.core.parameters import Parameters
from relscout.core.progress import Progress, silent
from relscout.core.seeding import checked_seed, generator
from relscout.core.settings import (
    WIDEST,
    AboveZero,
    AtLeast1,
    AtLeast2,
    Numbers,
    OneOf,
    Rate,
    Share,
    Width,
    settings_class,
    to_mapping,
)
from relscout.encoders import OnLoss, loss_warnings
from relscout.encoders.convolution import FORMATS, digest_of
from relscout.finetuning.cnn import CNNSettings, WordEncoder
from relscout.finetuning.episodes import (
    SIMILARITIES,
    Episode,
    FewShotScore,
    draw_episodes,
    large_enough,
    placed,
)
from relscout.finetuning.fewshot import scores_of
from relscout.finetuning.fewshot_training import (
    CHOSEN_BY,
    DevEpisodes,
    EpisodicTraining,
    FewShotSettings,
    Known,
    Seen,
    apart,
)
from relscout.training.checkpointing import CheckpointedTraining
from relscout.training.labels import classes_of, digest
from relscout.training.stored import Checkpoints, below


@settings_class
class CNNFewShotSettings:
    """Settings of few-shot classification with a convolutional network."""

    marking: Annotated[str, OneOf(FORMATS)] = "C+M"
    """Input format: ``C+M``, ``C+T``, ``OnlyC``, ``OnlyM`` or ``OnlyT``."""
    windows: Numbers = "3"
    """Words that a filter reads, joined by ``-`` (Han et al.: 3)."""
    dimension: Width = 230
    """Dimensions of the representation, or of each piece, shared by the windows (Han et al.: 230)."""
    pooling: Literal["sentence", "pieces"] = "sentence"
    """Maximum over the ``sentence``, or over its ``pieces``: up to the first mention, up to the second, the rest."""
    word_dimension: Width = 50
    """Dimensions of a word embedding (Han et al.: 50); word vectors that are given decide it."""
    position_dimension: Width = 5
    """Dimensions of the embedding of a word's distance from the head, and from the tail (Han et al.: 5)."""
    tag_dimension: Annotated[int, Field(ge=0, le=WIDEST)] = 0
    """Dimensions of the embedding of a word's part of speech, and of its entity tag; 0 reads no tags."""
    vectors: str = ""
    """Text file of word vectors to start from, such as GloVe's (Han et al.); empty draws them all."""
    max_length: AtLeast2 = 128
    """Most words of an input, at least 2 (Han et al.: 128); longer sentences are cut around the entities."""
    word_dropout: Rate = 0.04
    """Share of the words read as unknown ones in training, in [0, 1), so that these are learnt."""
    similarity: Annotated[str, OneOf(SIMILARITIES)] = "euclid"
    """How a sentence is compared with a prototype: ``euclid`` (Han et al.), ``dot`` or ``cosine``."""
    unit_length: bool = False
    """Whether vectors have length 1 before they are compared (Han et al.: no)."""
    sharpness: AboveZero = 16.0
    """Factor of the similarities before the softmax, above 0; without ``unit_length`` there is none."""
    iterations: AtLeast1 = 2000
    """Steps of training at least, so that all epochs are of one length (released code: 30,000)."""
    learning_rate: AboveZero = 1e-3
    """Highest learning rate of AdamW (Han et al.: 0.1, with stochastic gradient descent)."""
    dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1)."""
    train_ways: AtLeast2 = 20
    """Relations in an episode of training, at least 2 (Han et al.: 20)."""
    train_shots: AtLeast1 = 5
    """Examples of each relation in an episode of training, at least 1."""
    train_queries: AtLeast1 = 5
    """Queries of each relation in an episode of training, at least 1."""
    train_batch: AtLeast1 = 1
    """Episodes in a step of training, at least 1."""
    warm_up: Share = 0.1
    """Share of the steps in which the learning rate rises, in [0, 1]; then it falls."""
    check_every: AtLeast1 = 200
    """Steps after which work is kept and ``dev`` scored."""

    @property
    def of_network(self) -> CNNSettings:
        """Settings of the network."""
        names = (
            *("marking", "windows", "dimension", "pooling", "word_dimension", "position_dimension"),
            *("tag_dimension", "vectors", "max_length", "word_dropout"),
        )
        return CNNSettings(**{name: getattr(self, name) for name in names})

    @property
    def of_episodes(self) -> FewShotSettings:
        """Settings of the episodes."""
        names = (
            *("similarity", "unit_length", "sharpness", "iterations", "learning_rate", "dropout"),
            *("train_ways", "train_shots", "train_queries", "train_batch", "warm_up", "check_every"),
        )
        given = {name: getattr(self, name) for name in names}
        return FewShotSettings(objective="episodes", centred=False, inverses=False, **given)


class CNNFewShot(Parameters):
    """A prototypical network on a convolutional network, which must be trained on other relations first.

    Args:
        seed: Random seed of initial weights, episodes and dropout.

    The other parameters are the fields of :class:`CNNFewShotSettings`.

    Attributes:
        relations_: Names of the pre-defined relations, sorted; empty before ``fit``.
        report_: How training went, as JSON values: ``labelled``, ``predefined``, ``epochs``, ``chosen_epoch``,
            ``warnings``.
    """

    CITATION: ClassVar[str] = (
        "Han, Zhu, Yu, Wang, Yao, Liu, Sun: FewRel: A Large-Scale Supervised Few-Shot Relation Classification Dataset "
        "with State-of-the-Art Evaluation. EMNLP 2018"
    )
    SETTINGS: ClassVar[type[CNNFewShotSettings]] = CNNFewShotSettings
    _ESTIMATOR_TYPE: ClassVar[str] = "classifier"

    def __init__(
        self,
        *,
        seed: int = 0,
        marking: str = CNNFewShotSettings.marking,
        windows: str = CNNFewShotSettings.windows,
        dimension: int = CNNFewShotSettings.dimension,
        pooling: Literal["sentence", "pieces"] = CNNFewShotSettings.pooling,
        word_dimension: int = CNNFewShotSettings.word_dimension,
        position_dimension: int = CNNFewShotSettings.position_dimension,
        tag_dimension: int = CNNFewShotSettings.tag_dimension,
        vectors: str = CNNFewShotSettings.vectors,
        max_length: int = CNNFewShotSettings.max_length,
        word_dropout: float = CNNFewShotSettings.word_dropout,
        similarity: str = CNNFewShotSettings.similarity,
        unit_length: bool = CNNFewShotSettings.unit_length,
        sharpness: float = CNNFewShotSettings.sharpness,
        iterations: int = CNNFewShotSettings.iterations,
        learning_rate: float = CNNFewShotSettings.learning_rate,
        dropout: float = CNNFewShotSettings.dropout,
        train_ways: int = CNNFewShotSettings.train_ways,
        train_shots: int = CNNFewShotSettings.train_shots,
        train_queries: int = CNNFewShotSettings.train_queries,
        train_batch: int = CNNFewShotSettings.train_batch,
        warm_up: float = CNNFewShotSettings.warm_up,
        check_every: int = CNNFewShotSettings.check_every,
    ) -> None:
        self._store(locals())

    relations_: tuple[str, ...] = ()
    report_: Mapping[str, Any] = MappingProxyType({"warnings": ()})
    _encoder: WordEncoder | None = None
    _seen: tuple[Seen, Seen] = (Seen(), Seen(how=CHOSEN_BY))

    def fit(
        self,
        labeled: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Train the network on episodes of pre-defined relations.

        Args:
            labeled: Instances with gold relations. Repetitions count once; instances with contradictory labels are
                left out.
            dev: Instances with other gold relations, on which the best weights are selected; without them, the last
                weights are used.
            progress: Progress callback.
            checkpoints: Folder for a checkpoint, from which an interrupted fit resumes with the same result.

        Raises:
            InputError: An instance has no gold relation, there are too few relations or instances of them, or
                ``labeled`` and ``dev`` share relations.
            SettingError: Tags are read, and the text does not look English.
            DivergedError: The loss is no longer a number.
            OutputError: The checkpoint cannot be written.
        """
        options, shape = self._settings, Episode(5, 1)
        episodes = options.of_episodes
        known, held, seen, warnings = apart(labeled, dev)
        held = held or []
        names, classes = classes_of(known)
        encoder = WordEncoder.of(known, options.of_network, seed=checked_seed(self.seed))
        lost: Counter[str] = Counter()
        prepared = encoder.prepare(known, progress=progress, on_loss=lambda _, what: lost.update([what]))
        trainer = EpisodicTraining(encoder, prepared, classes, names, settings=episodes, seed=self.seed)
        score: Callable[[Progress], float] | None = None
        if held:
            held_names, held_classes = classes_of(held)
            chosen, small = large_enough(held_classes, held_names, shape)
            warnings += [f"dev: {warning}" for warning in small]
            drawn = draw_episodes(
                held_classes, chosen, shape, episodes=1000, random=generator(self.seed, "dev episodes")
            )
            encode = partial(encoder.encode, encoder.prepare(held, progress=silent))
            score = DevEpisodes(
                encode, drawn, shape.shots, episodes.of_comparison, options.unit_length
            ).accuracy
        work = Checkpoints.of(
            checkpoints,
            settings={**self.settings(), "kind": "cnn-few-shot", "classes": digest(classes)},
            fingerprint=digest_of(options.of_network.vectors_file),
            instances=[*known, *held],
        )
        training = CheckpointedTraining(trainer, work, score)
        weights = below("encoder.", training.run(progress))
        self._encoder = WordEncoder(weights, encoder.vocabulary, pieces=options.of_network.in_pieces)
        self._seen = (seen, Seen.of(held, how=CHOSEN_BY))
        self.relations_ = tuple(sorted(seen.relations))
        self.report_ = {
            "labelled": len(known),
            "predefined": len(self.relations_),
            "epochs": training.epochs,
            "chosen_epoch": training.best,
            "warnings": [*warnings, *trainer.warnings, *loss_warnings(lost)],
        }
        work.clear()
        return self

    def evaluate_grid(
        self,
        instances: Sequence[RelationInstance],
        *,
        ways: Sequence[int],
        shots: Sequence[int],
        queries: int = 1,
        episodes: int = 2000,
        seed: int | None = None,
        known: Known = "raise",
        progress: Progress = silent,
    ) -> list[FewShotScore]:
        """Return the score of every number of ways with every number of shots.

        The arguments are those of :meth:`relscout.finetuning.fewshot.FewShot.evaluate_grid`.

        Raises:
            InputError: An instance has no gold relation, fewer relations than ways have enough instances, or ``fit``
                was given some of them.
            SettingError: Nothing was fitted yet, or a number is too small.
        """
        self._fitted_encoder()
        return scores_of(
            instances,
            [Episode(n, k, queries) for n in ways for k in shots],
            seen=self._seen,
            model=None,
            known=known,
            episodes=episodes,
            seed=self.seed if seed is None else seed,
            compared=self._settings.of_episodes.of_comparison,
            vectors=self._vectors,
            progress=progress,
        )

    def settings(self) -> Mapping[str, Any]:
        """Return all settings that determine the fit, as JSON values."""
        return {"seed": checked_seed(self.seed), **to_mapping(self._settings)}

    def _fitted_encoder(self) -> WordEncoder:
        if self._encoder is None:
            raise SettingError("the network is not trained; call fit with instances of other relations first")
        return self._encoder

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        encoder = self._fitted_encoder()
        sentences = encoder.prepare(instances, progress=silent, on_loss=on_loss)
        vectors = encoder.encode(sentences, progress=progress)
        return placed(vectors, None, unit_length=self._settings.unit_length)
