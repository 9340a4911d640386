package verifierprocessor

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// reader is a verifier that takes batches from shared memory: a stub with a
// second socket beside its own.
type reader struct {
	*stub
	mu       sync.Mutex
	listener *net.UnixListener
	conns    []*net.UnixConn
	wg       sync.WaitGroup
	inMemory atomic.Int64 // requests that came without their bytes
	parts    atomic.Int64
	dying    atomic.Bool         // its streams end before its readers do; then memory may be used again
	greet    func(*net.UnixConn) // instead of welcome
}

var ticket = []byte("0123456789abcdef")

func newReader(t testing.TB, j judge) *reader {
	r := &reader{stub: newStub(t, j)}
	r.welcome = &contract.Welcome{Transport: contract.Transport_TRANSPORT_SHARED_MEMORY, Ticket: ticket}
	t.Cleanup(r.kill)
	return r
}

func (r *reader) start() *reader {
	path := r.socket + memorySuffix
	_ = os.Remove(path)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(r.t, err)
	r.dying.Store(false)
	r.mu.Lock()
	r.listener = listener
	r.mu.Unlock()
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, conn)
			r.mu.Unlock()
			r.wg.Add(1)
			go func() {
				defer r.wg.Done()
				r.converse(conn)
			}()
		}
	}()
	r.stub.start()
	return r
}

func (r *reader) kill() {
	r.dying.Store(true)
	r.stub.kill()
	r.mu.Lock()
	if r.listener != nil {
		_ = r.listener.Close()
	}
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	r.listener, r.conns = nil, nil
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *reader) converse(conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	data, err := takeMemory(conn)
	if err != nil {
		return
	}
	defer func() { _ = unix.Munmap(data) }()
	if r.greet != nil {
		r.greet(conn)
		return
	}
	if sendFramed(conn, &contract.VerifyResponse{Answer: &contract.VerifyResponse_Welcome{Welcome: r.welcome}}) != nil {
		return
	}
	for {
		request, err := receiveFramed(conn)
		if err != nil {
			return
		}
		r.requests.Add(1)
		if parts := request.GetParts(); len(parts) > 0 {
			r.inMemory.Add(1)
			r.parts.Add(int64(len(parts) / partBytes))
			otlp, isWhole := copyParts(data, parts)
			if !isWhole {
				assert.True(r.t, r.dying.Load(), "reused before it was answered")
				return
			}
			request.Otlp = otlp
		}
		answer := r.currentJudge()(request)
		if answer == nil {
			continue
		}
		answer = proto.Clone(answer).(*contract.VerifyResponse)
		answer.Id = request.GetId()
		if sendFramed(conn, answer) != nil {
			return
		}
	}
}

// takeMemory maps what comes with the ticket, for reading.
func takeMemory(conn *net.UnixConn) ([]byte, error) {
	got, extra := make([]byte, 64), make([]byte, 64)
	n, extras, _, _, err := conn.ReadMsgUnix(got, extra)
	if err != nil || !bytes.Equal(got[:n], ticket) {
		return nil, io.ErrUnexpectedEOF
	}
	messages, err := unix.ParseSocketControlMessage(extra[:extras])
	if err != nil {
		return nil, err
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(descriptors[0]) }()
	var status unix.Stat_t
	if err := unix.Fstat(descriptors[0], &status); err != nil {
		return nil, err
	}
	return unix.Mmap(descriptors[0], 0, int(status.Size), unix.PROT_READ, unix.MAP_SHARED)
}

// copyParts also says whether the memory was not used for something else meanwhile.
func copyParts(data, parts []byte) (otlp []byte, isWhole bool) {
	isWhole = true
	for ; len(parts) > 0; parts = parts[partBytes:] {
		position, length := binary.LittleEndian.Uint64(parts), binary.LittleEndian.Uint64(parts[8:])
		cell, generation := binary.LittleEndian.Uint64(parts[16:]), binary.LittleEndian.Uint64(parts[24:])
		otlp = append(otlp, data[position:position+length]...)
		isWhole = isWhole && generation == binary.LittleEndian.Uint64(data[cell:])
	}
	return otlp, isWhole
}

func sendFramed(conn *net.UnixConn, answer *contract.VerifyResponse) error {
	data, err := proto.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}

func receiveFramed(conn *net.UnixConn) (*contract.VerifyRequest, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	data := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := io.ReadFull(conn, data); err != nil {
		return nil, err
	}
	request := &contract.VerifyRequest{}
	return request, proto.Unmarshal(data, request)
}
