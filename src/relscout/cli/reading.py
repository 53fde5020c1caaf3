"""Reads the input of a command as its options specify."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from relscout.cli import options
from relscout.cli.options import PlainText, assignments_of, differences, type_pairs
from relscout.cli.screen import Skipped, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted

if TYPE_CHECKING:
    from relscout.distributed import Marking
    from relscout.io.readers.offsets import Offsets
    from relscout.text import Annotator, MarkedSentence, Passage
    from relscout.text.gazetteer import Gazetteer
    from relscout.text.pairs import Pairing

Row = TypeVar("Row")

#: Number of passages from which two processes annotate faster.
_MANY = 2_000
#: The error for plain text without pairs.
NOTHING_PAIRED = (
    "no sentence has two entities to pair; use --gazetteer for names that the pipeline does not know, "
    "--mentions noun-chunks for text without names, or --spacy for another language"
)
#: The note for plain text in another language than that of the default pipeline.
NOT_ENGLISH = (
    "the text does not look like English, but the default pipeline en_core_web_sm is for English; choose a pipeline "
    "for its language with --spacy"
)
#: Fields of a table of plain text.
_TEXT_FIELDS = frozenset({"text", "document"})


@dataclass(frozen=True)
class Reading:
    """Options for the input.

    A command receives all or some of them as one argument; see :func:`relscout.cli.options.grouped`.

    Raises:
        SettingError: An option is malformed, or two of them contradict each other.
        UnknownNameError: There is no format of that name.
    """

    format: options.Format = None
    on_error: options.OnError = "raise"
    labels: options.Labels = None
    columns: options.Columns = None
    relation_names: options.RelationNames = None
    entity_types: options.EntityTypes = None
    pairs: options.Pairs = "related"
    encoding: options.Encoding = None
    offsets: options.Offsets = "characters"
    text: PlainText | None = None
    """Options about plain text; ``None`` for a command that reads marked pairs only."""
    annotations: Path | None = None
    """File that caches the annotations of plain text; ``None`` for no cache."""

    def __post_init__(self) -> None:
        from relscout.io.readers import reader

        if self.format is not None:
            reader(self.format)
        _ = self.column_map
        plain = self._plain
        type_pairs(plain.types)
        if differences(plain.ignore) and plain.gazetteer is None:
            raise SettingError("--ignore applies to the names of --gazetteer, which is not given")
        if plain.token_classifier is not None and plain.gliner is not None:
            raise SettingError("--token-classifier and --gliner both recognise the entities; use one of them")
        if plain.mentions == "noun-chunks" and (plain.token_classifier or plain.gliner):
            raise SettingError(
                "--mentions noun-chunks pairs noun phrases and cannot be combined with another entity recogniser"
            )
        # all formats are of marked pairs, so options for plain text cannot be meant
        if self.format is not None:
            self._refuse(self._for_plain_text(), "it applies to plain text, but --format is for marked pairs")

    @property
    def _plain(self) -> PlainText:
        return self.text or PlainText()

    @property
    def column_map(self) -> dict[str, str]:
        """Our field name → the table's column name."""
        return assignments_of(self.columns, "--columns")

    def is_plain_text(self, paths: Sequence[Path]) -> bool:
        """Return whether the files hold plain text rather than marked pairs.

        Every file is inspected, unless an option for marking entities implies plain text.

        Raises:
            InputError: A file is of no known format, or some hold text and others marked pairs.
            SettingError: An option applies to the other kind only.
        """
        from relscout.io.readers import recognise
        from relscout.io.readers.source import Source

        if self.format is not None:
            return False
        columns = self.column_map
        kinds: dict[bool, Path] = {}
        for path in paths:
            if self._marks_entities():
                kinds.setdefault(True, path)
                continue
            try:
                recognise(Source(path, columns=columns, encoding=self.encoding))
                kinds.setdefault(False, path)
            except InputError:
                from relscout.text.documents import is_plain_text

                of_text = {name: value for name, value in columns.items() if name in _TEXT_FIELDS}
                if self.text is None or not is_plain_text(path, columns=of_text, encoding=self.encoding):
                    raise
                kinds.setdefault(True, path)
        if len(kinds) == 2:
            raise InputError(f"{kinds[True]} is plain text and {kinds[False]} has marked pairs; use two runs")
        if not kinds:
            return False
        if plain := True in kinds:
            self._refuse(
                self._for_marked_pairs(), f"{kinds[True]} is plain text, but it applies to marked pairs"
            )
        else:
            self._refuse(
                self._for_plain_text(), f"it applies to plain text, but {kinds[False]} has marked pairs"
            )
        return plain

    def instances(
        self, paths: Sequence[Path], skipped: Skipped, *, progress: Progress = silent
    ) -> Iterator[RelationInstance]:
        """Yield the instances of all files, in order: as they are marked, or pairs of the entities of plain text.

        Raises:
            InputError: A file cannot be read, or a record in it is wrong.
            SettingError: An option has no effect on these files.
        """
        if self.is_plain_text(paths):
            return self._of_text(paths, skipped, progress)
        read = chain.from_iterable(self._read(path, skipped) for path in paths)
        if self.entity_types is None:
            return read
        from relscout.text.spacy_pipeline import SpacyPipeline, with_types

        return with_types(read, SpacyPipeline.load(self.entity_types).nlp)

    def additional(self, paths: Sequence[Path], skipped: Skipped) -> Iterator[RelationInstance]:
        """Yield the instances of additional files, such as a test set.

        Their format is recognised independently of the input's; tables have the same column names.

        Raises:
            InputError: A file cannot be read, or a record in it is wrong.
        """
        from relscout.io.readers import ONLY_FOR, read, recognise
        from relscout.io.readers.source import Source

        for path in paths:
            columns = self.column_map
            if columns and recognise(Source(path, None, columns)) not in ONLY_FOR["columns"]:
                columns = {}
            yield from read(
                path, on_error=self.on_error, on_skip=skipped, columns=columns, on_warning=say_note
            )

    def refuse_all(self, why: str) -> None:
        """Raise a SettingError if an option about marked pairs was given.

        Args:
            why: Why it has no effect.
        """
        self._refuse({**self._for_marked_pairs(), "--columns": self.columns}, why)

    def others(self) -> Reading:
        """Return the options for additional files whose format is recognised, such as labelled data."""
        return Reading(
            on_error=self.on_error, relation_names=self.relation_names, entity_types=self.entity_types
        )

    def annotator(self, *, passages: int | None = None, english: bool = True) -> Annotator:
        """Return the annotator that marks the entities of plain text.

        Args:
            passages: Number of passages, if known; two processes annotate large numbers.
            english: Whether the text is English. If it is not, and names are given, only these are marked.

        Raises:
            SettingError: A model cannot be loaded, or marks no entities.
            MissingExtraError: A library is not installed.
        """
        from relscout.text.annotation_cache import Cached
        from relscout.text.gazetteer import WithGazetteer
        from relscout.text.recognisers import Gliner, Recognised, TokenClassifier
        from relscout.text.spacy_pipeline import DEFAULT, NounChunks, SpacyPipeline

        plain = self._plain
        listed = self._names
        if listed is not None and not english and not self._marks_entities_but_names():
            return listed
        foreign = plain.token_classifier is not None or plain.gliner is not None
        pipeline = SpacyPipeline.load(
            plain.spacy or DEFAULT,
            processes=2 if passages is not None and passages >= _MANY else 1,
            needs_entities=listed is None and not foreign and plain.mentions == "entities",
        )
        annotator: Annotator = pipeline
        if plain.token_classifier is not None:
            annotator = Recognised(TokenClassifier.load(plain.token_classifier), sentences=pipeline)
        elif plain.gliner is not None:
            name, _, labels = plain.gliner.rpartition(":")
            types = [label.strip() for label in labels.split(",") if label.strip()]
            if not name or not types:
                raise SettingError(
                    f"--gliner is {plain.gliner!r}; expected MODEL:TYPE,TYPE, such as "
                    "urchade/gliner_small-v2.1:person,company,city"
                )
            annotator = Recognised(Gliner.load(name, types), sentences=pipeline)
        elif plain.mentions == "noun-chunks":
            annotator = NounChunks(pipeline)
        if listed is not None:
            annotator = WithGazetteer(annotator, listed)
        return annotator if self.annotations is None else Cached(annotator, self.annotations)

    @cached_property
    def _names(self) -> Gazetteer | None:
        """The list of names."""
        from relscout.text.gazetteer import Gazetteer, sensitivity

        plain = self._plain
        if plain.gazetteer is None:
            return None
        return Gazetteer.load(plain.gazetteer, **sensitivity(differences(plain.ignore)))

    @property
    def pairing(self) -> Pairing:
        """The rules for pairs of entities of plain text."""
        from relscout.text.pairs import Pairing

        plain = self._plain
        return Pairing(
            directions=plain.directions,
            max_distance=plain.max_distance,
            types=type_pairs(plain.types),
            numbers=plain.numbers,
        )

    def _read(self, path: Path, skipped: Skipped) -> Iterator[RelationInstance]:
        from relscout.io.readers import read

        return read(
            path,
            format=self.format,
            on_error=self.on_error,
            on_skip=skipped,
            labels=self.labels,
            columns=self.column_map,
            relation_names=self.relation_names,
            pairs=self.pairs,
            encoding=self.encoding,
            offsets=self.offsets,
            on_warning=say_note,
        )

    def _of_text(
        self, paths: Sequence[Path], skipped: Skipped, progress: Progress
    ) -> Iterator[RelationInstance]:
        from relscout.text.pairs import mark
        from relscout.text.spacy_pipeline import looks_english

        plain, pairing = self._plain, self.pairing
        listed = list(self._passages(paths, skipped))
        if not listed:
            return
        english = plain.spacy is not None or looks_english(passage.text for passage in listed)
        self.note_language(english=english)
        crowded: list[int] = []

        def note_crowded(_: MarkedSentence, left_out: int) -> None:
            crowded.append(left_out)

        seen: set[tuple[str | None, str | None]] = set()
        for instance in mark(
            _counted(listed, progress),
            annotator=self.annotator(passages=len(listed), english=english),
            pairing=pairing,
            on_crowded=note_crowded,
        ):
            seen.add(instance.type_pair)
            yield instance
        for head, tail in sorted(pairing.types or ()):
            if seen and not seen & {(head, tail), (tail, head)}:
                say_note(f"--types has {head}:{tail}, but no pair has these types")
        if self._names is not None and (why := self._names.unmatched(passage.text for passage in listed)):
            say_note(str(why))
        if crowded:
            say_note(
                f"{counted(len(crowded), 'sentence')} had too many entities, so only nearby ones were paired; "
                f"{counted(sum(crowded), 'pair')} left out"
            )

    def note_language(self, *, english: bool) -> None:
        """Print a note if the pipeline is for another language than that of the text.

        Args:
            english: Whether the text looks English.
        """
        plain = self._plain
        if english or plain.spacy is not None:
            return
        if plain.gazetteer is None or self._marks_entities_but_names():
            say_note(NOT_ENGLISH)

    def rows(
        self, paths: Sequence[Path], skipped: Skipped, *, lost: list[str] | None = None
    ) -> tuple[Iterator[Passage] | Iterator[RelationInstance], Marking | None]:
        """Return what all files hold, in order, and how workers mark the entities of plain text.

        Args:
            paths: The files.
            skipped: Notes invalid records that are skipped.
            lost: Gets the error of each file that cannot be read, which is then left out; ``None`` to raise it.

        Raises:
            InputError: A file cannot be read, or a record in it is wrong.
            SettingError: An option has no effect on these files.
        """
        from relscout.distributed import Marking

        readable = []
        for path in paths:
            try:
                if lost is not None:
                    self.is_plain_text([path])
                readable.append(path)
            except InputError as error:
                if lost is None:
                    raise
                lost.append(str(error))
        if self.is_plain_text(readable):
            # workers keep what they annotated, so they need no other cache
            annotator = partial(_annotator, replace(self, annotations=None))
            marking = Marking(annotator, self.pairing)
            if lost is None:
                return self._passages(readable, skipped), marking
            return _surviving(lambda path: self._passages([path], skipped), readable, lost), marking
        if lost is None:
            return self.instances(readable, skipped), None
        return _surviving(lambda path: self.instances([path], skipped), readable, lost), None

    def _passages(self, paths: Sequence[Path], skipped: Skipped) -> Iterator[Passage]:
        from relscout.text.documents import read_passages

        columns = {name: value for name, value in self.column_map.items() if name in _TEXT_FIELDS}
        return read_passages(
            paths,
            columns=columns or None,
            on_skip=skipped if self.on_error == "skip" else None,
            encoding=self.encoding,
        )

    def _marks_entities(self) -> bool:
        return self._plain.gazetteer is not None or self._marks_entities_but_names()

    def _marks_entities_but_names(self) -> bool:
        plain = self._plain
        return any((plain.spacy, plain.token_classifier, plain.gliner, plain.mentions != "entities"))

    def as_options(self, *, offsets: Offsets) -> str:
        """Return the options with which another command reads the same marked pairs; empty, or after a blank.

        Args:
            offsets: What the offsets of mentions count.
        """
        given = {
            "--format": self.format,
            "--labels": self.labels,
            "--columns": self.columns,
            "--relation-names": self.relation_names,
            "--encoding": self.encoding,
            "--offsets": None if offsets == "characters" else offsets,
        }
        parts = [(option, str(value)) for option, value in given.items() if value is not None]
        return "".join(f" {option} {shlex.quote(value)}" for option, value in parts)

    def _for_marked_pairs(self) -> dict[str, object]:
        return {
            "--format": self.format,
            "--labels": self.labels,
            "--relation-names": self.relation_names,
            "--entity-types": self.entity_types,
            "--pairs all": self.pairs == "all",
            f"--offsets {self.offsets}": self.offsets != "characters",
        }

    def _for_plain_text(self) -> dict[str, object]:
        plain = self._plain
        return {
            "--spacy": plain.spacy,
            "--token-classifier": plain.token_classifier,
            "--gliner": plain.gliner,
            "--gazetteer": plain.gazetteer,
            "--ignore": plain.ignore,
            "--mentions noun-chunks": plain.mentions != "entities",
            "--numbers": plain.numbers,
            "--max-distance": plain.max_distance is not None,
            f"--directions {plain.directions}": plain.directions != "once",
            "--types": plain.types,
        }

    @staticmethod
    def _refuse(options: Mapping[str, object], why: str) -> None:
        for option, given in options.items():
            if given:
                raise SettingError(f"{option} has no effect here: {why}; leave it out")


