"""Entity types from a spaCy pipeline, for mentions that are marked already but have none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from relscout.errors import InputError
from relscout.instances import Mention, RelationInstance

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


def with_types(instances: Iterable[RelationInstance], nlp: Language) -> Iterator[RelationInstance]:
    """Yield the instances in order, and give mentions without a type that of the entity which the pipeline finds there.

    It is the entity that shares the most characters with the mention; of several, the first. A mention in which the
    pipeline finds none stays without a type. Texts are read as batches need them.

    Args:
        instances: Instances; types that they have stay as they are.
        nlp: The pipeline.

    Raises:
        InputError: A text is longer than the pipeline takes.
    """
    for doc, instance in nlp.pipe(((_text(one, nlp.max_length), one) for one in instances), as_tuples=True):
        head, tail = _typed(instance.head, doc), _typed(instance.tail, doc)
        same = head is instance.head and tail is instance.tail
        yield instance if same else replace(instance, head=head, tail=tail)


def _text(instance: RelationInstance, limit: int) -> str:
    if None not in instance.type_pair:
        return ""  # nothing is asked of the pipeline
    if len(instance.text) > limit:
        raise InputError(
            f"{instance.source or instance.id}: {len(instance.text)} characters, but the pipeline takes {limit} at "
            "most; give the entities of this record a type, or leave it out"
        )
    return instance.text


def _typed(mention: Mention, doc: Doc) -> Mention:
    if mention.type is not None:
        return mention
    found = [(min(mention.end, one.end_char) - max(mention.start, one.start_char), one) for one in doc.ents]
    shared, entity = max(found, key=lambda pair: pair[0], default=(0, None))
    if shared <= 0 or entity is None or not entity.label_:
        return mention
    return replace(mention, type=entity.label_)
