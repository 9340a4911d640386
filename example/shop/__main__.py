"""Run one service: `python -m example.shop NAME --port N --collector HOST:PORT [URL...]`."""

import logging
import os
import signal
import sys
import types

import click
from werkzeug.serving import make_server

# The stable HTTP conventions; the instrumentation reads this when it is set up.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")

from example.shop.services import SERVICES, application
from example.shop.telemetry import Telemetry


@click.command()
@click.argument("name", type=click.Choice(sorted(SERVICES)))
@click.option("--port", type=int, required=True)
@click.option("--collector", required=True, help="Where spans go, host:port.")
@click.argument("others", nargs=-1)
def main(name: str, port: int, collector: str, others: tuple[str, ...]) -> None:
    """Serve until SIGTERM, then send the last spans."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    telemetry = Telemetry(name, collector)
    # One request at a time: the accidents need to know that a span is theirs.
    server = make_server("127.0.0.1", port, application(name, telemetry, collector, list(others)))

    def end(_number: int, _frame: types.FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    try:
        server.serve_forever()
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
