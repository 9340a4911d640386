package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// payload is the OTLP bytes of a batch, in a buffer that is used again when its
// last holder has let go of it: the caller, the request that carries it, gRPC.
// A holder that forgets to costs a buffer, not more.
//
// Without this every batch leaves some 200 kB to the garbage collector, which
// tripled the p99 of a call and took a quarter of the throughput.
type payload struct {
	bytes   []byte
	holders atomic.Int32
}

var _ mem.BufferPool = (*payload)(nil) // so that gRPC can let go of it

const (
	smallestClass = 12 // 4 KiB: gRPC does not give buffers under 1 KiB back
	largestClass  = 24 // 16 MiB: larger ones are left to the garbage collector
)

var payloads [largestClass + 1]sync.Pool // by the power of two that is their capacity

// newPayload returns a payload of a size, with whatever bytes are in it, held once.
func newPayload(size int) *payload {
	class := classOf(size)
	if class > largestClass {
		p := &payload{bytes: make([]byte, size)}
		p.holders.Store(1)
		return p
	}
	p, ok := payloads[class].Get().(*payload)
	if !ok {
		p = &payload{bytes: make([]byte, 1<<class)}
	}
	p.bytes = p.bytes[:size]
	p.holders.Store(1)
	return p
}

func classOf(size int) int {
	return max(smallestClass, bits.Len(uint(max(size, 1)-1)))
}

func (p *payload) hold() { p.holders.Add(1) }

func (p *payload) release() {
	if p.holders.Add(-1) > 0 {
		return
	}
	if class := classOf(cap(p.bytes)); class <= largestClass && cap(p.bytes) == 1<<class {
		payloads[class].Put(p)
	}
}

// buffer lends the bytes to gRPC, which holds them until they are written.
func (p *payload) buffer() mem.Buffer {
	if len(p.bytes) == 0 {
		return mem.SliceBuffer(nil)
	}
	p.hold()
	return mem.NewBuffer(&p.bytes, p)
}

// Put is gRPC letting go.
func (p *payload) Put(*[]byte) { p.release() }

// Get is never called: gRPC takes no new buffers from here.
func (p *payload) Get(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// marshaler makes payloads of batches. pdata can marshal into a buffer that it
// is given, but shows that only to gRPC; so this poses as a connection on which
// a batch is exported, and takes the message that comes along.
type marshaler struct {
	conn   *grpc.ClientConn
	client ptraceotlp.GRPCClient
}

// intoBuffer is what pdata's messages can do, though their types are internal.
type intoBuffer interface {
	SizeProto() int
	MarshalProto(buffer []byte) int
}

type caughtKey struct{}

func newMarshaler() (*marshaler, error) {
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
	return &marshaler{conn: conn, client: ptraceotlp.NewGRPCClient(conn)}, nil
}

func (m *marshaler) close() error { return m.conn.Close() }

func (m *marshaler) marshal(td ptrace.Traces) (*payload, error) {
	if message, ok := m.messageOf(td).(intoBuffer); ok {
		p := newPayload(message.SizeProto())
		message.MarshalProto(p.bytes)
		return p, nil
	}
	// Another pdata than this was written against: slower, and as right.
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	p := &payload{bytes: data}
	p.holders.Store(1)
	return p, err
}

func (m *marshaler) messageOf(td ptrace.Traces) any {
	var caught any
	ctx := context.WithValue(context.Background(), caughtKey{}, &caught)
	_, _ = m.client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	return caught
}
