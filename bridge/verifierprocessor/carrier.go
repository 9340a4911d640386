package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
)

// carrier takes requests to the verifier and brings its answers back.
type carrier interface {
	send(f *requestFrame) error
	receive(f *answerFrame) error
}

// grpcCarrier is the stream with which every conversation begins.
type grpcCarrier struct{ grpc.ClientStream }

func (c grpcCarrier) send(f *requestFrame) error   { return c.SendMsg(f) }
func (c grpcCarrier) receive(f *answerFrame) error { return c.RecvMsg(f) }

// socketCarrier is a unix socket beside the stream, for a verifier that reads
// batches from shared memory. What is left to send is small, and a stream of
// gRPC costs both sides several times what this does.
type socketCarrier struct {
	conn     *net.UnixConn
	incoming *bufio.Reader
}

const lengthBytes = 4 // before each message

// handOver connects to the socket and passes the memory; the verifier answers
// with another welcome. Whoever can do that is on the same host.
func handOver(ctx context.Context, socket string, ticket []byte, m *memory) (*socketCarrier, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := &socketCarrier{conn: conn.(*net.UnixConn), incoming: bufio.NewReader(conn)}
	if err := c.greet(ticket, m); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", socket, err)
	}
	return c, nil
}

func (c *socketCarrier) greet(ticket []byte, m *memory) error {
	if err := c.conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	if err := passDescriptor(c.conn, ticket, m.descriptor); err != nil {
		return err
	}
	var frame answerFrame
	if err := c.receive(&frame); err != nil {
		return err
	}
	answer, _, err := frame.decode()
	if err != nil {
		return err
	}
	if answer.GetWelcome() == nil {
		return fmt.Errorf("an answer of type %T to the memory", answer.GetAnswer())
	}
	return c.conn.SetDeadline(time.Time{})
}

func (c *socketCarrier) send(f *requestFrame) error {
	header := f.appendHeader(make([]byte, lengthBytes, lengthBytes+f.headerBytes()))
	size := len(header) - lengthBytes
	message := net.Buffers{header}
	if !f.shared {
		for _, part := range f.otlp {
			message = append(message, part.bytes)
			size += len(part.bytes)
		}
	}
	binary.LittleEndian.PutUint32(header, uint32(size))
	_, err := message.WriteTo(c.conn)
	return err
}

func (c *socketCarrier) receive(f *answerFrame) error {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(c.incoming, length[:]); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size > maxAnswerBytes {
		return fmt.Errorf("an answer of %d bytes, at most %d are read", size, maxAnswerBytes)
	}
	f.bytes = make([]byte, size)
	_, err := io.ReadFull(c.incoming, f.bytes)
	return err
}
