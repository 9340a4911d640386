"""What the time of a batch is made of: the stages of an engine, timed where Python calls them or where chains run."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from unittest import mock

from otlp_verifier.kernels import Link, Steps, chain, link
from otlp_verifier.verify import Engine

MACHINE: Final = "machine"  # steps that are nobody else's
# Stage, whose methods, their names. An engine has only what its rules need, and uses only what they need for batches.
_CALLED: Final[Sequence[tuple[str, Callable[[Engine], Any], Sequence[str]]]] = (
    ("scan", lambda engine: engine.columns, ("load",)),
    ("tree", lambda engine: engine._tree, ("load", "find_targets")),
    ("clocks", lambda engine: engine._clocks, ("load",)),
    ("jobs", lambda engine: engine._jobs, ("run",)),
)
# The same of those that give steps of chains.
_LINKED: Final[Sequence[tuple[str, Callable[[Engine], Any], Sequence[str]]]] = (
    ("relate", lambda engine: engine.relations, ("step",)),
    ("shapes", lambda engine: engine._shapes, ("step",)),
    ("lookups", lambda engine: engine._lookups, ("steps", "key_steps")),
    ("keys", lambda engine: engine._keys, ("steps",)),
    ("attributes", lambda engine: engine._faults, ("steps", "version_steps")),
    ("sensitive", lambda engine: engine._sensitive, ("steps",)),
)


class Stages:
    """Times of the stages of engines that are watched before they run.

    Attributes:
        names: of the stages that the engines have.
        spent: ns by stage, added up until somebody clears it.

    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.names = {MACHINE}
        self.spent: dict[str, int] = defaultdict(int)
        self._clock = clock
        self._of_steps: dict[int, str] = {}  # by the arguments of a step, which live as long as it does

    def watch(self, engine: Engine) -> None:
        """Time the stages of an engine."""
        for parts, wrap in ((_CALLED, self.time), (_LINKED, self._name)):
            for stage, of, methods in parts:
                owner = of(engine)
                for method in methods if owner is not None else ():
                    wrap(owner, method, stage)

    def time(self, owner: Any, method: str, stage: str) -> None:
        """Have a method of one object add its time to a stage."""

        def timed(inner: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            start = self._clock()
            result = inner(*arguments, **named)
            self.spent[stage] += self._clock() - start
            return result

        self._replace(owner, method, stage, timed)

    @contextmanager
    def linked(self) -> Iterator[None]:
        """Chains that are made meanwhile are run step by step, each a call of Python, which counts as the step's."""
        with mock.patch.object(chain, "link", self._link):
            yield

    def _name(self, owner: Any, method: str, stage: str) -> None:
        """Have a method say whose the steps are that it gives."""

        def named(inner: Callable[..., Any], *arguments: Any) -> Any:
            given = inner(*arguments)
            for step in [given] if isinstance(given, chain.Step) else given:
                self._of_steps[id(step.arguments)] = stage
            return given

        self._replace(owner, method, stage, named)

    def _replace(self, owner: Any, method: str, stage: str, by: Callable[..., Any]) -> None:
        """Replace a method of one object by `by`, which gets the method first."""
        inner = getattr(owner, method, None)
        if inner is None:
            raise RuntimeError(f"stage {stage}: {type(owner).__name__} has no {method}")
        self.names.add(stage)
        setattr(owner, method, partial(by, inner))

    def _link(self, steps: Steps) -> Link:
        links = [link([each]) for each in steps]
        stages = [self._of_steps.get(id(arguments), MACHINE) for _, arguments in steps]

        def run(buffer: bytes | memoryview, first: int) -> tuple[int, int] | None:
            for at in range(first, len(links)):
                start = self._clock()
                stopped = links[at](buffer, 0)
                self.spent[stages[at]] += self._clock() - start
                if stopped is not None:
                    return at, stopped[1]
            return None

        return run
