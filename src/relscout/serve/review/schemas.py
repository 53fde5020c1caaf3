"""Requests and answers of the review application, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from relscout.serve.schemas import Name, Text

#: Numbers that a browser represents exactly.
Number = Annotated[int, Field(ge=-1, le=2**53)]
#: Ids that a client makes up.
Key = Annotated[Text, Field(min_length=1, max_length=100)]
Ids = Annotated[list[Name], Field(min_length=1, max_length=100_000)]


#: What was judged. Only judgements of sentences say whether a sentence relates its pair.
Of = Literal["sentence", "fact"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Rename(_Strict):
    """Rename a relation."""

    rename: Number
    to: Name


class Merge(_Strict):
    """Merge relations into one, which gets the id and name of the largest."""

    merge: Annotated[list[Number], Field(min_length=2, max_length=10_000)]


class Drop(_Strict):
    """Drop a relation; its sentences get none."""

    drop: Number


class SplitPart(_Strict):
    """A part of a relation, which becomes a relation of its own."""

    id: Number
    name: Name
    instances: Ids


class Split(_Strict):
    """Split parts from a relation; all other sentences stay in it."""

    split: Number
    parts: Annotated[list[SplitPart], Field(min_length=1, max_length=100)]


class Confirm(_Strict):
    """Give sentences a relation that they express, whichever they had before."""

    confirm: Ids
    relation: Number
    name: Name | None = Field(None, description="Name of the relation, if it is a new one.")
    of: Of | None = None


class Reject(_Strict):
    """Leave sentences of a relation without one; for -1, confirm that they have none."""

    reject: Ids
    relation: Number
    of: Of | None = None


class Transfer(_Strict):
    """Give sentences the answer of the most similar judged sentence, from this cosine on."""

    transfer: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Recalibrate(_Strict):
    """Correct the probabilities that pairs are related by the judgements of sentences."""

    recalibrate: Literal["relatedness"]


class MergeEntities(_Strict):
    """Merge entities into one."""

    merge_entities: Ids


class SplitEntity(_Strict):
    """Split an entity: some of its aliases belong to another one."""

    split_entity: Name
    names: Ids


class Undo(_Strict):
    """Undo an earlier decision."""

    undo: Number


_KINDS = (
    "rename", "merge", "drop", "split", "confirm", "reject", "transfer", "recalibrate", "merge_entities",
    "split_entity", "undo",
)  # fmt: skip


def _kind(step: Any) -> str | None:
    """Return the key that says what a decision is."""
    return next((kind for kind in _KINDS if isinstance(step, dict) and kind in step), None)


Step = Annotated[
    Annotated[Rename, Tag("rename")]
    | Annotated[Merge, Tag("merge")]
    | Annotated[Drop, Tag("drop")]
    | Annotated[Split, Tag("split")]
    | Annotated[Confirm, Tag("confirm")]
    | Annotated[Reject, Tag("reject")]
    | Annotated[Transfer, Tag("transfer")]
    | Annotated[Recalibrate, Tag("recalibrate")]
    | Annotated[MergeEntities, Tag("merge_entities")]
    | Annotated[SplitEntity, Tag("split_entity")]
    | Annotated[Undo, Tag("undo")],
    Discriminator(
        _kind,
        custom_error_type="unknown_decision",
        custom_error_message=f"expected an object with one of {', '.join(_KINDS)}",
    ),
]


class DecideRequest(_Strict):
    """A decision, and the latest entry of the log that its author knew."""

    step: Step
    author: Key = Field(description="The browser tab, or the program.")
    state: Number = Field(description="Number of the last entry of the log that the author knew.")
    key: Key = Field(description="Unique name of the decision. However often it is sent, it is saved once.")


class LogEntry(BaseModel):
    """An entry of the log of decisions."""

    number: int
    time: str = Field(description="Time in UTC.")
    author: str
    step: dict[str, Any]
    text: str = Field(description="The decision as a sentence.")
    undone: bool = False


class DecideResponse(BaseModel):
    """The entry that was written to disk."""

    entry: LogEntry
    state: int


class RelationSummary(BaseModel):
    """A relation as it is after all decisions."""

    id: int
    name: str
    pattern: str
    types: str
    size: int
    confidence: float
    facts: int
    confirmed: int
    colour: str
    symbol: str = Field(description="Shape of its points on the map.")


class Overview(BaseModel):
    """A summary of the run."""

    run: str = Field(description="Fingerprint of the run before the decisions.")
    state: int
    relations: list[RelationSummary]
    instances: int
    without_relation: int
    facts: int
    judged: int = Field(description="Sentences that people confirmed or rejected.")
    next_number: int = Field(description="Number for a new relation.")
    decisions: list[LogEntry] = Field(description="All entries of the log, the latest first.")


class Events(BaseModel):
    """Entries of the log that a tab has not seen."""

    state: int
    entries: list[LogEntry]


class Sentence(BaseModel):
    """A sentence with its pair."""

    id: str
    pieces: list[tuple[str, str]] = Field(
        description="Text, and its role: `h` for head, `t` for tail, `ht` or nothing."
    )
    relation: int
    name: str
    confidence: float
    related: float | None
    polarity: str
    place: str
    judged: Literal["", "confirmed", "rejected"]


class Sentences(BaseModel):
    """A page of the sentences of a relation."""

    state: int
    relation: int
    total: int
    sentences: list[Sentence]


class Evidence(BaseModel):
    """Sentences of a fact with the same relation; sentences that read from tail to head have another."""

    relation: int
    instances: list[str]


class FactSummary(BaseModel):
    """A fact, with its first sentences."""

    head: str
    relation: int
    name: str
    tail: str
    phrase: str
    support: int
    confidence: float
    evidence: list[Evidence] = Field(description="All its sentences.")
    sentences: list[Sentence]


class FactsPage(BaseModel):
    """A page of the facts."""

    state: int
    total: int
    facts: list[FactSummary]


class MapView(BaseModel):
    """Sentences in the plane: nearby ones are similar, distances between groups have no meaning."""

    state: int
    ready: bool = Field(description="Whether the map has been computed; before that, there are no points.")
    error: str = Field(
        description="Why the map could not be computed; empty if it was, or is being computed."
    )
    ids: list[str]
    relations: list[int] = Field(description="Relation of each sentence, after all decisions.")
    x: list[float] = Field(description="Coordinates from -1 to 1; y has the same range.")
    y: list[float]


class EntitySummary(BaseModel):
    """An entity, which has one or several names."""

    id: str
    name: str
    type: str
    aliases: list[str] = Field(description="All names, the most frequent first.")
    mentions: int
    facts: int


class EntitiesPage(BaseModel):
    """A page of the entities, those with most facts first."""

    state: int
    total: int
    entities: list[EntitySummary]


class GraphNode(BaseModel):
    """An entity, with its coordinates."""

    name: str
    x: float
    y: float
    links: int = Field(description="Number of entities that it is connected to.")
    relations: list[tuple[int, int]] = Field(description="Relation, and number of its sentences.")


class Graph(BaseModel):
    """The most connected entities."""

    state: int
    entities: list[GraphNode]
    links: list[tuple[int, int, int]] = Field(
        description="Indices of head and tail in `entities`, and the relation."
    )


class Question(BaseModel):
    """A sentence to judge, and relations that it may express instead."""

    sentence: Sentence
    alternatives: list[int] = Field(description="Other relations, the most similar first.")
    informs: int = Field(description="Number of sentences that are similar enough to take over the answer.")


class Questions(BaseModel):
    """What to ask next, the most informative question first."""

    state: int
    ready: bool = Field(
        description="Whether similarities are computed; before, questions are chosen by doubt alone."
    )
    error: str = Field(
        description="Why similarities could not be computed; empty if they were, or are being computed."
    )
    questions: list[Question]


class SplitRequest(_Strict):
    """A relation to split."""

    relation: Annotated[int, Field(ge=0, le=2**53)]
    into: Annotated[int, Field(ge=2, le=8)] = 2


class ProposedPart(BaseModel):
    """A part of a relation."""

    id: int
    name: str
    size: int
    instances: list[str]
    examples: list[Sentence]


class Proposal(BaseModel):
    """Parts of a relation, the largest first; the largest keeps the relation."""

    state: int
    parts: list[ProposedPart]


class WorkRequest(_Strict):
    """A task for the background."""

    task: Literal["transfer", "recalibrate", "save"]


class Movement(BaseModel):
    """Sentences that would move from a relation to another."""

    origin: str
    target: str
    count: int
    examples: list[Sentence]


class Calibration(BaseModel):
    """How relatedness would be corrected."""

    related: int = Field(description="Sentences that were judged to relate their pair.")
    unrelated: int = Field(description="Sentences that were judged not to relate their pair.")
    changes: list[tuple[float, float]] = Field(description="Examples of probabilities before and after.")


class Preview(BaseModel):
    """What a transfer of the judgements, or a recalibration by them, would change."""

    state: int = Field(description="State from which it was computed.")
    step: dict[str, Any] = Field(description="Decision to send to accept the preview.")
    moved: int
    judged: int
    facts_before: int
    facts_after: int
    movements: list[Movement]
    calibration: Calibration | None = None


class Saved(BaseModel):
    """A new run."""

    name: str = Field(description="Name of its folder, next to that of the run.")
    relations: int
    facts: int
    decisions: int


class Work(BaseModel):
    """The status of the task in the background."""

    task: Literal["", "vectors", "transfer", "recalibrate", "save"]
    state: Literal["idle", "running", "done", "failed"]
    stage: str = ""
    done: int = 0
    total: int | None = None
    message: str = ""
    preview: Preview | None = None
    saved: Saved | None = None
