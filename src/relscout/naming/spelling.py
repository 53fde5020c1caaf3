"""How a phrase is written: the form of its words that its instances use most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from relscout.naming.ngrams import Gram, Runs
from relscout.naming.runs import GAP, NO_GAP
from relscout.naming.words import group, join


def grouped(runs: Runs) -> Runs:
    """Replace every word of the runs by the key of its forms."""
    return [(place, [GAP if word == NO_GAP else group(word) for word in words]) for place, words in runs]


def spell(instances: Sequence[Runs], wanted: set[Gram]) -> dict[Gram, str]:
    """Return the most frequent form of every wanted n-gram; forms of a single word count wherever they stand."""
    lengths = sorted({len(gram) - 1 for gram in wanted})
    singles: dict[str | int, list[Gram]] = defaultdict(list)
    for gram in wanted:
        if len(gram) == 2:
            singles[gram[1]].append(gram)
    forms: dict[Gram, Counter[str]] = defaultdict(Counter)
    for runs in instances:
        for (place, words), (_, keys) in zip(runs, grouped(runs), strict=True):
            for length in lengths:
                for at in range(len(keys) - length + 1):
                    here: Gram = (place, *keys[at : at + length])
                    for gram in singles[keys[at]] if length == 1 else [here] if here in wanted else []:
                        forms[gram][join([word for word in words[at : at + length] if word])] += 1
    return {
        gram: min(counts, key=lambda form: (-counts[form], GAP in form, form))
        for gram, counts in forms.items()
    }
