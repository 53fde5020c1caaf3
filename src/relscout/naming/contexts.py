"""What is said around two mentions, cut into runs of words that may make up a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relscout.instances import RelationInstance
from relscout.naming.words import ARTICLES, DATES, PREPOSITIONS, STOP_WORDS, pieces

#: Words that are looked at before the first and behind the second mention.
REACH = 4
#: A longer text between the mentions keeps this many pieces at each of its ends.
_KEEP = 15
#: Closes a run that touches the second mention.
MENTION = "\x00"
_GAP = "\x01"
_JOINTS = frozenset("-‐‑\"“”„«»'‘’`")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
#: Share of capitalised words between mentions above which a capital letter does not tell a name: it is about
#: 0.17 in English Wikipedia (FewRel), 0.21 in English news, higher in German, in titles and in upper case.
_CAPITALS_EVERYWHERE = 0.24


@dataclass(frozen=True, slots=True)
class Context:
    """The text of one instance in pieces: the mentions, and what stands around them in text order."""

    head_first: bool
    before: tuple[str, ...]
    between: tuple[str, ...]
    after: tuple[str, ...]
    mentions: tuple[str, ...]


def context(instance: RelationInstance) -> Context:
    """Cut the text around the mentions of an instance into pieces."""
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, -mention.end))
    text, end = instance.text, max(first.end, second.end)
    between = _without_brackets(pieces(text[first.end : second.start]))
    if len(between) > 2 * _KEEP:
        between = [*between[:_KEEP], _GAP, *between[-_KEEP:]]
    return Context(
        head_first=first is instance.head,
        # 80 characters hold REACH words unless they are very long
        before=tuple(pieces(text[max(0, first.start - 80) : first.start])[-REACH:]),
        between=tuple(between),
        after=tuple(pieces(text[end : end + 80])[:REACH]),
        mentions=tuple(pieces(f"{instance.head_text} {instance.tail_text}")),
    )


def _without_brackets(words: list[str]) -> list[str]:
    """Leave out what stands in closed brackets, such as dates of birth."""
    kept: list[str] = []
    opened: list[int] = []
    for word in words:
        if word in _BRACKETS and opened:
            del kept[opened.pop() :]
            continue
        if word in _BRACKETS.values():
            opened.append(len(kept))
        kept.append(word)
    return kept


class Names:
    """Tells words of entity names from other words: most of the time they are written with a capital letter.

    Where capitals are too frequent to tell (German nouns, titles, upper case), a name must also be part of
    mentions elsewhere.
    """

    def __init__(self, contexts: Iterable[Context]) -> None:
        seen: Counter[str] = Counter()
        capital: Counter[str] = Counter()
        mentioned: Counter[str] = Counter()
        words_between = capitals_between = 0
        for one in contexts:
            words_between += sum(word[0].isalpha() for word in one.between)
            capitals_between += sum(word[0].isupper() for word in one.between)
            mentioned.update(word.lower() for word in one.mentions)
            for word in (*one.before, *one.between, *one.after):
                seen[word.lower()] += 1
                capital[word.lower()] += word[0].isupper()
        self._capitals_tell = capitals_between <= _CAPITALS_EVERYWHERE * words_between
        self._names = frozenset(
            word
            for word, count in capital.items()
            if 2 * count > seen[word]
            and word not in STOP_WORDS
            and (self._capitals_tell or 4 * mentioned[word] >= seen[word])
        )

    def runs(self, words: Sequence[str], *, touches: bool = False) -> list[list[str]]:
        """Return the runs of lower-cased words between punctuation, numbers and names.

        One capitalised word in front of a word in lower case ("an *Italian* operatic soprano") is left out
        without ending the run.

        Args:
            words: The pieces of text.
            touches: The pieces end at the second mention: the last run is closed with :data:`MENTION` where
                only articles, quotation marks and commas part it from there.
        """
        runs: list[list[str]] = [[]]
        apart = False
        for place, word in enumerate(words):
            if word in _JOINTS:
                continue
            if word[0].isdigit() or (word[0].isupper() and word.lower() in DATES):
                while runs[-1] and runs[-1][-1] in PREPOSITIONS:  # "moved on" of "moved on 5 July"
                    runs[-1].pop()
                runs.append([])
                apart = True
            elif not (word[0].isalpha() or word in {"'s", "’s"}):
                runs.append([])
                apart = apart or word != ","
            elif not self._is_name(words, place):
                runs[-1].append("'s" if word == "’s" else word.lower())
                apart = False
            elif not self._modifies(words, place):
                runs.append([])
                apart = True
        runs = [run for run in runs if run]
        if touches and runs and not apart:
            while runs[-1] and runs[-1][-1] in ARTICLES:
                runs[-1].pop()
            runs[-1].append(MENTION)
        return runs

    def _is_name(self, words: Sequence[str], place: int) -> bool:
        word = words[place]
        if word.lower() in self._names:
            return True
        if not (self._capitals_tell and _capitalised(word)):
            return False
        return any(
            _capitalised(other)
            for other in (*words[max(0, place - 1) : place], *words[place + 1 : place + 2])
        )

    def _modifies(self, words: Sequence[str], place: int) -> bool:
        if place + 1 == len(words) or (place > 0 and words[place - 1][0].isupper()):
            return False
        following = words[place + 1]
        return following[0].islower() and following not in STOP_WORDS and following not in self._names


def _capitalised(word: str) -> bool:
    return word[0].isupper() and word.lower() not in STOP_WORDS
