"""Several processes that pre-train one model together, through Hugging Face accelerate; or one, which needs nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from relscout.errors import ArtifactError, MissingExtraError, SettingError
from relscout.pretraining.settings import PretrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: What ``accelerate launch`` sets, also for one process.
_LAUNCHED = "ACCELERATE_MIXED_PRECISION"
_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}


class Processes(Protocol):
    """Process ``rank`` of ``count``, and what they tell each other."""

    rank: int
    count: int
    device: torch.device
    #: Arithmetic where the settings leave it open.
    dtype: str

    def gather(self, mine: Tensor, n: int) -> Tensor:
        """Return the rows of all (n, R), of which this process has every ``count``-th from ``rank`` on."""
        ...

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        ...


class Alone:
    """One process.

    Args:
        device: Where it computes.
    """

    rank, count, dtype = 0, 1, "float32"

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def gather(self, mine: Tensor, n: int) -> Tensor:  # noqa: ARG002 - those of all are its own
        """Return its own rows."""
        return mine

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Change nothing."""


class Together:
    """One of the processes that ``accelerate launch`` has started.

    Args:
        accelerator: An ``accelerate.Accelerator``.
    """

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator
        self.rank: int = accelerator.process_index
        self.count: int = accelerator.num_processes
        self.device: torch.device = accelerator.device
        self.dtype = _DTYPES.get(accelerator.mixed_precision, "float32")

    def gather(self, mine: Tensor, n: int) -> Tensor:
        """Return the rows of all processes, in the order of the batch."""
        import torch

        most = -(-n // self.count)
        padded = torch.zeros((most, mine.shape[1]), dtype=mine.dtype, device=mine.device)
        padded[: len(mine)] = mine
        pieces = self._accelerator.gather(padded).reshape(self.count, most, -1)
        # piece p has the rows p, p + count, …: row by row across the pieces is the order of the batch
        return torch.as_tensor(pieces.transpose(0, 1).reshape(self.count * most, -1)[:n])

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        for tensor in tensors:
            tensor.copy_(self._accelerator.reduce(tensor, reduction="sum"))


def arithmetic(settings: PretrainingSettings, processes: Processes) -> str:
    """Return the arithmetic that is computed in: ``float32``, ``bfloat16`` or ``float16``."""
    return processes.dtype if settings.dtype == "auto" else settings.dtype


def check_batch(batch: int, processes: Processes) -> None:
    """Check that every process gets sentences of every batch.

    Args:
        batch: Pairs of sentences in a step.
        processes: Those that share it.

    Raises:
        SettingError: There are more processes.
    """
    if batch < processes.count:
        raise SettingError(
            f"batch is {batch}, but {processes.count} processes share it; give a batch of at least {processes.count}, "
            "or start fewer processes"
        )


def check_same_step(done: int, processes: Processes) -> None:
    """Check that all processes go on from one step.

    Args:
        done: Steps that this process has done.
        processes: This one among its fellows.

    Raises:
        ArtifactError: They do not: not all of them see the same work in progress.
    """
    import torch

    mine = torch.tensor([[done]], device=processes.device)
    steps = sorted(set(processes.gather(mine, processes.count)[:, 0].tolist()))
    if len(steps) > 1:
        raise ArtifactError(
            f"the processes would resume from different steps ({', '.join(map(str, steps))}): not all of them see the "
            "same checkpoints; write to a folder that they share, or remove the checkpoints to start again"
        )


def is_first() -> bool:
    """Tell whether this process is alone or the first of several: the one that speaks."""
    return os.environ.get("RANK", "0") == "0"


def processes(device: torch.device, *, accelerated: bool | None = None) -> Processes:
    """Return this process among its fellows.

    Args:
        device: Where one that is alone computes.
        accelerated: Whether accelerate is asked; left out, where ``accelerate launch`` has started the program.

    Raises:
        MissingExtraError: accelerate is needed and not installed.
    """
    if accelerated is None:
        accelerated = _LAUNCHED in os.environ or int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not accelerated:
        return Alone(device)
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise MissingExtraError("pre-training in several processes", "pretrain") from error
    return Together(Accelerator(cpu=device.type == "cpu"))
