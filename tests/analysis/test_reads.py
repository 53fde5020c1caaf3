"""What is said of which figures."""

from __future__ import annotations

import pytest

from relscout.lab.analysis.analyze import describe_reliance, type_findings
from relscout.lab.analysis.figures import Estimate, Figures, FormatFigures, Reliance


def around(value: float, by: float) -> Estimate:
    return Estimate(value, value - by, value + by)


def made(context: float, names: float, majority: float, by: float, **more: Estimate | None) -> Figures:
    """Figures whose intervals reach as far on both sides."""
    formats = {
        format: FormatFigures(around(kept, by), around(kept - majority, by))
        for format, kept in (("OnlyC", context), ("OnlyM", names))
    }
    reliance = Reliance(around(1 - names, by), around(1 - context, by), around(context - names, by), **more)
    return Figures(None, (), formats, FormatFigures(around(majority, by), around(0, 0)), reliance)


@pytest.mark.parametrize(
    ("context", "names", "majority", "by", "says"),
    [
        (0.4, 0.3, 0.1, 0.05, "needs context and names together"),
        (0.48, 0.3, 0.1, 0.05, "was analysed on too few"),  # may be half
        (0.8, 0.6, 0.1, 0.05, "reads mostly the context"),
        (0.6, 0.8, 0.1, 0.05, "reads mostly the names"),
        (0.6, 0.75, 0.1, 0.2, "was analysed on too few"),
        (
            0.71,
            0.8,
            0.1,
            0.04,
            "reads the names more than the context; with these instances it is open whether",
        ),
        (
            0.8,
            0.71,
            0.1,
            0.04,
            "reads the context more than the names; with these instances it is open whether",
        ),
        (0.75, 0.73, 0.1, 0.05, "reads context and names about equally"),
        (0.75, 0.73, 0.1, 0.2, "was analysed on too few"),  # one may be far above the other
        (
            1.0,
            1.0,
            1.0,
            0,
            "reads neither context nor names by itself, as far as its answers show: it nearly",
        ),
        (0.7, 0.7, 0.7, 0.05, "reads neither context nor names by itself, as far as its answers show."),
        (0.7, 0.4, 0.7, 0.05, "reads neither"),  # far above the names, and no reading either
        (0.7, 0.7, 0.7, 0.2, "was analysed on too few"),
        (0.77, 0.7, 0.7, 0.02, "reads something of the context, and nothing measurable of the names"),
    ],
)
def test_what_it_reads(context, names, majority, by, says):
    assert describe_reliance(made(context, names, majority, by), "model").startswith(f"This model {says}")


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.6, 0.8, "Types are most of"),
        (0.2, 0.4, "Types are part of"),
        (0.4, 0.6, "Types are part or most of"),
        (0.1, 0.4, "Types are part at most of"),
        (-0.1, 0.1, "Types are hardly any of"),
        (0.1, 0.6, "There are too few instances to see how much of"),
    ],
)
def test_what_types_are_of_names(low, high, says):
    back = Estimate((low + high) / 2, low, high)
    figures = made(
        0.7, 0.7, 0.1, 0.05, types=around(0.1, 0.05), types_back=back, names_by_types=around(0.5, 0.1)
    )
    (told,) = type_findings(figures)
    assert told.startswith(f"{says} what names add to the context")
    assert "names alone keep, types alone keep 50" in told
    (told,) = type_findings(made(0.7, 0.3, 0.3, 0.05, types=around(0.1, 0.05), types_back=back))
    assert "names alone keep no more than its most frequent relation does" in told


def test_names_that_matter_little_beside_the_context_may_tell_much_alone():
    types = {"types": around(0, 0), "types_back": None}
    assert list(type_findings(made(0.99, 0.1, 0.1, 0.01, **types))) == [
        "Neither names nor types matter much to it."
    ]
    (told,) = type_findings(made(0.99, 0.9, 0.1, 0.01, **types))
    assert told.endswith("but names alone are informative.")
    assert list(type_findings(made(0.99, 0.9, 0.1, 0.01))) == []
