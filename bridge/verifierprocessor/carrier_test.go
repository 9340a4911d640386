package verifierprocessor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes over the socket is an answer after its length, or the end.
func FuzzSocket(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 8, 7, 0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &socketCarrier{incoming: bufio.NewReader(bytes.NewReader(data))}
		var frame answerFrame
		for rest := data; ; {
			if err := c.receive(&frame); err != nil {
				if len(rest) >= lengthBytes {
					size := uint64(binary.LittleEndian.Uint32(rest))
					require.True(t, size > maxAnswerBytes || size > uint64(len(rest)-lengthBytes), err)
				}
				return
			}
			require.Equal(t, rest[lengthBytes:lengthBytes+len(frame.bytes)], frame.bytes)
			rest = rest[lengthBytes+len(frame.bytes):]
			_, _, _ = frame.decode()
		}
	})
}
