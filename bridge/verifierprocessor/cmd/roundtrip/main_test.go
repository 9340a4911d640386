package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"google.golang.org/grpc"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/spangen"
)

// agreeable is a verifier that welcomes everyone and has nothing to say, or
// refuses every batch.
func agreeable(t *testing.T, refuse bool) string {
	dir, err := os.MkdirTemp("", "roundtrip") // a socket's path must be short
	require.NoError(t, err)
	socket := filepath.Join(dir, "v.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "otlp_verifier.v1.Verifier",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Verify", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				for {
					var r contract.VerifyRequest
					if err := stream.RecvMsg(&r); err != nil {
						return err
					}
					a := &contract.VerifyResponse{Id: r.GetId(), Answer: &contract.VerifyResponse_Unchanged{}}
					switch {
					case r.GetHello() != nil:
						a.Answer = &contract.VerifyResponse_Welcome{Welcome: &contract.Welcome{}}
					case refuse:
						a.Answer = &contract.VerifyResponse_Error{Error: &contract.Error{Code: contract.Code_CODE_BAD_INPUT}}
					}
					if err := stream.SendMsg(a); err != nil {
						return err
					}
				}
			}}},
	}, nil)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, os.RemoveAll(dir))
	})
	return "unix://" + socket
}

func TestReportsBothRuns(t *testing.T) {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spangen.Batch(16))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "traces.binpb")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	endpoint := agreeable(t, false)

	for name, args := range map[string][]string{"generated": {"-spans", "32"}, "file": {"-callers", "3", file}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			args := append([]string{"-endpoint", endpoint, "-duration", "50ms", "-warmup", "5ms"}, args...)
			require.NoError(t, run(t.Context(), args, &out, io.Discard))
			var r report
			require.NoError(t, json.Unmarshal(out.Bytes(), &r))
			for _, f := range []figures{r.Alone, r.Loaded} {
				assert.Positive(t, f.Batches)
				assert.Zero(t, f.Failed)
				assert.Positive(t, f.SpansPerSecond)
				assert.LessOrEqual(t, f.P50, f.P99)
				assert.LessOrEqual(t, f.P999, f.Max)
			}
			assert.Equal(t, 1, r.Alone.Callers)
			assert.InDelta(t, 366, r.BytesPerSpan, 20)
		})
	}
}

// What is due while nothing is answered waits, and all of its wait counts.
func TestPauseCountsForEveryBatchThatWasDue(t *testing.T) {
	const pause = 100 * time.Millisecond
	var asked atomic.Int64
	answered := make(chan struct{})
	p := &driven{Traces: consuming(t, func() {
		if asked.Add(1) == senders {
			time.AfterFunc(pause, func() { close(answered) })
		}
		<-answered
	})}
	f := p.pace(t.Context(), []ptrace.Traces{spangen.Batch(4)}, 5000, 500*time.Millisecond)
	require.Zero(t, f.Failed)
	assert.InDelta(t, 5000, f.Offered, 500) // the gaps are the same in each run
	assert.InDelta(t, f.Offered*0.5, f.Batches, 0.5)
	assert.InDelta(t, 4*f.Offered, f.SpansPerSecond, 1)
	milliseconds := float64(pause.Milliseconds())
	assert.GreaterOrEqual(t, f.Max, milliseconds)
	assert.Greater(t, f.LateP99, milliseconds/2, "some 500 were due while all senders waited")
}

// consuming is a processor that does one thing with a batch.
func consuming(t *testing.T, do func()) processor.Traces {
	traces, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		do()
		return nil
	})
	require.NoError(t, err)
	return struct {
		component.Component
		consumer.Traces
	}{nil, traces}
}

func TestBatchesComeByTheClock(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-endpoint", agreeable(t, false), "-rate", "500", "-duration", "200ms", "-warmup", "5ms", "-spans", "8"}
	require.NoError(t, run(t.Context(), args, &out, io.Discard))
	assert.NotContains(t, out.String(), "alone")
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.InDelta(t, 500, r.Paced.Offered, 200)
	assert.Positive(t, r.Paced.P50)
	assert.LessOrEqual(t, r.Paced.LateP50, r.Paced.P50)
	assert.LessOrEqual(t, r.Paced.P999, r.Paced.Max)
}

func TestRefusesWhatItCannotMeasure(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("not OTLP"), 0o600))
	for _, c := range []struct {
		err  string
		args []string
	}{
		{"must be at least 1", []string{"-spans", "0"}},
		{"must not be negative", []string{"-rate", "-1"}},
		{"provided but not defined", []string{"-nonsense"}},
		{"no such file", []string{"/nonexistent"}},
		{"no spans in it", []string{empty}},
		{"garbage", []string{garbage}},
		{"streams must be", []string{"-streams", "0"}},
	} {
		require.ErrorContains(t, run(t.Context(), c.args, io.Discard, io.Discard), c.err)
	}
}

// Batches that got no verdict are no measurement.
func TestFailuresShow(t *testing.T) {
	o, err := parse([]string{"-endpoint", agreeable(t, true)}, io.Discard)
	require.NoError(t, err)
	p, err := startProcessor(t.Context(), o)
	require.NoError(t, err)
	defer p.stop()
	require.Eventually(t, func() bool {
		f := p.drive(t.Context(), []ptrace.Traces{spangen.Batch(2)}, 1, 5*time.Millisecond)
		return f.Failed > 0 && f.Failed == f.Batches
	}, 30*time.Second, time.Millisecond)
	require.ErrorContains(t, p.lastError(), "bad_input")
}

// What numpy.quantile(x, q, method="inverted_cdf") says of the same.
func TestQuantilesAreThoseOfNumpy(t *testing.T) {
	squares := make([]time.Duration, 137)
	for i := range squares {
		squares[i] = time.Duration((i+1)*(i+1)*10) * time.Microsecond
	}
	for q, expected := range map[float64]float64{0.01: 0.04, 0.5: 47.61, 0.9: 153.76, 0.99: 184.96, 0.999: 187.69, 1: 187.69} {
		assert.InDelta(t, expected, quantile(squares, q), 1e-9, q)
	}
}

func TestQuantile(t *testing.T) {
	ms := time.Millisecond
	assert.Zero(t, quantile(nil, 0.5))
	sorted := []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms}
	assert.EqualValues(t, 2, quantile(sorted, 0.5))
	assert.EqualValues(t, 4, quantile(sorted, 0.99))
	assert.EqualValues(t, 1, quantile(sorted, 0))
}
