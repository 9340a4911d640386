package verifierprocessor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// watchingHost keeps the status events that a component reports.
type watchingHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *watchingHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *watchingHost) last() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone
	}
	return h.events[len(h.events)-1].Status()
}

func (h *watchingHost) eventually(t *testing.T, want componentstatus.Status) {
	require.Eventually(t, func() bool { return h.last() == want }, patience, time.Millisecond, "no %v", want)
}

// The verifier may come up after the collector, die and come back.
func TestStatusFollowsTheVerifier(t *testing.T) {
	verifier := newStub(t, unchanged)
	host := &watchingHost{Host: componenttest.NewNopHost()}
	r := makeRig(t, verifier.endpoint(), nil)
	require.NoError(t, r.Start(t.Context(), host))
	host.eventually(t, componentstatus.StatusRecoverableError)
	verifier.start()
	host.eventually(t, componentstatus.StatusOK)
	verifier.kill()
	host.eventually(t, componentstatus.StatusRecoverableError)
	verifier.start()
	host.eventually(t, componentstatus.StatusOK)
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	assert.EqualValues(t, 1, verifier.requests.Load())
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, componentstatus.StatusOK, host.last(), "shutting down is no error")
}

// A verifier that hangs opens the circuit; then a batch costs microseconds.
func TestTheCircuitOpensAndCloses(t *testing.T) {
	verifier := newStub(t, silent).start()
	host := &watchingHost{Host: componenttest.NewNopHost()}
	r := makeRig(t, verifier.endpoint(), func(c *Config) {
		c.Timeout = 30 * time.Millisecond
		c.CircuitBreaker = CircuitBreakerConfig{Failures: 3, OpenInitial: time.Second, OpenMax: time.Second}
	})
	require.NoError(t, r.Start(t.Context(), host))
	r.ready(t)
	for range 3 {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	}
	assert.EqualValues(t, 3, r.unverified(t, causeTimeout))
	assert.Equal(t, componentstatus.StatusRecoverableError, host.last())
	assert.EqualValues(t, circuitOpen, r.sum(t, "otelcol_processor_verifier_circuit_state"))

	asked := verifier.requests.Load()
	for range 100 {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	}
	assert.Equal(t, asked, verifier.requests.Load(), "nobody is asked, so nobody is waited for")
	assert.EqualValues(t, 100, r.unverified(t, causeCircuitOpen))

	verifier.setJudge(unchanged)
	require.Eventually(t, func() bool {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
		return r.sumBy(t, "otelcol_processor_verifier_requests", "outcome", "unchanged") > 0
	}, patience, 10*time.Millisecond)
	host.eventually(t, componentstatus.StatusOK)
	assert.EqualValues(t, circuitClosed, r.sum(t, "otelcol_processor_verifier_circuit_state"))
}

// Shutdown lets a call under way finish, then ends; a late one is not lost.
func TestShutdownDrains(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{})
	verifier := newStub(t, func(r *contract.VerifyRequest) *contract.VerifyResponse {
		close(asked)
		<-release
		return unchanged(r)
	}).start()
	r := newRig(t, verifier.endpoint(), closed).ready(t)

	consumed := make(chan error, 1)
	go func() { consumed <- r.ConsumeTraces(context.Background(), spans(1)) }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(context.Background()) }()
	select {
	case <-stopped:
		t.Fatal("shut down with a call under way")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-consumed)
	require.NoError(t, <-stopped)
	require.NoError(t, r.Shutdown(t.Context()), "again")

	require.Error(t, r.ConsumeTraces(t.Context(), spans(1)))
	assert.EqualValues(t, 1, r.unverified(t, causeShutdown))
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, newStub(t, silent).start().endpoint(), func(c *Config) { c.Timeout = time.Second }).ready(t)
	consumed := make(chan error, 1)
	go func() { consumed <- r.ConsumeTraces(context.Background(), spans(1)) }()
	require.Eventually(t, func() bool { return r.sink.SpanCount() == 0 }, time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	require.NoError(t, <-consumed)
	assert.Equal(t, 1, r.sink.SpanCount())
}

func TestStartRefusesWhatCannotBeReached(t *testing.T) {
	r := makeRig(t, "unix:///nowhere", func(c *Config) { c.ClientConfig.TLS.Insecure, c.ClientConfig.TLS.CAFile = false, "/nonexistent" })
	require.Error(t, r.Start(t.Context(), componenttest.NewNopHost()))
}

// The collector's own check: nothing that was accepted is lost at shutdown.
func TestVerifyShutdown(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = newStub(t, unchanged).start().endpoint()
	processortest.VerifyShutdown(t, NewFactory(), cfg)
}

// The verifier is killed and started again in the middle of load. With failure
// mode open every span arrives once; with closed a sender that retries loses
// nothing either.
func TestKillsUnderLoad(t *testing.T) {
	const callers, batches, perBatch = 8, 130, 100 // 104,000 spans
	for _, mode := range []FailureMode{FailureModeOpen, FailureModeClosed} {
		t.Run(string(mode), func(t *testing.T) {
			verifier := newStub(t, unchanged).start()
			r := newRig(t, verifier.endpoint(), func(c *Config) {
				c.FailureMode = mode
				c.Timeout = 500 * time.Millisecond
			}).ready(t)
			ctx := t.Context()
			var wg sync.WaitGroup
			refused := make([]int, callers)
			for caller := range callers {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for batch := range batches {
						for r.ConsumeTraces(ctx, named(fmt.Sprintf("%d-%d", caller, batch), perBatch)) != nil {
							refused[caller]++
							time.Sleep(time.Millisecond)
						}
						time.Sleep(2 * time.Millisecond) // spread the load over the kills
					}
				}()
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			kills := 0
			for running := true; running; {
				select {
				case <-done:
					running = false
				case <-time.After(50 * time.Millisecond):
					verifier.kill()
					time.Sleep(10 * time.Millisecond)
					verifier.start()
					kills++
				}
			}

			arrived := map[string]int{}
			for _, td := range r.sink.AllTraces() {
				arrived[spansOf(td)[0].Name()] += td.SpanCount()
			}
			require.Len(t, arrived, callers*batches)
			for name, n := range arrived {
				require.Equal(t, perBatch, n, "batch %s", name)
			}
			assert.Greater(t, kills, 1)
			t.Logf("%d kills, %d batches judged, %d spans unverified, refused %v",
				kills, verifier.requests.Load(), r.sum(t, "otelcol_processor_verifier_unverified_spans"), refused)
		})
	}
}
