"""What became of the instances of an alignment: how many were lost, and at which step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from relscout.wording import counted

#: The steps at which an instance is lost.
Step = Literal["unlinked", "ambiguous", "unrelated", "excluded"]


@dataclass
class Account:
    """Counts of one alignment, complete once all its instances have been taken."""

    instances: int = 0
    """Instances read."""
    mentions_by_id: int = 0
    """Mentions linked by their identifier."""
    mentions_by_name: int = 0
    """Mentions linked by their name, which stands for one entity."""
    mentions_by_several: int = 0
    """Mentions whose name stands for several entities of the graph."""
    mentions_of_unknown_id: int = 0
    """Mentions not linked: the graph has not their identifier."""
    mentions_of_unknown_name: int = 0
    """Mentions not linked: the graph has no entity of their name."""
    mentions_without_id: int = 0
    """Mentions not linked: they have no identifier, and names were not to be looked up."""
    unlinked: int = 0
    """Instances lost because a mention was not linked."""
    ambiguous: int = 0
    """Instances lost because names stand for several entities, and it is not clear which are meant."""
    unrelated: int = 0
    """Instances lost because the graph does not relate their pair."""
    excluded: int = 0
    """Instances left out because their pair is excluded."""
    aligned: int = 0
    """Aligned instances: one for each relation of each pair that the graph relates."""
    repeated: int = 0
    """Aligned instances left out because the sentence has the same pair and relation once more."""
    rare: int = 0
    """Aligned instances left out because their relation has too few sentences."""
    rare_relations: int = 0
    """Number of such relations."""
    exchanged: int = 0
    """Kept instances in which head and tail are exchanged."""
    kept: dict[str, int] = field(default_factory=dict)
    """Kept relations, the most frequent first, and their numbers of instances."""
    example_id: str | None = None
    """An identifier that the graph has not."""
    example_name: str | None = None
    """A name that the graph has not."""
    example_pair: tuple[str, str] | None = None
    """Two entities of an instance that the graph does not relate."""

    @property
    def n_kept(self) -> int:
        """Number of kept instances."""
        return sum(self.kept.values())

    @property
    def mentions_linked(self) -> int:
        """Number of mentions that stand for one or several entities of the graph."""
        return self.mentions_by_id + self.mentions_by_name + self.mentions_by_several

    def unknown_id(self, identifier: str) -> None:
        """Count a mention whose identifier the graph has not."""
        self.mentions_of_unknown_id += 1
        self.example_id = self.example_id or identifier

    def unknown_name(self, name: str) -> None:
        """Count a mention whose name the graph has not."""
        self.mentions_of_unknown_name += 1
        self.example_name = self.example_name or name

    def lose(self, step: Step) -> None:
        """Count an instance that was lost at a step."""
        setattr(self, step, getattr(self, step) + 1)

    def as_dict(self) -> dict[str, Any]:
        """Return all counts as JSON values."""
        return {**dataclasses.asdict(self), "kept": dict(self.kept)}

    def complaint(self, min_sentences: int) -> str:
        """Return, in one line, that nothing was kept, what was lost at which step, and what can be done."""
        if not self.instances:
            return "nothing to align: the corpus holds no instance"
        told = [
            f"no instance is left: {counted(self.instances, 'instance')} read, {self.mentions_linked:,} of "
            f"{2 * self.instances:,} mentions linked{self._not_in_graph()}",
            *self._losses(min_sentences),
            self._advice(),
        ]
        return "; ".join(told)

    def _not_in_graph(self) -> str:
        by_name = self.mentions_by_name + self.mentions_by_several
        sides = (("ids", self.example_id, self.mentions_by_id), ("names", self.example_name, by_name))
        missing = [
            (what, f"{example[:60]!r}", linked) for what, example, linked in sides if example is not None
        ]
        none = [f"none of the {what} such as {example}" for what, example, linked in missing if not linked]
        some = [
            f"{what} such as {example} are not in the graph" for what, example, linked in missing if linked
        ]
        told = ([f"{' and '.join(none)} is in the graph"] if none else []) + some
        return f": {', and '.join(told)}" if told else ""

    def _losses(self, min_sentences: int) -> Iterator[str]:
        if self.mentions_without_id:
            yield f"{counted(self.mentions_without_id, 'mention')} without an id"
        if self.mentions_linked and self.unlinked:
            yield f"{counted(self.unlinked, 'instance')} with a mention not linked"
        if self.ambiguous:
            yield f"{self.ambiguous:,} ambiguous"
        if self.unrelated:
            such = "" if self.example_pair is None else ", such as {!r} and {!r}".format(*self.example_pair)
            yield f"{self.unrelated:,} whose pair the graph does not relate{such}"
        if self.excluded:
            yield f"{self.excluded:,} whose pair is excluded"
        if self.rare:
            sentences = counted(min_sentences, "sentence")
            yield (f"{self.rare:,} of {counted(self.rare_relations, 'relation')} with fewer than {sentences}")

    def _advice(self) -> str:
        if self.rare:
            return "take a larger corpus, or a lower least number of sentences"
        if self.excluded:
            return "exclude only what is tested on"
        if self.unrelated:
            return "is the graph of the same domain as the corpus, and are both directions allowed?"
        if self.ambiguous:
            return "give the mentions ids, or fewer names to the graph"
        if self.mentions_of_unknown_id and not self.mentions_of_unknown_name:
            return "are the ids those of this graph? If not, link by name"
        return "are corpus and graph of the same knowledge base, and does the graph know the names of its entities?"
