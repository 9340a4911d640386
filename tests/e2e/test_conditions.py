"""Pasted conditions mean what they mean to the stock `filter` processor: the real one, on several hundred odd spans.

conditions.yaml is the table. Each condition runs in a filter of its own, and so does its negation: a span that neither
of them drops is one for which the condition is an error there. Rules know no errors, what cannot be computed is nil; so
such spans are left out, and everywhere else both must say the same, but where the table says that and why they do not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.e2e import odd_spans
from tests.e2e.conftest import Rig
from tests.strategies import all_spans

TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "conditions.yaml").read_text())
ALIKE: list[str] = [condition for group in TABLE["alike"].values() for condition in group]
DIFFERENT: dict[str, str] = {each["condition"]: each["because"] for each in TABLE["different"]}
REFUSED: dict[str, str] = {each["condition"]: each["says"] for each in TABLE["refused"]}
GUIDE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()


def test_the_table_is_large() -> None:
    assert len(ALIKE) >= 300
    assert len({*ALIKE, *DIFFERENT, *REFUSED}) == len(ALIKE) + len(DIFFERENT) + len(REFUSED)


@pytest.mark.parametrize("condition", REFUSED)
def test_what_is_refused_says_so(condition: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("x", f"for each span s require not ({condition})")])
    assert REFUSED[condition] in caught.value.errors[0].message


@pytest.mark.parametrize("reason", sorted(set(DIFFERENT.values())))
def test_the_guide_names_each_difference(reason: str) -> None:
    assert reason in " ".join(GUIDE.split())


def test_the_filter_drops_what_conditions_hold_of(rig: Rig) -> None:
    request = odd_spans.request()
    conditions = [*ALIKE, *DIFFERENT]
    dropped = collected(rig, [*conditions, *(f"not ({condition})" for condition in conditions)], request)
    everything = set(range(len(all_spans(request))))
    assert len(everything) >= 300
    wrong: dict[str, object] = {}
    for place, (condition, found) in enumerate(zip(conditions, verified(conditions, request), strict=True)):
        holds, fails = dropped[place], dropped[len(conditions) + place]
        assert not holds & fails, condition
        # Where there is an error, what cannot be computed is false for both, if nothing turns it round.
        is_turned = any(word in condition for word in (" or ", "not ", "!=", "nil", "== false"))
        ours = found & (holds | fails) if is_turned else found
        if (ours == holds) == (condition in DIFFERENT):
            wrong[condition] = f"ours only {shown(ours - holds, request)}, theirs only {shown(holds - ours, request)}"
    assert not wrong, "\n".join(f"{condition}: {what}" for condition, what in wrong.items())


def verified(conditions: list[str], request: ExportTraceServiceRequest) -> list[set[int]]:
    """Per condition, the spans that it is true of as a rule."""
    rules = [Source(str(n), f"for each span s require not ({text})") for n, text in enumerate(conditions)]
    engine = Engine(compile_rules(rules))
    found = engine.run(request.SerializeToString(), Completeness.TRACE, Limits(memory_factor=64))
    rows: list[set[int]] = [set() for _ in conditions]
    for rule, row in zip(found.rules.tolist(), found.rows.tolist(), strict=True):
        rows[rule].add(row)
    return rows


def collected(rig: Rig, conditions: list[str], request: ExportTraceServiceRequest) -> list[set[int]]:
    """Per condition, the spans that a filter with it drops: each in a pipeline and into a file of its own."""
    folder = rig.folder
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "${env:OTLP_GRPC_ENDPOINT}"}}}},
        "processors": {f"filter/{number}": filtering(text) for number, text in enumerate(conditions)}
        # Valid there is valid in a processor that no pipeline has, too.
        | {f"filter/refused{number}": filtering(text) for number, text in enumerate(REFUSED)},
        "exporters": {
            f"file/{number}": {"path": str(folder / str(number)), "format": "proto"}
            for number in range(len(conditions))
        },
        "service": {
            "telemetry": {"logs": {"level": "error"}},
            "pipelines": {
                f"traces/{number}": {
                    "receivers": ["otlp"],
                    "processors": [f"filter/{number}"],
                    "exporters": [f"file/{number}"],
                }
                for number in range(len(conditions))
            },
        },
    }
    path = folder / "conditions.yaml"
    path.write_text(yaml.safe_dump(config))
    collector = rig.collector(str(path))
    rig.sender(collector).send(request)
    collector.stop()
    everything = set(range(len(all_spans(request))))
    return [everything - set(kept((folder / str(number)).read_bytes())) for number in range(len(conditions))]


def filtering(condition: str) -> dict[str, object]:
    """A filter, in the form of configuration in which paths are written as they are in the condition."""
    if any(f"{context}." in condition.replace("instrumentation_scope.", "") for context in ("span", "scope")):
        conditions = {"trace_conditions": [{"context": "span", "conditions": [condition]}]}
        return {"error_mode": "ignore", **conditions}
    return {"error_mode": "ignore", "traces": {"span": [condition]}}


def kept(written: bytes) -> Iterator[int]:
    """The spans that were not dropped; in the file each request follows its length."""
    at = 0
    while at < len(written):
        length = int.from_bytes(written[at : at + 4], "big")
        part = ExportTraceServiceRequest.FromString(written[at + 4 : at + 4 + length])
        yield from (int.from_bytes(span.span_id, "big") - 1 for span in all_spans(part))
        at += 4 + length


def shown(rows: set[int], request: ExportTraceServiceRequest) -> str:
    """The first few spans, as far as conditions look at them."""
    spans = all_spans(request)
    values = [
        str({pair.key: str(pair.value).strip() for pair in spans[row].attributes if pair.key in "ab"})
        for row in sorted(rows)[:4]
    ]
    return f"{len(rows)} {values}"
