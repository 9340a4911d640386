package verifierprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// points returns the data of one of the processor's own metrics; none if it has
// not been recorded yet.
func (r *rig) points(t testing.TB, name string) metricdata.Aggregation {
	var all metricdata.ResourceMetrics
	require.NoError(t, r.telemetry.Reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				return m.Data
			}
		}
	}
	return nil
}

// sum adds a metric up over all its attributes.
func (r *rig) sum(t testing.TB, name string) int64 { return r.sumBy(t, name, "", "") }

// sumBy adds a metric up where an attribute has a value.
func (r *rig) sumBy(t testing.TB, name, key, value string) int64 {
	var points []metricdata.DataPoint[int64]
	switch data := r.points(t, name).(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	var sum int64
	for _, p := range points {
		if got, _ := p.Attributes.Value(attribute.Key(key)); key == "" || got.AsString() == value {
			sum += p.Value
		}
	}
	return sum
}

// unverified is the number of spans that went without a verdict for a cause.
func (r *rig) unverified(t testing.TB, c cause) int64 {
	return r.sumBy(t, "otelcol_processor_verifier_unverified_spans", "cause", string(c))
}
