"""A batch that is broken off amid it leaves nothing behind: the next one is judged as by a worker of its own."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier import lookups
from otlp_verifier.attributes import keys, records
from otlp_verifier.attributes.key_codes import KeyCodes
from otlp_verifier.kernels import chain
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.sensitive import records as sensitive
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.worker import Worker

# What is asked in the middle of a batch: of keys, URLs, pairs of key and value, texts; and what makes chains.
PLACES: tuple[tuple[Any, str], ...] = (
    (records, "facts_of"), (records, "version_number"), (records, "value_faults"), (sensitive, "context_of"),
    (sensitive, "suspects"), (sensitive, "classes_asked"), (lookups.Lookups, "_judge"), (Dictionary, "strings"),
    (chain, "link"),
)  # fmt: skip
SIZES = (3, 40, 1, 200, 90, 2, 700, 0, 30)


def batch(rng: Random, spans: int) -> bytes:
    """Spans with keys, texts and values of which some are new in every batch."""
    request = ExportTraceServiceRequest()
    version = f"1.{rng.randrange(20, 40)}.{rng.randrange(9)}"
    of = request.resource_spans.add(schema_url=f"https://opentelemetry.io/schemas/{version}")
    of.resource.attributes.add(key="service.name").value.string_value = "shop"
    made = of.scope_spans.add()
    for _ in range(spans):
        span = made.spans.add(
            trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name=f"GET /carts/{rng.randrange(10**5)}",
            kind=rng.randrange(6), start_time_unix_nano=10**18, end_time_unix_nano=10**18 + rng.randrange(-2, 9),
        )  # fmt: skip
        for key, value in (
            ("http.request.method", rng.choice(["GET", "Get", "PUSH"])),
            ("http.route", f"/carts/{rng.randrange(10**4)}"),
            ("server.port", rng.choice([80, str(rng.randrange(10**6))])),
            ("network.transport", rng.choice(["tcp", "TCP", f"quick{rng.randrange(9)}"])),
            ("db.password", f"secret{rng.randrange(10**4)}"),
            (f"shop.n{rng.randrange(10**5)}", f"a{rng.randrange(1000)}@example.com"),
        ):
            attribute = span.attributes.add(key=key).value
            if isinstance(value, int):
                attribute.int_value = value
            elif rng.random() < 0.9:
                attribute.string_value = value
    return request.SerializeToString()


def judged(worker: Worker, request: bytes, completeness: Completeness) -> tuple[list[int], bytes]:
    outcome = worker.verify(request, completeness=completeness)
    return outcome.findings_by_rule.tolist(), outcome.response(1)


def _after(calls: int, inner: Callable[..., Any]) -> Callable[..., Any]:
    """What is interrupted after some calls."""
    left = [calls]

    def interrupted(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return inner(*arguments, **named)

    return interrupted


@pytest.mark.many
@pytest.mark.parametrize("room", [1 << 14, 16], ids=["roomy", "starting again and again"])
def test_the_next_batch_is_judged_as_by_a_worker_of_its_own(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, rng = Verifier(builtin()), Random(room)
    expecting = verifier.worker
    with monkeypatch.context() as small:
        small.setattr(records, "_PAIRS", room)
        small.setattr(records, "_ENTRIES", room)
        small.setattr(keys, "KeyCodes", partial(KeyCodes, 2 * room))
        small.setattr(sensitive, "Dictionary", partial(Dictionary, entry_capacity=room))
        worker = verifier.worker()
    for owner, name in PLACES:
        interrupted = 0
        for number, size in enumerate(SIZES):
            calls = rng.randrange(1, 9) if number % 2 else 0  # some places are reached once in a batch
            with monkeypatch.context() as patched:
                patched.setattr(owner, name, _after(calls, getattr(owner, name)))
                try:
                    worker.verify(batch(rng, size), completeness=rng.choice(list(Completeness)))
                except KeyboardInterrupt:
                    interrupted += 1
            request, completeness = batch(rng, rng.choice(SIZES)), rng.choice(list(Completeness))
            assert judged(worker, request, completeness) == judged(expecting(), request, completeness)
        assert interrupted or name == "link", name
