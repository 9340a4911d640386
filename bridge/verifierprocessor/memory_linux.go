package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"net"

	"golang.org/x/sys/unix"
)

// mapMemory makes memory that has no name anywhere, so that nothing is left of
// it when its last holder is gone, however it went. It is sealed: whoever gets
// the descriptor can rely on its size, and so can this process.
func mapMemory(size int) (descriptor int, data []byte, err error) {
	descriptor, err = unix.MemfdCreate("otlp-verifier", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(descriptor)
		}
	}()
	if err = unix.Ftruncate(descriptor, int64(size)); err != nil {
		return 0, nil, err
	}
	if _, err = unix.FcntlInt(uintptr(descriptor), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return 0, nil, err
	}
	data, err = unix.Mmap(descriptor, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return descriptor, data, err
}

func unmapMemory(descriptor int, data []byte) {
	_ = unix.Munmap(data)
	_ = unix.Close(descriptor)
}

// passDescriptor sends a ticket and the descriptor of the memory.
func passDescriptor(conn *net.UnixConn, ticket []byte, descriptor int) error {
	_, _, err := conn.WriteMsgUnix(ticket, unix.UnixRights(descriptor), nil)
	return err
}
