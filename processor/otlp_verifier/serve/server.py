"""The gRPC server: addresses, TLS, transport limits, health."""

import ssl
from concurrent import futures
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from otlp_verifier.serve.desk import Desk
from otlp_verifier.serve.sockets import SocketFile
from otlp_verifier.serve.stream import SERVICE
from otlp_verifier.settings import Settings, SettingsFile

# A request a little over limits.bytes is still read, so that its answer can say what is wrong; beyond that the
# transport ends the stream with RESOURCE_EXHAUSTED.
MESSAGE_SLACK_BYTES: Final = 64 << 10
METADATA_BYTES_MAX: Final = 8 << 10
# Threads that streams cannot take: health checks, and streams being told that there are too many.
SPARE_THREADS: Final = 16
# Collectors may ping every 10 s; a ping that comes a little early is no offence.
PING_INTERVAL_LEAST_MS: Final = 5_000
KEEPALIVE_MS: Final = 60_000  # finds peers that vanished without a word and frees their streams
AGE_GRACE_MS: Final = 30_000


class ListenError(OSError):
    """An address that cannot be listened on."""


def options(settings: Settings) -> list[tuple[str, int]]:
    """Channel arguments of gRPC for these settings."""
    age = settings.max_connection_age
    return [
        ("grpc.max_receive_message_length", settings.limits.bytes + MESSAGE_SLACK_BYTES),
        ("grpc.max_send_message_length", -1),  # streams refuse what would take a longer answer than senders receive
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        # Of one connection: fewer than there are threads, so that it leaves some to the health checks of others.
        ("grpc.max_concurrent_streams", settings.limits.streams + SPARE_THREADS // 2),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL_LEAST_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.so_reuseport", 0),  # a second verifier on the same port is a mistake, not a share of the load
        *(
            [("grpc.max_connection_age_ms", age.milliseconds), ("grpc.max_connection_age_grace_ms", AGE_GRACE_MS)]
            if age is not None
            else []
        ),
    ]


class Server:
    """A listening gRPC server; not healthy until `serving` is called."""

    def __init__(
        self, file: SettingsFile, streams: "grpc.GenericRpcHandler[bytes, bytes]", desk: Desk | None = None
    ) -> None:
        settings = file.settings
        limit = settings.limits.streams + SPARE_THREADS
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(limit, thread_name_prefix="stream"),
            handlers=[streams],
            options=options(settings),
            maximum_concurrent_rpcs=limit,
        )
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        self._report(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._sockets: list[SocketFile] = []
        self._desk = desk
        try:
            self.addresses = [self._listen(file, position) for position in range(len(settings.listen))]
        except BaseException:
            self.stop(0)
            raise

    def start(self) -> None:
        """Begin to accept connections."""
        self._grpc.start()

    def serving(self) -> None:
        """Report healthy from now on."""
        self._report(health_pb2.HealthCheckResponse.SERVING)

    def refuse_new(self, grace_s: float) -> None:
        """Report unhealthy and accept nothing new; open streams may go on for at most `grace_s`."""
        self._health.enter_graceful_shutdown()
        self._grpc.stop(grace_s)

    def stop(self, grace_s: float) -> None:
        """End all streams after `grace_s` at most, and remove the Unix sockets."""
        self._grpc.stop(grace_s).wait()
        if self._desk is not None:
            self._desk.close()
        for socket in self._sockets:
            socket.remove()

    def _report(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", SERVICE):
            self._health.set(name, status)

    def _listen(self, file: SettingsFile, position: int) -> str:
        address, settings = file.settings.listen[position], file.settings
        try:
            if address.socket is not None:
                socket = SocketFile(address.socket, settings.socket_mode.bits)
                with socket.binding():
                    self._grpc.add_insecure_port(str(address))
                self._sockets.append(socket)
                if self._desk is not None:
                    self._desk.listen(address.socket, settings.socket_mode.bits)
                return str(address)
            if settings.tls is None:
                port = self._grpc.add_insecure_port(str(address))
            else:
                port = self._grpc.add_secure_port(str(address), _credentials(file))
        except (OSError, RuntimeError) as error:  # RuntimeError is gRPC's
            raise ListenError(f"cannot listen on {address}: {error}") from error
        return f"{str(address).rpartition(':')[0]}:{port}"


def _credentials(file: SettingsFile) -> grpc.ServerCredentials:
    tls = file.settings.tls
    assert tls is not None  # noqa: S101  # for the type checker

    def read(key: str, written: str) -> bytes:
        try:
            return file.resolve(written).read_bytes()
        except OSError as error:
            raise file.error(("tls", key), f"{written} cannot be read: {error.strerror}") from error

    pair = (read("key", tls.key), read("certificate", tls.certificate))
    client_ca = None if tls.client_ca is None else read("client_ca", tls.client_ca)
    # gRPC only says that it cannot bind; Python's own reader says what is wrong.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(file.resolve(tls.certificate), file.resolve(tls.key))
        if tls.client_ca is not None:
            context.load_verify_locations(file.resolve(tls.client_ca))
    except ssl.SSLError as error:
        raise file.error(("tls",), f"certificate, key or client_ca cannot be used: {error}") from error
    return grpc.ssl_server_credentials([pair], client_ca, require_client_auth=client_ca is not None)
