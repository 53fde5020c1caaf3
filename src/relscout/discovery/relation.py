"""What is known of one relation that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from relscout.errors import ArtifactError


@dataclass(frozen=True)
class Relation:
    """A relation that was found, as a person needs it.

    Args:
        id: Its number, stable through renaming and merging.
        name: Surface form, such as ``"was born in"``; unique in a discovery. It reads from head to tail: where the
            sentences say it the other way round, ``(inverse)`` is added, as in ``"invented (inverse)"``.
        pattern: The name between HEAD and TAIL in the order of the sentences. Where TAIL comes first, the name
            reads from tail to head. Of a name that a person or a label gave, it is "HEAD name TAIL".
        size: Number of instances.
        confidence: Mean confidence of its assignments, in [0, 1].
        types: Most frequent entity types of head and tail; ``None`` where no types are known.
        type_share: Share of the instances with these types, in [0, 1].
        head_first: Share of the instances in which the head precedes the tail, in [0, 1].
        ngrams: The phrases that set it apart, with their weights, best first.
        inverse: The relation that says the same the other way round; ``None`` where there is none.
        examples: Ids of representative, diverse instances.
        mixed: Whether its instances say unlike things; the name then lists two, as in ``"mixed: born in / lived in"``.
        share: Share of the instances whose own connection in the syntax agrees with the name, among those that have
            one, in [0, 1]; ``None`` where the name does not come from the syntax.
    """

    id: int
    name: str
    pattern: str
    size: int
    confidence: float
    types: tuple[str | None, str | None] | None
    type_share: float
    head_first: float
    ngrams: tuple[tuple[str, float], ...]
    inverse: int | None
    examples: tuple[str, ...]
    mixed: bool = False
    share: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, the id as ``relation_id``."""
        fields = asdict(self)
        return {"relation_id": fields.pop("id"), **fields}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Relation:
        """Read what :meth:`as_dict` gave.

        Raises:
            ArtifactError: A field is missing or unknown.
        """
        values = dict(record)
        try:
            values["id"] = values.pop("relation_id")
            values["types"] = None if values["types"] is None else tuple(values["types"])
            values["ngrams"] = tuple((str(words), float(weight)) for words, weight in values["ngrams"])
            values["examples"] = tuple(values["examples"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"not a relation of a saved discovery ({error}): {record}") from error
