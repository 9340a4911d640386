package verifierprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

func closed(cfg *Config) { cfg.FailureMode = FailureModeClosed }

// whatCanGoWrong lists every failure that a verifier can cause, with what it
// takes to see it.
var whatCanGoWrong = []struct {
	cause  cause
	judge  judge
	status codes.Code // what the sender gets where the failure mode is closed
	change func(*Config)
}{
	{causeBadInput, refusing(contract.Code_CODE_BAD_INPUT), codes.InvalidArgument, nil},
	{causeTooLarge, refusing(contract.Code_CODE_TOO_LARGE), codes.InvalidArgument, nil},
	{causeOverloaded, refusing(contract.Code_CODE_OVERLOADED), codes.Unavailable, nil},
	{causeShutdown, refusing(contract.Code_CODE_SHUTTING_DOWN), codes.Unavailable, nil},
	{causeUnsupported, refusing(contract.Code_CODE_UNSUPPORTED), codes.Unavailable, nil},
	{causeInternal, refusing(contract.Code_CODE_INTERNAL), codes.Unavailable, nil},
	{causeTimeout, silent, codes.Unavailable, func(c *Config) { c.Timeout = 20 * time.Millisecond }},
	{causeTooLarge, unchanged, codes.InvalidArgument, func(c *Config) { c.MaxRequestBytes = 1024 }},
	{causeBadAnswer, func(*contract.VerifyRequest) *contract.VerifyResponse {
		return answering(&contract.Sparse{StripRecords: []uint32{1 << 30}})
	}, codes.Unavailable, nil},
	{causeBadAnswer, func(*contract.VerifyRequest) *contract.VerifyResponse {
		return &contract.VerifyResponse{} // no answer in it
	}, codes.Unavailable, nil},
}

// With failure mode open a batch goes on untouched, and its spans are counted
// by cause.
func TestOpenPassesDataOn(t *testing.T) {
	for _, c := range whatCanGoWrong {
		t.Run(string(c.cause), func(t *testing.T) {
			r := newRig(t, newStub(t, c.judge).start().endpoint(), c.change).ready(t)
			passesOnUntouched(t, r, 100, c.cause)
		})
	}
}

func passesOnUntouched(t *testing.T, r *rig, count int, why cause) {
	td := spans(count)
	before := bytesOf(t, td)

	require.NoError(t, r.ConsumeTraces(t.Context(), td))

	require.Len(t, r.sink.AllTraces(), 1)
	assert.Equal(t, before, bytesOf(t, r.sink.AllTraces()[0]))
	assert.EqualValues(t, count, r.unverified(t, why))
}

// With failure mode closed the sender gets an error that tells it whether to
// try again.
func TestClosedRefusesData(t *testing.T) {
	for _, c := range whatCanGoWrong {
		t.Run(string(c.cause), func(t *testing.T) {
			r := newRig(t, newStub(t, c.judge).start().endpoint(), func(cfg *Config) {
				closed(cfg)
				if c.change != nil {
					c.change(cfg)
				}
			}).ready(t)

			err := r.ConsumeTraces(t.Context(), spans(100))

			require.Error(t, err)
			assert.Equal(t, c.status, status.Code(err))
			assert.Equal(t, c.status == codes.InvalidArgument, consumererror.IsPermanent(err))
			assert.Empty(t, r.sink.AllTraces())
			assert.EqualValues(t, 100, r.unverified(t, c.cause))
		})
	}
}

func TestASenderThatGivesUpIsNotKept(t *testing.T) {
	r := newRig(t, newStub(t, silent).start().endpoint(), closed).ready(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := r.ConsumeTraces(ctx, spans(1))
	assert.Equal(t, codes.Canceled, status.Code(err))
	assert.EqualValues(t, 1, r.unverified(t, causeCanceled))
}

func TestAnEmptyBatchIsNotAsked(t *testing.T) {
	verifier := newStub(t, unchanged).start()
	r := newRig(t, verifier.endpoint(), nil).ready(t)
	require.NoError(t, r.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	assert.Len(t, r.sink.AllTraces(), 1)
	assert.Zero(t, verifier.requests.Load())
}

// A batch dropped whole is a success for its sender, and nothing goes on.
func TestABatchDroppedWhole(t *testing.T) {
	dropAll := func(*contract.VerifyRequest) *contract.VerifyResponse {
		return answering(&contract.Sparse{DropRecords: []uint32{0, 1}})
	}
	for _, allow := range []bool{true, false} {
		r := newRig(t, newStub(t, dropAll).start().endpoint(), func(c *Config) { c.AllowDrop = allow }).ready(t)
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(2)))
		if allow {
			assert.Empty(t, r.sink.AllTraces())
			assert.EqualValues(t, 2, r.sum(t, "otelcol_processor_verifier_dropped_spans"))
			continue
		}
		assert.Equal(t, 2, r.sink.SpanCount())
		assert.EqualValues(t, 2, r.sumBy(t, "otelcol_processor_verifier_refused_changes", "change", "drop"))
	}
}

