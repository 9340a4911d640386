"""Child processes that never outlive their parent's `with` block, and that show their log when they fail."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.02


class StartError(Exception):
    """A part did not start, or ended when it should not have; the message holds the end of its log."""


class Process:
    """One child process whose output goes to a log file.

    It gets a session of its own, so that Ctrl-C in the terminal reaches only the
    parent, which then stops its children in the order that loses no data.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603  # our own commands, no shell
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or None while it runs; negative when a signal ended it."""
        return self._child.poll()

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float = 60.0) -> Self:
        """Return once `ready()` holds.

        Raises:
            StartError: the process ended first, or `timeout_s` passed.

        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.returncode is not None:
                raise StartError(f"{self.name} ended with status {self.returncode} before {what}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name}: not {what} after {timeout_s:g} s\n{self.tail()}")
            time.sleep(_POLL_S)
        return self

    def stop(self, timeout_s: float = 15.0) -> int:
        """Ask it to end (SIGTERM), insist after `timeout_s` (SIGKILL), and return its exit status."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._child.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL), as the kernel would when memory runs out."""
        self._child.kill()
        self._child.wait()

    def tail(self, lines: int = 25) -> str:
        """Return the end of its log."""
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.log}, the last lines:", *text[-lines:]])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
