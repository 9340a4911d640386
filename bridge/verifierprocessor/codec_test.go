package verifierprocessor

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

func TestFieldNumbersAreTheContracts(t *testing.T) {
	fields := (&contract.VerifyRequest{}).ProtoReflect().Descriptor().Fields()
	assert.Equal(t, fieldID, fields.ByName("id").Number())
	assert.Equal(t, fieldSignal, fields.ByName("signal").Number())
	assert.Equal(t, fieldCompleteness, fields.ByName("completeness").Number())
	assert.Equal(t, fieldParts, fields.ByName("parts").Number())
	assert.Equal(t, fieldOTLP, fields.ByName("otlp").Number())
}

// What the hand-written header says is what protobuf reads.
func TestRequestFrameIsAVerifyRequest(t *testing.T) {
	for _, parts := range [][][]byte{{}, {nil}, {[]byte("a")}, {[]byte("ab"), nil, bytes.Repeat([]byte("c"), 70000)}} {
		frame := &requestFrame{id: 1 << 40, completeness: contract.Completeness_COMPLETENESS_TRACE}
		for _, part := range parts {
			frame.otlp = append(frame.otlp, payloadOf(part))
		}
		buffers, err := codec{}.Marshal(frame)
		require.NoError(t, err)
		got := &contract.VerifyRequest{}
		require.NoError(t, proto.Unmarshal(buffers.Materialize(), got))
		assert.EqualValues(t, 1<<40, got.GetId())
		assert.Equal(t, contract.Signal_SIGNAL_TRACES, got.GetSignal())
		assert.Equal(t, contract.Completeness_COMPLETENESS_TRACE, got.GetCompleteness())
		assert.Equal(t, append([]byte{}, bytes.Join(parts, nil)...), append([]byte{}, got.GetOtlp()...))
	}
}

// The batches themselves are not copied on their way to gRPC.
func TestRequestFrameSharesTheBatch(t *testing.T) {
	part := payloadOf(make([]byte, 5000))
	buffers := (&requestFrame{otlp: []*payload{part}}).buffers()
	assert.Same(t, &part.bytes[0], &buffers[1].ReadOnlyData()[0])
}

func TestCodecRefusesOtherTypes(t *testing.T) {
	_, err := codec{}.Marshal(42)
	require.ErrorContains(t, err, "cannot send a int")
	require.ErrorContains(t, codec{}.Unmarshal(nil, 42), "cannot read a int")
}

func TestAnswerFrameDecodes(t *testing.T) {
	want := &contract.VerifyResponse{Id: 7, Answer: &contract.VerifyResponse_Unchanged{Unchanged: &contract.Unchanged{}}}
	data, err := proto.Marshal(want)
	require.NoError(t, err)
	var frame answerFrame
	require.NoError(t, codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &frame))
	got, id, err := frame.decode()
	require.NoError(t, err)
	assert.EqualValues(t, 7, id)
	assert.True(t, proto.Equal(want, got))
}

// An answer that cannot be decoded still names the request it spoils.
func TestAnswerFrameKeepsTheID(t *testing.T) {
	withID := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 300)
	for _, c := range []struct {
		data []byte
		id   uint64
	}{
		{append(bytes.Clone(withID), 0xff), 300},
		{[]byte{0xff}, 0},
		{[]byte{0x08}, 0},
		{[]byte{0x08, 0xff}, 0},
		{[]byte{0x12, 0x7f}, 0},
	} {
		_, id, err := (&answerFrame{bytes: c.data}).decode()
		require.Error(t, err)
		assert.Equal(t, c.id, id)
	}
}
