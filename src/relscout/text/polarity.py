"""Classifies whether a sentence asserts a relation between two entities, negates it, or only supposes it.

The rules use English words; in other languages everything counts as asserted.

* *Negated*: "not", "never", "no longer", "no", "neither … nor", "nobody", "without" on the connection; content that is
  denied, refuted, refused or fails to happen; content that is false or without evidence.
* *Hypothetical*: conditions, questions and indirect questions; "might", "may", "could", "should", "would have", and
  "would" under a condition; plans, hopes, attempts, offers and expectations; rumours, allegations, beliefs, and content
  with "reportedly", "allegedly", "probably" or "perhaps".
* *Asserted*: everything else, including announcements and "will"; also "not only", "not until", "would later",
  "could finally", and content that is not denied.

If both a negative and a hypothetical word apply, the relation is negated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from relscout.core.instances import Parse, Polarity, RelationInstance


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_NEGATIONS = _words("hardly n't neither never nor not nowhere scarcely")
_NOBODY = _words("neither no-one nobody none nothing")
#: Words after a negation that make it harmless: "not only", "not far from".
_HARMLESS = _words("far just least long merely only simply solely surprisingly unlike until")
#: Nouns with a harmless "no": "no doubt that …".
_DOUBT = _words("denying doubt question secret surprise wonder")
_DENY = _words(
    "abandon avoid cancel debunk decline deny disavow dismiss disprove dispute fail forbid forget neglect",
    "prevent prohibit rebut refuse refute reject",
)
#: Verbs that deny together with a particle.
_DENY_WITH = {"turn": "down", "rule": "out"}
#: Verbs whose complement is only planned, tried, expected, asked or believed. Small spaCy pipelines return "hop" as the
#: lemma of "hoped".
_SUPPOSE = _words(
    "advise agree aim allege anticipate appear apply ask assume attempt believe consider contemplate demand",
    "doubt dream expect hesitate hop hope imagine intend invite mull negotiate offer plan pledge predict",
    "prepare presume project promise propose recommend rumor rumour schedule seek seem speculate strive",
    "suggest suppose suspect think threaten try urge volunteer vow want wish wonder",
)
#: Verbs that suppose only in the passive: "is said to have …".
_SUPPOSE_PASSIVE = _words("claim report say set slate tip")
#: Verbs whose object is only planned: "is considering a takeover of".
_SUPPOSE_OBJECT = _words("consider contemplate mull plan propose")
#: "Did not believe that …" denies what follows; after other verbs, such as "did not know that …", it is presupposed.
_BELIEVE = _words("believe expect hope imagine intend mean prove suppose think want")
_SUPPOSED_NOUNS = _words(
    "accusation allegation ambition attempt belief bid chance desire dream effort hope hypothesis idea",
    "intention invitation notion offer plan possibility proposal prospect request rumor rumour speculation",
    "suggestion suspicion theory wish",
)
_REPORTED_NOUNS = _words("assertion claim evidence news proof report sign statement story")
_CONTENT_NOUNS = _SUPPOSED_NOUNS | _REPORTED_NOUNS | _DOUBT
_FALSE = _words("baseless false impossible mistaken unable unfounded unlikely untrue unwilling wrong")
_UNSURE = _words(
    "about conceivable doubtful due eager keen likely plausible possible probable questionable ready reluctant",
    "set uncertain unclear unknown willing",
)
_DOUBTFUL_NOUN = _words(
    "alleged hypothetical likely possible potential presumed probable proposed prospective purported rumored",
    "rumoured supposed suspected would-be",
)
_TRUE = _words("case certain clear correct fact possible proven true")
_DOUBTFULLY = _words(
    "allegedly conceivably hypothetically maybe perhaps possibly potentially presumably probably purportedly",
    "reportedly supposedly",
)
_FALSELY = _words("erroneously falsely incorrectly mistakenly wrongly")
_CONDITIONS = _words("if unless whether")
_MODALS = _words("could may might should")
_CUES = (
    _NEGATIONS | _NOBODY | _DENY | _DENY_WITH.keys() | _SUPPOSE | _SUPPOSE_PASSIVE | _SUPPOSED_NOUNS | _FALSE | _UNSURE
    | _DOUBTFUL_NOUN | _DOUBTFULLY | _FALSELY | _CONDITIONS | _MODALS | {"no", "without", "would", "?", "ca", "can"}
)  # fmt: skip
_QUESTION_WORDS = _words("how what when where which who whom whose why")
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
_VERBAL = frozenset({"VERB", "AUX"})


def polarity(instance: RelationInstance) -> Polarity:
    """Return whether the text asserts, negates or only supposes a relation between head and tail.

    The rules use ``instance.parse`` or, without a parse, the English words between and around the mentions.
    """
    if instance.parse is not None and len(instance.parse):
        syntax = _Syntax.of(instance, instance.parse)
        return "asserted" if syntax is None else _from_parse(instance, syntax)
    return _from_words(instance)


@dataclass(frozen=True)
class _Syntax:
    """A parse with lower-case words and the children of each token."""

    parse: Parse
    text: str
    words: list[str]
    lemmas: list[str]
    children: list[list[int]] = field(repr=False)

    @classmethod
    def of(cls, instance: RelationInstance, parse: Parse) -> _Syntax | None:
        """Return the syntax, or ``None`` if no word matters; words of the mentions ("Maybe") are ignored."""
        text = instance.text
        words = [text[start:end].lower() for start, end in zip(parse.starts, parse.ends, strict=True)]
        lemmas = [lemma.lower() for lemma in parse.lemmas]
        if _CUES.isdisjoint(words) and _CUES.isdisjoint(lemmas):
            return None
        for mention in (instance.head, instance.tail):
            for token in parse.tokens_in(mention.start, mention.end):
                words[token] = lemmas[token] = ""
        children: list[list[int]] = [[] for _ in words]
        for token, governor in enumerate(parse.heads):
            if token != governor:
                children[governor].append(token)
        return cls(parse, text, words, lemmas, children)

    def child_words(self, token: int) -> set[str]:
        return {self.words[child] for child in self.children[token]}

    def has_child(self, token: int, labels: frozenset[str]) -> bool:
        return any(self.parse.labels[child] in labels for child in self.children[token])

    def denied(self, token: int) -> bool:
        """Return whether a word attached to a predicate or noun negates it."""
        words, labels = self.words, self.parse.labels
        for child in self.children[token]:
            word = words[child]
            if word in _NEGATIONS and labels[child] in ("neg", "advmod", "preconj", "cc", "det", "dep"):
                after = words[child + 1] if child + 1 < len(words) else ""
                harmless = after in _HARMLESS or (word in ("neither", "nor") and child > token)
                if not harmless and not self._holds_from_then(token):
                    return True
            elif (
                (word == "longer" and "no" in self.child_words(child))
                or (word == "no" and labels[child] == "det" and self.lemmas[token] not in _DOUBT)
                or (labels[child] in _SUBJECTS and self._is_nobody(child))
            ):
                return True
        return False

    def _holds_from_then(self, token: int) -> bool:
        """Return whether "until" or "before" dates the start of a negated predicate."""
        return any(
            self.words[child] == "until" or "until" in self.child_words(child)
            for child in self.children[token]
        )

    def _is_nobody(self, token: int) -> bool:
        return self.words[token] in _NOBODY or any(
            self.words[child] == "no" and self.parse.labels[child] in ("det", "neg")
            for child in self.children[token]
        )

    def supposed(self, token: int) -> bool:
        """Return whether a modal, an adverb or a condition makes a predicate or noun hypothetical."""
        parse, words = self.parse, self.words
        attached = self.child_words(token)
        if attached & _DOUBTFULLY:
            return True
        auxiliaries = {words[child]: child for child in self.children[token] if parse.labels[child] == "aux"}
        if auxiliaries.keys() & _MODALS and not (
            "could" in auxiliaries and attached & {"finally", "now", "thus"}
        ):
            return True
        if "would" in auxiliaries and ("have" in auxiliaries or self._has_condition(token)):
            return True
        if auxiliaries.keys() & {"will", "'ll", "can"} and self._has_condition(token):
            return True
        for child in self.children[token]:
            if parse.labels[child] == "mark" and words[child] in _CONDITIONS:
                if not (child and words[child - 1] in ("even", "as")):
                    return True
            elif parse.labels[child] == "amod" and words[child] in _DOUBTFUL_NOUN:
                return True
        # "had she stayed": the auxiliary before the subject, in a clause that depends on another
        subjects = [child for child in self.children[token] if parse.labels[child] in _SUBJECTS]
        inverted = any(
            auxiliaries.get(word, len(words)) < min(subjects, default=-1) for word in ("had", "were")
        )
        return inverted and parse.labels[token] in ("advcl", "ccomp")

    def _has_condition(self, token: int) -> bool:
        for child in self.children[token]:
            if self.parse.labels[child] == "advcl" and self.child_words(child) & {"if", "unless"}:
                return not any(
                    self.words[below - 1 : below + 1] == ["even", "if"] for below in self.children[child]
                )
        return False


def _from_parse(instance: RelationInstance, syntax: _Syntax) -> Polarity:
    parse = syntax.parse
    spans = [parse.tokens_in(mention.start, mention.end) for mention in (instance.head, instance.tail)]
    if not all(spans):
        return _from_words(instance)
    ways = [parse.path_up(parse.governor(span)) for span in spans]
    common = next((token for token in ways[0] if token in ways[1]), None)
    if common is None:
        return _from_words(instance)
    # from each mention up to the common token, excluded
    arms = [way[: way.index(common)] for way in ways]
    claims: set[Polarity] = set()
    for arm in arms:
        for place in range(1, len(arm)):
            if not _has_words_of_its_own(syntax, arm[place], arm[place - 1]):
                claims.update(_says(syntax, arm[place], arm[place - 1 :: -1]))
    if all(arms):
        claims.update(_joins(syntax, common, [arm[::-1] for arm in arms]))
        claims.update(_above(syntax, common))
    if any(_is_excluded(syntax, span, way) for span, way in zip(spans, ways, strict=True)):
        claims.add("negated")
    if not claims and _is_question(syntax, common):
        claims.add("hypothetical")
    if "negated" in claims:
        return "negated"
    return "hypothetical" if "hypothetical" in claims else "asserted"


def _is_excluded(syntax: _Syntax, span: range, way: list[int]) -> bool:
    """Return whether the sentence excludes a mention: "not Leeds but Bristol", "neither Ada nor Tim"."""
    before = span[0] - 1
    if before >= 0 and syntax.words[before] == "the":
        before -= 1
    if before >= 0 and syntax.words[before] in ("not", "nor", "neither"):
        return True
    first = way[1] if len(way) > 1 and syntax.parse.labels[way[0]] == "conj" else way[0]
    return syntax.parse.tags[first] not in _VERBAL and "neither" in syntax.child_words(first)


def _is_question(syntax: _Syntax, token: int) -> bool:
    if not syntax.text.rstrip().endswith("?") or syntax.words[0] in _QUESTION_WORDS:
        return False
    return syntax.parse.heads[token] == token and syntax.parse.tags[token] in _VERBAL


def _joins(syntax: _Syntax, token: int, arms: list[list[int]]) -> Iterator[Polarity]:
    """Yield the polarity at the common token, given the paths down from it to both mentions."""
    if any(_has_words_of_its_own(syntax, token, arm[0]) for arm in arms):
        return
    # a clause with the content comes first, then an object, last a subject
    labels = syntax.parse.labels
    way = min(arms, key=lambda arm: (not _embeds(syntax, token, arm), labels[arm[0]] in _SUBJECTS, -arm[0]))
    yield from _says(syntax, token, way)


def _above(syntax: _Syntax, token: int) -> Iterator[Polarity]:
    """Yield the polarity of the clauses above the common token: "denied that …", "plans to …"."""
    parse = syntax.parse
    way = [token]
    while parse.heads[way[0]] != way[0] and len(way) <= len(parse):
        below, governor = way[0], parse.heads[way[0]]
        label = parse.labels[below]
        if label == "conj" and parse.tags[below] in _VERBAL and not syntax.has_child(below, _SUBJECTS):
            if not _has_words_of_its_own(syntax, governor, below):
                yield from _says(syntax, governor, way)
            # the governor of the first conjunct governs the others
            way[0] = governor
            continue
        of_predicate = label in ("acomp", "attr") and parse.tags[governor] in _VERBAL
        if of_predicate or label == "pcomp" or _embeds(syntax, governor, way):
            yield from _says(syntax, governor, way)
        else:
            return
        way.insert(0, governor)


def _has_words_of_its_own(syntax: _Syntax, token: int, below: int) -> bool:
    """Return whether the polarity of a token does not extend to a conjunct or adverbial clause below it.

    It does in "did not sleep or eat" and "might come and stay", and does not in "did not sleep but left".
    """
    parse = syntax.parse
    if parse.tags[token] not in _VERBAL:
        return False
    if parse.labels[below] == "advcl":
        return True
    if parse.labels[below] != "conj":
        return False
    if "but" in syntax.child_words(token):
        return True
    if {"or", "nor"} & syntax.child_words(token):
        return syntax.has_child(below, _SUBJECTS)
    bare = syntax.words[below] == syntax.lemmas[below]
    return not bare or syntax.has_child(below, _SUBJECTS | {"aux", "auxpass"})


def _embeds(syntax: _Syntax, token: int, way: list[int]) -> bool:
    """Return whether a clause below a token is its content, as in "plans to …", "denied claims that …".

    Args:
        syntax: The sentence.
        token: A predicate or noun.
        way: The tokens below it, from the nearest downwards.
    """
    labels = [syntax.parse.labels[below] for below in way[:3]]
    if labels[0] in ("ccomp", "xcomp", "csubj", "csubjpass"):
        return True
    if labels[0] in ("acl", "relcl"):
        return syntax.lemmas[token] in _CONTENT_NOUNS
    if labels[0] == "prep":
        return labels[1:2] == ["pcomp"]
    if labels[0] in ("dobj", "nsubj", "nsubjpass", "pobj") and syntax.lemmas[way[0]] in _CONTENT_NOUNS:
        return _embeds(syntax, way[0], way[1:]) if len(way) > 1 else False
    return False


def _says(syntax: _Syntax, token: int, way: list[int]) -> Iterator[Polarity]:
    """Yield the polarity that a token gives to the tokens below it, from the nearest downwards."""
    parse, lemma, tag = syntax.parse, syntax.lemmas[token], syntax.parse.tags[token]
    if tag in ("ADP", "SCONJ"):
        if syntax.words[token] == "without":
            yield "negated"
        return
    if syntax.words[token] in _NOBODY:
        yield "negated"
        return
    if syntax.supposed(token):
        yield "hypothetical"
    label = parse.labels[way[0]]
    if label in ("acomp", "attr") and len(way) > 1 and _embeds(syntax, way[0], way[1:]):
        return  # the adjective or noun determines the polarity of its copula
    denied = syntax.denied(token) and not (label in ("attr", "dobj") and _is_after_but(syntax, way))
    if not _embeds(syntax, token, way):
        if denied:
            yield "negated"
        elif label == "dobj" and lemma in _SUPPOSE_OBJECT:
            yield "hypothetical"
        return
    attached = {
        syntax.words[child]
        for child in syntax.children[token]
        if parse.labels[child] in ("acomp", "attr", "amod", "oprd")
    } | {lemma}
    if parse.labels[token] in ("acomp", "attr"):
        denied = denied or syntax.denied(parse.heads[token])
    denies = lemma in _DENY or bool(attached & _FALSE) or bool(syntax.child_words(token) & _FALSELY)
    denies = denies or _DENY_WITH.get(lemma, " ") in syntax.child_words(token)
    passive = syntax.has_child(token, frozenset({"auxpass", "nsubjpass"}))
    supposes = (
        (lemma in _SUPPOSE and tag in _VERBAL and not (lemma == "consider" and passive))
        or (lemma in _SUPPOSED_NOUNS and tag == "NOUN")
        or (lemma in _SUPPOSE_PASSIVE and passive and label == "xcomp")
        or bool(attached & _UNSURE)
    )
    if denies:
        if not denied:
            yield "negated"
    elif denied:
        if label != "ccomp" or supposes or lemma in _BELIEVE or attached & _TRUE:
            yield "negated"
    elif supposes:
        yield "hypothetical"


def _is_after_but(syntax: _Syntax, way: list[int]) -> bool:
    """Return whether "but" ends a negation above: "is not a doctor but the founder of …"."""
    if len(way) < 2 or syntax.parse.labels[way[1]] != "conj":
        return False
    return "but" in syntax.child_words(way[0])


#: A parenthetical between the mentions: ", who never finished school,".
_ASIDE = re.compile(
    r"\([^()]*\)"
    r"|, (?:who|whose|which|whom|although|though|while|despite|no longer|not|unlike|the|an?)\b[^,]*,"
)
_HARMLESS_NEGATION = re.compile(
    r"\b(?:not|never) (?:only|just|merely|simply|least|far|long|until|unlike)\b"
    r"|(?:\b(?:not|never)|n['’]t) (?:den(?:y|ied)|refused?|fail(?:ed)?|doubt(?:ed)?|forg[eo]t(?:ten)?|hesitated?"
    r"|kn[eo]wn?|reali[sz]ed?|notice|say) ?",
    re.IGNORECASE,
)
_NEGATED_BEFORE = re.compile(
    r"\b(?:not true|untrue|false|den(?:y|ies|ied|ying)|refut(?:es?|ed)|no (?:evidence|proof)|(?:false|unfounded) \w+)"
    r"(?: (?:claims?|reports?|rumou?rs?))?(?: that)?(?: the)? *$"
    r"|(?:^|\W)(?:neither|nor|nobody at|no \w+ of|none of(?: \w+){1,3}|without|not)(?: the)? *$",
    re.IGNORECASE,
)
_SUPPOSED_BEFORE = re.compile(
    r"\b(?<!even )(?<!as )(?:if|unless|whether|perhaps|maybe|possibly|probably|presumably|reportedly|allegedly"
    r"|(?:rumou?rs?|hopes?|likely|possible) that"
    r"|(?:belie|think|thought|suspect|suppos|assum|expect|suggest|imagin)\w*(?: that)?|in (?:case|the event that))"
    r"(?: the)? *$"
    # "Had she joined …", with the auxiliary first
    r"|^\W*(?:had|should|were)(?: the)? *$",
    re.IGNORECASE,
)
_NEGATED_BETWEEN = re.compile(
    r"\b(?:not|never|hardly|scarcely|cannot|nobody|none|neither|nor|without|no longer|far from being|falsely|wrongly"
    r"|mistakenly|erroneously|incorrectly)\b|n['’]t\b"
    r"|\b(?:has|have|had|is|was|are|were|with|of) no (?!doubt|less|fewer|more|secret|sooner)"
    r"|\b(?:den(?:y|ies|ied)|refut(?:es?|ed)|refus(?:es?|ed)|fail(?:s|ed)?|declin(?:es?|ed)|disput(?:es?|ed)"
    r"|reject(?:s|ed)?|turn(?:s|ed)? down) (?=having\b|being\b|(?:\w+ ){0,3}(?:to|that)\b)",
    re.IGNORECASE,
)
_SUPPOSED_BETWEEN = re.compile(
    r"\b(?:might|may|should|could(?! (?:finally|now))|would have|if|whether|reportedly|allegedly|supposedly"
    r"|purportedly|possibly|perhaps|probably|presumably|potentially|alleged|consider(?:s|ed|ing)? (?:an?|\w+ing)"
    r"|(?:plan|hope|want|wish|intend|aim|try|tries|tried|attempt|seek|sought|expect|offer|promise|threaten|agree"
    r"|rumou?r|believe|thought|suppose|allege|schedule|likely|said|reported|due|set|propose|prepare|effort|bid)"
    r"(?:s|d|ed|ned|ning|ing)? to)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|unless)\b", re.IGNORECASE)


def _from_words(instance: RelationInstance) -> Polarity:
    """Classify by the words in the clause before, between the mentions, and after an adjacent pair."""
    text = instance.text
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    between = _ASIDE.sub(" ", text[first.end : second.start])
    # "did not finish school but founded": the last conjunct counts
    between = re.split(r"\bbut\b", _HARMLESS_NEGATION.sub(" ", between))[-1]
    before = re.split(r"[,;:.]", text[: first.start])[-1]
    after = re.split(r"[,;:.]", text[second.end :])[0] if between.strip() in ("and", "or", ",") else ""
    here = f"{between} {after}"
    if re.match(r"\W+until\b", text[second.end :]):
        here = _NEGATED_BETWEEN.sub(" ", here)  # "did not move to Leeds until 1975"
    if _NEGATED_BEFORE.search(before) or _NEGATED_BETWEEN.search(here):
        return "negated"
    if _SUPPOSED_BEFORE.search(before) or _SUPPOSED_BETWEEN.search(here):
        return "hypothetical"
    if re.search(r"\bwould\b", here) and _CONDITION.search(text):
        return "hypothetical"
    question = text.rstrip().endswith("?") and text.split(maxsplit=1)[0].lower() not in _QUESTION_WORDS
    return "hypothetical" if question else "asserted"
