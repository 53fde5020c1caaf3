"""How the input of a command is read: what its options mean together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from relscout.cli.options import assignments_of, type_pairs
from relscout.cli.screen import Skipped
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance


@dataclass(frozen=True)
class Reading:
    """The options about the input; see :mod:`relscout.cli.options` for each.

    Raises:
        SettingError: An option is malformed, or two of them contradict each other.
        UnknownNameError: There is no format of that name.
    """

    format: str | None = None
    on_error: Literal["raise", "skip"] = "raise"
    labels: Path | None = None
    columns: str | None = None
    relation_names: Path | None = None
    entity_types: str | None = None
    spacy: str | None = None
    gazetteer: Path | None = None
    max_distance: int | None = None
    directions: Literal["both", "forward"] = "both"
    types: str | None = None

    def __post_init__(self) -> None:
        from relscout.readers import reader

        if self.spacy is not None and self.gazetteer is not None:
            raise SettingError("--spacy and --gazetteer are two ways to mark plain text; give one of them")
        if self.format is not None:
            reader(self.format)
        _ = self.column_map
        type_pairs(self.types)
        foreign, why = self._of_marked_files(), "it is for files with marked entities; leave it out"
        if not self.marks_plain_text:
            foreign, why = self._of_plain_text(), "it is for plain text; give --spacy or --gazetteer too"
        for option, given in foreign.items():
            if given:
                raise SettingError(f"{option} has no effect here: {why}")

    @property
    def marks_plain_text(self) -> bool:
        """Whether the input is plain text, in which entities are yet to be marked."""
        return self.spacy is not None or self.gazetteer is not None

    @property
    def column_map(self) -> dict[str, str]:
        """Our field name → the table's column name."""
        return assignments_of(self.columns, "--columns")

    def instances(self, paths: Sequence[Path], skipped: Skipped) -> Iterator[RelationInstance]:
        """Yield the instances of all files, in order: read, or marked in plain text where a way to mark is given.

        Raises:
            InputError: A file cannot be read, or a record in it is wrong.
        """
        if self.marks_plain_text:
            return self._marked(paths)
        read = chain.from_iterable(self._read(path, skipped) for path in paths)
        if self.entity_types is None:
            return read
        from relscout.text.spacy_pipeline import SpacyPipeline
        from relscout.text.typing import with_types

        return with_types(read, SpacyPipeline.load(self.entity_types).nlp)

    def beside(self, paths: Sequence[Path], skipped: Skipped) -> Iterator[RelationInstance]:
        """Yield the instances of files that stand beside the input, as of a test set.

        Their format is recognised whatever that of the input is; the columns of a table are called as the input's.

        Raises:
            InputError: A file cannot be read, or a record in it is wrong.
        """
        from relscout.readers import ONLY_FOR, read, recognise
        from relscout.readers.source import Source

        for path in paths:
            columns = self.column_map
            if columns and recognise(Source(path, None, columns)) not in ONLY_FOR["columns"]:
                columns = {}
            yield from read(path, on_error=self.on_error, on_skip=skipped, columns=columns)

    def _read(self, path: Path, skipped: Skipped) -> Iterator[RelationInstance]:
        from relscout.readers import read

        return read(
            path,
            format=self.format,
            on_error=self.on_error,
            on_skip=skipped,
            labels=self.labels,
            columns=self.column_map,
            relation_names=self.relation_names,
        )

    def _marked(self, paths: Sequence[Path]) -> Iterator[RelationInstance]:
        from relscout.text import mark_files
        from relscout.text.gazetteer import Gazetteer
        from relscout.text.pairs import Pairing
        from relscout.text.spacy_pipeline import SpacyPipeline

        for path in paths:
            if path.is_dir():
                raise InputError(f"{path}: is a folder; name the text files in it")
        pairing = Pairing(
            directions=self.directions, max_distance=self.max_distance, types=type_pairs(self.types)
        )
        annotator: Any = (
            SpacyPipeline.load(self.spacy or "") if self.gazetteer is None else Gazetteer.load(self.gazetteer)
        )
        return mark_files(paths, annotator=annotator, pairing=pairing)

    def _of_marked_files(self) -> dict[str, object]:
        return {
            "--format": self.format,
            "--on-error skip": self.on_error == "skip",
            "--labels": self.labels,
            "--columns": self.columns,
            "--relation-names": self.relation_names,
            "--entity-types": self.entity_types,
        }

    def _of_plain_text(self) -> dict[str, object]:
        return {
            "--max-distance": self.max_distance is not None,
            "--directions forward": self.directions == "forward",
            "--types": self.types,
        }
