"""SPARQL 1.1 queries on the RDF that :mod:`relscout.io.writers.rdf` writes, answered by Oxigraph (extra ``query``).

The default graph has the facts, as ``relscout export`` writes them, and the graph ``graph:triples`` the triples, as
``relscout export --triples`` writes them. ``relscout:evidence`` of a fact is ``relscout:instanceId`` of a triple. The
prefixes of Turtle, and ``graph:``, need no declaration.

Oxigraph cannot be interrupted. A process of its own therefore loads the graphs and answers, and is ended at the time
limit. Oxigraph would also send ``SERVICE`` patterns over the network, so they are refused before it sees them, and
the process can open no connection once the graphs are loaded (except on Windows).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from relscout.core.errors import InputError, MissingExtraError, RecordError, SettingError
from relscout.core.instances import Fact, Triple
from relscout.io.writers.rdf import DOUBLE, INTEGER, NTRIPLES, PREFIXES, XSD, shortened

Form: TypeAlias = Literal["SELECT", "ASK", "CONSTRUCT", "DESCRIBE"]
Value: TypeAlias = str | int | float | bool | None

GRAPHS: Final = "urn:relscout:graph:"
#: Name of the graph of triples.
TRIPLES: Final = GRAPHS + "triples"
#: Prefixes that a query may use without declaring them.
KNOWN_PREFIXES: Final = {**PREFIXES, "graph": GRAPHS}
#: Formats of results by form: a table for people is made by the command line.
FORMATS: Final[dict[Form, tuple[str, ...]]] = {
    "SELECT": ("csv", "tsv", "json"),
    "ASK": ("csv", "tsv", "json"),
    "CONSTRUCT": ("ttl", "nt"),
    "DESCRIBE": ("ttl", "nt"),
}
TIME_LIMIT: Final = 60.0
_LONGEST: Final = 86_400

_FORMS = "SELECT, ASK, CONSTRUCT or DESCRIBE"
_UPDATES = frozenset(["INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"])
_NUMBERS: Final[dict[str, Callable[[str], Value]]] = {
    INTEGER: int,
    DOUBLE: float,
    XSD + "decimal": float,
    XSD + "float": float,
}
_CLOSING = {"{": "}", "(": ")", "[": "]"}

_TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n\r]* )
  | (?P<iri>     <(?:[^<>"{}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*> )
  | (?P<string>  \"{3}(?:\"{0,2}(?:[^"\\]|\\.))*\"{3} | '{3}(?:'{0,2}(?:[^'\\]|\\.))*'{3}
               | "(?:[^"\\\n\r]|\\.)*" | '(?:[^'\\\n\r]|\\.)*' )
  | (?P<name>    [?$]\w+ | @[\w-]+ | (?:\w[\w.-]{0,254})?:(?:[\w.:%-]|\\.)* )
  | (?P<word>    [A-Za-z_]\w* )
  | (?P<bracket> [{}()\[\]] )
  | (?P<quote>   ["'] )
  | (?P<escape>  \\. )
    """,
    re.VERBOSE | re.DOTALL,
)
# in an expression, "<" may be less-than, and what follows a comment or a text; no operand begins with "http://"
_AMBIGUOUS = re.compile(r"<(?:(?!//)[^'#])*['#]")
_SYNTAX = re.compile(r"error at (\d+):(\d+): expected (?:one of )?(.*)", re.DOTALL)
_CHARACTERS = re.compile(r"\[(?:'(?:[^'\\]|\\.)+'|[^'\[\]])*\]")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


