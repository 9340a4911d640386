"""What stays of a finding from run to run: ids, times, numbers and addresses go, names stay.

A finding is recognised by its rule, service, scope, the names of the spans on the
way from the root to its own, and the names that its message quotes. The wording of
a message does not count, so that a better sentence in a later version of a rule
makes nothing new.
"""

import functools
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from otlp_verifier.files.view import PATH_MAX, PathSpan, TraceView
from otlp_verifier.findings import Finding
from otlp_verifier.report.model import Kind

_DIGEST_CHARACTERS: Final = 20  # 80 bits: among a million kinds two meet once in 10^12 runs
_PLACEHOLDER: Final = "#"
_VARYING: Final = re.compile(
    r"""
      \d{4}-\d\d-\d\d(?:[T ][\d:.]+Z?)?                       # dates and times
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b # UUIDs
    | \b0x[0-9a-fA-F]+\b
    | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b                   # ids; words such as `deadbeef` have no digit
    | (?<![A-Za-z])[-+]?\d+(?:[.:]\d+)*(?:[ ]?(?:ns|us|ms|s|min|h)\b|(?![A-Za-z])) # numbers, durations, addresses
    | \d{3,}                                                  # and long ones inside of words
    """,
    re.VERBOSE,
)
_QUOTED: Final = re.compile(r"`([^`]*)`")
# Attribute keys that a message names without quotes, such as http.response.status_code.
_KEY: Final = re.compile(r"(?<![\w.`/])[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+(?![\w`/])")


@functools.lru_cache(maxsize=8192)  # a capture has few names, each of them many times
def steady(text: str) -> str:
    """`text` with `#` for what changes from run to run: times, durations, ids, numbers; `v1` and `s3` stay."""
    return _VARYING.sub(_PLACEHOLDER, text)


def kind_of(finding: Finding, scope: str, path: Sequence[PathSpan]) -> Kind:
    """The kind of a finding.

    Args:
        finding: as rendered.
        scope: name of the instrumentation scope, where it is known.
        path: the spans from the root to that of the finding; empty for resources and scopes.

    """
    names = tuple(f"{span.kind} {steady(span.name)}" for span in path)
    own = {steady(span.name) for span in path[-1:]} or {steady(finding.span)}
    quoted = {steady(text) for text in _QUOTED.findall(finding.message)}
    keys = set(_KEY.findall(_QUOTED.sub("", finding.message)))
    details = tuple(sorted((quoted | keys) - own))
    return make_kind(finding.rule, finding.service, scope, names, details)


def make_kind(rule: str, service: str, scope: str, path: tuple[str, ...], details: tuple[str, ...]) -> Kind:
    """A kind with its digest."""
    service = steady(service)
    text = json.dumps([rule, service, scope, path, details])
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return Kind(digest, rule, service, scope, path, details)


def parents(trace: TraceView) -> list[int]:
    """For each span the index of its parent, -1 where that is not in the trace."""
    found = []
    latest: list[int] = []  # the span seen last at each depth
    for number, depth in enumerate(trace.depths):
        found.append(latest[depth - 1] if 0 < depth <= len(latest) else -1)
        latest[depth:] = [number]
    return found


def path_to(number: int, parents_: Sequence[int]) -> list[int]:
    """Indices of the spans from the root, or from where the trace is cut, down to span `number`.

    Of a very deep path only both ends.
    """
    path = [number]
    while (number := parents_[number]) >= 0:
        path.append(number)
    path.reverse()
    return path if len(path) <= PATH_MAX else path[: PATH_MAX // 2] + path[-PATH_MAX // 2 :]
