package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"runtime"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// marshaler makes payloads of batches. pdata can marshal into a buffer that it
// is given, but shows that only to gRPC; so this poses as a connection on which
// a batch is exported, and takes the message that comes along.
//
// pdata marshals from the end of its buffer to the front, so the buffer may be
// longer than the message. That saves a walk over the batch that only adds up
// sizes, a third of the whole: the size is guessed, and counted only where the
// guess was too small.
type marshaler struct {
	conn    *grpc.ClientConn
	client  ptraceotlp.GRPCClient
	memory  *memory      // nil where there is none to share
	perSpan atomic.Int64 // bytes, of late; 0 before the first
}

const (
	forgetting   = 16 // a shorter span takes this part of the difference off the guess
	guessPercent = 120
)

// intoBuffer is what pdata's messages can do, though their types are internal.
type intoBuffer interface {
	SizeProto() int
	MarshalProto(buffer []byte) int // into the end of buffer; panics when that is too short
}

type caughtKey struct{}

func newMarshaler(memory *memory) (*marshaler, error) {
	conn, err := grpc.NewClient("passthrough:///nowhere",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, _ string, request, _ any, _ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			caught, ok := ctx.Value(caughtKey{}).(*any)
			if ok {
				*caught = request
			}
			return nil // nothing is ever sent
		}))
	if err != nil {
		return nil, err
	}
	return &marshaler{conn: conn, client: ptraceotlp.NewGRPCClient(conn), memory: memory}, nil
}

func (m *marshaler) close() error { return m.conn.Close() }

// marshal returns the OTLP bytes of a batch with a number of spans.
func (m *marshaler) marshal(td ptrace.Traces, spans int) (*payload, error) {
	message, ok := m.messageOf(td).(intoBuffer)
	if !ok { // Another pdata than this was written against: slower, and as right.
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		p := &payload{whole: data}
		return p.take(), err
	}
	p := m.marshalGuessed(message, spans)
	if p == nil {
		p = m.room(message.SizeProto())
		p.keep(message.MarshalProto(p.whole))
	}
	m.learn(len(p.bytes), spans)
	return p, nil
}

// marshalGuessed is nil where there is no good guess.
func (m *marshaler) marshalGuessed(message intoBuffer, spans int) *payload {
	guess := spans * int(m.perSpan.Load()) / 100 * guessPercent
	if guess == 0 || guess > 1<<largestClass {
		return nil
	}
	p := m.room(guess)
	size, fits := marshalAtEnd(message, p.whole)
	if !fits {
		p.release()
		return nil
	}
	return p.keep(size)
}

func (m *marshaler) room(size int) *payload {
	if p := m.memory.payload(size); p != nil {
		return p
	}
	return newPayload(size)
}

// marshalAtEnd says whether there was room; where not, what is in buffer is no message.
func marshalAtEnd(message intoBuffer, buffer []byte) (size int, fits bool) {
	defer func() {
		if fault := recover(); fault != nil {
			if _, bounds := fault.(runtime.Error); !bounds {
				panic(fault)
			}
			size, fits = 0, false
		}
	}()
	return message.MarshalProto(buffer), true
}

// learn follows larger spans at once and smaller ones slowly: a guess that is
// too small costs more than one that is too large.
func (m *marshaler) learn(size, spans int) {
	seen, guess := int64(size/max(spans, 1)), m.perSpan.Load()
	switch {
	case seen > guess:
		m.perSpan.Store(seen)
	case guess-seen >= forgetting:
		m.perSpan.Store(guess - (guess-seen)/forgetting)
	}
}

func (m *marshaler) messageOf(td ptrace.Traces) any {
	var caught any
	ctx := context.WithValue(context.Background(), caughtKey{}, &caught)
	_, _ = m.client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	return caught
}
