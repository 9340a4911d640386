"""Run the demonstration: `python -m example [--duration SECONDS]`; `make run` does this and builds what it needs."""

import re
import shutil
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
import requests
import yaml
from rich.console import Console
from rich.text import Text

from example.downstream import traces
from example.stack.collector import PIPELINES, ROOT, Collector
from example.stack.process import Process, StartError, free_port, listens
from example.stack.sink import Sink
from example.stack.verifier import LogReader, Verifier
from example.summary import SEVERITY_STYLES, Summary, show, summarize
from example.traffic import Traffic

HERE = Path(__file__).parent
RUN = ROOT / "build" / "run"
_TRACE_WAIT_S = 2.0
_FOLLOW_EVERY_S = 0.1
_WIDTH_OF_ONE_LINE = 120  # below, a finding takes two
_PICTURE_WIDTH, _PIPE_WIDTH = 150, 200


class Shop:
    """The three services, each a process of its own that sends its spans to `collector`."""

    def __init__(self, collector: str, stack: ExitStack) -> None:
        ports = {name: free_port() for name in ("cart", "payment", "frontend")}
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        calls = {"frontend": [urls["cart"], urls["payment"]]}
        self.url = urls["frontend"]
        command = [sys.executable, "-m", "example.shop"]
        self.services = [
            stack.enter_context(
                Process(
                    name,
                    [*command, name, "--port", str(port), "--collector", collector, *calls.get(name, [])],
                    RUN / f"{name}.log",
                    {"PYTHONPATH": str(ROOT)},
                )
            )
            for name, port in ports.items()
        ]
        for service, port in zip(self.services, ports.values(), strict=True):
            service.wait_until(lambda port=port: listens(port), "listening")  # type: ignore[misc]  # bound default


class Follower:
    """Prints findings as they come, from the verifier's log, in a thread of its own.

    Attributes:
        findings: all of them so far.

    """

    def __init__(self, log: Path, console: Console) -> None:
        self.findings: list[dict[str, Any]] = []
        self._reader = LogReader(log)
        self._console = console
        self._started = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Print what is left and end."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(_FOLLOW_EVERY_S):
            self._show()
        self._show()

    def _show(self) -> None:
        for finding in self._reader.new("finding"):
            self.findings.append(finding)
            style = SEVERITY_STYLES[finding["severity"]]
            elapsed = time.monotonic() - self._started
            line = Text.assemble(
                (f"{elapsed:6.1f} s  ", "dim"),
                (f"{finding['severity']:<12}", style),
                (f"{finding['service'] or '-':<10}", "bold"),
                (f"{finding['rule']:<34}", style),
                "\n          " if self._console.width < _WIDTH_OF_ONE_LINE else "",
                finding["message"],
            )
            self._console.print(line, no_wrap=True, overflow="ellipsis")


def _demonstrate(duration_s: float | None, console: Console) -> Summary:
    shutil.rmtree(RUN, ignore_errors=True)
    with ExitStack() as stack:
        backend, review = stack.enter_context(Sink()), stack.enter_context(Sink())
        with _step(console, "verifier"):
            settings = yaml.safe_load((HERE / "verifier.yaml").read_text())
            verifier = stack.enter_context(Verifier(settings, RUN))
        with _step(console, "collector"):
            environment = {
                "VERIFIER_ENDPOINT": verifier.endpoint,
                "BACKEND_ENDPOINT": backend.endpoint,
                "BACKEND_INSECURE": "true",
                "REVIEW_ENDPOINT": review.endpoint,
                "REVIEW_INSECURE": "true",
                "TRACE_WAIT": f"{_TRACE_WAIT_S:g}s",
            }
            configs = [PIPELINES / "route-traces.yaml", HERE / "collector.yaml"]
            collector = stack.enter_context(Collector(configs, environment, RUN / "collector.log"))
        with _step(console, "shop: frontend, cart, payment"):
            shop = Shop(collector.grpc_endpoint, stack)
        parts: list[Process] = [verifier, collector, *shop.services]

        def check() -> None:
            for part in parts:
                if part.returncode is not None:
                    raise StartError(f"{part.name} ended with status {part.returncode}\n{part.tail()}")

        stop = _stop_on_ctrl_c()
        end = "ends by itself" if duration_s else "Ctrl-C ends it"
        console.print(
            f"\nTraffic runs, {end}; logs and what went downstream are in {RUN.relative_to(ROOT)}/. Findings:\n"
        )
        follower = Follower(verifier.log, console)
        stack.callback(follower.close)
        traffic = Traffic(shop.url)
        try:
            traffic.run(duration_s, stop, check)
        except requests.RequestException:
            check()  # a part that ended says more than a refused connection
            raise
        console.print("\n[dim]waiting for the last traces[/]")
        for service in shop.services:
            service.stop()  # sends its last spans
        _drain(collector, backend, review)
        follower.close()
        for name, sink in (("backend", backend), ("review", review)):
            # Requests end to end are one request: protobuf appends what is repeated.
            content = b"".join(request.SerializeToString() for request in sink.received())
            (RUN / f"{name}.binpb").write_bytes(content)
        return summarize(
            traffic,
            follower.findings,
            backend=traces(backend.received()),
            review=traces(review.received()),
            collector=collector.metrics(),
            verifier=verifier.metrics(),
        )


def _drain(collector: Collector, backend: Sink, review: Sink) -> None:
    """Wait until what the collector has accepted is downstream or dropped, as long as traces are gathered at most."""
    deadline = time.monotonic() + _TRACE_WAIT_S + 5
    while time.monotonic() < deadline:
        metrics = collector.metrics()
        accepted = metrics.total("otelcol_receiver_accepted_spans")
        dropped = metrics.total("otelcol_processor_verifier_dropped_spans")
        if backend.spans + review.spans + dropped >= accepted:
            return
        time.sleep(0.2)


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")


def _stop_on_ctrl_c() -> threading.Event:
    """Return an event that the first Ctrl-C sets; the second interrupts whatever is being done."""
    stop = threading.Event()

    def set_once(_number: int, _frame: types.FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, set_once)
    return stop


def _terminate(number: int, _frame: types.FrameType | None) -> NoReturn:
    sys.exit(128 + number)  # unwinds, so that every part is stopped


@click.command()
@click.option("--duration", type=click.FloatRange(min=1), help="Seconds of traffic; without it, until Ctrl-C.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write what the terminal showed as SVG.")
def main(duration: float | None, picture: Path | None) -> None:
    """Run a collector with the verifier in its pipeline, and a shop in which ten things go wrong."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    # A pipe has no width; findings should not be cut for that.
    width = _PICTURE_WIDTH if picture else None if sys.stdout.isatty() else _PIPE_WIDTH
    console = Console(record=picture is not None, width=width, highlight=False)
    try:
        summary = _demonstrate(duration, console)
    except StartError as error:
        console.print(Text(str(error), style="red"))
        sys.exit(1)
    console.print()
    show(summary, console)
    (RUN / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    if picture:
        # Without the web fonts that rich names: a picture loads nothing.
        svg = console.export_svg(title="make run")
        picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    main()
