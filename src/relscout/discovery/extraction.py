"""Applies what a folder holds, a run or a fine-tuned classifier, to new instances: the core of ``relscout extract``."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from relscout.core.errors import RelscoutError, SettingError
from relscout.core.instances import RelationInstance, Triple
from relscout.core.progress import Progress, silent
from relscout.discovery import TEXT_PRECISION, Discovery
from relscout.discovery.result import Scores
from relscout.encoders import (
    OnLoss,
    VectorCache,
    cache_of,
    check_share,
    compute_with,
    loss_warnings,
    name_of,
    underlying,
    unknown_share,
    unknown_token_warning,
    use_cache,
)

if TYPE_CHECKING:
    from relscout.encoders.settings import Backend, Dtype
    from relscout.finetuning.classifier import SentenceClassifier

_LOG = logging.getLogger("relscout.extraction")


@dataclass(frozen=True)
class Extraction:
    """The triples of some instances, in their order, and warnings for the user."""

    triples: Sequence[Triple]
    warnings: Sequence[str]


@dataclass(frozen=True)
class Task:
    """Instances to extract triples from, and how; for the fields, see :meth:`Extractor.extract`."""

    instances: Sequence[RelationInstance]
    every_pair: bool = False
    precision: float | None = None


class Extractor(Protocol):
    """What :func:`load_extractor` returns."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the relations."""
        ...

    @property
    def version(self) -> str:
        """What triples are attributed to: version of relscout, method, and a hash of the relations."""
        ...

    @property
    def encoder_name(self) -> str:
        """Name of the encoder in warnings; it may be a path."""
        ...

    def extract(
        self,
        instances: Sequence[RelationInstance],
        *,
        every_pair: bool = False,
        precision: float | None = None,
        allow_unknown_tokens: bool = False,
        progress: Progress = silent,
    ) -> Extraction:
        """Return the triples of instances.

        Args:
            instances: The instances.
            every_pair: Whether every pair of entities of a text is an instance, so that unrelated pairs are left out.
            precision: Expected share of related pairs among those that get a relation, in (0, 1]; by default that of
                the run, or :data:`relscout.discovery.TEXT_PRECISION` with ``every_pair``.
            allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
            progress: Progress callback.

        Raises:
            InputError: The encoder does not know over half of the tokens.
            SettingError: ``precision`` is given for a classifier, or is not in (0, 1].
        """
        ...

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of tokens that the encoder does not know, in [0, 1]."""
        ...

    def use_cache(self, cache: VectorCache | None) -> None:
        """Set the vector cache of the encoder, or remove it."""
        ...

    def compute_with(self, *, backend: Backend | None = None, dtype: Dtype | None = None) -> str | None:
        """Let the encoder compute with another backend or dtype, and return a warning if that changes vectors.

        Raises:
            SettingError: There is no encoder of relscout, or it cannot compute so.
        """
        ...

    def extract_together(
        self, tasks: Sequence[Task], *, allow_unknown_tokens: bool = False
    ) -> list[Extraction | Exception]:
        """Return what :meth:`extract` returns for each of several tasks, or the error that it raises.

        Most of the work is done in one pass for all of them. The other tasks change an answer by rounding only. No
        instance object may be in two tasks.
        """
        ...


def precision_for(run: Discovery, precision: float | None, *, every_pair: bool) -> float | None:
    """Return the expected precision for new text: a given one, or the default for every pair of a text."""
    if precision is None and every_pair and run.run.get("relatedness") is None:
        return TEXT_PRECISION
    return precision


@dataclass(frozen=True)
class RunExtractor:
    """Applies the relations of a run."""

    run: Discovery

    @property
    def names(self) -> Sequence[str]:
        """Names of the relations."""
        return list(self.run.names.values())

    @property
    def version(self) -> str:
        """Version of relscout, method, and a hash of the relations."""
        return self.run.model_version

    @property
    def encoder_name(self) -> str:
        """Name of the encoder in warnings."""
        return name_of(self.run.model.encoder)

    def extract(
        self,
        instances: Sequence[RelationInstance],
        *,
        every_pair: bool = False,
        precision: float | None = None,
        allow_unknown_tokens: bool = False,
        progress: Progress = silent,
    ) -> Extraction:
        """Return the triples of instances; see :meth:`Extractor.extract`."""
        return self._extracted(
            instances,
            precision_for(self.run, precision, every_pair=every_pair),
            allow_unknown_tokens=allow_unknown_tokens,
            progress=progress,
        )

    def extract_batches(
        self,
        batches: Iterable[Sequence[RelationInstance]],
        *,
        unknown_tokens: float,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> Iterator[Triple]:
        """Yield the triples of marked pairs, as :meth:`extract` returns them of all, with one batch in memory.

        Args:
            batches: The instances, a batch at a time.
            unknown_tokens: :meth:`unknown_share` of all of them.
            progress: Progress callback of each batch.
            on_loss: Called with each truncated instance and what was lost.
        """
        for batch in batches:
            predicted = self.run.predict(
                batch, unknown_tokens=unknown_tokens, progress=progress, on_loss=on_loss
            )
            yield from self.run.triples_of(predicted)

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of tokens that the encoder does not know, in [0, 1]."""
        return unknown_share(self.run.model.encoder, [instance.text for instance in instances])

    def use_cache(self, cache: VectorCache | None) -> None:
        """Set the vector cache of the encoder."""
        use_cache(self.run.model.encoder, cache)

    def compute_with(self, *, backend: Backend | None = None, dtype: Dtype | None = None) -> str | None:
        """Let the encoder compute with another backend or dtype; see :meth:`Extractor.compute_with`."""
        return compute_with(self.run.model.encoder, backend=backend, dtype=dtype)

    def extract_together(
        self, tasks: Sequence[Task], *, allow_unknown_tokens: bool = False
    ) -> list[Extraction | Exception]:
        """Return the triples of several tasks, scored in one pass; see :meth:`Extractor.extract_together`."""
        precisions = [precision_for(self.run, task.precision, every_pair=task.every_pair) for task in tasks]
        with self._cached_in_memory():
            scores: Sequence[Scores | None]
            try:
                scores = self.run.score_together(
                    [[instance.without_relation() for instance in task.instances] for task in tasks],
                    with_precision=[precision is not None for precision in precisions],
                )
            except Exception as error:
                # what fails is shown by each task alone
                _LOG.info("tasks are scored one by one: %s", error)
                scores = [None] * len(tasks)
            return [
                _result_or_error(
                    partial(
                        self._extracted,
                        task.instances,
                        precision,
                        allow_unknown_tokens=allow_unknown_tokens,
                        scores=scored,
                    )
                )
                for task, precision, scored in zip(tasks, precisions, scores, strict=True)
            ]

    def _extracted(
        self,
        instances: Sequence[RelationInstance],
        precision: float | None,
        *,
        allow_unknown_tokens: bool,
        scores: Scores | None = None,
        progress: Progress = silent,
    ) -> Extraction:
        if scores is None:
            prediction = self.run.predict(
                instances, precision=precision, allow_unknown_tokens=allow_unknown_tokens, progress=progress
            )
        else:
            prediction = self.run.predict_scored(
                scores, precision=precision, allow_unknown_tokens=allow_unknown_tokens
            )
        return Extraction(list(self.run.triples_of(prediction)), prediction.warnings)

    @contextlib.contextmanager
    def _cached_in_memory(self) -> Iterator[None]:
        """Cache the encoder's vectors in memory within the block."""
        encoder = self.run.model.encoder
        if underlying(encoder) is None:
            yield
            return
        before = cache_of(encoder)
        with contextlib.closing(VectorCache()) as vectors:
            use_cache(encoder, vectors)
            try:
                yield
            finally:
                use_cache(encoder, before)


