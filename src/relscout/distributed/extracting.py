"""Applies the relations of a run to a corpus in shards, on the workers of a Ray cluster.

A first pass scores the pairs of each shard; what depends on the whole corpus (the share of unknown tokens, and the
lowest probability of a related pair that reaches an expected precision) is computed from summaries; a second pass
assigns the relations. Both are the steps of :meth:`relscout.discovery.Discovery.predict`, so that the result is that of
one machine, apart from the rounding of the encoder, whose batches are others: 1e-5 of a confidence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.files import sha256
from relscout.core.instances import Match, RelationInstance, Triple
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted
from relscout.discovery import Assignments, Discovery
from relscout.discovery.extraction import precision_for
from relscout.discovery.relation import minimum_confidences
from relscout.discovery.result import Scores
from relscout.discovery.storage import RUN
from relscout.distributed.cluster import Cluster, Failure, Ray, caught, check_nodes, worked
from relscout.distributed.shards import (
    PASSAGES,
    SCORED,
    SCORED_PAIRS,
    SHARD_SIZE,
    TRIPLES,
    TRIPLES_FOLDER,
    Corpus,
    ScoredPair,
    cut,
    note_trial,
    read_scored,
    read_summary,
    read_triples,
    write_summary,
)
from relscout.distributed.working import claimed
from relscout.encoders import (
    check_share,
    compute_with,
    loss_warnings,
    name_of,
    readable_share,
    underlying,
    unknown_token_warning,
)
from relscout.encoders.settings import Backend, Dtype
from relscout.io.shards import INSTANCES, read_shard, shard_path, write_shard
from relscout.text import Annotator, MarkedSentence, Passage
from relscout.text.pairs import ALL_PAIRS, Pairing, mark

#: What happens to a shard that fails: ``raise`` an error, or ``skip`` it and list it.
OnBroken = Literal["raise", "skip"]


@dataclass(frozen=True)
class Marking:
    """How workers mark the entities of plain text, and pair them.

    Args:
        annotator: Returns the annotator, given whether the text is English; a function that can be pickled.
        pairing: Rules for the pairs.
    """

    annotator: Callable[[bool], Annotator]
    pairing: Pairing = ALL_PAIRS


@dataclass(frozen=True)
class Line:
    """What the second pass needs to know of the whole corpus.

    Args:
        readable: Factor of all confidences, in [0, 1].
        related: Lowest probability of a related pair; ``None`` for the thresholds of the run.
    """

    readable: float
    related: float | None


@dataclass(frozen=True)
class Job:
    """What all shards have in common; sent to the workers.

    Args:
        run: Folder of the run.
        corpus: The corpus.
        marking: How plain text is marked; ``None`` for marked pairs.
        relatedness: Whether to estimate which pairs are related, also if the run does not.
        least: Lowest confidence of a triple, by the name of its relation.
        drop_negated: Whether to leave out triples that are not asserted.
        backend: What runs the encoder; ``None`` as in the fit.
        dtype: What the encoder computes in; ``None`` as in the fit.
        described: Everything that determines the scores of a shard.
    """

    run: Path
    corpus: Corpus
    marking: Marking | None
    relatedness: bool
    least: Mapping[str, float]
    drop_negated: bool
    backend: Backend | None
    dtype: Dtype | None
    described: str

    def scored(self, index: int) -> Path:
        """Return the folder of the scores of a shard."""
        return self.corpus.part(SCORED, index, self.described)

    def triples(self, index: int, line: Line) -> Path:
        """Return the folder of the triples of a shard."""
        least = sorted(self.least.items())
        described = f"{self.described}\n{line!r}\n{least!r}\n{self.drop_negated}"
        return self.corpus.part(TRIPLES_FOLDER, index, described)


@dataclass(frozen=True)
class _Scorer:
    """A loaded run, which scores and assigns one shard after the other."""

    job: Job
    run: Discovery
    annotator: Annotator | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Load what a job needs."""
        run = Discovery.load(job.run)
        compute_with(run.model.encoder, backend=job.backend, dtype=job.dtype)
        # the corpus of the run is not needed, and may be large
        nothing = Assignments([], np.empty(0, np.int64), np.empty(0, np.float32))
        of_text = job.marking is not None and job.corpus.kind == "passages"
        annotator = job.marking.annotator(job.corpus.english) if job.marking is not None and of_text else None
        return cls(job, replace(run, assignments=nothing), annotator)

    def _instances(self, index: int, crowded: list[int]) -> list[RelationInstance]:
        path, marking = self.job.corpus.shard(index), self.job.marking
        if marking is None or self.annotator is None:
            return list(read_shard(path, INSTANCES))

        def note_crowded(_: MarkedSentence, left_out: int) -> None:
            crowded.append(left_out)

        passages = read_shard(path, PASSAGES)
        return list(
            mark(passages, annotator=self.annotator, pairing=marking.pairing, on_crowded=note_crowded)
        )

    def score(self, index: int) -> None:
        """Write the scores of a shard."""
        from relscout.text.pair_features import in_connected_text

        started, clock = time.time(), time.perf_counter()
        part, crowded = self.job.scored(index), list[int]()
        instances = self._instances(index, crowded)
        scores = Scores([], np.zeros((0, 1), np.float32), None, Counter())
        if instances:
            scores = self.run.score(
                instances, relatedness=self.job.relatedness, english=self.job.corpus.english
            )
        encoder = underlying(self.run.model.encoder)
        unknown = {} if encoder is None else encoder.unknown_shares([row.text for row in instances])
        part.mkdir(parents=True, exist_ok=True)
        write_shard(part, 0, _pairs(scores), SCORED_PAIRS)
        summary = {
            "pairs": len(instances),
            "connected": int(in_connected_text(scores.instances).sum()),
            "lost": dict(scores.lost),
            "unknown": unknown,
            "crowded": crowded,
            "started": started,
            "seconds": time.perf_counter() - clock,
        }
        write_summary(part, summary)

    def assign(self, index: int, line: Line) -> None:
        """Write the triples of a scored shard."""
        clock = time.perf_counter()
        part, pairs = self.job.triples(index, line), list(read_scored(shard_path(self.job.scored(index), 0)))
        triples, dropped = list[Triple](), list[Triple]()
        if pairs:
            related = np.array([pair.related for pair in pairs if pair.related is not None], np.float32)
            scores = Scores(
                [pair.instance for pair in pairs],
                np.array([pair.probabilities for pair in pairs], dtype=np.float32),
                related if len(related) else None,
                Counter(),
            )
            lowest = None if line.related is None else np.float64(line.related)
            assigned = self.run.assign(scores, readable=line.readable, line=lowest)
            for triple in self.run.triples_of(assigned):
                is_kept = triple.confidence >= self.job.least[triple.relation] and not (
                    self.job.drop_negated and triple.polarity != "asserted"
                )
                (triples if is_kept else dropped).append(triple)
        part.mkdir(parents=True, exist_ok=True)
        write_shard(part, 0, triples, TRIPLES)
        if dropped:
            write_shard(part, 1, dropped, TRIPLES)
        doubted = sum(triple.polarity != "asserted" for triple in triples)
        seconds = time.perf_counter() - clock
        summary = {
            "pairs": len(pairs),
            "triples": len(triples),
            "dropped": len(dropped),
            "doubted": doubted,
            "seconds": seconds,
        }
        write_summary(part, summary)


