"""Logs and findings in the log: one line each, fields and not sentences, and never too many."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client import Counter

from otlp_verifier.serve import findings, logs
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.logs import Sparingly
from otlp_verifier.settings.model import Log


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        for module in (logs, findings):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.writer.cache_clear()  # a new one, for the standard error of this test
    yield root
    logs.writer.cache_clear()
    logging.captureWarnings(False)
    root.handlers[:], _ = before
    root.setLevel(before[1])


def test_json_lines(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(level="info"))
    log = logging.getLogger("otlp_verifier.test")
    log.debug("left out")
    log.warning("a 'message'\nof two lines", extra={"event": "test", "count": 3, "peer": None})
    logs.writer().flush()
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("+00:00")
    assert entry == {
        "message": "a 'message'\nof two lines",
        "level": "WARNING",
        "logger": "otlp_verifier.test",
        "event": "test",
        "count": 3,
        "peer": None,
    }


def test_text_lines(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(format="text", level="error"))
    logging.getLogger("a").error("broken", extra={"event": "test", "count": 3})
    logging.getLogger("a").warning("left out")
    logs.writer().flush()
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(" ERROR   broken event=test count=3")


def test_configured_twice_logs_once(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log())
    logs.configure(Log(format="text"))
    logging.getLogger("a").error("once")
    logs.writer().flush()
    assert len(capsys.readouterr().err.splitlines()) == 1


class Stuck(io.StringIO):
    """A standard error whose reader hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()

    def write(self, line: str) -> int:
        self.reads.wait(10)
        return super().write(line)


def test_a_reader_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LINES_WAITING_MAX", 10)
    monkeypatch.setattr(logs, "FLUSH_S_MAX", 0.01)
    stream = Stuck()
    writer = logs.Writer(stream)
    for number in range(100):
        writer.handle(logging.makeLogRecord({"msg": f"line {number}"}))
    writer.flush()
    assert writer.dropped in (89, 90)  # one may be on its way
    stream.reads.set()
    monkeypatch.setattr(logs, "FLUSH_S_MAX", 10)
    writer.flush()
    assert stream.getvalue().startswith("line 0\nline 1\n")
    assert len(stream.getvalue().splitlines()) == 100 - writer.dropped


def test_a_reader_that_is_gone_is_counted() -> None:
    stream = io.StringIO()
    stream.close()
    writer = logs.Writer(stream)
    writer.handle(logging.makeLogRecord({"msg": "nobody hears this"}))
    writer.flush()
    assert writer.dropped == 1


def test_sparingly(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = Sparingly(logging.getLogger("s"), interval_s=10)
    for _ in range(4):
        log.log("a", logging.WARNING, "first")
    log.log("b", logging.WARNING, "other kind")
    clock.now_s += 10
    log.log("a", logging.WARNING, "again")
    log.log("a", logging.WARNING, "not yet")
    assert [(record.message, record.__dict__["left_out"]) for record in caplog.records] == [
        ("first", 0),
        ("other kind", 0),
        ("again", 3),
    ]


def test_sparingly_is_bounded(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = Sparingly(logging.getLogger("s"))
    for number in range(3 * Sparingly.KINDS_MAX):
        log.log(f"kind {number}", logging.WARNING, "x")
    assert len(caplog.records) == Sparingly.KINDS_MAX + 1


@dataclass
class ScriptedFinding:
    rule: str
    severity: str = "error"
    trace_id: str = "01"
    span_id: str = "02"
    service: str = "shop"
    message: str = "it is wrong"
    help: str = "https://example.com/spec"


class ScriptedOutcome:
    def __init__(self, found: int) -> None:
        self.found = found
        self.rendered = 0

    def findings(self, most: int) -> list[ScriptedFinding]:
        self.rendered += min(most, self.found)
        return [ScriptedFinding(f"rule-{number}") for number in range(min(most, self.found))]


def logged(records: list[logging.LogRecord], event: str) -> list[logging.LogRecord]:
    return [record for record in records if record.__dict__["event"] == event]


def test_findings_up_to_the_rate(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    unlogged = Counter("unlogged", "For this test", registry=None)
    log = FindingLog(5, unlogged)
    outcomes = [ScriptedOutcome(found) for found in (2, 4, 100)]
    for outcome in outcomes:
        log.batch(outcome, outcome.found)  # type: ignore[arg-type]
    assert [outcome.rendered for outcome in outcomes] == [2, 3, 0]
    assert unlogged._value.get() == 101
    first = logged(caplog.records, "finding")[0].__dict__
    assert (first["rule"], first["trace_id"], first["span_id"]) == ("rule-0", "01", "02")
    assert (first["severity"], first["service"], first["message"]) == ("error", "shop", "it is wrong")
    assert first["help"] == "https://example.com/spec"
    clock.now_s += 1
    log.batch(ScriptedOutcome(1), 1)  # type: ignore[arg-type]
    assert [record.__dict__["count"] for record in logged(caplog.records, "findings_suppressed")] == [101]
    assert len(logged(caplog.records, "finding")) == 6


def test_no_findings_when_turned_off(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outcome = ScriptedOutcome(3)
    FindingLog(0, Counter("unlogged", "For this test", registry=None)).batch(outcome, 3)  # type: ignore[arg-type]
    assert outcome.rendered == 0
    assert not logged(caplog.records, "finding")


def test_threads_share_one_rate(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    unlogged = Counter("unlogged", "For this test", registry=None)
    log = FindingLog(50, unlogged)

    def work() -> None:
        for _ in range(100):
            log.batch(ScriptedOutcome(1), 1)  # type: ignore[arg-type]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logged(caplog.records, "finding")) == 50
    assert unlogged._value.get() == 350
