"""UIMA CAS as XMI or JSON, which INCEpTION and other tools on UIMA export, read by the library dkpro-cassis."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relscout.core.errors import InputError, MissingExtraError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.packing import siblings, unpacked
from relscout.io.readers.annotated import Segments
from relscout.io.readers.source import Source, attempt, check_unicode

DESCRIPTION = (
    "UIMA CAS (INCEpTION): XMI next to its TypeSystem.xml, or CAS JSON; spans and relations between them"
)

_TYPE_SYSTEMS = ("TypeSystem.xml", "typesystem.xml", "typeSystem.xml")
_SENTENCE = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence"
_NAMES = ("value", "label", "entityType", "category", "type", "relation", "role")
_ENDS = (("Governor", "Dependent"), ("source", "target"), ("arg1", "arg2"))
#: Types of words and of the document rather than of entities and relations between them.
_OF_WORDS = (
    "de.tudarmstadt.ukp.dkpro.core.api.segmentation.",
    "de.tudarmstadt.ukp.dkpro.core.api.lexmorph.",
    "de.tudarmstadt.ukp.dkpro.core.api.syntax.",
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.",
    "de.tudarmstadt.ukp.clarin.webanno.api.type.",
    "uima.",
)


def sniff(source: Source) -> bool:
    """Return whether it is XMI of UIMA, CAS JSON, or a folder with XMI and a type system."""
    if source.path.is_dir():
        return any(source.path.glob("*.xmi")) and _type_system(sorted(source.path.iterdir())) is not None
    text = source.sample_text.lstrip()
    return (text.startswith("<") and "http:///uima/" in text and "xmi:XMI" in text) or (
        text.startswith("{") and '"%TYPES"' in text[:2000]
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per annotation that relates two spans, from its governor (or source) to the other.

    The text is the sentence of the two, or all from the first to the last; without sentences, the lines of the
    document take their place. The relation's name and the types of the spans are the features ``value`` or ``label`` of
    their layers, or the first feature with a string. Where no layer relates spans, each pair of the spans of a sentence
    is an instance whose relation is unknown.

    Raises:
        InputError: A file is damaged, or the type system is missing.
        MissingExtraError: The library dkpro-cassis is not installed.
    """
    files = sorted(source.path.glob("*.xmi")) if source.path.is_dir() else [source.path]
    for path in files:
        single = source if path == source.path else Source(path)
        try:
            cas = _loaded(single)
        except RecordError as error:
            yield error
            continue
        yield from _instances(single, cas)


def _type_system(files: Iterable[Path]) -> Path | None:
    files = list(files)
    named = (file for name in _TYPE_SYSTEMS for file in files if file.name == name)
    others = (
        file
        for file in files
        if file.suffix == ".xml" and "<typeSystemDescription" in Source(file).sample_text
    )
    return next(named, None) or next(others, None)


def _loaded(source: Source) -> Any:
    try:
        import cassis
    except ImportError as error:
        raise MissingExtraError("to read UIMA CAS", "xmi") from error
    try:
        with source.open() as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if source.sample_text.lstrip().startswith("{"):
                return cassis.load_cas_from_json(stream)
            types = _type_system(siblings(source.path))
            if types is None:
                raise InputError(
                    f"{source.path}: the type system is missing; expected TypeSystem.xml in the same folder, as in "
                    "the exported archive"
                )
            with unpacked(types) as described:
                known = cassis.load_typesystem(described)
            return cassis.load_cas_from_xmi(stream, typesystem=known, lenient=True)
    except InputError:
        raise
    except Exception as error:
        # the library passes on any error of its parsers
        reason = (str(error) or type(error).__name__).split("\n")[0]
        raise source.error(
            "start of the file", f"not a UIMA CAS that can be read ({reason[:120]})"
        ) from error


