from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.inputs import Vocabulary
from relscout.encoders.transformer import load_config, load_tokenizer

TAGS = ("<h>", "</h>", "<t>", "</t>")


def parse(marked: str, *, head_type: str | None = None, tail_type: str | None = None) -> RelationInstance:
    """An instance from a sentence with ``<h>head</h>`` and ``<t>tail</t>`` written into it."""
    places: dict[str, int] = {}
    text = marked
    while tags := [tag for tag in TAGS if tag in text]:
        first = min(tags, key=text.index)
        places[first] = text.index(first)
        text = text.replace(first, "", 1)
    head_start, head_end, tail_start, tail_end = (places[tag] for tag in TAGS)
    return RelationInstance(
        text=text,
        head=Mention(head_start, head_end, head_type),
        tail=Mention(tail_start, tail_end, tail_type),
    )


@pytest.fixture(scope="session")
def instance() -> Callable[..., RelationInstance]:
    return parse


@pytest.fixture(scope="session")
def few(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """40 sentences of all kinds of relations."""
    return corpus[::19]


class Tokens:
    """What a vocabulary makes of an instance, in words."""

    def __init__(
        self, model: Path, marking: str, max_length: int = 128, *, types: Sequence[str] = ()
    ) -> None:
        self.tokenizer = load_tokenizer(str(model))
        n_embeddings = load_config(str(model)).vocab_size
        if marking == "type-tokens":
            types = types or ("PERSON", "CITY")
        self.vocabulary = Vocabulary(self.tokenizer, n_embeddings, marking, max_length, types)
        new = ("[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]")
        first = self.tokenizer.get_vocab().get("[unused0]", n_embeddings)
        self.names = {first + place: name for place, name in enumerate(new)}
        self.names |= {n_embeddings + place: name for place, name in enumerate(self.vocabulary.new_tokens)}

    def words(self, ids: tuple[int, ...]) -> list[str]:
        return [self.names.get(token) or self.tokenizer.convert_ids_to_tokens(token) for token in ids]

    def of(self, instance: RelationInstance) -> str:
        (only,) = self.vocabulary.inputs([instance])
        return " ".join(self.words(only.marked.ids))

    def mentions(self, instance: RelationInstance) -> tuple[str, str]:
        """The tokens at the places that head and tail are said to have."""
        marked = self.vocabulary.inputs([instance])[0].marked
        head, tail = (self.words(marked.ids[start:end]) for start, end in (marked.head, marked.tail))
        return " ".join(head), " ".join(tail)


@pytest.fixture(scope="session")
def tokens() -> type[Tokens]:
    return Tokens
