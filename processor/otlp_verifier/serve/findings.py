"""Findings in the log: a few per second, the others counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from otlp_verifier.worker import Outcome


_log = logging.getLogger("otlp_verifier.findings")


class FindingLog:
    """Writes at most `per_second` findings in any one second; may be changed while running."""

    def __init__(self, per_second: int, unlogged: Counter) -> None:
        self.per_second = per_second
        self._unlogged = unlogged
        self._lock = threading.Lock()
        self._second_began_s = 0.0
        self._left = per_second
        self._suppressed = 0

    def batch(self, outcome: Outcome, found: int) -> None:
        """Log what may be logged of `found` findings; the outcome's worker must not have been given back."""
        now = time.monotonic()
        with self._lock:
            suppressed = 0
            if now - self._second_began_s >= 1.0:
                self._second_began_s, self._left = now, self.per_second
                suppressed, self._suppressed = self._suppressed, 0
            most = min(self._left, found)
            self._left -= most
            self._suppressed += found - most
        if found > most:
            self._unlogged.inc(found - most)
        if suppressed:
            _log.info("findings left out of the log", extra={"event": "findings_suppressed", "count": suppressed})
        for finding in outcome.findings(most) if most else ():
            fields = {
                "event": "finding",
                "rule": finding.rule,
                "severity": finding.severity,
                "trace_id": finding.trace_id,
                "span_id": finding.span_id,
                "service": finding.service,
                "help": finding.help,
            }
            _log.info(finding.message, extra=fields)
