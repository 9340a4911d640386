"""From starting the process to a healthy verifier, with and without its modules' bytecode; memory at rest.

The floor is an interpreter that imports gRPC and numpy and does nothing.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import grpc
from example.stack.process import Process
from grpc_health.v1 import health_pb2, health_pb2_grpc

from perf.effort import EFFORT
from perf.installed import environment as installed
from perf.stack import Memory, memory

ROUNDS = 7
REST_S = 1.0
PATIENCE_S = 300.0
_SERVE = (sys.executable, "-m", "otlp_verifier.cli", "serve", "--config")
_FLOOR = (sys.executable, "-c", "import grpc, numpy")


def figures() -> dict[str, float]:
    """Medians over rounds."""
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    taken: dict[str, list[float]] = defaultdict(list)
    try:
        for turn in range(EFFORT.rounds(ROUNDS)):
            EFFORT.say(f"start {turn + 1}")
            shutil.rmtree(folder / "bytecode", ignore_errors=True)
            taken["startup.cold_s"].append(_start(folder)[1])
            listening_s, warm_s, idle = _start(folder)
            taken["startup.listening_s"].append(listening_s)
            taken["startup.warm_s"].append(warm_s)
            taken["memory.idle_mb"].append(idle.rss_mb)
            taken["memory.idle_pss_mb"].append(idle.pss_mb)
            began_s = time.perf_counter()
            subprocess.run(_FLOOR, check=True, env=installed(folder))
            taken["startup.floor_s"].append(time.perf_counter() - began_s)
    finally:
        shutil.rmtree(folder)
    return {name: statistics.median(values) for name, values in taken.items()}


def _start(folder: Path) -> tuple[float, float, Memory]:
    """Seconds to listening and to healthy, and memory at rest, of a verifier with every rule."""
    path = folder / "verifier.sock"
    config = folder / "verifier.yaml"
    config.write_text(f"listen: ['unix://{path}']\nhttp: 127.0.0.1:0\nrules: {{select: [all]}}\n")
    began_s = time.perf_counter()
    with Process("verifier", [*_SERVE, config], folder / "verifier.log", installed(folder)) as verifier:
        verifier.wait_until(path.is_socket, "listening", PATIENCE_S)
        listening_s = time.perf_counter() - began_s
        with grpc.insecure_channel(f"unix://{path}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="otlp_verifier.v1.Verifier")
            for answer in health.Watch(request, wait_for_ready=True, timeout=PATIENCE_S):
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
            healthy_s = time.perf_counter() - began_s
        time.sleep(EFFORT.seconds(REST_S))
        idle = memory(verifier.pid)
    return listening_s, healthy_s, idle
