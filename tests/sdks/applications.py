"""The same two services in each language, asked over HTTP while they export to a receiver."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Final

import pytest

from otlp_verifier.testing import Receiver

HERE: Final = Path(__file__).parent
GO_PROGRAM: Final = HERE.parents[1] / "build" / "sdks" / "shop"
LANGUAGES: Final = ("Python", "JavaScript", "Go")

# Resource attributes that whoever deploys a service sets. Those of the SDK and the instrumentations are their own.
RESOURCE: Final = "service.namespace=sdks,service.version=1.4.2,deployment.environment.name=test"
# What the shop is asked for -> the status of its answer.
REQUESTS: Final = {
    ("GET", "/products/1"): 200,
    ("GET", "/products/2"): 200,
    ("GET", "/products/404"): 404,
    ("GET", "/products/503"): 502,
    ("POST", "/orders?number=A-1"): 201,
    ("POST", "/orders?number=A%2D1"): 409,  # the same order once more
    ("GET", "/slow"): 504,
    ("GET", "/unreachable"): 502,
    ("GET", "/broken"): 500,
    ("GET", "/nowhere"): 404,
}
TOGETHER: Final = 24  # requests at once, by so many threads:
_THREADS: Final = 8
_END_S_MAX: Final = 30.0
_ANSWER_S_MAX: Final = 30.0


def run(language: str, receiver: Receiver, folder: Path, **environment: str) -> None:
    """Run both services, ask for everything, and end them, so that they export what is left.

    Args:
        language: of LANGUAGES; the test is skipped where its program is not built.
        receiver: gets the traces.
        folder: for what the services log.
        environment: variables besides.

    """
    command, cwd = _command(language)
    variables = os.environ | receiver.environment | environment

    @contextmanager
    def service(name: str, *arguments: str) -> Iterator[int]:
        """A service, until it has exported everything; its port."""
        own = {"OTEL_SERVICE_NAME": name, "OTEL_RESOURCE_ATTRIBUTES": f"{RESOURCE},service.instance.id={name}-1"}
        log = folder / f"{name}.log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                [*command, *arguments], cwd=cwd, env=variables | own, stdout=subprocess.PIPE, stderr=errors
            ) as process,
        ):
            try:
                yield _port(process.stdout, log)
                process.terminate()
                code = process.wait(_END_S_MAX)
            finally:
                process.kill()
        assert code == 0, f"{name} ended with {code}: {log.read_text()}"

    with service("stock", "stock") as stock, service("shop", "shop", f"http://127.0.0.1:{stock}") as shop:
        for (method, path), status in REQUESTS.items():
            assert ask(shop, method, path) == status, f"{method} {path}: {(folder / 'shop.log').read_text()}"
        with ThreadPoolExecutor(_THREADS) as threads:
            statuses = threads.map(lambda number: ask(shop, "GET", f"/products/{number % 5}"), range(TOGETHER))
            assert set(statuses) == {200}


def ask(port: int, method: str, path: str) -> int:
    """The status of the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S_MAX)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _port(output: IO[bytes] | None, log: Path) -> int:
    assert output is not None
    line = output.readline()
    assert line, log.read_text()
    return int(line)


def _command(language: str) -> tuple[list[str], Path]:
    """How a service is started, and in which folder."""
    match language:
        case "Python":
            return [sys.executable, "shop.py"], HERE / "python"
        case "JavaScript":
            node = shutil.which("node")
            if node is None or not (HERE / "javascript" / "node_modules").is_dir():
                pytest.skip("Node or its packages are not here: make test-sdks")
            # Some installations put a program in front that ends without Node when it is terminated.
            node = subprocess.run(
                [node, "-p", "process.execPath"], capture_output=True, text=True, check=True, timeout=_END_S_MAX
            ).stdout.strip()
            return [node, "--import", "./telemetry.js", "shop.js"], HERE / "javascript"
        case _:
            if not GO_PROGRAM.exists():
                pytest.skip(f"{GO_PROGRAM} is missing: make test-sdks")
            return [str(GO_PROGRAM)], HERE / "go"