def _instances(source: Source, cas: Any) -> Iterator[RelationInstance | RecordError]:
    text = cas.sofa_string
    if not isinstance(text, str) or not text:
        yield source.error("start of the file", "the CAS has no text")
        return
    try:
        check_unicode("sofaString", text)
    except InputError as error:
        yield source.error("start of the file", error)
        return
    annotations = [
        annotation for annotation in cas.select_all_fs() if not annotation.type.name.startswith(_OF_WORDS)
    ]
    document = _Document(source, text, _sentences(cas, text))
    pairs = [(annotation, ends) for annotation in annotations if (ends := _ends(annotation)) is not None]
    related = {id(annotation) for annotation, _ in pairs}
    declares = any(
        _relates(kind) for kind in cas.typesystem.get_types() if not kind.name.startswith(_OF_WORDS)
    )
    for annotation, ends in pairs:
        yield attempt(source, f"annotation {annotation.xmiID}", (annotation, ends), document.instance)
    if not declares:
        mentions = []
        for annotation in annotations:
            if id(annotation) not in related and isinstance(getattr(annotation, "begin", None), int):
                try:
                    mentions.append(
                        (f"annotation {annotation.xmiID}", *document.mention("entity", annotation))
                    )
                except InputError as error:
                    yield source.error(f"annotation {annotation.xmiID}", error)
        yield from document.segments.unlabelled(source.path.name, mentions)


def _relates(kind: Any) -> bool:
    names = {feature.name for feature in kind.all_features}
    return any(set(pair) <= names for pair in _ENDS)


def _ends(annotation: Any) -> tuple[Any, Any] | None:
    for first, second in _ENDS:
        ends = getattr(annotation, first, None), getattr(annotation, second, None)
        if all(hasattr(end, "begin") and hasattr(end, "end") for end in ends):
            return ends
    return None


def _name(annotation: Any) -> str | None:
    features = [feature.name for feature in annotation.type.all_features]
    for name in (*_NAMES, *features):
        value = getattr(annotation, name, None) if name in features else None
        if isinstance(value, str) and value.strip():
            check_unicode(name, value)
            return value
    return None


def _sentences(cas: Any, text: str) -> list[tuple[int, int]]:
    try:
        annotated = [(sentence.begin, sentence.end) for sentence in cas.select(_SENTENCE)]
    except Exception:  # the library raises a different error for each kind of unknown type
        annotated = []
    spans, end = [], 0
    for start, stop in sorted(span for span in annotated if all(isinstance(edge, int) for edge in span)):
        if end <= start < stop <= len(text):
            spans.append((start, stop))
            end = stop
    if spans:
        return spans
    for line in text.splitlines(keepends=True) or [text]:
        spans.append((end, end + len(line.rstrip("\r\n"))))
        end += len(line)
    return [span for span in spans if span[0] < span[1]] or [(0, len(text))]


class _Document:
    def __init__(self, source: Source, text: str, sentences: list[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in sentences]
        self._sentences = sentences
        self._text = text
        self.segments = Segments(source, source.path.stem, [text[start:end] for start, end in sentences])

    def mention(self, role: str, annotation: Any) -> tuple[int, Mention]:
        start, end = annotation.begin, annotation.end
        number = bisect_right(self._starts, start) - 1 if isinstance(start, int) else -1
        if number < 0 or not isinstance(end, int) or not start < end <= self._sentences[number][1]:
            raise InputError(f"the {role} at [{start}, {end}) lies in no sentence")
        origin = self._sentences[number][0]
        identifier = getattr(annotation, "identifier", None)
        entity = identifier if isinstance(identifier, str) and identifier else None
        return number, Mention(start - origin, end - origin, _name(annotation), entity)

    def instance(self, given: tuple[Any, tuple[Any, Any]], provenance: str) -> RelationInstance:
        annotation, (source, target) = given
        head, tail = self.mention("head", source), self.mention("tail", target)
        return self.segments.instance(head, tail, _name(annotation), provenance)
