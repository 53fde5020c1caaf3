"""A bounded queue whose waiting requests are answered together by one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
_LOG = logging.getLogger("relscout.serve")
#: Weight of the newest batch in the mean time of a request.
_NEWEST = 0.2


class QueueFullError(Exception):
    """The queue is full.

    Args:
        seconds: Expected time until the waiting requests are answered.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the queue is full for about {seconds:.1f} s")
        self.seconds = seconds


class ClosedError(Exception):
    """The batcher accepts no more requests."""


class Batcher(Generic[Q, A]):
    """Answers requests in one thread, as many together as wait when it is free.

    A request that waits alone is answered at once: no time is spent waiting for others.

    Args:
        answer: Returns an answer, or the error to raise, for each of several requests. Called in the thread only.
        capacity: Most requests that wait.
        most: Most requests that are answered together.
        prepare: Called first in the thread; :attr:`is_ready` is true after it.
        on_batch: Called with the number of requests of each batch, before it is answered.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Q]], Sequence[A | Exception]],
        *,
        capacity: int,
        most: int,
        prepare: Callable[[], object] = lambda: None,
        on_batch: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._answer, self._prepare = answer, prepare
        self._capacity, self._most = capacity, most
        self.on_batch = on_batch
        self._queue: deque[tuple[Q, Future[A]]] = deque()
        self._changed = threading.Condition()
        self._closed = self._prepared = False
        self._seconds = 0.1
        self._thread = threading.Thread(target=self._work, name="relscout-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return len(self._queue)

    @property
    def is_ready(self) -> bool:
        """Whether requests are accepted and answered."""
        return self._prepared and not self._closed and self._thread.is_alive()

    def submit(self, request: Q) -> Future[A]:
        """Return the future answer of a request; cancelling it takes the request out before its turn.

        Raises:
            QueueFullError: Too many requests wait.
            ClosedError: The batcher is closed.
        """
        future: Future[A] = Future()
        with self._changed:
            if self._closed:
                raise ClosedError
            if len(self._queue) >= self._capacity:
                # cancelled requests leave the queue
                self._queue = deque(entry for entry in self._queue if not entry[1].cancelled())
            if len(self._queue) >= self._capacity:
                raise QueueFullError(len(self._queue) * self._seconds)
            self._queue.append((request, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Accept no more requests, answer those that wait, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        try:
            self._prepare()
        except Exception:
            _LOG.exception("the model cannot be prepared")
        else:
            self._prepared = True
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return
                taken = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            batch = [(request, future) for request, future in taken if future.set_running_or_notify_cancel()]
            if batch:
                self._answer_batch(batch)

    def _answer_batch(self, batch: Sequence[tuple[Q, Future[A]]]) -> None:
        self.on_batch(len(batch))
        started = time.perf_counter()
        answers: Sequence[A | Exception]
        try:
            answers = self._answer([request for request, _ in batch])
        except Exception as error:
            _LOG.exception("a batch failed")
            answers = [error] * len(batch)
        per_request = (time.perf_counter() - started) / len(batch)
        self._seconds += _NEWEST * (per_request - self._seconds)
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