@dataclass(frozen=True)
class ClassifierExtractor:
    """Applies a fine-tuned classifier."""

    classifier: SentenceClassifier[Any]
    folder: Path

    @property
    def names(self) -> Sequence[str]:
        """Names of the relations."""
        return self.classifier.relations_

    @property
    def version(self) -> str:
        """Version of relscout and kind of the classifier."""
        return f"relscout {installed('relscout')} {self.classifier.KIND}"

    @property
    def encoder_name(self) -> str:
        """The folder of the classifier."""
        return str(self.folder)

    def extract(
        self,
        instances: Sequence[RelationInstance],
        *,
        every_pair: bool = False,  # noqa: ARG002 - a classifier recognises unrelated pairs itself
        precision: float | None = None,
        allow_unknown_tokens: bool = False,
        progress: Progress = silent,
    ) -> Extraction:
        """Return the triples of instances; see :meth:`Extractor.extract`."""
        from relscout.finetuning.storage import triples_of

        if precision is not None:
            raise SettingError(
                f"--precision is for a run of 'relscout discover', and {self.folder} holds a classifier, which "
                "recognises unrelated pairs itself; leave it out"
            )
        lost: Counter[str] = Counter()
        share = self.unknown_share(instances)
        unknown = unknown_token_warning(share, str(self.folder))
        check_share(share, unknown, allow_unknown_tokens=allow_unknown_tokens)
        triples = triples_of(
            self.classifier, instances, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        return Extraction(list(triples), [*([unknown] if unknown else []), *loss_warnings(lost)])

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of tokens that the encoder does not know, in [0, 1]."""
        return self.classifier.unknown_share(instances)

    def use_cache(self, cache: VectorCache | None) -> None:
        """Set the vector cache of the encoder, if there is one."""
        if self.classifier.encoder is not None:
            self.classifier.encoder.cache = cache

    def compute_with(self, *, backend: Backend | None = None, dtype: Dtype | None = None) -> str | None:
        """Let the encoder compute with another backend or dtype; see :meth:`Extractor.compute_with`."""
        if self.classifier.encoder is None and (backend or dtype):
            raise SettingError(
                f"backend and dtype are for encoders, and {self.folder} has none; leave them out"
            )
        encoder = self.classifier.encoder
        return None if encoder is None else compute_with(encoder, backend=backend, dtype=dtype)

    def extract_together(
        self, tasks: Sequence[Task], *, allow_unknown_tokens: bool = False
    ) -> list[Extraction | Exception]:
        """Return the triples of several tasks, encoded in one pass if there is an encoder."""
        with self._encoded([instance for task in tasks for instance in task.instances]):
            return [
                _result_or_error(
                    partial(
                        self.extract,
                        task.instances,
                        every_pair=task.every_pair,
                        precision=task.precision,
                        allow_unknown_tokens=allow_unknown_tokens,
                    )
                )
                for task in tasks
            ]

    @contextlib.contextmanager
    def _encoded(self, instances: Sequence[RelationInstance]) -> Iterator[None]:
        """Classify instances in one pass into a cache in memory, which lasts as long as the context."""
        encoder = self.classifier.encoder
        if encoder is None or not instances:
            yield
            return
        before = encoder.cache
        with contextlib.closing(VectorCache()) as vectors:
            self.use_cache(vectors)
            try:
                # what fails here is reported for the task that it concerns
                with contextlib.suppress(RelscoutError):
                    self.classifier.predict_proba(instances)
                yield
            finally:
                self.use_cache(before)


def _result_or_error(extract: Callable[[], Extraction]) -> Extraction | Exception:
    try:
        return extract()
    except Exception as error:
        return error


def load_extractor(folder: Path) -> Extractor:
    """Load a run or a fine-tuned classifier from its folder.

    Raises:
        ArtifactError: The folder holds neither, or is damaged.
    """
    from relscout.finetuning.storage import holds_classifier, load_classifier

    if holds_classifier(folder):
        return ClassifierExtractor(load_classifier(folder), folder)
    return RunExtractor(Discovery.load(folder))
