"""Whether memory grows: resident memory of verifier and collector under load whose values never stop changing.

Collector and verifier as in perf/pipelines/verifier.yaml, default rules, two callers without a pause. Every batch is
patched before it is sent: all ids in paths, URLs and resources are new, and so are trace ids, the names of one span
in a hundred and one key of an attribute in as many, as from instrumentation that puts ids where they do not belong.
By turns of 20 seconds nothing repeats, or 64 variants do. `--load-minutes 60` makes it an hour; the slope is that of
a least-squares line through what follows the first third, and its standard error says how much it can be trusted.
"""

import random
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self

import grpc
import numpy as np
from example.stack.verifier import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from perf.effort import EFFORT
from perf.fleet import identifier
from perf.stack import Collector, memory, require_collector
from perf.workload import SPANS, fill, request, sdk_bytes

BATCHES: Final = 16
CALLERS: Final = 2
PHASE_S: Final = 20.0
VARIANTS: Final = 64
SAMPLES: Final = 240  # in all, the warm-up included
WARM_UP: Final = 1 / 3
SHORT_MINUTES: Final = 0.05
_EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_UUID: Final = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})")


class Line(NamedTuple):
    """A line through points: its slope, and the standard error of that."""

    slope: float
    error: float


def figures() -> dict[str, float]:
    """The slope of resident memory, MiB an hour, and where it began and ended.

    Raises:
        Missing: there is no collector.

    """
    require_collector()
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    minutes = SHORT_MINUTES if EFFORT.short else EFFORT.load_minutes
    try:
        with ExitStack() as stack:
            verifier = stack.enter_context(Verifier({}, folder / "verifier"))
            collector = stack.enter_context(Collector("verifier", folder, verifier.endpoint))
            load = stack.enter_context(Load(collector.endpoint))
            at: list[float] = []
            resident: dict[str, list[float]] = {"": [], "collector_": []}
            pss = []
            began_s = time.monotonic()
            for sample in range(SAMPLES):
                time.sleep(max(0.0, began_s + 60 * minutes * (sample + 1) / SAMPLES - time.monotonic()))
                at.append(time.monotonic() - began_s)
                for name, process in (("", verifier), ("collector_", collector)):
                    found = memory(process.pid)
                    resident[name].append(found.rss_mb)
                    if process is verifier:
                        pss.append(found.pss_mb)
                if sample % 40 == 0:
                    EFFORT.say(f"{at[-1] / 60:.1f} of {minutes:g} minutes, {resident[''][-1]:.0f} MiB")
            spans = load.stop()
            collector.require_all(spans)
    finally:
        shutil.rmtree(folder)
    first = round(WARM_UP * SAMPLES)
    result = {"memory.growth_minutes": minutes, "memory.growth_spans_per_second": spans / at[-1]}
    for name, values in resident.items():
        line = fit([seconds / 3600 for seconds in at[first:]], values[first:])
        result[f"memory.{name}growth_mb_per_hour"] = line.slope
        result[f"memory.{name}growth_error_mb_per_hour"] = line.error
        result[f"memory.{name}after_warm_up_mb"] = statistics.median(values[first : first + SAMPLES // 10])
        result[f"memory.{name}after_load_mb"] = statistics.median(values[-SAMPLES // 10 :])
    result["memory.after_load_pss_mb"] = statistics.median(pss[-SAMPLES // 10 :])
    return result


def fit(x: Sequence[float], y: Sequence[float]) -> Line:
    """The least-squares line through at least three points."""
    slope, offset = statistics.linear_regression(x, y)
    middle = statistics.fmean(x)
    left_over = sum((b - slope * a - offset) ** 2 for a, b in zip(x, y, strict=True))
    spread = sum((a - middle) ** 2 for a in x)
    return Line(slope, (left_over / (len(x) - 2) / spread) ** 0.5)


class Batch:
    """A batch whose ids can be made new without touching anything else, in some 0.1 ms."""

    def __init__(self, seed: int) -> None:
        message = request(seed=seed)
        _misuse_ids(message, seed)
        data = sdk_bytes(message)
        self._bytes = np.frombuffer(data, np.uint8)
        ids = {span.trace_id for of in message.resource_spans for scope in of.scope_spans for span in scope.spans}
        texts = [found.start() for found in _UUID.finditer(data)]
        traces = [found.start() for id_ in ids for found in re.finditer(re.escape(id_), data)]
        self._texts = np.add.outer(texts, np.arange(8))
        self._traces = np.add.outer(traces, np.arange(4))

    def variant(self, number: int) -> bytes:
        """The batch with ids that begin with `number`, below 2**32."""
        renewed = self._bytes.copy()
        renewed[self._texts] = np.frombuffer(b"%08x" % number, np.uint8)
        renewed[self._traces] = np.frombuffer(number.to_bytes(4, "big"), np.uint8)
        return renewed.tobytes()


def _misuse_ids(message: ExportTraceServiceRequest, seed: int) -> None:
    """Ids in the names of spans and in the keys of attributes, one in a hundred each."""
    r = random.Random(seed)
    spans = [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
    for span in r.sample(spans, len(spans) // 100):
        span.name = f"{span.name} {identifier(r)}"
    for span in r.sample(spans, len(spans) // 100):
        fill(span, {f"cache.{identifier(r)}": "hit"})


class Load:
    """Callers that send without a pause until they are told to stop; no batch may be refused."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._ends = threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS)
        self._callers = [self._pool.submit(self._send, position) for position in range(CALLERS)]

    def stop(self) -> int:
        """How many spans were sent and acknowledged.

        Raises:
            grpc.RpcError: one was refused.

        """
        self._ends.set()
        return sum(caller.result() for caller in self._callers)

    def _send(self, position: int) -> int:
        batches = [Batch(position * BATCHES + seed) for seed in range(BATCHES)]
        began_s = time.monotonic()
        sent = 0
        with grpc.insecure_channel(self._endpoint) as channel:
            export = channel.unary_unary(_EXPORT, None, None)  # bytes, as they are
            while not self._ends.is_set():
                is_new = (time.monotonic() - began_s) // PHASE_S % 2 == 0
                number = sent if is_new else sent % VARIANTS
                export(batches[sent % BATCHES].variant(number * CALLERS + position), timeout=30)
                sent += 1
        return sent * SPANS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._pool.shutdown()
