"""Part-of-speech and entity tags of the words of a text, by the default spaCy pipeline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from relscout.text.spacy_pipeline import SpacyPipeline


@dataclass(frozen=True, slots=True)
class WordTags:
    """Tags of the tokens of a text; every field has one entry per token.

    Args:
        starts: Offset of each token's first character in the text.
        ends: Offset after its last character (exclusive).
        parts: Universal part of speech, such as ``"VERB"``.
        entities: Type of the entity that it is in, such as ``"PERSON"``; ``None`` outside of entities.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    parts: tuple[str, ...]
    entities: tuple[str | None, ...]

    def at(self, start: int, end: int) -> tuple[str | None, str | None]:
        """Return part of speech and entity type of the first token that shares characters with ``[start, end)``."""
        place = bisect_right(self.ends, start)
        if place == len(self.starts) or self.starts[place] >= end:
            return None, None
        return self.parts[place], self.entities[place]


@cache
def _pipeline() -> SpacyPipeline:
    return SpacyPipeline.load()


#: Tags by text, so that the next fit or prediction tags none again, and how many are remembered.
_TAGS: dict[str, WordTags] = {}
_MOST = 50_000


def word_tags(texts: Iterable[str]) -> dict[str, WordTags]:
    """Return the tags of English texts by text; a text that is too long for the pipeline has no tokens."""
    wanted = dict.fromkeys(texts)
    missing = [text for text in wanted if text not in _TAGS]
    if len(_TAGS) + len(missing) > _MOST:
        missing = list(wanted)
        _TAGS.clear()
    if missing:
        nlp = _pipeline().nlp
        unused = [name for name in ("parser", "lemmatizer") if name in nlp.pipe_names]
        short = [text for text in missing if len(text) <= nlp.max_length]
        _TAGS.update(dict.fromkeys(missing, WordTags((), (), (), ())))
        for text, doc in zip(short, nlp.pipe(short, disable=unused), strict=True):
            _TAGS[text] = WordTags(
                tuple(token.idx for token in doc),
                tuple(token.idx + len(token) for token in doc),
                tuple(token.pos_ for token in doc),
                tuple(token.ent_type_ or None for token in doc),
            )
    return {text: _TAGS[text] for text in wanted}
