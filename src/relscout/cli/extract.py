"""``relscout extract``: apply discovered relations to new text."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relscout.cli import options
from relscout.cli.options import check_file, written_files
from relscout.cli.reading import NOTHING_PAIRED, TextReading
from relscout.cli.screen import Skipped, excerpt, progress_bars, say, say_note
from relscout.core.errors import SettingError
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.core.instances import RelationInstance
    from relscout.core.progress import Progress
    from relscout.discovery import Discovery


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
    *,
    reading: TextReading,
    caching: options.Caching,
    sharding: options.Sharding,
) -> None:
    """Apply the relations of a run to new text.

    Writes triples with their sentence and its place; with --facts, sentences about the same two entities are
    combined into one fact with its support. Without --out, JSON Lines go to standard output. INPUT is as for
    'relscout discover'.

    --ray works on several processes or machines, shard by shard; the result is the same. Killed work continues when you
    start the same command again.
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
    given = _min_confidence(min_confidence or ())
    if sharding.ray is not None:
        chosen = {"min_confidence": given, "precision": precision, "drop_negated": drop_negated}
        chosen["allow_unknown_tokens"] = allow_unknown_tokens
        _extract_sharded(model, inputs, out, to, facts, drift, reading, sharding, chosen)
        return
    is_text = reading.is_plain_text(inputs)
    extractor = load_extractor(model)
    least = minimum_confidences(given, extractor.names)
    if drift and not isinstance(extractor, RunExtractor):
        raise SettingError(f"--drift is for a run of 'relscout discover', and {model} holds a classifier")
    skipped = Skipped()
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
    triples = [
        triple
        for triple in extracted.triples
        if triple.confidence >= least[triple.relation]
        and not (drop_negated and triple.polarity != "asserted")
    ]
    if facts:
        evidence = list(triples)
        gathered = find_facts(evidence).facts
        if out is None:
            _print(map(fact_record, gathered))
            return
        say(f"{counted(write_facts(gathered, out, format=to, triples=evidence), 'fact')} written to {out}")
        return
    if doubted := sum(triple.polarity != "asserted" for triple in triples):
        say_note(_about_doubted(doubted))
    if out is None:
        _print(map(record, triples))
        return
    count = write(triples, out, format=to, model_version=extractor.version)
    of = f"{counted(count, 'triple')} of {counted(len(instances), 'instance')}"
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
) -> None:
    """Extract on the workers of a Ray cluster.

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
    """
    from relscout.distributed import extract, find_facts
    from relscout.io.writers import write, write_facts
    from relscout.io.writers.jsonl import fact_record, record

    work, cluster, skipped = sharding.folder(out), sharding.cluster, Skipped()
    lost: list[str] = []
    with progress_bars(resumable=True) as progress, cluster.connected():
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
        gathered = list(find_facts(extraction, cluster=cluster, progress=progress)) if facts else []
        if drift and extraction.triples:
            from relscout.discovery import Discovery

            _report_drift(Discovery.load(model), (triple.instance for triple in extraction), progress)
    skipped.report()
    if marking is not None:
        reading.note_language(english=extraction.english)
        if not extraction.pairs and not skipped.count:
            say_note(NOTHING_PAIRED)
    for warning in extraction.warnings:
        say_note(warning)
    for broken in (*lost, *extraction.skipped):
        say_note(f"skipped: {broken}")
    if extraction.doubted and not facts:
        say_note(_about_doubted(extraction.doubted))
    if out is None:
        _print(map(fact_record, gathered) if facts else map(record, extraction))
    elif facts:
        count = write_facts(gathered, out, format=to, triples=extraction)
        say(f"{counted(count, 'fact')} written to {out}")
    else:
        count = write(extraction, out, format=to, model_version=extraction.version)
        of = f"{counted(count, 'triple')} of {counted(extraction.pairs, 'instance')}"
        say(f"{of} written to {written_files(out, to)}")
    if sharding.work is None:
        shutil.rmtree(work, ignore_errors=True)


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


def _about_doubted(number: int) -> str:
    return (
        f"{counted(number, 'triple')} negated or hypothetical (field 'polarity'); leave such triples out with "
        "--drop-negated"
    )


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
