"""What is sensitive in telemetry comes out nowhere: every class planted everywhere, every output searched for it."""

import logging
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import generate_latest

from otlp_verifier.cli import main
from otlp_verifier.files.phrases import shown
from otlp_verifier.findings.batch import Octets
from otlp_verifier.findings.wording import worded
from otlp_verifier.language.paths import Type
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules import catalogue
from otlp_verifier.sensitive.classes import NAMES
from otlp_verifier.serve import logs
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.metrics import Metrics
from otlp_verifier.settings.model import Log
from tests.rules.break_sensitive import BY_KEY, TEXTS
from tests.rules.clean import attribute, clean

# What of each text must not be seen: all of it but what an excerpt shows, and what is not sensitive about it.
HIDDEN = {
    "pii-credit-card": ["1111 1111 1111"],
    "pii-email": ["jane.doe", "mail.org"],
    "pii-ip": ["93.184.216"],
    "pii-phone": ["30 901820"],
    "pii-iban": ["0400440532"],
    "pii-national-id": ["219-41", "41-8873"],
    "pii-geo": ["52.520008", "13.404954"],
    "secret-jwt": ["eyJzdWIi", "c2lnbmF0"],
    "secret-aws-key-id": ["QYLPMN5H"],
    "secret-aws-secret": ["kX7vQ2mL"],
    "secret-bearer": ["mF9.B5f", "1JqM0a"],
    "secret-basic-auth": ["amFuZTpo"],
    "secret-private-key": ["MC4CAQAw"],
    "secret-vendor-token": ["kX7vQ2mL"],
    "secret-url-userinfo": ["hunter2"],
    "secret-dsn-password": ["hunter2"],
    "secret-signed-url": ["4a1b9c0d"],
    "pii-user-identity": ["quentin"],
    "secret-by-key-name": ["swordfish"],
    "secret-high-entropy": ["Zq8vQ2mL"],
}
SPANS = 3  # of each trace, whose others stay clean
ADDRESSED = ("server.port", "url.full", "service.peer.name", "peer.service")  # where an address may stand
KEYED = {
    **BY_KEY,
    "pii-user-identity": ("user.name", "quentin"),
    "secret-by-key-name": ("db.password", "swordfish"),
    "secret-high-entropy": ("shop.credential", "Zq8vQ2mLp9RtYw3Xb7NfHc4Jk1s6"),
}


def planted() -> ExportTraceServiceRequest:
    """A trace with each text in each place that has text, and mistakes besides, so that all of it is worth showing."""
    request = ExportTraceServiceRequest()
    for number, (name, text) in enumerate(TEXTS.items()):
        trace = clean(Random(number))
        for service in trace.services.values():
            if number % 2:
                service.resource.attributes[0].value.string_value = text
            service.resource.attributes.append(attribute("shop.note", text))
            scope = service.scope_spans[0].scope
            scope.name, scope.version = f"scope {text}", text
            scope.attributes.append(attribute(f"shop note {text}", text))
        for span in trace.all()[:SPANS]:
            span.name = f"call {text}"
            span.status.message = f"failed with {text}"
            span.trace_state = f"rojo={text}"
            span.events.add(name=f"event {text}").attributes.append(attribute("exception.message", text))
            span.links.add(trace_state=text).attributes.append(attribute("shop.note", text))
            span.end_time_unix_nano = span.start_time_unix_nano - 1
            span.attributes.extend(attribute(key, value) for key, value in KEYED.values())
            span.attributes.append(attribute(f"shop note {text}", text))
            for key in ("http.request.method", "db.query.text", "error.type", *(ADDRESSED if name != "pii-ip" else ())):
                span.attributes.append(attribute(key, f"see {text}"))
            span.attributes.add(key="shop.blob").value.bytes_value = text.encode()
            items = span.attributes.add(key="shop.list").value.array_value
            items.values.add().string_value = text
        request.MergeFrom(trace.request)
    return request


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planted") / "capture.pb"
    path.write_bytes(planted().SerializeToString())
    return path


