"""Values that YAML has no type for: durations, addresses to listen on, file modes."""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

from otlp_verifier.language.lexer import duration_ns

_UNIX: Final = "unix://"
_SOCKET_PATH_BYTES_MAX: Final = 107  # sockaddr_un.sun_path without its closing zero
_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):(?P<port>\d{1,5})")


class Scalar:
    """A value made from what stands in the file; ValueError names what was expected.

    Not a dataclass: msgspec would read one from a mapping instead of handing the scalar over.
    """

    __slots__ = ("text",)
    schema: ClassVar[dict[str, Any]]

    def __init__(self, written: object) -> None:
        self.text = str(written)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Duration(Scalar):
    """A length of time with its unit, such as `200ms` or `1m30s`; a bare number's unit would be a guess."""

    __slots__ = ("ns",)
    schema = {  # noqa: RUF012  # ClassVar in the base class
        "type": "string",
        "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$",
        "examples": ["200ms", "1m30s"],
    }

    def __init__(self, written: object) -> None:
        super().__init__(written)
        if not isinstance(written, str):
            raise ValueError(f"expected a duration with its unit, such as 200ms or 1m30s, found {written!r}")
        self.ns = duration_ns(written)

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.ns / 1e9

    @property
    def milliseconds(self) -> int:
        """The same in whole milliseconds, at least 1."""
        return max(1, self.ns // 1_000_000)


class Address(Scalar):
    """Where to listen: a TCP `host:port` (port 0: one that the system chooses) or `unix:///absolute/path`.

    Attributes:
        host, port: of TCP; "" and 0 for a Unix socket.
        socket: the path of a Unix socket, else None.

    """

    __slots__ = ("host", "port", "socket")
    schema = {  # noqa: RUF012  # ClassVar in the base class
        "type": "string",
        "pattern": r"^(unix:///.+|(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):[0-9]{1,5})$",
        "examples": ["localhost:4320", "unix:///run/otlp-verifier/otlp-verifier.sock"],
    }

    def __init__(self, written: object) -> None:
        super().__init__(written)
        self.host = ""
        self.port = 0
        self.socket: Path | None = None
        match = _HOST_PORT.fullmatch(self.text)
        if self.text.startswith(f"{_UNIX}/"):
            path = self.text.removeprefix(_UNIX)
            if len(path.encode()) > _SOCKET_PATH_BYTES_MAX:
                raise ValueError(f"a socket's path may have {_SOCKET_PATH_BYTES_MAX} bytes, this one is longer: {path}")
            self.socket = Path(path)
        elif match is not None and int(match["port"]) <= 65535:
            self.host, self.port = match["host"].strip("[]"), int(match["port"])
        else:
            raise ValueError(f"expected `host:port` or `unix:///absolute/path`, found {written!r}")


class TcpAddress(Address):
    """An address that cannot be a Unix socket."""

    __slots__ = ()
    schema = {  # noqa: RUF012  # ClassVar in the base class
        "type": "string",
        "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):[0-9]{1,5}$",
        "examples": ["localhost:4321", "0.0.0.0:4321"],
    }

    def __init__(self, written: object) -> None:
        super().__init__(written)
        if self.socket is not None:
            raise ValueError(f"expected `host:port`, found {written!r}")


class FileMode(Scalar):
    """Permissions of a file in octal; YAML 1.1 reads an unquoted 0660 as the octal number that was meant."""

    __slots__ = ("bits",)
    schema = {  # noqa: RUF012  # ClassVar in the base class
        "type": ["string", "integer"],
        "pattern": "^0?[0-7]{3}$",
        "examples": ["0660"],
    }

    def __init__(self, written: object) -> None:
        if isinstance(written, str) and re.fullmatch("0?[0-7]{3}", written):
            self.bits = int(written, 8)
        elif isinstance(written, int) and 0 <= written <= 0o777:
            self.bits = written
        else:
            raise ValueError(f'expected permissions in octal, such as "0660", found {written!r}')
        super().__init__(f"{self.bits:04o}")
