"""Frames of a sentence: its verbs and nouns with their arguments, from a dependency parse.

A frame normalises the tree: conjuncts share their position, a verb without a subject has that of the verb it is
coordinated with, a relative pronoun refers to its antecedent, and a noun in apposition or after "is" is equated with
the noun that it describes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from relscout.core.instances import Parse
from relscout.naming.words import words

_NOMINAL = frozenset({"NOUN", "PROPN", "PRON", "NUM", "X", "SYM"})
_VERBAL = frozenset({"VERB", "AUX"})
_ROLES = {
    "nsubj": "subject",
    "nsubjpass": "passive",
    "dobj": "object",
    "obj": "object",
    "dative": "dative",
    "attr": "attribute",
    "oprd": "attribute",
    "poss": "possessor",
    "compound": "compound",
    "nmod": "compound",
    "nummod": "compound",
    "amod": "adjective",
    "appos": "apposition",
    "npadvmod": "adverbial",
    "tmod": "adverbial",
}
_SUBJECTS = ("subject", "passive")
_UNSHARED = (*_SUBJECTS, "apposition", "possessor", "compound", "adjective", "adverbial")
#: Labels of complements.
_COMPLEMENTS = frozenset({"dobj", "prep", "agent", "attr", "acomp", "xcomp", "ccomp", "oprd", "dative"})
_RELATIVE = frozenset({"who", "whom", "which", "that", "whose"})
#: Verbs that equate their subject with their complement.
COPULAS = frozenset({"be", "become", "remain"})
#: Verbs whose "as" phrase describes the subject.
_AS_SUBJECT = words("serve work act begin start continue remain retire debut appear function operate")
#: Nouns that only give the kind of the name after "of".
_GENERIC = words(
    "city town village state country county province region district municipality island kingdom republic year month "
    "suburb borough parish one kind type form"
)


class Link(NamedTuple):
    """An argument of a word: its role, and the adjective between them ("famous for"), if any.

    Roles are ``subject``, ``passive``, ``object``, ``agent``, ``dative``, ``attribute``, ``possessor``, ``compound``,
    ``adjective``, ``apposition``, ``adverbial``, or a preposition.
    """

    governor: int
    role: str
    adjective: int = -1


class Frames:
    """The frames of one sentence."""

    def __init__(self, text: str, parse: Parse) -> None:
        self.parse = parse
        self.words = [text[start:end] for start, end in zip(parse.starts, parse.ends, strict=True)]
        self.lemmas = [lemma.lower() for lemma in parse.lemmas]
        #: The pronouns, in the order of the sentence.
        self.pronouns = [token for token, tag in enumerate(parse.tags) if tag == "PRON"]
        self._heads, self._labels = _without_conjuncts(parse)
        size = len(parse)
        # most tokens have none: they share one empty tuple
        children: dict[int, list[int]] = {}
        for token, head in enumerate(self._heads):
            if head != token:
                children.setdefault(head, []).append(token)
        #: Children of each token; conjuncts have the position of the first.
        self.children: list[Sequence[int]] = [children.get(token, ()) for token in range(size)]
        #: Frames of which each token is an argument.
        self.links: list[Sequence[Link]] = [()] * size
        #: Tokens with the same referent as each token.
        self.equal: list[Sequence[int]] = [()] * size
        self._filled: dict[int, dict[str, list[int]]] = {}
        for token in range(size):
            self._link(token)
        self._passive = [self._is_passive(token) for token in range(size)]
        for verb in sorted(
            (token for token in range(size) if parse.tags[token] in _VERBAL),
            key=lambda token: (self._depth(token), token),
        ):
            self._share_subject(verb)
        for token in range(size):
            self._share_dependents(token)
            self._follow_noun(token)
        for token in range(size):
            self._equate(token)
        for verb in range(size):
            if self._labels[verb] == "relcl" and parse.tags[verb] in _VERBAL:
                self._resolve_relative(verb)

    def tokens_in(self, start: int, end: int) -> range:
        """Return the tokens that overlap ``[start, end)``, as :meth:`Parse.tokens_in` does."""
        first, last = bisect_right(self.parse.ends, start), bisect_left(self.parse.starts, end)
        return range(first, last) if first < last else range(0)

    def is_noun(self, token: int) -> bool:
        """Return whether a token is a common noun."""
        return self.parse.tags[token] == "NOUN"

    def is_generic(self, token: int) -> bool:
        """Return whether a noun only gives the kind of a name ("the city of")."""
        return self.lemmas[token] in _GENERIC

    def is_passive(self, token: int) -> bool:
        """Return whether a verb is in the passive voice."""
        return self._passive[token]

    def filled(self, token: int, role: str) -> list[int]:
        """Return the tokens with a role in the frame of a token."""
        return self._frame(token).get(role, [])

    def label(self, token: int) -> str:
        """Return the dependency label of a token; conjuncts have that of the first."""
        return self._labels[token]

    def head(self, token: int) -> int:
        """Return the governor of a token; conjuncts have that of the first."""
        return self._heads[token]

    def complement(self, verb: int) -> int | None:
        """Return the adjective complement of a verb ("famous" in "is famous"), or ``None``."""
        tags = self.parse.tags
        return next(
            (
                child
                for child in self.children[verb]
                if self._labels[child] == "acomp" and tags[child] == "ADJ"
            ),
            None,
        )

    def particle(self, verb: int) -> str:
        """Return the particle of a verb ("up" in "set up"), or an empty string."""
        return next(
            (self.words[child].lower() for child in self.children[verb] if self._labels[child] == "prt"), ""
        )

    def _frame(self, token: int) -> dict[str, list[int]]:
        return self._filled.get(token, {})

    def _depth(self, token: int) -> int:
        return self.parse.depth(token)

    def _add(self, token: int, link: Link) -> None:
        if link not in self.links[token]:
            self.links[token] = (*self.links[token], link)
            self._filled.setdefault(link.governor, {}).setdefault(link.role, []).append(token)

    def _link(self, token: int) -> None:
        head, label = self._heads[token], self._labels[token]
        if head == token:
            return
        if label == "pobj":
            for link in self._prepositional(head):
                self._add(token, link)
        elif (role := _ROLES.get(label)) and (role != "dative" or self.parse.tags[token] != "ADP"):
            self._add(token, Link(head, role))

    def _prepositional(self, preposition: int) -> Iterator[Link]:
        """Yield the links of the object of a preposition."""
        words = [self.words[preposition].lower()]
        top = preposition
        while (
            self.parse.tags[self._heads[top]] in ("ADP", "SCONJ", "ADV")
            and self._labels[top] in ("prep", "pobj")
            and self._heads[top] != top
            and len(words) < 3
        ):
            top = self._heads[top]
            words.insert(0, self.words[top].lower())
        if self._labels[top] == "agent":
            yield Link(self._heads[top], "agent")
            return
        governor, role = self._heads[top], " ".join(words)
        adjectival = self.parse.tags[governor] in ("ADJ", "ADV")
        if adjectival and self._labels[governor] in ("acomp", "advmod", "conj"):
            yield Link(self._heads[governor], role, governor)
        else:
            yield Link(governor, role)

    def _is_passive(self, token: int) -> bool:
        if self.parse.tags[token] not in _VERBAL:
            return False
        labels = {self._labels[child] for child in self.children[token]}
        if labels & {"nsubjpass", "auxpass", "agent"}:
            return True
        bare = not labels & {"nsubj", "aux", "dobj"} and not self.words[token].lower().endswith("ing")
        return bare and self._heads[token] != token and self._hangs_from_noun(token)

    def _hangs_from_noun(self, verb: int) -> bool:
        label = self._labels[verb]
        return self.parse.tags[self._heads[verb]] in _NOMINAL and label not in ("relcl", "amod", "compound")

    def _share_subject(self, verb: int) -> None:
        """Add the subject of the governing verb, or the governing noun, to a verb without a subject."""
        if any(self._frame(verb).get(role) for role in _SUBJECTS):
            return
        head, label = self._heads[verb], self._labels[verb]
        if head == verb or label in ("relcl", "aux", "auxpass", "ccomp", "amod", "compound"):
            return
        if self._hangs_from_noun(verb):
            self._add(head, Link(verb, "passive" if self._passive[verb] else "subject"))
            return
        if label == "pcomp":
            head = self._heads[head]
            while self.parse.tags[head] not in _VERBAL and self._heads[head] != head:
                head = self._heads[head]
        if self.parse.tags[head] not in _VERBAL:
            return
        frame = self._frame(head)
        if label == "conj" and self._passive[head] and not self._frame(verb).get("object"):
            self._passive[verb] = self._passive[verb] or not any(
                self._labels[child] in ("aux", "auxpass") for child in self.children[verb]
            )
        subjects = [*frame.get("subject", []), *frame.get("passive", [])]
        if label == "xcomp" and frame.get("object"):
            subjects = list(frame["object"])
        for token in subjects:
            self._add(token, Link(verb, "passive" if self._passive[verb] else "subject"))

    def _share_dependents(self, token: int) -> None:
        """Share the complements of the second conjunct: "the capital and largest city of", "wrote and sang"."""
        parse = self.parse
        first = parse.heads[token]
        if parse.labels[token] != "conj" or parse.tags[token] != parse.tags[first] or first > token:
            return
        if parse.tags[token] not in ("VERB", "NOUN"):
            return
        # a first conjunct with its own complements does not share
        if any(
            first < child < token and self._labels[child] in _COMPLEMENTS for child in self.children[first]
        ):
            return
        for role, tokens in list(self._frame(token).items()):
            if role not in _UNSHARED:
                for shared in tokens:
                    if shared > token:
                        self._add(shared, Link(first, role))

    def _follow_noun(self, verb: int) -> None:
        """Attach a participle after a comma to the noun before it, whatever its attachment in the parse."""
        if not self._passive[verb] or self._labels[verb] not in ("advcl", "acl", "conj") or verb < 2:
            return
        if any(self._labels[child] in ("auxpass", "nsubjpass", "aux") for child in self.children[verb]):
            return
        before = verb - 1
        if self.parse.tags[before] != "PUNCT":
            return
        while before > 0 and self.parse.tags[before] == "PUNCT":
            before -= 1
        if self.parse.tags[before] in _NOMINAL:
            self._add(before, Link(verb, "passive"))

    def _equate(self, token: int) -> None:
        for link in self.links[token]:
            governor, role = link.governor, link.role
            frame = self._frame(governor)
            if role == "apposition" and self.parse.tags[governor] in _NOMINAL:
                self._equal(token, governor)
            elif role == "attribute":
                if self.lemmas[governor] in COPULAS or self._passive[governor]:
                    for subject in (*frame.get("subject", ()), *frame.get("passive", ())):
                        self._equal(token, subject)
                else:
                    for subject in frame.get("object", ()):
                        self._equal(token, subject)
            elif role == "as" and self.parse.tags[governor] in _VERBAL:
                described = frame.get("passive") or frame.get("object")
                if not described or self.lemmas[governor] in _AS_SUBJECT:
                    described = frame.get("subject", [])
                for subject in described:
                    self._equal(token, subject)
            elif role == "of" and self.lemmas[governor] == "one":
                self._equal(token, governor)

    def _equal(self, first: int, second: int) -> None:
        if first != second and second not in self.equal[first]:
            self.equal[first] = (*self.equal[first], second)
            self.equal[second] = (*self.equal[second], first)

    def _resolve_relative(self, verb: int) -> None:
        """Replace the pronoun of a relative clause by its antecedent."""
        antecedent = self._heads[verb]
        subtree = [verb]
        for token in subtree:
            subtree += [child for child in self.children[token] if self._labels[child] != "relcl"]
        pronouns = [
            token
            for token in subtree
            if self.words[token].lower() in _RELATIVE and self.parse.tags[token] in ("PRON", "DET", "SCONJ")
        ]
        for pronoun in pronouns:
            for link in self.links[pronoun]:
                self._add(antecedent, link)
            for token in self.equal[pronoun]:
                self._equal(antecedent, token)
        if pronouns:
            return
        if any(self.words[child].lower() == "where" for child in self.children[verb]):
            self._add(antecedent, Link(verb, "in"))
        elif self._frame(verb).get("subject") and not self._frame(verb).get("object"):
            self._add(antecedent, Link(verb, "object"))


def _without_conjuncts(parse: Parse) -> tuple[list[int], list[str]]:
    """Return heads and labels in which nominal and prepositional conjuncts have those of the first."""
    heads, labels = list(parse.heads), list(parse.labels)
    for token in range(len(parse)):
        first, steps = token, 0
        while parse.labels[first] == "conj" and steps <= len(parse):
            first, steps = parse.heads[first], steps + 1
        if first == token or heads[first] == first:
            continue
        both = {parse.tags[token], parse.tags[first]}
        if both <= _NOMINAL or both == {"ADP"}:
            heads[token], labels[token] = parse.heads[first], parse.labels[first]
    return heads, labels
