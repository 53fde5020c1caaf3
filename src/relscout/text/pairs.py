"""Candidate pairs of entities: selection, direction, and the pairs of files and texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.core.surfaces import folded
from relscout.text import (
    COARSE_TYPES,
    NUMBER_TYPES,
    Annotator,
    MarkedSentence,
    Passage,
    coarse_type,
    count_words,
)
from relscout.text.consistency import consistent
from relscout.text.documents import read_passages

#: Largest number of mentions that are all paired; with more, only near ones are.
MOST_MENTIONS = 60
#: Called with a sentence and the number of its omitted pairs.
OnCrowded = Callable[[MarkedSentence, int], None]
#: Text between two mentions of which the second is a part or property of the first, or the first of the second.
_POSSESSED = re.compile(r"['’]s? (?:[a-z][\w-]* ){1,4}$|['’]s? (?:[a-z][\w-]* ?){1,4}, $")
_DESCRIBED = re.compile(r", (?:the|an?) (?:[\w-]+ ){1,5}(?:of|in) (?:the )?$")
#: Largest distance for these patterns, in characters.
_NEAR = 80
_SUBJECTS = frozenset({"nsubj", "csubj"})
_PASSIVE_SUBJECTS = frozenset({"nsubjpass", "csubjpass", "nsubj:pass"})


@dataclass(frozen=True, slots=True)
class Pairing:
    """Rules for the pairs of entities that become relation instances.

    Raises:
        SettingError: A rule has an invalid value.
    """

    directions: Literal["once", "both", "forward"] = "once"
    """``"once"``: one instance for each pair, with the head of :func:`head_first`; ``"forward"``: the first mention is
    the head; ``"both"``: an instance for each direction."""
    max_distance: int | None = None
    """Largest number of words between the entities, at least 0; ``None``: unlimited. How words are counted in scripts
    without spaces: :func:`relscout.text.count_words`."""
    types: frozenset[tuple[str, str]] | None = None
    """Allowed pairs of entity types, such as ``("PERSON", "ORG")``; ``None``: all. With ``"once"``, in either order."""
    numbers: bool = False
    """Whether to pair numbers (:data:`relscout.text.NUMBER_TYPES`)."""
    most_mentions: int = MOST_MENTIONS
    """With more entities in a sentence, only near ones are paired: about as many pairs as this number of entities has,
    or one per entity if that is more. At least 2."""

    def __post_init__(self) -> None:
        if self.directions not in ("once", "both", "forward"):
            raise SettingError(f"directions is {self.directions!r}; expected 'once', 'both' or 'forward'")
        if self.max_distance is not None and self.max_distance < 0:
            raise SettingError(f"max_distance is {self.max_distance}; expected a number of words, 0 or more")
        if self.types is not None and not self.types:
            raise SettingError(
                "types is empty, so no pair is allowed; expected (head type, tail type) pairs or None"
            )
        if self.most_mentions < 2:
            raise SettingError(f"most_mentions is {self.most_mentions}; expected at least 2")


ALL_PAIRS = Pairing()


def pairs(
    sentence: MarkedSentence, pairing: Pairing = ALL_PAIRS, *, on_crowded: OnCrowded | None = None
) -> Iterator[RelationInstance]:
    """Yield an instance per allowed pair of entities, in the order of the text.

    Entities that overlap make no pair, nor do two mentions of the same name.

    Args:
        sentence: The sentence, its entities in any order.
        pairing: The rules.
        on_crowded: Called with the sentence and the number of pairs omitted because of ``pairing.most_mentions``.

    Raises:
        InputError: A mention does not fit the sentence.
    """
    text, allowed = sentence.text, pairing.types
    in_order = sorted(sentence.mentions, key=lambda mention: (mention.start, mention.end))
    if not pairing.numbers:
        in_order = [mention for mention in in_order if mention.type not in NUMBER_TYPES]
    names = [folded(mention.surface(text)) for mention in in_order]
    reach = _reach(len(in_order), pairing.most_mentions)
    beyond = len(in_order) - 1 - reach
    if beyond > 0 and on_crowded is not None:
        on_crowded(sentence, beyond * (beyond + 1) // 2)
    key = _text_key(sentence) if sentence.document else None
    for place, first in enumerate(in_order):
        for other in range(place + 1, min(place + 1 + reach, len(in_order))):
            second = in_order[other]
            if second.start < first.end or names[place] == names[other]:
                continue
            if _too_far(text, first, second, pairing.max_distance):
                continue
            ways = [(first, second), (second, first)]
            if pairing.directions == "once":
                if (
                    allowed is not None
                    and not {(first.type, second.type), (second.type, first.type)} & allowed
                ):
                    continue
                gap = text[first.end : second.start] if second.start - first.end <= _NEAR else ""
                ways = ways[:1] if head_first(first, second, sentence.parse, between=gap) else ways[1:]
            elif pairing.directions == "forward":
                ways = ways[:1]
            for head, tail in ways:
                if pairing.directions == "once" or allowed is None or (head.type, tail.type) in allowed:
                    yield _instance(sentence, head, tail, key)


def _reach(mentions: int, most: int) -> int:
    """Return the number of following mentions that each is paired with: all, or as many as ``most`` allows."""
    return mentions if mentions <= most else max(1, most * (most - 1) // 2 // mentions)


def head_first(first: Mention, second: Mention, parse: Parse | None = None, *, between: str = "") -> bool:
    """Return whether the first mention is the head of the pair.

    Coarse types are ordered (:data:`relscout.text.COARSE_TYPES`), so that all pairs of a person and a place read from
    the person to the place. Between equal types, the syntax decides: the head governs the other mention or is the
    logical subject of the verb that joins them. Without a parse, it is the first mention.

    Args:
        first: The mention that comes first in the sentence.
        second: The other mention.
        parse: Syntax of the sentence.
        between: The text between them. "Tokyo, the capital of Japan" and "Japan's capital, Tokyo" are recognised by
            patterns, since parsers often attach the apposition wrongly.
    """
    ranks = [COARSE_TYPES.index(coarse_type(mention.type)) for mention in (first, second)]
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    if _POSSESSED.match(between):
        return False
    if parse is None or _DESCRIBED.match(between):
        return True
    spans = [parse.tokens_in(mention.start, mention.end) for mention in (first, second)]
    if not all(spans):
        return True
    paths = [parse.path_up(parse.governor(span)) for span in spans]
    if paths[1][0] in paths[0]:
        # the second governs the first, as in "France's capital Paris"; a conjunct does not govern
        below = paths[0][: paths[0].index(paths[1][0])]
        return "conj" in [parse.labels[token] for token in below]
    if paths[0][0] in paths[1]:
        return True
    common = next((token for token in paths[0] if token in paths[1]), None)
    if common is None:
        return True
    arcs = [path[: path.index(common)] for path in paths]
    labels = [[parse.labels[token] for token in arc] for arc in arcs]
    if labels[0][-1] in _PASSIVE_SUBJECTS:
        return "agent" not in labels[1]
    return labels[1][-1] not in _SUBJECTS


def _text_key(sentence: MarkedSentence) -> bytes:
    """Return a key of a sentence in a document; equal sentences may occur several times."""
    place = f"{sentence.document}\x00{sentence.document_start}\x00{sentence.text}"
    return blake2b(place.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _instance(sentence: MarkedSentence, head: Mention, tail: Mention, key: bytes | None) -> RelationInstance:
    id = ""
    if key is not None:
        offsets = f"{head.start},{head.end},{tail.start},{tail.end}"
        id = blake2b(key + offsets.encode(), digest_size=8).hexdigest()
    return RelationInstance(
        sentence.text,
        head,
        tail,
        id=id,
        source=sentence.source,
        document=sentence.document,
        document_start=sentence.document_start,
        parse=sentence.parse,
    )


def _too_far(text: str, first: Mention, second: Mention, max_distance: int | None) -> bool:
    return max_distance is not None and count_words(text[first.end : second.start]) > max_distance


def mark_files(
    paths: Sequence[Path],
    *,
    annotator: Annotator,
    pairing: Pairing = ALL_PAIRS,
    columns: Mapping[str, str] | None = None,
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in files and folders of text, read by :func:`relscout.text.documents.read_passages`.

    Args:
        paths: Text, Markdown, HTML, PDF, tables and JSON Lines with a column of text, folders.
        annotator: Splits sentences and marks entities.
        pairing: Rules for the pairs.
        columns: For tables: ``"text"`` and ``"document"`` → names of their columns.

    Raises:
        InputError: A file cannot be read, or (:class:`~relscout.core.errors.RecordError`) a line or record is wrong.
        MissingExtraError: A file is HTML or PDF, and the extra for it is not installed.
    """
    return mark(read_passages(paths, columns=columns), annotator=annotator, pairing=pairing)


def mark_texts(
    texts: Iterable[str], *, annotator: Annotator, pairing: Pairing = ALL_PAIRS
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in each text, such as a paragraph.

    Args:
        texts: The texts, read as they are needed.
        annotator: Splits sentences and marks entities.
        pairing: Rules for the pairs.
    """
    passages = (Passage(text, source=f"text {number}") for number, text in enumerate(texts, 1))
    return mark(passages, annotator=annotator, pairing=pairing)


def mark(
    passages: Iterable[Passage],
    *,
    annotator: Annotator,
    pairing: Pairing = ALL_PAIRS,
    on_crowded: OnCrowded | None = None,
) -> Iterator[RelationInstance]:
    """Yield the pairs of entities in passages of documents, in order.

    The names of a document agree (:mod:`relscout.text.consistency`), so sentences wait for the end of their document.

    Args:
        passages: The passages, read as they are needed.
        annotator: Splits sentences and marks entities.
        pairing: Rules for the pairs.
        on_crowded: Called with a sentence and the number of pairs omitted because of ``pairing.most_mentions``.
    """
    for sentence in consistent(annotator.annotate(passages)):
        yield from pairs(sentence, pairing, on_crowded=on_crowded)
