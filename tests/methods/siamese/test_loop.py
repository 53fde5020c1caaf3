from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relscout.core.errors import CollapsedError
from relscout.core.instances import RelationInstance
from relscout.methods.siamese import Siamese, Watch

Build = Callable[..., Siamese]
Few = list[RelationInstance]


def losses(found: Siamese) -> list[set[str]]:
    return [set(epoch["losses"]) for epoch in found.report_["epochs"]]


def test_neighbours_are_asked_behind_the_warm_up_only(plain: Siamese) -> None:
    assert losses(plain) == [{"similarity"}] * 2 + [{"similarity", "consistency", "entropy"}] * 2
    # mined for the first time in the third epoch, and again in the fourth
    assert [epoch["new_neighbours"] is None for epoch in plain.report_["epochs"]] == [True, True, True, False]


def test_they_are_mined_again_when_the_setting_says(siamese: Build, few: Few) -> None:
    once = siamese(mine_every=0, epochs=5).fit(few)
    assert all(epoch["new_neighbours"] is None for epoch in once.report_["epochs"])
    second = siamese(mine_every=2, epochs=5).fit(few)
    told = [epoch["new_neighbours"] is None for epoch in second.report_["epochs"]]
    assert told == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"semantic_clustering": False}, {"similarity"}),
        ({"pull": "cosine"}, {"similarity", "neighbours"}),
        ({"mlps": False}, {"similarity", "consistency", "entropy"}),
        ({"sampled_neighbours": 0, "neighbour_scale": "sum"}, {"similarity", "consistency", "entropy"}),
        ({"optimizer": "sgd"}, {"similarity", "consistency", "entropy"}),
        ({"entropy_over": "data"}, {"similarity", "consistency", "entropy"}),
    ],
)
def test_each_part_can_be_switched(
    settings: dict[str, Any], expected: set[str], siamese: Build, few: Few, plain: Siamese
) -> None:
    found = siamese(**settings).fit(few)
    assert losses(found)[-1] == expected
    assert found.vectors_.tobytes() != plain.vectors_.tobytes()


def test_training_brings_neighbours_into_one_cluster(siamese: Build, few: Few) -> None:
    settings = {"epochs": 30, "warm_up_epochs": 0, "mine_every": 0, "entropy_weight": 1.0}
    found = siamese(**settings).fit(few)
    first, last = (found.report_["epochs"][place]["losses"]["consistency"] for place in (0, -1))
    # to begin with every cluster is about as likely as any other
    assert first > 0.8 * np.log(4)
    assert last < 0.7 * first
    assert found.report_["epochs"][-1]["effective_clusters"] > 2


def test_training_lets_either_view_predict_the_other(siamese: Build, few: Few) -> None:
    found = siamese(epochs=30, semantic_clustering=False, learning_rate=5e-3).fit(few)
    first, last = (found.report_["epochs"][place]["losses"]["similarity"] for place in (0, -1))
    assert last < first - 0.3
    assert last > -1


def test_fewer_instances_than_neighbours_are_told(siamese: Build, few: Few) -> None:
    found = siamese(n_relations=2, neighbours=20).fit(few[:6])
    assert any("5 neighbours instead of 20: there are only 6" in one for one in found.report_["warnings"])


def test_what_repeats_is_no_neighbour_of_itself(siamese: Build, few: Few) -> None:
    twice = [*few[:8], *(replace(one, id=f"{one.id} again") for one in few[:8])]
    found = siamese(n_relations=2, neighbours=20).fit(twice)
    assert any("7 neighbours instead of 20: there are only 8" in one for one in found.report_["warnings"])
    np.testing.assert_array_equal(found.labels_[:8], found.labels_[8:])


def test_instances_without_types_stand_beside_those_with_some(tiny_bert: Any, few: Few) -> None:
    from relscout.encoders import EncoderSettings, TransformerEncoder

    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+types"))
    bare = [
        replace(one, head=replace(one.head, type=None), tail=replace(one.tail, type=None), id="")
        for one in few[:10]
    ]
    found = Siamese(encoder, n_relations=2, epochs=1, warm_up_epochs=0, start="k-means++").fit(
        [*few[10:], *bare]
    )
    assert len(found.labels_) == 40
    assert np.isfinite(found.vectors_).all()


