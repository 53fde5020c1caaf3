"""``relscout discover``: find the relations of a corpus, and show them."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from relscout.cli import options
from relscout.cli.command_files import asked_for
from relscout.cli.reading import NOTHING_PAIRED, TextReading, listed
from relscout.cli.screen import Skipped, excerpt, output, print_json, progress_bars, say, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Fact, RelationInstance
from relscout.core.wording import counted, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from relscout.discovery import Discovery, Relation
    from relscout.methods import Estimator


@options.grouped
def command(
    inputs: options.Inputs,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Method (see 'relscout methods'), or auto.",
            show_default="kmeans; hac for text",
        ),
    ] = None,
    relations: Annotated[
        str, typer.Option(metavar="K|auto", help="Number of relations, or auto to estimate it.")
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output directory (default: print only).")
    ] = None,
    overwrite: options.Overwrite = False,
    shard_above: options.ShardAbove = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Do not write report.html.")] = False,
    settings: Annotated[
        list[str] | None,
        options.set_option(help="Method settings, e.g. n_init=20,start=k-means++."),
    ] = None,
    none: Annotated[
        str | None,
        typer.Option(metavar="SHARE|auto|FILE", help="Leave out unrelated pairs: a share, or judged pairs."),
    ] = None,
    hierarchy: Annotated[
        bool, typer.Option("--hierarchy", help="Arrange similar relations in a tree.")
    ] = False,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    labeled: options.Labeled = None,
    known: options.Known = "raise",
    after: options.After = None,
    fit_on: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Fit on a sample of N pairs, and apply to all."),
    ] = None,
    precision: options.Precision = None,
    trust_training: Annotated[
        bool,
        typer.Option("--trust-training", help="Keep a method even if training made it worse."),
    ] = False,
    allow_unknown_tokens: options.AllowUnknownTokens = False,
    *,
    context: typer.Context,
    reading: TextReading,
    encoder: options.RelationEncoder,
    caching: options.Caching,
    naming: options.Naming,
    sharding: options.Sharding,
) -> None:
    """Find the relations of a corpus, name them, and collect the facts.

    INPUT is plain text (.txt, .md, .html, .pdf, tables with a column of text, folders, or - for standard input), in
    which entities are recognised and unrelated pairs are dropped; or marked pairs in any format that 'relscout
    inspect' recognises, whose gold relations are ignored.

    Some methods need --labeled: marked pairs with gold relations other than those to discover. If a method trains, its
    result is compared with k-means, without gold relations, and the better of the two is kept. --after continues
    from earlier runs. An interrupted run resumes when you start the same command again; a finished run stays as it is.

    --vocabulary matches the relations to names that you have, such as Wikidata's. --names-from sends the three
    sentences of each relation that the report shows first to a language model; its key is read from the environment
    variable RELSCOUT_NAMES_KEY.

    --ray clusters marked pairs by k-means on several processes or machines, shard by shard, and --in-shards in this
    process with little memory; the result is the same. With --fit-on, a method is fitted on a random sample of the
    pairs, and its relations are applied to all pairs, which are read from disk in parts.
    """
    from relscout.core.settings import from_mapping
    from relscout.discovery import (
        TEXT_METHOD,
        TEXT_PRECISION,
        TEXT_SETTINGS,
        Discovery,
        default_encoder,
        discover,
    )
    from relscout.discovery.choosing import AUTO, candidate, check_auto
    from relscout.discovery.storage import COMMAND, REPORT, SHARD_ABOVE, check_target, earlier_run
    from relscout.encoders import TransformerEncoder, use_cache
    from relscout.methods import method as method_class
    from relscout.naming.endpoint import INTERRUPTED

    # options are checked before anything is read
    wanted, chosen = options.n_relations(relations), options.assignments_of(settings, "--set")
    given = options.none_given(none)
    if precision is not None:
        from relscout.methods.unrelated import checked_precision

        checked_precision(precision)
    if overwrite and out is None:
        say_note("--overwrite has no effect without --out")
    reading = replace(reading, annotations=caching.annotations)
    _ = encoder.file_fields, naming.read
    asked = {} if out is None else asked_for(context)
    fitted = None
    if out is not None:
        if not overwrite and earlier_run(out, asked):
            fitted = Discovery.load(out)
        check_target(out, overwrite=overwrite or fitted is not None)
        finished = fitted is not None and naming.is_done(fitted)
        if fitted is not None and finished and (no_report or (out / REPORT).is_file()):
            say_note(f"{out} holds the finished run of this command; add --overwrite to repeat it")
            _print(fitted, out, as_json=as_json)
            return
    plain = reading.is_plain_text(inputs)
    if sharding.is_wanted or fit_on is not None:
        in_sample = {
            f"--method {method}": method not in (None, "kmeans"),
            "--labeled": labeled is not None,
            "--after": bool(after),
        }
        unfit = {
            **(in_sample if fit_on is None else {}),
            "plain text": plain,
            "--pairs all": reading.pairs == "all",
            "--none": none is not None,
            "--precision": precision is not None,
            "--hierarchy": hierarchy,
        }
        if given_too := [option for option, is_given in unfit.items() if is_given]:
            if fit_on is None:
                fitting = " with --fit-on, or" if in_sample.get(given_too[0]) else ""
                option = sharding.option
                raise SettingError(
                    f"{option} clusters marked pairs by k-means, and cannot be combined with {given_too[0]}; discover "
                    f"the relations of a sample{fitting} without {option}, and apply them to all of it with 'relscout "
                    f"extract {option}'"
                )
            raise SettingError(
                f"--fit-on applies the relations of a sample to each marked pair on its own, and cannot be combined "
                f"with {given_too[0]}; discover the relations of a part of the text, and apply them to all of it with "
                "'relscout extract'"
            )
    if sharding.is_wanted:
        _ = sharding.folder(out)
    every_pair = plain or reading.pairs == "all" or precision is not None
    if precision is None and every_pair and not isinstance(given, float | str) and not after:
        precision = TEXT_PRECISION
    if method is None:
        method = TEXT_METHOD if every_pair else "kmeans"
    if method == TEXT_METHOD and every_pair:
        chosen = {**TEXT_SETTINGS, **chosen}
    if after and plain:
        raise SettingError(
            f"{inputs[0]} is plain text, and --after reads files of marked pairs; "
            f"'relscout extract {after[0]} {inputs[0]}' applies the relations of a run to more text"
        )
    if method == AUTO:
        check_auto(settings=chosen, after=bool(after))
        kind = method_class(candidate(labelled=labeled is not None, every_pair=every_pair).method)
    else:
        kind = method_class(method)
    if trust_training and not kind.TRAINS:
        say_note(f"--trust-training has no effect: {kind.NAME} trains nothing that k-means could replace")
    from_mapping(kind.SETTINGS, chosen)
    _check_labels(kind, chosen, labeled=labeled, known=known, after=after, none=given)
    described = encoder.settings(default=default_encoder(kind, every_pair=every_pair), seed=seed)
    earlier = [Discovery.load(run) for run in after or ()]
    skipped = Skipped()
    instances: list[RelationInstance] = []
    gold: dict[str, str] = {}
    streamed = sharding.is_wanted or fit_on is not None
    if not sharding.is_wanted and shard_above is None:
        shard_above = SHARD_ABOVE  # also if the input is copied to shards
    if not streamed:
        with progress_bars(resumable=not caching.no_cache) as progress:
            instances = list(_noting(gold, reading.instances(inputs, skipped, progress=progress)))
    elif fitted is not None and not sharding.is_wanted:
        for _ in _noting(gold, reading.instances(inputs, skipped)):
            pass  # the report compares with the gold relations
    learnt_from = list(reading.others().instances(labeled, skipped)) if labeled else None
    unrelated = list(reading.others().instances([given], skipped)) if isinstance(given, Path) else given
    if not streamed or fitted is not None:
        skipped.report()  # else when the pairs are read
    if not instances and not streamed:
        raise InputError(f"{', '.join(map(str, inputs))}: {_why_nothing(skipped, plain=plain)}")
    how: dict[str, Any] = {
        "method": method,
        "n_relations": wanted,
        "seed": seed,
        "labeled": learnt_from,
        "known": known,
        "after": earlier,
        "settings": chosen,
        "check_training": not trust_training,
        "allow_unknown_tokens": allow_unknown_tokens,
    }
    with contextlib.ExitStack() as held:
        with caching.opened() as (vectors, progress):
            if fitted is not None:
                discovery = fitted  # it was interrupted before it was named, or wrote its report
                use_cache(discovery.model.encoder, vectors)
            elif sharding.is_wanted:
                discovery = _discover_sharded(
                    inputs,
                    reading,
                    skipped,
                    sharding,
                    out,
                    held,
                    encoder=described,
                    fit_on=fit_on,
                    progress=progress,
                    **how,
                )
            else:
                how |= {"encoder": TransformerEncoder(described, cache=vectors), "progress": progress}
                how |= {"checkpoints": caching.checkpoints}
                discovery = (
                    discover(instances, none=unrelated, precision=precision, hierarchy=hierarchy, **how)
                    if fit_on is None
                    else _discover_in_sample(inputs, reading, skipped, gold, held, fit_on, **how)
                )
            if out is not None and fitted is None:
                discovery = discovery.with_run({COMMAND: asked})
                discovery.save(out, shard_above=shard_above)
                if sharding.is_wanted and sharding.work is None:
                    from relscout.distributed.working import remove

                    # the instances are in the run now
                    discovery = Discovery.load(out)
                    use_cache(discovery.model.encoder, vectors)
                    remove(sharding.folder(out))
            named = discovery if naming.is_done(discovery) else naming.apply(discovery, progress=progress)
            if out is not None:
                if named is not discovery:
                    # the run was saved before, so that nothing that happens to its names can lose it
                    named.save(out, shard_above=shard_above)
                if not no_report:
                    from relscout.report import write_report

                    write_report(
                        named,
                        out / REPORT,
                        title=f"Relations of {', '.join(path.name for path in inputs)}",
                        gold=gold or None,
                        progress=progress,
                    )
        _print(named, out, as_json=as_json, skipped=skipped)
    if out is not None and INTERRUPTED in named.run.get("names_from", {}).get("failures", ()):
        raise KeyboardInterrupt(f"{out} has the names so far; run the same command again for the others")


def _noting(gold: dict[str, str], rows: Iterable[RelationInstance]) -> Iterator[RelationInstance]:
    """Yield instances, and note their gold relations by their ids."""
    for row in rows:
        if row.relation is not None:
            gold[row.id] = row.relation
        yield row


def _discover_in_sample(
    inputs: Sequence[Path],
    reading: TextReading,
    skipped: Skipped,
    gold: dict[str, str],
    held: contextlib.ExitStack,
    fit_on: int,
    **chosen: Any,
) -> Discovery:
    """Discover in a sample of pairs that are copied to the disk.

    Args:
        inputs: The input.
        reading: How it is read.
        skipped: Notes records that are skipped.
        gold: Gets the gold relations by the ids of the instances.
        held: Keeps the copy until the result is written and shown.
        fit_on: Largest number of instances in the sample.
        chosen: Further arguments of :func:`relscout.discovery.sampled.discover_in_sample`.
    """
    from relscout.discovery import discover
    from relscout.discovery.sampled import discover_in_sample
    from relscout.io.shards import INSTANCES, ShardedRows, write_shards

    copy = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="relscout-"))) / "instances"
    count = write_shards(copy, _noting(gold, reading.instances(inputs, skipped)), INSTANCES)
    skipped.report()
    rows = ShardedRows(copy, INSTANCES, count=count)
    if not rows:
        raise InputError(f"{', '.join(map(str, inputs))}: {_why_nothing(skipped, plain=False)}")
    return discover_in_sample(rows, fit_on, fit=discover, **chosen)


def _discover_sharded(
    inputs: Sequence[Path],
    reading: TextReading,
    skipped: Skipped,
    sharding: options.Sharding,
    out: Path | None,
    held: contextlib.ExitStack,
    **chosen: Any,
) -> Discovery:
    """Discover on the workers of a Ray cluster.

    Args:
        inputs: The input.
        reading: How it is read.
        skipped: Notes records that are skipped.
        sharding: Options about shards and Ray.
        out: The output directory.
        held: Keeps the working folder claimed until the run is saved.
        chosen: Further arguments of :func:`relscout.distributed.discover`.
    """
    from relscout.distributed import discover
    from relscout.distributed.working import check_apart, claimed

    lost: list[str] = []
    rows, _ = reading.rows(inputs, skipped, lost=lost if sharding.broken_shards == "skip" else None)
    size: dict[str, Any] = {} if sharding.shard_size is None else {"shard_size": sharding.shard_size}
    work, cluster = sharding.folder(out), sharding.cluster
    check_apart(work, inputs)
    with listed(lost), cluster.connected():
        held.enter_context(claimed(work))
        discovery = discover(
            cast("Iterator[RelationInstance]", rows),
            work=work,
            cluster=cluster,
            **size,
            **chosen,
        )
    skipped.report()
    return discovery


def _print(found: Discovery, out: Path | None, *, as_json: bool, skipped: Skipped | None = None) -> None:
    """Print a discovery, as a table or as JSON.

    Args:
        found: The discovery.
        out: Folder that it was saved to.
        as_json: Whether to print JSON.
        skipped: The records that were skipped; ``None`` if the input was not read.
    """
    for warning in found.run["warnings"]:
        say_note(warning)
    if as_json:
        print_json(
            {
                "out": str(out) if out else None,
                "skipped": None if skipped is None else skipped.as_json(),
                **found.run,
                "relations": [relation.as_dict() for relation in found.relations],
            }
        )
        return
    show(found, out)


def _check_labels(
    kind: type[Estimator],
    chosen: Mapping[str, Any],
    *,
    labeled: Sequence[Path] | None,
    known: str,
    after: Sequence[Path] | None,
    none: object,
) -> None:
    """Check that the options about labelled data and earlier runs go together, and with the method.

    Raises:
        SettingError: Two of them contradict each other.
    """
    from relscout.methods.estimator import check_labels

    if after:
        if labeled is not None:
            raise SettingError("--labeled and --after cannot be combined; save the labelled data as a run")
        if known != "raise":
            raise SettingError(
                f"--known {known} has no effect with --after: relations of earlier runs are always kept"
            )
        from relscout.discovery.earlier import settings_after

        settings_after(kind, chosen)
        if none is not None:
            raise SettingError(
                "--none and --after cannot be combined: with --after, unrelated pairs are recognised from the labels; "
                "set their share with --set no_relation_fnr=SHARE"
            )
    check_labels(kind.NAME, kind.LABELS, given=labeled is not None or bool(after))
    if known != "raise" and labeled is None:
        raise SettingError(f"--known {known} has no effect without labelled instances; add --labeled FILE")


def show(found: Discovery, out: Path | None, *, limit: int | None = None) -> None:
    """Print a discovery as a table, and where its files are.

    Args:
        found: The discovery.
        out: Folder that it was saved to.
        limit: Most relations to show.
    """
    from relscout.discovery.choosing import choice_line
    from relscout.discovery.storage import (
        ASSIGNMENTS,
        ENTITIES,
        FACTS,
        RELATIONS,
        REPORT,
        SHARDED,
        TRIPLES,
    )

    console = output()
    seconds = found.run["seconds"]
    wanted = found.run["settings"]["n_relations"]
    how = "estimated" if wanted == "auto" else "given"
    if known := found.run.get("predefined_found"):
        how = f"{known} of them pre-defined; number of the others {how}"
    elif how == "given" and wanted > len(found.relations):
        how = f"{wanted} given"  # the others have no related pair
    console.print(
        Text.assemble(
            (counted(len(found.relations), "relation"), "bold"),
            _what_was_read(found, how),
            f"in {sum(seconds.values()):.0f} s",
        )
    )
    if found.run.get("stopped"):
        console.print(Text(f"{found.run['method']} stopped {found.run['stopped']}", style="dim"))
    choice = found.run.get("choice")
    if choice and (line := choice_line(choice)) not in found.run["warnings"]:
        console.print(Text(line, style="dim"))
    none = found.run.get("no_relation")
    if none and not found.run.get("relatedness"):
        console.print(Text(f"{counted(none, 'instance')} without a relation", style="dim"))
    console.print(relations_table(found, width=console.width, limit=limit))
    if found.parents:
        console.print(relations_tree(found))
    if out is not None:
        page = f"{REPORT} (open it in a browser), " if (out / REPORT).is_file() else ""
        files = (FACTS, ENTITIES, RELATIONS, TRIPLES, ASSIGNMENTS)
        written = [name if (out / name).is_file() else f"{SHARDED[name]}/" for name in files]
        say(f"written to {out}: {page}{', '.join(written)}, run.json, model/")


def _what_was_read(found: Discovery, how: str) -> str:
    """Return how many relations, facts and pairs there are, in words."""
    data = found.run["data"]
    pairs = f"{counted(data['instances'], 'instance')} of {counted(data['entity_pairs'], 'entity pair')}, "
    judged = found.run.get("relatedness")
    if not judged:
        return f" ({how}) in {pairs}"
    related = int((found.assignments.relation_ids >= 0).sum())
    facts = counted(len(found.facts()), "fact")
    kept = f"{related:,} of {counted(data['instances'], 'pair')} of entities are related"
    expected = f" (expected precision {judged['precision']:.0%})" if judged.get("precision") else ""
    return f" ({how}) and {facts}: {kept}{expected}, "


def _why_nothing(skipped: Skipped, *, plain: bool) -> str:
    if skipped.count:
        return f"no relation instances: all {counted(skipped.count, 'record')} were skipped"
    if plain:
        return NOTHING_PAIRED
    return "no relation instances"


_EXAMPLES = 2
#: Characters before the examples, and the widths of the columns of size and confidence.
_INDENT, _SIZE, _SURE = 5, 9, 7


def relations_table(discovery: Discovery, *, width: int, limit: int | None = None) -> RenderableType:
    """Return the relations, each in one line, with two of its sentences below.

    Args:
        discovery: What was found.
        width: Width of the screen in characters.
        limit: Most relations to show.
    """
    named = max(width - _INDENT - _SIZE - _SURE, 20)
    head = Text(
        "  id relation".ljust(_INDENT + named) + "size".rjust(_SIZE) + "sure".rjust(_SURE), style="bold"
    )
    lines = [head, Text("─" * width, style="dim")]
    facts = _facts_by_relation(discovery) if discovery.run.get("relatedness") else {}
    # relations of mixed content come last
    shown = sorted(discovery.relations, key=lambda relation: relation.mixed)[:limit]
    for relation in shown:
        line = Text(f"{relation.id:>{_INDENT - 1}} ", style="dim")
        title = _title(relation, discovery)
        title.truncate(named, overflow="ellipsis", pad=True)
        line.append_text(title)
        line.append(f"{relation.size:>{_SIZE},}{f'{relation.confidence:.0%}':>{_SURE}}")
        lines.append(line)
        if relation.id in facts:
            lines.append(_facts_line(facts[relation.id], width, mixed=relation.mixed))
        for example in discovery.examples(relation.id, 1 if facts else _EXAMPLES):
            sentence = Text(" " * _INDENT).append_text(excerpt(example, width - _INDENT))
            sentence.truncate(width, overflow="ellipsis")
            lines.append(sentence)
        lines.append(Text())
    left_out = len(discovery.relations) - len(shown)
    if left_out:
        lines.append(Text(f"… and {left_out} more relations", style="dim"))
    return Group(*lines)


def _facts_by_relation(discovery: Discovery) -> dict[int, list[Fact]]:
    by_relation: dict[int, list[Fact]] = {}
    for fact in discovery.facts():
        by_relation.setdefault(fact.relation_id, []).append(fact)
    return by_relation


def _facts_line(facts: list[Fact], width: int, *, mixed: bool) -> Text:
    """Return the surest facts of a relation on one line, as many as fit, and how many there are."""
    total = f"  {len(facts):,} fact{'' if len(facts) == 1 else 's'}"
    line = Text(" " * _INDENT)
    if mixed:
        facts = sorted(facts, key=lambda fact: not fact.phrase)
    for number, fact in enumerate(facts):
        piece = Text(" · " if number else "", style="dim")
        piece.append(visible(fact.head.name), style="cyan")
        # in a relation of mixed content, the phrase of the sentence says more than the relation's name
        says = f" {visible(fact.phrase)} " if mixed and fact.phrase else " → "
        piece.append(says, style="" if mixed and fact.phrase else "dim")
        piece.append(visible(fact.tail.name), style="green")
        if number and len(line) + len(piece) + len(total) > width:
            break
        line.append_text(piece)
    line.truncate(width - len(total), overflow="ellipsis")
    return line.append(total, style="dim")


def _title(relation: Relation, discovery: Discovery) -> Text:
    text = Text(style="not dim")
    for word in relation.pattern.split(" "):
        style = {"HEAD": "cyan", "TAIL": "green", "…": "dim"}.get(word, "bold")
        text.append(visible(word) + " ", style=style)
    if relation.types is not None:
        head, tail = (visible(kind or "?") for kind in relation.types)
        text.append(f"  {head} → {tail}", style="dim")
    if relation.inverse is not None:
        name = visible(discovery.relation(relation.inverse).name)
        text.append(f"  inverse of {relation.inverse} ({name})", style="dim")
    if relation.matches:
        best = relation.matches[0]
        direction = "inverse of " if best.inverse else ""
        text.append(f"  = {direction}{visible(best.name)} {best.score:.0%}", style="dim")
    return text


def relations_tree(discovery: Discovery) -> RenderableType:
    """Return the relations as the leaves of a tree in which similar relations share a parent."""
    parents = {parent.id: parent for parent in discovery.parents}
    names = {relation.id: relation.pattern for relation in discovery.relations}

    def grow(branch: Tree, id: int) -> None:
        if id not in parents:
            branch.add(Text(f"{id}  {visible(names[id])}"))
            return
        parent = parents[id]
        below = branch.add(Text(f"{parent.distance:.2f} apart, {parent.size:,} instances", style="dim"))
        for child in parent.children:
            grow(below, child)

    root = Tree(Text("similar relations", style="bold"), guide_style="dim")
    if discovery.parents:
        grow(root, discovery.parents[-1].id)
    return root
