package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// window is what came of one.
type window struct {
	Callers int     `json:"callers"`
	Batches int     `json:"batches"` // acknowledged
	Seconds float64 `json:"seconds"` // until the last caller had stopped
	P50     float64 `json:"p50_ms"`  // of a call
	P99     float64 `json:"p99_ms"`
}

// sender keeps a connection for each caller from window to window.
type sender struct {
	endpoint    string
	timeout     time.Duration
	batches     [][]byte
	connections []*grpc.ClientConn
}

// window sends for a while. The first batch that is refused ends it with an
// error: what follows would measure refusals.
func (s *sender) window(ctx context.Context, callers int, length time.Duration) (window, error) {
	if err := s.connect(callers); err != nil {
		return window{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	took := make([][]time.Duration, callers)
	var refused error
	var once sync.Once
	began := time.Now()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Callers begin at different batches, so that they do not send the same at the same time. Each sends at least
			// one, however late it gets its turn.
			first := caller * len(s.batches) / callers
			for i := first; i == first || time.Since(began) < length; i++ {
				start := time.Now()
				if err := s.send(ctx, s.connections[caller], s.batches[i%len(s.batches)]); err != nil {
					once.Do(func() { refused = err }) // the other callers fail because of the cancellation
					cancel()
					return
				}
				took[caller] = append(took[caller], time.Since(start))
			}
		}()
	}
	wg.Wait()
	w := window{Callers: callers, Seconds: time.Since(began).Seconds()}
	if refused != nil {
		return w, fmt.Errorf("a batch was refused: %w", refused)
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	w.Batches = len(all)
	w.P50, w.P99 = milliseconds(all[len(all)/2]), milliseconds(all[len(all)*99/100])
	return w, nil
}

func (s *sender) send(ctx context.Context, connection *grpc.ClientConn, batch []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var answer []byte
	if err := connection.Invoke(ctx, exportMethod, &batch, &answer, grpc.ForceCodecV2(rawCodec{}), grpc.WaitForReady(true)); err != nil {
		return err
	}
	response := ptraceotlp.NewExportResponse()
	if err := response.UnmarshalProto(answer); err != nil {
		return err
	}
	if partial := response.PartialSuccess(); partial.RejectedSpans() > 0 {
		return fmt.Errorf("%d spans rejected: %s", partial.RejectedSpans(), partial.ErrorMessage())
	}
	return nil
}

func (s *sender) connect(callers int) error {
	for len(s.connections) < callers {
		connection, err := grpc.NewClient(s.endpoint,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithWriteBufferSize(512*1024)) // a batch is some 200 kB: one write instead of six
		if err != nil {
			return err
		}
		s.connections = append(s.connections, connection)
	}
	return nil
}

func (s *sender) close() {
	for _, connection := range s.connections {
		_ = connection.Close() // nothing is on its way
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// rawCodec passes bytes on as they are.
type rawCodec struct{}

// Name is sent as the content subtype; the bytes are ordinary protobuf.
func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
