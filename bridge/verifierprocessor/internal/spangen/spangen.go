// Package spangen makes batches of spans that look like those of a service, for
// benchmarks: traces of eight spans, eight attributes each, some 366 bytes a span.
package spangen // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/spangen"

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const spansPerTrace = 8

var routes = []string{"/api/v1/orders/{id}", "/api/v1/carts/{id}/items", "/api/v1/users/{id}", "/checkout/confirm"}

// Batch makes n valid spans of one resource and scope: the same ones each time
// for the same n, so that runs can be compared.
func Batch(n int) ptrace.Traces {
	r := rand.New(rand.NewPCG(uint64(n), 366))
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop-frontend")
	rs.Resource().Attributes().PutStr("service.version", "1.24.3")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "python")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.flask")
	ss.Spans().EnsureCapacity(n)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var trace pcommon.TraceID
	var root pcommon.SpanID
	for i := range n {
		span := ss.Spans().AppendEmpty()
		id := spanID(r)
		if i%spansPerTrace == 0 {
			trace, root = traceID(r), id
			span.SetKind(ptrace.SpanKindServer)
			start = start.Add(time.Duration(r.IntN(1000)) * time.Microsecond)
		} else {
			span.SetParentSpanID(root)
			span.SetKind(ptrace.SpanKindClient)
		}
		fill(r, span, start, i%spansPerTrace)
		span.SetTraceID(trace)
		span.SetSpanID(id)
	}
	return td
}

func fill(r *rand.Rand, span ptrace.Span, traceStart time.Time, place int) {
	route := routes[r.IntN(len(routes))]
	span.SetName("GET " + route)
	start := traceStart.Add(time.Duration(place) * time.Millisecond)
	length := 20 * time.Millisecond
	if place > 0 {
		length = 900 * time.Microsecond
	}
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(length)))
	span.SetFlags(0x101)
	a := span.Attributes()
	a.EnsureCapacity(8)
	a.PutStr("http.request.method", "GET")
	a.PutStr("http.route", route)
	a.PutStr("url.path", fmt.Sprintf("/api/v1/orders/%06d", r.IntN(1e6)))
	a.PutInt("http.response.status_code", 200)
	a.PutStr("server.address", "shop.example.com")
	a.PutInt("server.port", 8443)
	a.PutStr("user_agent.original", "curl/8.5.0-DEV")
	a.PutStr("network.protocol.version", "1.1")
}

func traceID(r *rand.Rand) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], r.Uint64()|1)
	binary.BigEndian.PutUint64(id[8:], r.Uint64()|1)
	return id
}

func spanID(r *rand.Rand) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], r.Uint64()|1)
	return id
}
