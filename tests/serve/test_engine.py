"""Lending workers: never one to two, none lost, the warm one first."""

import threading
import time
from typing import Any

from otlp_verifier.serve.engine import WORKER_KEPT_BYTES_MAX, Engine
from otlp_verifier.settings import Settings


class ScriptedVerifier:
    rule_ids = ("a", "b", "a")

    def worker(self) -> Any:
        return object()


def engine(workers: int) -> Engine:
    return Engine(ScriptedVerifier(), Settings(), workers)  # type: ignore[arg-type]


def test_the_worker_used_last_is_lent_first() -> None:
    lent = engine(3)
    first, second = lent.lend(0), lent.lend(0)
    assert first is not None
    assert second is not None
    lent.give_back(second, 10)
    lent.give_back(first, 10)
    assert lent.lend(0) is first


def test_no_more_than_there_are() -> None:
    lent = engine(2)
    assert lent.lend(0.01) is not lent.lend(0.01)
    began_s = time.monotonic()
    assert lent.lend(0.05) is None
    assert time.monotonic() - began_s >= 0.05


def test_grown_and_failed_workers_are_replaced() -> None:
    lent = engine(1)
    worker = lent.lend(0)
    assert worker is not None
    lent.give_back(worker, WORKER_KEPT_BYTES_MAX)
    assert lent.lend(0) is worker
    lent.give_back(worker, WORKER_KEPT_BYTES_MAX + 1)
    assert lent.lend(0) is not worker
    lent.discard()
    assert lent.lend(0) is not None
    assert lent.lend(0) is None


def test_whoever_waits_gets_one() -> None:
    """Threads that take turns with fewer workers than there are threads: each turn has its worker to itself."""
    lent = engine(2)
    held: set[int] = set()
    wrong: list[str] = []
    turns = 300

    def work() -> None:
        for _ in range(turns):
            worker = lent.lend(30)
            if worker is None:
                wrong.append("waited in vain")
                return
            if id(worker) in held:
                wrong.append("lent twice")
            held.add(id(worker))
            time.sleep(0)
            held.discard(id(worker))
            lent.give_back(worker, 1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
