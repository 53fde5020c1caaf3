"""Knowledge graphs for distant alignment: triples and entity names, read from TSV and N-Triples."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, RecordError, UnknownNameError
from relscout.core.files import lines_or_errors
from relscout.core.instances import normalized
from relscout.core.progress import Progress, silent

#: Identifiers that contain no name: Wikidata's, and whole IRIs.
_OPAQUE = re.compile(r"[QPL][1-9][0-9]*|[A-Za-z][\w+.-]*://.*")


def name_in(identifier: str) -> str | None:
    """Return the normalised name in an identifier such as ``Marie_Curie``; ``None`` if it is opaque."""
    if _OPAQUE.fullmatch(identifier):
        return None
    return normalized(unquote(identifier).replace("_", " ")) or None


class Names:
    """Normalised names and the numbers of their entities."""

    def __init__(self) -> None:
        # most names have one entity, and a number takes less memory than a tuple
        self._entities: dict[str, int | tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._entities)

    def add(self, name: str, entity: int) -> None:
        """Add an entity to those of a normalised name."""
        known = self.of(name)
        if entity not in known:
            self._entities[name] = (*known, entity) if known else entity

    def of(self, name: str) -> tuple[int, ...]:
        """Return the entities of a normalised name, in the order of addition."""
        entities = self._entities.get(name, ())
        return (entities,) if isinstance(entities, int) else entities


_SEVERAL = 2**32 - 1


class Register:
    """Numbers identifiers from 0 in order of appearance.

    Args:
        whole_iris: Whether to use whole IRIs as identifiers, rather than the part after the last ``/`` or ``#``.
    """

    def __init__(self, *, whole_iris: bool) -> None:
        self.whole_iris = whole_iris
        self._numbers: dict[str, int] = {}
        self._namespaces: dict[str, int] = {"": 0}
        self._namespace_of = array("I")
        self.n_alike = 0
        """Number of last parts shared by several IRIs, which become one identifier."""
        self.alike: tuple[str, str] | None = None
        """Two such IRIs."""

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def number(self, identifier: str) -> int:
        """Return the number of an identifier, added if new."""
        number = self._numbers.setdefault(identifier, len(self._numbers))
        if number == len(self._namespace_of):
            self._namespace_of.append(0)
        return number

    def number_of_iri(self, iri: str) -> int:
        """Return the number of an IRI, added if new."""
        if self.whole_iris:
            return self.number(iri)
        space, last = split(iri)
        number = self.number(last)
        namespace = self._namespaces.setdefault(space, len(self._namespaces))
        known = self._namespace_of[number]
        if known in (0, namespace):
            self._namespace_of[number] = namespace
        elif known != _SEVERAL:
            self._namespace_of[number] = _SEVERAL
            self.n_alike += 1
            if self.alike is None:
                self.alike = (list(self._namespaces)[known] + last, iri)
        return number

    def find(self, identifier: str) -> int | None:
        """Return the number of an identifier or an IRI, or ``None``."""
        number = self._numbers.get(identifier)
        if number is None and "://" in identifier and not self.whole_iris:
            return self._numbers.get(split(identifier)[1])
        return number


def split(iri: str) -> tuple[str, str]:
    """Return the namespace and the last part, never empty, of an IRI."""
    cut = max(iri.rfind("/", 0, -1), iri.rfind("#", 0, -1)) + 1
    return iri[:cut], iri[cut:]


#: A pair of entities is stored as one number, with the tail in the lower bits.
TAIL_BITS = 32


@dataclass
class Reading:
    """Counts of what was left out while reading a graph."""

    literals: int = 0
    """N-Triples with a literal that is not a name of the subject."""
    blank_nodes: int = 0
    """N-Triples with a blank node."""
    names_left_out: int = 0
    """Names of entities without triples, or in other languages."""
    wrong_lines: int = 0
    """Skipped invalid lines."""


class GraphBuilder:
    """Collects triples by number, 12 bytes each.

    Args:
        whole_iris: Whether to keep IRIs whole, rather than their last part.
    """

    def __init__(self, *, whole_iris: bool) -> None:
        self.entities = Register(whole_iris=whole_iris)
        self.relation_names = Register(whole_iris=whole_iris)
        self.reading = Reading()
        self._pairs, self._kinds = array("q"), array("I")

    def __len__(self) -> int:
        return len(self._pairs)

    def numbers(self, head: str, relation: str, tail: str) -> tuple[int, int, int]:
        """Return the numbers of three identifiers."""
        return self.entities.number(head), self.relation_names.number(relation), self.entities.number(tail)

    def numbers_of_iris(self, head: str, relation: str, tail: str) -> tuple[int, int, int]:
        """Return the numbers of three IRIs."""
        of = self.entities.number_of_iri
        return of(head), self.relation_names.number_of_iri(relation), of(tail)

    def add(self, head: int, relation: int, tail: int) -> None:
        """Add a triple by its numbers."""
        self._pairs.append(head << TAIL_BITS | tail)
        self._kinds.append(relation)

    def sorted(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return pairs of entities (T,) and relations (T,), sorted and distinct; the builder is emptied."""
        pairs = np.asarray(self._pairs, np.int64)
        kinds = np.asarray(self._kinds, np.uint32)
        self._pairs, self._kinds = array("q"), array("I")
        order = np.lexsort((kinds, pairs))
        pairs, kinds = pairs[order], kinds[order]
        first = np.ones(len(pairs), dtype=bool)
        first[1:] = (pairs[1:] != pairs[:-1]) | (kinds[1:] != kinds[:-1])
        return pairs[first], kinds[first]


