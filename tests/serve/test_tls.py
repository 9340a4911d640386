"""Encrypted addresses: with a certificate, with clients that have to show one, and with files that are none."""

import shutil
import subprocess
from pathlib import Path

import grpc
import pytest

from tests.serve.client import Client
from tests.serve.process import Served
from tests.serve.telemetry import batch

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed: no certificates to test with")


def certificate(folder: Path, name: str) -> bytes:
    """A new certificate for localhost that vouches for itself, in NAME.pem and NAME.key."""
    subprocess.run(
        [
            *(OPENSSL or "", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"),
            *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return (folder / f"{name}.pem").read_bytes()


def works(client: Client) -> bool:
    client.greet()
    return client.verify(batch()).WhichOneof("answer") == "unchanged"


def test_encrypted(tmp_path: Path) -> None:
    roots = certificate(tmp_path, "server")
    listen = ["localhost:0", f"unix://{tmp_path}/s"]
    with Served(
        tmp_path, {"listen": listen, "tls": {"certificate": "server.pem", "key": "server.key"}}
    ).ready() as served:
        with Client(served.address, credentials=grpc.ssl_channel_credentials(roots)) as client:
            assert works(client)
        with Client(f"unix://{tmp_path}/s") as client:
            assert works(client)
        with Client(served.address) as client, pytest.raises(grpc.RpcError):
            client.greet()


def test_clients_have_to_show_a_certificate(tmp_path: Path) -> None:
    roots = certificate(tmp_path, "server")
    known, unknown = certificate(tmp_path, "known"), certificate(tmp_path, "unknown")
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "known.pem"}
    with Served(tmp_path, {"tls": tls}).ready() as served:
        for chain, name, served_to in ((known, "known", True), (unknown, "unknown", False), (None, "", False)):
            key = (tmp_path / f"{name}.key").read_bytes() if name else None
            credentials = grpc.ssl_channel_credentials(roots, key, chain)
            with Client(served.address, credentials=credentials) as client:
                if served_to:
                    assert works(client)
                else:
                    with pytest.raises(grpc.RpcError):
                        client.greet()


@pytest.mark.parametrize("missing", ["certificate", "key", "client_ca"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    certificate(tmp_path, "server")
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "server.pem", missing: "absent.pem"}
    with Served(tmp_path, {"tls": tls}) as served:
        assert served.wait() == 2
        assert f"tls.{missing}: absent.pem cannot be read" in served.log.read_text()


@pytest.mark.parametrize(
    "tls",
    [
        {"certificate": "server.key", "key": "server.key"},
        {"certificate": "server.pem", "key": "other.key"},
        {"certificate": "server.pem", "key": "server.key", "client_ca": "server.key"},
    ],
    ids=["no certificate", "another's key", "no authority"],
)
def test_files_that_do_not_fit(tmp_path: Path, tls: dict[str, str]) -> None:
    certificate(tmp_path, "server")
    certificate(tmp_path, "other")
    with Served(tmp_path, {"tls": tls}) as served:
        assert served.wait() == 2
        assert "tls: certificate, key or client_ca cannot be used" in served.log.read_text()
