"""The five input formats, made of the instance itself, so that whatever reads instances can be shown them.

Peng et al. 2020, "Learning from Context or Names? An Empirical Study on Neural Relation Extraction", section 2.2. The
markings of an encoder (:mod:`relscout.encoders.marking`) make the same formats of tokens; they need a model that was
trained with markers. Rewriting the text needs nothing: a run whose encoder reads plain sentences can be shown it, and
a fitted model stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from relscout.encoders.marker_tokens import NO_TYPE, type_words
from relscout.errors import UnknownNameError
from relscout.instances import Mention, RelationInstance

#: Input format → what it shows.
FORMATS: dict[str, str] = {
    "C+M": "context and names",
    "C+T": "context and types",
    "OnlyC": "context alone",
    "OnlyM": "names alone",
    "OnlyT": "types alone",
}
#: Formats that say nothing where no entity types are known.
WITH_TYPES = ("C+T", "OnlyT")
#: Words that may stand for head and tail in OnlyC. The paper trains tokens, [SUBJ] and [OBJ]; a model that was not
#: trained with them takes any word for what it means: k-means that is shown "entity" everywhere finds companies. Hence
#: several, of which :func:`relscout.analysis.answers.answers` takes those that change the fewest answers.
BLANKS = (("X", "Y"), ("one", "another"), ("entity", "entity"))

_Span = tuple[int, int]


def shown(
    instance: RelationInstance, format: str, *, blanks: tuple[str, str] = BLANKS[0]
) -> RelationInstance:
    """Return an instance as an input format shows it: what it hides is nowhere in text, types or entity ids.

    The marked mentions are replaced, as in the paper, and not what else the sentence may call the entities (see
    :func:`names_again`). Where one mention lies inside the other, what stands for the outer one is followed by what
    stands for the inner one. Without context, the head comes first. A type that is not known is shown as "entity".

    Args:
        instance: What is to be shown. Its id, source and gold relation stay.
        format: A name of :data:`FORMATS`.
        blanks: Words in place of head and tail in OnlyC.

    Raises:
        UnknownNameError: There is no such format.
    """
    if format not in FORMATS:
        raise UnknownNameError("input format", format, FORMATS)
    if format == "C+M":
        return instance
    types = instance.type_pair if format in WITH_TYPES else (None, None)
    words = blanks if format == "OnlyC" else _words(instance, format)
    text, (head, tail) = _text(instance, words) if format in ("C+T", "OnlyC") else _pair(words)
    return replace(instance, text=text, head=Mention(*head, types[0]), tail=Mention(*tail, types[1]))


def names_again(instance: RelationInstance) -> bool:
    """Tell whether the sentence names one of its entities once more outside of the marked mentions.

    What stands there is shown in OnlyC, too, as in the paper.
    """
    context = "\n".join(_around(instance))
    names = (instance.head_text.strip(), instance.tail_text.strip())
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", context, re.IGNORECASE) for name in names)


def _words(instance: RelationInstance, format: str) -> tuple[str, str]:
    if format == "OnlyM":
        return instance.head_text, instance.tail_text
    head, tail = (type_words(kind) for kind in instance.type_pair)
    return head if head.strip() else NO_TYPE, tail if tail.strip() else NO_TYPE


def _pair(words: tuple[str, str]) -> tuple[str, tuple[_Span, _Span]]:
    head, tail = words
    start = len(head) + 1
    return f"{head} {tail}", ((0, len(head)), (start, start + len(tail)))


def _text(instance: RelationInstance, words: tuple[str, str]) -> tuple[str, tuple[_Span, _Span]]:
    """Return the text with other words in place of the mentions, and where these stand."""
    first = _first(instance)
    before, between, after = _around(instance)
    text = _ending_apart(before)
    spans: list[_Span] = []
    for role, behind in ((first, between or " "), (1 - first, after)):
        spans.append((len(text), len(text) + len(words[role])))
        text += words[role] + _beginning_apart(behind)
        if role == first:
            text = _ending_apart(text)
    return text, (spans[first], spans[1 - first])


def _around(instance: RelationInstance) -> tuple[str, str, str]:
    """Return what stands before, between and behind the mentions; nothing of a mention is in it, nested or not."""
    spans = ((instance.head.start, instance.head.end), (instance.tail.start, instance.tail.end))
    first = _first(instance)
    (low, gap), (resume, high) = spans[first], spans[1 - first]
    return instance.text[:low], instance.text[gap:resume], instance.text[max(gap, high) :]


def _first(instance: RelationInstance) -> int:
    """Return which mention begins first: 0 for the head, 1 for the tail; of two that begin together, the longer."""
    starts: Sequence[tuple[int, int]] = [(one.start, -one.end) for one in (instance.head, instance.tail)]
    return min((0, 1), key=lambda role: starts[role])


def _ending_apart(text: str) -> str:
    # a mention that is part of a word ("Paris" in "Paris-based" is not, in "Parisbased" it is) must not leave one word
    return f"{text} " if text[-1:].isalnum() else text


def _beginning_apart(text: str) -> str:
    return f" {text}" if text[:1].isalnum() else text
