package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/metadata"
)

// outcome is how a request was answered. The values are those of the attribute
// `outcome` in metadata.yaml.
type outcome string

const (
	outcomeUnchanged outcome = "unchanged"
	outcomeSparse    outcome = "sparse"
	outcomeError     outcome = "error"
	outcomeBadAnswer outcome = "bad_answer"
	outcomeLost      outcome = "lost" // the stream ended first
)

var allOutcomes = []outcome{outcomeUnchanged, outcomeSparse, outcomeError, outcomeBadAnswer, outcomeLost}

// telemetry records what the processor does. Attribute sets are made once: they
// are the expensive part of a measurement.
type telemetry struct {
	*metadata.TelemetryBuilder
	processor   metric.MeasurementOption
	byCause     map[cause]metric.MeasurementOption
	byOutcome   map[outcome]metric.MeasurementOption
	inMessage   metric.MeasurementOption
	inMemory    metric.MeasurementOption
	refusedAttr metric.MeasurementOption
	refusedDrop metric.MeasurementOption
}

func newTelemetry(id component.ID, settings component.TelemetrySettings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	processor := attribute.String("processor", id.String())
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, processor)...))
	}
	t := &telemetry{
		TelemetryBuilder: builder,
		processor:        with(),
		byCause:          make(map[cause]metric.MeasurementOption, len(allCauses)),
		byOutcome:        make(map[outcome]metric.MeasurementOption, len(allOutcomes)),
		inMessage:        with(attribute.String("transport", "message")),
		inMemory:         with(attribute.String("transport", "shared_memory")),
		refusedAttr:      with(attribute.String("change", "attribute")),
		refusedDrop:      with(attribute.String("change", "drop")),
	}
	for _, c := range allCauses {
		t.byCause[c] = with(attribute.String("cause", string(c)))
	}
	for _, o := range allOutcomes {
		t.byOutcome[o] = with(attribute.String("outcome", string(o)))
	}
	return t, nil
}

func (t *telemetry) unverified(ctx context.Context, spans int, c cause) {
	t.ProcessorVerifierUnverifiedSpans.Add(ctx, int64(spans), t.byCause[c])
}

func (t *telemetry) applied(ctx context.Context, done tally) {
	add := func(counter metric.Int64Counter, n int, option metric.MeasurementOption) {
		if n > 0 {
			counter.Add(ctx, int64(n), option)
		}
	}
	add(t.ProcessorVerifierAnnotatedSpans, done.annotated, t.processor)
	add(t.ProcessorVerifierStrippedSpans, done.stripped, t.processor)
	add(t.ProcessorVerifierDroppedSpans, done.dropped, t.processor)
	add(t.ProcessorVerifierRefusedChanges, done.refusedAttributes, t.refusedAttr)
	add(t.ProcessorVerifierRefusedChanges, done.refusedDropped, t.refusedDrop)
}

func (t *telemetry) request(r *request, o outcome) {
	ctx := context.Background()
	t.ProcessorVerifierRequests.Add(ctx, 1, t.byOutcome[o])
	transport := t.inMessage
	if r.shared {
		transport = t.inMemory
	}
	t.ProcessorVerifierCarriedBatches.Add(ctx, int64(len(r.calls)), transport)
	t.ProcessorVerifierRequestDuration.Record(ctx, time.Since(r.sent).Seconds(), t.processor)
	t.ProcessorVerifierRequestBatches.Record(ctx, int64(len(r.calls)), t.processor)
}

func (t *telemetry) lost(requests int) {
	if requests > 0 {
		t.ProcessorVerifierRequests.Add(context.Background(), int64(requests), t.byOutcome[outcomeLost])
	}
}

func (t *telemetry) streams(change int64) {
	t.ProcessorVerifierOpenStreams.Add(context.Background(), change, t.processor)
}

func (t *telemetry) circuit(state circuitState) {
	t.ProcessorVerifierCircuitState.Record(context.Background(), int64(state), t.processor)
}
