"""How measured quantities are spelled in tables: short, with their units, in the precision that means something."""

from __future__ import annotations

from relscout.metrics import MeanStd

_MINUS = "\N{MINUS SIGN}"


def percent(value: MeanStd) -> str:
    """Spell a score of 0 to 1 in percent: ``49.1 ± 0.4``, or ``49.1`` where its spread is not known."""
    mean = _plain(value.mean * 100)
    return mean if value.std is None else f"{mean} ± {value.std * 100:.1f}"


def rounded(score: float) -> float:
    """Return a score of 0 to 1 in percent, rounded as it is printed."""
    return float(f"{score * 100:.1f}")


def difference(ours: MeanStd, published: float) -> str:
    """Spell ours minus published in points: ``+0.8``, ``−1.2``, ``0.0``.

    Args:
        ours: A score of 0 to 1.
        published: The published score in percent.
    """
    points = _plain(ours.mean * 100 - published)
    return points if points.startswith(_MINUS) or points == "0.0" else f"+{points}"


def as_printed(value: float) -> str:
    """Spell a published figure in percent with the decimals that it was printed with, at least one."""
    text = f"{value:.10g}".replace("-", _MINUS)
    return text if "." in text else f"{text}.0"


def between(values: list[int]) -> str:
    """Spell the range of some counts: ``16``, or ``14–17`` where they differ."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def duration(seconds: float) -> str:
    """Spell a duration in the unit that suits it: ``< 0.1 s``, ``3.2 s``, ``45 s``, ``12.3 min``, ``3.4 h``."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7197:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def memory(mebibytes: float) -> str:
    """Spell a size in memory: ``640 MiB``, ``1.8 GiB``."""
    return f"{mebibytes:.0f} MiB" if mebibytes < 1023.5 else f"{mebibytes / 1024:.1f} GiB"


def parameters(count: int) -> str:
    """Spell a number of parameters: ``22.6 M``, ``110 M``, ``1.3 B``, ``950``."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count}"


def _plain(value: float) -> str:
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", _MINUS)
