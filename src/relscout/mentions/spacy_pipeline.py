"""Entities and sentences by a spaCy pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relscout.errors import InputError, MissingExtraError, SettingError
from relscout.instances import Mention
from relscout.mentions.sentences import MarkedSentence

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Span

#: What spaCy's entity linker writes where it finds no entity.
_NOT_LINKED = "NIL"


class SpacyPipeline:
    """Marks what a spaCy pipeline takes for entities, with its types and, where it links them, identifiers.

    An entity that reaches over the end of a sentence belongs to none.

    Args:
        nlp: The pipeline; :meth:`load` gets one by its name.
    """

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    @classmethod
    def load(cls, name: str) -> SpacyPipeline:
        """Load a pipeline, giving it rule-based sentence ends where it finds none itself.

        Args:
            name: Name of an installed pipeline, such as ``"en_core_web_sm"``, or path of a saved one.

        Raises:
            MissingExtraError: spaCy is not installed.
            SettingError: There is no such pipeline, or it does not load.
        """
        try:
            import spacy
        except ImportError as error:
            raise MissingExtraError("marking entities with a spaCy pipeline", "spacy") from error
        try:
            nlp = spacy.load(name)
        except (OSError, ValueError, ImportError) as error:
            if "E050" in str(error):
                raise SettingError(
                    f"no spaCy pipeline {name!r}: neither an installed package nor a folder; install one "
                    "(python -m spacy download en_core_web_sm) or give the path of a folder"
                ) from error
            raise SettingError(f"the spaCy pipeline {name!r} does not load: {error}") from error
        declared = {what for pipe in nlp.pipe_names for what in nlp.get_pipe_meta(pipe).assigns}
        if not declared & {"doc.sents", "token.is_sent_start"}:
            nlp.add_pipe("sentencizer", first=True)
        return cls(nlp)

    def annotate(self, texts: Iterable[tuple[str, str]]) -> Iterator[MarkedSentence]:
        """Yield the sentences of ``(text, source)`` pairs in order, reading the texts as batches need them.

        Raises:
            InputError: A text is longer than the pipeline takes.
        """
        for doc, source in self.nlp.pipe(self._short_enough(texts), as_tuples=True):
            for sentence in doc.sents:
                mentions = [_mention(entity, sentence.start_char) for entity in sentence.ents]
                yield MarkedSentence(sentence.text, mentions, source)

    def _short_enough(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        limit = self.nlp.max_length
        for text, source in texts:
            if len(text) > limit:
                raise InputError(
                    f"{source}: {len(text)} characters, but the pipeline takes {limit} at most; "
                    "put each paragraph on a line of its own"
                )
            yield text, source


def _mention(entity: Span, shift: int) -> Mention:
    linked = "" if entity.kb_id_ == _NOT_LINKED else entity.kb_id_
    entity_id = linked or entity.ent_id_ or None
    return Mention(entity.start_char - shift, entity.end_char - shift, entity.label_ or None, entity_id)
