"""Runs of words that may make up a name: what is left of a context between names, numbers and punctuation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relscout.naming.contexts import CUT, Context
from relscout.naming.ngrams import Runs
from relscout.naming.words import (
    ARTICLES,
    CONJUNCTIONS,
    DATES,
    POSSESSIVES,
    PREPOSITIONS,
    RELATIVES,
    STOP_WORDS,
)

#: Closes a run that touches the second mention.
MENTION = "\x00"
#: Opens the run of the preposition that leads to the second mention.
LINK = "\x02"
#: Between a word and that preposition: other words, or none.
GAP, NO_GAP = "…", ""
#: Words before the preposition that are joined with it, and words that may follow it ("by the Swiss engineer").
_JOINED, _DETERMINED = 4, 3
_JOINTS = frozenset("-‐‑\"“”„«»'‘’`")
_CLAUSE_ENDS = RELATIVES | CONJUNCTIONS | frozenset(".;:!?") | {CUT}
#: Share of capitalised words between mentions above which a capital letter does not tell a name: it is about
#: 0.17 in English Wikipedia (FewRel), 0.21 in English news, higher in German, in titles and in upper case.
_CAPITALS_EVERYWHERE = 0.24


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

    def runs(self, one: Context) -> Runs:
        """Return the runs of a context with their places: 0 between, 2 before, 4 after; 1 more with the tail first."""
        order = 0 if one.head_first else 1
        return [
            *((order, run) for run in self._cut(one.between, touches=True)),
            *((order, run) for run in self._links(one.between)),
            *((2 + order, run) for run in self._cut(one.before)),
            *((4 + order, run) for run in self._cut(one.after)),
        ]

    def _cut(self, words: Sequence[str], *, touches: bool = False) -> list[list[str]]:
        """Return the runs of lower-cased words between punctuation, numbers and names.

        One capitalised word in front of a word in lower case ("an *Italian* operatic soprano") is left out
        without ending the run. Where the words touch the second mention and only articles, quotation marks and
        commas part the last run from it, that run is closed with :data:`MENTION`.
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

    def _links(self, words: Sequence[str]) -> Iterator[list[str]]:
        """Yield the preposition that leads to the second mention, alone and with the content words before it.

        "studied physics at the" links as "at", "physics at" and "studied … at", "by the Swiss engineer" as "by".
        """
        end = _link(words)
        if end is None:
            return
        preposition = words[end].lower()
        yield [LINK, preposition]
        for place in range(end - 1, max(-1, end - 1 - _JOINED), -1):
            word = words[place].lower()
            if word in _CLAUSE_ENDS:
                return
            if word[0].isalpha() and word not in STOP_WORDS and not self._is_name(words, place):
                yield [word, NO_GAP if place == end - 1 else GAP, preposition]

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


def _link(words: Sequence[str]) -> int | None:
    """Where the preposition before the second mention is; articles and up to three words of a title may follow."""
    for place in range(len(words) - 1, max(-1, len(words) - 2 - _DETERMINED), -1):
        word = words[place].lower()
        if word in PREPOSITIONS:
            return place
        determines = word in ARTICLES or word in POSSESSIVES or word in _JOINTS
        if not (determines or (word[0].isalpha() and word not in STOP_WORDS)):
            return None
    return None


def _capitalised(word: str) -> bool:
    return word[0].isupper() and word.lower() not in STOP_WORDS
