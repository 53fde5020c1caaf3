"""``relscout extract``: apply discovered relations to new text."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relscout.cli import options
from relscout.cli.options import check_file, written_files
from relscout.cli.reading import NOTHING_PAIRED, TextReading, listed
from relscout.cli.screen import Skipped, excerpt, progress_bars, say, say_note
from relscout.core.errors import SettingError
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.core.instances import RelationInstance, Triple
    from relscout.core.progress import Progress
    from relscout.discovery import Discovery
    from relscout.discovery.extraction import Extractor, RunExtractor


@options.grouped
def command(
    model: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'discover' or 'lab finetune'.")],
    inputs: options.Inputs,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output: .csv, .xlsx, .jsonl, .parquet, .nt, .ttl, .graphml."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Output format; neo4j writes a directory."),
    ] = None,
    min_confidence: Annotated[
        list[str] | None,
        typer.Option(metavar="SHARE", help="Minimum confidence; NAME=SHARE for a relation."),
    ] = None,
    facts: Annotated[
        bool,
        typer.Option("--facts", help="Write facts instead of triples."),
    ] = False,
    drop_negated: Annotated[
        bool, typer.Option("--drop-negated", help="Drop negated and hypothetical triples.")
    ] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Report how much is far from every relation.")
    ] = False,
    precision: options.Precision = None,
    allow_unknown_tokens: options.AllowUnknownTokens = False,
    limit_memory: options.LimitMemory = None,
    *,
    reading: TextReading,
    arithmetic: options.Arithmetic,
    caching: options.Caching,
    sharding: options.Sharding,
) -> None:
    """Apply the relations of a run to new text.

    Writes triples with their sentence and its place; with --facts, sentences about the same two entities are
    combined into one fact with its support. Without --out, JSON Lines go to standard output. INPUT is as for
    'relscout discover'. With --limit-memory, marked pairs are copied to temporary files and extracted in batches, with
    the same result.

    --ray works on several processes or machines, shard by shard, and --in-shards in this process with little memory;
    the result is the same. Killed work continues when you start the same command again.
    """
    from relscout.discovery.extraction import RunExtractor, load_extractor
    from relscout.discovery.relation import find_facts, minimum_confidences
    from relscout.io.writers import write, write_facts
    from relscout.io.writers.jsonl import fact_record, record
    from relscout.methods.unrelated import checked_precision

    reading = replace(reading, annotations=caching.annotations)
    _check_output(out, to)
    if precision is not None:
        checked_precision(precision)
    limit = None if limit_memory is None else options.byte_size(limit_memory, "--limit-memory")
    if limit is not None and (sharding.is_wanted or drift):
        other = sharding.option if sharding.is_wanted else "--drift"
        raise SettingError(f"--limit-memory and {other} cannot be combined; use one of them")
    given = _min_confidence(min_confidence or ())
    if sharding.is_wanted:
        chosen = {"min_confidence": given, "precision": precision, "drop_negated": drop_negated}
        chosen |= {"allow_unknown_tokens": allow_unknown_tokens, **arithmetic.given}
        with contextlib.ExitStack() as held:
            _extract_sharded(model, inputs, out, to, facts, drift, reading, sharding, chosen, held)
        return
    is_text = reading.is_plain_text(inputs)
    extractor = load_extractor(model)
    arithmetic.apply(extractor)
    least = minimum_confidences(given, extractor.names)
    if drift and not isinstance(extractor, RunExtractor):
        raise SettingError(f"--drift is for a run of 'relscout discover', and {model} holds a classifier")

    def is_kept(triple: Triple) -> bool:
        return triple.confidence >= least[triple.relation] and not (
            drop_negated and triple.polarity != "asserted"
        )

    skipped = Skipped()
    if limit is not None:
        run = _checked_batches(
            extractor, every_pair=is_text or reading.pairs == "all" or precision is not None, facts=facts
        )
        with caching.opened() as (vectors, progress):
            run.use_cache(vectors)
            streamed = reading.instances(inputs, skipped, progress=progress)
            _extract_batches(run, streamed, limit, is_kept, skipped, out, to, allow_unknown_tokens, progress)
        return
    with caching.opened() as (vectors, progress):
        instances = list(reading.instances(inputs, skipped, progress=progress))
        extractor.use_cache(vectors)
        extracted = extractor.extract(
            instances,
            every_pair=is_text or reading.pairs == "all",
            precision=precision,
            allow_unknown_tokens=allow_unknown_tokens,
            progress=progress,
        )
        if drift and extracted.triples and isinstance(extractor, RunExtractor):
            _report_drift(extractor.run, [triple.instance for triple in extracted.triples], progress)
    skipped.report()
    if not instances and not skipped.count and is_text:
        say_note(NOTHING_PAIRED)
    for warning in extracted.warnings:
        say_note(warning)
    triples = list(filter(is_kept, extracted.triples))
    if facts:
        evidence = list(triples)
        gathered = find_facts(evidence).facts
        if out is None:
            _print(map(fact_record, gathered))
            return
        say(f"{counted(write_facts(gathered, out, format=to, triples=evidence), 'fact')} written to {out}")
        return
    _note_doubted(sum(triple.polarity != "asserted" for triple in triples))
    if out is None:
        _print(map(record, triples))
        return
    count = write(triples, out, format=to, model_version=extractor.version)
    _say_written(count, len(instances), out, to)


#: Instances of the first batch, and the fewest of any.
_LEAST_IN_BATCH = 256
#: Bytes for an instance in a batch: its text, tokens and triple, and copies of a vector of 2,304 numbers; and for each
#: relation, its probability in several arrays.
_PER_INSTANCE, _PER_RELATION = 40_960, 32


def _checked_batches(extractor: Extractor, *, every_pair: bool, facts: bool) -> RunExtractor:
    """Return the extractor if it extracts each pair independently of the others.

    Raises:
        SettingError: It does not.
    """
    from relscout.discovery.extraction import RunExtractor

    why, instead = "", "use --in-shards in its place"
    if not isinstance(extractor, RunExtractor):
        why, instead = "the directory holds a classifier", "leave it out, or split the input"
    elif every_pair or extractor.run.run.get("relatedness") is not None:
        why = "whether a pair is related depends on the other pairs of its text"
    elif facts:
        why = "a fact (--facts) depends on all sentences"
    if why or not isinstance(extractor, RunExtractor):
        raise SettingError(
            f"--limit-memory applies to triples of marked pairs by a run of marked pairs, but {why}; "
            f"{instead}"
        )
    return extractor


def _extract_batches(
    run: RunExtractor,
    instances: Iterable[RelationInstance],
    limit: int,
    is_kept: Callable[[Triple], bool],
    skipped: Skipped,
    out: Path | None,
    to: str | None,
    allow_unknown_tokens: bool,
    progress: Progress,
) -> None:
    """Write or print the triples of instances, which are copied to temporary shards first."""
    from relscout.encoders import check_share, loss_warnings, unknown_share, unknown_token_warning
    from relscout.encoders.inputs import text_sample
    from relscout.io.shards import INSTANCES, ShardedRows, write_shards
    from relscout.io.writers import write
    from relscout.io.writers.jsonl import record

    lost: Counter[str] = Counter()
    doubted = 0

    def noted(triples: Iterable[Triple]) -> Iterator[Triple]:
        nonlocal doubted
        for triple in triples:
            doubted += triple.polarity != "asserted"
            yield triple

    with tempfile.TemporaryDirectory(prefix="relscout-") as place:
        count = write_shards(Path(place) / "instances", instances, INSTANCES)
        skipped.report()
        rows = ShardedRows(Path(place) / "instances", INSTANCES, count=count)
        share = unknown_share(run.run.model.encoder, text_sample(row.text for row in rows))
        if warning := unknown_token_warning(share, run.encoder_name):
            check_share(share, warning, allow_unknown_tokens=allow_unknown_tokens)
            say_note(warning)
        extracted = run.extract_batches(
            _batches(rows, limit, len(run.names)),
            unknown_tokens=share,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
        )
        triples = noted(filter(is_kept, extracted))
        if out is None:
            _print(map(record, triples))
        else:
            written = write(triples, out, format=to, model_version=run.version)
        for warning in loss_warnings(lost):
            say_note(warning)
        _note_doubted(doubted)
        if out is not None:
            _say_written(written, len(rows), out, to)


def _batches(
    rows: Sequence[RelationInstance], limit: int, n_relations: int
) -> Iterator[Sequence[RelationInstance]]:
    """Yield the rows in batches that fit into the memory, as far as the first batch shows.

    Raises:
        SettingError: The limit is too low.
    """
    start, size = 0, _LEAST_IN_BATCH
    while start < len(rows):
        yield rows[start : start + size]
        if start == 0:
            # the libraries and the model are loaded now
            used, each = _peak_memory(), _PER_INSTANCE + _PER_RELATION * n_relations
            size = (limit - used) // each
            if size < _LEAST_IN_BATCH and len(rows) > _LEAST_IN_BATCH:
                needed = used + _LEAST_IN_BATCH * each
                raise SettingError(
                    f"--limit-memory is {limit / 1e6:,.0f} MB, but libraries, model and a first batch needed "
                    f"{used / 1e6:,.0f} MB; give at least {needed / 1e6:,.0f}MB"
                )
            start = _LEAST_IN_BATCH
        else:
            start += size


def _peak_memory() -> int:
    """Return the largest memory of this process so far, in bytes."""
    if sys.platform == "win32":
        raise SettingError("--limit-memory is not available on Windows; split the input")
    from resource import RUSAGE_SELF, getrusage

    peak = getrusage(RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _note_doubted(count: int) -> None:
    if count:
        say_note(
            f"{counted(count, 'triple')} negated or hypothetical (field 'polarity'); leave such triples out with "
            "--drop-negated"
        )


def _say_written(count: int, n_instances: int, out: Path, to: str | None) -> None:
    of = f"{counted(count, 'triple')} of {counted(n_instances, 'instance')}"
    say(f"{of} written to {written_files(out, to)}")


def _extract_sharded(
    model: Path,
    inputs: Sequence[Path],
    out: Path | None,
    to: str | None,
    facts: bool,
    drift: bool,
    reading: TextReading,
    sharding: options.Sharding,
    chosen: dict[str, Any],
    held: contextlib.ExitStack,
) -> None:
    """Extract shard by shard, in this process or on the workers of a Ray cluster.

    Args:
        model: Folder of the run.
        inputs: The input.
        out: The output; ``None`` for standard output.
        to: Format of the output.
        facts: Whether facts are written in place of triples.
        drift: Whether to report how much is far from every relation.
        reading: How the input is read.
        sharding: Options about shards and Ray.
        chosen: Further arguments of :func:`relscout.distributed.extract`.
        held: Keeps the cluster, and the claim of the working folder, until the output is written.
    """
    from relscout.distributed import extract, find_facts
    from relscout.distributed.working import check_apart, claimed, remove
    from relscout.io.writers import write, write_facts
    from relscout.io.writers.jsonl import fact_record, record

    work, cluster, skipped = sharding.folder(out), sharding.cluster, Skipped()
    lost: list[str] = []
    check_apart(work, inputs)
    held.enter_context(cluster.connected())
    with listed(lost), progress_bars(resumable=True) as progress:
        held.enter_context(claimed(work))
        rows, marking = reading.rows(inputs, skipped, lost=lost if sharding.broken_shards == "skip" else None)
        extraction = extract(
            model,
            rows,
            work=work,
            marking=marking,
            every_pair=marking is not None or reading.pairs == "all",
            cluster=cluster,
            progress=progress,
            **sharding.given,
            **chosen,
        )
        if drift and (extraction.triples or extraction.dropped):
            from relscout.discovery import Discovery

            _report_drift(Discovery.load(model), extraction.related(), progress)
    skipped.report()
    if marking is not None:
        reading.note_language(english=extraction.english)
        if not extraction.pairs and not skipped.count:
            say_note(NOTHING_PAIRED)
    for warning in extraction.warnings:
        say_note(warning)
    for broken in extraction.skipped:
        say_note(f"skipped: {broken}")
    if not facts:
        _note_doubted(extraction.doubted)
        if out is None:
            _print(map(record, extraction))
        else:
            count = write(extraction, out, format=to, model_version=extraction.version)
            _say_written(count, extraction.pairs, out, to)
    else:
        with progress_bars(resumable=True) as progress:
            gathered = find_facts(extraction, cluster=cluster, progress=progress)
            if out is None:
                _print(map(fact_record, gathered))
            else:
                count = write_facts(gathered, out, format=to, triples=extraction)
        if out is not None:
            say(f"{counted(count, 'fact')} written to {out}")
    if sharding.work is None:
        remove(work)


def _report_drift(run: Discovery, instances: Iterable[RelationInstance], progress: Progress) -> None:
    """Print how many of the pairs with a relation are far from every relation."""
    from relscout.discovery.drift import drift

    measured = drift(run, instances, progress=progress)
    say_note(
        f"{measured.far:.0%} of {counted(measured.pairs, 'pair')} are far from every relation, {measured.expected:.0%} "
        "would be in text like that of the run"
        + ("; discover the relations of this text" if measured.far > 2 * measured.expected else "")
    )
    for instance in measured.farthest if measured.far > 2 * measured.expected else ():
        say(f"  {excerpt(instance, 90)}")


def _min_confidence(given: Sequence[str]) -> dict[str, float]:
    """Return minimum confidences by relation: numbers, ``NAME=NUMBER``, or files that map names to numbers.

    Raises:
        SettingError: A part is none of these, or a relation is given twice.
        InputError: A file cannot be read.
    """
    from relscout.core.config_files import read_config
    from relscout.discovery.relation import OTHER_RELATIONS

    by_name: dict[str, float] = {}
    for part in given:
        name, equals, number = part.rpartition("=")
        if not equals and (path := Path(part)).is_file():
            content = read_config(path)
            if not isinstance(content, dict):
                raise SettingError(f"{path} is {content!r:.60}; expected a mapping of relations to numbers")
            shares = {str(relation): share for relation, share in content.items()}
        else:
            shares = {name.strip() if equals else OTHER_RELATIONS: _share(number, part)}
        if twice := by_name.keys() & shares.keys():
            of = min(twice)
            what = "all relations" if of == OTHER_RELATIONS else repr(of)
            raise SettingError(f"--min-confidence is given twice for {what}")
        by_name |= shares
    return by_name


def _share(number: str, part: str) -> float:
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingError(
            f"invalid value for '--min-confidence': {part!r}; expected a number from 0 to 1, NAME=NUMBER, or an "
            "existing YAML or JSON file of names and numbers"
        )
    return share


def _check_output(out: Path | None, to: str | None) -> None:
    from relscout.io.writers import FOLDERS, recognise, writer

    if to is not None:
        writer(to)
    if out is None:
        if to not in (None, "jsonl"):
            raise SettingError(f"--to {to} needs --out: only jsonl goes to standard output")
        return
    if (to or recognise(out)) not in FOLDERS:
        check_file(out)


def _print(records: Iterable[dict[str, Any]]) -> None:
    from relscout.io.writers.textfile import json_line

    for record in records:
        sys.stdout.buffer.write(json_line(record).encode("utf-8", "backslashreplace"))
