"""Write what is generated in the documentation, from a real run: the picture of the terminal, and the README's verdict.

`make docs` calls it.
"""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROOT = Path(__file__).parents[1]
RUN = ROOT / "build" / "run"
PICTURE = ROOT / "docs" / "images" / "run.svg"
README = ROOT / "README.md"
MARKED = re.compile(r"(?<=<!-- begin: written by `make docs` from a real run -->\n).*?(?=<!-- end -->)", re.DOTALL)

RULE = "span-end-before-start"  # the finding that the README shows


def main() -> None:
    """Run the demonstration and write both."""
    command = [sys.executable, "-m", "example", "--duration", "15", "--picture", str(PICTURE)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # our own command
    README.write_text(MARKED.sub(lambda _: _verdict(), README.read_text()))


def _verdict() -> str:
    """Return the finding of RULE, as logged, and the span that it is about, as the review backend got it."""
    finding = next(
        entry
        for line in (RUN / "verifier.log").read_bytes().splitlines()
        if (entry := msgspec.json.decode(line, type=dict[str, object])).get("rule") == RULE
    )
    shown = {key: finding[key] for key in ("severity", "rule", "service", "trace_id", "span_id", "message", "help")}
    log = msgspec.json.format(msgspec.json.encode({"event": "finding", **shown}), indent=2).decode()
    span = _span(str(finding["trace_id"]), str(finding["span_id"]))
    attributes = "\n".join(f"{pair.key}: {_text(pair.value)}" for pair in span.attributes)
    return (
        "The finding, in the verifier's log:\n\n"
        f"```json\n{log}\n```\n\n"
        f"The attributes of that span, `{span.name}`, as they arrived behind the collector:\n\n"
        f"```yaml\n{attributes}\n```\n\n"
    )


def _span(trace_id: str, span_id: str) -> Span:
    request = ExportTraceServiceRequest.FromString((RUN / "review.binpb").read_bytes())
    return next(
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        if (span.trace_id.hex(), span.span_id.hex()) == (trace_id, span_id)
    )


def _text(value: AnyValue) -> str:
    if value.HasField("array_value"):
        return f"[{', '.join(map(_text, value.array_value.values))}]"
    return str(getattr(value, str(value.WhichOneof("value"))))


if __name__ == "__main__":
    main()
