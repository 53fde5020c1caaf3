"""The spaCy component ``"relscout"``, which applies a run to documents.

::

    nlp = spacy.load("en_core_web_sm")
    nlp.add_pipe("relscout", config={"run": "my-run"})
    doc = nlp("Marie Curie was born in Warsaw.")
    doc._.relations  # a list of DocRelation

spaCy imports this module with every pipeline that any program makes, because it is an entry point. Therefore it imports
nothing but spaCy at the top, and sets no extension attribute before the component is used. Annotations are no strings
here (no ``from __future__ import annotations``): spaCy reads those of the factory.
"""

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Self

from spacy.language import Language
from spacy.tokens import Doc, Span

if TYPE_CHECKING:
    from relscout.core.instances import Mention, Polarity, RelationInstance
    from relscout.discovery import Assignments, Discovery
    from relscout.methods.unrelated import RelatednessDetector

#: Name of the component, and of its entry in a list of components.
NAME = "relscout"
#: Name of the attribute of a document, below ``doc._``.
ATTRIBUTE = "relations"
_BATCH = 128
#: Folder of the run in that of the component.
_RUN = "run"
_LINE_BREAKS = str.maketrans("\r\n\t", "   ")
#: An expected precision at which every pair is kept.
_ANY = 1e-9
_HOW = f'nlp.add_pipe("{NAME}", config={{"run": "my-run"}})'


@dataclass(frozen=True, slots=True)
class DocRelation:
    """A relation between two entities of a document.

    Args:
        head: The head entity (the subject), with its type as ``label_``.
        tail: The tail entity (the object).
        id: Number of the relation in the run.
        name: Name of the relation, which reads from head to tail.
        confidence: How sure the assignment is, in [0, 1].
        related: Estimated probability that the sentence relates head and tail at all, in [0, 1]; ``None`` if not
            estimated.
        kept: Whether the pair counts as related. If not, ``id`` is the relation that it would have.
        polarity: Whether the sentence asserts the relation, denies it, or only supposes it.
        phrase: Phrase that connects head and tail in this sentence, or empty.
    """

    head: Span
    tail: Span
    id: int
    name: str
    confidence: float
    related: float | None
    kept: bool
    polarity: "Polarity"
    phrase: str


def relations_of(doc: Doc, attribute: str = ATTRIBUTE) -> list[DocRelation]:
    """Return the relations of a document in the order of the text; none if no component has annotated it.

    ``doc._.relations`` is this function. Relations are stored as plain values in ``doc.user_data``, so that documents
    with them can be written (``Doc.to_bytes``, ``DocBin(store_user_data=True)``) and sent to other processes.

    Args:
        doc: The document.
        attribute: The component's setting ``attribute``.
    """
    return [
        DocRelation(**{**record, "head": _span(doc, record["head"]), "tail": _span(doc, record["tail"])})
        for record in doc.user_data.get(_key(attribute), ())
    ]


@Language.factory(
    NAME,
    assigns=[f"doc._.{ATTRIBUTE}"],
    requires=["doc.ents"],
    default_config={
        "run": "",
        "attribute": ATTRIBUTE,
        "precision": None,
        "min_confidence": 0.0,
        "unrelated": False,
        "directions": "once",
        "max_distance": None,
        "numbers": False,
    },
)
def make_component(
    nlp: Language,
    name: str,
    run: str,
    attribute: str,
    precision: Optional[float],  # noqa: UP045 - spaCy's validation reads this form
    min_confidence: float,
    unrelated: bool,
    directions: str,
    max_distance: Optional[int],  # noqa: UP045
    numbers: bool,
) -> "RelationComponent":
    """Return the component for spaCy; its settings are the arguments of :class:`RelationComponent`."""
    return RelationComponent(
        nlp,
        name,
        run=run,
        attribute=attribute,
        precision=precision,
        min_confidence=min_confidence,
        unrelated=unrelated,
        directions=directions,  # type: ignore[arg-type]  # checked there
        max_distance=max_distance,
        numbers=numbers,
    )


