package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// memory is what the processor shares with a verifier on the same host: slots,
// each with room for one batch. The processor marshals into a slot and tells the
// verifier where the batch lies; only the processor ever writes there, and it
// never reads. It is the same for all streams.
//
// The slot that was freed last is given out first: its pages are there, and
// still in the cache.
type memory struct {
	descriptor int
	data       []byte
	slotBytes  int
	sharing    atomic.Int32 // streams whose verifier reads here

	mu         sync.Mutex
	slots      []*payload
	free       []int
	generation uint64
	closed     bool
}

const (
	// generationBytes stand at the front of a slot and say which batch is in it;
	// 0 is none. A verifier that comes late sees that the slot is not what it was
	// told of.
	generationBytes = 8

	// A batch shorter than this goes through the socket: its copy there costs
	// less than a look into the memory, and it may be joined with many others.
	sharedBytesMin = 16 << 10

	sharedBytesMax = 1 << 30 // of all slots

	partBytes = 32 // of a part in a request, as in verifier.proto

	// memorySuffix comes after the path of the verifier's socket.
	memorySuffix = ".memory"
)

func newMemory(cfg SharedMemoryConfig) (*memory, error) {
	m := &memory{slotBytes: cfg.SlotBytes}
	var err error
	if m.descriptor, m.data, err = mapMemory(cfg.Slots * cfg.SlotBytes); err != nil {
		return nil, err
	}
	for number := range cfg.Slots {
		begin := number * m.slotBytes
		m.slots = append(m.slots, &payload{
			whole: m.data[begin+generationBytes : begin+m.slotBytes], slot: number, memory: m,
		})
		m.free = append(m.free, number)
	}
	return m, nil
}

// payload returns a free slot with room for a size, nil where there is none.
func (m *memory) payload(size int) *payload {
	if m == nil || size < sharedBytesMin || size > m.slotBytes-generationBytes || m.sharing.Load() == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == 0 || m.closed {
		return nil
	}
	p := m.slots[m.free[len(m.free)-1]]
	m.free = m.free[:len(m.free)-1]
	m.generation++
	p.generation = m.generation
	m.mark(p.slot, m.generation)
	return p.take()
}

// putBack frees the slot of a payload that nobody holds any more.
func (m *memory) putBack(p *payload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mark(p.slot, 0)
	m.free = append(m.free, p.slot)
	m.unmapIfIdle()
}

// close frees the memory once no payload is in it.
func (m *memory) close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.unmapIfIdle()
	}
}

func (m *memory) unmapIfIdle() {
	if m.closed && len(m.free) == len(m.slots) {
		unmapMemory(m.descriptor, m.data)
	}
}

func (m *memory) mark(slot int, generation uint64) {
	cell := &m.data[slot*m.slotBytes]
	atomic.StoreUint64((*uint64)(unsafe.Pointer(cell)), generation) // slots begin at pages
}

// appendPart says where a payload lies, for a request.
func (m *memory) appendPart(b []byte, p *payload) []byte {
	begin := p.slot * m.slotBytes
	b = binary.LittleEndian.AppendUint64(b, uint64(begin+m.slotBytes-len(p.bytes)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(p.bytes)))
	b = binary.LittleEndian.AppendUint64(b, uint64(begin))
	return binary.LittleEndian.AppendUint64(b, p.generation)
}

// memorySocket is the path where a verifier behind an endpoint takes memory,
// empty where the endpoint is no unix socket.
func memorySocket(endpoint string) string {
	path, ok := strings.CutPrefix(endpoint, "unix:")
	if !ok {
		return ""
	}
	if strings.HasPrefix(path, "///") {
		path = path[2:]
	}
	return path + memorySuffix
}
