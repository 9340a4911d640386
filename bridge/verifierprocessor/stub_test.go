package verifierprocessor

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// judge answers one request; nil leaves it unanswered.
type judge func(r *contract.VerifyRequest) *contract.VerifyResponse

// stub is a verifier whose answers a test decides.
type stub struct {
	t       testing.TB
	socket  string
	welcome *contract.Welcome
	reverse int // so many answers of a stream are held, and sent the last one first

	mu      sync.Mutex
	judge   judge
	onHello func(*contract.Hello) *contract.VerifyResponse // instead of welcome
	hellos  []*contract.Hello
	server  *grpc.Server
	wg      sync.WaitGroup

	requests atomic.Int64
}

func unchanged(*contract.VerifyRequest) *contract.VerifyResponse {
	return &contract.VerifyResponse{Answer: &contract.VerifyResponse_Unchanged{Unchanged: &contract.Unchanged{}}}
}

func refusing(code contract.Code) judge {
	return func(*contract.VerifyRequest) *contract.VerifyResponse {
		return &contract.VerifyResponse{Answer: &contract.VerifyResponse_Error{Error: &contract.Error{
			Code: code, Message: "told to", RetryAfterMs: 250, ByteOffset: 7,
		}}}
	}
}

func silent(*contract.VerifyRequest) *contract.VerifyResponse { return nil }

func answering(s *contract.Sparse) *contract.VerifyResponse {
	return &contract.VerifyResponse{Answer: &contract.VerifyResponse_Sparse{Sparse: s}}
}

// newStub makes a verifier that does not listen yet.
func newStub(t testing.TB, j judge) *stub {
	// Not t.TempDir: a socket's path must be short, and a test's name may hold a `#`.
	dir, err := os.MkdirTemp("", "verifier")
	require.NoError(t, err)
	s := &stub{t: t, socket: filepath.Join(dir, "v.sock"), judge: j, welcome: &contract.Welcome{VerifierVersion: "stub"}}
	t.Cleanup(func() {
		s.kill()
		require.NoError(t, os.RemoveAll(dir))
	})
	return s
}

func (s *stub) endpoint() string { return "unix://" + s.socket }

func (s *stub) setJudge(j judge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge = j
}

func (s *stub) currentJudge() judge {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judge
}

func (s *stub) start() *stub {
	listener, err := net.Listen("unix", s.socket)
	require.NoError(s.t, err)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "otlp_verifier.v1.Verifier",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Verify", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.verify(stream) },
		}},
	}, s)
	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		_ = server.Serve(listener)
	}()
	return s
}

// kill drops every connection at once, as kill -9 would.
func (s *stub) kill() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		server.Stop()
		s.wg.Wait()
	}
}

func (s *stub) verify(stream grpc.ServerStream) error {
	first := &contract.VerifyRequest{}
	if err := stream.RecvMsg(first); err != nil {
		return err
	}
	if first.GetHello() == nil || first.GetId() != 0 || len(first.GetOtlp()) > 0 {
		return status.Error(codes.InvalidArgument, "the first message must be hello and nothing else")
	}
	s.mu.Lock()
	s.hellos = append(s.hellos, first.GetHello())
	greet := &contract.VerifyResponse{Answer: &contract.VerifyResponse_Welcome{Welcome: s.welcome}}
	if s.onHello != nil {
		greet = s.onHello(first.GetHello())
	}
	s.mu.Unlock()
	if greet != nil {
		if err := stream.SendMsg(greet); err != nil {
			return err
		}
	}
	var held []*contract.VerifyResponse
	for {
		request := &contract.VerifyRequest{}
		if err := stream.RecvMsg(request); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		s.requests.Add(1)
		if answer := s.currentJudge()(request); answer != nil {
			answer = proto.Clone(answer).(*contract.VerifyResponse)
			if answer.Id == 0 {
				answer.Id = request.GetId()
			}
			held = append(held, answer)
		}
		if len(held) < s.reverse {
			continue
		}
		for _, answer := range slices.Backward(held) {
			if err := stream.SendMsg(answer); err != nil {
				return err
			}
		}
		held = held[:0]
	}
}

// decode reads the spans of a request, which may be several batches joined.
func decode(t testing.TB, r *contract.VerifyRequest) ptrace.Traces {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.GetOtlp())
	require.NoError(t, err)
	return td
}
