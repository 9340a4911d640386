"""Findings know their place and their trace; traces can be looked at."""

import gc
import io
import json
import weakref
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.files import Check, Checked, Located, SpanView
from otlp_verifier.files.view import PathSpan
from otlp_verifier.policy import Completeness
from tests.files.captures import START, VERIFIER, as_json, checked, lines, protobuf, request, span


def first_part(path: Path) -> tuple[Check, Checked]:
    check = Check([str(path)], VERIFIER)
    return check, next(iter(check))


def test_findings_name_line_or_byte(tmp_path: Path) -> None:
    bad = request(span(1, 1), span(1, 2, 1, name=""), service="")
    indented = tmp_path / "indented.json"
    indented.write_text(json.dumps(as_json(bad), indent=2))
    text = indented.read_text().splitlines()
    _, found = checked(indented)
    places = {rule: int(place.rsplit(":", 1)[1]) for rule, place, _ in found}
    assert "parentSpanId" in "".join(text[places["span-name-empty"] - 1 :][:6])
    assert '"scopeSpans"' in "".join(text[places["service-name-missing"] - 1 :][:3])

    one_line = tmp_path / "lines.jsonl"
    one_line.write_bytes(lines(request(span(2, 1)), bad))
    assert {place for _, place, _ in checked(one_line)[1]} == {f"{one_line}:2"}

    binary = tmp_path / "binary"
    binary.write_bytes(protobuf(bad))
    _, found = checked(binary)
    [place] = [place for rule, place, _ in found if rule == "span-name-empty"]
    at = int(place.rsplit(" ", 1)[1])
    assert protobuf(bad)[at] == 0x12
    assert bad.resource_spans[0].scope_spans[0].spans[1].SerializeToString() in protobuf(bad)[at:]


def test_findings_can_be_bounded_in_all_and_for_each_rule(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(request(*(span(1, number, name="", end_time_unix_nano=5) for number in range(1, 8)))))
    check, part = first_part(path)
    everything = part.findings()
    # Seven empty names, seven ends before the start, one trace with seven roots.
    assert len(everything) == part.findings_by_rule.sum() == 15
    order = [VERIFIER.rule_ids.index(located.finding.rule) for located in everything]
    assert order == sorted(order)
    assert len(part.findings(5)) == 5
    assert len(part.findings(most_per_rule=2)) == 5
    assert len(part.findings(3, most_per_rule=2)) == 3
    assert check.spans == part.spans == 7
    assert (check.findings_by_rule == part.findings_by_rule).all()


def test_a_trace_is_a_tree_in_the_order_of_starts(tmp_path: Path) -> None:
    made = request(
        span(1, 5, 3),
        span(1, 3, 1),
        span(1, 4, 1),
        span(1, 1),
        span(1, 6, 99),
        span(2, 1),
    )
    root = made.resource_spans[0].scope_spans[0].spans[3]
    root.attributes.append(KeyValue(key="n", value=AnyValue(int_value=5)))
    root.events.add(time_unix_nano=START + 5, name="e")
    root.status.code, root.status.message = 2, "failed"
    path = tmp_path / "x"
    path.write_bytes(lines(made))
    _, part = first_part(path)
    [located] = [of for of in part.findings() if of.finding.rule == "parent-missing-local"]
    assert located.trace is not None
    view = part.trace(located.trace, attributes=True)
    assert view.trace_id == "0" * 31 + "1"
    assert [of.name for of in view.spans] == ["step 1", "step 3", "step 5", "step 4", "step 6"]
    assert view.depths == (0, 1, 2, 1, 0)
    assert view.spans_total == 5
    assert view.spans[4].rules == ("parent-missing-local",)
    assert view.spans[4].source == located.source
    assert view.spans[0] == SpanView(
        span_id="0" * 15 + "1",
        parent_id="",
        name="step 1",
        service="shop",
        kind="INTERNAL",
        start_ns=START + 1000,
        end_ns=START + 1_000_000_000 - 1000,
        status="ERROR",
        status_message="failed",
        source=view.spans[0].source,
        events=((START + 5, "e"),),
        attributes=(("n", "5"),),
    )
    assert len(part.trace(located.trace, 2).spans) == 2
    assert part.trace(located.trace, 2).spans[0].attributes == ()


