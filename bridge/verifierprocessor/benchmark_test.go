package verifierprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/metadata"
	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/spangen"
)

const benchSpans = 512

func perSpan(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
}

// The floor: what pdata takes to make bytes of a batch.
func BenchmarkMarshal(b *testing.B) {
	td := spangen.Batch(benchSpans)
	marshaler := ptrace.ProtoMarshaler{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := marshaler.MarshalTraces(td); err != nil {
			b.Fatal(err)
		}
	}
	perSpan(b)
}

// The same into a buffer that is used again, which is what the processor does.
func BenchmarkPayload(b *testing.B) {
	td := spangen.Batch(benchSpans)
	m := newTestMarshaler(b)
	b.ReportAllocs()
	for b.Loop() {
		p, err := m.marshal(td, td.SpanCount())
		if err != nil {
			b.Fatal(err)
		}
		p.release()
	}
	perSpan(b)
}

// The header and the buffers of a request, which is all that the codec adds.
func BenchmarkCodecRequest(b *testing.B) {
	otlp := payloadOf(bytesOf(b, spangen.Batch(benchSpans)))
	frame := &requestFrame{id: 1 << 20, completeness: contract.Completeness_COMPLETENESS_BATCH, otlp: []*payload{otlp}}
	b.ReportAllocs()
	for b.Loop() {
		buffers, err := codec{}.Marshal(frame)
		if err != nil {
			b.Fatal(err)
		}
		buffers.Free()
	}
}

// An answer with something to say about one span in a hundred, and about all.
func BenchmarkAnswer(b *testing.B) {
	for name, every := range map[string]int{"1%": 100, "all": 1} {
		sparse := verdicts(every)
		b.Run("check/"+name, func(b *testing.B) {
			size := counts{1, 1, benchSpans}
			for b.Loop() {
				if _, err := checkChanges(sparse, size); err != nil {
					b.Fatal(err)
				}
			}
			perSpan(b)
		})
		b.Run("apply/"+name, func(b *testing.B) {
			td := spangen.Batch(benchSpans)
			all, err := checkChanges(sparse, countsOf(td))
			require.NoError(b, err)
			apply(td, all, false) // from now on it replaces, and the batch stays as it is
			b.ReportAllocs()
			for b.Loop() {
				apply(td, all, false)
			}
			perSpan(b)
		})
	}
}

func verdicts(every int) *contract.Sparse {
	list := &contract.Attribute_List{List: &contract.TextList{Values: []string{"ids.zero", "time.order"}}}
	s := &contract.Sparse{Annotations: []*contract.Annotation{{Attributes: []*contract.Attribute{
		{Key: "verifier.trace.verdict", Value: &contract.Attribute_Text{Text: "violated"}},
		{Key: "verifier.violations", Value: list},
		{Key: "verifier.severity", Value: &contract.Attribute_Text{Text: "error"}},
	}}}}
	for i := 0; i < benchSpans; i += every {
		s.Records = append(s.Records, uint32(i))
		s.RecordAnnotations = append(s.RecordAnnotations, 0)
	}
	return s
}

// The whole call against a stub in this process: what the processor and gRPC
// cost without a verifier behind them.
func BenchmarkConsume(b *testing.B) {
	for _, size := range []int{1, benchSpans} {
		for _, callers := range []int{1, 4} {
			name := map[int]string{1: "1span", benchSpans: "512spans"}[size] + map[int]string{1: "/alone", 4: "/4callers"}[callers]
			b.Run(name, func(b *testing.B) { benchConsume(b, size, callers) })
		}
	}
}

func benchConsume(b *testing.B, size, callers int) {
	verifier := newStub(b, unchanged).start()
	r := newRig(b, verifier.endpoint(), closed).ready(b)
	set := processortest.NewNopSettings(metadata.Type)
	p, err := NewFactory().CreateTraces(b.Context(), set, r.cfg, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(b, p.Shutdown(b.Context())) }()
	b.ReportAllocs()
	b.SetParallelism(callers) // goroutines per processor core
	if callers == 1 {
		td := spangen.Batch(size)
		for b.Loop() {
			if err := p.ConsumeTraces(b.Context(), td); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			td := spangen.Batch(size)
			for pb.Next() {
				if err := p.ConsumeTraces(b.Context(), td); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "spans/s")
}

// What a batch costs while the verifier is away.
func BenchmarkAway(b *testing.B) {
	cfg := createDefaultConfig().(*Config)
	p, err := newVerifier(cfg, processortest.NewNopSettings(metadata.Type))
	require.NoError(b, err)
	for range cfg.Streams {
		p.dispatcher.connectFails(&failure{cause: causeUnavailable})
	}
	td := spangen.Batch(benchSpans)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.processTraces(b.Context(), td); err != nil {
			b.Fatal(err)
		}
	}
}
