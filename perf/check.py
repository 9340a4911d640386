"""`otlp-verifier check` on files: protobuf, JSON lines, gzip; beside jq and protobuf in Python reading the same files.

Rates `_core` are of processor time: of the process that checks, however many cores it
uses, and of the process that jq is. `check.protobuf_spans_per_second` is what such a
process does on all cores of the machine. They leave out what is paid once, which
`check.cold_1000_spans_s` has: a process that starts, checks 1,000 spans and ends. Files
have no findings unless a figure says otherwise: findings cost some 0.1 ms each, up to
1,000 of each rule.
"""

import base64
import gzip
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.files import Check
from otlp_verifier.pipeline import Verifier
from otlp_verifier.report.collect import Collector
from otlp_verifier.rules.catalogue import builtin
from perf.collector_bytes import collector_bytes
from perf.effort import EFFORT
from perf.faults import break_spans
from perf.installed import environment
from perf.workload import SPANS, request

BATCHES: Final = 64
COPIES: Final = 8  # of every batch, each with other trace ids: made faster than new batches, and no duplicates
GROWTH: Final = 10
ROUNDS: Final = 3
# Far below what the files hold, so that what is measured is the bound and not the file.
MEMORY_BYTES_MAX: Final = 16 << 20
_CHECK: Final = (sys.executable, "-m", "otlp_verifier.cli", "check", "--quiet", "--fail-on", "never")
_FLOOR: Final = (sys.executable, "-c", "import otlp_verifier.relate.join")
_COUNT: Final = "[.resourceSpans[].scopeSpans[].spans | length] | add"
_IDS: Final = ("traceId", "spanId", "parentSpanId")


def figures() -> dict[str, float]:
    """Spans per second and core, seconds of a cold process, resident memory; medians over rounds."""
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))
    try:
        return {**_rates(folder), **_cold(folder), **_memory(folder)}
    finally:
        shutil.rmtree(folder)


def _rates(folder: Path) -> dict[str, float]:
    EFFORT.say("writing files")
    batches = _batches(2 if EFFORT.short else BATCHES)
    copies = 1 if EFFORT.short else COPIES
    spans = len(batches) * copies * SPANS
    protobuf, lines, packed = folder / "t.binpb", folder / "t.jsonl", folder / "t.jsonl.gz"
    bad = folder / "bad.binpb"
    _write_lines(lines, batches, copies)
    _write_delimited(protobuf, batches, copies)
    for seed, message in enumerate(batches):
        break_spans(message, 1, seed)
    _write_delimited(bad, batches, copies)
    packed.write_bytes(gzip.compress(lines.read_bytes(), 6))

    verifier = Verifier([rule for rule in builtin() if rule.default])
    verifier.warm_up()
    ways: dict[str, Callable[[], float]] = {
        "protobuf": lambda: _checked(protobuf, verifier, spans),
        "json": lambda: _checked(lines, verifier, spans),
        "gzip": lambda: _checked(packed, verifier, spans),
        "bad_1_percent_protobuf": lambda: _checked(bad, verifier, spans),
        "protobuf_in_python": lambda: _parsed(protobuf, spans),
    }
    if shutil.which("jq"):
        ways["jq"] = lambda: _counted_by_jq(lines, spans)
    taken: dict[str, list[float]] = defaultdict(list)
    for turn in range(EFFORT.rounds(ROUNDS, short=1)):
        EFFORT.say(f"rates, round {turn + 1}")
        for name, way in ways.items():
            began_s = time.perf_counter()
            taken[f"check.{name}_spans_per_second_core"].append(spans / way())
            if name == "protobuf":
                taken["check.protobuf_spans_per_second"].append(spans / (time.perf_counter() - began_s))
    return {name: statistics.median(values) for name, values in taken.items()}


def _cold(folder: Path) -> dict[str, float]:
    path = folder / "small.jsonl"
    _write_lines(path, _batches(2), 1)
    taken: dict[str, list[float]] = defaultdict(list)
    variables = environment(folder)
    subprocess.run((*_CHECK, path), check=True, env=variables)
    for turn in range(EFFORT.rounds(ROUNDS, short=1)):
        EFFORT.say(f"cold process {turn + 1}")
        for name, command in (("cold_1000_spans_s", (*_CHECK, path)), ("floor_s", _FLOOR)):
            began_s = time.perf_counter()
            subprocess.run(command, check=True, env=variables)
            taken[f"check.{name}"].append(time.perf_counter() - began_s)
    return {name: statistics.median(values) for name, values in taken.items()}


