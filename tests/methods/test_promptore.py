from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from relscout.core.instances import RelationInstance
from relscout.discovery import default_encoder
from relscout.encoders import TransformerEncoder
from relscout.encoders.settings import settings_for
from relscout.methods.promptore import PromptORE, elbow_candidates, elbow_number, elbow_of


def test_the_default_encoder_reads_the_mask_of_a_prompt() -> None:
    settings = settings_for("minilm", default=default_encoder(PromptORE, every_pair=False))
    assert (settings.marking, settings.pooling) == ("prompt", "mask")
    assert PromptORE().encoder.settings == settings


def test_the_elbow_is_the_point_farthest_below_the_chord() -> None:
    assert elbow_of([1, 2, 3, 4, 5], [10.0, 6.0, 2.0, 1.0, 0.0]) == 2
    # on axes of different scales, it stays the same
    assert elbow_of([10, 20, 30, 40, 50], [1000.0, 600.0, 200.0, 100.0, 0.0]) == 2


def test_a_straight_or_flat_curve_has_its_elbow_at_the_start() -> None:
    assert elbow_of([1, 2, 3, 4], [3.0, 2.0, 1.0, 0.0]) == 0
    assert elbow_of([1, 2, 3], [1.0, 1.0, 1.0]) == 0
    assert elbow_of([1], [1.0]) == 0


def test_candidates_grow_by_a_quarter_up_to_the_largest() -> None:
    assert elbow_candidates(1) == [1]
    assert elbow_candidates(2) == [1, 2]
    assert elbow_candidates(20) == [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 20]


@pytest.mark.parametrize("n_clusters", [4, 8])
def test_the_elbow_of_separate_clusters_is_their_number(n_clusters: int) -> None:
    random = np.random.default_rng(0)
    centres = np.eye(n_clusters, 16, dtype=np.float32)
    vectors = np.repeat(centres, 30, axis=0) + 0.01 * random.standard_normal((30 * n_clusters, 16))
    number, curve = elbow_number(vectors.astype(np.float32), largest=40, seed=0, progress=lambda *_: None)
    assert number == n_clusters
    assert curve["candidates"][0] == 1
    assert np.all(np.diff(curve["inertia"]) <= 1e-6)


def test_the_estimated_number_comes_with_its_curve(
    tiny_encoder: Callable[[], TransformerEncoder], instances: list[RelationInstance]
) -> None:
    fitted = PromptORE(tiny_encoder(), max_relations=6, elbow_sample=50).fit(instances)
    curve = fitted.report_["k_curve"]
    assert curve["k"] == fitted.n_relations_
    assert max(curve["candidates"]) == 6
