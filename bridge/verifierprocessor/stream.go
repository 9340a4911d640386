package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

const (
	verifyMethod = "/otlp_verifier.v1.Verifier/Verify"

	// handshakeTimeout bounds the wait for `welcome`. A verifier listens only
	// once it is ready, so this is long only for one that hangs.
	handshakeTimeout = 5 * time.Second

	// maxAnswerBytes bounds an answer. grpc-go's default is 4 MiB; an answer is
	// smaller than its request except where nearly every span has a finding.
	maxAnswerBytes = 16 << 20
)

var verifyStream = grpc.StreamDesc{StreamName: "Verify", ServerStreams: true, ClientStreams: true}

// stream is one conversation with the verifier. The dispatcher's lock guards
// what comes after outbox.
type stream struct {
	ctx     context.Context
	carrier carrier
	shares  bool // the verifier reads from shared memory
	cancel  context.CancelFunc
	outbox  chan *request
	watcher sync.WaitGroup

	maxBytes    int
	maxInFlight int
	pending     map[uint64]*request // unanswered
	lastID      uint64
	retired     bool // gets no more requests
}

func newStream(maxBytes, maxInFlight int) *stream {
	return &stream{
		outbox:      make(chan *request, maxInFlight),
		maxBytes:    maxBytes,
		maxInFlight: maxInFlight,
		pending:     make(map[uint64]*request),
	}
}

// openStream starts a conversation: hello, welcome. The stream lives as long as
// ctx, or until it is cancelled.
func openStream(ctx context.Context, conn grpc.ClientConnInterface, cfg *Config, m *memory, logger *zap.Logger) (*stream, *failure) {
	ctx, cancel := context.WithCancel(ctx)
	handshake := time.AfterFunc(handshakeTimeout, cancel)
	welcome, client, f := shakeHands(ctx, conn, cfg, m != nil)
	if !handshake.Stop() && f == nil {
		f = &failure{cause: causeTimeout}
	}
	if f != nil {
		cancel()
		return nil, f
	}
	s := newStream(cfg.MaxRequestBytes, cfg.MaxRequestsInFlight)
	s.ctx, s.carrier, s.cancel = ctx, grpcCarrier{client}, cancel
	if welcome.GetTransport() == contract.Transport_TRANSPORT_SHARED_MEMORY {
		side, err := handOver(ctx, memorySocket(cfg.ClientConfig.Endpoint), welcome.GetTicket(), m)
		if err != nil { // another host behind the socket, another container, or no right to open it
			logger.Info("The verifier cannot read from shared memory; batches go through its socket", zap.Error(err))
		} else {
			s.moveTo(side, client)
		}
	}
	if limit := welcome.GetMaxRequestBytes(); limit > 0 {
		s.maxBytes = int(min(uint64(s.maxBytes), limit))
	}
	if limit := welcome.GetMaxRequestsInFlight(); limit > 0 {
		s.maxInFlight = int(min(uint32(s.maxInFlight), limit))
	}
	return s, nil
}

// moveTo goes on over a socket. The two end together.
func (s *stream) moveTo(side *socketCarrier, client grpc.ClientStream) {
	cancel := s.cancel
	s.carrier, s.shares = side, true
	s.cancel = func() {
		cancel()
		_ = side.conn.Close() // again, perhaps
	}
	s.watcher.Add(1)
	go func() {
		defer s.watcher.Done()
		var ignored answerFrame
		for client.RecvMsg(&ignored) == nil {
		}
		s.cancel()
	}()
}

func shakeHands(ctx context.Context, conn grpc.ClientConnInterface, cfg *Config, shares bool) (*contract.Welcome, grpc.ClientStream, *failure) {
	client, err := conn.NewStream(ctx, &verifyStream, verifyMethod,
		grpc.ForceCodecV2(codec{}),
		grpc.MaxCallRecvMsgSize(maxAnswerBytes),
		grpc.WaitForReady(false))
	if err != nil {
		return nil, nil, &failure{cause: causeUnavailable, message: err.Error()}
	}
	// An error of SendMsg only says that there is one; RecvMsg says which.
	if err := client.SendMsg(hello(cfg, shares)); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, &failure{cause: causeUnavailable, message: err.Error()}
	}
	var frame answerFrame
	if err := client.RecvMsg(&frame); err != nil {
		return nil, nil, &failure{cause: causeUnavailable, message: err.Error()}
	}
	answer, _, err := frame.decode()
	if err != nil {
		return nil, nil, &failure{cause: causeBadAnswer, message: err.Error()}
	}
	switch a := answer.GetAnswer().(type) {
	case *contract.VerifyResponse_Welcome:
		t := a.Welcome.GetTransport()
		offered := t <= contract.Transport_TRANSPORT_MESSAGE || shares && t == contract.Transport_TRANSPORT_SHARED_MEMORY
		if !offered {
			return nil, nil, &failure{cause: causeUnsupported, message: fmt.Sprintf("transport %v was not offered", t)}
		}
		return a.Welcome, client, nil
	case *contract.VerifyResponse_Error:
		return nil, nil, failureOf(a.Error)
	default:
		return nil, nil, &failure{cause: causeBadAnswer, message: fmt.Sprintf("an answer of type %T to hello", a)}
	}
}

func hello(cfg *Config, shares bool) *contract.VerifyRequest {
	transports := []contract.Transport{contract.Transport_TRANSPORT_MESSAGE}
	if shares {
		transports = []contract.Transport{contract.Transport_TRANSPORT_SHARED_MEMORY, contract.Transport_TRANSPORT_MESSAGE}
	}
	return &contract.VerifyRequest{Hello: &contract.Hello{
		ProcessorVersion: version,
		Signals:          []contract.Signal{contract.Signal_SIGNAL_TRACES},
		Profile:          cfg.Profile,
		AllowDrop:        cfg.AllowDrop,
		Transports:       transports,
	}}
}

// write sends requests until the stream ends. It alone may block on the
// network: callers wait for their verdict elsewhere, no longer than they want.
func (s *stream) write(completeness contract.Completeness) {
	for {
		select {
		case r := <-s.outbox:
			err := s.carrier.send(r.frame(completeness))
			r.release()
			if err != nil {
				if !errors.Is(err, io.EOF) { // EOF: the reader gets the reason
					s.cancel()
				}
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// empty lets go of what was not written. Nothing is sent or written any more.
func (s *stream) empty() {
	for {
		select {
		case r := <-s.outbox:
			r.release()
		default:
			return
		}
	}
}

// read hands every answer on until the stream ends, and says why it did.
func (s *stream) read(answered func(answer *contract.VerifyResponse, id uint64, decodeErr error)) error {
	for {
		var frame answerFrame
		if err := s.carrier.receive(&frame); err != nil {
			return err
		}
		answer, id, err := frame.decode()
		answered(answer, id, err)
	}
}

func completenessOf(c Completeness) contract.Completeness {
	if c == CompletenessTrace {
		return contract.Completeness_COMPLETENESS_TRACE
	}
	return contract.Completeness_COMPLETENESS_BATCH
}

func tooLarge(bytes, limit int) *failure {
	return &failure{cause: causeTooLarge, message: fmt.Sprintf("%d bytes of OTLP, limit %d", bytes, limit)}
}