def _memory(folder: Path) -> dict[str, float]:
    config = folder / "verifier.yaml"
    config.write_text(f"files: {{memory_bytes_max: {MEMORY_BYTES_MAX}}}\n")
    batches = _batches(2 if EFFORT.short else BATCHES)
    found = {}
    for times in (1, GROWTH):
        EFFORT.say(f"memory, {times}x")
        path = folder / f"{times}x.jsonl"
        _write_lines(path, batches, times)
        found[times] = _peak_mb((*_CHECK, "--config", str(config), str(path)))
        path.unlink()
    return {
        "check.memory_1x_mb": found[1],
        "check.memory_10x_mb": found[GROWTH],
        "check.memory_growth": found[GROWTH] / found[1],
    }


def _checked(path: Path, verifier: Verifier, spans: int) -> float:
    """Seconds of processor time from the file to a report."""
    began_s = time.process_time()
    check = Check([str(path)], verifier)
    collector = Collector(verifier.rules)
    for part in check:
        collector.add(part)
    collector.report(check.inputs)
    seconds = time.process_time() - began_s
    if check.spans != spans or check.inputs.errors:
        raise RuntimeError(f"{check.spans} of {spans} spans were checked; {check.inputs.errors[:1]}")
    return seconds


def _parsed(path: Path, spans: int) -> float:
    """Seconds of processor time in which protobuf parses the same requests, and does nothing with them."""
    began_s = time.thread_time()
    found = 0
    with path.open("rb") as file:
        while head := file.read(4):
            message = ExportTraceServiceRequest.FromString(file.read(int.from_bytes(head, "big")))
            found += sum(len(scope.spans) for of in message.resource_spans for scope in of.scope_spans)
    seconds = time.thread_time() - began_s
    if found != spans:
        raise RuntimeError(f"{found} of {spans} spans were parsed")
    return seconds


def _counted_by_jq(path: Path, spans: int) -> float:
    """Seconds of processor time in which jq counts the spans."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = subprocess.run(["jq", _COUNT, path], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if sum(map(int, counted.stdout.split())) != spans:
        raise RuntimeError("jq counted other spans than there are")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _peak_mb(command: tuple[str, ...]) -> float:
    """The most resident memory that a command had, in MiB.

    Through a small process: the kernel counts what the one that starts a process had at that moment as the other's.
    """
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    return int(said.stdout) / 1024


def _batches(number: int) -> list[ExportTraceServiceRequest]:
    return [request(SPANS, seed) for seed in range(number)]


def _write_delimited(path: Path, batches: list[ExportTraceServiceRequest], copies: int) -> None:
    with path.open("wb") as file:
        for copy in range(copies):
            for message in batches:
                otlp = _with_ids_of(message, copy)
                file.write(len(otlp).to_bytes(4, "big") + otlp)


def _write_lines(path: Path, batches: list[ExportTraceServiceRequest], copies: int) -> None:
    texts = [json.dumps(_as_otlp(MessageToDict(message, use_integers_for_enums=True))) for message in batches]
    with path.open("w") as file:
        for copy in range(copies):
            for text in texts:
                # The end of a trace id: the beginning says to which temporary file a trace goes.
                file.write(re.sub(r'("traceId": "[0-9a-f]{28})[0-9a-f]{4}', rf"\g<1>{copy:04x}", text) + "\n")


def _with_ids_of(message: ExportTraceServiceRequest, copy: int) -> bytes:
    for of in message.resource_spans:
        for scope in of.scope_spans:
            for span in scope.spans:
                span.trace_id = span.trace_id[:14] + copy.to_bytes(2, "big")
    return collector_bytes(message)


def _as_otlp(value: Any) -> Any:
    """OTLP/JSON of protobuf's own JSON: ids in hex."""
    if isinstance(value, list):
        return [_as_otlp(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64decode(inner).hex() if key in _IDS else _as_otlp(inner) for key, inner in value.items()}


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:45} {value:12,.1f}")
