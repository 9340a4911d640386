"""Files of Unix sockets: who may take which."""

import socket
import stat
from pathlib import Path

import pytest

from otlp_verifier.serve.sockets import SocketFile, SocketInUseError


def bind(file: SocketFile) -> socket.socket:
    with file.binding():
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(file.path))
    server.listen()
    return server


def test_bound_with_its_permissions_and_removed(tmp_path: Path) -> None:
    file = SocketFile(tmp_path / "s", 0o640)
    with bind(file):
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o640
        file.remove()
        assert not file.path.exists()
        file.remove()


def test_umask_is_as_before(tmp_path: Path) -> None:
    with bind(SocketFile(tmp_path / "s", 0o600)):
        (tmp_path / "plain").touch()
        expected = tmp_path / "before"
        expected.touch()
        assert (tmp_path / "plain").stat().st_mode == expected.stat().st_mode


def test_left_behind(tmp_path: Path) -> None:
    bind(SocketFile(tmp_path / "s", 0o600)).close()
    with bind(SocketFile(tmp_path / "s", 0o600)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))


def test_in_use(tmp_path: Path) -> None:
    file = SocketFile(tmp_path / "s", 0o600)
    with bind(file), pytest.raises(SocketInUseError, match="another process listens"):
        bind(SocketFile(tmp_path / "s", 0o600))
    assert file.path.exists()


def test_a_successors_file_stays(tmp_path: Path) -> None:
    file = SocketFile(tmp_path / "s", 0o600)
    with bind(file):
        file.path.rename(tmp_path / "old")
        with bind(SocketFile(tmp_path / "s", 0o600)):
            file.remove()
            assert file.path.exists()


def test_not_a_socket(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(SocketInUseError, match="is no socket"), SocketFile(tmp_path / "s", 0o600).binding():
        pytest.fail("bound")
    assert (tmp_path / "s").read_text() == "precious"


def test_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(SocketInUseError, match=r"folder .*absent does not exist"),
        SocketFile(tmp_path / "absent" / "s", 0o600).binding(),
    ):
        pytest.fail("bound")
