package verifierprocessor

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// carried counts batches by how they came to the verifier.
func carried(t testing.TB, r *rig, transport string) int64 {
	return r.sumBy(t, "otelcol_processor_verifier_carried_batches", "transport", transport)
}

func eventuallyCarried(t testing.TB, r *rig, transport string, want int) {
	require.Eventually(t, func() bool { return carried(t, r, transport) == int64(want) }, patience, time.Millisecond)
}

func judging(t testing.TB, want int) judge {
	return func(r *contract.VerifyRequest) *contract.VerifyResponse {
		assert.Equal(t, want, decode(t, r).SpanCount())
		return answering(&contract.Sparse{
			Annotations: []*contract.Annotation{annotation("verifier.trace.verdict", "violated")},
			Records:     []uint32{uint32(want - 1)}, RecordAnnotations: []uint32{0},
		})
	}
}

// A batch lies in memory, what is short goes through the socket; the verdict is the same.
func TestBatchesInSharedMemory(t *testing.T) {
	verifier := newReader(t, nil).start()
	r := newRig(t, verifier.endpoint(), closed).ready(t)
	for number, n := range []int{2000, 3, 5000, 1, 2000} {
		verifier.setJudge(judging(t, n))
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(n)))
		got := spansOf(r.sink.AllTraces()[number])
		require.Len(t, got, n)
		_, marked := got[n-1].Attributes().Get("verifier.trace.verdict")
		assert.True(t, marked)
	}
	assert.EqualValues(t, 3, verifier.inMemory.Load())
	assert.EqualValues(t, 5, verifier.requests.Load())
	eventuallyCarried(t, r, "shared_memory", 3)
	eventuallyCarried(t, r, "message", 2)
}

// What goes wrong in a verifier goes as wrong by way of the memory.
func TestFailuresWithSharedMemory(t *testing.T) {
	for _, c := range whatCanGoWrong {
		t.Run(string(c.cause), func(t *testing.T) {
			r := newRig(t, newReader(t, c.judge).start().endpoint(), c.change).ready(t)
			passesOnUntouched(t, r, 1000, c.cause)
		})
	}
}

// Where there is no slot, or none so large, the bytes travel.
func TestFullMemory(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	verifier := newReader(t, func(r *contract.VerifyRequest) *contract.VerifyResponse {
		if decode(t, r).SpanCount() == 1000 {
			asked <- struct{}{}
			<-release
		}
		return unchanged(r)
	}).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		closed(c)
		c.SharedMemory = SharedMemoryConfig{Enabled: true, Slots: 1, SlotBytes: 64 << 10}
	}).ready(t)
	first := make(chan error)
	go func() { first <- r.ConsumeTraces(context.Background(), spans(1000)) }()
	<-asked
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1001)))
	assert.EqualValues(t, 1, verifier.inMemory.Load(), "the slot is taken")
	close(release)
	require.NoError(t, <-first)

	require.NoError(t, r.ConsumeTraces(t.Context(), spans(4000)))
	assert.EqualValues(t, 1, verifier.inMemory.Load(), "it would not fit")
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1001)))
	assert.EqualValues(t, 2, verifier.inMemory.Load())
}

// Several batches of one request lie apart. Where one of them is not in memory,
// the bytes of all travel.
func TestJoinedBatchesInSharedMemory(t *testing.T) {
	m := sharedMemory(t, 4)
	d, s := books(t, never, 512)
	s.shares, s.maxBytes, d.maxBytes = true, 1<<20, 1<<20
	inMemory := func() *call {
		return newCall(m.payload(sharedBytesMin).keep(sharedBytesMin), counts{1, 1, 1})
	}
	finish := func(r *request) {
		r.release() // written
		require.Same(t, r, d.answered(s, r.id))
		for _, c := range r.calls {
			d.finish(c)
		}
	}
	first := submit(t, d, inMemory())
	r := sent(s)
	require.True(t, r.shared)
	for range 3 {
		submit(t, d, inMemory())
	}
	r.release()
	d.answered(s, r.id)
	joined := sent(s)
	require.Len(t, joined.calls, 3)
	require.True(t, joined.shared)
	request := &contract.VerifyRequest{}
	require.NoError(t, proto.Unmarshal(joined.frame(contract.Completeness_COMPLETENESS_BATCH).appendHeader(nil), request))
	assert.Empty(t, request.GetOtlp())
	otlp, isWhole := copyParts(m.data, request.GetParts())
	assert.Len(t, otlp, 3*sharedBytesMin)
	assert.True(t, isWhole)
	d.finish(first)
	submit(t, d, inMemory()) // in the first one's slot
	submit(t, d, callOf(10, 1))
	finish(joined)
	mixed := sent(s)
	require.Len(t, mixed.calls, 2)
	assert.False(t, mixed.shared)
	finish(mixed)
	assert.Len(t, m.free, 4)
}

