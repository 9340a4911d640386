package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"
	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/spangen"
)

// figures are those of one run.
type figures struct {
	Callers        int     `json:"callers"`
	Batches        int     `json:"batches"`
	Failed         int     `json:"failed_batches"`
	P50            float64 `json:"p50_ms"`
	P99            float64 `json:"p99_ms"`
	P999           float64 `json:"p99_9_ms"`
	Max            float64 `json:"max_ms"`
	SpansPerSecond float64 `json:"spans_per_second"`
}

// driven is a processor under measurement.
type driven struct {
	processor.Traces
	failure atomic.Pointer[error]
}

func startProcessor(ctx context.Context, o options) (*driven, error) {
	factory := verifierprocessor.NewFactory()
	cfg := factory.CreateDefaultConfig().(*verifierprocessor.Config)
	cfg.ClientConfig.Endpoint = o.endpoint
	cfg.ClientConfig.TLS.Insecure = o.insecure
	cfg.Streams = o.streams
	cfg.Timeout = o.timeout
	cfg.Coalesce.MaxDelay = o.maxDelay
	cfg.SharedMemory.Enabled = o.shared
	cfg.FailureMode = verifierprocessor.FailureModeClosed // failures must show
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	nowhere, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return nil })
	if err != nil {
		return nil, err
	}
	p, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), cfg, nowhere)
	if err != nil {
		return nil, err
	}
	return &driven{Traces: p}, p.Start(ctx, componenttest.NewNopHost())
}

func (p *driven) stop() { _ = p.Shutdown(context.Background()) }

func (p *driven) lastError() error {
	if err := p.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// awaitVerifier waits until a batch gets its verdict, for ten seconds.
func (p *driven) awaitVerifier(ctx context.Context, td ptrace.Traces) error {
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = p.ConsumeTraces(ctx, clone(td)); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("no verdict within ten seconds: %w", err)
}

// drive sends batches for a while from a number of callers. Only the calls are
// timed; spans per second count the whole run.
func (p *driven) drive(ctx context.Context, batches []ptrace.Traces, callers int, length time.Duration) figures {
	f := figures{Callers: callers}
	took := make([][]time.Duration, callers)
	failed := make([]int, callers)
	spans := make([]int, callers)
	began := time.Now()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			own := cloneAll(batches, caller)
			for i := 0; time.Since(began) < length && ctx.Err() == nil; i++ {
				td := own[i%len(own)]
				renew(td)
				start := time.Now()
				err := p.ConsumeTraces(ctx, td)
				took[caller] = append(took[caller], time.Since(start))
				if err != nil {
					failed[caller]++
					p.failure.Store(&err)
					continue
				}
				spans[caller] += td.SpanCount()
			}
		}()
	}
	wg.Wait()
	elapsed := time.Since(began)

	total := 0
	for caller := range callers {
		f.Failed += failed[caller]
		total += spans[caller]
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	f.fill(all)
	f.SpansPerSecond = math.Round(float64(total) / elapsed.Seconds())
	return f
}

// fill takes what calls took, sorted.
func (f *figures) fill(sorted []time.Duration) {
	f.Batches = len(sorted)
	f.P50, f.P99, f.P999 = quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 0.999)
	f.Max = quantile(sorted, 1)
}

// quantile is the smallest value that a share of all do not exceed, in ms.
func quantile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return float64(sorted[max(i, 0)].Microseconds()) / 1000
}

// renew makes a batch new to the verifier: other trace ids, and none of the
// verdicts that the last call left on it.
func renew(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				binary.BigEndian.PutUint64(id[:8], binary.BigEndian.Uint64(id[:8])+1)
				span.SetTraceID(id)
				span.Attributes().RemoveIf(isVerdict)
			}
		}
	}
}

func isVerdict(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "verifier.") }

func batches(o options) ([]ptrace.Traces, error) {
	if len(o.files) == 0 {
		return []ptrace.Traces{spangen.Batch(o.spans)}, nil
	}
	var all []ptrace.Traces
	for _, file := range o.files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if td.SpanCount() == 0 {
			return nil, fmt.Errorf("%s: no spans in it", file)
		}
		all = append(all, td)
	}
	return all, nil
}

func shape(batches []ptrace.Traces) (spansPerBatch, bytesPerSpan float64) {
	spans, bytes := 0, 0
	for _, td := range batches {
		spans += td.SpanCount()
		bytes += (&ptrace.ProtoMarshaler{}).TracesSize(td)
	}
	return float64(spans) / float64(len(batches)), math.Round(float64(bytes) / float64(spans))
}

func clone(td ptrace.Traces) ptrace.Traces {
	c := ptrace.NewTraces()
	td.CopyTo(c)
	return c
}

// cloneAll gives a caller batches of its own, with trace ids of its own.
func cloneAll(batches []ptrace.Traces, caller int) []ptrace.Traces {
	own := make([]ptrace.Traces, len(batches))
	for i, td := range batches {
		own[i] = clone(td)
		for _, rs := range own[i].ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					id := span.TraceID()
					id[0] ^= byte(caller)
					id[1] ^= byte(caller >> 8)
					span.SetTraceID(id)
				}
			}
		}
	}
	return own
}
