"""What there is to run for a preset, and the keys by which a run is known again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from relscout.config import from_mapping, to_mapping
from relscout.encoders import EncoderSettings
from relscout.encoders.description import settings_for
from relscout.experiments.schema import Figure, Preset, Row
from relscout.experiments.tasks import Task
from relscout.instances import RelationInstance
from relscout.methods import method

#: Raised whenever a change of relscout changes what a run gives, so that older results are not taken for it.
_SCHEME = 1
#: Settings of the encoder that its fingerprint covers, or that change a result by rounding only.
_NOT_IN_KEYS = ("model", "device", "batch_tokens", "seed")


@dataclass(frozen=True)
class Run:
    """A row of a preset, or a variation of it, under one seed."""

    row: Row
    variation: Mapping[str, Any]
    """What the sweep sets: empty, or one setting."""
    seed: int
    settings: Mapping[str, Any]
    """Settings of the method."""
    encoder: EncoderSettings
    n_relations: int | str | None
    """Number of relations, or ``auto``; ``None`` where relations are given."""
    figure: Figure | None
    """The figure for which points are kept; ``None`` where none asks for them."""


@dataclass(frozen=True)
class Keys:
    """Hashes of the instances of a task."""

    fitted: str
    scored: str
    """With the gold relations."""
    labeled: str
    """With the gold relations; of nothing where there are none."""

    @classmethod
    def of(cls, task: Task) -> Keys:
        """Hash the instances; their order does not matter."""
        return cls(
            hash_of_instances(instance.without_relation() for instance in task.fitted),
            hash_of_instances(task.scored),
            hash_of_instances(task.labeled or ()),
        )

    def with_labeled(self, labeled: Sequence[RelationInstance]) -> Keys:
        """Return the hashes with those of other labelled instances."""
        return replace(self, labeled=hash_of_instances(labeled))


def runs_of(
    preset: Preset, n_gold: int, seeds: Sequence[int] | None = None, rows: Collection[str] | None = None
) -> Iterator[Run]:
    """Yield what there is to run: all rows under the first seed, then under the next; after that what is varied.

    Args:
        preset: The experiment.
        n_gold: Number of gold relations, for rows that take as many.
        seeds: Seeds in place of the preset's.
        rows: Names of the rows; all when left out.
    """
    chosen = [row for row in preset.rows if rows is None or row.name in rows]
    for varied in (False, True):
        for seed in preset.seeds if seeds is None else seeds:
            for row in chosen:
                variations = preset.variations(row)
                for variation in variations[1:] if varied else variations[:1]:
                    yield _run(preset, row, variation, seed, n_gold)


def setup_of(run: Run, protocol: str, keys: Keys, *, labeled: bool) -> str:
    """Return the hash of what runs share that differ in their seed only."""
    encoder = encoder_in_keys(run.encoder)
    # all settings, so that a changed default is another setup
    settings = to_mapping(from_mapping(method(run.row.method).SETTINGS, run.settings))
    instances = [keys.fitted, keys.scored, keys.labeled if labeled else ""]
    return hash_of([_SCHEME, protocol, instances, run.row.method, settings, run.n_relations, encoder])


def encoder_in_keys(settings: EncoderSettings) -> dict[str, Any]:
    """Return what of the settings of an encoder a setup depends on."""
    return {key: value for key, value in to_mapping(settings).items() if key not in _NOT_IN_KEYS}


def trivial_key(row: str, protocol: str, keys: Keys) -> str:
    """Return the hash of everything that decides a trivial row."""
    return hash_of([_SCHEME, protocol, keys.scored, row])


def hash_of(value: Any) -> str:
    """Return a hash of plain values."""
    told = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return blake2b(told.encode("ascii"), digest_size=16).hexdigest()


def _run(preset: Preset, row: Row, variation: Mapping[str, Any], seed: int, n_gold: int) -> Run:
    asked = preset.n_relations_of(row)
    figures = [one for one in preset.figures if one.kind == "tsne" and row.name in one.rows]
    return Run(
        row=row,
        variation=variation,
        seed=seed,
        settings=preset.settings_of(row, variation),
        encoder=_encoder({"seed": seed, **preset.encoder_of(row)}),
        n_relations=n_gold if asked == "gold" else asked,
        figure=figures[0] if figures and not variation else None,
    )


def _encoder(stated: Mapping[str, Any]) -> EncoderSettings:
    """Return the settings of an encoder: what the preset states, else what the encoder's folder says."""
    checked = from_mapping(EncoderSettings, stated)
    return settings_for(checked.model, **{name: getattr(checked, name) for name in stated if name != "model"})


def hash_of_instances(instances: Iterable[RelationInstance]) -> str:
    """Return a hash of instances with their gold relations; their order does not matter."""
    told = sorted(
        blake2b(repr((one.id, one.text, one.head, one.tail, one.relation)).encode(), digest_size=16).digest()
        for one in instances
    )
    return blake2b(b"".join(told), digest_size=16).hexdigest()
