"""Rules made from conventions: fresh, and true whatever convention was meant; the same for a registry of one's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.cli import main
from otlp_verifier.conventions import generate
from otlp_verifier.conventions.cases import IMPLIED, cases, unrecognised
from otlp_verifier.conventions.promises import PROMISES, of_registry, package_file
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.registry import opentelemetry
from otlp_verifier.registry.model import Attribute, Convention, Registries, Registry, Version
from otlp_verifier.rules import catalogue
from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.selection import known, loaded, selected
from otlp_verifier.serve.engine import compiled
from otlp_verifier.settings import load
from tests.rules.clean import attribute
from tests.weaver.registries import CLASSIC, DEFINITION_2, MANIFEST, written

OTEL = opentelemetry.registry()
ALONE = opentelemetry.alone()
SPANS = [each for each in OTEL.conventions.values() if each.kind == "span" and each.deprecated is None]
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


def rules_of(id_: str, **parameters: int) -> list[catalogue.Rule]:
    return [
        catalogue.msgspec.structs.replace(rule, parameters={**rule.parameters, **parameters})
        for rule in catalogue.builtin()
        if rule.id == id_
    ]


ALL_REQUIRED = Verifier(rules_of("semconv-required-missing", development=1)).worker()


def request(kind: str, attributes: Mapping[str, Any], schema_url: str = "") -> bytes:
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add(schema_url=schema_url)
    scope.spans.add(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", kind=KINDS[kind],
        attributes=[attribute(key, value) for key, value in attributes.items()],
    )  # fmt: skip
    return made.SerializeToString()


def messages(worker: Any, sent: bytes) -> list[str]:
    return [found.message for found in worker.verify(sent, completeness=Completeness.TRACE).findings(1_000)]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_the_rule_files_are_what_the_registry_says(promise: Any) -> None:
    text = package_file(promise).read_text(encoding="utf-8")
    assert generate.filled(text, promise) == text, "write it with `make registry`"


def test_a_file_without_formulas_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one key `rule:`"):
        generate.filled("- id: a\n", PROMISES[0])


@given(st.sampled_from(SPANS), st.data())
@settings(max_examples=300, deadline=None)
def test_who_has_all_that_a_convention_requires_is_left_alone(convention: Convention, data: st.DataObject) -> None:
    """Whatever else of that convention is there, and whichever others the record might be taken for."""
    required = {*convention.keys("required"), *convention.fixed}
    base = convention
    while base.refines is not None:  # a refinement's own list may be shorter
        base = OTEL.conventions[base.refines]
        required |= set(base.keys("required"))
    other = data.draw(st.sets(st.sampled_from(sorted(convention.attributes))))
    values = dict.fromkeys(required | other, "x") | dict(convention.fixed)
    kind = data.draw(st.sampled_from(convention.span_kinds))
    said = messages(ALL_REQUIRED, request(kind, values))
    assert not said


@given(st.sampled_from([case for case in cases(OTEL, ALONE, "required") if case.record == "span"]), st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_missing_is_found_and_named(case: Any, data: st.DataObject) -> None:
    values: dict[str, Any] = {key: data.draw(st.sampled_from(fixed)) for key, fixed in case.fixed}
    values |= dict.fromkeys(case.any_of[:1], "x")
    sent = request(data.draw(st.sampled_from(sorted(case.kinds))), values)
    assert any(f"has no {case.attribute}, which" in text for text in messages(ALL_REQUIRED, sent))
    if case.since is not None and case.since > Version.parse("1.21.0"):
        older = request(min(case.kinds), values, "https://opentelemetry.io/schemas/1.20.0")
        assert not any(f"has no {case.attribute}, which" in text for text in messages(ALL_REQUIRED, older))


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("https://shop.example", True),
        ("https://shop.example/", True),
        ("http://me:REDACTED@shop.example/a?b#c", True),
        ("https://shop.example?a=b:c", True),
        ("https://[2001:db8::1]/", True),
        ("https://shop.example:8443/", False),
        ("https://me:REDACTED@shop.example:8443", False),
        ("https://[2001:db8::1]:8443/", False),
        ("shop.example", False),
        ("", False),
    ],
)
def test_a_url_without_port_tells_it(url: str, is_told: bool) -> None:
    values = {"http.request.method": "GET", "server.address": "shop.example", "url.full": url}
    expected = [] if is_told else ["client span `n` has no server.port, which span.http.client requires"]
    assert messages(ALL_REQUIRED, request("client", values)) == expected
    assert set(IMPLIED) == {"server.port"}


def test_conventions_that_may_still_change_are_judged_where_it_is_wanted() -> None:
    sent = request("client", {"db.system.name": "mongodb"})
    assert messages(ALL_REQUIRED, sent)
    assert not messages(Verifier(rules_of("semconv-required-missing")).worker(), sent)


def test_the_guide_lists_what_cannot_be_recognised() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "registry.md").read_text()
    for convention in unrecognised(OTEL, ALONE):
        assert f"`{convention.id}`" in guide or ("`span.dotnet`" in guide and convention.id.startswith("span.dotnet."))


# Registries of one's own


def configured(folder: Path, text: str = "registries: [acme]\n", definitions: str = CLASSIC, name: str = "acme") -> Any:
    written(folder / name, definitions)
    (folder / "v.yaml").write_text(text)
    return load(folder / "v.yaml")


@pytest.mark.parametrize("definitions", [CLASSIC, DEFINITION_2], ids=["classic", "definition/2"])
def test_a_registry_makes_rules_with_its_name(tmp_path: Path, definitions: str) -> None:
    file = configured(tmp_path, definitions=definitions)
    made = [rule for rule in known(file) if rule.family == "acme"]
    assert {rule.id for rule in made} == {"acme/required-missing"}
    assert {rule.severity for rule in made} == {"error"}
    assert {rule.id for rule in selected(file)} >= {"acme/required-missing"}
    for rule in made:
        line = Path(rule.file).read_text().splitlines()[rule.line - 1]
        assert "acme.order" in line
    worker = compiled(file).worker()
    assert "client span `n` has no server.address, which span.acme.order.place requires" in messages(
        worker, request("client", {"acme.order.id": 7})
    )
    said = messages(worker, request("server", {"acme.order.id": 7}))
    assert not [text for text in said if "which" in text]


def test_its_rules_are_chosen_and_tuned_like_others(tmp_path: Path) -> None:
    file = configured(
        tmp_path,
        "registries: [acme]\nrules:\n  select: [acme]\n  tune:\n  - {rules: [acme], severity: warning}\n",
    )
    rules = selected(file)
    assert {(rule.id, rule.severity) for rule in rules} == {("acme/required-missing", "warning")}
    assert not [rule for rule in selected(configured(tmp_path, "registries: [acme]\nrules: {ignore: [acme]}\n"))
                if rule.family == "acme"]  # fmt: skip


def test_a_registry_must_not_be_called_like_a_group(tmp_path: Path) -> None:
    (tmp_path / "acme" / "model").mkdir(parents=True)
    file = configured(tmp_path)
    (tmp_path / "acme" / "manifest.yaml").write_text(MANIFEST.replace("name: acme", "name: flow"))
    with pytest.raises(RuleFileErrors, match="the registry's name `flow` stands for rules already"):
        selected(file)


def test_the_verifier_knows_the_registry(tmp_path: Path) -> None:
    assert compiled(configured(tmp_path)).registries.attribute("acme.order.id") is not None
    assert loaded(load(None)) is None


def test_attributes_of_others_do_not_make_a_convention_recognisable() -> None:
    one = Version.parse("1.0.0")
    spans = {
        "span.checkout": Convention(
            id="span.checkout", kind="span", span_kinds=("client",),
            attributes={"http.request.method": "required", "enduser.id": "required"},
        ),
        "span.acme.pay": Convention(
            id="span.acme.pay", kind="span", attributes={"acme.id": "required", "enduser.id": "required"},
        ),
        "span.acme.refund": Convention(
            id="span.acme.refund", kind="span", attributes={"acme.id": "recommended", "acme.why": "required"},
        ),
    }  # fmt: skip
    mine = {key: Attribute(key, "string") for key in ("acme.id", "acme.why")}
    acme = Registry("acme", "", one, (one,), one, mine, spans)
    both = Registries((acme, OTEL))
    assert [each.id for each in unrecognised(acme, both)] == ["span.checkout"]
    # What has acme.id alone may be a refund, which asks for no enduser.id.
    assert [(case.any_of, case.attribute) for case in cases(acme, both, "required")] == []
    places = dict.fromkeys(spans, ("x.yaml", 1))
    # A refund is known by its reason.
    assert [rule.id for rule in of_registry(acme, both, places)] == ["acme/recommended-missing"]


def test_check_takes_registries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "acme", DEFINITION_2)
    (tmp_path / "t.binpb").write_bytes(request("client", {"acme.order.id": 7}))
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "t.binpb"), "--registry", str(path), "--select", "acme", "--format", "concise"])
    assert ended.value.code == 1
    assert "acme/required-missing" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "t.binpb"), "--registry", str(tmp_path / "none")])
    assert ended.value.code == 2
    assert "there is no such file or folder" in capsys.readouterr().err


def test_config_check_says_what_cannot_be_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DEFINITION_2.replace("imports:", "span_refinements: [{id: acme.other, ref: http.client}]\nimports:")
    configured(tmp_path, definitions=text)
    with pytest.raises(SystemExit) as ended:
        main(["config", "check", str(tmp_path / "v.yaml")])
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "registry acme 1.2.0: 5 attributes, 5 conventions",
        "  span.acme.other cannot be recognised: it requires no attribute that this registry defines",
    ]


def test_definitions_survive_yaml(tmp_path: Path) -> None:
    """The fixture says in either dialect what it is meant to say: PyYAML's plain reading finds the same keys."""
    assert {each["key"] for each in yaml.safe_load(DEFINITION_2)["attributes"]} == {
        each["id"] for each in yaml.safe_load(CLASSIC)["groups"][0]["attributes"]
    }
    assert KINDS["client"] == Span.SPAN_KIND_CLIENT
