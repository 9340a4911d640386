"""The settings and their defaults. Every default listens on the loopback interface only."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from otlp_verifier.files.settings import FileSettings
from otlp_verifier.policy import Policy, SeverityName
from otlp_verifier.settings.scalars import Address, Duration, FileMode, TcpAddress
from otlp_verifier.wire.limits import Limits


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all sections share: a misspelt key is an error and nothing changes after it was read."""


class Tls(_Section, frozen=True):
    """Encryption of the TCP addresses; Unix sockets are left as they are."""

    certificate: Annotated[str, Meta(description="PEM file with the certificate chain")]
    key: Annotated[str, Meta(description="PEM file with the private key")]
    client_ca: Annotated[
        str | None, Meta(description="PEM file; when given, a client has to show a certificate signed by one of these")
    ] = None


class ServerLimits(Limits, frozen=True):
    """Limits on one OTLP request (refused whole when beyond any of them) and on what is served at once."""

    requests_in_flight: Annotated[
        int, Meta(ge=1, le=65_536, description="Requests being verified or waiting for a worker, of all streams")
    ] = 64
    requests_in_flight_per_stream: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            description="What a sender is told that it may have unanswered on one stream. A stream's requests are "
            "answered one after another; those beyond wait in the transport's flow control",
        ),
    ] = 8
    streams: Annotated[
        int,
        Meta(
            ge=1,
            le=4_096,
            description="Streams open at once; each has a thread and may hold one request, so that `streams` times "
            "`bytes` is what requests can take in the worst case",
        ),
    ] = 64
    queue_timeout: Annotated[
        Duration, Meta(description="How long a request waits for a worker before it is answered `overloaded`")
    ] = field(default_factory=lambda: Duration("100ms"))


class Tuning(_Section, frozen=True):
    """Rules as you want them."""

    rules: Annotated[tuple[str, ...], Meta(min_length=1, description="Which rules, by the names that `select` takes")]
    severity: Annotated[SeverityName | None, Meta(description="Another severity")] = None
    parameters: Annotated[
        dict[str, int | str],
        Meta(description="Other limits, by the names on the rule's page: numbers, or durations such as `5ms`"),
    ] = field(default_factory=dict)
    where: Annotated[
        str | None,
        Meta(
            description="An OTTL condition: the rules look only at records that it is true of, as in "
            '`resource.attributes["service.name"] == "shop"` or `instrumentation_scope.name != "legacy"`'
        ),
    ] = None


class Rules(_Section, frozen=True):
    """Which rules run."""

    select: Annotated[
        tuple[str, ...],
        Meta(
            description="Rule ids, families, severities, `must`, `should`, `derived`, `heur` or `policy` (how binding "
            "the source is), `record`, `batch` or `trace` (what decides a rule), presets, `default` (those on by "
            "default) or `all`"
        ),
    ] = ("default",)
    ignore: Annotated[tuple[str, ...], Meta(description="What to leave out of those selected, by the same names")] = ()
    files: Annotated[
        tuple[str, ...], Meta(description="Files with rules of your own, relative to the configuration file")
    ] = ()
    tune: Annotated[
        tuple[Tuning, ...], Meta(description="Rules with another severity, other limits, or for some records only")
    ] = ()


class Log(_Section, frozen=True):
    """The log on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least that is written")] = (
        "info"
    )
    format: Annotated[Literal["json", "text"], Meta(description="`json`: one object per line; `text`: for people")] = (
        "json"
    )


class Findings(_Section, frozen=True):
    """Findings in the log; metrics and answers always have all of them."""

    log_per_second: Annotated[
        int, Meta(ge=0, le=10_000, description="Findings logged per second at most; the others are counted. 0: none")
    ] = 5


class Shutdown(_Section, frozen=True):
    """What happens at SIGTERM and SIGINT."""

    drain_timeout: Annotated[
        Duration, Meta(description="How long requests in flight may take to be answered before the process ends")
    ] = field(default_factory=lambda: Duration("10s"))


class Settings(_Section, frozen=True):
    """Configuration of otlp-verifier."""

    listen: Annotated[
        tuple[Address, ...], Meta(min_length=1, description="Where collectors connect: `host:port` or `unix:///path`")
    ] = field(default_factory=lambda: (Address("localhost:4320"),))
    socket_mode: Annotated[FileMode, Meta(description="Permissions of the Unix sockets in `listen`")] = field(
        default_factory=lambda: FileMode("0660")
    )
    shared_memory: Annotated[
        bool,
        Meta(
            description="Let collectors that use a Unix socket leave batches in memory that they share, instead of "
            "sending them through the socket (Linux only). Needs a second socket, `.memory` at the end of its path"
        ),
    ] = True
    tls: Annotated[Tls | None, Meta(description="Absent: no encryption")] = None
    http: Annotated[
        TcpAddress | None, Meta(description="`host:port` of /metrics, /healthz and /readyz; null: none of them")
    ] = field(default_factory=lambda: TcpAddress("localhost:4321"))
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=1_024)] | None,
        Meta(description="Batches verified at the same time; absent: one per core"),
    ] = None
    max_connection_age: Annotated[
        Duration | None,
        Meta(description="Ask clients to reconnect after this, so that load spreads over several verifiers"),
    ] = None
    limits: ServerLimits = field(default_factory=ServerLimits)
    policy: Annotated[Policy, Meta(description="What is done about findings")] = field(default_factory=Policy)
    profiles: Annotated[
        dict[str, Policy], Meta(description="More policies by name; a collector's processor picks one with `profile`")
    ] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    registries: Annotated[
        tuple[str, ...],
        Meta(
            description="Registries of your own beside OpenTelemetry's, in Weaver's YAML: files or folders, relative "
            "to the configuration file. What one of them says of an attribute comes before what those behind it say"
        ),
    ] = ()
    files: FileSettings = field(default_factory=FileSettings)
    log: Log = field(default_factory=Log)
    findings: Findings = field(default_factory=Findings)
    shutdown: Shutdown = field(default_factory=Shutdown)
