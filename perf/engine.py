"""Bytes to a verdict on one core: every stage, sizes of batches, shares of bad spans, one and two workers.

The floor is the scan alone, which nothing that looks at spans can do without; the
peer is protobuf's parse of the same bytes, which is only the beginning of what a
verifier in plain Python would have to do. Bytes are as a collector writes them,
and beside that as SDKs do.
"""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.wire.limits import Limits
from perf.effort import EFFORT
from perf.measure import Way, ns_per_span
from perf.stages import Stages
from perf.workload import SPANS, batches, sdk_bytes

BAD_PERCENT = 1  # unless said otherwise
BATCHES = 16
ROUNDS = 60
SIZES = {1: 64, 8: 32, 64: 16, 8192: 2}  # spans in a batch: different batches of that size
BAD_PERCENTS = (0, 50)
ALWAYS = frozenset(("scan", "relate", "lookups", "machine", "verdict", "answer"))


def figures() -> dict[str, float]:
    """Medians; see `perf.catalogue` for what each figure means."""
    everything = Verifier(builtin())
    default = Verifier([rule for rule in builtin() if rule.default])
    for verifier in (everything, default):
        verifier.warm_up()
    requests = batches(_number(), bad_percent=BAD_PERCENT)
    return (
        _against_peers(everything, default, requests)
        | {f"engine.stage.{stage}": ns for stage, ns in _stages(everything, requests).items()}
        | {f"engine.default_stage.{stage}": ns for stage, ns in _stages(default, requests).items()}
        | _workers(default, requests)
    )


def _number() -> int:
    return EFFORT.rounds(BATCHES, short=4)


def _verify(verifier: Verifier, requests: Sequence[bytes], spans: int = SPANS) -> Way:
    worker = verifier.worker()
    return Way(worker.verify, requests, spans)


def _against_peers(everything: Verifier, default: Verifier, requests: Sequence[bytes]) -> dict[str, float]:
    columns, limits = Columns(), Limits()
    ways = {
        "": _verify(everything, requests),
        "default_": _verify(default, requests),
        "scan_": Way(lambda request: columns.load(request, limits), requests, SPANS),
        "upb_parse_": Way(ExportTraceServiceRequest.FromString, requests, SPANS),
    }
    as_sdks_write = batches(_number(), bad_percent=BAD_PERCENT, write=sdk_bytes)
    ways["sdk_bytes_"] = _verify(everything, as_sdks_write)
    ways["sdk_bytes_scan_"] = Way(lambda request: columns.load(request, limits), as_sdks_write, SPANS)
    for percent in BAD_PERCENTS:
        ways[f"bad_{percent}_percent_"] = _verify(everything, batches(_number(), bad_percent=percent))
    for spans, number in SIZES.items():
        ways[f"batch_{spans}_"] = _verify(everything, batches(number, spans, BAD_PERCENT), spans)
    taken = ns_per_span(ways, ROUNDS)
    result = {f"engine.{name}ns_per_span": ns for name, ns in taken.items()}
    result["engine.spans_per_second_core"] = 1e9 / taken[""]
    result["engine.default_spans_per_second_core"] = 1e9 / taken["default_"]
    result["engine.vs_scan"] = taken[""] / taken["scan_"]
    result["engine.speedup_vs_upb_parse"] = taken["upb_parse_"] / taken[""]
    return result


def _stages(verifier: Verifier, requests: Sequence[bytes]) -> dict[str, float]:
    """Where the time of one batch goes, the answer included; `rest` is the Python between the stages."""
    worker, stages = verifier.worker(), Stages()
    stages.watch(worker.engine)
    stages.time(worker._judge, "judge", "verdict")
    stages.time(worker.annotator, "sparse", "answer")
    taken: dict[str, list[int]] = {stage: [] for stage in (*stages.names, "rest")}
    spent = stages.spent
    with stages.linked():
        for turn in range(1 + EFFORT.rounds(ROUNDS)):
            for request in requests:
                spent.clear()
                arrived = bytes(bytearray(request))  # as in perf.measure
                start = time.perf_counter_ns()
                worker.verify(arrived).response(1)
                spent["rest"] = time.perf_counter_ns() - start - sum(spent.values())
                if turn:
                    for stage, times in taken.items():
                        times.append(spent[stage])
    reached = {stage: times for stage, times in taken.items() if any(times)}
    if missing := ALWAYS - reached.keys():
        raise RuntimeError(f"stages that were never reached: {', '.join(sorted(missing))}")
    return {f"{stage}_ns_per_span": statistics.median(ns) / SPANS for stage, ns in reached.items()}


def _workers(verifier: Verifier, requests: Sequence[bytes]) -> dict[str, float]:
    """How much faster two threads are than one; each round measures both.

    The floor is the scan, which is one call without the interpreter's lock: what the machine itself gives.
    """
    limits = Limits()

    def scanner() -> Callable[[bytes], Any]:
        columns = Columns()
        return lambda request: columns.load(request, limits)

    ways: dict[str, Callable[[], Callable[[bytes], Any]]] = {
        "": lambda: verifier.worker().verify, "scan_": scanner,
    }  # fmt: skip
    ratios: dict[str, list[float]] = defaultdict(list)
    for _ in range(EFFORT.rounds(7)):
        for name, make in ways.items():
            alone, together = (_batches_per_s(make, requests, threads) for threads in (1, 2))
            ratios[name].append(together / alone)
    return {f"engine.{name}speedup_two_workers": statistics.median(found) for name, found in ratios.items()}


def _batches_per_s(make: Callable[[], Callable[[bytes], Any]], requests: Sequence[bytes], threads: int) -> float:
    repeats = EFFORT.rounds(40)
    ready = threading.Barrier(threads + 1)

    def work() -> None:
        verify = make()
        verify(requests[0])
        ready.wait()
        for _ in range(repeats):
            for request in requests:
                verify(request)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in running:
        thread.join()
    return threads * repeats * len(requests) / (time.perf_counter() - start)
