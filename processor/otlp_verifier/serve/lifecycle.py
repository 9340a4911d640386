"""From start to exit: settings, rules, sockets, kernels, then signals until the process is told to stop."""

import gc
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec

from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.serve import logs, memory
from otlp_verifier.serve.desk import Desk
from otlp_verifier.serve.engine import Engine, compiled
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.http_server import HttpServer
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.metrics import Metrics
from otlp_verifier.serve.server import MESSAGE_SLACK_BYTES, SPARE_THREADS, Server
from otlp_verifier.serve.stream import Streams
from otlp_verifier.settings import Settings, SettingsError, SettingsFile, load
from otlp_verifier.wire.protobuf import ProtobufError, require_upb

CONFIGURATION_ERRORS: Final = (SettingsError, RuleFileErrors)
# Settings that a reload puts into effect; the others need a restart.
RELOADED: Final = frozenset({"policy", "profiles", "rules", "registries", "log", "findings", "shutdown"})
QUIET_S: Final = 0.05  # without a request this long, a drained server has answered what was on its way
_POLL_S: Final = 0.01
# How long a thread may keep the interpreter while another wants it. While a reload compiles rules, the slowest batch in
# a hundred took 33 to 46 ms with Python's default of 5 ms, and takes 17 to 22 ms with this.
SWITCH_INTERVAL_S: Final = 0.0005

_log = logging.getLogger("otlp_verifier")


class Stopped(BaseException):
    """SIGTERM or SIGINT came before the process was ready."""


