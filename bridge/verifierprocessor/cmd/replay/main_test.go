package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/spangen"
)

// backend counts what it is sent, and answers as it is told.
type backend struct {
	ptraceotlp.UnimplementedGRPCServer
	batches, spans atomic.Int64
	answer         func() (ptraceotlp.ExportResponse, error)
}

func (b *backend) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	b.batches.Add(1)
	b.spans.Add(int64(r.Traces().SpanCount()))
	return b.answer()
}

func accept() (ptraceotlp.ExportResponse, error) { return ptraceotlp.NewExportResponse(), nil }

func start(t *testing.T, b *backend) (endpoint string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, b)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func files(t *testing.T, sizes ...int) (paths []string) {
	for i, spans := range sizes {
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spangen.Batch(spans))
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), string(rune('a'+i)))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		paths = append(paths, path)
	}
	return paths
}

func replay(t *testing.T, endpoint, windows string, files ...string) ([]window, error) {
	var out bytes.Buffer
	args := append([]string{"-endpoint", endpoint, "-timeout", "5s"}, files...)
	err := run(t.Context(), args, strings.NewReader(windows), &out, io.Discard)
	var all []window
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var w window
		require.NoError(t, decoder.Decode(&w))
		all = append(all, w)
	}
	return all, err
}

func TestWhatIsReportedHasArrived(t *testing.T) {
	b := &backend{answer: accept}
	windows, err := replay(t, start(t, b), "1 30ms\n3 30ms\n2 1ms\n", files(t, 5, 5)...)
	require.NoError(t, err)
	require.Len(t, windows, 3)
	total := 0
	for i, callers := range []int{1, 3, 2} {
		w := windows[i]
		assert.Equal(t, callers, w.Callers)
		assert.GreaterOrEqual(t, w.Batches, callers) // each sends at least one
		assert.Positive(t, w.Seconds)
		assert.Positive(t, w.P50)
		assert.LessOrEqual(t, w.P50, w.P99)
		total += w.Batches
	}
	assert.EqualValues(t, total, b.batches.Load())
	assert.EqualValues(t, 5*total, b.spans.Load())
}

func TestEveryBatchIsSent(t *testing.T) {
	b := &backend{answer: accept}
	windows, err := replay(t, start(t, b), "1 50ms\n", files(t, 1, 1000)...)
	require.NoError(t, err)
	n := int64(windows[0].Batches)
	assert.Equal(t, n/2*1000+(n+1)/2, b.spans.Load())
}

// Windows in which anything was refused measure something else.
func TestRefusalsShow(t *testing.T) {
	rejected := ptraceotlp.NewExportResponse()
	rejected.PartialSuccess().SetRejectedSpans(1)
	for name, c := range map[string]struct {
		answer func() (ptraceotlp.ExportResponse, error)
		err    string
	}{
		"error":   {func() (ptraceotlp.ExportResponse, error) { return rejected, status.Error(codes.Unavailable, "full") }, "full"},
		"partial": {func() (ptraceotlp.ExportResponse, error) { return rejected, nil }, "1 spans rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := replay(t, start(t, &backend{answer: c.answer}), "2 5s\n", files(t, 1)...)
			require.ErrorContains(t, err, c.err)
		})
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	endpoint := start(t, &backend{answer: accept})
	file := files(t, 1)[0]
	for _, c := range []struct{ err, windows, file string }{
		{"is no window", "4\n", file},
		{"is no window", "4 fast\n", file},
		{"must be positive", "0 1s\n", file},
		{"must be positive", "1 0s\n", file},
		{"no such file", "1 1ms\n", "/nonexistent"},
	} {
		_, err := replay(t, endpoint, c.windows, c.file)
		require.ErrorContains(t, err, c.err)
	}
	_, err := replay(t, endpoint, "1 1ms\n")
	require.ErrorContains(t, err, "no batches")
	require.ErrorContains(t, run(t.Context(), []string{"-nonsense"}, nil, nil, io.Discard), "provided but not defined")
}

func TestNobodyListens(t *testing.T) {
	s := &sender{endpoint: "127.0.0.1:1", timeout: 50 * time.Millisecond, batches: [][]byte{{}}}
	defer s.close()
	_, err := s.window(t.Context(), 1, time.Second)
	require.ErrorContains(t, err, "DeadlineExceeded")
}