_IRI, _BLANK = r"<([^<>\"{}|^`\x00-\x20]*)>", r"_:[^\s<>\"]+"
_STATEMENT = re.compile(
    rf"\s*(?:{_IRI}|{_BLANK})\s*{_IRI}\s*"
    rf"(?:{_IRI}|{_BLANK}|\"((?:[^\"\\]|\\.)*)\"(?:@([A-Za-z0-9-]+)|\^\^<[^<>]*>)?)\s*\.\s*(?:\#.*)?"
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}

#: Predicates whose literals are names of their subjects.
LABELS = frozenset(
    {
        "http://www.w3.org/2000/01/rdf-schema#label",
        "http://www.w3.org/2004/02/skos/core#prefLabel",
        "http://www.w3.org/2004/02/skos/core#altLabel",
    }
)


class Statement(NamedTuple):
    """A parsed line of N-Triples."""

    subject: str | None
    """IRI; ``None`` for a blank node."""
    predicate: str
    target: str | None
    """IRI of the object; ``None`` for a blank node or a literal."""
    literal: str | None
    language: str
    """Language tag of the literal in lower case, or empty."""


def parse(line: str) -> Statement | None:
    """Parse a line; ``None`` for a comment.

    Raises:
        InputError: The line is not N-Triples.
    """
    match = _STATEMENT.fullmatch(line)
    if match is None:
        if line.lstrip().startswith("#"):
            return None
        raise InputError(f"not N-Triples: {line.strip()[:80]!r}; expected <subject> <predicate> <object> .")
    subject, predicate, target, literal, language = match.groups()
    if "\\" in line:
        subject, predicate, target, literal = (
            None if part is None else _ESCAPE.sub(_character, part) for part in match.groups()[:4]
        )
    return Statement(subject, predicate, target, literal, (language or "").lower())


def is_statement(line: str) -> bool:
    """Return whether a line is a statement of N-Triples."""
    return _STATEMENT.fullmatch(line) is not None