def test_spans_that_are_their_own_ancestors_are_in_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(request(span(1, 1, 2), span(1, 2, 3), span(1, 3, 1), span(1, 4, 4), span(1, 5))))
    _, part = first_part(path)
    view = part.trace(0)
    assert sorted(of.name for of in view.spans) == [f"step {number}" for number in range(1, 6)]
    assert view.spans[0].name == "step 5"


def test_findings_know_the_way_from_the_root(tmp_path: Path) -> None:
    def located(*spans: Span) -> list[Located]:
        (tmp_path / "x").write_bytes(lines(request(*spans)))
        return [of for of in first_part(tmp_path / "x")[1].findings() if of.finding.rule == "span-end-before-start"]

    def names(of: Located) -> list[str]:
        return [step.name for step in of.path]

    broken = {"end_time_unix_nano": 5}
    [one] = located(span(1, 3, 2, **broken), span(1, 1), span(1, 2, 1), span(1, 4, 2))
    assert one.path[-1] == PathSpan("INTERNAL", "step 3")
    assert names(one) == ["step 1", "step 2", "step 3"]
    [cut] = located(span(1, 3, 9, **broken))
    assert names(cut) == ["step 3"]
    # In a circle: all that are met until one is met again.
    [circle] = located(span(1, 1, 3), span(1, 2, 1), span(1, 3, 2, **broken))
    assert names(circle) == ["step 1", "step 2", "step 3"]
    [own] = located(span(1, 1, 1, **broken))
    assert names(own) == ["step 1"]
    [deep] = located(*(span(1, at, at - 1) for at in range(1, 200)), span(1, 200, 199, **broken))
    assert names(deep) == [f"step {at}" for at in (*range(1, 33), *range(169, 201))]


def test_traces_know_their_size(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(request(span(1, 1, 9), span(2, 1), span(1, 2, 1), span(1, 3, 1))))
    _, part = first_part(path)
    [missing] = [of for of in part.findings() if of.finding.rule.startswith("parent-missing")]
    assert missing.trace is not None
    assert part.spans_in(missing.trace) == part.trace(missing.trace).spans_total == 3


def test_findings_on_the_trace_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(request(span(1, 1), span(1, 2), span(2, 1))))
    _, part = first_part(path)
    [whole] = [of for of in part.findings() if of.finding.rule == "trace-multiple-roots"]
    assert whole.trace is not None
    assert part.trace(whole.trace).rules == ("trace-multiple-roots",)


def test_inputs_that_do_not_hold_whole_traces(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(request(span(1, 1, 99))))
    assert [rule for rule, _, _ in checked(path)[1]] == ["parent-missing-local"]
    assert checked(path, completeness=Completeness.BATCH)[1] == []


def test_progress(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(lines(request(span(1, 1))))
    check = Check([str(tmp_path), "-"], VERIFIER, stdin=io.BytesIO(lines(request(span(2, 1)))))
    assert (check.inputs.files_total, check.inputs.bytes_total, check.inputs.bytes_done) == (3, None, 0)
    assert sum(part.spans for part in check) == 3
    assert [file.name for file in check.inputs.files] == [str(tmp_path / "a"), str(tmp_path / "b"), "<stdin>"]


def test_an_unknown_profile_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Check([str(tmp_path)], VERIFIER, profile="no")


def test_a_check_that_is_done_leaves_its_memory_at_once(tmp_path: Path) -> None:
    """Not when the garbage collector comes along, which counts objects and not their size."""
    path = tmp_path / "capture.binpb"
    path.write_bytes(protobuf(request(span(1, 1))))
    gc.collect()
    gc.disable()
    try:
        check = Check([str(path)], VERIFIER)
        engine = weakref.ref(check._worker.engine)  # the first, in whose arena the only part is
        assert sum(part.spans for part in check) == 1
        del check
        assert engine() is None
    finally:
        gc.enable()
