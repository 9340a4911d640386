package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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

// stream is one conversation with the verifier. Except for grpc and outbox, the
// dispatcher's lock guards it.
type stream struct {
	grpc   grpc.ClientStream
	cancel context.CancelFunc
	outbox chan *request

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
func openStream(ctx context.Context, conn grpc.ClientConnInterface, cfg *Config) (*stream, *failure) {
	ctx, cancel := context.WithCancel(ctx)
	handshake := time.AfterFunc(handshakeTimeout, cancel)
	welcome, client, f := shakeHands(ctx, conn, cfg)
	if !handshake.Stop() && f == nil {
		f = &failure{cause: causeTimeout}
	}
	if f != nil {
		cancel()
		return nil, f
	}
	s := newStream(cfg.MaxRequestBytes, cfg.MaxRequestsInFlight)
	s.grpc, s.cancel = client, cancel
	if limit := welcome.GetMaxRequestBytes(); limit > 0 {
		s.maxBytes = int(min(uint64(s.maxBytes), limit))
	}
	if limit := welcome.GetMaxRequestsInFlight(); limit > 0 {
		s.maxInFlight = int(min(uint32(s.maxInFlight), limit))
	}
	return s, nil
}

func shakeHands(ctx context.Context, conn grpc.ClientConnInterface, cfg *Config) (*contract.Welcome, grpc.ClientStream, *failure) {
	client, err := conn.NewStream(ctx, &verifyStream, verifyMethod,
		grpc.ForceCodecV2(codec{}),
		grpc.MaxCallRecvMsgSize(maxAnswerBytes),
		grpc.WaitForReady(false))
	if err != nil {
		return nil, nil, &failure{cause: causeUnavailable, message: err.Error()}
	}
	// An error of SendMsg only says that there is one; RecvMsg says which.
	if err := client.SendMsg(hello(cfg)); err != nil && !errors.Is(err, io.EOF) {
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
		if t := a.Welcome.GetTransport(); t > contract.Transport_TRANSPORT_MESSAGE {
			return nil, nil, &failure{cause: causeUnsupported, message: fmt.Sprintf("transport %v was not offered", t)}
		}
		return a.Welcome, client, nil
	case *contract.VerifyResponse_Error:
		return nil, nil, failureOf(a.Error)
	default:
		return nil, nil, &failure{cause: causeBadAnswer, message: fmt.Sprintf("an answer of type %T to hello", a)}
	}
}

func hello(cfg *Config) *contract.VerifyRequest {
	return &contract.VerifyRequest{Hello: &contract.Hello{
		ProcessorVersion: version,
		Signals:          []contract.Signal{contract.Signal_SIGNAL_TRACES},
		Profile:          cfg.Profile,
		AllowDrop:        cfg.AllowDrop,
		Transports:       []contract.Transport{contract.Transport_TRANSPORT_MESSAGE},
	}}
}

// write sends requests until the stream ends. It alone may block on the
// network: callers wait for their verdict elsewhere, no longer than they want.
func (s *stream) write(completeness contract.Completeness) {
	for {
		select {
		case r := <-s.outbox:
			err := s.grpc.SendMsg(r.frame(completeness))
			r.release()
			if err != nil {
				if !errors.Is(err, io.EOF) { // EOF: the reader gets the reason
					s.cancel()
				}
				return
			}
		case <-s.grpc.Context().Done():
			return
		}
	}
}

// read hands every answer on until the stream ends, and says why it did.
func (s *stream) read(answered func(answer *contract.VerifyResponse, id uint64, decodeErr error)) error {
	for {
		var frame answerFrame
		if err := s.grpc.RecvMsg(&frame); err != nil {
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
