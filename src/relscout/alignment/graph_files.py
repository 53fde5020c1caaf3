"""A knowledge graph from files: triples as TSV or N-Triples, names as TSV or as labels of the N-Triples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from relscout.alignment.builder import GraphBuilder, Reading
from relscout.alignment.ntriples import LABELS, is_statement, parse
from relscout.errors import InputError, RecordError
from relscout.lines import lines_or_errors
from relscout.progress import Progress

_TOLD_EVERY = 10_000

#: Called with the error of a wrong line; raises it, or notes that it was left out.
OnWrong = Callable[[RecordError], None]


def read_triples(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> bool:
    """Give all triples of a file to a builder; tell whether the file is N-Triples, and so may hold labels.

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
    """Yield the entities of N-Triples with their labels, in the languages that are asked for."""
    # wrong lines were told when the triples were read
    for _, line in _told(path, "names", lambda _: None, progress):
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
    """Yield the entities of a table of names with their names."""
    for number, line in _told(path, "names", wrong, progress):
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
    # with tabs, it is a triple of an entity whose name begins so
    return isinstance(line, str) and line.startswith("#") and "\t" not in line


def _read_table(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> None:
    for number, line in _told(path, "triples", wrong, progress):
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) == 3 and all(fields):
            builder.add(*builder.numbers(*fields))
        elif not _is_comment(line):
            got = f"{len(fields)} fields" if len(fields) != 3 else "an empty field"
            expected = "expected head<tab>relation<tab>tail, with tabs between"
            wrong(RecordError(path, f"line {number}", f"got {got} in {line[:60]!r}; {expected}"))


def _read_ntriples(path: Path, builder: GraphBuilder, wrong: OnWrong, progress: Progress) -> None:
    reading = builder.reading
    for number, line in _told(path, "triples", wrong, progress):
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


def _told(path: Path, stage: str, wrong: OnWrong, progress: Progress) -> Iterator[tuple[int, str]]:
    for number, line in lines_or_errors(path):
        if number % _TOLD_EVERY == 0:
            progress(stage, number, None)
        if isinstance(line, RecordError):
            wrong(line)
        else:
            yield number, line
