package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"fmt"
	"time"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// verdict is what came of a call: changes to make, or why there are none to know of.
type verdict struct {
	changes changes
	failure *failure
}

// call is one batch on its way to the verifier and back.
type call struct {
	otlp   *payload // held by the caller until it leaves
	counts counts
	done   chan verdict // room for one, so that answering never waits for the caller

	// A call is in the dispatcher's queue or in one request; who holds that may
	// touch these.
	since   time.Time
	alone   bool // never joined with others: it may be what made a joined request fail
	retried bool // has had its second attempt

	abandoned bool // its caller has left; guarded by the dispatcher's lock
}

func newCall(otlp *payload, size counts) *call {
	return &call{otlp: otlp, counts: size, done: make(chan verdict, 1)}
}

// settle hands the caller its verdict. Only the first one counts.
func (c *call) settle(v verdict) {
	select {
	case c.done <- v:
	default:
	}
}

// request is one message to the verifier: a batch, or several joined.
type request struct {
	id    uint64
	calls []*call
	sent  time.Time

	shared bool // the verifier reads its bytes from shared memory
}

func (r *request) frame(completeness contract.Completeness) *requestFrame {
	f := &requestFrame{id: r.id, completeness: completeness, shared: r.shared, otlp: make([]*payload, len(r.calls))}
	for i, c := range r.calls {
		f.otlp[i] = c.otlp
	}
	return f
}

// lies says whether all its bytes are in shared memory.
func (r *request) lies() bool {
	for _, c := range r.calls {
		if c.otlp.memory == nil {
			return false
		}
	}
	return true
}

// hold keeps the bytes for a request that waits to be written, or answered, even
// when its callers leave before.
func (r *request) hold() {
	for _, c := range r.calls {
		c.otlp.hold()
	}
}

func (r *request) release() {
	for _, c := range r.calls {
		c.otlp.release()
	}
}

func (r *request) size() counts {
	var size counts
	for _, c := range r.calls {
		size = size.plus(c.counts)
	}
	return size
}

// settle splits an answer among the calls of the request. It returns the calls
// that deserve a second attempt, and how the answer counts in telemetry.
func (r *request) settle(answer *contract.VerifyResponse, decodeErr error) (again []*call, outcome outcome) {
	if decodeErr != nil {
		return r.fail(&failure{cause: causeBadAnswer, message: decodeErr.Error()}), outcomeBadAnswer
	}
	switch a := answer.GetAnswer().(type) {
	case *contract.VerifyResponse_Unchanged:
		for _, c := range r.calls {
			c.settle(verdict{})
		}
		return nil, outcomeUnchanged
	case *contract.VerifyResponse_Sparse:
		all, err := checkChanges(a.Sparse, r.size())
		if err != nil {
			return r.fail(&failure{cause: causeBadAnswer, message: err.Error()}), outcomeBadAnswer
		}
		var from counts
		for _, c := range r.calls {
			to := from.plus(c.counts)
			c.settle(verdict{changes: all.part(from, to)})
			from = to
		}
		return nil, outcomeSparse
	case *contract.VerifyResponse_Error:
		return r.fail(failureOf(a.Error)), outcomeError
	default:
		message := fmt.Sprintf("an answer of type %T to a batch", a)
		return r.fail(&failure{cause: causeBadAnswer, message: message}), outcomeBadAnswer
	}
}

// fail settles every call of the request with a failure, except those that a
// second attempt may help: batches that were joined with a bad one, and any
// batch that met a verifier on its way out.
func (r *request) fail(f *failure) (again []*call) {
	joined := len(r.calls) > 1
	for _, c := range r.calls {
		tainted := joined && (f.cause == causeBadInput || f.cause == causeTooLarge || f.cause == causeInternal)
		leaving := f.cause == causeShutdown || f.cause == causeUnavailable
		if c.retried || !(tainted || leaving) {
			c.settle(verdict{failure: f})
			continue
		}
		c.alone = c.alone || tainted
		c.retried = true
		again = append(again, c)
	}
	return again
}
