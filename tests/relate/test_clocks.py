"""Resources that are one: those with the same attributes in the same order, as a twin compares their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otlp_verifier.columns import Columns
from otlp_verifier.relate.clocks import Clocks
from otlp_verifier.relate.tables import ResourceClock
from otlp_verifier.wire.limits import Limits
from tests.reference.records import records
from tests.strategies import attributes

LIMITS = Limits(memory_factor=64)
COLUMNS, CLOCKS = Columns(), Clocks()  # arenas live long: nothing of one batch may show in the next


def request_of(resources: list[list[KeyValue]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for each in resources:
        request.resource_spans.add().resource.attributes.extend(each)
    return request


def found(request: ExportTraceServiceRequest) -> list[int]:
    COLUMNS.load(request.SerializeToString(), LIMITS)
    CLOCKS.load(COLUMNS)
    return [int(row) for row in CLOCKS.resources[ResourceClock.FIRST, : COLUMNS.resources.rows]]


@given(st.lists(attributes(forged=False, most=2), max_size=8))
def test_resources_are_one_where_the_twin_says(resources: list[list[KeyValue]]) -> None:
    request = request_of([*resources, *resources[::2]])
    assert found(request) == [resource.clock for resource in records(request)["resource"]]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 64, 65, 81, 1_000])
def test_many_resources(count: int) -> None:
    names = [[KeyValue(key="host.name", value=AnyValue(string_value=f"host-{row % 700}"))] for row in range(count)]
    assert found(request_of(names)) == [row % 700 for row in range(count)]


def test_text_that_is_alike_but_for_its_type_or_key() -> None:
    values = [AnyValue(string_value="1"), AnyValue(bytes_value=b"1"), AnyValue(int_value=1), AnyValue(bool_value=True)]
    resources = [[KeyValue(key=key, value=value)] for key in ("a", "b") for value in values]
    assert found(request_of(resources)) == list(range(8))
    assert found(request_of([*resources, [], *resources, []])) == [*range(8), 8, *range(8), 8]
