"""The stream between a collector's worker and the verifier (bridge/proto/verifier.proto).

Messages are bytes in both directions: no message class on the way of a batch.
A stream's requests are answered one after another; streams run side by side.
A sender on this host may go on at the desk, where its batches lie in shared memory.
"""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.policy import Completeness
from otlp_verifier.serve.desk import Desk, Offer, new_ticket
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.logs import Sparingly
from otlp_verifier.serve.memory import Memory, PartsError
from otlp_verifier.serve.metrics import Metrics
from otlp_verifier.settings.model import ServerLimits
from otlp_verifier.wire import answer
from otlp_verifier.wire.envelope import Envelope, EnvelopeError, open_envelope
from otlp_verifier.wire.protobuf import read_hello
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit

if TYPE_CHECKING:
    from otlp_verifier.serve.engine import Engine

SERVICE: Final = contract.DESCRIPTOR.services_by_name["Verifier"].full_name
METHOD: Final = "Verify"
_SIGNALS: Final[frozenset[int]] = frozenset({contract.SIGNAL_TRACES})
_COMPLETENESS: Final[dict[int, Completeness]] = {
    contract.COMPLETENESS_UNSPECIFIED: Completeness.BATCH,
    contract.COMPLETENESS_BATCH: Completeness.BATCH,
    contract.COMPLETENESS_TRACE: Completeness.TRACE,
}


class Caller(NamedTuple):
    """What the stream's `hello` said."""

    profile: str
    allow_drop: bool
    peer: str
    ticket: bytes = b""  # that it got, to hand over its memory at the desk


