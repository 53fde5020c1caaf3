"""A table before it has a format: what stands in its cells, and what is said above and below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What stands where there is nothing to say.
NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table; plain text, which a format escapes."""

    text: str = NOTHING
    """The text, on one line."""
    bold: bool = False
    """Whether it stands out, as the best of its column."""
    mark: str = ""
    """Letters of the notes that belong to it, joined by commas."""


@dataclass(frozen=True)
class Column:
    """A column: its title and how it is aligned."""

    title: str
    """What stands above it."""
    numeric: bool = True
    """Numbers are aligned to the right, texts to the left."""


@dataclass(frozen=True)
class Note:
    """A line below a table."""

    text: str
    """What it says."""
    mark: str = ""
    """The letter that leads to it from the cells; none where it is about the whole table."""


Row = Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """A table: a title, a caption, columns, and rows in blocks that belong together."""

    name: str
    """A short name without spaces, which documents can refer to."""
    title: str
    """What the table is, in a few words."""
    caption: str
    """What a reader has to know to read the figures."""
    columns: Sequence[Column]
    """The columns."""
    blocks: Sequence[Sequence[Row]]
    """The rows; each has a cell for every column."""
    notes: Sequence[Note] = ()
    """What is said below."""

    @property
    def rows(self) -> list[Row]:
        """All rows in order."""
        return [row for block in self.blocks for row in block]