def _character(escape: re.Match[str]) -> str:
    four, eight, short = escape.groups()
    if short is not None:
        return _SHORT.get(short, short)
    code = int(four or eight, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise InputError(f"the escape {escape[0]!r} is not a Unicode character")
    return chr(code)


_REPORT_EVERY = 10_000

#: Called with the error of an invalid line; raises or counts it.
OnWrong = Callable[[RecordError], None]


def read_triples(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> bool:
    """Add the triples of a file to a builder; return whether it is N-Triples, which may hold labels.

    Raises:
        InputError: The file cannot be read or holds no triple.
    """
    before, is_ntriples = len(builder), _is_ntriples(path)
    (_read_ntriples if is_ntriples else _read_table)(path, builder, wrong, progress)
    if len(builder) == before:
        raise InputError(
            f"{path}: holds no triple; expected lines of head<tab>relation<tab>tail, or N-Triples"
        )
    return is_ntriples


def read_labels(
    path: Path, languages: Sequence[str] | None, reading: Reading, progress: Progress
) -> Iterator[tuple[str, str]]:
    """Yield entities and labels of N-Triples in the requested languages."""
    # invalid lines were reported when the triples were read
    for _, line in _lines(path, "names", lambda _: None, progress):
        if not any(label in line for label in LABELS):
            continue
        try:
            statement = parse(line)
        except InputError:
            continue
        if statement is None or statement.predicate not in LABELS:
            continue
        if statement.subject is not None and statement.literal is not None:
            if _is_asked_for(statement.language, languages):
                yield statement.subject, statement.literal
            else:
                reading.names_left_out += 1


def read_aliases(path: Path, wrong: OnWrong, progress: Progress) -> Iterator[tuple[str, str]]:
    """Yield entities and names of a table."""
    for number, line in _lines(path, "names", wrong, progress):
        entity, *names = (field.strip() for field in line.split("\t"))
        if not entity or not any(names):
            reason = f"got no {'name' if entity else 'entity'} in {line[:60]!r}; expected entity<tab>name"
            wrong(RecordError(path, f"line {number}", reason))
            continue
        yield from ((entity, name) for name in names if name)


def _is_ntriples(path: Path) -> bool:
    if path.name.lower().endswith((".nt", ".nt.gz")):
        return True
    first = next((line for _, line in lines_or_errors(path) if not _is_comment(line)), "")
    return isinstance(first, str) and is_statement(first)


def _is_comment(line: str | RecordError) -> bool:
    # with tabs, it is a triple whose head starts with "#"
    return isinstance(line, str) and line.startswith("#") and "\t" not in line


def _read_table(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> None:
    for number, line in _lines(path, "triples", wrong, progress):
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) == 3 and all(fields):
            builder.add(*builder.numbers(*fields))
        elif not _is_comment(line):
            got = f"{len(fields)} fields" if len(fields) != 3 else "an empty field"
            expected = "expected head<tab>relation<tab>tail, separated by tabs"
            wrong(RecordError(path, f"line {number}", f"got {got} in {line[:60]!r}; {expected}"))


def _read_ntriples(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> None:
    reading = builder.reading
    for number, line in _lines(path, "triples", wrong, progress):
        try:
            statement = parse(line)
        except InputError as error:
            wrong(RecordError(path, f"line {number}", str(error)))
            continue
        if statement is None:
            continue
        subject, predicate, target, literal, _ = statement
        if literal is not None:
            reading.literals += predicate not in LABELS
        elif subject is None or target is None:
            reading.blank_nodes += 1
        else:
            builder.add(*builder.numbers_of_iris(subject, predicate, target))


def _is_asked_for(language: str, languages: Sequence[str] | None) -> bool:
    if languages is None or not language:
        return True
    return any(f"{language}-".startswith(f"{asked.lower()}-") for asked in languages)


def _lines(path: Path, stage: str, wrong: OnWrong, progress: Progress) -> Iterator[tuple[int, str]]:
    for number, line in lines_or_errors(path):
        if number % _REPORT_EVERY == 0:
            progress(stage, number, None)
        if isinstance(line, RecordError):
            wrong(line)
        else:
            yield number, line


class KnowledgeGraph:
    """Triples and entity names; :meth:`read` loads them from files.

    In memory, a triple takes 12 bytes, an entity about 150 and a name about 130.

    Args:
        triples: ``(head, relation, tail)`` identifiers; repetitions are ignored.
        aliases: ``(entity, name)``; names of entities without triples are left out.
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
        """Read a knowledge graph from plain or gzipped files, line by line.

        A file is N-Triples if its name ends in ``.nt`` or ``.nt.gz`` or its first line is N-Triples. Otherwise its
        lines are ``head<TAB>relation<TAB>tail``, or comments that begin with ``#`` and have no tab. In N-Triples, the
        literals of ``rdfs:label``, ``skos:prefLabel`` and ``skos:altLabel`` are names; statements with another literal
        or a blank node are counted and left out (:attr:`reading`). N-Triples are read twice, so that only names of
        entities with triples are stored.

        Args:
            paths: Files of triples, combined to one graph.
            aliases: Files of names, with lines of ``entity<TAB>name``, and more names after more tabs.
            iris: ``"short"`` uses the part of an IRI after the last ``/`` or ``#``
                (``http://www.wikidata.org/entity/Q42`` is ``Q42``) and counts IRIs that become the same identifier
                (:attr:`alike`); ``"whole"`` uses whole IRIs.
            languages: Languages of the labels, such as ``["en"]``, which includes ``en-gb``; all by default. Labels
                without a language are always used.
            on_error: ``"raise"`` stops at the first invalid line; ``"skip"`` leaves invalid lines out.
            on_skip: With ``on_error="skip"``: called with the error of each line that is left out.
            progress: Called with the number of lines read.

        Raises:
            RecordError: A line is invalid, with file and line.
            InputError: A file cannot be read, holds no triple, or no name of an entity of the graph.
            UnknownNameError: ``iris`` or ``on_error`` has another value.
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
        """Counts of what was left out."""
        self._names = Names()
        self._names_in_identifiers = False

    @property
    def n_triples(self) -> int:
        """Number of different triples."""
        return len(self._pairs)

    @property
    def n_names(self) -> int:
        """Number of different normalised names."""
        return len(self._names)

    @property
    def alike(self) -> tuple[int, tuple[str, str] | None]:
        """Number of identifiers shared by several IRIs, and two such IRIs."""
        registers = (self._register, self._relation_register)
        return sum(register.n_alike for register in registers), registers[0].alike or registers[1].alike

    def entity(self, identifier: str) -> int | None:
        """Return the number of an entity by its identifier or IRI, or ``None``."""
        return self._register.find(identifier)

    def add_name(self, entity: str, name: str) -> bool:
        """Add a name of an entity; return whether the entity is in a triple. Otherwise the name is left out."""
        number, spelled = self.entity(entity), normalized(name)
        if number is None or not spelled:
            self.reading.names_left_out += 1
            return False
        self._names.add(spelled, number)
        return True

    def named(self, name: str) -> tuple[int, ...]:
        """Return the numbers of all entities of a name.

        Identifiers such as ``Marie Curie`` or ``Marie_Curie`` are names, unlike ``Q7186`` and IRIs.
        """
        if not self._names_in_identifiers:
            # lazily, because it takes memory that mentions with identifiers do not need
            self._names_in_identifiers = True
            for number, identifier in enumerate(self.entities):
                if (spelled := name_in(identifier)) is not None:
                    self._names.add(spelled, number)
        return self._names.of(normalized(name))

    def relations_of(self, head: int, tail: int) -> list[int]:
        """Return the numbers of the relations between two entities in ascending order (R,)."""
        pair = head << TAIL_BITS | tail
        place, kinds = int(self._pairs.searchsorted(pair)), []
        while place < len(self._pairs) and self._pairs[place] == pair:
            kinds.append(int(self._kinds[place]))
            place += 1
        return kinds

    def related(self, heads: Sequence[int], tails: Sequence[int]) -> list[tuple[int, int]]:
        """Return the related pairs of different entities, one from each side, in this direction."""
        if len(heads) == len(tails) == 1:  # the usual case, faster without arrays
            head, tail = heads[0], tails[0]
            return [(head, tail)] if head != tail and self.relations_of(head, tail) else []
        if not self.n_triples:
            return []
        pairs = (np.array(heads, np.int64)[:, None] << TAIL_BITS | np.array(tails, np.int64)).ravel()
        places = np.minimum(self._pairs.searchsorted(pairs), self.n_triples - 1)
        related = pairs[self._pairs[places] == pairs].tolist()
        both = ((pair >> TAIL_BITS, pair & (1 << TAIL_BITS) - 1) for pair in related)
        return [(head, tail) for head, tail in both if head != tail]
