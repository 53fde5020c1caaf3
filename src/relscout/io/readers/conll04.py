"""The corpus of CoNLL04 as tables of tokens: Roth and Yih's own files, and those of multi-head models.

Roth and Yih, *A Linear Programming Formulation for Global Inference in Natural Language Tasks*, CoNLL 2004; Bekoulis et
al., *Joint Entity Recognition and Relation Extraction as a Multi-Head Selection Problem*, 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.source import Source, attempt, shorten
from relscout.io.readers.tokens import TokenText

DESCRIPTION = (
    "CoNLL04: a table of tokens with entity types, and lines (head, tail, relation) after each sentence"
)

#: Spellings of characters in Roth and Yih's files that would clash with columns and brackets.
_SPELLED = {"COMMA": ",", "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}
_WIDTH, _MULTI_HEAD_WIDTH, _RELATION_WIDTH = 9, 5, 3

#: A row or relation with the number of its line.
_Line = tuple[int, list[str]]


def sniff(source: Source) -> bool:
    """Return whether the first lines are rows of one of the two tables."""
    lines = [line.rstrip("\r") for line in source.sample_text.split("\n") if line.strip()][:2]
    if not lines:
        return False
    if lines[0].startswith("#doc"):
        return len(lines) == 2 and _is_multi_head(lines[1].split("\t"))
    return _is_row(lines[0].split("\t"))


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation; the text is the tokens of the sentence joined by single blanks.

    Relations name the rows of their ends, counted from 0. In Roth and Yih's files, a row is a whole entity (its words
    joined by slashes, which become blanks). In those of multi-head models, entities have B- and I- tags, and a relation
    stands in the row of the last word of its head.
    """
    rows: list[_Line] = []
    relations: list[_Line] = []
    for number, line in source.decoded_lines():
        if isinstance(line, RecordError):
            yield line
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if line.startswith("#doc"):
            yield from _sentence(source, rows, relations)
            rows, relations = [], []
        elif _is_row(cells) or _is_multi_head(cells):
            first = cells[2] if len(cells) == _WIDTH else cells[0]
            if rows and (first == "0" or len(cells) != len(rows[0][1])):
                yield from _sentence(source, rows, relations)
                rows, relations = [], []
            rows.append((number, cells))
        elif len(cells) == _RELATION_WIDTH:
            relations.append((number, cells))
        else:
            reason = f"expected a row of {_WIDTH} cells, or a relation 'head, tail, type' of 3, got {shorten(line)}"
            yield source.error(f"line {number}", reason)
    yield from _sentence(source, rows, relations)


def _is_row(cells: list[str]) -> bool:
    return len(cells) == _WIDTH and _is_number(cells[0]) and _is_number(cells[2])


def _is_multi_head(cells: list[str]) -> bool:
    return len(cells) == _MULTI_HEAD_WIDTH and _is_number(cells[0]) and cells[3].strip().startswith("[")


def _is_number(cell: str) -> bool:
    cell = cell.strip()
    return cell.isascii() and cell.isdigit() and len(cell) < 10


def _sentence(
    source: Source, rows: list[_Line], relations: list[_Line]
) -> Iterator[RelationInstance | RecordError]:
    if not rows:
        for number, _ in relations:
            yield source.error(f"line {number}", "the relation stands before any sentence")
        return
    if len(rows[0][1]) == _WIDTH:
        words = [_words(cells[5], cells[4]) for _, cells in rows]
        spans = {row: (row, row + 1, cells[1]) for row, (_, cells) in enumerate(rows) if cells[1] != "O"}
        named = [(number, cells) for number, cells in relations]
    else:
        words = [cells[1] for _, cells in rows]
        spans = _tagged([cells[2] for _, cells in rows])
        named = list(relations)
        for row, (number, cells) in enumerate(rows):
            names, tails = _items(cells[3]), _items(cells[4])
            if len(names) != len(tails):
                yield source.error(f"line {number}", f"{len(names)} relations, but {len(tails)} tails")
                continue
            named += [
                (number, [str(row), *pair]) for pair in zip(tails, names, strict=True) if pair[1] != "N"
            ]
    try:
        tokens = TokenText([word or "_" for word in words])
    except InputError as error:
        yield source.error(f"line {rows[0][0]}", error)
        return
    for number, cells in named:
        yield attempt(source, f"line {number}", cells, partial(_instance, tokens, spans))


def _words(joined: str, tags: str) -> str:
    # a slash joins words if it joins as many tags; otherwise it is a slash
    if "/" in joined and joined.count("/") == tags.count("/"):
        return " ".join(_SPELLED.get(word, word) for word in joined.split("/") if word)
    return _SPELLED.get(joined, joined)


def _items(cell: str) -> list[str]:
    return [item.strip().strip("'\"") for item in cell.strip().strip("[]").split(",") if item.strip()]


def _tagged(tags: list[str]) -> dict[int, tuple[int, int, str]]:
    """Return the row of the last word of each entity → its ``(start, end, type)``."""
    spans = {}
    start = 0
    for row, (tag, after) in enumerate(pairwise([*tags, "O"])):
        kind = tag[2:]
        if tag.startswith("B-") or (tag.startswith("I-") and (row == 0 or tags[row - 1][2:] != kind)):
            start = row
        if tag != "O" and after != f"I-{kind}":
            spans[row] = (start, row + 1, kind)
    return spans


def _instance(
    tokens: TokenText, spans: dict[int, tuple[int, int, str]], relation: list[str], provenance: str
) -> RelationInstance:
    head, tail = (
        _mention(role, tokens, spans, cell) for role, cell in zip(("head", "tail"), relation, strict=False)
    )
    if not relation[2]:
        raise InputError("the relation has no type")
    return RelationInstance(tokens.text, head, tail, relation[2], source=provenance)


def _mention(role: str, tokens: TokenText, spans: dict[int, tuple[int, int, str]], cell: str) -> Mention:
    if not _is_number(cell) or int(cell) not in spans:
        raise InputError(f"the {role} is {shorten(cell)}, expected the row of an entity, counted from 0")
    start, end, kind = spans[int(cell)]
    return tokens.mention(role, start, end, type=kind or None)
