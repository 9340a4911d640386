package verifierprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// clockedBreaker opens after two failures, for 1 s, then 2 s, then 3 s.
func clockedBreaker() (b *breaker, pass func(time.Duration), seen *[]circuitState) {
	now := time.Unix(0, 0)
	seen = &[]circuitState{}
	b = newBreaker(CircuitBreakerConfig{Failures: 2, OpenInitial: time.Second, OpenMax: 3 * time.Second},
		func(_, to circuitState) { *seen = append(*seen, to) })
	b.now = func() time.Time { return now }
	return b, func(d time.Duration) { now = now.Add(d) }, seen
}

func try(b *breaker, r result) bool {
	term, ok := b.admit()
	if ok {
		b.report(term, r)
	}
	return ok
}

func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	b, _, seen := clockedBreaker()
	assert.True(t, try(b, resultFailure))
	assert.True(t, try(b, resultSuccess)) // breaks the row
	assert.True(t, try(b, resultFailure))
	assert.True(t, try(b, resultNeutral)) // does not
	assert.True(t, try(b, resultFailure))
	assert.False(t, try(b, resultSuccess))
	assert.Equal(t, []circuitState{circuitOpen}, *seen)
}

func TestBreakerProbesAndCloses(t *testing.T) {
	b, pass, seen := clockedBreaker()
	try(b, resultFailure)
	try(b, resultFailure)
	pass(999 * time.Millisecond)
	assert.False(t, try(b, resultSuccess))
	pass(time.Millisecond)
	term, ok := b.admit()
	assert.True(t, ok)
	assert.False(t, try(b, resultSuccess), "one probe at a time")
	b.report(term, resultSuccess)
	assert.Equal(t, circuitClosed, b.current())
	assert.True(t, try(b, resultSuccess))
	assert.Equal(t, []circuitState{circuitOpen, circuitHalfOpen, circuitClosed}, *seen)
}

func TestBreakerBacksOff(t *testing.T) {
	b, pass, _ := clockedBreaker()
	try(b, resultFailure)
	try(b, resultFailure)
	for _, open := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		pass(open - 1)
		assert.False(t, try(b, resultFailure))
		pass(1)
		assert.True(t, try(b, resultFailure))
	}
}

// A probe whose caller gave up says nothing: the next call probes at once.
func TestBreakerNeutralProbe(t *testing.T) {
	b, pass, _ := clockedBreaker()
	try(b, resultFailure)
	try(b, resultFailure)
	pass(time.Second)
	assert.True(t, try(b, resultNeutral))
	assert.Equal(t, circuitOpen, b.current())
	assert.True(t, try(b, resultSuccess))
	assert.Equal(t, circuitClosed, b.current())
}

// Calls from before the circuit opened report late; they are not the probe.
func TestBreakerIgnoresStaleReports(t *testing.T) {
	b, pass, _ := clockedBreaker()
	old, _ := b.admit()
	try(b, resultFailure)
	try(b, resultFailure)
	b.report(old, resultSuccess)
	assert.Equal(t, circuitOpen, b.current())
	pass(time.Second)
	probe, _ := b.admit()
	b.report(old, resultFailure)
	assert.Equal(t, circuitHalfOpen, b.current())
	b.report(probe, resultSuccess)
	assert.Equal(t, circuitClosed, b.current())
}

func TestBreakerProbesAReplacedVerifierAtOnce(t *testing.T) {
	b, _, _ := clockedBreaker()
	try(b, resultFailure)
	try(b, resultFailure)
	assert.False(t, try(b, resultSuccess))
	b.probeSoon()
	assert.True(t, try(b, resultSuccess))
	assert.Equal(t, circuitClosed, b.current())
}