// Whoever leaves before the answer, in whatever order, leaves no slot behind.
func TestSlotsComeBack(t *testing.T) {
	m := sharedMemory(t, 1)
	for name, leave := range map[string]func(d *dispatcher, s *stream, c *call, r *request){
		"answered, written, left": func(d *dispatcher, s *stream, c *call, r *request) { d.answered(s, r.id); r.release(); d.finish(c) },
		"left, written, answered": func(d *dispatcher, s *stream, c *call, r *request) { d.finish(c); r.release(); d.answered(s, r.id) },
		"left, stream lost": func(d *dispatcher, s *stream, c *call, r *request) {
			d.finish(c)
			r.release()
			d.detach(s, &failure{cause: causeUnavailable})
		},
		"stream lost twice": func(d *dispatcher, s *stream, c *call, r *request) {
			r.release()
			d.connectBegins()
			second := deadStream(1)
			second.maxBytes = 1 << 20
			d.attach(second)
			d.detach(s, &failure{cause: causeUnavailable})
			sent(second).release()
			d.detach(second, &failure{cause: causeUnavailable})
			d.finish(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := books(t, never, 512)
			d.maxBytes, s.maxBytes = 1<<20, 1<<20
			c := submit(t, d, newCall(m.payload(sharedBytesMin), counts{1, 1, 1}))
			r := sent(s)
			require.Empty(t, m.free)
			leave(d, s, c, r)
			assert.Len(t, m.free, 1)
		})
	}
}

func sharedMemory(t *testing.T, slots int) *memory {
	m, err := newMemory(SharedMemoryConfig{Slots: slots, SlotBytes: 64 << 10})
	require.NoError(t, err)
	t.Cleanup(m.close)
	m.sharing.Store(1)
	return m
}

// A verifier that offers what cannot be had is asked by messages.
func TestMemoryThatCannotBeHandedOver(t *testing.T) {
	for name, greet := range map[string]func(*net.UnixConn){
		"nobody listens": nil,
		"refused":        func(*net.UnixConn) {},
		"nonsense":       func(c *net.UnixConn) { _, _ = c.Write([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff}) },
		"no welcome":     func(c *net.UnixConn) { _ = sendFramed(c, &contract.VerifyResponse{}) },
		"too long":       func(c *net.UnixConn) { _, _ = c.Write([]byte{0xff, 0xff, 0xff, 0xff}) },
	} {
		t.Run(name, func(t *testing.T) {
			verifier := newReader(t, unchanged)
			if greet == nil {
				verifier.stub.start()
			} else {
				verifier.greet = greet
				verifier.start()
			}
			r := newRig(t, verifier.endpoint(), closed).ready(t)
			require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
			assert.Zero(t, verifier.inMemory.Load())
			eventuallyCarried(t, r, "message", 1)
		})
	}
}

// A slot stays taken while a verifier that is late may still read it, and comes
// back when that one is given up.
func TestALateVerifierKeepsItsSlot(t *testing.T) {
	verifier := newReader(t, silent).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) {
		c.Timeout = 20 * time.Millisecond
		c.CircuitBreaker.Failures = 3
		c.SharedMemory.Slots = 1
	}).ready(t)
	for range 2 {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
	}
	assert.EqualValues(t, 2000, r.unverified(t, causeTimeout))
	require.Eventually(t, func() bool { return verifier.requests.Load() == 2 }, patience, time.Millisecond)
	assert.EqualValues(t, 1, verifier.inMemory.Load())
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000))) // opens the circuit: the streams are given up
	verifier.setJudge(unchanged)
	require.Eventually(t, func() bool {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
		return verifier.inMemory.Load() > 1
	}, patience, 10*time.Millisecond)
}

