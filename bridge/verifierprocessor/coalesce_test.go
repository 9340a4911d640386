package verifierprocessor

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// named is a batch whose spans bear its name.
func named(name string, n int) ptrace.Traces {
	td := spans(n)
	for _, span := range spansOf(td) {
		span.SetName(name)
	}
	return td
}

// echo annotates every span with its own name: an answer that is split wrongly
// puts a name on a span of another batch.
func echo(t testing.TB) judge {
	return func(r *contract.VerifyRequest) *contract.VerifyResponse {
		s := &contract.Sparse{}
		for i, span := range spansOf(decode(t, r)) {
			s.Annotations = append(s.Annotations, annotation("verifier.echo", span.Name()))
			s.Records = append(s.Records, uint32(i))
			s.RecordAnnotations = append(s.RecordAnnotations, uint32(i))
		}
		return answering(s)
	}
}

// requireEchoes holds every span that went on to the answer of its own batch.
func (r *rig) requireEchoes(t testing.TB) {
	for _, td := range r.sink.AllTraces() {
		for _, span := range spansOf(td) {
			echoed, ok := span.Attributes().Get("verifier.echo")
			require.True(t, ok)
			require.Equal(t, span.Name(), echoed.Str())
		}
	}
}

// Answers belong to requests by their ids, in whatever order they come.
func TestAnswersComeInAnyOrder(t *testing.T) {
	const callers = 4
	verifier := newStub(t, echo(t))
	verifier.reverse = callers
	verifier.start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		closed(c)
		c.Streams, c.Coalesce.MaxSpans = 1, 1
	}).ready(t)

	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			assert.NoError(t, r.ConsumeTraces(t.Context(), named(fmt.Sprint(caller), 1)))
		}()
	}
	wg.Wait()

	assert.EqualValues(t, callers, verifier.requests.Load())
	require.Equal(t, callers, r.sink.SpanCount())
	r.requireEchoes(t)
}

func TestJoinedAnswersAreSplit(t *testing.T) {
	slowly := echo(t)
	verifier := newStub(t, func(r *contract.VerifyRequest) *contract.VerifyResponse {
		time.Sleep(time.Millisecond) // so that calls meet
		return slowly(r)
	}).start()
	r := newRig(t, verifier.endpoint(), closed).ready(t)

	const callers, batches = 16, 40
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for batch := range batches {
				assert.NoError(t, r.ConsumeTraces(t.Context(), named(fmt.Sprintf("%d-%d", caller, batch), 1+batch%7)))
			}
		}()
	}
	wg.Wait()

	require.Len(t, r.sink.AllTraces(), callers*batches)
	r.requireEchoes(t)
	assert.Less(t, verifier.requests.Load(), int64(callers*batches/2), "calls were not joined")
	require.Eventually(t, func() bool { // counted after the batches have gone on
		joined := r.points(t, "otelcol_processor_verifier_request_batches").(metricdata.Histogram[int64])
		return joined.DataPoints[0].Sum == callers*batches
	}, patience, time.Millisecond)
}

// One bad batch fails alone: those that were joined with it are asked again.
func TestABadBatchDoesNotTaintItsNeighbours(t *testing.T) {
	verifier := newStub(t, func(r *contract.VerifyRequest) *contract.VerifyResponse {
		time.Sleep(2 * time.Millisecond)
		for _, span := range spansOf(decode(t, r)) {
			if span.Name() == "bad" {
				return refusing(contract.Code_CODE_BAD_INPUT)(r)
			}
		}
		return unchanged(r)
	}).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		closed(c)
		c.Streams = 1
		c.Coalesce.MaxDelay = 20 * time.Millisecond
	}).ready(t)

	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			name := "good"
			if i == 10 {
				name = "bad"
			}
			err := r.ConsumeTraces(t.Context(), named(name, 2))
			assert.Equal(t, name == "bad", err != nil, "%v", err)
		}()
	}
	wg.Wait()

	assert.EqualValues(t, 2, r.unverified(t, causeBadInput))
	assert.Equal(t, 38, r.sink.SpanCount())
}