def leaks(output: str) -> Iterator[str]:
    bare = unescape(output).replace("\\/", "/")
    for name, parts in HIDDEN.items():
        for part in parts:
            if part in bare or part.encode().hex() in bare:
                yield f"{name}: {bare[max(0, bare.find(part) - 60) : bare.find(part) + 60]!r}"


def test_every_class_is_planted_and_would_be_seen() -> None:
    assert set(HIDDEN) == set(NAMES)
    assert {each.partition(":")[0] for each in leaks(str([*TEXTS.values(), *KEYED.values()]))} == set(NAMES)


@pytest.mark.many
@pytest.mark.parametrize("form", ["terminal", "json", "junit", "sarif", "github", "html"])
def test_no_report_shows_it(form: str, capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.yaml").write_text("rules: {select: [all]}")
    arguments = ["check", str(capture), "--config", "v.yaml", "--output", form]
    result = CliRunner().invoke(main, arguments, prog_name="otlp-verifier", catch_exceptions=False)
    assert result.exit_code == 1
    assert not list(leaks(result.stdout)), form
    assert not list(leaks(result.stderr))
    assert "credit card number, 16" in result.stdout


@pytest.mark.many
def test_no_baseline_keeps_it(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.yaml").write_text("rules: {select: [all]}")
    arguments = ["check", str(capture), "--config", "v.yaml", "--baseline", "kept.json", "--write-baseline"]
    CliRunner().invoke(main, arguments, prog_name="otlp-verifier", catch_exceptions=False)
    written = (tmp_path / "kept.json").read_text()
    assert "pii-credit-card" in written
    assert not list(leaks(written))


@pytest.mark.many
def test_no_finding_and_no_log_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Verifier(catalogue.builtin()).worker().verify(planted().SerializeToString())
    findings = outcome.findings(100_000)
    assert {finding.rule for finding in findings} >= set(NAMES)
    for finding in findings:
        assert not list(leaks(repr(finding)))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.writer.cache_clear()  # a new one, for the standard error of this test
    try:
        for form in ("json", "text"):
            logs.configure(Log(format=form))
            metrics = Metrics(Load(1, 1), "1.0")
            FindingLog(4_000, metrics.findings_unlogged).batch(outcome, len(findings))
            logs.writer().flush()
            written = capsys.readouterr().err
            assert "credit card number" in written
            assert not list(leaks(written))
            assert not list(leaks(generate_latest(metrics.registry).decode()))
    finally:
        logs.writer.cache_clear()
        root.handlers[:] = before
        root.setLevel(level)


@pytest.mark.parametrize(("name", "text"), TEXTS.items())
def test_what_is_said_of_a_file_does_not_show_it(name: str, text: str) -> None:
    for content in (text, f'"{text}"', f'{{"a": "{text}"'):
        assert not [leak for leak in leaks(shown(content.encode())) if leak.startswith(name)]


@pytest.mark.parametrize(("key", "value"), KEYED.values())
def test_a_value_that_its_key_makes_sensitive_is_not_shown(key: str, value: str) -> None:
    assert value not in worded(value.encode(), Type.DYNAMIC, key=key.encode())
    assert value in worded(value.encode(), Type.DYNAMIC, key=b"shop.note")
    assert value.encode().hex() not in worded(Octets(value.encode()), Type.DYNAMIC, key=key.encode())


def test_a_number_that_its_key_makes_sensitive_is_not_shown() -> None:
    assert worded(4711, Type.DYNAMIC, key=b"user.id") == "… (identity of a user, a number)"
    assert worded(52.5, Type.DYNAMIC, key=b"geo.location.lat") == "… (place, a number)"
    assert worded(4711, Type.DYNAMIC, key=b"shop.items") == "4711"


def test_a_text_is_redacted_before_it_is_cut() -> None:
    token = TEXTS["secret-jwt"]
    padded = "x" * 70 + " " + token
    assert "eyJ" not in worded(padded.encode(), Type.TEXT)
