package spangen

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Benchmarks everywhere quote a span of this size; a change here is a change of
// their figures.
func TestBatchIsWhatBenchmarksQuote(t *testing.T) {
	td := Batch(512)
	assert.Equal(t, 512, td.SpanCount())
	perSpan := (&ptrace.ProtoMarshaler{}).TracesSize(td) / 512
	assert.InDelta(t, 366, perSpan, 4)
	assert.Equal(t, td, Batch(512))
	parents := 0
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		assert.Equal(t, 8, span.Attributes().Len())
		assert.Greater(t, span.EndTimestamp(), span.StartTimestamp())
		if !span.ParentSpanID().IsEmpty() {
			parents++
		}
	}
	assert.Equal(t, 512*7/8, parents)
}
