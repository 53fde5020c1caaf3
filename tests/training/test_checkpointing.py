from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from relscout.core.progress import Progress, silent
from relscout.training.checkpointing import CheckpointedTraining, EpochResult, TrainingState
from relscout.training.stored import Checkpoints


class Falling:
    """Trains a weight that falls by a tenth or so in each epoch; some of the model gets no gradient."""

    def __init__(self, *, stops_after: int = 4) -> None:
        self.model = torch.nn.ParameterDict([("used", torch.ones(3)), ("unused", torch.ones(2))])
        self.state = TrainingState(
            {"model": self.model}, torch.optim.Adam(list(self.model.parameters()), lr=0.1)
        )
        self._stops_after = stops_after

    def step(self) -> None:
        self.state.optimizer.zero_grad()
        (self.model["used"] ** 2).sum().backward()
        self.state.optimizer.step()

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        del progress
        for epoch in range(first, 4):
            if epoch == self._stops_after:
                raise KeyboardInterrupt
            self.step()
            yield EpochResult(epoch, float(self.model["used"].detach().sum()), 1.0)


def test_an_optimizer_continues_as_if_it_had_never_stopped() -> None:
    whole, resumed = Falling(), Falling()
    for _ in range(3):
        whole.step()
    resumed.state.restore({**whole.state.arrays(), "something else": np.zeros(1)})
    whole.step()
    resumed.step()
    assert resumed.model["used"].tolist() == whole.model["used"].tolist() != [1.0] * 3


def test_what_got_no_gradient_has_no_optimizer_state() -> None:
    falling = Falling()
    falling.step()
    names = {name for name in falling.state.arrays() if name.startswith("optimizer.")}
    assert {name.split(".")[1] for name in names} == {"0"}


def test_arrays_do_not_change_with_what_trains() -> None:
    falling = Falling()
    arrays = falling.state.arrays()
    falling.step()
    assert arrays["model.used"].tolist() == [1.0] * 3


SCORES = [0.3, 0.5, 0.5, 0.4, 0.2]


@pytest.mark.parametrize("interrupted", [1, 2, 3])
@pytest.mark.parametrize(
    ("scores", "untrained", "best"), [(None, False, 4), (SCORES, True, 1), (SCORES[1:], False, 1)]
)
def test_interrupted_training_ends_with_the_same_best_weights(
    scores: list[float] | None, untrained: bool, best: int, interrupted: int, tmp_path: Path
) -> None:
    def training(falling: Falling, checkpoints: Checkpoints) -> CheckpointedTraining:
        def score(_: Progress) -> float:
            assert scores is not None
            return scores[len(made.epochs) + untrained - (untrained and made.untrained is None)]

        made = CheckpointedTraining(
            falling, checkpoints, score if scores else None, untrained_competes=untrained
        )
        return made

    expected = Falling()
    whole = training(expected, Checkpoints(None))
    weights = whole.run(silent)
    with pytest.raises(KeyboardInterrupt):
        training(Falling(stops_after=interrupted), Checkpoints(tmp_path / "fit")).run(silent)
    falling = Falling()
    resumed = training(falling, Checkpoints(tmp_path / "fit"))
    found = resumed.run(silent)
    assert (resumed.epochs, resumed.best, whole.best) == (whole.epochs, best, best)
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in weights.items()
    }
    assert falling.model["used"].tolist() == expected.model["used"].tolist() == found["model.used"].tolist()


def test_untrained_weights_are_kept_where_training_makes_them_worse() -> None:
    falling = Falling()
    training = CheckpointedTraining(
        falling,
        Checkpoints(None),
        lambda _: float(falling.model["used"].detach().mean()) / 2,
        untrained_competes=True,
    )
    assert training.run(silent)["model.used"].tolist() == [1.0] * 3
    assert (training.best, training.untrained) == (0, 0.5)
    assert falling.model["used"].tolist() == [1.0] * 3
