"""Texts with markers around the entities: the text without them, and where everything lies in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise

from relscout.errors import InputError


class Markup:
    """A marked text and the parts of it that are markers.

    Args:
        marked: The text with its markers.
        markers: ``(start, end)`` of every marker in ``marked``, with the blanks that belong to it.

    Raises:
        InputError: Two markers overlap.
    """

    def __init__(self, marked: str, markers: Iterable[tuple[int, int]]) -> None:
        cuts = sorted(markers)
        for (_, end), (start, _) in pairwise(cuts):
            if start < end:
                raise InputError(f"two markers share characters at {marked[start:end]!r}, character {start}")
        edges = [0, *(edge for cut in cuts for edge in cut), len(marked)]
        self.text = "".join(marked[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
        self._ends = [end for _, end in cuts]
        self._removed = [0, *accumulate(end - start for start, end in cuts)]

    def offset(self, position: int) -> int:
        """Return where a position of the marked text, itself not inside a marker, lies in :attr:`text`."""
        return position - self._removed[bisect_right(self._ends, position)]