class Refused(Exception):  # noqa: N818  # a request that is answered with an error, not a fault of ours
    """A request that is not judged.

    Attributes:
        code: contract.Code.
        limit: the limit that it passed, or empty.
        retry_after_ms, byte_offset: as in contract.Error.

    """

    def __init__(
        self, code: contract.Code, message: str, *, limit: str = "", retry_after_ms: int = 0, byte_offset: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.limit = limit
        self.retry_after_ms = retry_after_ms
        self.byte_offset = byte_offset


class Streams:
    """Serves every stream of the process.

    Attributes:
        engine: the generation of rules that the next request meets; None until the kernels are loaded. May be
            replaced at any time: a request keeps the one that it began with.
        draining: requests read from now on are refused.
        desk: where senders hand over memory; None where that is switched off.

    """

    def __init__(
        self,
        limits: ServerLimits,
        load: Load,
        metrics: Metrics,
        findings: FindingLog,
        version: str,
        desk: Desk | None = None,
    ) -> None:
        self.engine: Engine | None = None
        self.draining = False
        self.desk: Final = desk
        self._limits = limits
        self._load = load
        self._metrics = metrics
        self._findings = findings
        self._log = Sparingly(logging.getLogger("otlp_verifier.stream"))
        self._version = version

    def handler(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """What a gRPC server needs to serve the streams; without (de)serialisers it hands over bytes."""
        method = grpc.stream_stream_rpc_method_handler(self.serve)
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    def serve(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer the requests of one stream; gRPC asks for the next answer once it has sent the last."""
        if not self._load.open_stream():
            self._metrics.limits.labels("streams").inc()
            self._log.log("streams", logging.WARNING, "too many streams", event="stream_refused", peer=context.peer())
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"limits.streams: {self._limits.streams} streams are open"
            )
        try:
            yield from self._answers(messages, context)
        finally:
            self._load.close_stream()

    def _answers(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        peer, caller = context.peer(), None
        try:
            for message in messages:
                has_room = self._load.begin_request()
                try:
                    reply, greeted = self._reply(message, caller, has_room, peer)
                    if caller is None and greeted is not None and greeted.ticket:
                        self._offer(greeted, context)
                    caller = greeted
                    yield reply
                finally:
                    self._load.end_request()
        finally:
            if self.desk is not None and caller is not None and caller.ticket:
                self.desk.withdraw(caller.ticket)

    def _offer(self, caller: Caller, context: grpc.ServicerContext) -> None:
        assert self.desk is not None  # noqa: S101  # for the type checker
        self.desk.offer(
            caller.ticket,
            Offer(
                lambda message, has_room, memory: self._reply(message, caller, has_room, caller.peer, memory)[0],
                self._welcome(contract.TRANSPORT_SHARED_MEMORY),
                context.cancel,
            ),
        )

    def _reply(
        self,
        message: bytes | memoryview,
        caller: Caller | None,
        has_room: bool,
        peer: str,
        memory: Memory | None = None,
    ) -> tuple[bytes, Caller | None]:
        began_s = time.perf_counter()
        request_id = 0
        try:
            request = open_envelope(message)
            request_id = request.id
            if self.draining:
                raise Refused(contract.CODE_SHUTTING_DOWN, "the verifier is shutting down")
            if caller is None or request.hello is not None:
                caller = self._greet(request, caller, peer)
                transport = contract.TRANSPORT_SHARED_MEMORY if caller.ticket else contract.TRANSPORT_MESSAGE
                return self._welcome(transport, caller.ticket), caller
            if not has_room:
                raise self._overloaded("requests_in_flight", self._limits.requests_in_flight)
            return self._verify(request, caller, memory, began_s), caller
        except Exception as error:  # whatever it is, the stream goes on
            refused = self._refusal(error)
        code = contract.Code.Name(refused.code).removeprefix("CODE_").lower()
        self._metrics.errors.labels(code).inc()
        if refused.limit:
            self._metrics.limits.labels(refused.limit).inc()
        if refused.code not in (contract.CODE_INTERNAL, contract.CODE_SHUTTING_DOWN):
            self._log.log(code, logging.WARNING, str(refused), event="request_refused", cause=code, peer=peer)
        return (
            answer.error(
                request_id,
                refused.code,
                str(refused),
                retry_after_ms=refused.retry_after_ms,
                byte_offset=refused.byte_offset,
            ),
            caller,
        )

    def _verify(self, request: Envelope, caller: Caller, memory: Memory | None, began_s: float) -> bytes:
        engine = self.engine
        if engine is None:
            raise self._overloaded("", 0)
        if caller.profile not in engine.profiles:  # a reload took it away
            raise Refused(contract.CODE_UNSUPPORTED, f"no profile is called `{caller.profile}` any more")
        if request.signal not in _SIGNALS:
            raise Refused(contract.CODE_UNSUPPORTED, f"signal {request.signal} is not served; expected SIGNAL_TRACES")
        if request.completeness not in _COMPLETENESS:
            raise Refused(contract.CODE_UNSUPPORTED, f"completeness {request.completeness} is not known")
        otlp = self._otlp(request, memory)
        self._metrics.batches.came(shared=request.parts is not None)
        return self.judge(engine, request, otlp, caller, began_s)

    def _otlp(self, request: Envelope, memory: Memory | None) -> bytes | memoryview:
        if request.parts is None:
            return request.otlp if request.otlp is not None else b""
        if memory is None:
            raise Refused(contract.CODE_BAD_INPUT, "parts, but no memory was handed over; expected otlp")
        if request.otlp is not None:
            raise Refused(contract.CODE_BAD_INPUT, "parts and otlp in one request; expected one of them")
        located = memory.locate(request.parts)
        size = sum(part[1] for part in located)
        if size > self._limits.bytes:
            text = f"{size} bytes; the limit `bytes` allows {self._limits.bytes}"
            raise Refused(contract.CODE_TOO_LARGE, text, limit="bytes")
        return memory.copy(located)

    def judge(
        self, engine: "Engine", request: Envelope, otlp: bytes | memoryview, caller: Caller, began_s: float
    ) -> bytes:
        """The answer to a request that may be judged, whose OTLP is `otlp`.

        Raises:
            Refused, MalformedRequest, RequestOverLimit: it was not judged.

        """
        worker = engine.lend(self._limits.queue_timeout.seconds)
        if worker is None:
            raise self._overloaded("queue_timeout", str(self._limits.queue_timeout))
        try:
            outcome = worker.verify(
                otlp,
                completeness=_COMPLETENESS[request.completeness],
                profile=caller.profile,
                allow_drop=caller.allow_drop,
            )
            reply = outcome.response(request.id)
            if len(reply) > answer.ANSWER_BYTES_MAX:
                most = answer.ANSWER_BYTES_MAX
                raise Refused(
                    contract.CODE_TOO_LARGE,
                    f"the answer takes {len(reply)} bytes; an answer has at most {most}",
                    limit="answer_bytes",
                )
            found = int(outcome.findings_by_rule.sum())
            if found:
                self._findings.batch(outcome, found)
            self._metrics.batches.add(engine.verifier.rule_ids, outcome, found, time.perf_counter() - began_s)
        except (MalformedRequest, RequestOverLimit):
            engine.give_back(worker, 0)  # refused by the first pass, before any column grew
            raise
        except BaseException:
            engine.discard()
            raise
        engine.give_back(worker, len(otlp))
        return reply

    def _welcome(self, transport: contract.Transport, ticket: bytes = b"") -> bytes:
        return answer.welcome(
            self._version,
            max_request_bytes=self._limits.bytes,
            max_requests_in_flight=self._limits.requests_in_flight_per_stream,
            transport=transport,
            ticket=ticket,
        )

    def _greet(self, request: Envelope, caller: Caller | None, peer: str) -> Caller:
        if caller is not None:
            raise Refused(contract.CODE_UNSUPPORTED, "hello came before; it stays as it was")
        if request.hello is None:
            raise Refused(contract.CODE_UNSUPPORTED, "the first request has no hello; expected hello and nothing else")
        if request.otlp is not None:
            raise Refused(contract.CODE_UNSUPPORTED, "hello and otlp in one request; expected hello and nothing else")
        if self.engine is None:
            raise self._overloaded("", 0)
        try:
            hello = read_hello(request.hello)
        except ValueError as error:
            raise Refused(contract.CODE_BAD_INPUT, str(error)) from error
        if others := [signal for signal in hello.signals if signal not in _SIGNALS]:
            raise Refused(contract.CODE_UNSUPPORTED, f"signal {others[0]} is not served; expected SIGNAL_TRACES")
        if hello.profile not in self.engine.profiles:
            known = ", ".join(f"`{name}`" for name in sorted(self.engine.profiles) if name)
            raise Refused(
                contract.CODE_UNSUPPORTED, f"no profile is called `{hello.profile[:100]}`; known: {known or 'none'}"
            )
        if hello.transports and contract.TRANSPORT_MESSAGE not in hello.transports:
            raise Refused(contract.CODE_UNSUPPORTED, "no transport in common; expected TRANSPORT_MESSAGE")
        # Through a Unix socket only: who may open that one may open the desk's.
        shares = contract.TRANSPORT_SHARED_MEMORY in hello.transports and peer.startswith("unix:")
        ticket = new_ticket() if shares and self.desk is not None else b""
        return Caller(hello.profile, hello.allow_drop, peer, ticket)

    def _overloaded(self, limit: str, allowed: object) -> Refused:
        text = f"over limits.{limit}: {allowed}" if limit else "the verifier is starting"
        retry_after_ms = self._limits.queue_timeout.milliseconds
        return Refused(contract.CODE_OVERLOADED, text, limit=limit, retry_after_ms=retry_after_ms)

    def _refusal(self, error: Exception) -> Refused:
        if isinstance(error, Refused):
            return error
        if isinstance(error, (EnvelopeError, PartsError)):
            return Refused(contract.CODE_BAD_INPUT, str(error))
        if isinstance(error, MalformedRequest):
            return Refused(contract.CODE_BAD_INPUT, str(error), byte_offset=error.offset)
        if isinstance(error, RequestOverLimit):
            return Refused(contract.CODE_TOO_LARGE, str(error), limit=error.limit)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        kind = f"{type(error).__name__} {where}"
        self._log.log(kind, logging.ERROR, "a request failed", trace=True, event="request_failed", where=where)
        return Refused(contract.CODE_INTERNAL, f"a fault of the verifier: {type(error).__name__}")
