"""A verifier that looks at nothing and always says `unchanged`: what the way there and back costs by itself.

`python -m perf.silent unix:///path/to.sock` serves until it is killed.
"""

import sys
from collections.abc import Iterator
from concurrent import futures

import grpc

from otlp_verifier.serve.server import options
from otlp_verifier.serve.stream import METHOD, SERVICE
from otlp_verifier.settings import Settings
from otlp_verifier.wire import answer
from otlp_verifier.wire.envelope import open_envelope

_STREAMS = 16


def serve(messages: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
    """Answer one stream."""
    settings = Settings()
    for message in messages:
        envelope = open_envelope(message)
        if envelope.hello is None:
            yield answer.unchanged(envelope.id)
        else:
            yield answer.welcome(
                "silent",
                max_request_bytes=settings.limits.bytes,
                max_requests_in_flight=settings.limits.requests_in_flight_per_stream,
            )


def main(address: str) -> None:
    """Serve on `address` for good."""
    server = grpc.server(futures.ThreadPoolExecutor(_STREAMS), options=options(Settings()))
    handler = grpc.stream_stream_rpc_method_handler(serve)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
