package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// Field numbers of VerifyRequest. codec_test.go holds them against the contract.
const (
	fieldID           protowire.Number = 1
	fieldSignal       protowire.Number = 2
	fieldCompleteness protowire.Number = 3
	fieldParts        protowire.Number = 5
	fieldOTLP         protowire.Number = 15
)

// codec writes requests without a message class: the OTLP bytes, which are most
// of a request, go from pdata's marshaller to the socket with no copy between.
// It reads answers as bytes, so that one that cannot be decoded fails its own
// request and not the stream.
type codec struct{}

var _ encoding.CodecV2 = codec{}

// Name is sent as the content subtype; the bytes are ordinary protobuf.
func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *requestFrame:
		return m.buffers(), nil
	case proto.Message: // hello
		data, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(data)}, err
	default:
		return nil, fmt.Errorf("cannot send a %T to the verifier", v)
	}
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	frame, ok := v.(*answerFrame)
	if !ok {
		return fmt.Errorf("cannot read a %T from the verifier", v)
	}
	frame.bytes = data.Materialize()
	return nil
}

// requestFrame is a VerifyRequest in parts. The parts of `otlp` are messages of
// the same type, and protobuf defines joining those end to end as merging them.
type requestFrame struct {
	id           uint64
	completeness contract.Completeness
	otlp         []*payload
	shared       bool // all of it lies in memory where the verifier reads it
}

func (f *requestFrame) buffers() mem.BufferSlice {
	buffers := make(mem.BufferSlice, 0, 1+len(f.otlp))
	buffers = append(buffers, mem.SliceBuffer(f.appendHeader(make([]byte, 0, f.headerBytes()))))
	for _, part := range f.otlp {
		buffers = append(buffers, part.buffer())
	}
	return buffers
}

// headerBytes is the most that appendHeader appends.
func (f *requestFrame) headerBytes() int {
	if f.shared {
		return 48 + len(f.otlp)*partBytes
	}
	return 48
}

// appendHeader appends everything but the OTLP itself, which comes right behind
// where it is not shared.
func (f *requestFrame) appendHeader(header []byte) []byte {
	header = protowire.AppendTag(header, fieldID, protowire.VarintType)
	header = protowire.AppendVarint(header, f.id)
	header = protowire.AppendTag(header, fieldSignal, protowire.VarintType)
	header = protowire.AppendVarint(header, uint64(contract.Signal_SIGNAL_TRACES))
	header = protowire.AppendTag(header, fieldCompleteness, protowire.VarintType)
	header = protowire.AppendVarint(header, uint64(f.completeness))
	if f.shared {
		header = protowire.AppendTag(header, fieldParts, protowire.BytesType)
		header = protowire.AppendVarint(header, uint64(len(f.otlp)*partBytes))
		for _, part := range f.otlp {
			header = part.memory.appendPart(header, part)
		}
		return header
	}
	size := 0
	for _, part := range f.otlp {
		size += len(part.bytes)
	}
	header = protowire.AppendTag(header, fieldOTLP, protowire.BytesType)
	return protowire.AppendVarint(header, uint64(size))
}

// answerFrame is a VerifyResponse as it came.
type answerFrame struct{ bytes []byte }

// decode returns the answer, or an error and the id of the request it was for
// (0 where not even that can be read).
func (f *answerFrame) decode() (*contract.VerifyResponse, uint64, error) {
	answer := &contract.VerifyResponse{}
	if err := proto.Unmarshal(f.bytes, answer); err != nil {
		return nil, idOf(f.bytes), err
	}
	return answer, answer.GetId(), nil
}

// idOf looks for the id at the front of an answer that cannot be decoded.
func idOf(data []byte) uint64 {
	number, kind, n := protowire.ConsumeTag(data)
	if n < 0 || number != fieldID || kind != protowire.VarintType {
		return 0
	}
	id, m := protowire.ConsumeVarint(data[n:])
	if m < 0 {
		return 0
	}
	return id
}
