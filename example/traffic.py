"""Requests to the shop: good ones all the time, and a fault every now and then, in turn."""

import itertools
import random
import threading
import time
from collections.abc import Callable

import requests

from example.faults import FAULTS

_PAUSE_S = 0.08
_FAULT_EVERY_S_MAX = 1.0
_TIMEOUT_S = 10


class Traffic:
    """A customer of the shop.

    Attributes:
        good: trace ids, in hex, of requests without a fault.
        faulty: fault name -> trace ids of requests with it.

    """

    def __init__(self, shop: str) -> None:
        self._shop = shop
        self.good: list[str] = []
        self.faulty: dict[str, list[str]] = {fault.name: [] for fault in FAULTS}

    def run(self, duration_s: float | None, stop: threading.Event, check: Callable[[], None]) -> None:
        """Send requests for `duration_s`, without end where it is None, or until `stop`; `check` between any two."""
        started = time.monotonic()
        # A short run meets every fault at least once, with time to spare.
        fault_every_s = min(_FAULT_EVERY_S_MAX, (duration_s or float("inf")) / (len(FAULTS) + 4))
        next_fault_s = fault_every_s
        names = itertools.cycle(self.faulty)
        while duration_s is None or time.monotonic() - started < duration_s:
            check()
            if time.monotonic() - started >= next_fault_s:
                next_fault_s += fault_every_s
                name = next(names)
                self.faulty[name].append(self._request("POST", "/checkout", {"fault": name}))
            elif random.random() < 0.5:  # noqa: S311  # customers are not a secret
                self.good.append(self._request("GET", "/products"))
            else:
                self.good.append(self._request("POST", "/checkout", {}))
            if stop.wait(_PAUSE_S):
                return

    def _request(self, method: str, path: str, order: dict[str, str] | None = None) -> str:
        answer = requests.request(method, f"{self._shop}{path}", json=order, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return str(answer.json()["trace"])
