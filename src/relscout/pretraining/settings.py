"""Settings of contrastive pre-training, and named ones: those of the paper, of its released code, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import (
    WIDEST,
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Share,
    from_mapping,
    settings_class,
)

#: Objective → what is pulled together.
OBJECTIVES: dict[str, str] = {
    "cp": "sentences of one relation, against the other sentences of the batch (Peng et al. 2020)",
    "mtb": "sentences of one entity pair, against pairs that share one entity (Soares et al. 2019)",
}


@settings_class
class PretrainingSettings:
    """How an encoder is pre-trained; what the paper says stands in each description."""

    loss: Literal["released", "paper"] = "released"
    """For cp, ``paper`` (eq. 2: dot product, one positive) or ``released`` (cosine, all positives); mtb has one."""
    temperature: AboveZero = 0.05
    """Divides the cosines of ``released``, above 0 (released code: 0.05)."""
    blanks: Share = 0.7
    """Probability that a mention is blanked, in [0, 1], drawn again every time (paper: 0.7)."""
    mlm_weight: NotNegative = 1.0
    """Weight of masked language modelling relative to the contrast, at least 0 (paper: 1, eq. 3); 0 disables it."""
    mlm_rate: Share = 0.15
    """Share of the tokens that masked language modelling asks for, in [0, 1] (BERT: 0.15)."""
    distinct_pairs: bool = True
    """For cp, whether the two sentences of a pair name different entity pairs (paper: any two sentences)."""
    same_relation_negatives: bool = False
    """For the loss ``paper`` of cp, whether sentences of the anchor's own relation can be negatives."""
    sentences_per_pair: AtLeast2 = 8
    """For mtb, most sentences of an entity pair in an epoch, at least 2 (released code: 8)."""
    all_pairs: bool = False
    """For mtb, whether all two of those sentences are a pair (released code), or each sentence is in one."""
    batch: AtLeast2 = 64
    """Pairs of sentences in a step, at least 2 (paper: 2,048 for cp, 256 for mtb)."""
    among: AtLeast0 = 0
    """Pairs among which cp looks for negatives; 0 for the whole batch (released code: 32 of 2,048)."""
    micro_batch: AtLeast1 = 256
    """Sentences in memory at once, at least 1; what is learnt is the same up to dropout, which groups draw anew."""
    epochs: AtLeast1 = 3
    """Passes over the corpus, at least 1, where ``steps`` is 0."""
    steps: AtLeast0 = 0
    """Steps in all; 0 lets ``epochs`` decide (paper: 3,500 for cp, 30,000 for mtb)."""
    learning_rate: AboveZero = 1e-4
    """Highest learning rate (paper: 3e-5); it rises from 0, and falls to 0."""
    weight_decay: NotNegative = 1e-5
    """Decoupled weight decay, at least 0 (released code: 1e-5)."""
    warm_up_steps: AtLeast0 = 500
    """Steps in which the learning rate rises, at least 0 (released code: 500)."""
    warm_up_most: Share = 0.1
    """Largest share of the steps that is warm-up, in [0, 1], so that short runs get beyond it."""
    clip: AboveZero = 1.0
    """Longest gradient; longer ones are scaled to it (released code: 1)."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """``float32``, ``bfloat16``, ``float16``, or ``auto``: the setting of ``accelerate launch``, else float32."""
    adapter_rank: Annotated[int, Field(ge=0, le=WIDEST)] = 0
    """Rank r of a LoRA adapter that trains in place of the model, at least 0; α is 2 r. 0 trains the whole model."""
    checkpoint_steps: AtLeast1 = 100
    """Steps between checkpoints, at least 1."""


_PUBLISHED = {"learning_rate": 3e-5, "warm_up_most": 1.0, "distinct_pairs": False}
#: Objective → settings that do not act on it.
_WITHOUT_EFFECT = {
    "cp": frozenset({"sentences_per_pair", "all_pairs"}),
    "mtb": frozenset({"loss", "temperature", "distinct_pairs", "same_relation_negatives", "among"}),
}
#: Loss of cp → settings of the other one.
_OF_OTHER_LOSS = {"paper": frozenset({"temperature"}), "released": frozenset({"same_relation_negatives"})}
#: Name → objective → what differs from the defaults, which are ours.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "minilm": {"cp": {}, "mtb": {}},
    "paper": {
        "cp": {**_PUBLISHED, "loss": "paper", "batch": 2048, "steps": 3500},
        "mtb": {**_PUBLISHED, "loss": "paper", "batch": 256, "steps": 30_000},
    },
    "released": {
        "cp": {**_PUBLISHED, "batch": 2048, "among": 32, "steps": 3500},
        "mtb": {**_PUBLISHED, "batch": 256, "steps": 30_000, "all_pairs": True},
    },
}


def check_names(objective: str, preset: str) -> None:
    """Check that an objective and a preset exist.

    Raises:
        UnknownNameError: One of them does not.
    """
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES)
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, PRESETS)


def settings_of(
    objective: str, given: Mapping[str, Any] | None = None, *, preset: str = "minilm"
) -> PretrainingSettings:
    """Return the settings of a preset, some of them overridden.

    Args:
        objective: A name of :data:`OBJECTIVES`.
        given: Settings that override the preset, by name; values may be strings from a command line.
        preset: A name of :data:`PRESETS`.

    Raises:
        UnknownNameError: There is no such objective, preset or setting.
        SettingError: A setting is invalid, or has no effect with this objective or loss.
    """
    check_names(objective, preset)
    given = given or {}
    settings = from_mapping(PretrainingSettings, {**PRESETS[preset][objective], **given})
    for what, without in (
        (f"objective {objective!r}", _WITHOUT_EFFECT[objective]),
        (f"loss {settings.loss!r}", _OF_OTHER_LOSS[settings.loss]),
    ):
        if idle := [name for name in given if name in without]:
            raise SettingError(f"{idle[0]} has no effect with the {what}; leave it out")
    return settings
