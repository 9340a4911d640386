"""Captures of a shop with mistakes, as OTLP/JSON and protobuf; the same every time for the same arguments."""

import base64
import json
import random
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MS = 10**6
BEGIN = 1_790_000_000 * 10**9
_IDS = {"traceId", "spanId", "parentSpanId"}

Json = dict[str, Any]


class Shop:
    """Checkouts of four services. Every seventh card is authorized by a clock that was set back (error), every
    fifth reservation lost its parent (error), every fourth port is a string (error); mail has no service name (error).

    Args:
        seed: of all ids; another seed gives the same traces with other ids.
        begin_ns: when the first checkout begins.
        mistakes: which there are.

    """

    MISTAKES = ("clock", "parent", "port", "name")

    def __init__(self, seed: int = 7, begin_ns: int = BEGIN, mistakes: tuple[str, ...] = MISTAKES) -> None:
        self._random = random.Random(seed)
        self._begin_ns = begin_ns
        self._mistakes = mistakes
        self._spans: dict[str, list[Json]] = {}

    def request(self, checkouts: int, first: int = 0) -> Json:
        """An export request with so many checkouts, as OTLP/JSON."""
        self._spans = {}
        for number in range(first, first + checkouts):
            self._checkout(number, self._begin_ns + number * 300 * MS)
        resources = []
        for service, spans in self._spans.items():
            named = service != "mail" or "name" not in self._mistakes
            attributes = [{"key": "service.name", "value": {"stringValue": service}}] if named else []
            scope = {"name": f"example.{service}", "version": "1.0"}
            resources.append({"resource": {"attributes": attributes}, "scopeSpans": [{"scope": scope, "spans": spans}]})
        return {"resourceSpans": resources}

    def _checkout(self, number: int, begin: int) -> None:
        trace = self._id(16)
        slow = self._random.randrange(20)
        add = self._add
        root = add(trace, "frontend", "GET /checkout", 2, begin, 130 + slow, "", {"http.response.status_code": 200})
        add(trace, "frontend", "render page", 1, begin + 2 * MS, 16, root)
        call = add(trace, "frontend", "POST /reserve", 3, begin + 22 * MS, 58, root)
        stock = add(trace, "stock", "POST /reserve", 2, begin + 25 * MS, 53, call, remote=True)
        port: int | str = "5432" if "port" in self._mistakes and number % 4 == 1 else 5432
        add(trace, "stock", "SELECT stock", 3, begin + 30 * MS, 14 + slow, stock, {"server.port": port})
        if "parent" in self._mistakes and number % 5 == 2:
            add(trace, "stock", "write reservation", 1, begin + 50 * MS, 12, self._id(8))
        call = add(trace, "frontend", "POST /charge", 3, begin + 82 * MS, 46, root)
        payment = add(trace, "payment", "POST /charge", 2, begin + 84 * MS, 42, call, remote=True)
        lasted = -40 if "clock" in self._mistakes and number % 7 == 3 else 24
        add(trace, "payment", "authorize card", 1, begin + 100 * MS, lasted, payment)
        if number % 9 == 4:
            add(trace, "mail", "send receipt", 5, begin + 140 * MS, 10, root)

    def _add(  # read as a table
        self,
        trace: str,
        service: str,
        name: str,
        kind: int,
        begin: int,
        lasted_ms: int,
        parent: str,
        attributes: dict[str, int | str] | None = None,
        *,
        remote: bool = False,
    ) -> str:
        span = {
            "traceId": trace,
            "spanId": self._id(8),
            "parentSpanId": parent,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(begin),
            "endTimeUnixNano": str(begin + lasted_ms * MS),
            "flags": 0x301 if remote else 0x101,
            "attributes": [
                {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
                for key, value in (attributes or {}).items()
            ],
        }
        self._spans.setdefault(service, []).append(span)
        return str(span["spanId"])

    def _id(self, octets: int) -> str:
        return self._random.randbytes(octets).hex()


def json_lines(shop: Shop, lines: int, checkouts: int = 1) -> str:
    """JSON lines as the collector's file exporter writes them."""
    requests = (shop.request(checkouts, line * checkouts) for line in range(lines))
    return "".join(json.dumps(request) + "\n" for request in requests)


def protobuf(request: Json) -> bytes:
    """The same request as protobuf."""
    return json_format.ParseDict(_base64(request), ExportTraceServiceRequest()).SerializeToString()


def _base64(value: Any) -> Any:
    """Protobuf's own JSON has ids in base64, OTLP's in hex."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode() if key in _IDS else _base64(inner)
            for key, inner in value.items()
        }
    return [_base64(inner) for inner in value] if isinstance(value, list) else value
