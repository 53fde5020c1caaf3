"""A corpus before a discovery: its instances are checked, and compared with labelled data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import RelationInstance

#: Treatment of relations that are both labelled and among the gold relations of the corpus.
Known = Literal["raise", "drop", "keep"]
_CHOICES = ("raise", "drop", "keep")
_NAMED = 3


def check_known(known: str) -> None:
    """Raise an UnknownNameError if there is no such choice."""
    if known not in _CHOICES:
        raise UnknownNameError("choice for known relations", known, _CHOICES)


class Overlap:
    """What a corpus and labelled data have in common.

    Gold relations of the corpus are read only here, to check that the labels do not reveal them.

    Args:
        labeled: Instances with gold relations.

    Raises:
        InputError: One has no gold relation.
    """

    def __init__(self, labeled: Sequence[RelationInstance]) -> None:
        from relscout.training.labels import check_labelled, content

        check_labelled(labeled)
        self._contents = {content(instance) for instance in labeled}
        self._names = {str(instance.relation) for instance in labeled}
        self._repeated: set[object] = set()
        self._both: set[str] = set()
        #: Whether a corpus was watched.
        self.is_known = False

    def watch(self, rows: Iterable[RelationInstance]) -> Iterator[RelationInstance]:
        """Yield the instances of a corpus, which may have gold relations."""
        from relscout.training.labels import content

        for row in rows:
            if row.relation and row.relation in self._names:
                self._both.add(row.relation)
            if (own := content(row)) in self._contents:
                self._repeated.add(own)
            yield row
        self.is_known = True

    def usable(
        self, labeled: Sequence[RelationInstance], *, known: Known
    ) -> tuple[list[RelationInstance], list[str]]:
        """Return the labelled instances that a method may use, and warnings about the others.

        Args:
            labeled: The labelled instances.
            known: For relations on both sides: ``raise`` an error, ``drop`` the labelled instances, or ``keep`` them.

        Raises:
            InputError: Relations are on both sides, or fewer than two are left.
        """
        from relscout.training.labels import check_left, content

        warnings: list[str] = []
        usable, both = list(labeled), sorted(self._both)
        if both and known == "raise":
            raise InputError(
                f"{_relations(both)} labelled and among the gold relations of the instances to be clustered; leave the "
                "labelled ones out with --known drop (known='drop' in Python), which is how novel relations are "
                "evaluated, or allow it with --known keep if the corpus should contain known relations"
            )
        if both and known == "drop":
            usable = [instance for instance in usable if instance.relation not in both]
            warnings.append(
                f"{len(labeled) - len(usable)} labelled instances were left out: {_relations(both)} among the gold "
                "relations of the instances to be clustered"
            )
        n_before = len(usable)
        usable = [instance for instance in usable if content(instance) not in self._repeated]
        if n_before > len(usable):
            warnings.append(
                f"{n_before - len(usable)} labelled instances were left out: the same sentences with the same mentions "
                "are to be clustered"
            )
        check_left(usable, warnings)
        return usable, warnings


def apart(
    unlabeled: Iterable[RelationInstance], labeled: Sequence[RelationInstance], *, known: Known
) -> tuple[list[RelationInstance], list[str]]:
    """Return the labelled instances that a method may use for a corpus; see :meth:`Overlap.usable`."""
    overlap = Overlap(labeled)
    for _ in overlap.watch(unlabeled):
        pass
    return overlap.usable(labeled, known=known)


def _relations(names: Sequence[str]) -> str:
    """Return number, first few names, and the verb."""
    named = ", ".join(map(repr, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")
    return f"1 relation ({named}) is" if len(names) == 1 else f"{len(names)} relations ({named}) are"


def check_instances(instances: Sequence[RelationInstance]) -> list[str]:
    """Check the instances of a corpus, and return a warning if some repeat others.

    Raises:
        InputError: There is none, two different ones have the same id, or one is not Unicode text.
    """
    if not instances:
        raise InputError("there are no instances to find relations in")
    by_id: dict[str, RelationInstance] = {}
    n_repeated = 0
    for instance in instances:
        check_unicode(instance)
        other = by_id.setdefault(instance.id, instance)
        if other is not instance:
            n_repeated += 1
            if _spans(other) != _spans(instance):
                raise InputError(
                    f"two different instances have the id {instance.id!r} ({other.source or 'no source'}; "
                    f"{instance.source or 'no source'}); ids must be unique, or left out"
                )
    return repeated_warnings(n_repeated, len(instances))


def repeated_warnings(n_repeated: int, n_instances: int) -> list[str]:
    """Return a warning if some of the instances repeat others."""
    return [f"{n_repeated} of {n_instances} instances repeat another one exactly"] if n_repeated else []


def check_unicode(instance: RelationInstance) -> None:
    """Raise an InputError if an instance is not Unicode text."""
    mentions = (instance.head, instance.tail)
    texts = [
        value for mention in mentions for value in (mention.type, mention.entity_id) if value is not None
    ]
    try:
        "".join([instance.id, instance.text, instance.source, *texts]).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"instance {instance.id!a} ({instance.source!a}) holds half a surrogate pair, which is not Unicode text "
            "and which no file can hold; was an emoji cut in two?"
        ) from error


def _spans(instance: RelationInstance) -> tuple[object, ...]:
    head, tail = instance.head, instance.tail
    return instance.text, head.start, head.end, tail.start, tail.end
