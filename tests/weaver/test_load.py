"""Registries in Weaver's two dialects: they mean the same, and each mistake is named with its place."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otlp_verifier.registry.model import LEVELS, TYPES, Attribute, Deprecation, Member, Registry, Version
from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.weaver import load
from otlp_verifier.weaver.load import BYTES_MAX, DEPTH_MAX
from tests.weaver.registries import CLASSIC, DEFINITION_2, MANIFEST, written

BOTH = pytest.mark.parametrize("text", [CLASSIC, DEFINITION_2], ids=["classic", "definition/2"])


def own(path: Path) -> Registry:
    return load([path]).registries.all[0]


@BOTH
def test_a_registry_says_who_it_is(tmp_path: Path, text: str) -> None:
    acme = own(written(tmp_path, text))
    assert (acme.name, acme.schema_url, str(acme.version)) == ("acme", "https://acme.example/schemas/", "1.2.0")
    assert str(acme.opentelemetry) == "1.40.0"


@BOTH
def test_attributes_are_read_with_types_members_and_deprecations(tmp_path: Path, text: str) -> None:
    assert own(written(tmp_path, text)).attributes == {
        each.key: each
        for each in (
            Attribute("acme.order.id", "int", stability="stable"),
            Attribute(
                "acme.order.state",
                "string",
                members=(
                    Member("placed"),
                    Member("paid", Deprecation("renamed", renamed_to="settled", note="x" if "key:" in text else "")),
                ),
                stability="development",
            ),
            Attribute("acme.note", "string[]", is_template=True, stability="development"),
            Attribute(
                "acme.order.number",
                "string",
                stability="stable",
                deprecated=Deprecation("renamed", renamed_to="acme.order.id", note="Numbers are ids now."),
            ),
            Attribute(
                "acme.till",
                "string",
                stability="stable",
                deprecated=Deprecation("uncategorized", note="There are no tills any more."),
            ),
        )
    }


@BOTH
def test_conventions_have_what_they_refer_to(tmp_path: Path, text: str) -> None:
    found = own(written(tmp_path, text)).conventions
    assert set(found) == {
        "span.acme.order.place", "event.acme.order.lost", "entity.acme.shop", "metric.acme.orders",
    }  # fmt: skip
    place = found["span.acme.order.place"]
    assert (place.kind, place.span_kinds, place.stability) == ("span", ("client",), "stable")
    assert dict(place.attributes) == {
        "acme.order.id": "required",
        "enduser.id": "conditionally_required",
        "acme.order.state": "recommended",
        "server.address": "required",
        "acme.note": "opt_in",
    }
    assert place.conditional == ("acme.order.state",)
    assert found["event.acme.order.lost"].name == "acme.order.lost"
    shop = found["entity.acme.shop"]
    assert (shop.name, shop.identifying) == ("acme.shop", ("service.name",))
    assert dict(shop.attributes) == {"service.name": "required", "service.version": "recommended"}
    orders = found["metric.acme.orders"]
    assert (orders.name, orders.instrument, orders.unit, orders.entities) == (
        "acme.orders", "counter", "{order}", ("acme.shop",),
    )  # fmt: skip


def test_places_are_those_of_the_conventions(tmp_path: Path) -> None:
    loaded = load([written(tmp_path, CLASSIC)])
    file, line = loaded.places["acme"]["span.acme.order.place"]
    assert Path(file).read_text().splitlines()[line - 1].strip() == "- id: span.acme.order.place"


def test_a_single_file_needs_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "Shop.yaml"
    path.write_text(CLASSIC)
    shop = own(path)
    assert (shop.name, shop.schema_url, shop.version) == ("shop", "", Version(0, 0, 0))


@pytest.mark.parametrize(
    ("manifest", "name", "url"),
    [
        ("schema_url: https://otel.acme.example/schemas/0.1.0\n", "otel.acme.example", "https://otel.acme.example/schemas/"),
        ("name: shop\nschema_base_url: https://acme.example/s\nsemconv_version: v0.1.0\n", "shop", "https://acme.example/s/"),
        ("name: shop\nversion: 0.1.0\nrepository_url: https://acme.example/\n", "shop", "https://acme.example/"),
    ],
)  # fmt: skip
def test_manifests_old_and_new(tmp_path: Path, manifest: str, name: str, url: str) -> None:
    found = own(written(tmp_path, CLASSIC, manifest))
    assert (found.name, found.schema_url, str(found.version)) == (name, url, "0.1.0")


def test_a_group_extends_a_convention_of_opentelemetry(tmp_path: Path) -> None:
    text = """\
        groups:
          - id: span.acme.call
            type: span
            span_kind: client
            brief: A call.
            stability: stable
            extends: span.http.client
            attributes:
              - ref: url.full
                requirement_level: recommended
        """
    call = own(written(tmp_path, text)).conventions["span.acme.call"]
    assert call.attributes["http.request.method"] == "required"
    assert call.attributes["url.full"] == "recommended"


def test_a_refinement_narrows_another_convention(tmp_path: Path) -> None:
    text = DEFINITION_2 + (
        "span_refinements:\n"
        "  - id: acme.order.place.again\n"
        "    ref: acme.order.place\n"
        "    attributes: [{ref: acme.order.state, requirement_level: required}]\n"
    )
    again = own(written(tmp_path, text)).conventions["span.acme.order.place.again"]
    assert (again.refines, again.span_kinds) == ("span.acme.order.place", ("client",))
    assert again.keys("required") == ("acme.order.id", "acme.order.state", "server.address")


def test_registries_refer_to_each_other(tmp_path: Path) -> None:
    first = written(tmp_path / "a", CLASSIC)
    text = """\
        file_format: definition/2
        imports: {events: [acme.order.*], spans: [acme.*]}
        spans:
          - type: till.open
            kind: internal
            brief: A till is opened.
            stability: stable
            attributes:
              - ref_group: attributes.acme.order
        """
    second = written(tmp_path / "b", text, "name: till\nschema_url: https://till.example/1.0.0\n")
    loaded = load([second, first])
    assert [each.name for each in loaded.registries.all] == ["till", "acme", "opentelemetry"]
    assert "acme.order.id" in loaded.registries.all[0].conventions["span.till.open"].attributes


def test_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = """\
        file_format: definition/2
        attributes:
          - key: acme.switch
            type: {members: [{id: a, value: on}, {id: b, value: no}, {id: c, value: 12:30}, {id: d, value: 2026-01-31}]}
            brief: x
            stability: stable
          - {key: acme.flag, type: {members: [{id: a, value: true}, {id: b, value: False}]}, stability: stable}
          - {key: acme.level, type: {members: [{id: a, value: 1}, {id: b, value: 2}]}, brief: x, stability: stable}
          - {key: acme.mixed, type: {members: [{id: a, value: 1}, {id: b, value: x}]}, brief: x, stability: stable}
        """
    found = own(written(tmp_path, text)).attributes
    assert {key: (each.type, [member.value for member in each.members]) for key, each in found.items()} == {
        "acme.switch": ("string", ["on", "no", "12:30", "2026-01-31"]),
        "acme.flag": ("boolean", [True, False]),
        "acme.level": ("int", [1, 2]),
        "acme.mixed": ("any", [1, "x"]),
    }


def test_prefixes_of_old_groups_stand_before_what_they_define(tmp_path: Path) -> None:
    text = """\
        groups:
          - id: acme
            type: resource
            prefix: acme
            brief: Old.
            attributes:
              - {id: shop, type: string, brief: Which., requirement_level: required}
              - {ref: service.name}
        """
    found = own(written(tmp_path, text))
    assert set(found.attributes) == {"acme.shop"}
    assert dict(found.conventions["acme"].attributes) == {"acme.shop": "required", "service.name": "recommended"}


# The same registry in both dialects, at random

KEYS = st.lists(st.from_regex(r"acme(\.[a-z]{1,5}){1,3}", fullmatch=True), min_size=1, max_size=6, unique=True)
LEVEL = st.sampled_from([*LEVELS, None])


@st.composite
def drawn(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    keys = draw(KEYS)
    attributes = {
        key: {
            "type": draw(st.sampled_from([*TYPES, "template[int]", "members"])),
            "stability": draw(st.sampled_from(["stable", "development", "beta"])),
        }
        for key in keys
    }
    for attribute in attributes.values():
        if attribute["type"] == "members":
            values = draw(st.lists(st.integers(0, 9) | st.sampled_from(["a", "b"]), min_size=1, unique_by=str))
            attribute["type"] = {"members": [{"id": f"m{value}", "value": value} for value in values]}
    references = [
        {"ref": key} | ({"requirement_level": level} if (level := draw(LEVEL)) else {})
        for key in draw(st.lists(st.sampled_from(keys), unique=True))
    ]
    kind = draw(st.sampled_from(["client", "server", "internal"]))
    shared = {"brief": "x", "stability": "stable"}
    old = {
        "groups": [
            {"id": "registry", "type": "attribute_group", "brief": "x",
             "attributes": [{"id": key, "brief": "x", **value} for key, value in attributes.items()]},
            {"id": "some", "type": "attribute_group", "brief": "x", "attributes": references},
            {"id": "span.acme", "type": "span", "span_kind": kind, "extends": "some", **shared},
            {"id": "event.acme.e", "type": "event", "name": "acme.e", "attributes": references, **shared},
        ]
    }  # fmt: skip
    new = {
        "file_format": "definition/2",
        "attributes": [{"key": key, "brief": "x", **value} for key, value in attributes.items()],
        "attribute_groups": [{"id": "some", "visibility": "internal", "attributes": references}],
        "spans": [{"type": "acme", "kind": kind, "attributes": [{"ref_group": "some"}], **shared}],
        "events": [{"name": "acme.e", "attributes": references, **shared}],
    }
    return old, new


@given(drawn())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_both_dialects_mean_the_same(tmp_path: Path, texts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    old, new = (own(written(tmp_path / str(number), yaml.safe_dump(text))) for number, text in enumerate(texts))
    assert old.attributes == new.attributes
    assert old.conventions == {key: replace(each) for key, each in new.conventions.items()}


# Mistakes


def problems(path: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(RuleFileErrors) as caught:
        load([path])
    return [(Path(error.file).name, error.line, error.message) for error in caught.value.errors]


def mistakes() -> Iterator[tuple[str, str, str, str]]:
    """Name, what stands in the file, what instead, what the message has to say."""
    yield "level", "requirement_level: opt_in", "requirement_level: opt-in", "did you mean `opt_in`?"
    yield "level as a mapping", "{recommended: Where it is known.}", "{often: x}", "expected one of required"
    yield "type", "type: int\n", "type: integer\n", "expected one of string, int"
    yield "template", "template[string[]]", "template[text]", "expected one of string, int"
    yield "stability", "stability: experimental", "stability: rough", "expected one of stable"
    yield "group type", "type: metric", "type: metrics", "did you mean `metric`?"
    yield "span kind", "span_kind: client", "span_kind: clients", "did you mean `client`?"
    yield "instrument", "instrument: counter", "instrument: couter", "did you mean `counter`?"
    yield "unknown key", "display_name:", "displayname:", "unknown key `displayname`; did you mean `display_name`?"
    yield "unknown key of an attribute", "sampling_relevant: true", "sampling: true", "unknown key `sampling`"
    yield "no key", "- id: acme.note", "- idd: acme.note", "attribute: id: expected a name"
    yield "a key with a blank", "id: acme.till", "id: acme till", "expected a name without blanks"
    yield "a key with a quote", "id: acme.till", "id: 'acme\"till'", "expected a name without blanks"
    yield "reference", "- ref: enduser.id", "- ref: enduser.idd", "did you mean `enduser.id`?"
    yield "extends", "extends: attributes.acme.order", "extends: attributes.acme.oder", "did you mean"
    yield "import", "session.*", "sesion.*", "no event of another registry is called `sesion.*`"
    yield "a taken attribute", "id: acme.till", "id: acme.note", "`acme.note` is defined already: "
    yield "a taken group", "id: event.acme.order.lost", "id: span.acme.order.place", "is there already: "
    yield (
        "deprecated",
        "reason: renamed, renamed_to: acme",
        "reason: moved, renamed_to: acme",
        "expected one of renamed",
    )
    yield "no members", "members:", "member:", "unknown key `member`; did you mean `members`?"
    yield "a list", "entity_associations: [acme.shop]", "entity_associations: acme", "expected a list, found `acme`"
    yield "a text", "metrics: [http.server.*]", "metrics: http", "expected a list, found `http`"


@pytest.mark.parametrize(("old", "new", "message"), [m[1:] for m in mistakes()], ids=[m[0] for m in mistakes()])
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert CLASSIC.count(old) >= 1
    text = CLASSIC.replace(old, new, 1)
    line = text[: text.rindex(new) + len(new.rstrip()) - 1].count("\n") + 1
    found = problems(written(tmp_path, text))
    assert ("shop.yaml", line, True) in [(file, at, message in said) for file, at, said in found], found


CIRCLE = """\
file_format: definition/2
attribute_groups:
  - {id: a, attributes: [{ref_group: b}]}
  - {id: b, attributes: [{ref_group: a}]}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected `groups:` or `file_format: definition/2`, found a list"),
        ("file_format: definition/3\n", "file_format: expected definition/2, found `definition/3`"),
        ("groups: []\n", "expected files with `groups:`"),
        ("groups: [\n", "no YAML"),
        ("groups: [{id: a, 7: b}]\n", "expected a key that is text"),
        ("a: &a [*a]\n", "unknown key `a`"),
        ("groups: [7]\n", "expected a group: a mapping, found `7`"),
        ("groups: [{id: a, type: attribute_group, attributes: [7]}]\n", "expected an attribute: a mapping, found `7`"),
        ("groups: " + "[" * DEPTH_MAX + "]" * DEPTH_MAX, "expected at most 32 levels"),
        ("groups: " + "[" * 500_000, "expected at most 32 levels"),
        (
            "file_format: definition/2\nspans: [{type: a, kind: client, attributes: [{ref_group: b}]}]\n",
            "no such group",
        ),
        (CIRCLE, "has its own attributes through"),
    ],
)
def test_what_is_no_registry(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in said for _, _, said in problems(written(tmp_path, text)))


