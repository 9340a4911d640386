"""What a collector's processor does on the wire, for tests: one stream, requests out, answers in."""

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otlp_verifier.contract import verifier_pb2 as contract

PATIENCE_S = 120.0
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_METHOD = "/otlp_verifier.v1.Verifier/Verify"


class Client:
    """A connection to the verifier with one stream on it."""

    def __init__(
        self, address: str, *, credentials: grpc.ChannelCredentials | None = None, compression: Any = None
    ) -> None:
        options = [*_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options=options, compression=compression)
        else:
            self.channel = grpc.secure_channel(address, credentials, options=options)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        call = self.channel.stream_stream(
            _METHOD, request_serializer=None, response_deserializer=contract.VerifyResponse.FromString
        )
        self.call = call(iter(self._outbox.get, None), timeout=PATIENCE_S)

    def send(self, message: contract.VerifyRequest | bytes) -> None:
        self._outbox.put(message if isinstance(message, bytes) else message.SerializeToString())

    def receive(self) -> contract.VerifyResponse:
        return next(self.call)

    def ask(self, message: contract.VerifyRequest | bytes) -> contract.VerifyResponse:
        self.send(message)
        return self.receive()

    def greet(self, **hello: Any) -> contract.Welcome:
        answer = self.ask(greeting(**hello))
        assert answer.WhichOneof("answer") == "welcome", answer
        return answer.welcome

    def verify(self, otlp: bytes, request_id: int = 1, **fields: Any) -> contract.VerifyResponse:
        return self.ask(request(otlp, request_id, **fields))

    def end(self) -> Iterator[contract.VerifyResponse]:
        """Say that no more requests come; what is left to receive."""
        self._outbox.put(None)
        return self.call

    def health(self, service: str = "") -> str:
        stub = health_pb2_grpc.HealthStub(self.channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outbox.put(None)
        self.call.cancel()
        self.channel.close()


def greeting(**hello: Any) -> contract.VerifyRequest:
    return contract.VerifyRequest(hello=contract.Hello(**{"signals": [contract.SIGNAL_TRACES], **hello}))


def request(otlp: bytes, request_id: int = 1, **fields: Any) -> contract.VerifyRequest:
    return contract.VerifyRequest(id=request_id, otlp=otlp, **{"signal": contract.SIGNAL_TRACES, **fields})
