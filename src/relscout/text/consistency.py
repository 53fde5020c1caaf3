"""Makes the names in a document agree: an entity that is recognised once is recognised throughout.

A tagger sees a sentence at a time. It may recognise *Grace Okoro* in the first sentence of an article, miss *Okoro* in
the second, and classify it as a place in the third. Within a document, therefore,

* a name has the type of most of its mentions, and the last name of a person is a person;
* a proper name that is not marked is marked if the document names an entity, or the last name of a person, like this.

A word that also follows "in" or "at", and so may be a place, is not considered a last name, nor is one that is mostly
marked as another entity where it stands alone: *Ford*, the company, next to *Henry Ford*. A single word that may be a
person or a place keeps the type of each mention, and one that the document also writes in lower case is not marked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby, islice, pairwise

from relscout.core.instances import Mention, Parse
from relscout.text import MarkedSentence, coarse_type
from relscout.text.entities import entity_name, is_title, person_tails

#: Largest number of sentences that are compared with each other, so that memory does not limit a document.
_MOST = 20_000
#: Coarse types of names.
_NAMES = frozenset({"PER", "ORG", "WORK", "EVENT", "MISC", "LOC"})
_SHORTEST = 3
_PLACED = frozenset({"in", "at", "near", "into", "around", "across", "throughout", "outside", "inside"})


def consistent(sentences: Iterable[MarkedSentence]) -> Iterator[MarkedSentence]:
    """Yield the sentences in order, with names that agree within each document.

    Sentences without a document or without a parse are not changed, nor are mentions with an identifier.

    Args:
        sentences: Sentences; those of a document follow each other. At most 20,000 of them are compared.
    """
    for document, group in groupby(sentences, key=lambda sentence: sentence.document):
        if not document:
            yield from group
            continue
        while part := list(islice(group, _MOST)):
            names = _Names.of(part)
            yield from map(names.applied, part)


@dataclass(frozen=True)
class _Names:
    """The names of a document.

    Args:
        types: Name → its most frequent type, if it is that of more than half of its mentions.
        last_names: Last name → type of the persons.
        lengths: First word of each name → numbers of words of such names, the largest first.
        written: The names that are marked, as words.
    """

    types: Mapping[str, str]
    last_names: Mapping[str, str]
    lengths: Mapping[str, Sequence[int]]
    written: Set[tuple[str, ...]]

    @classmethod
    def of(cls, sentences: Sequence[MarkedSentence]) -> _Names:
        """Count the names of the sentences of a document."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        places, common = set[str](), set[str]()
        for sentence in sentences:
            if sentence.parse is None:
                continue
            tokens = _tokens(sentence.text, sentence.parse)
            places.update(after for before, after in pairwise(tokens) if before.lower() in _PLACED)
            common.update(token for token in tokens if token.islower())
            for mention in sentence.mentions:
                if mention.type is not None and _is_name(mention):
                    counts[_name(sentence.text, mention)][mention.type] += 1
        types = {}
        for name, kinds in counts.items():
            kind, most = min(kinds.items(), key=lambda entry: (-entry[1], entry[0]))
            ambiguous = " " not in name and {"PER", "LOC"} <= {coarse_type(each) for each in kinds}
            if 2 * most > kinds.total() and not ambiguous:
                types[name] = kind
        last_names = {}
        for name, kind in sorted(types.items()):
            if coarse_type(kind) == "PER":
                for last in _last_names(name):
                    if last not in places and not _is_mostly_other(counts[last]):
                        last_names[last] = kind
        marked: set[tuple[str, ...]] = set()
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for name in {*types, *last_names}:
            words = tuple(name.split())
            proper = words and words[0][:1].isupper() and not name.isupper()
            if proper and len(name) >= _SHORTEST and name.lower() not in common:
                marked.add(words)
                lengths[words[0]].add(len(words))
        # thousands of people may have the same first name
        longest_first = {first: sorted(numbers, reverse=True) for first, numbers in lengths.items()}
        return cls(types, last_names, longest_first, marked)

    def applied(self, sentence: MarkedSentence) -> MarkedSentence:
        """Return a sentence with the types of the document, and with the names that were missed."""
        if sentence.parse is None:
            return sentence
        mentions = [self._typed(sentence.text, sentence.parse, mention) for mention in sentence.mentions]
        taken = [(mention.start, mention.end) for mention in mentions]
        missed = [
            mention
            for mention in self._in(sentence.text, sentence.parse)
            if not any(start < mention.end and mention.start < end for start, end in taken)
        ]
        if not missed and mentions == list(sentence.mentions):
            return sentence
        return replace(
            sentence, mentions=sorted([*mentions, *missed], key=lambda mention: (mention.start, mention.end))
        )

    def _type_of(self, name: str) -> str | None:
        return self.last_names.get(name) or self.types.get(name)

    def _typed(self, text: str, parse: Parse, mention: Mention) -> Mention:
        kind = self._type_of(_name(text, mention)) if _is_name(mention) else None
        if kind is None or kind == mention.type:
            return mention
        tokens = parse.tokens_in(mention.start, mention.end)
        return mention if _modifies(parse, tokens, kind) else replace(mention, type=kind)

    def _in(self, text: str, parse: Parse) -> Iterator[Mention]:
        """Yield the names of the document that are whole proper names of a sentence."""
        tokens = _tokens(text, parse)
        after = 0
        for first, token in enumerate(tokens):
            for length in self.lengths.get(token, ()) if first >= after else ():
                written = tuple(tokens[first : first + length])
                end = first + len(written)
                if written not in self.written or not _is_proper(parse, tokens, first, end):
                    continue
                kind = self._type_of(" ".join(written))
                if kind is not None and not _modifies(parse, range(first, end), kind):
                    yield Mention(parse.starts[first], parse.ends[end - 1], kind)
                    after = end
                    break


