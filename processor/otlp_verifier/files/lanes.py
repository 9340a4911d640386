"""Chunks of whole traces verified several at once, each in a thread with a worker of its own, and taken in order.

Nearly all of a chunk's time is in C and in kernels, which let other threads run. What
comes of a chunk does not depend on the others, so neither does the report.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import msgspec

from otlp_verifier.wire.partition import Gathered
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit
from otlp_verifier.worker import Outcome, Worker

LANES_MAX: Final = 4  # beyond, the one thread that gathers chunks and takes what comes of them is the limit

Verified = Outcome | MalformedRequest | RequestOverLimit
Verify = Callable[[Worker, Gathered], Verified]


def lane_count() -> int:
    """How many chunks are worth being verified at once: one for each core that the process may use."""
    return min(len(os.sched_getaffinity(0)), LANES_MAX)


class Taken(msgspec.Struct, frozen=True):
    """A chunk that was verified.

    Attributes:
        gathered: the chunk.
        worker: whose arena holds it.
        verified: what came of it, or why it was refused.

    """

    gathered: Gathered
    worker: Worker
    verified: Verified


class Lanes:
    """Workers in a row; a chunk stays in its worker's arena until it has been taken.

    Args:
        first: a worker.
        more: makes others, should there be more than one chunk.
        verify: called in a thread.
        most: how many workers there are in the end.

    """

    def __init__(self, first: Worker, more: Callable[[], Worker], verify: Verify, most: int) -> None:
        self._idle = deque([first])
        self._more = more
        self._verify = verify
        self._most = most
        self._started: deque[tuple[Gathered, Worker, Future[Verified]]] = deque()
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="check")

    @contextmanager
    def open(self) -> Iterator[None]:
        """Have threads, which have ended afterwards: chunks that no thread has begun with are left.

        What was verified last can still be read then.
        """
        try:
            yield
        finally:
            self._threads.shutdown(cancel_futures=True)
            for worker in (*self._idle, *(worker for _, worker, _ in self._started)):
                worker.engine.close()

    @property
    def is_full(self) -> bool:
        """Whether a chunk has to be taken before the next one is started."""
        return len(self._started) == self._most

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be taken."""
        return not self._started

    def start(self, gathered: Gathered) -> None:
        """Verify a chunk while this thread goes on."""
        worker = self._idle.popleft() if self._idle else self._more()
        self._started.append((gathered, worker, self._threads.submit(self._verify, worker, gathered)))

    @contextmanager
    def taken(self) -> Iterator[Taken]:
        """Take the chunk that was started first; afterwards its worker is free for another."""
        gathered, worker, future = self._started.popleft()
        try:
            verified = future.result()
        finally:
            del future  # through the frames that an error has passed, the error would hold itself, and the chunk
        yield Taken(gathered, worker, verified)
        self._idle.append(worker)
