"""A verifier that looks at nothing and always says `unchanged`: what the way there and back costs by itself.

`python -m perf.silent unix:///path/to.sock` serves until it is killed, by gRPC and from shared memory, whatever the
processor asks for. It takes every step of the real one but judging.
"""

import sys
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from otlp_verifier.serve.desk import Desk
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.metrics import Metrics
from otlp_verifier.serve.server import MESSAGE_SLACK_BYTES, options
from otlp_verifier.serve.stream import Caller, Streams
from otlp_verifier.settings import Settings
from otlp_verifier.wire import answer
from otlp_verifier.wire.envelope import Envelope

if TYPE_CHECKING:
    from otlp_verifier.serve.engine import Engine

_STREAMS = 16


class _Silent(Streams):
    def judge(
        self, _engine: "Engine", request: Envelope, _otlp: bytes | memoryview, _caller: Caller, _began_s: float
    ) -> bytes:
        """Say `unchanged`."""
        return answer.unchanged(request.id)


class _NoEngine:
    profiles = frozenset({""})


def main(address: str) -> None:
    """Serve on `address` for good."""
    settings = Settings()
    load = Load(settings.limits.streams, settings.limits.requests_in_flight)
    metrics = Metrics(load, "silent")
    desk = Desk(load, _STREAMS, settings.limits.bytes + MESSAGE_SLACK_BYTES)
    streams = _Silent(settings.limits, load, metrics, FindingLog(0, metrics.findings_unlogged), "silent", desk)
    streams.engine = _NoEngine()  # type: ignore[assignment]  # it is asked for the profiles and for nothing else
    server = grpc.server(futures.ThreadPoolExecutor(_STREAMS), handlers=[streams.handler()], options=options(settings))
    server.add_insecure_port(address)
    desk.listen(Path(address.removeprefix("unix://")), 0o600)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
