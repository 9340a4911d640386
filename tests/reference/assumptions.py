"""What a rule assumes of a trace, slowly: whether anything says that data is missing from it."""

from otlp_verifier.language.syntax import ForEach
from tests.reference.records import Record, Records, trace_of
from tests.reference.relations import read_id


def assumed(tree: ForEach, record: Record, found: Records, *, final: bool) -> bool:
    """Whether what the rule assumes is so in the record's trace."""
    stated = {assumption.name for assumption in tree.assumptions} - {"skew"}
    if not stated:
        stated = set() if final else {"complete", "unsampled"}
    if record.domain in ("resource", "scope"):
        return True
    spans = trace_of(record, found)
    return not (
        ("complete" in stated and any(map(_misses_something, spans)))
        or ("unsampled" in stated and any(_is_sampled(span.message.trace_state) for span in spans))
    )


def _misses_something(span: Record) -> bool:
    message = span.message
    dropped = message.dropped_attributes_count + message.dropped_events_count + message.dropped_links_count
    return dropped > 0 or (bool(read_id(message.parent_span_id, 8)) and span.steps["parent"] is None)


def _is_sampled(trace_state: str) -> bool:
    """Whether OpenTelemetry's member of a trace state has a sampling threshold other than zero."""
    for member in trace_state.split(","):
        name, _, value = member.lstrip(" \t").partition("=")
        for part in value.split(";") if name == "ot" else ():
            threshold = part.removeprefix("th:").lstrip("0") if part.startswith("th:") else ""
            if threshold and threshold[0] in "123456789abcdef":
                return True
    return False