def test_one_instance_has_nothing_to_learn_from_and_it_is_told(siamese: Build, few: Few) -> None:
    found = siamese(n_relations=1).fit(few[:1])
    assert found.labels_.tolist() == [0]
    assert found.report_["epochs"] == []
    assert "1 different instance, and nothing to compare it with" in found.report_["warnings"][0]


def test_collapsed_representations_are_an_error_with_advice() -> None:
    watch = Watch(by_clusters=True)
    watch.see(torch.eye(4), torch.eye(4))
    collapse_report = watch.end_epoch()
    assert collapse_report["spread"] == pytest.approx((1 - 1 / 4) ** 0.5, abs=1e-6)
    watch.check()
    watch.see(torch.ones(4, 4) + 1e-4 * torch.eye(4), torch.eye(4))
    watch.end_epoch()
    with pytest.raises(
        CollapsedError, match=r"the representations have collapsed: .* lower encoder_learning"
    ):
        watch.check()


def test_collapsed_clusters_are_an_error_with_advice() -> None:
    watch = Watch(by_clusters=True)
    watch.see(torch.eye(4), torch.eye(4))
    watch.see_clusters(torch.tensor([[0.0, 0.0, -1e9], [0.0, 0.0, -1e9]]))
    assert watch.end_epoch()["effective_clusters"] == pytest.approx(2)
    watch.check()
    watch.see(torch.eye(4), torch.eye(4))
    watch.see_clusters(torch.tensor([[9.0, 0.0, 0.0]]).expand(50, 3))
    watch.end_epoch()
    with pytest.raises(CollapsedError, match=r"the clusters have collapsed: .* raise entropy_weight"):
        watch.check()


def test_a_mapping_that_tells_nothing_apart_is_warned_of() -> None:
    watch = Watch(by_clusters=True)
    watch.see(torch.eye(4), torch.ones(4, 4))
    assert watch.end_epoch()["projected_spread"] == pytest.approx(0, abs=1e-3)
    watch.check()
    assert "the mapping g gave nearly one vector to all" in watch.warning()
    watch.see(torch.eye(4), torch.eye(4))
    watch.end_epoch()
    assert watch.warning() == ""


def test_normalised_over_the_batch_the_mapping_keeps_telling_apart(siamese: Build, few: Few) -> None:
    settings = {"epochs": 12, "semantic_clustering": False, "learning_rate": 3e-3}
    spreads = {
        kind: siamese(normalisation=kind, **settings).fit(few).report_["epochs"][-1]["projected_spread"]
        for kind in ("batch", "layer")
    }
    assert spreads["batch"] > 0.8
    assert spreads["layer"] < 0.5 * spreads["batch"]


@pytest.mark.parametrize("n", [5, 17, 33])
def test_a_batch_of_one_joins_another(n: int, siamese: Build, few: Few) -> None:
    found = siamese(n_relations=2, epochs=1, warm_up_epochs=0, batch=2 if n == 5 else 16).fit(few[:n])
    assert len(found.labels_) == n


def test_a_fit_that_collapses_ends_with_that_error(siamese: Build, few: Few, tmp_path: Path) -> None:
    settings = {"entropy_weight": 0.0, "loss_weight": 50.0, "learning_rate": 0.1, "epochs": 60}
    for _ in range(2):
        # what has collapsed is not gone on from
        with pytest.raises(CollapsedError, match="collapsed"):
            siamese(**settings, warm_up_epochs=0).fit(few, checkpoints=tmp_path)


def test_as_many_clusters_as_asked_and_one_relation(siamese: Build, few: Few) -> None:
    assert siamese(n_clusters=9).fit(few).n_relations_ == 4
    found = siamese(n_relations=1).fit(few)
    assert found.n_relations_ == 1


def test_a_resumed_fit_remembers_the_clusters_of_the_data(siamese: Build, few: Few, tmp_path: Path) -> None:
    settings = {"entropy_over": "data", "mine_every": 0, "epochs": 5, "warm_up_epochs": 1}
    whole = siamese(**settings).fit(few)

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if stage == "train" and total is not None and done > total * 3 // 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        siamese(**settings).fit(few, checkpoints=tmp_path, progress=interrupt)
    resumed = siamese(**settings).fit(few, checkpoints=tmp_path)
    assert resumed.report_["epochs"] == whole.report_["epochs"]
    assert resumed.vectors_.tobytes() == whole.vectors_.tobytes()
