"""Unix sockets as files: replaced when nobody listens, never taken from a living process, removed at the end."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SocketInUseError(OSError):
    """The path of a Unix socket cannot be listened on."""


class SocketFile:
    """The file of one listening Unix socket."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self._mode = mode
        self._identity: tuple[int, int] | None = None

    @contextmanager
    def binding(self) -> Iterator[None]:
        """Around the call that binds: makes way for it, and gives the file its permissions from its first moment.

        gRPC itself would take the path from whoever listens there.

        Raises:
            SocketInUseError: another process listens there, the file is no socket, or its folder does not exist.

        """
        self._make_way()
        before = os.umask(0o777 & ~self._mode)
        try:
            yield
        finally:
            os.umask(before)
        self._identity = _identity(self.path)

    def remove(self) -> None:
        """Remove the file, unless it is another process's by now."""
        if self._identity is not None and _identity(self.path) == self._identity:
            self.path.unlink(missing_ok=True)
        self._identity = None

    def _make_way(self) -> None:
        if not self.path.parent.is_dir():
            raise SocketInUseError(f"the folder {self.path.parent} does not exist")
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise SocketInUseError(f"{self.path} exists and is no socket")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self.path))
            except ConnectionRefusedError:  # left behind by a process that is gone
                self.path.unlink(missing_ok=True)
                return
            except OSError as error:  # a full backlog, no permission: somebody is there or it cannot be known
                raise SocketInUseError(f"{self.path} cannot be taken over: {error.strerror or error}") from error
        raise SocketInUseError(f"another process listens on {self.path}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
