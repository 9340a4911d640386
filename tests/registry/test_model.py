"""What the packaged registry says about keys, versions and names, compared with the facts where they are there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.registry import generate, opentelemetry
from otlp_verifier.registry.model import TYPES, Attribute, Registries, Registry, Version

FACTS = Path(__file__).parents[3] / "shared" / "semconv-facts.json"
OTEL = opentelemetry.registry()
ALL = Registries((OTEL,))

NUMBERS = st.integers(0, 10**9 - 1)


def version(text: str) -> Version:
    return Version.parse(text)


def own(*attributes: Attribute, name: str = "acme", url: str = "https://acme.example/schemas/") -> Registry:
    one = version("2.0.0")
    return Registry(
        name=name, schema_url=url, version=one, versions=(one,), history_from=one,
        attributes={each.key: each for each in attributes}, conventions={},
    )  # fmt: skip


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_version_is_read_as_it_is_written(major: int, minor: int, patch: int) -> None:
    text = f"{major}.{minor}.{patch}"
    assert str(version(text)) == text
    assert Version.of_schema_url(f"https://acme.example/schemas/{text}") == version(text)


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "v1.2.3", "1.2.3.4", "1.2.x", "01.2.3", "1.2.3 ", "1.2.3-rc", "٣.2.3"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a version such as"):
        version(text)
    assert Version.of_schema_url(f"https://acme.example/schemas/{text}") is None
    assert Version.of_schema_url(text) is None


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
def test_versions_are_ordered_as_numbers(triples: list[tuple[int, int, int]]) -> None:
    assert sorted(Version(*triple) for triple in triples) == [Version(*triple) for triple in sorted(triples)]


def test_attributes_that_the_newest_version_describes() -> None:
    method = ALL.attribute("http.request.method")
    assert method is not None
    assert (method.type, method.stability, method.last) == ("string", "stable", None)
    assert {member.value for member in method.members} >= {"GET", "QUERY", "_OTHER"}
    code = ALL.attribute("rpc.grpc.status_code")
    assert code is not None
    assert [member.value for member in code.members] == list(range(17))
    kernel = next(member for member in ALL.attribute("cpu.mode").members if member.value == "kernel")  # type: ignore[union-attr]
    assert kernel.deprecated is not None
    assert kernel.deprecated.renamed_to == "system"


def test_a_template_is_its_keys_and_not_its_prefix() -> None:
    header = ALL.attribute("http.request.header.x-request-id")
    assert header is not None
    assert (header.key, header.is_template, header.type) == ("http.request.header", True, "string[]")
    assert ALL.attribute("http.request.header.a.b") is header
    for none in ("http.request.header", "http.request.header.", "http.request.headers.a", "http", "", "."):
        assert ALL.attribute(none) is None


@pytest.mark.parametrize(
    ("key", "there", "not_there"),
    [
        ("http.request.method", ["1.21.0", "1.44.0"], ["1.20.0", "1.4.0"]),
        ("http.method", ["1.4.0", "1.20.0", "1.44.0"], []),
        ("db.system.name", ["1.30.0"], ["1.29.0"]),
        ("http.retry_count", ["1.4.0", "1.14.0"], ["1.15.0", "1.44.0"]),
        ("http.resend_count", ["1.15.0", "1.22.0"], ["1.14.0", "1.23.0"]),
        ("net.peer.ip", ["1.4.0", "1.12.0", "1.44.0"], []),
    ],
)
def test_each_version_has_its_own_attributes(key: str, there: list[str], not_there: list[str]) -> None:
    attribute = ALL.attribute(key)
    assert attribute is not None
    assert all(attribute.exists_in(version(each)) for each in there)
    assert not any(attribute.exists_in(version(each)) for each in not_there)


def test_a_deprecation_holds_from_its_version_on() -> None:
    method = ALL.attribute("http.method")
    assert method is not None
    assert method.deprecated_in(version("1.20.0")) is None
    assert method.deprecated_in(version("1.21.0")) == method.deprecated
    assert method.deprecated is not None
    assert method.deprecated.renamed_to == "http.request.method"
    gen_ai = ALL.attribute("gen_ai.input.messages")
    assert gen_ai is not None
    assert gen_ai.deprecated is not None
    assert gen_ai.deprecated.moved_to == "semantic-conventions-genai"


@pytest.mark.parametrize(
    ("key", "since", "names"),
    [
        ("http.retry_count", None, ["http.resend_count", "http.request.resend_count"]),
        ("http.retry_count", "1.15.0", []),
        ("http.resend_count", "1.20.0", ["http.request.resend_count"]),
        ("db.system", "1.20.0", ["db.system.name"]),
        ("db.system", "1.30.0", []),
        ("code.function", None, ["code.function.name"]),  # no simple renaming: only the schema's changes say so
        ("enduser.id", None, []),  # renamed in 1.26.0, and taken back
        ("http.request.method", None, []),
        ("pool", None, []),  # on metrics only
        ("no.such.key", None, []),
    ],
)
def test_renamings_are_followed(key: str, since: str | None, names: list[str]) -> None:
    steps = ALL.renamed(key, version(since) if since else None)
    assert [step.new for step in steps] == names
    assert [step.old for step in steps] == [key, *names][: len(steps)]
    assert list(steps) == sorted(steps, key=lambda step: step.version)


def test_every_renaming_ends() -> None:
    for key in OTEL.attributes:
        steps = ALL.renamed(key)
        assert len({step.new for step in steps} - {key}) == len(steps)


def test_namespaces_are_the_prefixes_of_keys() -> None:
    assert {"http", "http.request", "http.request.header", "db.system"} <= ALL.namespaces
    assert not {"", "http.request.method", "http.req", "http.request.header.x"} & ALL.namespaces


def test_a_schema_url_names_a_registry_and_a_version() -> None:
    acme = own()
    both = Registries((acme, OTEL))
    assert both.version_of("https://opentelemetry.io/schemas/1.21.0") == (OTEL, version("1.21.0"))
    assert both.version_of("https://opentelemetry.io/schemas/9.9.9") == (OTEL, version("9.9.9"))  # newer than known
    assert both.version_of("https://acme.example/schemas/0.1.0") == (acme, version("0.1.0"))
    for foreign in (
        "", "1.21.0", "https://opentelemetry.io/schemas/", "https://opentelemetry.io/schemas/x",
        "https://opentelemetry.io/schemas/more/1.21.0", "https://else.example/schemas/1.21.0",
    ):  # fmt: skip
        assert both.version_of(foreign) is None
    assert Registries((own(url=""),)).version_of("https://opentelemetry.io/schemas/1.21.0") is None


def test_your_own_registry_is_asked_first_and_the_longest_template_wins() -> None:
    acme = own(
        Attribute("http.request.method", "int"),
        Attribute("http", "any", is_template=True),
        Attribute("acme.order", "string", is_template=True),
        Attribute("acme.order.id", "int"),
        Attribute("acme.order.item", "double", is_template=True),
    )
    both = Registries((acme, OTEL))
    types = {
        key: (found := both.attribute(key)) and found.type
        for key in (
            "http.request.method", "http.route", "http.other", "http.request.header.a", "acme.order.id",
            "acme.order.item.price", "acme.order.item", "acme.order", "acme",
        )
    }  # fmt: skip
    assert types == {
        "http.request.method": "int", "http.route": "string", "http.other": "any", "http.request.header.a": "string[]",
        "acme.order.id": "int", "acme.order.item.price": "double", "acme.order.item": "string", "acme.order": None,
        "acme": None,
    }  # fmt: skip


def test_conventions_know_what_they_ask_for() -> None:
    client = OTEL.conventions["span.http.client"]
    assert client.keys("required") == ("http.request.method", "server.address", "server.port", "url.full")
    assert client.span_kinds == ("client",)
    redis = OTEL.conventions["span.db.redis.client"]
    assert dict(redis.fixed) == {"db.system.name": "redis"}
    assert OTEL.conventions["span.db.client"].span_kinds == ("client", "internal")
    run = OTEL.conventions["entity.cicd.pipeline.run"]
    assert (run.name, run.identifying) == ("cicd.pipeline.run", ("cicd.pipeline.run.id",))
    battery = OTEL.conventions["metric.hw.battery.status"]
    assert (battery.refines, battery.name, dict(battery.fixed)) == (
        "metric.hw.status",
        "hw.status",
        {"hw.type": "battery"},
    )


def test_everything_that_conventions_speak_of_is_described() -> None:
    for key, convention in OTEL.conventions.items():
        assert convention.id == key
        assert convention.refines is None or convention.refines in OTEL.conventions
        for name in (*convention.attributes, *convention.fixed, *convention.identifying):
            assert name in OTEL.attributes
    for attribute in OTEL.attributes.values():
        assert attribute.type in TYPES
        for bound in (attribute.since, attribute.last, attribute.deprecated and attribute.deprecated.since):
            assert bound is None or bound in OTEL.versions
        assert attribute.since is None or attribute.last is None or attribute.since <= attribute.last


def test_the_table_is_what_the_facts_say() -> None:
    if not FACTS.exists():
        pytest.skip(f"{FACTS} is not there")
    facts = json.loads(FACTS.read_text())
    assert generate.table(facts) == opentelemetry.TABLE.read_text(), "write it with `make registry`"
    assert {key for key, each in OTEL.attributes.items() if each.last is None} == set(facts["attributes"])
    for key, fact in facts["attributes"].items():
        found = OTEL.attributes[key]
        assert fact["type"] == (f"template[{found.type}]" if found.is_template else found.type)
        assert [str(member.value) for member in found.members] == list(fact.get("members", {}))
        assert (found.deprecated is not None) == ("deprecated" in fact)
        # Only ever older than the facts say: the schema's changes tell more.
        assert found.since is None or found.since <= version(fact["since"])
    for key, fact in facts["spans"].items():
        assert dict(OTEL.conventions[key].attributes) == fact["attributes"]
    assert sum(each.kind == "event" for each in OTEL.conventions.values()) == len(facts["events"])


def test_the_command_line_starts_without_the_registry() -> None:
    loaded = "any(name.startswith('otlp_verifier.registry') for name in sys.modules)"
    code = f"import otlp_verifier.cli, sys; sys.exit({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