def _is_name(mention: Mention) -> bool:
    return mention.type is not None and mention.entity_id is None and coarse_type(mention.type) in _NAMES


def _name(text: str, mention: Mention) -> str:
    person = coarse_type(mention.type) == "PER"
    return entity_name(mention.surface(text), person=person).full


def _last_names(name: str) -> Iterator[str]:
    """Yield the last name of a full name, and the last name with its particles ("de Wit", "Wit")."""
    if not {"the", "of"}.isdisjoint(name.split()):
        return  # Constance of Aragon, Alexander the Great
    for tail in person_tails(name):
        *particles, last = tail.split()
        proper = last[0].isupper() and not last.isupper() and last.replace("-", "").isalpha()
        if proper and len(last) >= _SHORTEST and all(word.islower() for word in particles):
            yield tail


def _tokens(text: str, parse: Parse) -> list[str]:
    return [text[start:end] for start, end in zip(parse.starts, parse.ends, strict=True)]


def _is_mostly_other(counts: Counter[str]) -> bool:
    """Return whether a word that stands alone is mostly an entity other than a person.

    Args:
        counts: Types of its mentions. A single one may be a mistake of the tagger.
    """
    others = max((count for kind, count in counts.items() if coarse_type(kind) != "PER"), default=0)
    persons = sum(count for kind, count in counts.items() if coarse_type(kind) == "PER")
    return others > max(1, persons)


def _modifies(parse: Parse, tokens: range, kind: str) -> bool:
    """Return whether the name of a person only modifies a noun after it, as in "Nobel laureate"."""
    person = coarse_type(kind) == "PER"
    return person and bool(tokens) and parse.labels[tokens[-1]] in ("compound", "amod", "nmod")


def _is_proper(parse: Parse, tokens: Sequence[str], first: int, end: int) -> bool:
    """Return whether the tokens ``[first, end)`` are a proper name, and no part of a longer one but for titles."""

    def proper(place: int) -> bool:
        return 0 <= place < len(tokens) and parse.tags[place] == "PROPN" and tokens[place][:1].isalnum()

    if not all(proper(place) for place in range(first, end) if tokens[place][:1].isupper()):
        return False
    if any(0 <= place < len(tokens) and tokens[place] in ("-", "&") for place in (first - 1, end)):
        return False
    return not proper(end) and (not proper(first - 1) or is_title(tokens[first - 1]))
