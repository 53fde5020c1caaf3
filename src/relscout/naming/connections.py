"""The syntactic connection of the two entities of an instance, as a phrase that reads from head to tail.

Open information extraction (ReVerb: Fader et al., EMNLP 2011; OLLIE: Mausam et al., EMNLP 2012) extracts a relation
from the verb or noun between two arguments. Here the direction is given: "head, phrase, tail" has the meaning of the
sentence, whichever entity comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from relscout.core.instances import Mention, RelationInstance
from relscout.naming.frames import COPULAS, Frames, Link
from relscout.naming.words import PREPOSITIONS, active, group, group_of_lemma, participle, past, words

#: Maximum number of words of a connection.
_LONGEST = 5
#: Maximum number of connections of an instance, and their maximum distance from the nearest.
_MOST, _FARTHER = 6, 1.0
#: Weight of another reading of the same connection.
_ALTERNATIVE = 0.7
#: Weight of a connection without its object ("founded … in").
_VAGUE = 0.5
#: Additional distance of a pronoun, of an equated noun, and of a title, compared with the entity itself.
_PRONOUN, _EQUATED, _TITLE = 1.5, 0.4, 0.2
_LIGHT = frozenset({"have", "hold"})
_MODIFIERS = words("prime chief vice managing general executive head foreign supreme founding official")
_TITLES = words(
    "president ceo cfo cto minister chairman chairwoman chair director king queen prince princess emperor duke senator "
    "governor coach captain mayor secretary chancellor founder owner manager leader head bishop archbishop pope "
    "general ambassador representative congressman commissioner editor producer author singer guitarist drummer bassist"
)
_STAND_INS = frozenset({"one", "who", "which", "that"})
_ACRONYMS = frozenset({"ceo", "cfo", "cto", "coo", "mp", "mep"})
#: Quantity nouns, which are not names.
_COUNTS = frozenset(
    {"cent", "percent", "number", "lot", "majority", "one", "some", "couple", "rest", "name", "others"}
)
#: Plural forms with a singular meaning.
_PLURALS = frozenset({"headquarters", "series", "species", "works"})
_PEOPLE, _THINGS = words("he she him her his hers"), words("it its")
_POSSESSING = frozenset({"possessor", "compound", "of", "by", "agent"})
#: Verbs with two subjects, as in "A and B married", and nouns for shared events.
_BORE = ("bore in", "bore at", "bore on", "bore to")
_RECIPROCAL = {"marry": "married", "wed": "wed", "divorce": "divorced", "meet": "met", "merge": "merged with"}
#: Names of the same relation, by the rarer name.
_SAME = {"married to": "married", "wed to": "wed"}
_SHARED = words("war battle marriage wedding treaty merger border conflict match game meeting agreement")
#: Inverses of verbs whose subject is the tail.
_INVERSES = {
    ("belong", "to"): "owner of",
    ("consist", "of"): "part of",
    ("star", ""): "starred in",
    ("feature", ""): "featured in",
    ("include", ""): "part of",
    ("contain", ""): "contained in",
    ("comprise", ""): "part of",
    ("have", ""): "of",
    ("marry", ""): "married",
    ("border", ""): "borders",
    ("join", ""): "joined by",
    ("meet", ""): "met",
}
_DATES = frozenset({"DATE", "TIME", "YEAR"})
_GROUPS = frozenset({"NORP", "NATIONALITY", "RELIGION", "GROUP"})
_PLACES = frozenset({"GPE", "LOC", "LOCATION", "FAC"})
_BARE = PREPOSITIONS | frozenset({"is", "has", "was", "with"})


@dataclass(frozen=True, slots=True)
class Connection:
    """A phrase that links head and tail, in that direction.

    Args:
        name: The words, such as ``"founded by"``.
        key: Key shared by its forms: one per word, without articles.
        root: Key of the verb or noun that expresses the relation; empty for bare prepositions.
        weight: How well it does, in (0, 1].
        nominal: Whether that word is a noun.
    """

    name: str
    key: tuple[str, ...]
    root: str
    weight: float = 1.0
    nominal: bool = False


def connection(instance: RelationInstance) -> Connection | None:
    """Return the best connection of the entities of an instance; ``None`` without a parse or a connection."""
    ways = connections(instance)
    return ways[0] if ways else None


def connections(instance: RelationInstance, frames: Frames | None = None) -> tuple[Connection, ...]:
    """Return the connections of the entities of an instance, the nearest and most exact first; none without a parse.

    Args:
        instance: The instance.
        frames: The frames of its sentence, if already computed.
    """
    if instance.parse is None:
        return ()
    pair = _Pair(frames or Frames(instance.text, instance.parse), instance)
    candidates = sorted(pair.connections(), key=lambda entry: (entry[0], -entry[1].weight))
    if not candidates:
        return ()
    # a connection with content is better than a nearer bare preposition
    nearest = next((distance for distance, link in candidates if link.root), candidates[0][0])
    best: dict[tuple[str, ...], Connection] = {}
    for content in (True, False):
        for distance, link in candidates:
            if bool(link.root) is content and distance <= nearest + _FARTHER:
                weight = link.weight * _ALTERNATIVE ** max(0.0, distance - nearest)
                if link.key not in best:
                    best[link.key] = replace(link, weight=weight)
    return tuple(best.values())[:_MOST]


class _Pair:
    """Searches the connections of the entities of one instance."""

    def __init__(self, frames: Frames, instance: RelationInstance) -> None:
        self.frames, parse = frames, frames.parse
        self.spans = [
            frames.tokens_in(mention.start, mention.end) for mention in (instance.head, instance.tail)
        ]
        self.tail = instance.tail
        self.types = [(mention.type or "").upper() for mention in (instance.head, instance.tail)]
        self.usable = all(self.spans) and not set(self.spans[0]) & set(self.spans[1])
        if not self.usable:
            return
        self.tokens = [parse.governor(span) for span in self.spans]
        self.inside = {*self.spans[0], *self.spans[1]}
        self.titles = [self._title(self.spans[side]) for side in (0, 1)]
        mentions = (instance.head, instance.tail)
        self.stands_for = [self._equated(side, mentions[side], mentions[1 - side]) for side in (0, 1)]

    def connections(self) -> Iterator[tuple[float, Connection]]:
        """Yield distances and connections."""
        if not self.usable:
            return
        for head_token, head_distance in self.stands_for[0].items():
            for tail_token, tail_distance in self.stands_for[1].items():
                if head_token == tail_token:
                    continue
                # the tail may be a common noun or a title: "is a tenor"
                equal = tail_token in self.frames.equal[head_token]
                if tail_distance == 0 and equal and self.frames.is_noun(tail_token):
                    yield head_distance + 1, Connection("is", ("be",), "", 1.0)
                for distance, text, root, weight in self._between(head_token, tail_token):
                    if link := self._connection(text, root, weight):
                        yield head_distance + tail_distance + distance, link
        yield from self._coordinated()

    # tokens that refer to an entity

    def _equated(self, side: int, mention: Mention, other: Mention) -> dict[int, float]:
        frames, start = self.frames, self.tokens[side]
        distances = {start: 0.0}
        queue = [start]
        for token in queue:
            for equal in frames.equal[token]:
                if equal in distances or equal in self.inside or distances[token] > 2 * _EQUATED:
                    continue
                if frames.is_noun(equal) or frames.words[equal].lower() in _TITLES | _STAND_INS:
                    distances[equal] = distances[token] + _EQUATED
                    queue.append(equal)
        title = self.titles[side]
        if title is not None:
            distances.setdefault(title, _TITLE)
        for place in frames.pronouns:
            word = frames.words[place]
            if place > self.spans[side][-1] and place not in distances:
                person = self.types[side].startswith("PER") or not self.types[side]
                alike = self.types[0][:3] == self.types[1][:3]
                # with entities of the same type, a pronoun refers to the first
                if alike and other.start < mention.start:
                    continue
                if word.lower() in (_PEOPLE if person else _THINGS):
                    distances[place] = _PRONOUN
                    for equal in frames.equal[place]:
                        if frames.is_noun(equal) and equal not in self.inside:
                            distances.setdefault(equal, _PRONOUN + _EQUATED)
        return distances

    def _is_role(self, token: int) -> bool:
        """Return whether a capitalised word is a title, as in "Ada King, President of Borealis"."""
        frames = self.frames
        if frames.words[token].lower() not in _TITLES or token in self.inside:
            return False
        return not any(
            frames.parse.tags[child] == "PROPN"
            and frames.label(child) == "compound"
            and child not in self.inside
            for child in frames.children[token]
        )

    def _title(self, span: range) -> int | None:
        """Return the noun directly before a name that describes it ("chief executive Ada King")."""
        before = span[0] - 1
        frames = self.frames
        if before < 0 or before in self.inside or frames.head(before) not in span:
            return None
        if frames.label(before) not in ("compound", "nmod", "amod", "appos"):
            return None
        return before if frames.is_noun(before) or self._is_role(before) else None

    def _is_title(self) -> bool:
        """Return whether the tail is a title directly before the head ("President Ada King")."""
        span = self.spans[1]
        written = [self.frames.words[token].lower() for token in span]
        return span[-1] + 1 == self.spans[0][0] and not _TITLES.isdisjoint(written)

    # connections of two tokens

    def _between(self, head_token: int, tail_token: int) -> Iterator[tuple[float, str, str, float]]:
        """Yield distance, phrase, content word and weight for a token of the head and a token of the tail."""
        frames = self.frames
        mine, theirs = frames.links[head_token], frames.links[tail_token]
        for link in theirs:
            if link.governor == head_token:
                yield from self._noun_governs(head_token, link)
        for link in mine:
            if link.governor == tail_token:
                yield from self._noun_is_governed(tail_token, link)
        for link in mine:
            for to in theirs:
                if link.governor == to.governor:
                    yield from self._in_frame(link.governor, link, to)
        # with an intermediate noun that belongs to the frame
        for to in theirs:
            noun = to.governor
            if (
                noun in self.stands_for[0]
                or noun in self.stands_for[1]
                or frames.parse.tags[noun] not in ("NOUN", "PROPN")
            ):
                continue
            for of in frames.links[noun]:
                for link in mine:
                    if link.governor == of.governor:
                        yield from self._through_tail_noun(of.governor, link, of, noun, to)
                if of.governor == head_token:
                    yield from self._noun_chain(head_token, of, noun, to)
        for link in mine:
            noun = link.governor
            if noun in self.stands_for[0] or noun in self.stands_for[1] or not frames.is_noun(noun):
                continue
            if link.role not in _POSSESSING:
                continue
            for of in frames.links[noun]:
                for to in theirs:
                    if to.governor == of.governor:
                        yield from self._through_head_noun(of.governor, noun, of, to)

    def _noun_governs(self, noun: int, link: Link) -> Iterator[tuple[float, str, str, float]]:
        """The head, or a noun for it, governs the tail: "founder of", "of"."""
        role = link.role
        if noun == self.tokens[0]:
            title = self.titles[0]
            if (
                role in ("compound", "adjective")
                and link in self.frames.links[self.tokens[1]]
                and self._is_title()
            ):
                yield 1, "is", "", 1.0
                return
            if title is not None and role in ("compound", "possessor", "adjective"):
                noun = title
            elif role == "possessor":
                yield 1, "of", "", 1.0
                return
            elif role == "adverbial" or role == "apposition":
                if self.types[1] in _PLACES and self.types[0] not in _PLACES | {"PERSON", "PER"}:
                    yield 1, "in", "", 0.5
                elif self.types[1] in _PLACES and self.types[0] in _PLACES and role == "apposition":
                    yield 1, "in", "", 1.0
                return
            elif role in ("compound", "adjective"):
                if self.types[1] in _GROUPS:
                    yield 1, "is", "", 1.0
                return
            else:
                yield 1, self._preposition(role), "", 1.0
                return
        preposition = self._of(role)
        if role == "adjective" or (self.types[1] in _GROUPS and role == "compound"):
            yield 1, "is", "", 1.0
            return
        if preposition is None:
            return
        if not self._is_naming(noun):
            yield 1, preposition, "", 0.8
            return
        far = 0.2 if role == "compound" else 0.0
        for distance, text, root, weight in self._phrases(1 + far, self._noun_forms(noun), preposition, noun):
            # a date as in "a 1936 film" says little about the relation
            dated = role == "compound" and self.types[1] in _DATES
            yield distance, text, root, weight * (_VAGUE if dated else 1.0)

    def _noun_is_governed(self, noun: int, link: Link) -> Iterator[tuple[float, str, str, float]]:
        """The tail, or a noun for it, governs the head: "has founder"."""
        if noun == self.tokens[1]:
            title = self.titles[1]
            if title is None or link.role not in ("compound", "possessor"):
                if link.role in ("possessor", "of"):
                    yield 1, "has", "", 1.0
                return
            noun = title
        if link.role in _POSSESSING and self._is_naming(noun):
            for form in self._noun_forms(noun):
                yield 1, f"has {form}", form, 0.9
                break

    def _in_frame(self, governor: int, mine: Link, to: Link) -> Iterator[tuple[float, str, str, float]]:
        tag = self.frames.parse.tags[governor]
        if tag in ("VERB", "AUX"):
            yield from self._verb(governor, mine, to)
        elif self.frames.is_noun(governor):
            yield from self._nominal(governor, mine, to)

    def _verb(self, verb: int, mine: Link, to: Link) -> Iterator[tuple[float, str, str, float]]:
        frames = self.frames
        lemma, passive = frames.lemmas[verb], frames.is_passive(verb)
        does, done = self._verb_forms(verb)
        role, other = mine.role, to.role
        if other == "adverbial":
            if self.types[1] not in _DATES:
                return
            other = "in"
        preposition = self._preposition(other)
        if to.adjective >= 0:
            if role in ("subject", "passive"):
                word = frames.words[to.adjective].lower()
                name = f"{word} {preposition}" if lemma in COPULAS else f"{does} {word} {preposition}"
                yield 2, name, word, 1.0
            return
        prepositional = preposition in PREPOSITIONS or " " in preposition
        if role == "subject":
            if lemma == "be":
                complement = self.frames.complement(verb)
                if prepositional and complement is not None:
                    word = self.frames.words[complement].lower()
                    yield 2, f"{word} {preposition}", word, 1.0
                elif prepositional:
                    yield 2, preposition, "", 1.0
            elif other == "object":
                if lemma == "have":
                    yield 2, "has", "", 1.0
                else:
                    yield 2, does, lemma, 1.0
            elif other == "dative":
                yield 2, f"{does} to", lemma, 0.8
            elif other == "attribute" and lemma not in COPULAS:
                yield 2, does, lemma, 0.6
            elif prepositional:
                yield from self._with_preposition(verb, does, lemma, preposition)
        elif role == "passive":
            if other == "agent":
                yield 2, f"{done} by", lemma, 1.0
            elif other in ("object", "attribute"):
                yield 2, f"was {done}", lemma, 0.9
            elif prepositional:
                yield 2, f"{done} {preposition}", lemma, 1.0
        elif role == "agent" or (role == "by" and passive):
            if other == "passive":
                yield 2, self._acted(verb), lemma, 1.0
            elif prepositional:
                yield 2, f"{self._acted(verb)} {preposition}", lemma, _VAGUE
        elif role == "object":
            if other in ("subject", "agent"):
                yield 2, _INVERSES.get((lemma, ""), f"{done} by"), lemma, 0.9
            elif prepositional:
                yield 2, f"{done} {preposition}", lemma, 0.9
        elif other == "subject" and (inverse := _INVERSES.get((lemma, role))):
            yield 2, inverse, lemma, 0.9

    def _with_preposition(
        self, verb: int, does: str, lemma: str, preposition: str
    ) -> Iterator[tuple[float, str, str, float]]:
        """A verb and a prepositional object; a direct object is part of the phrase, unless it is a name."""
        things = [token for token in self.frames.filled(verb, "object") if token not in self.inside]
        if not things:
            has_object = any(token in self.inside for token in self.frames.filled(verb, "object"))
            yield 2, f"{does} {preposition}", lemma, _VAGUE if has_object else 1.0
            return
        thing = things[0]
        if self._is_naming(thing):
            yield from self._with_object(2, does, lemma, thing, preposition)
            if lemma not in _LIGHT:
                yield 2.3, f"{does} {preposition}", lemma, 0.8
        else:
            yield 2, f"{does} {preposition}", lemma, _VAGUE

    def _with_object(
        self, distance: float, does: str, lemma: str, thing: int, preposition: str
    ) -> Iterator[tuple[float, str, str, float]]:
        frames = self.frames
        noun = next(iter(self._noun_forms(thing)))
        if lemma in _LIGHT:
            yield distance, f"{noun} {preposition}", frames.lemmas[thing], 1.0
            return
        article = next(
            (frames.words[c].lower() for c in frames.children[thing] if frames.label(c) == "det"), ""
        )
        written = frames.words[thing].lower()
        if article in ("a", "an"):
            article = "an" if written[0] in "aeiou" else "a"
        article = f"{article} " if article in ("a", "an", "the") else ""
        yield distance, f"{does} {article}{written} {preposition}", lemma, 0.9

    def _nominal(self, noun: int, mine: Link, to: Link) -> Iterator[tuple[float, str, str, float]]:
        """Both belong to a noun that refers to neither: "birth in", "war with"."""
        if noun in self.stands_for[0] or noun in self.stands_for[1] or not self._is_naming(noun):
            return
        role, other = mine.role, to.role
        if role == other == "between" or (role == other and self.frames.lemmas[noun] in _SHARED):
            yield 2, f"{next(iter(self._noun_forms(noun)))} with", self.frames.lemmas[noun], 1.0
            return
        preposition = self._preposition(other)
        if role in _POSSESSING and preposition in PREPOSITIONS and other not in ("by", "agent"):
            if other == "of" and (role == "compound" or self._is_agent(noun)):
                return
            yield from self._phrases(2, self._noun_forms(noun), preposition, noun)

    def _through_tail_noun(
        self, governor: int, mine: Link, of: Link, noun: int, to: Link
    ) -> Iterator[tuple[float, str, str, float]]:
        """The tail belongs to a noun in the frame of the head: "played a role in", "born in (the city of)"."""
        frames = self.frames
        role = to.role
        transparent = (
            role == "compound"
            or (role == "of" and frames.is_generic(noun))
            or (
                role in ("apposition", "adverbial")
                and frames.parse.tags[noun] == "PROPN"
                and self.types[1] not in _DATES
            )
        )
        if transparent:
            for distance, text, root, weight in self._in_frame(governor, mine, of):
                yield distance + 0.5, text, root, 0.9 * weight
            return
        if frames.parse.tags[governor] not in ("VERB", "AUX") or not frames.is_noun(noun):
            return
        preposition = self._of(role)
        if preposition is None or mine.role not in ("subject", "passive") or not self._is_naming(noun):
            return
        does, done = self._verb_forms(governor)
        lemma = frames.lemmas[governor]
        says = does if mine.role == "subject" else done
        if of.role == "object":
            yield from self._with_object(2.5, says, lemma, noun, preposition)
            if role not in ("possessor", "of", "compound") and lemma not in _LIGHT:
                yield 2.7, f"{says} {preposition}", lemma, 0.8
        elif of.role in PREPOSITIONS and lemma != "be" and of.adjective < 0:
            form = next(iter(self._noun_forms(noun)))
            yield 3, f"{says} {of.role} {form} {preposition}", lemma, 0.7
        elif of.role in PREPOSITIONS and lemma == "be":
            form = next(iter(self._noun_forms(noun)))
            yield 3, f"{of.role} {form} {preposition}", frames.lemmas[noun], 0.8

    def _through_head_noun(
        self, governor: int, noun: int, of: Link, to: Link
    ) -> Iterator[tuple[float, str, str, float]]:
        """The head belongs to a noun in the frame of the tail: "headquarters in", "album released by"."""
        frames = self.frames
        if frames.parse.tags[governor] not in ("VERB", "AUX") or not self._is_naming(noun):
            return
        form = next(iter(self._noun_forms(noun)))
        preposition = self._preposition(to.role)
        if of.role in ("subject", "passive"):
            if frames.lemmas[governor] == "be":
                if preposition in PREPOSITIONS:
                    yield 3, f"{form} {preposition}", frames.lemmas[noun], 0.9
                return
            for distance, text, _, weight in self._verb(governor, of, to):
                yield distance + 1, f"{form} {text.removeprefix('was ')}", frames.lemmas[noun], 0.6 * weight

    def _noun_chain(
        self, noun_of_head: int, of: Link, noun: int, to: Link
    ) -> Iterator[tuple[float, str, str, float]]:
        """A noun for the head governs a noun that governs the tail: "member of the board of"."""
        if noun_of_head == self.tokens[0] and self.titles[0] is None:
            return
        first, second = self._of(of.role), self._of(to.role)
        if first is None or second is None or not self._is_naming(noun_of_head):
            return
        form = next(iter(self._noun_forms(noun_of_head)))
        if to.role in ("compound", "apposition", "adverbial") or (
            to.role == "of" and self.frames.is_generic(noun)
        ):
            yield 2, f"{form} {first}", form, 0.9
        elif self._is_naming(noun):
            between = next(iter(self._noun_forms(noun)))
            yield 2, f"{form} {first} {between} {second}", form, 0.8

    def _coordinated(self) -> Iterator[tuple[float, Connection]]:
        """Two subjects of one verb: "married"."""
        first, second = self.tokens
        for link in self.frames.links[first]:
            lemma = self.frames.lemmas[link.governor]
            if link.role not in ("subject", "passive") or link not in self.frames.links[second]:
                continue
            if lemma in _RECIPROCAL and (way := self._connection(_RECIPROCAL[lemma], lemma, 1.0)):
                yield 2, way

    # words

    def _of(self, role: str) -> str | None:
        """Return the preposition after a noun for a role, or ``None``."""
        if role == "compound" and self.types[1] == "LANGUAGE":
            return "in"
        if role in ("possessor", "compound"):
            return "of"
        if role == "adverbial":
            return "in" if self.types[1] in _DATES else None
        preposition = self._preposition(role)
        reads = (preposition in PREPOSITIONS or " " in preposition) and not preposition.endswith("as")
        return preposition if reads else None

    def _preposition(self, role: str) -> str:
        if self.types[1] in _DATES and role in ("on", "during", "at"):
            return "in"
        return "by" if role == "agent" else role

    def _verb_forms(self, verb: int) -> tuple[str, str]:
        surface, lemma = self.frames.words[verb].lower(), self.frames.lemmas[verb]
        tail = self._particle(verb)
        # "known for founding Borealis": the event has happened
        does = past(surface, lemma) if self.frames.label(verb) == "pcomp" else active(surface, lemma)
        return does + tail, participle(surface, lemma) + tail

    def _acted(self, verb: int) -> str:
        """Return the active past of a passive verb."""
        return past(self.frames.words[verb].lower(), self.frames.lemmas[verb]) + self._particle(verb)

    def _particle(self, verb: int) -> str:
        particle = self.frames.particle(verb)
        return f" {particle}" if particle else ""

    def _is_naming(self, noun: int) -> bool:
        """Return whether a noun may be part of a name: not a proper name, number or pronoun."""
        frames = self.frames
        if noun in self.inside:
            return False
        word = frames.words[noun].lower()
        if word in _COUNTS:
            return False
        named = frames.is_noun(noun) and word.replace("-", "").isalpha() and len(word) > 1
        return named or noun in self.titles or self._is_role(noun)

    def _is_agent(self, noun: int) -> bool:
        """Return whether a noun refers to an agent."""
        word = self.frames.lemmas[noun]
        return word in _TITLES or word.endswith(("er", "or", "ist", "ant"))

    def _noun_forms(self, noun: int) -> Iterator[str]:
        """Yield a noun with its modifiers ("chief executive"), then without."""
        frames = self.frames
        word = frames.words[noun].lower()
        base = word if word in _PLURALS else frames.lemmas[noun]
        base = base.upper() if base in _ACRONYMS else base
        parse = frames.parse
        if noun >= 2 and frames.words[noun - 1] == "-" and parse.ends[noun - 1] == parse.starts[noun]:
            first = frames.words[noun - 2]
            if first.isalpha() and first.islower() and noun - 2 not in self.inside:
                base = f"{first}-{base}"
        modifiers: list[str] = []
        place = noun - 1
        while place >= 0 and len(modifiers) < 2 and place not in self.inside and frames.head(place) == noun:
            before = frames.words[place].lower()
            noun_before = frames.is_noun(place) and frames.label(place) == "compound" and before.isalpha()
            if not (noun_before or before in _MODIFIERS):
                break
            modifiers.insert(0, before)
            place -= 1
        if modifiers:
            yield " ".join([*modifiers, base])
        yield base

    def _phrases(
        self, distance: float, forms: Iterator[str], preposition: str, noun: int
    ) -> Iterator[tuple[float, str, str, float]]:
        for place, form in enumerate(forms):
            phrase, lemma = f"{form} {preposition}", self.frames.lemmas[noun]
            yield distance + 0.1 * place, phrase, lemma, 1.0 - 0.05 * place

    def _connection(self, text: str, root: str, weight: float) -> Connection | None:
        text = text.removeprefix("be ")  # "the first to be released by"
        if text.startswith(_BORE):
            text = "born" + text.removeprefix("bore")  # "Born in Vienna, Ida …", parsed as active
        text = _SAME.get(text, text)
        parts = text.split()
        if not 1 <= len(parts) <= _LONGEST:
            return None
        key = tuple(group(word.lower()) for word in parts if word not in ("a", "an", "the"))
        content = group_of_lemma(root.split()[-1].lower()) if root and not set(parts) <= _BARE else ""
        # verbs are inflected in names
        return Connection(text, key, content, weight, nominal=root in parts)
