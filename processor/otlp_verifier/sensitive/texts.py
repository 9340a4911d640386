"""Which texts of a record are looked into: its names and messages, and all strings among its attributes."""

from typing import Final

from otlp_verifier.columns import EventWide, ScopeWide, SpanWide
from otlp_verifier.machine.operations import Domain

# Per domain, the columns of its wide table, with what people call them.
TEXTS: Final[dict[Domain, tuple[tuple[int, str], ...]]] = {
    Domain.RESOURCE: (),
    Domain.SCOPE: ((int(ScopeWide.NAME), "the name"), (int(ScopeWide.VERSION), "the version")),
    Domain.SPAN: ((int(SpanWide.NAME), "the name"), (int(SpanWide.STATUS_MESSAGE), "the status message")),
    Domain.EVENT: ((int(EventWide.NAME), "the name"),),
    Domain.LINK: (),
}
