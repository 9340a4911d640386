"""Logs: one line per event on standard error, as JSON or for people; never one line per bad request."""

import functools
import logging
import queue
import sys
import threading
import time
from typing import Final, TextIO

from pythonjsonlogger.json import JsonFormatter

from otlp_verifier.settings.model import Log

LINES_WAITING_MAX: Final = 4096
FLUSH_S_MAX: Final = 2.0
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """`time LEVEL message key=value ...`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """The line with the event's own fields behind it."""
        own = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        return " ".join([super().formatMessage(record), *(f"{key}={value}" for key, value in own.items())])


class Writer(logging.Handler):
    """Writes lines in a thread of its own: whoever reads standard error and hangs must not hold up requests.

    Attributes:
        stream: where lines go.
        dropped: lines that found no room, or could not be written.

    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream
        self.dropped = 0
        self._lines: queue.Queue[str] = queue.Queue(LINES_WAITING_MAX)
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one line over."""
        try:
            self._lines.put_nowait(self.format(record) + "\n")
        except queue.Full:
            self.dropped += 1

    def flush(self) -> None:
        """Wait until everything is written, but not for ever."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: self._lines.unfinished_tasks == 0, FLUSH_S_MAX)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self.stream.write(line)
                self.stream.flush()
            except (OSError, ValueError):  # a closed pipe, a closed file
                self.dropped += 1
            self._lines.task_done()


@functools.cache
def writer() -> Writer:
    """The one writer of the process."""
    return Writer(sys.stderr)


def configure(settings: Log) -> None:
    """Send all logs of the process to standard error; calling it again changes level and format."""
    if settings.format == "json":
        renamed = {"levelname": "level", "name": "logger"}
        writer().setFormatter(JsonFormatter("%(message)s%(levelname)s%(name)s", timestamp=True, rename_fields=renamed))
    else:
        writer().setFormatter(TextFormatter())
    root = logging.getLogger()
    root.setLevel(settings.level.upper())
    root.handlers[:] = [writer()]
    logging.captureWarnings(True)


class Sparingly:
    """Logs the first event of each kind, then at most one per interval with the number left out since."""

    KINDS_MAX: Final = 1024  # beyond these, kinds share one: what a peer can vary must not grow our memory

    def __init__(self, logger: logging.Logger, interval_s: float = 10.0) -> None:
        self._logger = logger
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}  # when one was logged last, how many were left out since

    def log(self, kind: str, level: int, message: str, *, trace: bool = False, **fields: object) -> None:
        """Log `message` with `fields`, and with the current exception's traceback where `trace` is set."""
        now = time.monotonic()
        with self._lock:
            if kind not in self._kinds and len(self._kinds) >= self.KINDS_MAX:
                kind = "other"
            last, left_out = self._kinds.get(kind, (-self._interval_s, 0))
            if now - last < self._interval_s:
                self._kinds[kind] = (last, left_out + 1)
                return
            self._kinds[kind] = (now, 0)
        self._logger.log(level, message, exc_info=trace, extra={**fields, "left_out": left_out})