@pytest.mark.parametrize(
    ("manifest", "line", "message"),
    [
        ("name: My Shop\nschema_url: https://acme.example/1.0.0\n", 1, "expected lower case words"),
        ("name: acme\nschema_url: https://acme.example/v1\n", 2, "expected a URL that ends with a version"),
        ("name: acme\nschema_base_url: https://acme.example/\n", 1, "expected `schema_url`, or `semconv_version`"),
        ("name: acme\nsemconv_version: 1.0\n", 2, "expected text, found `1.0`"),
        ("name: acme\nsemconv_version: one\n", 2, "expected a version such as 1.2.0, found `one`"),
        ("name: acme\nschema_ur: x\n", 2, "unknown key `schema_ur`; did you mean `schema_url`?"),
        ("schema_url: https://opentelemetry.io/schemas/1.43.0\n", 1, "OpenTelemetry's own registry"),
    ],
)
def test_mistakes_in_a_manifest(tmp_path: Path, manifest: str, line: int, message: str) -> None:
    found = problems(written(tmp_path, CLASSIC, manifest))
    assert any(file == "manifest.yaml" and at == line and message in said for file, at, said in found), found


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems(tmp_path / "absent") == [("absent", 0, "there is no such file or folder")]
    path = written(tmp_path, CLASSIC)
    (path / "large.yaml").write_text("#" * (BYTES_MAX + 1))
    (path / "latin.yaml").write_bytes(b"groups: [\xfc]\n")
    (path / "registry_manifest.yaml").write_text(MANIFEST)
    assert [(file, said.partition(":")[0]) for file, _, said in problems(path)] == [
        ("large.yaml", "expected at most 1,048,576 bytes"),
        ("latin.yaml", "cannot be read"),
        ("registry_manifest.yaml", "there is a manifest already"),
    ]


def test_two_registries_of_one_name(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, CLASSIC) for name in "ab"]
    with pytest.raises(RuleFileErrors, match="the registry `acme` is there already"):
        load(paths)


@given(st.binary(max_size=200) | st.text("groups: []{}-&*!|>\n ida7", max_size=120).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_whatever_stands_in_a_file_is_a_registry_or_a_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(content)
    with suppress(RuleFileErrors):
        assert load([path]).registries.all[0].name == "any"
