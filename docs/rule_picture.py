"""Examples of a rule as a picture: a small timeline for each, the findings in red."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_WIDTH, _LABEL, _RIGHT = 640, 250, 12  # the bars stand between the labels and the right margin
_ROW, _HEAD, _GAP = 18, 22, 10
_INDENT, _LABEL_MAX = 10, 38
_KINDS: Final = ("?", "", "server", "client", "producer", "consumer")
_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#475569}.why{font-weight:600;fill:#0f172a}"
    ".b{fill:#94a3b8}.bad{fill:#dc2626}.e{fill:#0f172a}.n{fill:#dc2626}"
    "@media(prefers-color-scheme:dark){text{fill:#94a3b8}.why{fill:#e2e8f0}.b{fill:#64748b}.bad{fill:#f87171}"
    ".n{fill:#f87171}.e{fill:#e2e8f0}}"
)


@dataclass(frozen=True)
class Shown:
    """An example to draw.

    Attributes:
        why: what it shows.
        fires: whether the rule finds something in it.
        request: its bytes.
        found: span ids, as hex digits, that findings of the rule are about.

    """

    why: str
    fires: bool
    request: bytes
    found: frozenset[str]


@dataclass
class _Line:
    """A span in its place: how deep it stands, and the service where there are several."""

    span: Span
    depth: int
    service: str
    below: "list[_Line]" = field(default_factory=list)


def picture(rule: str, examples: Sequence[Shown]) -> str:
    """All examples of a rule, one below the other, as SVG."""
    parts: list[str] = []
    top = 4
    for example in examples:
        top = _example(example, top, parts) + _GAP
    size = f'viewBox="0 0 {_WIDTH} {top}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="examples of {rule}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _example(example: Shown, top: int, parts: list[str]) -> int:
    sign, css = ("✗", "n") if example.fires else ("✓", "why")
    why = f'<tspan class="{css}">{sign}</tspan> {escape(_cut(example.why, 90))}'
    parts.append(f'<text class="why" x="4" y="{top + 14}">{why}</text>')
    top += _HEAD
    lines = list(_lines(example.request))
    times = [time for line in lines for time in (line.span.start_time_unix_nano, line.span.end_time_unix_nano) if time]
    if not lines:
        parts.append(f'<text x="16" y="{top + 13}">no span</text>')
        return top + _ROW
    first, last = min(times, default=0), max(times, default=1)
    for line in lines:
        is_found = line.span.span_id.hex() in example.found
        label = escape(_label(line))
        parts.append(
            f'<text{" class=" + chr(34) + "n" + chr(34) if is_found else ""} x="{16 + _INDENT * line.depth}" '
            f'y="{top + 13}">{label}</text>'
        )
        parts.extend(_bar(line.span, first, max(last, first + 1), top, css="bad" if is_found else "b"))
        top += _ROW
    return top


def _bar(span: Span, first: int, last: int, top: int, *, css: str) -> Iterator[str]:
    width = _WIDTH - _LABEL - _RIGHT

    def at(time: int) -> float:
        return round(_LABEL + width * (min(max(time, first), last) - first) / (last - first), 1)

    start, end = sorted((at(span.start_time_unix_nano), at(span.end_time_unix_nano)))
    yield f'<rect class="{css}" x="{start:g}" y="{top + 4}" width="{max(2, end - start):g}" height="10" rx="2"/>'
    for event in span.events:
        yield f'<circle class="e" cx="{at(event.time_unix_nano):g}" cy="{top + 9}" r="3"/>'


def _label(line: _Line) -> str:
    kind = _KINDS[line.span.kind] if 0 <= line.span.kind < len(_KINDS) else "?"
    words = [line.service and f"{line.service}:", line.span.name or "(no name)", kind and f"· {kind}"]
    links = len(line.span.links)
    words.append(f"· {links} link{'s' * (links > 1)}" if links else "")
    words.append("· error" if line.span.status.code == 2 else "")  # STATUS_CODE_ERROR
    return _cut(" ".join(word for word in words if word), _LABEL_MAX - line.depth)


def _lines(request: bytes) -> Iterator[_Line]:
    """The spans of a request as a tree, each below its parent; those on a cycle begin one."""
    message = ExportTraceServiceRequest.FromString(request)
    found: list[_Line] = []
    for resource in message.resource_spans:
        names = [pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"]
        service = names[0] if names and len(message.resource_spans) > 1 else ""
        found.extend(_Line(span, 0, service) for scope in resource.scope_spans for span in scope.spans)
    by_ids = {(line.span.trace_id, line.span.span_id): line for line in reversed(found) if line.span.span_id}
    roots = []
    for line in found:
        parent = by_ids.get((line.span.trace_id, line.span.parent_span_id))
        if parent is None or parent is line or _climbs(parent, by_ids, line):
            roots.append(line)
        else:
            parent.below.append(line)
    for root in roots:
        yield from _walk(root, 0)


def _climbs(line: _Line | None, by_ids: dict[tuple[bytes, bytes], _Line], to: _Line) -> bool:
    """Whether `to` is among the ancestors of a span; a span on a cycle is among its own."""
    seen: set[int] = set()
    while line is not None and id(line) not in seen:
        if line is to:
            return True
        seen.add(id(line))
        line = by_ids.get((line.span.trace_id, line.span.parent_span_id))
    return False


def _walk(line: _Line, depth: int) -> Iterator[_Line]:
    line.depth = depth
    yield line
    for below in line.below:
        yield from _walk(below, depth + 1)


def _cut(text: str, length: int) -> str:
    text = "".join(character if character.isprintable() else "·" for character in text)
    return text if len(text) <= length else text[: length - 1] + "…"
