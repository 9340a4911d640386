package verifierprocessor

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func payloadOf(data []byte) *payload {
	p := newPayload(len(data)).keep(len(data))
	copy(p.bytes, data)
	return p
}

func newTestMarshaler(t testing.TB) *marshaler {
	m, err := newMarshaler(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.close()) })
	return m
}

// The shortcut around pdata's own allocation holds for the pdata that this
// module is built with, and gives the same bytes.
func TestMarshalsIntoABuffer(t *testing.T) {
	m := newTestMarshaler(t)
	for _, td := range []ptrace.Traces{ptrace.NewTraces(), spans(1), spans(3000)} {
		_, shortcut := m.messageOf(td).(intoBuffer)
		require.True(t, shortcut, "pdata has changed")
		p, err := m.marshal(td, td.SpanCount())
		require.NoError(t, err)
		assert.True(t, bytes.Equal(bytesOf(t, td), p.bytes))
		p.release()
	}
}

// With another pdata the bytes come the ordinary way.
func TestMarshalsWithoutTheShortcut(t *testing.T) {
	m := newTestMarshaler(t)
	conn, err := grpc.NewClient("passthrough:///nowhere",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(context.Context, string, any, any, *grpc.ClientConn, grpc.UnaryInvoker, ...grpc.CallOption) error {
			return nil
		}))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	m.client = ptraceotlp.NewGRPCClient(conn) // catches nothing
	p, err := m.marshal(spans(3), 3)
	require.NoError(t, err)
	assert.Equal(t, bytesOf(t, spans(3)), p.bytes)
	p.release()
}

// Whatever the size of a batch was guessed to be, its bytes are pdata's.
func TestWrongGuesses(t *testing.T) {
	m := newTestMarshaler(t)
	for _, guess := range []int64{0, 1, 300, 366, 1000, 1 << 20} {
		for _, n := range []int{0, 1, 7, 500} {
			m.perSpan.Store(guess)
			p, err := m.marshal(spans(n), n)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(bytesOf(t, spans(n)), p.bytes), "%d spans, guess %d", n, guess)
			p.release()
		}
	}
}

func TestGuessesFollowWhatIsSeen(t *testing.T) {
	m := newTestMarshaler(t)
	m.learn(20_000, 10)
	assert.EqualValues(t, 2000, m.perSpan.Load())
	for range 200 {
		m.learn(1000, 10)
	}
	assert.InDelta(t, 100, m.perSpan.Load(), forgetting)
}

// The fault of a marshaller that is not for want of room is not kept quiet.
func TestOtherPanicsGoOn(t *testing.T) {
	assert.PanicsWithValue(t, "broken", func() { marshalAtEnd(brokenMessage{}, nil) })
}

type brokenMessage struct{}

func (brokenMessage) SizeProto() int          { return 0 }
func (brokenMessage) MarshalProto([]byte) int { panic("broken") }

func TestPayloadSizes(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 4097, 1 << 24, 1<<24 + 1} {
		p := newPayload(size)
		assert.GreaterOrEqual(t, len(p.whole), size)
		assert.Len(t, p.keep(size).bytes, size)
		p.release()
	}
	assert.Equal(t, smallestClass, classOf(4096))
	assert.Equal(t, smallestClass+1, classOf(4097))
	assert.Len(t, *new(payload).Get(3), 3)
}

// gRPC holds the bytes until it frees the last of its buffers.
func TestPayloadIsHeldByItsBuffers(t *testing.T) {
	p := payloadOf(bytes.Repeat([]byte("x"), 5000))
	b := p.buffer()
	b.Ref()
	p.release() // the caller
	assert.EqualValues(t, 1, p.holders.Load())
	b.Free()
	assert.EqualValues(t, 1, p.holders.Load())
	b.Free()
	assert.EqualValues(t, 0, p.holders.Load())
}
