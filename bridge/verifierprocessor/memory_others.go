//go:build !linux

package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"errors"
	"net"
)

var errNoMemory = errors.New("shared memory needs Linux")

func mapMemory(int) (descriptor int, data []byte, err error) { return 0, nil, errNoMemory }

func unmapMemory(int, []byte) {}

func passDescriptor(*net.UnixConn, []byte, int) error { return errNoMemory }
