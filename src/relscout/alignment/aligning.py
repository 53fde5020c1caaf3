"""Distant alignment: instances whose pair of entities a knowledge graph relates, with the relation that it names.

Peng et al., "Learning from Context or Names? An Empirical Study on Neural Relation Extraction", EMNLP 2020, section 3.1
and appendix A, after Mintz et al., "Distant supervision for relation extraction without labeled data", ACL 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from relscout.alignment.account import Account
from relscout.alignment.exclusion import Exclusions
from relscout.alignment.graph import KnowledgeGraph
from relscout.alignment.linking import Linked, link
from relscout.alignment.selection import Selection
from relscout.alignment.settings import AlignmentSettings
from relscout.alignment.spool import Spool
from relscout.errors import InputError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent

_TOLD_EVERY = 1_000


def align(
    instances: Iterable[RelationInstance],
    graph: KnowledgeGraph,
    settings: AlignmentSettings | None = None,
    *,
    exclude: Exclusions | None = None,
    account: Account | None = None,
    progress: Progress = silent,
) -> Iterator[RelationInstance]:
    """Yield the instances whose entities the graph relates, with its relations and entities, in the order of the input.

    A pair with several relations gives an instance for each: a sentence X is linked to r where (h, r, t) is in the
    graph (section 3.1), so it stands in the bag of every such r. In one sentence, a pair gives one instance for a
    relation, however often it is mentioned and whether it is marked in one direction or both. Where the graph has
    (t, r, h) and not (h, r, t), head and tail are exchanged, so that a kept instance always reads as the graph does.

    What was given as the relation is not looked at. The mentions carry the graph's identifiers. An instance keeps its
    id where its pair has one relation in its direction; of several, each id ends in its relation; an exchanged instance
    has a new id, made from text and offsets.

    The input is read once, one instance at a time. What the graph relates waits in a temporary file until it is known
    which relations have enough sentences; nothing is yielded before.

    Args:
        instances: What to align; may be a generator.
        graph: The knowledge graph.
        settings: The rules; the defaults where left out.
        exclude: Pairs that are left out.
        account: Filled with what became of the instances; complete before the first of them is yielded.
        progress: Told the number of instances read.

    Raises:
        InputError: No instance is left; says at which steps they were lost.
        OutputError: The temporary file cannot be written.
    """
    settings = AlignmentSettings() if settings is None else settings
    account = Account() if account is None else account
    selection = Selection()
    with Spool() as spool:
        for instance in instances:
            account.instances += 1
            if account.instances % _TOLD_EVERY == 0:
                progress("instances", account.instances, None)
            linked = link(instance, graph, settings, account)
            if linked == "unrelated" and account.example_pair is None:
                account.example_pair = (instance.head_text, instance.tail_text)
            if not isinstance(linked, Linked):
                account.lose(linked)
            elif exclude is not None and exclude.cover(instance, linked):
                account.lose("excluded")
            else:
                for aligned, relation, exchanged in _related(instance, linked, graph, settings):
                    spool.add(aligned)
                    selection.add(aligned, linked, relation, exchanged=exchanged)
        kept = selection.kept(graph.relations, min_sentences=settings.min_sentences, account=account)
        if not kept.any():
            raise InputError(account.complaint(settings.min_sentences))
        for place, aligned in enumerate(spool):
            if kept[place]:
                yield aligned


def _related(
    instance: RelationInstance, linked: Linked, graph: KnowledgeGraph, settings: AlignmentSettings
) -> Iterator[tuple[RelationInstance, int, bool]]:
    """Yield an instance for each relation of its pair, with the relation's number, and whether it was exchanged."""
    forward = graph.relations_of(linked.head, linked.tail)
    backward: list[int] = []
    if settings.both_ways:  # a symmetric relation is read as it is marked
        backward = [one for one in graph.relations_of(linked.tail, linked.head) if one not in forward]
    head = replace(instance.head, entity_id=graph.entities[linked.head])
    tail = replace(instance.tail, entity_id=graph.entities[linked.tail])
    if forward:
        yield from _expressing(replace(instance, head=head, tail=tail), forward, graph, exchanged=False)
    if backward:
        yield from _expressing(
            replace(instance, head=tail, tail=head, id=""), backward, graph, exchanged=True
        )


def _expressing(
    instance: RelationInstance, relations: list[int], graph: KnowledgeGraph, *, exchanged: bool
) -> Iterator[tuple[RelationInstance, int, bool]]:
    for relation in relations:
        name = graph.relations[relation]
        id = instance.id if len(relations) == 1 else f"{instance.id}:{name}"
        yield replace(instance, relation=name, id=id), relation, exchanged
