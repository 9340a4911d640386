package verifierprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/metadata"
)

// rig is a processor between a test and a sink.
type rig struct {
	processor.Traces
	cfg       *Config
	sink      *consumertest.TracesSink
	telemetry *componenttest.Telemetry
}

// patience is for what has to happen: a busy machine must not look like a slow
// verifier.
const patience = 30 * time.Second

// newRig starts a processor that asks at an endpoint, with settings a test may change.
func newRig(t testing.TB, endpoint string, change func(*Config)) *rig {
	r := makeRig(t, endpoint, change)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	return r
}

func makeRig(t testing.TB, endpoint string, change func(*Config)) *rig {
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = endpoint
	cfg.Timeout = patience
	cfg.Reconnect = ReconnectConfig{InitialInterval: 5 * time.Millisecond, MaxInterval: 20 * time.Millisecond}
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	set.ID = component.NewID(metadata.Type)
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, p.Shutdown(ctx))
		require.NoError(t, tel.Shutdown(ctx))
	})
	return &rig{Traces: p, cfg: cfg, sink: sink, telemetry: tel}
}

// ready waits until the processor has all its streams.
func (r *rig) ready(t testing.TB) *rig {
	require.Eventually(t, func() bool {
		return r.sum(t, "otelcol_processor_verifier_open_streams") == int64(r.cfg.Streams)
	}, patience, time.Millisecond, "the processor has not got its streams")
	return r
}

func TestAnnotates(t *testing.T) {
	verifier := newStub(t, func(r *contract.VerifyRequest) *contract.VerifyResponse {
		assert.Equal(t, contract.Signal_SIGNAL_TRACES, r.GetSignal())
		assert.Equal(t, contract.Completeness_COMPLETENESS_BATCH, r.GetCompleteness())
		assert.Equal(t, 3, decode(t, r).SpanCount())
		return answering(&contract.Sparse{
			Annotations: []*contract.Annotation{annotation("verifier.trace.verdict", "violated")},
			Records:     []uint32{1}, RecordAnnotations: []uint32{0},
		})
	}).start()
	r := newRig(t, verifier.endpoint(), nil)

	require.NoError(t, r.ConsumeTraces(t.Context(), spans(3)))

	got := spansOf(r.sink.AllTraces()[0])
	require.Len(t, got, 3)
	for i, span := range got {
		verdict, ok := span.Attributes().Get("verifier.trace.verdict")
		assert.Equal(t, i == 1, ok)
		if ok {
			assert.Equal(t, "violated", verdict.Str())
		}
	}
	assert.EqualValues(t, 1, r.sum(t, "otelcol_processor_verifier_annotated_spans"))
	require.Eventually(t, func() bool { // counted after the batch has gone on
		return r.sumBy(t, "otelcol_processor_verifier_requests", "outcome", "sparse") == 1
	}, patience, time.Millisecond)
}

func spans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "test")
	ss := rs.ScopeSpans().AppendEmpty()
	for i := range n {
		span := ss.Spans().AppendEmpty()
		span.SetName("span")
		span.Attributes().PutInt("number", int64(i))
	}
	return td
}

func spansOf(td ptrace.Traces) []ptrace.Span {
	var all []ptrace.Span
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				all = append(all, span)
			}
		}
	}
	return all
}

func annotation(keysAndValues ...string) *contract.Annotation {
	a := &contract.Annotation{}
	for i := 0; i < len(keysAndValues); i += 2 {
		a.Attributes = append(a.Attributes, &contract.Attribute{
			Key: keysAndValues[i], Value: &contract.Attribute_Text{Text: keysAndValues[i+1]},
		})
	}
	return a
}
