"""Syntax for instances that have none, and whether a text is in the language that the default pipeline knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from relscout.instances import RelationInstance
from relscout.parses import Parse
from relscout.text.spacy_pipeline import SpacyPipeline, parse_of

_WORD = re.compile(r"[^\W\d_]+")
#: Words that make up two fifths of English text, and that few other languages share.
_ENGLISH = """
the of and to in a is was that for it as with his he be by on at from are this have had not but which they you or were
her she their an been has its who will would there when one we all more after into also other than these
"""
#: English news has about .40 of such words, headlines .2; German, French, Spanish and Italian .02 to .09.
_LEAST_ENGLISH = 0.14
_SAMPLED = 400
_CHARACTERS = 2_000


def looks_english(texts: Iterable[str]) -> bool:
    """Return whether texts are likely English, judged by the share of frequent English words.

    Args:
        texts: The texts; some hundred that their content chooses are looked at. No words at all do not look English.
    """
    sample = sorted({text[:_CHARACTERS] for text in texts}, key=lambda text: (hash_of(text), text))[:_SAMPLED]
    words = [word.lower() for text in sample for word in _WORD.findall(text)]
    frequent = frozenset(_ENGLISH.split())
    return bool(words) and sum(word in frequent for word in words) >= _LEAST_ENGLISH * len(words)


def hash_of(text: str) -> int:
    """Return a number that depends on a text only, the same in every process."""
    from zlib import crc32

    return crc32(text.encode("utf-8", "surrogatepass"))


def with_syntax(
    instances: Sequence[RelationInstance], *, pipeline: SpacyPipeline | None = None
) -> list[RelationInstance]:
    """Return the instances, those without a parse with that of their text; every different text is parsed once.

    Args:
        instances: Any instances.
        pipeline: Parses the texts; when left out, the default pipeline, if the texts look English. Texts longer than
            it accepts stay without a parse.
    """
    texts = list(dict.fromkeys(one.text for one in instances if one.parse is None))
    if not texts or (pipeline is None and not looks_english(texts)):
        return list(instances)
    nlp = (pipeline or SpacyPipeline.load(needs_entities=False)).nlp
    short = [text for text in texts if len(text) <= nlp.max_length]
    unused = [name for name in ("ner",) if name in nlp.pipe_names]
    parses: dict[str, Parse | None] = {
        text: parse_of(doc) for text, doc in zip(short, nlp.pipe(short, disable=unused), strict=True)
    }
    return [one if one.parse is not None else replace(one, parse=parses.get(one.text)) for one in instances]
