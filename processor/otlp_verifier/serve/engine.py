"""One generation of rules and policies, and the workers that apply them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from otlp_verifier.findings.template import check_messages
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import Rule, located
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors
from otlp_verifier.selection import loaded, selected
from otlp_verifier.settings import Settings, SettingsFile

if TYPE_CHECKING:
    from otlp_verifier.worker import Worker

# Columns grow to the largest batch that a worker has seen and stay: beyond this the next batches are better served by
# a new worker than by hundreds of megabytes that nobody uses.
WORKER_KEPT_BYTES_MAX: Final = 4 << 20


class Engine:
    """A verifier with its idle workers.

    The one used last is lent first: its columns are still in the cache. Lending one that is idle takes no lock.
    """

    def __init__(self, verifier: Verifier, settings: Settings, workers: int) -> None:
        self.verifier: Final = verifier
        self.profiles: Final = frozenset(settings.profiles) | {""}
        self._idle = deque(verifier.worker() for _ in range(workers))
        self._freed = threading.Condition()
        self._waiting = 0

    def lend(self, timeout_s: float) -> Worker | None:
        """An idle worker, or None when none became idle in time."""
        if (worker := self._pop()) is not None:
            return worker
        deadline_s = time.monotonic() + timeout_s
        with self._freed:
            # Whoever gives back appends first and looks at this number then; here it is the other way round, so that
            # one of the two sees what the other did.
            self._waiting += 1
            try:
                while (worker := self._pop()) is None:
                    if not self._freed.wait(deadline_s - time.monotonic()):
                        return self._pop()
                return worker
            finally:
                self._waiting -= 1

    def give_back(self, worker: Worker, batch_bytes: int) -> None:
        """Make `worker` idle again after a batch of that size."""
        self._push(worker if batch_bytes <= WORKER_KEPT_BYTES_MAX else self.verifier.worker())

    def discard(self) -> None:
        """Replace a worker that failed: what its columns hold is not known."""
        self._push(self.verifier.worker())

    def _pop(self) -> Worker | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _push(self, worker: Worker) -> None:
        self._idle.append(worker)
        if self._waiting:
            with self._freed:
                self._freed.notify()


def compiled(file: SettingsFile) -> Verifier:
    """Select and compile the rules; kernels are not loaded yet, see `Verifier.warm_up`.

    Raises:
        SettingsError: a mistake in the configuration.
        RuleFileErrors: all mistakes in files of rules and of registries, or all in the rules themselves.

    """
    settings = file.settings
    own = loaded(file)
    rules = selected(file, own)
    try:
        return Verifier(
            rules, {"": settings.policy, **settings.profiles}, settings.limits, own.registries if own else None
        )
    except RuleErrors as errors:
        raise RuleFileErrors(_mistakes(rules)) from errors


def _mistakes(rules: Iterable[Rule]) -> Iterator[RuleFileError]:
    """All mistakes of the rules, with the file and the line of the file.

    One rule after the other, as an error knows no more than its rule's id, which the parts of a rule share.
    """
    for rule in rules:
        try:
            compile_rules([Source(rule.id, rule.rule, rule.parameters)])
        except RuleErrors as errors:
            yield from (located(error, [rule]) for error in errors.errors)
            continue
        try:
            check_messages([rule])
        except RuleErrors as errors:
            for error in errors.errors:
                yield RuleFileError(rule.file, rule.message_line + error.line - 1, str(error))
