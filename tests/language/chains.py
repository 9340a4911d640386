"""One value after the other down a chain of spans, and engines that keep few strings or many."""

import functools
from collections.abc import Sequence

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier import lookups
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.limits import Limits
from tests.strategies import request_of

LIMITS = Limits(memory_factor=64)

engines = pytest.mark.parametrize("room", [4, 65_536], ids=["forgetful", "with room"])


def engine_with(room: int, rules: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine whose dictionary has room for so many strings beside those that the rules state."""
    plan = compile_rules([Source(str(number), rule) for number, rule in enumerate(rules)])
    small = functools.partial(Dictionary, entry_capacity=len(plan.strings) + room)
    monkeypatch.setattr(lookups, "Dictionary", small)
    return Engine(plan)


def found_in(engine: Engine, values: Sequence[AnyValue | None], name: str = "") -> set[tuple[int, int]]:
    """Which rule fires on which span, where each has its value as attribute `a` and the one before it as parent."""
    spans = [
        Span(
            trace_id=b"\1" * 16,
            span_id=bytes([row + 1]) * 8,
            parent_span_id=bytes([row]) * 8 if row else b"",
            name=name,
            attributes=[] if value is None else [KeyValue(key="a", value=value)],
        )
        for row, value in enumerate(values)
    ]
    rows = engine.run(request_of(spans).SerializeToString(), Completeness.TRACE, LIMITS)
    return set(zip(rows.rules.tolist(), rows.rows.tolist(), strict=True))
