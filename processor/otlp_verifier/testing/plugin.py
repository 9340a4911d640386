"""The pytest plugin: fixtures that receive traces. Imports nothing but pytest until one of them is used."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from otlp_verifier.testing.receiver import Receiver

_FILE: Final = "telemetry.binpb"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's setting."""
    parser.addini(
        "otlp_verifier_config",
        "Configuration file of otlp-verifier that assert_traces_valid uses, relative to this file",
        type="string",
        default="",
    )


@pytest.fixture
def otlp_receiver(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Receiver]":
    """What this test exports: `exporter`, `grpc_endpoint`, `http_endpoint`, `environment`, `wait_for_spans`."""
    yield from _receiver(tmp_path, request.config)


@pytest.fixture(scope="session")
def otlp_session_receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Receiver]":
    """The same for an application that is set up once for all tests; call `clear` between them."""
    yield from _receiver(tmp_path_factory.mktemp("otlp"), request.config)


def _receiver(folder: Path, config: pytest.Config) -> "Iterator[Receiver]":
    from otlp_verifier.testing.receiver import Receiver  # noqa: PLC0415  # only tests that ask for it pay for it

    written = str(config.getini("otlp_verifier_config"))
    root = config.inipath.parent if config.inipath else config.rootpath
    receiver = Receiver(folder / _FILE, root / written if written else None)
    yield receiver
    receiver.close()
