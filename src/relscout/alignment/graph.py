"""A knowledge graph as distant alignment needs it: what relates two entities, and what entities are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np

from relscout.alignment.builder import TAIL_BITS, GraphBuilder, Reading
from relscout.alignment.graph_files import read_aliases, read_labels, read_triples
from relscout.alignment.names import Names, name_in
from relscout.errors import InputError, RecordError, UnknownNameError
from relscout.names import normalized
from relscout.progress import Progress, silent


class KnowledgeGraph:
    """Triples of head entity, relation and tail entity, and the names of the entities.

    A triple takes 12 bytes, an entity about 150 and a name about 130, in memory. Files are read by
    :meth:`read`.

    Args:
        triples: ``(head, relation, tail)``, by their identifiers. Repeated ones count once.
        aliases: ``(entity, name)``. Those of entities that are in no triple are left out.
    """

    def __init__(
        self, triples: Iterable[tuple[str, str, str]] = (), aliases: Iterable[tuple[str, str]] = ()
    ) -> None:
        builder = GraphBuilder(whole_iris=False)
        for head, relation, tail in triples:
            builder.add(*builder.numbers(head, relation, tail))
        self._take(builder)
        for entity, name in aliases:
            self.add_name(entity, name)

    @classmethod
    def read(
        cls,
        paths: Sequence[str | Path],
        *,
        aliases: Sequence[str | Path] = (),
        iris: Literal["short", "whole"] = "short",
        languages: Sequence[str] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        on_skip: Callable[[RecordError], None] | None = None,
        progress: Progress = silent,
    ) -> Self:
        """Read a knowledge graph from files, line by line; gzip is seen through.

        A file of triples is N-Triples where its name ends in ``.nt`` or ``.nt.gz`` or its first line is. Else its lines
        are ``head<TAB>relation<TAB>tail``, and those that begin with ``#`` and have no tab are comments. In N-Triples,
        the literals of ``rdfs:label``, ``skos:prefLabel`` and ``skos:altLabel`` are names; statements with another
        literal or a blank node are left out and counted (:attr:`reading`). N-Triples are read twice, so that only names
        of entities that are in a triple are held.

        Args:
            paths: Files of triples; together they are one graph.
            aliases: Files of names, with lines of ``entity<TAB>name``, and further names behind more tabs.
            iris: ``"short"``: an IRI stands by its last part, behind the last ``/`` or ``#``
                (``http://www.wikidata.org/entity/Q42`` is ``Q42``), and IRIs that end alike become one, which is
                counted (:attr:`alike`); ``"whole"``: as it is.
            languages: Languages of the labels that are taken, as ``["en"]``, which takes ``en-gb`` as well; all where
                left out. Labels without a language are always taken.
            on_error: ``"raise"`` stops at the first wrong line; ``"skip"`` leaves wrong lines out.
            on_skip: With ``on_error="skip"``: called with the error of every line that is left out.
            progress: Told the lines read so far.

        Raises:
            RecordError: A line is neither, with file and line.
            InputError: A file cannot be read, holds no triple, or none of its names is of an entity of the graph.
            UnknownNameError: ``iris`` or ``on_error`` is none of these words.
        """
        for name, word, known in (
            ("iris", iris, ("short", "whole")),
            ("on_error", on_error, ("raise", "skip")),
        ):
            if word not in known:
                raise UnknownNameError(name, word, known)
        builder = GraphBuilder(whole_iris=iris == "whole")
        reading = builder.reading

        def wrong(error: RecordError) -> None:
            if on_error == "raise":
                raise error
            reading.wrong_lines += 1
            if on_skip is not None:
                on_skip(error)

        labelled = [path for path in map(Path, paths) if read_triples(path, builder, wrong, progress)]
        graph = cls.__new__(cls)
        graph._take(builder)
        for path in labelled:
            for entity, name in read_labels(path, languages, reading, progress):
                graph.add_name(entity, name)
        for path in map(Path, aliases):
            graph._name_by(path, wrong, progress)
        return graph

    def _name_by(self, path: Path, wrong: Callable[[RecordError], None], progress: Progress) -> None:
        example, known = None, False
        for entity, name in read_aliases(path, wrong, progress):
            example = example or entity
            known |= self.add_name(entity, name)
        if not known:
            what = (
                "lists no name"
                if example is None
                else f"none of its entities, such as {example!r}, is in the graph"
            )
            raise InputError(f"{path}: {what}; expected lines of entity<tab>name, with entities of the graph")

    def _take(self, builder: GraphBuilder) -> None:
        self._register, self._relation_register = builder.entities, builder.relation_names
        self._pairs, self._kinds = builder.sorted()
        self.entities: tuple[str, ...] = tuple(self._register)
        """Identifiers of the entities, by number."""
        self.relations: tuple[str, ...] = tuple(self._relation_register)
        """Identifiers of the relations, by number."""
        self.reading: Reading = builder.reading
        """What was met in the files besides triples."""
        self._names = Names()
        self._names_in_identifiers = False

    @property
    def n_triples(self) -> int:
        """Number of different triples."""
        return len(self._pairs)

    @property
    def n_names(self) -> int:
        """Number of different names, after normalisation, that were given."""
        return len(self._names)

    @property
    def alike(self) -> tuple[int, tuple[str, str] | None]:
        """How many identifiers stand for several IRIs that end alike, and two such IRIs."""
        registers = (self._register, self._relation_register)
        return sum(one.n_alike for one in registers), registers[0].alike or registers[1].alike

    def entity(self, identifier: str) -> int | None:
        """Return the number of an entity by its identifier or IRI; ``None`` where no triple has it."""
        return self._register.find(identifier)

    def add_name(self, entity: str, name: str) -> bool:
        """Add a name of an entity; tell whether some triple has the entity, for else it is left out."""
        number, spelled = self.entity(entity), normalized(name)
        if number is None or not spelled:
            self.reading.names_left_out += 1
            return False
        self._names.add(spelled, number)
        return True

    def named(self, name: str) -> tuple[int, ...]:
        """Return the numbers of all entities of a name: one that was given, or that the identifier spells.

        An identifier such as ``Marie Curie`` or ``Marie_Curie`` is a name as well; that of Wikidata (``Q7186``) and an
        IRI are not.
        """
        if not self._names_in_identifiers:
            # not before it is asked: where all mentions have identifiers, it would take memory for nothing
            self._names_in_identifiers = True
            self._names.add_all((name_in(one), number) for number, one in enumerate(self.entities))
        return self._names.of(normalized(name))

    def relations_of(self, head: int, tail: int) -> list[int]:
        """Return the numbers of the relations from one entity to another, ascending, (R,)."""
        pair = head << TAIL_BITS | tail
        place, found = int(self._pairs.searchsorted(pair)), []
        while place < len(self._pairs) and self._pairs[place] == pair:
            found.append(int(self._kinds[place]))
            place += 1
        return found

    def related(self, heads: Sequence[int], tails: Sequence[int]) -> list[tuple[int, int]]:
        """Return those pairs of a head and another entity as tail that some relation relates in this direction."""
        if len(heads) == len(tails) == 1:  # nearly always, and quicker than by arrays
            head, tail = heads[0], tails[0]
            return [(head, tail)] if head != tail and self.relations_of(head, tail) else []
        if not self.n_triples:
            return []
        pairs = (np.array(heads, np.int64)[:, None] << TAIL_BITS | np.array(tails, np.int64)).ravel()
        places = np.minimum(self._pairs.searchsorted(pairs), self.n_triples - 1)
        found = pairs[self._pairs[places] == pairs].tolist()
        both = ((pair >> TAIL_BITS, pair & (1 << TAIL_BITS) - 1) for pair in found)
        return [(head, tail) for head, tail in both if head != tail]
