"""A bounded queue whose waiting requests are answered together, by two threads in turn."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
W = TypeVar("W")
A = TypeVar("A")
_LOG = logging.getLogger("relscout.serve")
#: Weight of a batch, relative to the next, in what is learnt from past batches.
_FADING = 0.9
#: Least variance of the work of past batches, relative to its square, from which their times are fitted.
_LEAST_VARIANCE = 0.01


class QueueFullError(Exception):
    """The queue is full, or a request would wait too long.

    Args:
        waiting: Number of requests that wait.
        wait: Expected seconds until they are answered.
        seconds: Seconds after which to come back.
    """

    def __init__(self, waiting: int, wait: float, seconds: float) -> None:
        super().__init__(f"{waiting} requests wait already, for about {wait:.1f} s")
        self.waiting, self.wait, self.seconds = waiting, wait, seconds


class ClosedError(Exception):
    """The batcher accepts no more requests."""


class BatchCost:
    """The time of a batch as a constant and a multiple of its work, fitted to the past ones by least squares.

    The constant matters: small batches take more time for the same work, and a mean of theirs would refuse requests
    that could wait together.
    """

    def __init__(self) -> None:
        #: Sums of 1, work, squared work, seconds, and their product with the work.
        self._sums = [0.0] * 5

    def note(self, work: float, seconds: float) -> None:
        """Learn from a batch with so much work, which took so many seconds."""
        new = (1.0, work, work * work, seconds, work * seconds)
        self._sums = [_FADING * old + more for old, more in zip(self._sums, new, strict=True)]

    def seconds(self, batches: int, work: float) -> float:
        """Return the expected seconds of some batches with so much work; 0 before the first was noted."""
        count, sum_work, squares, sum_seconds, products = self._sums
        if not sum_work:
            return 0.0
        steepest = sum_seconds / sum_work
        variance = count * squares - sum_work**2
        slope = steepest
        if variance > _LEAST_VARIANCE * sum_work**2:
            slope = min(max((count * products - sum_work * sum_seconds) / variance, 0.0), steepest)
        return batches * (sum_seconds - slope * sum_work) / count + slope * work


@dataclass(frozen=True)
class _Batch(Generic[W, A]):
    """Requests that were read, their futures and work, and when they were taken from the queue."""

    read: Sequence[W]
    futures: Sequence[Future[A]]
    work: float
    since: float


class Batcher(Generic[Q, W, A]):
    """Answers as many requests together as wait, in two steps: while a batch is answered, the next is read.

    A request that waits alone is answered at once: no time is spent waiting for others.

    Args:
        read: The first step for several requests. Called in a thread of its own.
        answer: The second step: returns an answer, or the error to raise, for each. Called in another thread.
        capacity: Most requests that wait.
        most: Most requests that are answered together.
        size: Work of a request, in any unit; it is proportional to the time that the request takes.
        longest_wait: Longest time that a request may be expected to wait for others, in seconds. A request that finds
            no other is accepted, whatever its size.
        prepare: Called first in the thread of the second step; :attr:`is_ready` is true after it.
        on_batch: Called with the number of requests of each batch, before it is read.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Q]], Sequence[W]],
        answer: Callable[[Sequence[W]], Sequence[A | Exception]],
        *,
        capacity: int,
        most: int,
        size: Callable[[Q], float] = lambda _: 1.0,
        longest_wait: float = math.inf,
        prepare: Callable[[], object] = lambda: None,
        on_batch: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._read, self._answer, self._prepare = read, answer, prepare
        self._capacity, self._most = capacity, most
        self._size, self._longest_wait = size, longest_wait
        self.on_batch = on_batch
        self._queue: deque[tuple[Q, Future[A]]] = deque()
        self._next: _Batch[W, A] | None = None
        self._changed = threading.Condition()
        self._closed = self._prepared = self._all_read = False
        #: Work and batches that were taken from the queue and are not done, and when the last batch was done.
        self._taken, self._taken_batches, self._done = 0.0, 0, 0.0
        self._cost = BatchCost()
        self._threads = [
            threading.Thread(target=work, name=f"relscout-{name}", daemon=True)
            for name, work in (("read", self._read_batches), ("model", self._answer_batches))
        ]
        # the other thread follows when all is prepared
        self._threads[1].start()

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return len(self._queue)

    @property
    def is_ready(self) -> bool:
        """Whether requests are accepted and answered."""
        return self._prepared and not self._closed and all(thread.is_alive() for thread in self._threads)

    def submit(self, request: Q) -> Future[A]:
        """Return the future answer of a request; cancelling it takes the request out before its turn.

        Raises:
            QueueFullError: Too many requests wait, or they take too long.
            ClosedError: The batcher is closed.
        """
        future: Future[A] = Future()
        with self._changed:
            if self._closed:
                raise ClosedError
            wait = self._expected_wait()
            if len(self._queue) >= self._capacity or wait > self._longest_wait:
                # cancelled requests leave the queue
                self._queue = deque(entry for entry in self._queue if not entry[1].cancelled())
                wait = self._expected_wait()
            if len(self._queue) >= self._capacity:
                raise QueueFullError(len(self._queue), wait, wait)
            if wait > self._longest_wait:
                raise QueueFullError(len(self._queue), wait, wait - self._longest_wait)
            self._queue.append((request, future))
            self._changed.notify_all()
        return future

    def _expected_wait(self) -> float:
        """Return the expected seconds until all requests before a new one are answered."""
        waiting = sum(self._size(request) for request, _ in self._queue)
        batches = math.ceil(len(self._queue) / self._most)
        return self._cost.seconds(self._taken_batches + batches, self._taken + waiting)

    def close(self) -> None:
        """Accept no more requests, answer those that wait, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # this one starts the other
        self._threads[1].join()
        self._threads[0].join()

    def _read_batches(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._next is None if self._queue else self._closed,
                )
                if not self._queue:
                    self._all_read = True
                    self._changed.notify_all()
                    return
                taken = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
                taken = [entry for entry in taken if entry[1].set_running_or_notify_cancel()]
                work = sum(self._size(request) for request, _ in taken)
                self._taken += work
                self._taken_batches += bool(taken)
            if taken:
                self._read_batch(taken, work)

    def _read_batch(self, taken: Sequence[tuple[Q, Future[A]]], work: float) -> None:
        self.on_batch(len(taken))
        since, futures = time.perf_counter(), [future for _, future in taken]
        try:
            read = self._read([request for request, _ in taken])
        except Exception as error:
            self._finish(futures, _failed(error, len(taken)), work, since)
            return
        with self._changed:
            self._next = _Batch(read, futures, work, since)
            self._changed.notify_all()

    def _answer_batches(self) -> None:
        try:
            self._prepare()
        except Exception:
            _LOG.exception("the model cannot be prepared")
        else:
            self._prepared = True
        self._threads[0].start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._all_read)
                batch, self._next = self._next, None
                self._changed.notify_all()
            if batch is None:
                return
            answers: Sequence[A | Exception]
            try:
                answers = self._answer(batch.read)
            except Exception as error:
                answers = _failed(error, len(batch.futures))
            self._finish(batch.futures, answers, batch.work, batch.since)

    def _finish(
        self, futures: Sequence[Future[A]], answers: Sequence[A | Exception], work: float, since: float
    ) -> None:
        """Set the answers of a batch, and learn from the time that it took."""
        with self._changed:
            now = time.perf_counter()
            self._cost.note(work, now - max(since, self._done))
            self._taken, self._taken_batches, self._done = self._taken - work, self._taken_batches - 1, now
        for future, answer in zip(futures, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _failed(error: Exception, count: int) -> list[Exception]:
    """Return the error of each request of a batch that failed, and log it."""
    _LOG.error("a batch failed", exc_info=error)
    return [error] * count
