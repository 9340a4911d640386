package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

// payload is the OTLP bytes of a batch, in a buffer that is used again when its
// last holder has let go of it: the caller, the request that carries it, gRPC.
// A holder that forgets to costs a buffer, not more.
//
// Without this every batch leaves some 200 kB to the garbage collector, which
// tripled the p99 of a call and took a quarter of the throughput.
type payload struct {
	bytes   []byte // at the end of whole
	whole   []byte
	holders atomic.Int32

	// Of a payload in shared memory; nil and meaningless in others.
	memory     *memory
	slot       int
	generation uint64
}

var _ mem.BufferPool = (*payload)(nil) // so that gRPC can let go of it

const (
	smallestClass = 12 // 4 KiB
	largestClass  = 24 // 16 MiB: larger ones are left to the garbage collector
)

var payloads [largestClass + 1]sync.Pool // by the power of two that is their capacity

// newPayload returns a payload with room for a size and perhaps more, with
// whatever bytes are in it, held once.
func newPayload(size int) *payload {
	class := classOf(size)
	if class > largestClass {
		p := &payload{whole: make([]byte, size)}
		return p.take()
	}
	p, ok := payloads[class].Get().(*payload)
	if !ok {
		p = &payload{whole: make([]byte, 1<<class)}
	}
	return p.take()
}

func (p *payload) take() *payload {
	p.bytes = p.whole
	p.holders.Store(1)
	return p
}

// keep leaves only the last bytes: a message is marshalled from its end.
func (p *payload) keep(size int) *payload {
	p.bytes = p.whole[len(p.whole)-size:]
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
	if p.memory != nil {
		p.memory.putBack(p)
		return
	}
	if class := classOf(len(p.whole)); class <= largestClass && len(p.whole) == 1<<class {
		payloads[class].Put(p)
	}
}

// buffer lends the bytes to gRPC, which holds them until they are written. Of
// short ones it gets a copy, as it does not say when it lets go of those; and of
// those in shared memory, which are rare here: when a connection breaks it may
// forget to let go, and there are few slots.
func (p *payload) buffer() mem.Buffer {
	if p.memory != nil || mem.IsBelowBufferPoolingThreshold(cap(p.bytes)) {
		return mem.SliceBuffer(slices.Clone(p.bytes))
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
