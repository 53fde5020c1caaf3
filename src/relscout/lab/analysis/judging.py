"""Judging sheets for mistakes without names (Peng et al. 2020, section 2.4 and table 3).

The mistakes that a classifier makes on the context alone, and not with names, are sampled and written to a table.
People judge each of them; :func:`read_sheet` returns the shares.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from relscout.core.errors import InputError, RecordError
from relscout.core.files import lines
from relscout.core.instances import RelationInstance
from relscout.core.seeding import generator
from relscout.io.writers.textfile import text_file
from relscout.lab.analysis.formats import rewritten, same
from relscout.lab.analysis.table_one import TableOne

#: Judgement → its meaning (table 3). Mislabelled sentences count in no share, as in the paper.
JUDGEMENTS: dict[str, str] = {
    "wrong": "the context shows the relation clearly, and the classifier misunderstood it",
    "no pattern": "without names, people cannot tell the relation either",
    "confusing": "without names, the sentence is ambiguous, such as between a city and a country",
    "mislabelled": "the gold relation is wrong",
}
COLUMNS = ("judgement", "context", "sentence", "gold", "with_names", "without_names", "id")
#: Share of the mistakes in a sheet (paper: 10 %), and the number below which all of them are.
_SHARE, _LEAST = 0.1, 50


def sheet(
    table: TableOne, instances: Sequence[RelationInstance], row: str, *, seed: int = 0
) -> list[dict[str, str]]:
    """Return the rows of a judging sheet: a sample of the mistakes of OnlyC that C+M does not make.

    A tenth of them is drawn, as in the paper, but at least 50 if there are as many. They are those of the first seed
    of the table.

    Args:
        table: Classifiers that were trained in each format.
        instances: The N test instances of the table.
        row: Row of the table.
        seed: Random seed of the sample and its order.

    Raises:
        InputError: C+M makes every mistake of OnlyC.
    """
    with_names, without = (list(table.predicted[row][format][0]) for format in ("C+M", "OnlyC"))
    mistakes = np.flatnonzero(same(with_names, table.gold) & ~same(without, table.gold))
    if not len(mistakes):
        raise InputError(f"{row} makes no mistake on the context alone that it does not make with names")
    count = min(max(ceil(_SHARE * len(mistakes)), _LEAST), len(mistakes))
    chosen = generator(seed, "judging").permutation(mistakes)[:count]
    return [
        {
            "judgement": "",
            "context": rewritten(instances[place], "OnlyC", blanks=("[SUBJ]", "[OBJ]")).text,
            "sentence": instances[place].text,
            "gold": table.gold[place],
            "with_names": with_names[place],
            "without_names": without[place],
            "id": instances[place].id,
        }
        for place in chosen.tolist()
    ]


def write_sheet(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a sheet as a table with tabs, whose first column is to be filled with keys of :data:`JUDGEMENTS`.

    Raises:
        OutputError: The file cannot be written.
    """
    with text_file(path) as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writeheader()
        writer.writerows({name: " ".join(str(row[name]).split()) for name in COLUMNS} for row in rows)


@dataclass(frozen=True)
class Judged:
    """The judgements of a sheet.

    Args:
        counts: Judgement → number of sentences.
        unjudged: Number of sentences without a judgement.
    """

    counts: Mapping[str, int]
    unjudged: int

    @property
    def shares(self) -> dict[str, float]:
        """Share of each judgement but ``mislabelled`` among those, in [0, 1]; empty if there are none."""
        counted = {name: self.counts[name] for name in JUDGEMENTS if name != "mislabelled"}
        total = sum(counted.values())
        return {name: count / total for name, count in counted.items()} if total else {}

    def as_dict(self) -> dict[str, Any]:
        """Return counts and shares as JSON values."""
        return {"counts": dict(self.counts), "shares": self.shares, "unjudged": self.unjudged}


def read_sheet(path: Path) -> Judged:
    """Return the judgements of a sheet that people have filled.

    Raises:
        RecordError: A judgement is none of :data:`JUDGEMENTS`.
        InputError: The file is no sheet, or cannot be read.
    """
    numbered = iter(lines(path))
    header = next(numbered, (1, ""))[1].split("\t")
    if "judgement" not in header:
        raise InputError(
            f"{path}: the first line has no column 'judgement'; expected a sheet that 'relscout lab analyze --sheet' "
            "wrote"
        )
    column = header.index("judgement")
    counts: Counter[str] = Counter(dict.fromkeys(JUDGEMENTS, 0))
    unjudged = 0
    for number, line in numbered:
        cells = line.split("\t")
        judgement = " ".join(cells[column].split()).lower() if column < len(cells) else ""
        if not judgement:
            unjudged += 1
        elif judgement in JUDGEMENTS:
            counts[judgement] += 1
        else:
            expected = ", ".join(JUDGEMENTS)
            raise RecordError(
                path, f"line {number}", f"the judgement is {judgement!r}; expected one of: {expected}"
            )
    return Judged(dict(counts), unjudged)
