"""What a model reads, and what the names tell it, in words; the rules are in :mod:`relscout.analysis.verdict`.

Nothing is said of a figure whose interval leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterator

from relscout.analysis.estimates import Estimate, in_words, percent
from relscout.analysis.figures import Figures

#: Difference of shares that is worth a word.
CLEAR = 0.10
#: Share of the answers; what surely changes no more of them hardly matters.
_HARDLY = 0.05
_MOST, _PART = 0.5, 0.15
#: Where reading nothing keeps so much, nearly every answer is the same.
_ALL_THE_SAME = 0.9


def reads(figures: Figures, noun: str) -> str:
    """Return what the model reads, with the figures.

    Args:
        figures: The figures.
        noun: What the model is called, such as ``"model"`` or ``"run"``.
    """
    context, names = (figures.formats[format].kept for format in ("OnlyC", "OnlyM"))
    return (
        f"This {noun} {_what(figures)}. With the context alone it keeps {in_words(context)} of its answers, with the "
        f"names alone {in_words(names)}; always returning its most frequent relation would keep "
        f"{percent(figures.nothing.kept.value)}."
    )


def _what(figures: Figures) -> str:
    context, names = figures.formats["OnlyC"], figures.formats["OnlyM"]
    nothing, lead = figures.nothing.kept.value, figures.reliance.lead
    open_ = "was analysed on too few instances to see what it reads most"
    if max(context.kept.value, names.kept.value) < _MOST:
        return (
            "needs context and names together" if max(context.kept.high, names.kept.high) < _MOST else open_
        )
    by_context, by_names = context.above_nothing.low > 0, names.above_nothing.low > 0
    if not by_context and not by_names:
        if max(context.above_nothing.high, names.above_nothing.high) >= CLEAR:
            return open_
        return "reads neither context nor names by itself, as far as its answers show" + (
            ": it nearly always returns the same relation" if nothing >= _ALL_THE_SAME else ""
        )
    if by_context and lead.value >= CLEAR and lead.low > 0:
        return "reads mostly the context"
    if by_names and lead.value <= -CLEAR and lead.high < 0:
        return "reads mostly the names"
    if max(-lead.low, lead.high) >= CLEAR:
        # which is ahead may be sure where it is not sure that it is far ahead
        if by_context and lead.low > 0:
            return (
                "reads the context more than the names; with these instances it is open whether clearly more"
            )
        if by_names and lead.high < 0:
            return (
                "reads the names more than the context; with these instances it is open whether clearly more"
            )
        return open_
    if by_context and by_names:
        return "reads context and names about equally"
    some, other = ("context", "names") if by_context else ("names", "context")
    return f"reads something of the {some}, and nothing measurable of the {other}"


def types_tell(figures: Figures) -> Iterator[str]:
    """Yield what of that which the names tell are types; nothing without types."""
    reliance, names = figures.reliance, figures.formats["OnlyM"]
    if reliance.types is None:
        return
    alone = names.above_nothing.low > 0
    if reliance.types_back is None or reliance.mentions.high <= _HARDLY:
        if alone:
            yield "Given the context, neither names nor types matter much to it, but names alone are informative."
        else:
            yield "Neither names nor types matter much to it."
        return
    sentence = (
        f"{_part(reliance.types_back)}: without names {in_words(reliance.mentions)} of its answers change, and types "
        f"in their place restore {in_words(reliance.types_back)} of these, on balance"
    )
    if not alone:
        sentence += "; names alone keep no more than its most frequent relation does"
    elif reliance.names_by_types is not None:
        sentence += f"; of those that names alone keep, types alone keep {in_words(reliance.names_by_types)}"
    yield f"{sentence}."


def _part(back: Estimate) -> str:
    low, high = ((value >= _PART) + (value >= _MOST) for value in (back.low, back.high))
    if low == 0 and high == 2:
        return "There are too few instances to see how much of what names add to the context is due to types"
    which = {
        (0, 0): "hardly any",
        (1, 1): "part",
        (2, 2): "most",
        (0, 1): "part at most",
        (1, 2): "part or most",
    }[low, high]
    return f"Types are {which} of what names add to the context"
