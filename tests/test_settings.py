"""The configuration file: what it may say, and how well a mistake is explained."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from otlp_verifier.cli import main
from otlp_verifier.policy import Action, ActionRule, Policy
from otlp_verifier.settings import Settings, SettingsError, load
from otlp_verifier.settings.scalars import Address, Duration, FileMode, TcpAddress
from otlp_verifier.settings.schema import at, json_schema, markdown
from otlp_verifier.settings.source import BYTES_MAX
from otlp_verifier.wire.limits import Limits

ROOT = Path(__file__).parents[1]
FULL = """
listen: ["unix:///run/v.sock", "0.0.0.0:4320", "[::1]:0"]
socket_mode: 0600
tls: {certificate: c.pem, key: k.pem, client_ca: ca.pem}
http: null
workers: 3
max_connection_age: 1h30m
limits: {bytes: 1000, spans: 10, streams: 5, queue_timeout: 50ms}
policy: &strict
  annotate: all
  actions:
    - {rules: [trace-id-zero], action: drop_trace}
    - {severity: information, action: ignore}
profiles:
  copy: *strict
  quiet: {<<: *strict, annotate: none}
rules: {select: [all], ignore: [identity], files: [mine.yaml]}
log: {level: debug, format: text}
findings: {log_per_second: 0}
shutdown: {drain_timeout: 1.5s}
"""


def read(folder: Path, text: str) -> Settings:
    return load(written(folder, text)).settings


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "v.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_everything_has_a_default(tmp_path: Path) -> None:
    assert (
        read(tmp_path, "") == read(tmp_path, "# nothing\n") == read(tmp_path, "{}") == load(None).settings == Settings()
    )


def test_defaults_are_reached_from_this_host_only() -> None:
    settings = Settings()
    assert settings.http is not None
    assert {address.host for address in (*settings.listen, settings.http)} == {"localhost"}
    assert settings.tls is None
    assert settings.socket_mode.bits & 0o007 == 0


def test_a_full_file(tmp_path: Path) -> None:
    settings = read(tmp_path, FULL)
    assert [address.socket for address in settings.listen] == [Path("/run/v.sock"), None, None]
    assert [(address.host, address.port) for address in settings.listen[1:]] == [("0.0.0.0", 4320), ("::1", 0)]
    assert settings.socket_mode.bits == 0o600
    assert settings.tls is not None
    assert (settings.tls.key, settings.tls.client_ca) == ("k.pem", "ca.pem")
    assert settings.http is None
    assert settings.workers == 3
    assert settings.max_connection_age is not None
    assert settings.max_connection_age.seconds == 5400
    assert isinstance(settings.limits, Limits)
    assert (settings.limits.bytes, settings.limits.streams, settings.limits.links) == (1000, 5, Limits().links)
    assert settings.limits.queue_timeout.milliseconds == 50
    assert settings.policy == Policy(
        annotate="all",
        actions=(
            ActionRule(action=Action.DROP_TRACE, rules=("trace-id-zero",)),
            ActionRule(action=Action.IGNORE, severity="information"),
        ),
    )
    assert settings.profiles["copy"] == settings.policy
    assert settings.profiles["quiet"] == msgspec.structs.replace(settings.policy, annotate="none")
    assert settings.shutdown.drain_timeout.ns == 1_500_000_000


MISTAKES = {
    "unknown key": ("limits:\n  spanz: 4", "2:3: limits.spanz: unknown key; did you mean `spans`?"),
    "unknown key, nothing near": ("log: {xyzzy: 1}", "1:7: log.xyzzy: unknown key; known here: level, format"),
    "number": (
        "limits:\n  links: many",
        '2:10: limits.links: expected a whole number from 1 to 4294967295, found "many"',
    ),
    "too small": ("workers: 0", "1:10: workers: expected a whole number from 1 to 1024, found 0"),
    "section": ("limits: 5", "1:9: limits: expected a section of keys and values, found 5"),
    "section that is not there": ("limits:", "1:8: limits: expected a section of keys and values, found null"),
    "list": ("listen: localhost:1", '1:9: listen: expected a list with at least 1 entry, found "localhost:1"'),
    "empty list": ("listen: []", "1:9: listen: expected a list with at least 1 entry, found []"),
    "address": ("listen:\n  - a:1\n  - a:b", "3:5: listen[1]: expected `host:port` or `unix:///absolute/path`, found"),
    "port": ("http: localhost:65536", "1:7: http: expected `host:port`"),
    "relative socket": (
        "listen: ['unix://v.sock']",
        "1:10: listen[0]: expected `host:port` or `unix:///absolute/path`",
    ),
    "socket for HTTP": ("http: unix:///v.sock", "1:7: http: expected `host:port`, found 'unix:///v.sock'"),
    "long socket": (f"listen: ['unix:///{'x' * 200}']", "1:10: listen[0]: a socket's path may have 107 bytes"),
    "bare duration": ("shutdown: {drain_timeout: 10}", "1:27: shutdown.drain_timeout: expected a duration with its"),
    "duration": ("shutdown: {drain_timeout: 10 s}", "1:27: shutdown.drain_timeout: `10 s` is not a duration"),
    "mode": ("socket_mode: 660", "1:14: socket_mode: expected permissions in octal"),
    "choice": ("log: {level: warn}", "1:14: log.level: expected one of `debug`, `error`, `info`, `warning`, found"),
    "near choice": ("log: {level: warn}", 'found "warn"; did you mean `warning`?'),
    "in a profile": ("profiles:\n  a: {}\n  b:\n    annotate: no one", "4:15: profiles.b.annotate: expected one of"),
    "in an action": ("policy: {actions: [{action: drop}]}", "1:29: policy.actions[0].action: expected one of"),
    "missing key": ("policy:\n  actions:\n  - severity: error", "3:5: policy.actions[0]: the key `action` is missing"),
    "half of TLS": ("tls:\n  key: k", "2:3: tls: the key `certificate` is missing"),
    "twice": ("log: {level: info}\nhttp: null\nlog: {}", "3:1: log: already set on line 1"),
    "twice within": ("limits:\n  spans: 1\n  spans: 2", "3:3: spans: already set on line 2"),
    "number as key": ("1: 2", "1:1: expected keys that are text"),
    "number as profile": ("profiles: {1: {}}", "1:11: profiles: expected keys that are text"),
    "not a mapping": ("- a", "1:1: expected a section of keys and values"),
    "not YAML": ("log: [", "1:7: not YAML"),
    "tab": ("log:\n\tlevel: info", "2:1: not YAML"),
    "two documents": ("log: {}\n---\nlog: {}", "2:1: not YAML"),
    "control character": ("log: \x01", "not YAML: special characters are not allowed"),
    "a tag": ("log: !!python/object:os.system {}", "1:6: not YAML: could not determine a constructor"),
    "a long value": ("listen: [{" + "a: 1, " * 2 + "}]", "already set"),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_explained(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, text)
    message = str(raised.value)
    assert message.startswith(str(tmp_path / "v.yaml"))
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"log: \xff", "not UTF-8"), (b"#" * (BYTES_MAX + 1), "longer than")],
    ids=["encoding", "length"],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        load(written(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: cannot be read: No such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_errors_found_later_have_their_line_too(tmp_path: Path) -> None:
    file = load(written(tmp_path, "rules:\n  ignore:\n    - a\n    - b\n"))
    assert str(file.error(("rules", "ignore", 1), "no")) == f"{tmp_path}/v.yaml:4:7: rules.ignore[1]: no"
    assert str(file.error(("rules", "select", 0), "no")) == f"{tmp_path}/v.yaml:2:3: rules.select[0]: no"
    assert str(load(None).error(("rules",), "no")) == "default settings: rules: no"
    assert file.resolve("mine.yaml") == tmp_path / "mine.yaml"
    assert file.resolve("/etc/mine.yaml") == Path("/etc/mine.yaml")


def test_scalars_compare_by_what_they_say() -> None:
    assert Duration("1s") == Duration("1s") != Duration("1000ms")
    assert Address("a:1") == Address("a:1")
    assert Address("a:1") != TcpAddress("a:1")
    assert len({FileMode("0660"), FileMode("660"), FileMode(0o660)}) == 1
    assert repr(Duration("1s")) == "Duration('1s')"
    assert Duration("10us").milliseconds == 1


def test_every_key_is_described() -> None:
    rows = [line.split(" | ") for line in markdown().splitlines()[2:]]
    assert len(rows) > 30
    assert [row[0] for row in rows if row[-1].strip(" |") == ""] == []


def test_the_schema_accepts_what_the_program_accepts() -> None:
    """The defaults in the schema are the program's: read back, they are the default settings."""
    schema = json_schema()

    def defaults(part: dict[str, Any]) -> Any:
        target = at(schema | part, ())
        if "properties" in target and "default" not in part:
            return {
                key: defaults(value)
                for key, value in target["properties"].items()
                if "default" in value or "$ref" in value
            }
        return part["default"]

    read_back = yaml.safe_load(json.dumps(defaults({"$ref": schema["$ref"]})))
    assert load(None).settings == _converted(read_back)
    for scalar in (Duration, Address, TcpAddress, FileMode):
        for example in scalar.schema["examples"]:
            assert re.search(scalar.schema["pattern"], str(scalar(example)))


def _converted(data: dict[str, Any]) -> Settings:
    return msgspec.convert(data, Settings, dec_hook=lambda kind, value: kind(value))


def test_the_documentation_is_fresh() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    table = CliRunner().invoke(main, ["config", "schema", "--format", "markdown"]).output
    generated = re.search(r"<!-- generated: .*? -->\n(.*?)<!-- end generated -->", document, re.DOTALL)
    assert generated is not None
    assert generated[1] == table, "run: otlp-verifier config schema --format markdown"