#: What this process has loaded: a worker loads a run once for all shards.
_LOADED: dict[str, _Scorer] = {}


def _scorer(job: Job) -> _Scorer:
    key = f"{job.run}\n{job.described}\n{job.corpus.folder}"
    if key not in _LOADED:
        _LOADED.clear()
        try:
            _LOADED[key] = _Scorer.of(job)
        except (InputError, ArtifactError) as error:
            # it would fail for every shard, so no shard is broken
            raise SettingError(
                f"cannot load the run {job.run}, or what marks entities ({error}); all nodes must see them under the "
                "same path"
            ) from error
    return replace(_LOADED[key], job=job)


def score(index: int, job: Job) -> Failure | None:
    """Write the scores of a shard; return why that failed, if it did. Workers call it."""
    failure: Failure | None = caught(lambda: _scorer(job).score(index))
    return failure


def assign(index: int, job: Job, line: Line) -> Failure | None:
    """Write the triples of a scored shard; return why that failed, if it did. Workers call it."""
    failure: Failure | None = caught(lambda: _scorer(job).assign(index, line))
    return failure


def _pairs(scores: Scores) -> Iterator[ScoredPair]:
    related = [None] * len(scores.instances) if scores.related is None else scores.related.tolist()
    for instance, probabilities, share in zip(scores.instances, scores.probabilities, related, strict=True):
        yield ScoredPair(instance, probabilities.tolist(), share)


@dataclass(frozen=True)
class ShardedExtraction:
    """The triples of a corpus, in shards on disk.

    Args:
        paths: Shards of triples, in the order of the input.
        matches: Entries of a vocabulary that fit a relation, by its id.
        pairs: Number of pairs that were scored.
        triples: Number of triples.
        doubted: Number of triples that are negated or hypothetical.
        english: Whether the texts look English.
        version: What the triples are attributed to.
        warnings: What a user should know.
        skipped: The shards that failed and were skipped, each with the reason.
        dropped: Shards of the triples that are left out, by their confidence or polarity.
    """

    paths: Sequence[Path]
    matches: Mapping[int, tuple[Match, ...]]
    pairs: int
    triples: int
    doubted: int
    english: bool
    version: str
    warnings: Sequence[str]
    skipped: Sequence[str] = ()
    dropped: Sequence[Path] = ()

    def __iter__(self) -> Iterator[Triple]:
        """Yield the triples in the order of the input, from the disk."""
        return read_triples(self.paths, self.matches)

    def related(self) -> Iterator[RelationInstance]:
        """Yield the pairs of all triples, also of those that are left out, in no order, to measure drift on."""
        for triple in read_triples([*self.paths, *self.dropped], self.matches):
            yield triple.instance


