"""``relscout extract``: apply discovered relations to new text."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relscout.cli import options
from relscout.cli.options import check_file
from relscout.cli.reading import TextReading
from relscout.cli.screen import Skipped, say, say_note
from relscout.core.errors import SettingError
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.core.instances import RelationInstance, Triple
    from relscout.core.progress import Progress
    from relscout.encoders import VectorCache

#: Returns the triples of instances, and what a user should know of them.
_Predict = Callable[..., "tuple[Iterable[Triple], Sequence[str]]"]


@options.grouped
def command(
    model: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'discover' or 'lab finetune'.")],
    inputs: options.Inputs,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output: .jsonl, .parquet, .nt, .ttl or .graphml."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Output format; neo4j writes a directory."),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Drop triples below this confidence, 0 to 1."),
    ] = 0.0,
    facts: Annotated[
        bool,
        typer.Option("--facts", help="Write facts instead of triples."),
    ] = False,
    drop_negated: Annotated[
        bool, typer.Option("--drop-negated", help="Drop negated and hypothetical triples.")
    ] = False,
    precision: options.Precision = None,
    allow_unknown_tokens: options.AllowUnknownTokens = False,
    *,
    reading: TextReading,
    caching: options.Caching,
) -> None:
    """Apply the relations of a run to new text.

    Writes triples with their sentence and its place; with --facts, sentences about the same two entities are
    combined into one fact with its support. Without --out, JSON Lines go to standard output. INPUT is as for
    'relscout discover'.
    """
    from relscout.discovery.relation import find_facts
    from relscout.io.writers import write, write_facts
    from relscout.io.writers.jsonl import fact_record, record
    from relscout.methods.unrelated import checked_precision

    reading = replace(reading, annotations=caching.annotations)
    _check_output(out, to)
    if precision is not None:
        checked_precision(precision)
    every_pair = reading.is_plain_text(inputs) or reading.pairs == "all"
    predict = _loaded(model, every_pair=every_pair)
    skipped = Skipped()
    with caching.opened() as (vectors, progress):
        instances = list(reading.instances(inputs, skipped, progress=progress))
        found, warnings = predict(
            instances,
            vectors,
            precision=precision,
            allow_unknown_tokens=allow_unknown_tokens,
            progress=progress,
        )
    skipped.report()
    for warning in warnings:
        say_note(warning)
    triples = (
        triple
        for triple in found
        if triple.confidence >= min_confidence and not (drop_negated and triple.polarity != "asserted")
    )
    if facts:
        gathered = find_facts(triples).facts
        if out is None:
            _print(map(fact_record, gathered))
            return
        say(f"{counted(write_facts(gathered, out, format=to), 'fact')} written to {out}")
        return
    if out is None:
        _print(map(record, triples))
        return
    count = write(triples, out, format=to)
    say(f"{counted(count, 'triple')} of {counted(len(instances), 'instance')} written to {out}")


def _loaded(folder: Path, *, every_pair: bool) -> _Predict:
    """Return what predicts the triples of instances, from the folder of a run or of a fine-tuning."""
    from relscout.discovery import TEXT_PRECISION, Discovery
    from relscout.encoders import check_share, loss_warnings, unknown_token_warning, use_cache
    from relscout.finetuning.storage import holds_classifier, load_classifier, triples_of

    if holds_classifier(folder):
        classifier = load_classifier(folder)

        def learnt(
            instances: Sequence[RelationInstance],
            cache: VectorCache | None,
            *,
            precision: float | None,
            allow_unknown_tokens: bool,
            progress: Progress,
        ) -> tuple[Iterable[Triple], Sequence[str]]:
            if precision is not None:
                raise SettingError(
                    f"--precision is for a run of 'relscout discover', and {folder} holds a classifier, which has "
                    "learnt which pairs express no relation; leave it out"
                )
            if classifier.encoder is not None:
                classifier.encoder.cache = cache
            lost: Counter[str] = Counter()
            share = classifier.unknown_share(instances)
            unknown = unknown_token_warning(share, str(folder))
            check_share(share, unknown, allow_unknown_tokens=allow_unknown_tokens)
            found = triples_of(
                classifier, instances, progress=progress, on_loss=lambda _, what: lost.update([what])
            )
            return list(found), [*([unknown] if unknown else []), *loss_warnings(lost)]

        return learnt
    run = Discovery.load(folder)
    has_thresholds = run.run.get("relatedness") is not None

    def discovered(
        instances: Sequence[RelationInstance],
        cache: VectorCache | None,
        *,
        precision: float | None,
        **options: Any,
    ) -> tuple[Iterable[Triple], Sequence[str]]:
        use_cache(run.model.encoder, cache)
        if precision is None and every_pair and not has_thresholds:
            precision = TEXT_PRECISION
        found = run.predict(instances, precision=precision, **options)
        return run.triples_of(found), found.warnings

    return discovered


def _check_output(out: Path | None, to: str | None) -> None:
    from relscout.io.writers import recognise, writer

    if to is not None:
        writer(to)
    if out is None:
        if to not in (None, "jsonl"):
            raise SettingError(f"--to {to} needs --out: only jsonl goes to standard output")
        return
    if (to or recognise(out)) != "neo4j":
        check_file(out)


def _print(records: Iterable[dict[str, Any]]) -> None:
    from relscout.io.writers.textfile import json_line

    for one in records:
        sys.stdout.buffer.write(json_line(one).encode("utf-8", "backslashreplace"))
