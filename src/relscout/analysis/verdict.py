"""What the figures mean, in plain words, by rules that are written down.

The rules, with the answers of C+M as "its answers". Nothing is said of a figure whose interval leaves it open: there
are too few instances to tell, then.

*What it reads.* Context alone (OnlyC) keeps c of the answers, names alone (OnlyM) keep n, and always giving the
commonest answer keeps m. It *needs both* where neither keeps half of the answers, with intervals below that. It *reads
neither* where neither is shown to keep more than m, nor .10 more than m is possible. Else it reads *mostly the context*
where c is above m, and c - n at least .10 with an interval above 0, *mostly the names* in the reverse case, and both
*about equally* where both are above m and the interval of c - n lies within ±.10. *Above* is said of intervals of
paired differences.

*What the names tell.* Types are *most* of what is lost without names where telling them brings back at least half of
it, *part* from 15 %, and *hardly any* below; an interval that reaches over a border names both. Where surely no more
than 5 % is lost, names hardly matter beside the context; nor at all, where names alone are not shown to keep more
than m.

*The order of the paper*, C+M ≈ C+T > OnlyC > OnlyM > OnlyT (TACRED, its Table 1), is looked for in the scores of a
classifier, see :mod:`relscout.analysis.order`; not in B³ of a run.

*Beware* of data whose names give the relations away: names alone score .10 more than always giving the commonest
relation, and their interval lies above that; and of names that mislead: more is right without them than with them, by
at least 1 % of the instances, and the interval of that lies above 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relscout.analysis.answers import Answers
from relscout.analysis.estimates import percent
from relscout.analysis.figures import Figures, FormatFigures
from relscout.analysis.formats import names_again
from relscout.analysis.reads import CLEAR, reads, types_tell
from relscout.analysis.relations import Flip
from relscout.wording import counted

#: How much more must be right without names, as a share of the instances, for names that mislead to be worth a word.
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
    """Put the figures into words. Whatever the figures are, something is said, and nothing is raised.

    Args:
        figures: The figures of the answers, shares in [0, 1].
        answers: The answers that they were made of, to at least one instance.
        flips: Instances whose answer is another one in OnlyC, of these answers.
        noun: What the model is called, such as ``"model"`` or ``"run"``.
        marking: Marking scheme of its encoder; ``None`` where it has none.
    """
    says = [reads(figures, noun), *types_tell(figures), *_order(figures)]
    beware = tuple(_beware(figures, answers, flips, noun, marking))
    return Verdict(tuple(says), beware, tuple(_notes(answers)))


def _order(figures: Figures) -> Iterator[str]:
    if figures.order is not None:
        yield (
            f"{figures.order.sentence()} This compares one model on inputs of kinds that it was not trained on; "
            "the paper trained one model per format, as --train does."
        )


def _beware(
    figures: Figures, answers: Answers, flips: list[Flip], noun: str, marking: str | None
) -> Iterator[str]:
    n = len(answers.instances)
    if marking in _HIDDEN:
        yield f"The {noun} hides {_HIDDEN[marking]} itself (marking {marking}), so hiding that changes nothing."
    yield from _given_away(figures.formats["OnlyM"], figures)
    misled = figures.reliance.misled
    if misled is not None and misled.low > 0 and misled.value >= _MISLED:
        gained, lost = (sum(one.kind == kind for one in flips) for kind in ("gained", "lost"))
        yield (
            f"{counted(gained, 'instance')} ({percent(gained / n)}) {'is' if gained == 1 else 'are'} right without "
            f"names only, and {lost:,} ({percent(lost / n)}) with names only: on the whole, names mislead it."
        )
    if n < _FEW:
        yield f"These are only {counted(n, 'instance')}: look at the intervals."


def _notes(answers: Answers) -> Iterator[str]:
    n = len(answers.instances)
    yield _blanks(answers)
    if "C+T" not in answers.given:
        yield "The data has no entity types, so C+T and OnlyT are left out; --entity-types adds them with spaCy."
    elif answers.n_typed < n:
        yield (
            f"{answers.n_typed:,} of {counted(n, 'instance')} have both entity types; for an unknown type, C+T and "
            "OnlyT show “entity”."
        )
    again = sum(map(names_again, answers.instances))
    if again:
        yield (
            f"{counted(again, 'sentence')} ({percent(again / n)}) "
            f"{'names' if again == 1 else 'name'} an entity again outside of its mention, which OnlyC shows, as in "
            "the paper."
        )


def _blanks(answers: Answers) -> str:
    """Return which words stood for the names, and what the others that were tried would have kept."""
    (head, tail), n = answers.blanks, len(answers.instances)
    others = "; ".join(
        f"with “{one}” and “{other}” it keeps {percent(kept / n)}"
        for (one, other), kept in answers.tried.items()
        if (one, other) != answers.blanks
    )
    return (
        f"OnlyC shows “{head}” and “{tail}” in place of the names: of the words that were tried, those that change the "
        f"fewest answers of every second instance ({others}). A model that was not trained on such inputs may still "
        "fail on them."
    )


def _given_away(names: FormatFigures, figures: Figures) -> Iterator[str]:
    nothing = figures.nothing.score
    if names.score is None or nothing is None:
        return
    if names.score.value - nothing.value >= CLEAR and names.score.low > nothing.value:
        yield (
            f"Names alone score {names.score.value:.3f} where reading nothing scores {nothing.value:.3f}: in this "
            "data they give relations away, so a good score does not show that the context is understood."
        )