// The verifier learns who calls, and its limits bind.
func TestGreeting(t *testing.T) {
	verifier := newStub(t, unchanged)
	verifier.welcome = &contract.Welcome{MaxRequestBytes: 2000, MaxRequestsInFlight: 1}
	verifier.start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		c.Profile, c.AllowDrop, c.Streams = "payments", true, 1
		c.SharedMemory.Enabled = false
	}).ready(t)

	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	assert.Zero(t, r.unverified(t, causeTooLarge))
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(200)))
	assert.EqualValues(t, 200, r.unverified(t, causeTooLarge))

	hello := verifier.hellos[0]
	assert.Equal(t, "payments", hello.GetProfile())
	assert.True(t, hello.GetAllowDrop())
	assert.Equal(t, version, hello.GetProcessorVersion())
	assert.Equal(t, []contract.Signal{contract.Signal_SIGNAL_TRACES}, hello.GetSignals())
	assert.Equal(t, []contract.Transport{contract.Transport_TRANSPORT_MESSAGE}, hello.GetTransports())
}

// A verifier that will not serve this processor is away, for a reason.
func TestAGreetingRefused(t *testing.T) {
	for name, c := range map[string]struct {
		greet *contract.VerifyResponse
		cause cause
	}{
		"profile":   {refusing(contract.Code_CODE_UNSUPPORTED)(nil), causeUnsupported},
		"transport": {&contract.VerifyResponse{Answer: &contract.VerifyResponse_Welcome{Welcome: &contract.Welcome{Transport: contract.Transport_TRANSPORT_SHARED_MEMORY}}}, causeUnsupported},
		"nonsense":  {answering(&contract.Sparse{}), causeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			verifier := newStub(t, unchanged)
			verifier.onHello = func(*contract.Hello) *contract.VerifyResponse { return c.greet }
			verifier.start()
			r := newRig(t, verifier.endpoint(), func(cfg *Config) {
				cfg.Streams, cfg.SharedMemory.Enabled = 1, false
			})
			require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
			assert.EqualValues(t, 1, r.unverified(t, c.cause))
		})
	}
}

// A verifier that is leaving gets no new requests, and what it sent back is
// tried once more elsewhere.
func TestAVerifierThatLeaves(t *testing.T) {
	verifier := newStub(t, nil)
	left := false
	verifier.setJudge(func(r *contract.VerifyRequest) *contract.VerifyResponse {
		verifier.mu.Lock()
		defer verifier.mu.Unlock()
		if !left {
			left = true
			return refusing(contract.Code_CODE_SHUTTING_DOWN)(r)
		}
		return unchanged(r)
	})
	verifier.start()
	r := newRig(t, verifier.endpoint(), closed).ready(t)
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	assert.EqualValues(t, 2, verifier.requests.Load())
}

// An answer nobody asked for, or that cannot be read, harms no other request.
func TestStrayAnswersAreIgnored(t *testing.T) {
	verifier := newStub(t, nil)
	verifier.setJudge(func(r *contract.VerifyRequest) *contract.VerifyResponse {
		if r.GetId() == 1 {
			stray := unchanged(r)
			stray.Id = 1 << 50
			return stray
		}
		return unchanged(r)
	})
	verifier.start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		c.Streams, c.Timeout = 1, 50*time.Millisecond
	}).ready(t)
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	assert.EqualValues(t, 1, r.unverified(t, causeTimeout))
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1)))
	require.Eventually(t, func() bool { // counted after the batch has gone on
		return r.sumBy(t, "otelcol_processor_verifier_requests", "outcome", "unchanged") == 1
	}, patience, time.Millisecond)
}
