"""WebAnno TSV 3, the tables of tokens that WebAnno and INCEpTION export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Segments
from relscout.io.readers.offsets import Units
from relscout.io.readers.source import Source, attempt, shorten

DESCRIPTION = "WebAnno TSV 3 (WebAnno, INCEpTION): tokens with layers of spans and of relations between them"

_FORMAT = "#FORMAT=WebAnno TSV 3"
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
#: Features for the type of a span or the name of a relation; the first that a layer has counts.
_NAMES = ("value", "label", "type", "category", "entity", "relation", "role")
#: Layers of words rather than of entities.
_OF_WORDS = (
    "POS",
    "Lemma",
    "MorphologicalFeatures",
    "Stem",
    "Dependency",
    "Token",
    "SurfaceForm",
    "SpellingAnomaly",
)


def sniff(source: Source) -> bool:
    """Return whether the first line names the format."""
    return source.sample_text.startswith(_FORMAT)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation of a layer of relations, from its source to its target.

    The text is the sentence of the two, or all from the first to the last; offsets, which the file has in UTF-16 units,
    become characters. The type of an entity is the value of its layer, the relation's name that of its own. The layers
    of words (part of speech, dependencies …) are not read. Where the file declares no layer of relations, each pair of
    the spans of a sentence is an instance whose relation is unknown.
    """
    layers: list[_Layer] = []
    sentences: list[_Sentence] = []
    text: list[str] = []
    for number, line in source.decoded_lines():
        if isinstance(line, RecordError):
            yield line
        elif line.startswith(("#T_SP=", "#T_CH=", "#T_RL=")):
            layers.append(_Layer.declared(line, layers))
        elif line.startswith("#Text="):
            text.append(line.removeprefix("#Text="))
        elif line.startswith("#"):
            continue
        else:
            if text:
                sentences.append(_Sentence(number, _unescaped("\n".join(text))))
                text = []
            if not sentences:
                yield source.error(f"line {number}", "the row stands before any line '#Text='")
                continue
            try:
                sentences[-1].add(number, line.split("\t"))
            except InputError as error:
                yield source.error(f"line {number}", error)
    yield from _Document(source, layers, sentences).instances()


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    result, escaped = [], False
    for character in value:
        if escaped:
            result.append(_ESCAPED.get(character, character))
        elif character != "\\":
            result.append(character)
        escaped = character == "\\" and not escaped
    return "".join(result)


def _split(value: str, separator: str) -> list[str]:
    """Split at unescaped separators."""
    if "\\" not in value:
        return value.split(separator)
    parts, start, escaped = [], 0, False
    for place, character in enumerate(value):
        if character == separator and not escaped:
            parts.append(value[start:place])
            start = place + 1
        escaped = character == "\\" and not escaped
    return [*parts, value[start:]]


@dataclass(frozen=True)
class _Layer:
    name: str
    first: int
    features: list[str]
    is_relation: bool
    is_of_words: bool

    @classmethod
    def declared(cls, line: str, before: list[_Layer]) -> _Layer:
        kind, _, declared = line.partition("=")
        name, *features = declared.split("|")
        first = before[-1].first + before[-1].columns if before else 3
        last = name.rsplit(".", 1)[-1]
        return cls(name, first, features, kind == "#T_RL", kind == "#T_CH" or last in _OF_WORDS)

    @property
    def columns(self) -> int:
        # a layer without features has a column of its own; a relation's reference is listed as BT_…
        return max(len(self.features), 1)

    @property
    def reference(self) -> int | None:
        return next((self.first + n for n, name in enumerate(self.features) if name.startswith("BT_")), None)

    def naming(self) -> int:
        """Return the column whose value is the type or name."""
        own = [name for name in self.features if not name.startswith(("BT_", "ROLE_"))]
        chosen = next((name for name in _NAMES if name in own), own[0] if own else "")
        return self.first + (self.features.index(chosen) if chosen else 0)


@dataclass
class _Sentence:
    line: int
    text: str
    #: (line, token as "1-3", start and end in characters of the sentence, cells)
    rows: list[tuple[int, str, int, int, list[str]]] = field(default_factory=list)
    _origin: int | None = None

    def __post_init__(self) -> None:
        self._units = Units(self.text, "utf-16")

    def add(self, number: int, cells: list[str]) -> None:
        """Add a row.

        Raises:
            InputError: It is not a row, or its offsets do not fit the text of the sentence.
        """
        edges = cells[1].split("-") if len(cells) > 2 else []
        if len(edges) != 2 or not all(edge.isascii() and edge.isdigit() and len(edge) < 16 for edge in edges):
            raise InputError(f"expected a row 'sentence-token, start-end, form, …', got {shorten(cells)}")
        form = _unescaped(cells[2])
        if self._origin is None:
            # offsets count from the start of the document, the text from that of the sentence
            lead = max(self.text.find(form), 0)
            self._origin = int(edges[0]) - len(self.text[:lead].encode("utf-16-le")) // 2
        start, end = (self._units.offset(int(edge) - self._origin) for edge in edges)
        if not 0 <= start <= end <= len(self.text) or self.text[start:end] != form:
            raise InputError(
                f"the token {shorten(form)} at {cells[1]} is not what the sentence has there (in UTF-16 units)"
            )
        self.rows.append((number, cells[0], start, end, cells))


