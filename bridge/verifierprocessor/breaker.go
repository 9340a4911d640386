package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"sync"
	"time"
)

// circuitState is what the metric circuit_state shows.
type circuitState int64

const (
	circuitClosed   circuitState = 0 // every batch is sent
	circuitHalfOpen circuitState = 1 // one batch is under way to see whether the verifier answers
	circuitOpen     circuitState = 2 // no batch is sent
)

// result is how a call counts for the circuit.
type result int

const (
	resultSuccess result = iota // the verifier answered
	resultFailure               // it cost the caller its time, for nothing
	resultNeutral               // says nothing about the verifier
)

// breaker stops calls to a verifier that does not answer, so that a batch costs
// a lock instead of a timeout, and lets one call through now and then to see
// whether it has come back.
type breaker struct {
	cfg      CircuitBreakerConfig
	now      func() time.Time
	onChange func(from, to circuitState) // called without the lock

	mu       sync.Mutex
	state    circuitState
	term     uint64 // counts transitions: a report from an earlier term is stale
	failures int
	openFor  time.Duration
	until    time.Time
}

func newBreaker(cfg CircuitBreakerConfig, onChange func(from, to circuitState)) *breaker {
	return &breaker{cfg: cfg, now: time.Now, onChange: onChange, openFor: cfg.OpenInitial}
}

// admit says whether a call may be made, and in which term.
func (b *breaker) admit() (term uint64, ok bool) {
	b.mu.Lock()
	switch {
	case b.state == circuitClosed:
		defer b.mu.Unlock()
		return b.term, true
	case b.state == circuitOpen && !b.now().Before(b.until):
		term, notify := b.enter(circuitHalfOpen)
		b.mu.Unlock()
		notify()
		return term, true
	default:
		defer b.mu.Unlock()
		return 0, false
	}
}

// report tells how a call that was admitted in a term ended.
func (b *breaker) report(term uint64, r result) {
	b.mu.Lock()
	if term != b.term {
		b.mu.Unlock()
		return
	}
	notify := func() {}
	switch {
	case r == resultSuccess:
		b.failures = 0
		if b.state == circuitHalfOpen {
			b.openFor = b.cfg.OpenInitial
			_, notify = b.enter(circuitClosed)
		}
	case r == resultFailure && b.state == circuitClosed:
		b.failures++
		if b.failures >= b.cfg.Failures {
			b.until = b.now().Add(b.openFor)
			_, notify = b.enter(circuitOpen)
		}
	case r == resultFailure && b.state == circuitHalfOpen:
		b.openFor = min(2*b.openFor, b.cfg.OpenMax)
		b.until = b.now().Add(b.openFor)
		_, notify = b.enter(circuitOpen)
	case b.state == circuitHalfOpen:
		// The probe learned nothing (its caller gave up): the next call may probe.
		b.until = b.now()
		_, notify = b.enter(circuitOpen)
	}
	b.mu.Unlock()
	notify()
}

// probeSoon lets the next call probe without waiting: the verifier behind the
// circuit has been replaced.
func (b *breaker) probeSoon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = b.now()
	b.openFor = b.cfg.OpenInitial
}

// current returns the state, for telemetry and component status.
func (b *breaker) current() circuitState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// enter changes the state; the caller holds the lock and calls notify without it.
func (b *breaker) enter(to circuitState) (term uint64, notify func()) {
	from := b.state
	b.state = to
	b.term++
	b.failures = 0
	return b.term, func() { b.onChange(from, to) }
}
