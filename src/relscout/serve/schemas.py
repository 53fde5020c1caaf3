"""Requests and answers of the service, as pydantic models: validation, and the schema of the OpenAPI page."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Offset = Annotated[int, Field(ge=0, le=10**9)]


def _unicode(text: str) -> str:
    """Refuse halves of surrogate pairs, which JSON can spell and no answer could repeat."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair, which is not Unicode text") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]
Name = Annotated[Text, Field(max_length=1_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class MarkedMention(_Strict):
    """An entity of a sentence: offsets in characters, the end exclusive."""

    start: Offset
    end: Offset
    type: Name | None = None
    text: Text | None = Field(None, description="Its surface, to check the offsets.")
    entity_id: Name | None = None


class MarkedPair(_Strict):
    """A sentence with a head and a tail: the record of an instance in relscout's JSON Lines."""

    text: Text
    head: MarkedMention
    tail: MarkedMention
    id: Name | None = None
    source: Name | None = None
    document: Name | None = None
    document_start: Offset | None = None
    relation: Name | None = Field(None, description="Ignored: gold relations are never read.")


class ExtractRequest(_Strict):
    """Either a text or marked pairs, and which triples to return."""

    text: Text | None = Field(None, description="Plain text; its entities are recognised and paired.")
    document: Name = Field("", description="Name of the document that `text` is, for ids and sources.")
    pairs: list[MarkedPair] | None = Field(None, description="Sentences with marked head and tail.")
    precision: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="Expected share of related pairs; default as in `relscout extract`."
    )
    min_confidence: Share | dict[Name, Share] = Field(
        0.0, description="Least confidence: for all relations, or by name, with `*` for the others."
    )
    drop_negated: bool = Field(False, description="Leave out negated and hypothetical triples.")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.text is None) == (self.pairs is None):
            raise ValueError("expected either 'text' or 'pairs'")
        if self.pairs is not None and self.document:
            raise ValueError("'document' goes with 'text'; a pair has a document of its own")
        return self


class Entity(BaseModel):
    """Head or tail of a triple."""

    text: str
    type: str | None
    entity_id: str | None
    start: int = Field(description="Offset in `text` of the triple, in characters.")
    end: int = Field(description="Offset after its last character.")


class ExtractedTriple(BaseModel):
    """A triple with its provenance; a line of `relscout extract`."""

    head: Entity
    relation: str
    relation_id: int
    tail: Entity
    confidence: float
    related: float | None = Field(description="Probability that the pair is related, if estimated.")
    polarity: Literal["asserted", "negated", "hypothetical"]
    phrase: str
    text: str = Field(description="The sentence.")
    id: str
    source: str = Field(description="Document and line.")
    document: str
    document_start: int | None = Field(description="Offset of the sentence in the document, in characters.")


class ExtractResponse(BaseModel):
    """The triples of a request."""

    run: str = Field(description="The run that they come from: version, method, hash of its relations.")
    triples: list[ExtractedTriple]
    warnings: list[str]


class Health(BaseModel):
    """Whether the server answers requests."""

    status: Literal["ready", "not ready"]
    run: str


class ErrorContent(BaseModel):
    """What is wrong."""

    code: str = Field(description="For programs, such as `too_large`.")
    message: str = Field(description="For people.")


class ErrorResponse(BaseModel):
    """The form of all errors."""

    error: ErrorContent