class Signals:
    """Signals as a queue that the main thread reads.

    The queue is a pipe that the interpreter's own handler writes to: a thread that waits for a lock sleeps on when the
    signal comes just before it falls asleep, or comes to another thread.

    Attributes:
        starting: nothing is being served: a signal to stop ends whatever the main thread is doing.

    """

    def __init__(self) -> None:
        self.starting = True
        self._stops = 0
        self._arrived, writable = os.pipe()
        os.set_blocking(writable, False)
        signal.set_wakeup_fd(writable)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._arrive)

    def wait(self) -> int:
        """The next signal."""
        return os.read(self._arrived, 1)[0]

    def _arrive(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            return
        self._stops += 1
        if self._stops > 1:
            os._exit(128 + number)
        if self.starting:
            raise Stopped


class Process:
    """Everything that runs, in one place.

    Raises (from the constructor):
        SettingsError, RuleFileErrors: the configuration cannot be used.
        OSError: an address cannot be listened on.

    """

    def __init__(self, path: Path | None, version: str) -> None:
        try:
            require_upb()
        except ProtobufError as error:
            raise SettingsError(str(error)) from error
        self._began_s = time.perf_counter()
        self._path = path
        self._file = load(path)
        settings = self._file.settings
        logs.configure(settings.log)
        self._workers = settings.workers or os.cpu_count() or 1
        self._verifier = compiled(self._file)
        self._load = Load(settings.limits.streams, settings.limits.requests_in_flight)
        self._metrics = Metrics(self._load, version)
        self._findings = FindingLog(settings.findings.log_per_second, self._metrics.findings_unlogged)
        desk = _desk(settings, self._load)
        self._streams = Streams(settings.limits, self._load, self._metrics, self._findings, version, desk)
        self._reload: dict[str, Any] = {}
        self._http: HttpServer | None = None
        self._server = Server(self._file, self._streams.handler(), desk)
        try:
            if settings.http is not None:
                self._http = HttpServer(settings.http, self._metrics.registry, self._state)
        except OSError as error:
            self._server.stop(0)
            raise OSError(f"cannot listen on {settings.http}: {error.strerror or error}") from error

    def run(self, signals: Signals) -> int:
        """Serve until SIGTERM or SIGINT; how many requests were left unanswered."""
        self._server.start()
        try:
            self._log_start()
            self._verifier.warm_up()
            self._adopt(Engine(self._verifier, self._file.settings, self._workers), self._file)
            # What exists now lives as long as the process: the collector of cycles need not look at it again, and a
            # full collection costs what the requests since left behind.
            gc.collect()
            gc.freeze()
            signals.starting = False
            self._server.serving()
            self._metrics.ready.set(1)
            _log.info("ready", extra={"event": "ready", "seconds": round(time.perf_counter() - self._began_s, 3)})
            while signals.wait() == signal.SIGHUP:
                self.reload()
        finally:
            unanswered = self._drain()
        return unanswered

    def reload(self) -> None:
        """Read the configuration again: all of it comes into effect, or none."""
        try:
            file = load(self._path)
            restart = _restart(self._file.settings, file.settings)
            # The verifier works under the limits that the server was built with.
            kept = {
                name: getattr(self._file.settings, name) for name in Settings.__struct_fields__ if name not in RELOADED
            }
            file = SettingsFile(file.path, msgspec.structs.replace(file.settings, **kept), file.node)
            verifier = compiled(file)
            verifier.warm_up()
            engine = Engine(verifier, file.settings, self._workers)
        except Exception as error:  # the old configuration stays, whatever is wrong with the new one
            self._metrics.reloads.labels("failure").inc()
            self._reload = {"outcome": "failure", "error": str(error)}
            known = isinstance(error, CONFIGURATION_ERRORS)
            _log.error(
                "configuration not reloaded, the old one stays",
                exc_info=None if known else error,
                extra={"event": "reload", "outcome": "failure", "error": str(error)},
            )
            return
        logs.configure(file.settings.log)
        self._findings.per_second = file.settings.findings.log_per_second
        self._adopt(engine, file)
        self._metrics.reloads.labels("success").inc()
        self._reload = {"outcome": "success"} | ({"needs_restart": restart} if restart else {})
        _log.log(
            logging.WARNING if restart else logging.INFO,
            "configuration reloaded" + (", some of it needs a restart" if restart else ""),
            extra={"event": "reload", "fingerprint": engine.verifier.fingerprint, **self._reload},
        )

    def _adopt(self, engine: Engine, file: SettingsFile) -> None:
        self._metrics.batches.start(engine.verifier.rule_ids)
        self._metrics.rules.set(engine.verifier.rule_count)
        self._verifier, self._file = engine.verifier, file
        self._streams.engine = engine

    def _drain(self) -> int:
        began_s = time.monotonic()
        timeout_s = self._file.settings.shutdown.drain_timeout.seconds
        self._metrics.ready.set(0)
        self._streams.draining = True
        self._server.refuse_new(timeout_s)
        while time.monotonic() - began_s < timeout_s and (
            self._load.quiet_for_s() < QUIET_S or time.monotonic() - began_s < QUIET_S
        ):
            time.sleep(_POLL_S)
        left = self._load.requests
        self._server.stop(0)
        if self._http is not None:
            self._http.close()
        extra = {"event": "stopped", "unanswered": left, "seconds": round(time.monotonic() - began_s, 3)}
        _log.log(logging.WARNING if left else logging.INFO, "stopped", extra=extra)
        return left

    def _log_start(self) -> None:
        extra = {
            "event": "listening",
            "listen": self._server.addresses,
            "http": None if self._http is None else "{}:{}".format(*self._http.server_address[:2]),
            "rules": self._verifier.rule_count,
            "workers": self._workers,
            "configuration": str(self._path or "defaults"),
            "seconds": round(time.perf_counter() - self._began_s, 3),
        }
        _log.info("listening", extra=extra)

    def _state(self) -> tuple[bool, dict[str, Any]]:
        status = "draining" if self._streams.draining else "ready" if self._streams.engine else "starting"
        return status == "ready", {
            "status": status,
            "rules": self._verifier.rule_count,
            "fingerprint": self._verifier.fingerprint,
            "streams": self._load.streams,
            "requests_in_flight": self._load.requests,
            "reload": self._reload,
        }


def run(path: Path | None, version: str) -> None:
    """Serve until told to stop; returns when all requests in flight have been answered."""
    signals = Signals()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        unanswered = Process(path, version).run(signals)
        if unanswered:  # the interpreter would wait for their threads, however long they take
            logging.shutdown()
            os._exit(0)
    except Stopped:
        _log.info("stopped before it was ready", extra={"event": "stopped"})


def _desk(settings: Settings, load: Load) -> Desk | None:
    if not (settings.shared_memory and memory.AVAILABLE):
        return None
    return Desk(load, settings.limits.streams + SPARE_THREADS, settings.limits.bytes + MESSAGE_SLACK_BYTES)


def _restart(old: Settings, new: Settings) -> list[str]:
    return [
        name for name in Settings.__struct_fields__ if name not in RELOADED and getattr(old, name) != getattr(new, name)
    ]
