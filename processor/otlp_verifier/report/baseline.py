"""The findings of an earlier run in a file, so that only new ones fail.

A baseline is a JSON document made to be committed: sorted, one kind of finding per
line, readable, without anything that changes from run to run but the counts. How often a finding occurs is
recorded for people and for `diff`; it decides nothing, because the next run has as
many traces as it happens to have.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from otlp_verifier.policy import SeverityName
from otlp_verifier.report.kinds import make_kind
from otlp_verifier.report.model import Comparison, Kind, Recorded

FORMAT: Final = "otlp-verifier-baseline"
VERSION: Final = 1
BYTES_MAX: Final = 64 << 20


class BaselineError(ValueError):
    """A file that is no baseline; the text says which, and what was expected."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kind of finding as it stands in the file; see Kind and Recorded."""

    fingerprint: str
    rule: str
    severity: SeverityName
    service: str = ""
    scope: str = ""
    path: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    count: int
    message: str


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    findings: tuple[_Line, ...]


class Baseline:
    """Kinds of findings that are known, and how often each is seen now.

    Attributes:
        name: where it comes from.

    """

    def __init__(self, name: str, recorded: Iterable[Recorded]) -> None:
        self.name = name
        self._recorded = {one.kind.digest: one for one in recorded}

    def __contains__(self, kind: Kind) -> bool:
        return kind.digest in self._recorded

    def __len__(self) -> int:
        return len(self._recorded)

    def __iter__(self) -> Iterator[Recorded]:
        """In the order of the file."""
        return iter(sorted(self._recorded.values(), key=_order))

    def compare(self, now: Mapping[str, Recorded]) -> Comparison:
        """Hold it against what was found, by digest."""
        gone = tuple(one for one in self if one.kind.digest not in now)
        digests = {*self._recorded, *now}
        counts = {digest: (_count(self._recorded, digest), _count(now, digest)) for digest in sorted(digests)}
        return Comparison(self.name, gone, counts)

    def dump(self) -> str:
        """The content of the file."""
        lines = ",".join("\n  " + msgspec.json.encode(_line(one)).decode() for one in self)
        return f'{{"format": "{FORMAT}", "version": {VERSION}, "findings": [{lines}\n]}}\n'


def read(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        BaselineError: there is no such file, or it is something else.

    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > BYTES_MAX:
        raise BaselineError(f"{path}: longer than {BYTES_MAX} bytes")
    expected = f"{path}: expected a baseline that `--write-baseline` wrote"
    try:
        document = msgspec.json.decode(content, type=_Document)
    except msgspec.DecodeError as error:
        raise BaselineError(f"{expected}: {error}") from error
    if document.format != FORMAT:
        raise BaselineError(f"{expected}, found the format `{document.format}`")
    if document.version != VERSION:
        raise BaselineError(f"{expected} in version {VERSION}, found version {document.version}; write it anew")
    return Baseline(str(path), map(_recorded, document.findings))


def _recorded(line: _Line) -> Recorded:
    # Not the fingerprint of the file: whoever edits a line by hand means what its fields say.
    kind = make_kind(line.rule, line.service, line.scope, line.path, line.details)
    return Recorded(kind, line.severity, line.message, line.count)


def _line(one: Recorded) -> _Line:
    kind = one.kind
    return _Line(
        fingerprint=kind.digest,
        rule=kind.rule,
        severity=one.severity,
        service=kind.service,
        scope=kind.scope,
        path=kind.path,
        details=kind.details,
        count=one.count,
        message=one.message,
    )


def _order(one: Recorded) -> tuple[str, str, tuple[str, ...], tuple[str, ...], str]:
    kind = one.kind
    return kind.rule, kind.service, kind.path, kind.details, kind.scope


def _count(kinds: Mapping[str, Recorded], digest: str) -> int:
    found = kinds.get(digest)
    return found.count if found else 0