class _Document:
    def __init__(self, source: Source, layers: list[_Layer], sentences: list[_Sentence]) -> None:
        self._source = source
        self._sentences = sentences
        self._segments = Segments(source, "", [sentence.text for sentence in sentences])
        self._relations = [layer for layer in layers if layer.is_relation and not layer.is_of_words]
        self._spans = [layer for layer in layers if not layer.is_relation and not layer.is_of_words]
        #: (token, number that identifies a stacked span, or 0) and layer → sentence and mention
        self._by_token: dict[tuple[str, str, str], tuple[int, Mention]] = {}
        self._all: list[tuple[str, int, Mention]] = []
        for number, sentence in enumerate(sentences):
            for layer in self._spans:
                self._collect(number, sentence, layer)

    def _collect(self, number: int, sentence: _Sentence, layer: _Layer) -> None:
        column = layer.naming()
        open_spans: dict[str, tuple[int, int, str]] = {}
        tokens: dict[str, list[tuple[str, str]]] = {}
        for _, token, start, end, cells in sentence.rows:
            values = _split(cells[column], "|") if column < len(cells) else ["_"]
            for value in values:
                if value == "_" or not value:
                    continue
                kind, mark = _marked(value)
                # without a number, an annotation covers this token alone
                key = mark or f"0@{token}"
                first = open_spans.get(key, (start, end, kind))
                open_spans[key] = (first[0], end, kind)
                tokens.setdefault(key, []).append((token, mark or "0"))
        for key, (start, end, kind) in open_spans.items():
            mention = Mention(start, end, None if kind == "*" else _unescaped(kind) or None)
            if not mention.surface(sentence.text).strip():
                continue
            for token, mark in tokens[key]:
                self._by_token.setdefault((token, mark, layer.name), (number, mention))
            self._all.append((f"{tokens[key][0][0]} {layer.name.rsplit('.', 1)[-1]}", number, mention))

    def instances(self) -> Iterator[RelationInstance | RecordError]:
        if not self._relations:
            yield from self._segments.unlabelled("document", self._all)
            return
        for sentence in self._sentences:
            for line, token, _, _, cells in sentence.rows:
                for layer in self._relations:
                    yield from self._of_row(layer, line, token, cells)

    def _of_row(
        self, layer: _Layer, line: int, token: str, cells: list[str]
    ) -> Iterator[RelationInstance | RecordError]:
        reference = layer.reference
        if reference is None or reference >= len(cells) or cells[reference] in ("_", ""):
            return
        place = f"line {line}"
        names = _split(cells[layer.naming()], "|")
        references = _split(cells[reference], "|")
        base = layer.features[reference - layer.first].removeprefix("BT_")
        if layer.naming() == reference:
            names = ["*"] * len(references)
        if len(names) != len(references):
            yield self._source.error(
                place, f"{len(names)} relations, but {len(references)} references to their ends"
            )
            return
        for name, named in zip(names, references, strict=True):
            kind, _ = _marked(name)
            ends = (named, token, base)

            def instance(ends: tuple[str, str, str], provenance: str, kind: str = kind) -> RelationInstance:
                head, tail = self._ends(*ends)
                return self._segments.instance(
                    head, tail, None if kind == "*" else _unescaped(kind), provenance
                )

            yield attempt(self._source, place, ends, instance)

    def _ends(self, reference: str, token: str, base: str) -> tuple[tuple[int, Mention], tuple[int, Mention]]:
        """Return source and target of a reference such as ``1-3[2_1]``, which stands in the row of the target."""
        there, mark = _marked(reference)
        marks = mark.split("_") if "_" in mark else ["0", "0"]
        return self._end("source", there, marks[0], base), self._end("target", token, marks[1], base)

    def _end(self, role: str, token: str, mark: str, base: str) -> tuple[int, Mention]:
        layers = [base, *(layer.name for layer in self._spans)]
        for layer in layers:
            if annotation := self._by_token.get((token, mark, layer)):
                return annotation
        # the number may be left out for an annotation that has one
        if mark == "0":
            for (other, _, layer), annotation in self._by_token.items():
                if other == token and layer in layers:
                    return annotation
        raise InputError(
            f"the {role} is the token {shorten(token)}, at which no span of {base or 'any layer'} stands"
        )


def _marked(value: str) -> tuple[str, str]:
    """Return a value without its identifying number in brackets, and that number."""
    if not value.endswith("]") or "[" not in value:
        return value, ""
    start = value.rindex("[")
    if start and value[start - 1] == "\\":
        return value, ""
    return value[:start], value[start + 1 : -1]