def extract(
    run: str | Path,
    rows: Iterable[Passage] | Iterable[RelationInstance],
    *,
    work: str | Path,
    marking: Marking | None = None,
    every_pair: bool | None = None,
    precision: float | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    drop_negated: bool = False,
    allow_unknown_tokens: bool = False,
    backend: Backend | None = None,
    dtype: Dtype | None = None,
    shard_size: int = SHARD_SIZE,
    broken: OnBroken = "raise",
    cluster: Cluster | None = None,
    progress: Progress = silent,
) -> ShardedExtraction:
    """Apply the relations of a run to a corpus, on the workers of a Ray cluster.

    The triples are those of :meth:`relscout.Discovery.predict` on the whole corpus. Started again with the same
    arguments, whatever was killed before, it continues with the shards that are not done.

    Args:
        run: Folder of a run of ``discover``, which all nodes must see.
        rows: Passages of plain text, or marked pairs, in which the rows of a document follow each other; consumed one
            shard at a time.
        work: Working folder, which all nodes must see.
        marking: How the entities of passages are marked and paired; required for passages.
        every_pair: Whether every pair of entities of a text is an instance; by default, whether the rows are passages.
        precision: Expected share of related pairs among those that get a relation, in (0, 1]; by default that of the
            run or, with ``every_pair``, :data:`relscout.discovery.TEXT_PRECISION`.
        min_confidence: Lowest confidence of a triple, in [0, 1], for all or by the name of the relation.
        drop_negated: Whether to leave out triples that are negated or hypothetical.
        allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
        backend: What runs the encoder, as in :class:`relscout.EncoderSettings`; by default as in the fit.
        dtype: Data type in which it multiplies matrices; by default as in the fit.
        shard_size: Passages or pairs of a shard, from 1; a shard is what a worker loses if it dies.
        broken: Whether a shard that fails is an error, or is skipped and listed in ``skipped``.
        cluster: Where Ray runs; on this machine by default.
        progress: Called with the number of finished shards, stages ``"score shards"`` and ``"assign shards"``.

    Raises:
        ArtifactError: The run is damaged.
        InputError: There is nothing to read, a shard is broken, or Ray does not answer.
        OutputError: A node cannot write to the working folder, or its disk is full.
        SettingError: A setting is invalid, the nodes differ in their versions, or the working folder is in use or
            holds other files.
        MissingExtraError: Ray is not installed.
    """
    cluster = cluster or Cluster()
    folder, work = Path(run).absolute(), Path(work).absolute()
    loaded = Discovery.load(folder)
    if underlying(loaded.model.encoder) is None:
        raise SettingError(
            f"{folder} has an encoder of your own, which workers cannot load; apply it with Discovery.predict"
        )
    moved = compute_with(loaded.model.encoder, backend=backend, dtype=dtype)
    least = minimum_confidences(min_confidence, loaded.names.values())
    with cluster.connected() as ray, claimed(work):
        check_nodes(ray, work, timeout=cluster.timeout)
        corpus = cut(rows, work, shard_size=shard_size)
        of_text = corpus.kind == "passages"
        if of_text and marking is None:
            raise SettingError(
                "the rows are passages of text; give marking, which says how entities are marked"
            )
        wanted = precision_for(loaded, precision, every_pair=of_text if every_pair is None else every_pair)
        job = Job(
            folder,
            corpus,
            marking,
            wanted is not None,
            least,
            drop_negated,
            backend,
            dtype,
            _described(folder, corpus, marking, f"relatedness {wanted is not None} {backend} {dtype}"),
        )
        passed = Pass(ray, cluster.workers, corpus, broken, progress)
        parts = {index: job.scored(index) for index in range(len(corpus.digests))}
        left = passed.run("score shards", score, parts, job)
        summaries = [read_summary(job.scored(index)) or {} for index in left]
        line, warnings = _line(
            loaded, job, left, summaries, precision=wanted, allow_unknown_tokens=allow_unknown_tokens
        )
        warnings += [moved] if moved else []
        parts = {index: job.triples(index, line) for index in left}
        left = passed.run("assign shards", assign, parts, job, line)
        note_trial(
            work,
            {
                SCORED: [job.scored(index).name for index in left],
                TRIPLES_FOLDER: [parts[index].name for index in left],
            },
        )
    finished = [parts[index] for index in left]
    counts = [read_summary(part) or {} for part in finished]
    return ShardedExtraction(
        [shard_path(part, 0) for part in finished],
        {relation.id: relation.matches or () for relation in loaded.relations},
        sum(summary["pairs"] for summary in summaries),
        sum(count["triples"] for count in counts),
        sum(count["doubted"] for count in counts),
        corpus.english,
        loaded.model_version,
        warnings,
        passed.skipped,
        [shard_path(part, 1) for part, count in zip(finished, counts, strict=True) if count["dropped"]],
    )