@dataclass(frozen=True)
class QueryResult:
    """The answer to a query. Iterate over it for its rows."""

    form: Form
    """The form of the query."""

    content: bytes
    """SPARQL 1.1 Query Results JSON, or N-Triples for CONSTRUCT and DESCRIBE."""

    @property
    def answer(self) -> bool | None:
        """The answer to ASK; ``None`` for other forms."""
        return bool(json.loads(self.content)["boolean"]) if self.form == "ASK" else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the variables of SELECT; ``subject``, ``predicate`` and ``object`` of a graph; ``answer`` of ASK."""
        if self.form == "SELECT":
            return tuple(json.loads(self.content)["head"]["vars"])
        return ("answer",) if self.form == "ASK" else ("subject", "predicate", "object")

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        """Yield rows of values: numbers and truth values as such, other literals and URIs as texts, else ``None``."""
        return self._rows(str)

    def rows_for_people(self) -> Iterator[tuple[Value, ...]]:
        """Yield rows in which URIs are shortened by the known prefixes."""
        return self._rows(shortened)

    def _rows(self, uri: Callable[[str], str]) -> Iterator[tuple[Value, ...]]:
        from pyoxigraph import RdfFormat, parse

        if self.form == "ASK":
            yield (self.answer,)
        elif self.form == "SELECT":
            for row in self._solutions():
                yield tuple(_value(term, uri) for term in row)
        else:
            for quad in parse(self.content, RdfFormat.N_TRIPLES):
                yield tuple(_value(term, uri) for term in (quad.subject, quad.predicate, quad.object))

    def serialised(self, format: str) -> bytes:
        """Return the result in a format of :data:`FORMATS`, in UTF-8.

        Args:
            format: ``csv``, ``tsv`` or ``json`` (SPARQL 1.1 Query Results) for SELECT and ASK; ``ttl`` or ``nt`` for
                CONSTRUCT and DESCRIBE.

        Raises:
            SettingError: The form of the query has no such format.
        """
        check_format(self.form, format)
        if format in ("json", "nt"):
            return self.content
        from pyoxigraph import QueryResultsFormat, RdfFormat, parse, serialize

        if format == "ttl":
            used = {name: space for name, space in KNOWN_PREFIXES.items() if space.encode() in self.content}
            statements = (quad.triple for quad in parse(self.content, RdfFormat.N_TRIPLES))
            return cast(bytes, serialize(statements, format=RdfFormat.TURTLE, prefixes=used))
        kind = QueryResultsFormat.CSV if format == "csv" else QueryResultsFormat.TSV
        written = cast(bytes, self._solutions().serialize(format=kind))
        return written if written.endswith(b"\n") else written + b"\n"

    def _solutions(self) -> Any:
        from pyoxigraph import QueryResultsFormat, parse_query_results

        return parse_query_results(self.content, QueryResultsFormat.JSON)


def check_format(form: Form, format: str) -> None:
    """Check that a form of query has a format.

    Raises:
        SettingError: It has not.
    """
    if format not in FORMATS[form]:
        raise SettingError(f"a result of {form} cannot be {format}; expected {' or '.join(FORMATS[form])}")


def check_installed() -> None:
    """Check that Oxigraph is installed.

    Raises:
        MissingExtraError: It is not.
    """
    try:
        import pyoxigraph  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("querying a run by SPARQL", "query") from error


def checked(query: str) -> Form:
    """Return the form of a query, after a check of what Oxigraph would not refuse clearly or not at all.

    Raises:
        RecordError: The query is empty, changes data, asks another server, or has an unmatched bracket.
    """
    tokens = list(_tokens(query))
    opened: list[_Token] = []
    for token in tokens:
        in_expression = bool(opened) and opened[-1].text == "("
        if _may_be_service(token) or (in_expression and _is_ambiguous(token) and "SERVICE" in query.upper()):
            raise _error(
                query,
                token.start,
                "SERVICE asks another server, which is not allowed; query that server separately, and rename a prefix "
                "that has this word in it",
            )
        if token.kind == "quote":
            raise _error(query, token.start, "the text that begins here is never closed")
        if token.kind != "bracket":
            continue
        if token.text in _CLOSING:
            opened.append(token)
        elif not opened or _CLOSING[opened.pop().text] != token.text:
            raise _error(query, token.start, f"{token.text!r} closes nothing that is open")
    first = _first_word(tokens)
    if first is None:
        raise RecordError("query", "line 1, column 1", "the query is empty; expected " + _FORMS)
    form = first.text.upper()
    if form in _UPDATES:
        raise _error(
            query,
            first.start,
            f"{form} changes data, and a run can only be read; use {_FORMS} ('relscout apply' changes a run)",
        )
    if form not in FORMATS:
        raise _error(query, first.start, f"unknown form {first.text!r}; expected {_FORMS}")
    if opened:
        raise _error(query, opened[-1].start, f"{opened[-1].text!r} is never closed")
    return form


def run_query(
    query: str,
    *,
    facts: Callable[[], Iterable[Fact]],
    triples: Callable[[], Iterable[Triple]],
    time_limit: float = TIME_LIMIT,
) -> QueryResult:
    """Return the answer to a query on facts and triples.

    Args:
        query: A SELECT, ASK, CONSTRUCT or DESCRIBE query.
        facts: Returns what the default graph holds.
        triples: Returns what the graph ``graph:triples`` holds; called only if the query names graphs.
        time_limit: Most seconds for the answer, above 0; the time for loading the graphs does not count.

    Raises:
        MissingExtraError: Oxigraph is not installed.
        SettingError: The time limit is not above 0, or is longer than a day.
        RecordError: The query is not valid, changes data or asks another server; says in which line and column.
        InputError: There was no answer within the time limit, or not enough memory for it.
    """
    check_installed()
    if not 0 < time_limit <= _LONGEST:
        raise SettingError(
            f"the time limit is {time_limit}; expected seconds, above 0 and at most {_LONGEST:,}"
        )
    form = checked(query)
    graphs = {"default": "facts.nt"}
    names_graphs = any(
        token.kind == "word" and token.text.upper() in ("GRAPH", "FROM") for token in _tokens(query)
    )
    with tempfile.TemporaryDirectory(prefix="relscout-query-") as place:
        folder = Path(place)
        NTRIPLES.write_facts(facts(), folder / graphs["default"])
        if names_graphs:
            graphs[TRIPLES] = "triples.nt"
            NTRIPLES.write(triples(), folder / graphs[TRIPLES])
        kind, content = _answered(query, folder, graphs, time_limit)
    if kind == "syntax":
        raise _syntax_error(query, content.decode())
    if kind == "failure":
        raise InputError(f"the query cannot be answered: {content.decode()}")
    return QueryResult(form, content)


def _answered(query: str, folder: Path, graphs: dict[str, str], time_limit: float) -> tuple[str, bytes]:
    """Return the kind of the answer of another process, and its content."""
    code = "from relscout.io.writers.sparql import answer_in_process; answer_in_process()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=folder, env=environment, bufsize=0, **cast(Any, pipes)
    ) as process:
        try:
            assert process.stdin is not None  # noqa: S101 - for the type checker
            assert process.stdout is not None  # noqa: S101 - for the type checker
            process.stdin.write(json.dumps({"query": query, "graphs": graphs}).encode() + b"\n")
            # a line says that the graphs are loaded
            process.stdout.readline()
            content, errors = process.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired:
            raise InputError(
                f"the query was not answered within {time_limit:g} seconds; connect its patterns by common variables, "
                "add LIMIT, or raise the time limit"
            ) from None
        finally:
            process.kill()
    kind, _, rest = content.partition(b"\n")
    if process.returncode or not kind:
        last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise InputError(
            f"the query was not answered: its process ended with code {process.returncode}"
            f"{f' ({last})' if last else ''}, perhaps for lack of memory; add LIMIT or more conditions"
        )
    return kind.decode(), rest


def answer_in_process() -> None:
    """Answer the query on standard input; what :func:`run_query` starts in a process of its own.

    The first line of the output is empty and says that the graphs are loaded. The second is "answer", "syntax" or
    "failure", and the content follows.
    """
    from pyoxigraph import NamedNode, QueryBoolean, QueryResultsFormat, QuerySolutions, RdfFormat, Store

    asked = json.loads(sys.stdin.buffer.readline())
    store = Store()
    for graph, name in asked["graphs"].items():
        target = None if graph == "default" else NamedNode(graph)
        store.bulk_load(path=name, format=RdfFormat.N_TRIPLES, to_graph=target)
    output = sys.stdout.buffer
    output.write(b"\n")
    output.flush()
    _close_network()
    try:
        result = store.query(asked["query"], prefixes=KNOWN_PREFIXES)
        if isinstance(result, QuerySolutions | QueryBoolean):
            content = result.serialize(format=QueryResultsFormat.JSON)
        else:
            content = result.serialize(format=RdfFormat.N_TRIPLES)
    except SyntaxError as error:
        output.write(b"syntax\n" + str(error).encode())
    except (OSError, ValueError, RuntimeError) as error:
        output.write(b"failure\n" + str(error).encode())
    else:
        output.write(b"answer\n" + cast(bytes, content))


def _close_network() -> None:
    """Let this process open no file and no connection any more, where the system can do that."""
    if sys.platform != "win32":
        import resource

        first_free = os.dup(0)
        os.close(first_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, first_free))


def _value(term: Any, uri: Callable[[str], str]) -> Value:
    from pyoxigraph import BlankNode, Literal, NamedNode

    if term is None:
        return None
    if isinstance(term, NamedNode):
        return uri(term.value)
    if isinstance(term, BlankNode):
        return f"_:{term.value}"
    if not isinstance(term, Literal):
        return str(term)
    datatype = term.datatype.value
    if datatype == XSD + "boolean":
        return term.value in ("true", "1")
    try:
        return _NUMBERS.get(datatype, str)(term.value)
    except ValueError:
        return str(term.value)


def _tokens(query: str) -> Iterator[_Token]:
    """Yield the tokens in which keywords and brackets may stand, and those keywords and brackets; no comments."""
    for match in _TOKEN.finditer(query):
        if match.lastgroup != "comment":
            yield _Token(str(match.lastgroup), match[0], match.start())


def _is_ambiguous(token: _Token) -> bool:
    """Return whether Oxigraph may end what looks like an IRI elsewhere."""
    return token.kind == "iri" and _AMBIGUOUS.match(token.text) is not None


def _may_be_service(token: _Token) -> bool:
    """Return whether Oxigraph may read a token as the keyword, which needs no space before or after it."""
    if token.kind not in ("word", "name") or token.text[0] in "?$":
        return False
    return "SERVICE" in token.text.partition(":")[0].upper()


def _first_word(tokens: Iterable[_Token]) -> _Token | None:
    """Return the first token after the declarations of prefixes and of a base."""
    is_declared = False
    for token in tokens:
        if token.kind == "word" and token.text.upper() in ("PREFIX", "BASE"):
            is_declared = True
        elif is_declared and token.kind in ("name", "iri"):
            is_declared = token.kind == "name"
        else:
            return token
    return None


def _error(query: str, start: int, reason: str) -> RecordError:
    line = query.count("\n", 0, start) + 1
    column = start - query.rfind("\n", 0, start)
    return RecordError("query", f"line {line}, column {column}", reason)


def _syntax_error(query: str, message: str) -> RecordError:
    """Return an error of Oxigraph's parser with its place, and without the classes of characters that it expected."""
    match = _SYNTAX.fullmatch(message)
    if match is None:
        return RecordError("query", "line 1", message)
    line, column = int(match[1]), int(match[2])
    expected = [part.strip() for part in _CHARACTERS.sub("", match[3]).split(",")]
    reasons = [part for part in expected if " " in part and not part.startswith('"')]
    tokens = [part for part in expected if part and part not in reasons]
    lines = query.split("\n")
    before, rest = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    if "Prefix not found" in reasons:
        name = re.findall(r"[\w.-]{0,255}:", before)[-1:] or [""]
        reason = (
            f"unknown prefix {name[0]!r}; declare it with PREFIX, or use one of {', '.join(KNOWN_PREFIXES)}"
        )
    elif reasons:
        reason = reasons[0]
    elif not rest.strip() and line == len(lines):
        reason = "the query is not complete, or an expression before this place is not allowed there"
    else:
        reason = f"cannot read {rest.strip()[:30] or 'the end of the line'!r}"
        if 0 < len(tokens) <= 6:
            reason += f"; expected {' or '.join(tokens)}"
    return RecordError("query", f"line {line}, column {column}", reason)
