"""Received traces to a verdict: silence, or an AssertionError that shows what is wrong and where."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from otlp_verifier.files import Check
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness, SeverityName
from otlp_verifier.report import terminal
from otlp_verifier.report.collect import Collector
from otlp_verifier.report.model import Report
from otlp_verifier.report.words import findings_of, plural
from otlp_verifier.selection import narrowed
from otlp_verifier.serve.engine import compiled
from otlp_verifier.settings import SettingsFile, load
from otlp_verifier.testing.receiver import Receiver

_VERIFIERS_KEPT: Final = 8  # a test session asks for few combinations of rules


class TracesInvalidError(AssertionError):
    """Traces break rules, cannot be read, or are not there."""

    __module__ = "otlp_verifier.testing"  # whence it is imported: pytest shows it in every failure


def assert_traces_valid(
    telemetry: Receiver | Path | str,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: SeverityName = "error",
    config: Path | str | None = None,
    completeness: Literal["trace", "batch"] = "trace",
    spans_min: int = 1,
) -> None:
    """Raise unless the traces are there and keep the rules.

    Args:
        telemetry: what has been received, or a file or folder that `otlp-verifier check` reads.
        select: rules or families to run, instead of those that the configuration selects; a list, or `"a,b"`.
        ignore: rules or families to leave out besides.
        fail_on: the least severity of findings that fail.
        config: configuration file, as for `check --config`; absent: the receiver's.
        completeness: `trace` when whole traces were received, so that a parent that is not there is missing; `batch`
            when parts of them went elsewhere.
        spans_min: fewer spans fail: an assertion about nothing would always hold.

    Raises:
        TracesInvalidError: there are findings, unreadable telemetry, or too few spans.
        UnknownNameError: a name in `select` or `ignore` is of no rule.
        SettingsError, RuleFileErrors: the configuration cannot be used.

    """
    __tracebackhide__ = True  # pytest shows the line of the test instead of this one
    if isinstance(telemetry, Receiver):
        path, config = telemetry.file, config or telemetry.config
        if telemetry.refused:
            raise TracesInvalidError(_refused(telemetry.refused))
        if telemetry.spans < spans_min:
            raise TracesInvalidError(_too_few(telemetry.spans, spans_min))
        if not telemetry.spans:
            return
    else:
        path = Path(telemetry)
    settings, verifier = _verifier(*_as_it_is(config), _names(select), _names(ignore))
    check = Check(
        [str(path)],
        verifier,
        settings=settings.settings.files,
        completeness=Completeness[completeness.upper()],
    )
    collector = Collector(verifier.rules)
    for part in check:
        collector.add(part)
    report = collector.report(check.inputs)
    if report.failures(fail_on) or report.inputs.notes.error_count:
        raise TracesInvalidError(_told(report, fail_on, path))
    if report.spans < spans_min:
        raise TracesInvalidError(_too_few(report.spans, spans_min))


def _as_it_is(config: str | Path | None) -> tuple[Path | None, int]:
    """Where the configuration is, whatever folder a test goes to, and when it was written."""
    path = None if config is None else Path(config).resolve()
    return path, path.stat().st_mtime_ns if path is not None and path.exists() else 0


@lru_cache(_VERIFIERS_KEPT)
def _verifier(
    config: Path | None, _written_ns: int, select: tuple[str, ...], ignore: tuple[str, ...]
) -> tuple[SettingsFile, Verifier]:
    file = narrowed(load(config), select, ignore)
    return file, compiled(file)


def _names(given: Sequence[str]) -> tuple[str, ...]:
    listed = given.split(",") if isinstance(given, str) else given
    return tuple(name.strip() for name in listed if name.strip())


def _told(report: Report, fail_on: SeverityName, path: Path) -> str:
    """The report of the rules that fail, as `otlp-verifier check` shows it."""
    failing = tuple(rule for rule in report.rules if rule.fails(fail_on))
    ids = {rule.id for rule in failing}
    shown = replace(
        report, rules=failing, entries=tuple(entry for entry in report.entries if entry.finding.rule in ids)
    )
    out = io.StringIO()
    out.write(f"{findings_of(shown.found)} at or above `{fail_on}` in {plural(report.spans, 'span', 'spans')}\n\n")
    terminal.write(shown, out)
    if below := report.found - shown.found:
        out.write(f"{findings_of(below)} below `{fail_on}` not shown\n")
    out.write(f"the telemetry is in {path}; as a page: otlp-verifier check {path} -o html=traces.html")
    return out.getvalue()


def _refused(reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"telemetry came that cannot be read: {reasons[0]}{more}"


def _too_few(spans: int, expected: int) -> str:
    return (
        f"{plural(spans, 'span', 'spans')} received; expected at least {expected}. Was everything flushed "
        "(`provider.force_flush()`), or does a wait for `wait_for_spans` lack?"
    )
