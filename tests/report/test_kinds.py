"""What is recognised from run to run, and what is told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.files import SpanView, TraceView
from otlp_verifier.files.view import PathSpan
from otlp_verifier.findings import Finding
from otlp_verifier.report.kinds import kind_of, parents, path_to, steady
from tests.report.reports import shop, span


def finding(message: str, rule: str = "some-rule", service: str = "stock", name: str = "SELECT stock") -> Finding:
    return Finding(rule=rule, severity="error", service=service, span=name, message=message)


def steps(*spans: SpanView) -> list[PathSpan]:
    return [PathSpan(one.kind, one.name) for one in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("span `GET /cart` ended 40 ms before it started", "span `GET /cart` ended # before it started"),
        ("ended 1.25 s before", "ended # before"),
        ("ended -3 us before", "ended # before"),
        ("ended 497222 h before", "ended # before"),
        ("parent 00f067aa0ba902b7 is lost", "parent # is lost"),
        ("flags are 0x301", "flags are #"),
        ("at 2026-01-31T10:00:00.000000001Z", "at #"),
        ("on 2026-01-31", "on #"),
        ("GET /users/4711/orders", "GET /users/#/orders"),
        ("job 123e4567-e89b-12d3-a456-426614174000", "job #"),
        ("listens on 10.0.0.17:8080", "listens on #"),
        ("shard-17", "shard-#"),
        ("worker12345", "worker#"),
        # Names that have digits in them stay what they are.
        ("GET /api/v1/s3", "GET /api/v1/s3"),
        ("http2 and utf8", "http2 and utf8"),
        ("a deadbeef facade", "a deadbeef facade"),
    ],
)
def test_what_changes_from_run_to_run_is_replaced(text: str, expected: str) -> None:
    assert steady(text) == expected
    assert steady(expected) == expected


@given(st.text(max_size=80))
def test_nothing_changes_the_second_time(text: str) -> None:
    assert steady(steady(text)) == steady(text)


def test_ids_times_and_numbers_make_no_new_kind() -> None:
    path = steps(span(1, 0, "GET /checkout", "frontend", 0, 9), span(2, 1, "SELECT stock", "stock", 1, 2))
    later = steps(span(7, 0, "GET /checkout", "frontend", 500, 900), span(8, 7, "SELECT stock", "stock", 501, 700))
    one = kind_of(finding("span `SELECT stock` took 40 ms, id 00f067aa0ba902b7"), "psycopg", path)
    other = kind_of(finding("span `SELECT stock` took 2 s, id b7ad6b7169203331"), "psycopg", later)
    assert one == other


def test_wording_makes_no_new_kind() -> None:
    path = steps(span(2, 0, "SELECT stock", "stock", 1, 2))
    one = kind_of(finding("server.port of span `SELECT stock` is the string `a`"), "", path)
    other = kind_of(finding("span `SELECT stock` says `a` for server.port"), "", path)
    assert one == other


@pytest.mark.parametrize(
    "changed",
    [
        {"rule": "other-rule"},
        {"service": "payment"},
        {"scope": "requests"},
        {"root": "GET /cart"},
        {"kind": "SERVER"},
        {"message": "http.route of span `SELECT stock` is wrong"},
        {"message": "server.port of span `SELECT stock` is `wrong`"},
    ],
    ids=" ".join,
)
def test_what_tells_kinds_apart(changed: dict[str, str]) -> None:
    def kind(
        rule: str = "some-rule",
        service: str = "stock",
        scope: str = "psycopg",
        root: str = "GET /checkout",
        kind: str = "CLIENT",
        message: str = "server.port of span `SELECT stock` is wrong",
    ) -> str:
        path = steps(span(1, 0, root, "frontend", 0, 9), span(2, 1, "SELECT stock", service, 1, 2, kind=kind))
        return kind_of(finding(message, rule, service), scope, path).digest

    assert kind(**changed) != kind()


def test_a_resource_has_a_kind_without_a_path() -> None:
    kind = kind_of(finding("a resource has spans (here 12) and no service.name", service="", name=""), "", ())
    again = kind_of(finding("a resource has spans (here 900) and no service.name", service="", name=""), "", ())
    assert kind == again
    assert (kind.path, kind.details) == ((), ("service.name",))


def test_parents_and_paths() -> None:
    trace = shop()
    found = parents(trace)
    assert found == [-1, 0, 0, 2, 3, 0, 5, 6, 6, -1]
    assert [trace.spans[at].name for at in path_to(7, found)] == [
        "GET /checkout",
        "POST /charge",
        "POST /charge",
        "authorize card",
    ]
    for at, parent in enumerate(found):
        assert trace.spans[at].parent_id == (trace.spans[parent].span_id if parent >= 0 else trace.spans[at].parent_id)


@given(st.lists(st.integers(0, 6), max_size=40))
def test_parents_of_any_depths(steps: list[int]) -> None:
    depths: list[int] = []
    for step in steps:
        depths.append(min(step, depths[-1] + 1 if depths else 0))
    trace = TraceView("", (span(1, 0, "x", "y", 0, 1),) * len(depths), tuple(depths), len(depths))
    for at, parent in enumerate(parents(trace)):
        above = [other for other in range(at) if depths[other] == depths[at] - 1]
        assert parent == (above[-1] if above else -1)


def test_only_the_ends_of_a_very_deep_path_count() -> None:
    depth = 5_000
    path = path_to(depth - 1, list(range(-1, depth - 1)))
    assert len(path) == 64
    assert path[:2] == [0, 1]
    assert path[-1] == depth - 1
