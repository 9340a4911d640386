package main

import (
	"syscall"
	"time"
)

// sleepUntil wakes some 60 microseconds late, where time.Sleep may take a millisecond more.
func sleepUntil(at time.Time) {
	for left := time.Until(at); left > 0; left = time.Until(at) {
		duration := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&duration, nil) // woken early by a signal, it sleeps again
	}
}