class RelationComponent:
    """Applies the relations of a run to the pairs of entities of documents.

    A pair are two entities of a sentence, both as the components before this one have marked them. Each document is
    assigned on its own, as ``relscout extract`` does with a file, so that its relations do not depend on the documents
    of its batch; sentences of a batch are encoded together.

    The run is loaded with the first document. ``nlp.to_disk`` and ``nlp.to_bytes`` copy it, with the sentences that it
    was made of, so that the saved pipeline needs no other folder.

    Args:
        nlp: The pipeline.
        name: Name of the component in the pipeline.
        run: Folder of a run.
        attribute: Name of the attribute of documents, ``doc._.relations`` by default. Two components in a pipeline need
            different ones.
        precision: Expected share of related pairs among the kept ones of a document, in (0, 1]. By default, the
            thresholds of the run apply, or 0.8 for a run of marked pairs, which has none.
        min_confidence: Least confidence of a relation, in [0, 1].
        unrelated: Whether pairs that are not kept are listed, too, with ``kept`` false.
        directions: See :class:`relscout.text.pairs.Pairing`.
        max_distance: The same.
        numbers: The same.

    Raises:
        SettingError: ``run`` is empty or a folder without a run, another setting is invalid, or something else has set
            the attribute.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = NAME,
        *,
        run: str,
        attribute: str = ATTRIBUTE,
        precision: float | None = None,
        min_confidence: float = 0.0,
        unrelated: bool = False,
        directions: Literal["once", "both", "forward"] = "once",
        max_distance: int | None = None,
        numbers: bool = False,
    ) -> None:
        from relscout.core.errors import SettingError
        from relscout.text.pairs import Pairing

        if not run:
            raise SettingError(
                f"the component {name!r} needs the folder of a run: {_HOW}; "
                "'relscout discover' and 'relscout demo' make one"
            )
        # a pipeline that is loaded brings its run, and the folder that it came from may be gone
        if Path(run).exists() and not (Path(run) / "run.json").is_file():
            raise SettingError(
                f"{run} is no run of relscout: there is no run.json in it; give the folder that "
                "'relscout discover --out' wrote"
            )
        if precision is not None and not 0 < precision <= 1:
            raise SettingError(
                f"precision is {precision!r}, expected a share above 0 and up to 1, such as 0.8"
            )
        if not 0 <= min_confidence <= 1:
            raise SettingError(f"min_confidence is {min_confidence!r}, expected a number from 0 to 1")
        self.nlp, self.name, self.run = nlp, name, run
        self.attribute, self.precision, self.min_confidence = attribute, precision, min_confidence
        self.unrelated = unrelated
        self.pairing = Pairing(directions=directions, max_distance=max_distance, numbers=numbers)
        _set_extension(attribute)

    def __call__(self, doc: Doc) -> Doc:
        """Set the relations of a document.

        Raises:
            InputError: The document has no sentence boundaries.
            SettingError: There is no run, or the pipeline marks no entities.
            ArtifactError: The run is damaged.
        """
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = _BATCH) -> Iterator[Doc]:
        """Yield documents in order with their relations; the sentences of a batch are encoded in one pass.

        Args:
            stream: The documents.
            batch_size: Number of documents of a batch.

        Raises:
            InputError: A document has no sentence boundaries.
            SettingError: There is no run, or the pipeline marks no entities.
            ArtifactError: The run is damaged.
        """
        from spacy.util import minibatch

        for docs in minibatch(stream, size=batch_size):  # type: ignore[no-untyped-call]
            self._annotate(docs)
            yield from docs

    @cached_property
    def discovery(self) -> "Discovery":
        """The run, loaded when it is first used.

        Raises:
            SettingError: There is no such folder.
            ArtifactError: The run is damaged.
        """
        from relscout.core.errors import SettingError
        from relscout.discovery import Discovery

        if not Path(self.run).exists():
            raise SettingError(
                f"there is no run {self.run!r} for the component {self.name!r} (a relative path starts at the working "
                f"directory): {_HOW}; 'relscout discover' and 'relscout demo' make one"
            )
        return Discovery.load(self.run)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:  # noqa: ARG002 - spaCy's interface
        """Write the run to a folder, below the path.

        Raises:
            OutputError: The folder holds something else or cannot be written.
        """
        self.discovery.save(Path(path) / _RUN)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:  # noqa: ARG002
        """Read the run that :meth:`to_disk` wrote, in place of that of the setting ``run``.

        Raises:
            ArtifactError: The folder does not hold a complete run.
        """
        from relscout.discovery import Discovery

        self._use(Discovery.load(Path(path) / _RUN))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:  # noqa: ARG002
        """Return the files of the run as bytes."""
        import srsly

        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / _RUN
            self.discovery.save(folder)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        return bytes(srsly.msgpack_dumps(named))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:  # noqa: ARG002
        """Read the run that :meth:`to_bytes` returned, in place of that of the setting ``run``.

        Raises:
            ArtifactError: The bytes are not those of a run.
        """
        import srsly

        from relscout.core.errors import ArtifactError
        from relscout.discovery import Discovery

        with tempfile.TemporaryDirectory() as place:
            folder = (Path(place) / _RUN).resolve()
            for name, content in srsly.msgpack_loads(data).items():
                file = (folder / name).resolve()
                if not file.is_relative_to(folder):
                    raise ArtifactError(f"the bytes of a run name the file {name!r}, which is outside of it")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            self._use(Discovery.load(folder))
        return self

    def _use(self, discovery: "Discovery") -> None:
        self.__dict__["discovery"] = discovery
        self.__dict__.pop("_detector", None)

    def _annotate(self, docs: Sequence[Doc]) -> None:
        pairs = [self._pairs(doc, number) for number, doc in enumerate(docs)]
        for doc in docs:
            doc.user_data[_key(self.attribute)] = []
        owners = [doc for doc, own in zip(docs, pairs, strict=True) for _ in own]
        if not owners:
            return
        with self._encoded([pair for own in pairs for pair in own]):
            assigned, related, kept = self._assigned(pairs)
        rows = [row for row, id in enumerate(assigned.relation_ids.tolist()) if id >= 0]
        for row, triple in zip(rows, self.discovery.triples_of(assigned), strict=True):
            if triple.confidence < self.min_confidence or not (kept[row] or self.unrelated):
                continue
            pair, doc = triple.instance, owners[row]
            doc.user_data[_key(self.attribute)].append(
                {
                    "head": _place(doc, pair, pair.head),
                    "tail": _place(doc, pair, pair.tail),
                    "id": triple.relation_id,
                    "name": triple.relation,
                    "confidence": triple.confidence,
                    "related": related[row],
                    "kept": kept[row],
                    "polarity": triple.polarity,
                    "phrase": triple.phrase,
                }
            )

    def _pairs(self, doc: Doc, number: int) -> "list[RelationInstance]":
        """Return the pairs of entities of a document, with their syntax; the number is that of it in the batch."""
        from relscout.core.errors import InputError, SettingError
        from relscout.text import Passage
        from relscout.text.consistency import consistent
        from relscout.text.pairs import pairs
        from relscout.text.spacy_pipeline import looks_english, marked_sentences, marks_entities, with_syntax

        if not doc.has_annotation("SENT_START"):
            raise InputError(
                f"the text {doc.text[:40]!r} is not split into sentences, between whose entities the component "
                f"{self.name!r} looks for relations: add a component that splits them, such as "
                f'nlp.add_pipe("sentencizer", before="{self.name}")'
            )
        if not doc.ents:
            names = self.nlp.pipe_names
            before = names[: names.index(self.name)] if self.name in names else names
            if not marks_entities(self.nlp, before):
                raise SettingError(
                    f"no component before {self.name!r} marks entities ({', '.join(before) or 'there is none'}); load "
                    "a pipeline with an entity recogniser, such as en_core_web_sm, or add an entity_ruler before it"
                )
            return []
        # a line break is read as a space, as in a file; offsets stay
        text = doc.text.translate(_LINE_BREAKS)
        passage = Passage(text, document=f"doc {number}", source=f"the text {text[:40]!r}")
        sentences = consistent(marked_sentences(doc, passage))
        own = [pair for sentence in sentences for pair in pairs(sentence, self.pairing)]
        if any(pair.parse is None for pair in own) and looks_english({pair.text for pair in own}):
            from relscout.methods.features import default_pipeline

            own = with_syntax(own, pipeline=default_pipeline())
        return own

    @contextmanager
    def _encoded(self, instances: "Sequence[RelationInstance]") -> Iterator[None]:
        """Encode instances in one pass, so that nothing encodes them again within the block."""
        from relscout.core.progress import silent
        from relscout.encoders import VectorCache, cache_of, use_cache

        encoder = self.discovery.model.encoder
        before = cache_of(encoder)
        with closing(VectorCache()) as vectors:
            use_cache(encoder, vectors)
            try:
                self.discovery.model.transform(instances)
                if not self._has_thresholds:
                    self._detector.vectors(instances, encoder=encoder, progress=silent)
                yield
            finally:
                use_cache(encoder, before)

    @property
    def _has_thresholds(self) -> bool:
        return self.discovery.run.get("relatedness") is not None

    @cached_property
    def _detector(self) -> "RelatednessDetector":
        """The detector of unrelated pairs for a run without thresholds."""
        from relscout.discovery import TEXT_PRECISION
        from relscout.methods.unrelated import RelatednessDetector

        return RelatednessDetector.bundled(precision=self.precision or TEXT_PRECISION)

    def _assigned(
        self, pairs: "Sequence[Sequence[RelationInstance]]"
    ) -> "tuple[Assignments, list[float | None], list[bool]]":
        """Assign the pairs of documents to relations.

        Returns:
            The assignments of all pairs; the probability that each is related; whether each is kept.
        """
        from relscout.core.progress import silent
        from relscout.methods.unrelated import is_connected

        run, everything = self.discovery, [pair for own in pairs for pair in own]
        if self._has_thresholds and self.precision is None:
            assigned = self._predict(everything, precision=None)
            kept = (assigned.relation_ids >= 0).tolist()
            if self.unrelated and not all(kept):
                assigned = self._predict(everything, precision=_ANY)
            return assigned, assigned.related_values(), kept
        assigned = self._predict(everything, precision=_ANY if self._has_thresholds else None)
        values = assigned.related
        if values is None:
            values = self._detector.probabilities(everything, encoder=run.model.encoder, progress=silent)
        kept, start = [], 0
        for own in filter(None, pairs):
            # a precision is that of a document, which must not depend on the others
            its_own, start = values[start : start + len(own)], start + len(own)
            self._detector.connected = is_connected(own)
            self._detector.set_threshold(its_own, None)
            kept += (its_own >= self._detector.thresholds[0]).tolist()
        return assigned, values.tolist(), kept

    def _predict(self, pairs: "Sequence[RelationInstance]", *, precision: float | None) -> "Assignments":
        from relscout.core.errors import InputWarning

        assigned = self.discovery.predict(pairs, precision=precision, allow_unknown_tokens=True)
        for warning in assigned.warnings:
            warnings.warn(warning, InputWarning, stacklevel=2)
        return assigned


def _key(attribute: str) -> str:
    return f"relscout.{attribute}"


def _set_extension(attribute: str) -> None:
    """Make an attribute of documents, unless a component has made it before.

    Raises:
        SettingError: Something else has made it.
    """
    from relscout.core.errors import SettingError

    if Doc.has_extension(attribute):
        getter = Doc.get_extension(attribute)[2]
        if getattr(getter, "func", None) is not relations_of:
            raise SettingError(
                f"doc._.{attribute} is an attribute of something else already; choose another name with "
                'config={"attribute": "extracted", ...}'
            )
        return
    Doc.set_extension(attribute, getter=partial(relations_of, attribute=attribute))


def _place(doc: Doc, pair: "RelationInstance", mention: "Mention") -> list[Any]:
    """Return first token, end token (exclusive) and type of a mention."""
    start = pair.document_start or 0
    span = doc.char_span(start + mention.start, start + mention.end, alignment_mode="expand")
    if span is None:
        raise IndexError(
            f"characters {start + mention.start} to {start + mention.end} are not in the document"
        )
    return [span.start, span.end, mention.type or ""]


def _span(doc: Doc, place: Sequence[Any]) -> Span:
    start, end, label = place
    return Span(doc, start, end, label=label)