// Killed and restarted under load, with failure mode open: every batch goes on
// once, no slot is lost, and in the end the memory is used again.
func TestVerifiersKilledUnderLoad(t *testing.T) {
	verifier := newReader(t, unchanged).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) { c.SharedMemory.Slots = 4 }).ready(t)
	const callers, each = 6, 40
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				assert.NoError(t, r.ConsumeTraces(context.Background(), spans(1000+caller*each+i)))
				time.Sleep(time.Millisecond)
			}
		}()
	}
	for range 4 {
		time.Sleep(10 * time.Millisecond)
		verifier.kill()
		verifier.start()
	}
	wg.Wait()
	seen := map[int]int{}
	for _, td := range r.sink.AllTraces() {
		seen[td.SpanCount()]++
	}
	assert.Len(t, seen, callers*each)
	for n, times := range seen {
		assert.Equal(t, 1, times, "%d spans", n)
	}
	before := verifier.inMemory.Load()
	require.Eventually(t, func() bool {
		require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
		return verifier.inMemory.Load() >= before+8
	}, patience, 5*time.Millisecond)
}

// A socket that ends takes its stream along, and the other way round.
func TestSocketAndStreamEndTogether(t *testing.T) {
	verifier := newReader(t, unchanged).start()
	r := newRig(t, verifier.endpoint(), closed).ready(t)
	verifier.mu.Lock()
	for _, conn := range verifier.conns {
		_ = conn.Close()
	}
	verifier.mu.Unlock()
	require.Eventually(t, func() bool {
		verifier.stub.mu.Lock()
		defer verifier.stub.mu.Unlock()
		return len(verifier.hellos) == 2*r.cfg.Streams
	}, patience, time.Millisecond, "not connected anew")
	r.ready(t)
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
}

// Nothing is left of the memory after shutdown, and what is still in use keeps it.
func TestMemoryIsFreed(t *testing.T) {
	m, err := newMemory(SharedMemoryConfig{Slots: 2, SlotBytes: 64 << 10})
	require.NoError(t, err)
	m.sharing.Store(1)
	p, q := m.payload(20000), m.payload(20000)
	require.NotNil(t, p)
	require.NotNil(t, q)
	assert.Nil(t, m.payload(20000))
	q.release()
	m.close()
	m.close()
	assert.Nil(t, m.payload(20000), "closed")
	assert.True(t, mapped(t))
	copy(p.bytes, "still there")
	p.release()
	assert.False(t, mapped(t))
}

func TestWhatMemoryIsFor(t *testing.T) {
	m, err := newMemory(SharedMemoryConfig{Slots: 1, SlotBytes: 64 << 10})
	require.NoError(t, err)
	defer m.close()
	assert.Nil(t, m.payload(20000), "nobody reads it")
	m.sharing.Store(1)
	assert.Nil(t, m.payload(sharedBytesMin-1))
	assert.Nil(t, m.payload(64<<10-generationBytes+1))
	p := m.payload(64<<10 - generationBytes)
	require.NotNil(t, p)
	first := p.generation
	p.release()
	p = m.payload(sharedBytesMin)
	assert.Greater(t, p.generation, first)
	p.release()
	_, err = unix.FcntlInt(uintptr(m.descriptor), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	require.ErrorIs(t, err, unix.EPERM, "sealed as it is")
	require.Error(t, unix.Ftruncate(m.descriptor, 0))
}

func mapped(t *testing.T) bool {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return strings.Contains(string(maps), "memfd:otlp-verifier")
}

func TestMemorySocket(t *testing.T) {
	for endpoint, want := range map[string]string{
		"unix:///run/v.sock": "/run/v.sock.memory",
		"unix:/run/v.sock":   "/run/v.sock.memory",
		"unix:v.sock":        "v.sock.memory",
		"localhost:4320":     "",
		"dns:///verifier:1":  "",
		"unix-abstract:name": "",
		"":                   "",
	} {
		assert.Equal(t, want, memorySocket(endpoint), endpoint)
	}
}

// Without a unix socket, or switched off, there is none.
func TestMemoryIsNotAlwaysShared(t *testing.T) {
	verifier := newReader(t, unchanged).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) { c.SharedMemory.Enabled = false })
	require.NoError(t, r.ConsumeTraces(t.Context(), spans(1000)))
	assert.Positive(t, r.unverified(t, causeUnsupported), "it takes what was not offered")
	verifier.stub.mu.Lock()
	defer verifier.stub.mu.Unlock()
	assert.Equal(t, []contract.Transport{contract.Transport_TRANSPORT_MESSAGE}, verifier.hellos[0].GetTransports())
}
