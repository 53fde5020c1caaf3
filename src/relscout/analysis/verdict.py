"""What the figures mean, in plain words, by rules that are written down.

The rules, with the answers of C+M as "its answers":

*What it reads.* Context alone (OnlyC) keeps c of the answers, names alone (OnlyM) keep n. It *needs both* where neither
keeps half of the answers; else it reads *mostly the context* where c - n is at least .10 and its interval lies above 0,
and *mostly the names* in the reverse case. What is left reads both *about equally*, or there are too few instances to
tell.

*What the names tell.* Types are *most* of what is lost without names where telling them brings back at least half of
it, *part* from 15 %, and *hardly any* below.

*The order of the paper*, C+M ≈ C+T > OnlyC > OnlyM > OnlyT (TACRED, its Table 1), is looked for in the scores: ≈ within
.02, or with intervals that overlap.

*Beware* of data whose names give the relations away: names alone score .10 more than always giving the commonest
relation, and their interval lies above that; and of names that mislead: at least 1 % of the instances are right without
them only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from relscout.analysis.answers import Answers
from relscout.analysis.estimates import Estimate
from relscout.analysis.figures import Figures, FormatFigures
from relscout.analysis.formats import FORMATS, names_again
from relscout.analysis.relations import Flip
from relscout.wording import counted

#: Difference of shares that is worth a word.
_CLEAR = 0.10
#: Scores that differ by no more count as equal.
_EQUAL = 0.02
_MOST, _PART = 0.5, 0.15
#: Share of the instances that are right without names only, from which they are worth a word.
_MISLED = 0.01
#: Fewer instances give wide intervals.
_FEW = 100
#: What a marking scheme of the model itself hides.
_HIDDEN = {
    "C+T": "names",
    "OnlyC": "names and types",
    "OnlyM": "the context",
    "OnlyT": "names and the context",
}
#: No break in "91 %".
_SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Verdict:
    """What the figures mean.

    Args:
        says: Sentences, the most important first.
        beware: What must be known before they are believed.
        notes: How the inputs were made.
    """

    says: tuple[str, ...]
    beware: tuple[str, ...]
    notes: tuple[str, ...]


def verdict(
    figures: Figures, answers: Answers, flips: list[Flip], *, noun: str, marking: str | None
) -> Verdict:
    """Put the figures into words.

    Args:
        figures: The figures.
        answers: The answers that they were made of.
        flips: Instances whose answer is another one in OnlyC.
        noun: What the model is called, such as ``"model"`` or ``"run"``.
        marking: Marking scheme of its encoder; ``None`` where it has none.
    """
    says = [_reads(figures, noun), *_types(figures), *_order(figures)]
    beware = tuple(_beware(figures, answers, flips, noun, marking))
    return Verdict(tuple(says), beware, tuple(_notes(answers)))


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.0f}{_SPACE}%"


def _reads(figures: Figures, noun: str) -> str:
    context, names = (figures.formats[format].kept for format in ("OnlyC", "OnlyM"))
    lead = figures.reliance.lead
    if max(context.value, names.value) < _MOST:
        what = "needs context and names together"
    elif lead.value >= _CLEAR and lead.low > 0:
        what = "reads mostly the context"
    elif lead.value <= -_CLEAR and lead.high < 0:
        what = "reads mostly the names"
    elif abs(lead.value) < _CLEAR:
        what = "reads context and names about equally"
    else:
        what = "reads context and names, and these instances are too few to tell which more"
    return (
        f"This {noun} {what}. With the context alone it keeps {_told(context)} of its answers, with the names alone "
        f"{_told(names)}; always giving its commonest relation would keep {percent(figures.nothing.kept.value)}."
    )


def _told(share: Estimate) -> str:
    return f"{percent(share.value)} (95{_SPACE}%:{_SPACE}{100 * share.low:.0f}–{100 * share.high:.0f})"


def _types(figures: Figures) -> Iterator[str]:
    reliance = figures.reliance
    if reliance.types is None or reliance.names is None:
        return
    if reliance.mentions.value <= _EQUAL:
        yield "Names hardly matter to it, nor do types."
        return
    back = max(reliance.types.value / reliance.mentions.value, 0.0)
    which = "most" if back >= _MOST else "part" if back >= _PART else "hardly any"
    sentence = (
        f"Types are {which} of what the names tell it: of the {percent(reliance.mentions.value)} of its answers that "
        f"change without names, {percent(back)} come back when the types are told instead"
    )
    if reliance.names_by_types is not None:
        sentence += (
            f"; of those that names alone keep, types alone keep {percent(reliance.names_by_types.value)}"
        )
    yield f"{sentence}."


def _order(figures: Figures) -> Iterator[str]:
    if figures.score is None:
        return
    scores = {format: one.score for format, one in figures.formats.items() if one.score is not None}
    wanted = [format for format in FORMATS if format in scores]
    expected = " > ".join(wanted).replace("C+M > C+T", "C+M ≈ C+T")
    wrong = list(_out_of_order(scores, wanted))
    if not wrong:
        yield f"Its scores stand in the order that the paper found on TACRED: {expected}."
        return
    told = "; ".join(
        f"{one} {scores[one].value:.3f}, {other} {scores[other].value:.3f}" for one, other in wrong
    )
    yield f"Its scores do not stand in the order that the paper found on TACRED ({expected}): {told}."


def _out_of_order(scores: Mapping[str, Estimate], wanted: list[str]) -> Iterator[tuple[str, str]]:
    for first, second in pairwise(wanted):
        higher, lower = scores[first], scores[second]
        if (first, second) == ("C+M", "C+T"):
            apart = abs(higher.value - lower.value) > _EQUAL
            if apart and (higher.low > lower.high or lower.low > higher.high):
                yield first, second
        elif higher.value <= lower.value:
            yield first, second


def _beware(
    figures: Figures, answers: Answers, flips: list[Flip], noun: str, marking: str | None
) -> Iterator[str]:
    n = len(answers.instances)
    if marking in _HIDDEN:
        yield f"The {noun} hides {_HIDDEN[marking]} itself (marking {marking}), so hiding that changes nothing."
    yield from _given_away(figures.formats["OnlyM"], figures)
    gained = sum(one.kind == "gained" for one in flips)
    if gained >= _MISLED * n:
        yield (
            f"{counted(gained, 'instance')} ({percent(gained / n)}) "
            f"{'is' if gained == 1 else 'are'} right without names only: there, names mislead it."
        )
    if n < _FEW:
        yield f"These are only {counted(n, 'instance')}: look at the intervals."


def _notes(answers: Answers) -> Iterator[str]:
    n = len(answers.instances)
    head, tail = answers.blanks
    yield (
        f"OnlyC shows “{head}” and “{tail}” in place of the names: of the words that were tried, those that change the "
        "fewest answers. A model that was not trained on such inputs may stumble over them all the same."
    )
    if "C+T" not in answers.given:
        yield "The data name no entity types, so C+T and OnlyT are left out; --entity-types has spaCy add them."
    elif answers.n_typed < n:
        yield (
            f"{answers.n_typed:,} of {counted(n, 'instance')} name both entity types; where one is not known, C+T and "
            "OnlyT show “entity”."
        )
    again = sum(map(names_again, answers.instances))
    if again:
        yield (
            f"{counted(again, 'sentence')} ({percent(again / n)}) "
            f"{'names' if again == 1 else 'name'} an entity once more outside of its mention, which OnlyC shows, as in "
            "the paper."
        )


def _given_away(names: FormatFigures, figures: Figures) -> Iterator[str]:
    nothing = figures.nothing.score
    if names.score is None or nothing is None:
        return
    if names.score.value - nothing.value >= _CLEAR and names.score.low > nothing.value:
        yield (
            f"Names alone score {names.score.value:.3f} where nothing read scores {nothing.value:.3f}: in these data "
            "they give relations away, and a good score does not show that the context is understood."
        )