@dataclass(frozen=True)
class TextReading(Reading):
    """Options of commands that also read plain text."""

    text: PlainText = field(default_factory=PlainText)


#: The options that apply to labelled pairs.
_LABELLED = ("format", "on_error", "labels", "columns", "relation_names", "encoding", "offsets")
LabelledReading = Annotated[Reading, _LABELLED]


def _annotator(reading: Reading, english: bool) -> Annotator:
    """Return the annotator of a worker."""
    return reading.annotator(english=english or (reading.text is not None and reading.text.spacy is not None))


@contextlib.contextmanager
def listed(lost: Sequence[str]) -> Iterator[None]:
    """Print at the end, also if that is an error, what has been left out."""
    try:
        yield
    finally:
        for broken in lost:
            say_note(f"skipped: {broken}")


def _surviving(
    read: Callable[[Path], Iterator[Row]], paths: Sequence[Path], lost: list[str]
) -> Iterator[Row]:
    """Yield what files hold, each as far as it can be read."""
    for path in paths:
        try:
            yield from read(path)
        except InputError as error:
            lost.append(str(error))


def _counted(passages: Sequence[Passage], progress: Progress) -> Iterator[Passage]:
    progress("read text", 0, len(passages))
    for number, passage in enumerate(passages, 1):
        yield passage
        progress("read text", number, len(passages))
