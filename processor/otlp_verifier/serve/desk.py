"""Where senders on this host hand over their memory, and the conversations that follow.

Beside each Unix socket of the gRPC server listens another, `.memory` at the end of its path. A sender shows a ticket
that it got on its stream and passes its memory; then requests and answers go over this socket, each after its length.
They are small, and a gRPC stream costs many times what a socket does (docs/decisions/0014).
"""

import contextlib
import logging
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otlp_verifier.serve.frames import FrameError, framed, frames
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.memory import Memory, PartsError
from otlp_verifier.serve.sockets import SocketFile, SocketInUseError

SUFFIX: Final = ".memory"  # as in bridge/proto/verifier.proto
TICKET_BYTES: Final = 16
_PATH_BYTES_MAX: Final = 107
_BACKLOG: Final = 64
_HANDOVER_S: Final = 5.0  # for the ticket to come
_PAUSE_S: Final = 0.1
_SEND_S: Final = 30  # a sender that reads no answers this long is gone


def new_ticket() -> bytes:
    """A ticket that nobody can guess."""
    return secrets.token_bytes(TICKET_BYTES)


class Offer:
    """A ticket that is out, and the conversation that came of it.

    Args:
        answer: makes the answer to a request; told whether there is room for it, and given the sender's memory.
        welcome: the answer to the memory itself.
        ended: called when the conversation has ended.

    """

    def __init__(
        self, answer: Callable[[memoryview, bool, Memory], bytes], welcome: bytes, ended: Callable[[], object]
    ) -> None:
        self.answer = answer
        self.welcome = welcome
        self.ended = ended
        self.connection: socket.socket | None = None


class Desk:
    """Listens, and holds each conversation in a thread of its own.

    Args:
        load: counts requests.
        conversations_max: at the same time, those included whose ticket has not come yet.
        message_bytes_max: of one request; a longer one ends its conversation.

    """

    def __init__(self, load: Load, conversations_max: int, message_bytes_max: int) -> None:
        self._load = load
        self._room = threading.Semaphore(conversations_max)
        self._message_bytes_max = message_bytes_max
        self._lock = threading.Lock()
        self._offers: dict[bytes, Offer] = {}
        self._closed = threading.Event()
        self._listening: list[tuple[socket.socket, SocketFile]] = []
        self._log = logging.getLogger("otlp_verifier.memory")

    def listen(self, beside: Path, mode: int) -> None:
        """Listen beside a Unix socket, with the same permissions.

        Raises:
            SocketInUseError: the path cannot be listened on.

        """
        path = Path(f"{beside}{SUFFIX}")
        if len(bytes(path)) > _PATH_BYTES_MAX:
            raise SocketInUseError(
                f"{path} has more than {_PATH_BYTES_MAX} bytes; take a shorter path, or set shared_memory to false"
            )
        file, listener = SocketFile(path, mode), socket.socket(socket.AF_UNIX)
        try:
            with file.binding():
                listener.bind(str(path))
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._listening.append((listener, file))
        threading.Thread(target=self._accept, args=(listener,), name="memory", daemon=True).start()

    def offer(self, ticket: bytes, offer: Offer) -> None:
        """Let whoever shows the ticket hand over memory, once, until `withdraw`."""
        with self._lock:
            self._offers[ticket] = offer

    def withdraw(self, ticket: bytes) -> None:
        """Take a ticket back and end its conversation, if there is one."""
        with self._lock:
            offer = self._offers.pop(ticket)
            if offer.connection is not None:
                _end(offer.connection)

    def close(self) -> None:
        """Stop listening, and remove the sockets."""
        self._closed.set()
        for listener, file in self._listening:
            _end(listener)
            listener.close()
            file.remove()
        self._listening.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if self._closed.is_set():
                    return
                self._log.warning("no connection: %s", error.strerror, extra={"event": "memory_refused"})
                self._closed.wait(_PAUSE_S)  # most likely there is no descriptor left; others have to close some
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                self._log.warning("too many conversations", extra={"event": "memory_refused"})
                continue
            threading.Thread(target=self._serve, args=(connection,), name="memory", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._room.release)
            stack.enter_context(connection)
            try:
                offer, memory = self._admit(connection)
                stack.callback(memory.close)
                stack.callback(offer.ended)
                self._converse(connection, offer, memory)
            except (PartsError, FrameError, TimeoutError) as error:
                self._log.warning(str(error), extra={"event": "memory_refused"})
            except OSError as error:  # the other side has gone, or the stream has ended
                self._log.debug("a conversation ended: %s", error, extra={"event": "memory_ended"})

    def _admit(self, connection: socket.socket) -> tuple[Offer, Memory]:
        connection.settimeout(_HANDOVER_S)
        ticket, descriptors, _, _ = socket.recv_fds(connection, TICKET_BYTES, 1)
        if not descriptors:
            raise PartsError("a ticket came without memory")
        memory = Memory(descriptors[0])
        try:
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", _SEND_S, 0))
            with self._lock:
                offer = self._offers.get(ticket)
                if offer is None or offer.connection is not None:
                    raise PartsError("a ticket that was not given, or has been used")
                offer.connection = connection
        except BaseException:
            memory.close()
            raise
        return offer, memory

    def _converse(self, connection: socket.socket, offer: Offer, memory: Memory) -> None:
        connection.sendall(framed(offer.welcome))
        for message in frames(connection, self._message_bytes_max):
            has_room = self._load.begin_request()
            try:
                connection.sendall(framed(offer.answer(message, has_room, memory)))
            finally:
                self._load.end_request()


def _end(connection: socket.socket) -> None:
    """Wake whoever waits for it; closing does not."""
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
