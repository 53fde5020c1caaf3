"""Answers several requests together: entities are recognised, and pairs encoded, in one pass for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from relscout.core.errors import InputError, RelscoutError, SettingError
from relscout.core.instances import RelationInstance, Triple
from relscout.discovery.extraction import ClassifierExtractor, Extractor, Task
from relscout.discovery.relation import minimum_confidences
from relscout.encoders import FAR_TOO_UNKNOWN
from relscout.io.readers.jsonl import instance_of
from relscout.io.readers.offsets import checked
from relscout.serve.schemas import ExtractRequest
from relscout.text import Annotator, MarkedSentence, Passage
from relscout.text.consistency import consistent
from relscout.text.documents import passages_of
from relscout.text.pairs import ALL_PAIRS, Pairing, pairs
from relscout.text.spacy_pipeline import looks_english

_LOG = logging.getLogger("relscout.serve")
_NOT_ENGLISH = (
    "the text does not look like English, which is what this server recognises entities in; start one for its "
    "language with --spacy"
)
#: Between the number of a request and the source of its passages; the readers refuse texts that have it.
_MARK = "\x00"


def _job_of(sentence: MarkedSentence) -> int:
    return int(sentence.source.partition(_MARK)[0])


class RefusedError(Exception):
    """A request that cannot be answered as it is; the message is for the client."""


@dataclass(frozen=True)
class Answer:
    """The triples of a request, and warnings."""

    triples: Sequence[Triple]
    warnings: Sequence[str] = ()


@dataclass
class Job:
    """A request on its way to its answer."""

    request: ExtractRequest
    passages: list[Passage] = field(default_factory=list)
    instances: list[RelationInstance] = field(default_factory=list)
    triples: Sequence[Triple] = ()
    warnings: list[str] = field(default_factory=list)
    english: bool = True
    error: Exception | None = None


@dataclass(frozen=True)
class BatchExtractor:
    """Answers requests as ``relscout extract`` answers files with their content.

    Everything that depends on more than one pair, such as the threshold of ``precision``, is computed for each request
    alone, so that an answer does not depend on the other requests of its batch.

    Args:
        extractor: Applies the run.
        annotator: Returns the annotator for text that looks English (``True``) or not. May be called often.
        pairing: Rules for the pairs of plain text.
        english: Whether all text is considered English, because the user chose a pipeline.
        allow_unknown_tokens: Whether texts of which the encoder knows less than half of the tokens are answered.
    """

    extractor: Extractor
    annotator: Callable[[bool], Annotator]
    pairing: Pairing = ALL_PAIRS
    english: bool = False
    allow_unknown_tokens: bool = False

    def prepare(self) -> None:
        """Load all that is loaded at the first use; errors of the run and its encoder are raised."""
        text = "Ada was born in London and moved to the city of Paris."
        first, *_ = self([ExtractRequest.model_validate({"text": text})])
        if isinstance(first, Exception) and not isinstance(first, RefusedError):
            raise first

    def __call__(self, requests: Sequence[ExtractRequest]) -> list[Answer | Exception]:
        """Return the answer of each request, or the error that it ends in: a RefusedError if the client is wrong."""
        return self.answer(self.read(requests))

    def read(self, requests: Sequence[ExtractRequest]) -> list[Job]:
        """Return the jobs of requests, with the pairs of their texts. Needs the annotator only, not the model."""
        jobs = [Job(request) for request in requests]
        for job in jobs:
            self._guarded(job, self._read)
        for english in (True, False):
            self._annotate([job for job in jobs if job.passages and job.english is english], english=english)
        return jobs

    def answer(self, jobs: Sequence[Job]) -> list[Answer | Exception]:
        """Return the answer of each job, or the error that it ends in."""
        for job in jobs:
            self._guarded(job, self._check_readable)
        self._extract([job for job in jobs if job.error is None and job.instances])
        for job in jobs:
            self._guarded(job, self._select)
        return [job.error or Answer(job.triples, job.warnings) for job in jobs]

    def _guarded(self, job: Job, step: Callable[[Job], None]) -> None:
        """Do a step of a job unless an earlier one failed; an error is kept in the job."""
        if job.error is not None:
            return
        try:
            step(job)
        except RefusedError as error:
            job.error = error
        except RelscoutError as error:
            _LOG.error("a request failed: %s", error)
            job.error = error
        except Exception as error:
            _LOG.exception("a request failed")
            job.error = error

    def _read(self, job: Job) -> None:
        request = job.request
        if request.precision is not None and isinstance(self.extractor, ClassifierExtractor):
            raise RefusedError(
                "'precision' has no effect here: this server has a classifier, which recognises unrelated pairs "
                "itself; leave it out"
            )
        try:
            minimum_confidences(request.min_confidence, self.extractor.names)
            if request.text is not None:
                job.passages = list(passages_of(request.text, document=request.document))
                texts = [passage.text for passage in job.passages]
                job.english = self.english or looks_english(texts)
            for number, pair in enumerate(request.pairs or ()):
                try:
                    record = pair.model_dump(exclude_none=True)
                    job.instances.append(instance_of(record, f"pair {number + 1}").without_relation())
                except InputError as error:
                    raise RefusedError(f"pairs.{number}: {error}") from error
            # only adds warnings about mentions that cut words
            job.instances = list(checked(job.instances, warn=job.warnings.append))
        except (InputError, SettingError) as error:
            raise RefusedError(str(error)) from error

    def _annotate(self, jobs: Sequence[Job], *, english: bool) -> None:
        """Add the pairs of texts, whose sentences all go through the pipeline together."""
        if not jobs:
            return
        try:
            self._mark(jobs, self.annotator(english))
        except Exception:
            # which of them it was shows when each is alone
            for job in jobs:
                job.instances.clear()
                self._guarded(job, lambda job: self._mark([job], self.annotator(english)))
        if not english:
            for job in jobs:
                job.warnings.append(_NOT_ENGLISH)

    def _mark(self, jobs: Sequence[Job], annotator: Annotator) -> None:
        passages = [
            replace(passage, source=f"{number}{_MARK}{passage.source}")
            for number, job in enumerate(jobs)
            for passage in job.passages
        ]
        # requests may name the same document
        for number, own in groupby(annotator.annotate(passages), key=_job_of):
            for sentence in consistent(own):
                _, _, source = sentence.source.partition(_MARK)
                jobs[number].instances += pairs(replace(sentence, source=source), self.pairing)

    def _check_readable(self, job: Job) -> None:
        if not job.instances:
            return
        share = self.extractor.unknown_share(job.instances)
        if share > FAR_TOO_UNKNOWN and not self.allow_unknown_tokens:
            raise RefusedError(
                f"{share:.0%} of the tokens of this text are unknown to the encoder of the run, so it cannot be read; "
                "send text in a language that the run was made for"
            )

    def _extract(self, jobs: Sequence[Job]) -> None:
        """Add the triples of all jobs, which are scored together."""
        tasks = [
            Task(job.instances, every_pair=job.request.text is not None, precision=job.request.precision)
            for job in jobs
        ]
        extractions = self.extractor.extract_together(tasks, allow_unknown_tokens=True) if tasks else []
        for job, extraction in zip(jobs, extractions, strict=True):
            if isinstance(extraction, Exception):
                _LOG.error("a request failed", exc_info=extraction)
                job.error = extraction
            else:
                job.triples = extraction.triples
                job.warnings += map(self._without_path, extraction.warnings)

    def _select(self, job: Job) -> None:
        """Leave out the triples that the request does not ask for."""
        least = minimum_confidences(job.request.min_confidence, self.extractor.names)
        job.triples = [
            triple
            for triple in job.triples
            if triple.confidence >= least[triple.relation]
            and not (job.request.drop_negated and triple.polarity != "asserted")
        ]

    def _without_path(self, warning: str) -> str:
        """Return a warning in which the encoder is named without its folder."""
        name = self.extractor.encoder_name
        return warning.replace(name, Path(name).name)