@dataclass
class Pass:
    """Gives what is not done to the workers, and collects what failed."""

    ray: Ray
    workers: int | None
    corpus: Corpus
    broken: OnBroken
    progress: Progress

    def __post_init__(self) -> None:
        self.skipped: list[str] = []

    def run(
        self, stage: str, function: Callable[..., Failure | None], parts: Mapping[int, Path], *shared: object
    ) -> list[int]:
        """Return the shards that are done, in order.

        Args:
            stage: Name of the stage.
            function: Called by workers with the number of a shard and what is shared.
            parts: Folder of the result, by the number of the shard.
            shared: Further arguments of the function.
        """
        done = {index for index, part in parts.items() if read_summary(part) is not None}
        self.progress(stage, len(done), len(parts))
        todo = [index for index in parts if index not in done]
        references = [self.ray.put(value) for value in shared]
        for index, failure in worked(
            self.ray, function, todo, *references, stage=stage, workers=self.workers
        ):
            if isinstance(failure, Failure):
                self.note(index, failure)
            else:
                done.add(index)
            self.progress(stage, len(done), len(parts))
        return sorted(done)

    def note(self, index: int, failure: Failure) -> None:
        """Note a broken shard, or raise the error."""
        path = self.corpus.shard(index)
        if failure.kind == "setting":
            raise failure.error()
        if self.broken == "raise" or failure.kind != "input":
            raise replace(failure, message=f"{path}: {failure.message}").error()
        self.skipped.append(f"{path} on node {failure.node}: {failure.message}")


def _described(run: Path, corpus: Corpus, marking: Marking | None, how: str) -> str:
    """Return everything that determines the scores of a shard, apart from its content."""
    try:
        parts = [f"relscout {version('relscout')}", sha256(run / RUN), how]
    except OSError as error:
        raise ArtifactError(f"{run / RUN}: {error.strerror or error}") from error
    parts.append(f"english {corpus.english}")
    if marking is not None:
        pairing = {**asdict(marking.pairing), "types": sorted(marking.pairing.types or ())}
        parts += [marking.annotator(corpus.english).fingerprint, repr(pairing)]
    return "\n".join(parts)


def _line(
    run: Discovery,
    job: Job,
    indices: Sequence[int],
    summaries: Sequence[Mapping[str, Any]],
    *,
    precision: float | None,
    allow_unknown_tokens: bool,
) -> tuple[Line, list[str]]:
    """Return what the second pass needs to know of the whole corpus, and warnings."""
    from relscout.encoders.inputs import joined_unknown_share

    unknown = joined_unknown_share(summary["unknown"] for summary in summaries)
    warnings = []
    if warning := unknown_token_warning(unknown, name_of(run.model.encoder)):
        check_share(unknown, warning, allow_unknown_tokens=allow_unknown_tokens)
        warnings.append(warning)
    lost = sum((Counter(summary["lost"]) for summary in summaries), Counter[str]())
    warnings += loss_warnings(lost)
    if crowded := [left_out for summary in summaries for left_out in summary["crowded"]]:
        warnings.append(
            f"{counted(len(crowded), 'sentence')} had too many entities, so only nearby ones were paired; "
            f"{counted(sum(crowded), 'pair')} left out"
        )
    pairs = sum(summary["pairs"] for summary in summaries)
    related = None
    if precision is not None and pairs:
        connected = sum(summary["connected"] for summary in summaries)
        estimated = np.concatenate([_related(shard_path(job.scored(index), 0)) for index in indices])
        related = float(
            run.relatedness_line(estimated, precision=precision, connected=connected / pairs >= 0.5)
        )
    return Line(readable_share(unknown), related), warnings


def _related(path: Path) -> NDArray[np.float32]:
    """Return the probabilities that the pairs of a shard are related (N,), float32."""
    from pyarrow import ArrowException, parquet

    try:
        return np.asarray(parquet.read_table(path, columns=["related"])["related"].to_numpy(), np.float32)
    except (ArrowException, OSError) as error:
        raise InputError(f"{path} is damaged ({error}); delete its folder and start again") from error
