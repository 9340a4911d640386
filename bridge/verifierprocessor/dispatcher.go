package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"slices"
	"sync"
	"time"
)

// dispatcher joins calls into requests and hands those to streams. It knows
// nothing of the network, and has no goroutine of its own: whoever changes its
// state (a caller, an answer, the timer) also sends what has become due.
//
// A call goes out at once where a stream is idle, so a lone caller waits for
// nobody. While every stream is busy, calls gather until there are enough of
// them, the first has waited for the delay, or a stream falls idle.
type dispatcher struct {
	coalesce CoalesceConfig
	maxBytes int

	mu         sync.Mutex
	queue      []*call // oldest first
	queued     int     // spans in queue
	streams    []*stream
	connecting int      // attempts under way that may yet give a stream
	down       *failure // why the last attempt or stream failed
	timer      *time.Timer
	wakeAt     time.Time
	active     int // calls not yet finished
	closed     bool
	drained    chan struct{}
}

// newDispatcher expects a number of attempts to connect, so that calls wait for
// those rather than fail before the first has been made.
func newDispatcher(coalesce CoalesceConfig, maxBytes, connecting int) *dispatcher {
	return &dispatcher{coalesce: coalesce, maxBytes: maxBytes, connecting: connecting, drained: make(chan struct{})}
}

// submit takes a call over. Every call that it takes must be finished.
func (d *dispatcher) submit(c *call) *failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.unready(); f != nil {
		return f
	}
	d.active++
	c.since = time.Now()
	d.enqueue(c)
	d.flush()
	return nil
}

// finish says that a caller has left, with or without a verdict.
func (d *dispatcher) finish(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.abandoned = true
	defer c.otlp.release()
	if i := slices.Index(d.queue, c); i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
		d.queued -= int(c.counts.records)
	}
	d.active--
	if d.closed && d.active == 0 {
		close(d.drained)
	}
}

// close refuses new calls. The channel is closed when the last call has finished.
func (d *dispatcher) close() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed = true
		if d.active == 0 {
			close(d.drained)
		}
	}
	return d.drained
}

// attach adds a stream that is ready; the attempt that gave it is over.
func (d *dispatcher) attach(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.connecting--
	d.streams = append(d.streams, s)
	d.flush()
}

// detach removes a stream that has ended. What it left unanswered gets a second
// attempt on another one.
func (d *dispatcher) detach(s *stream, f *failure) (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams = slices.DeleteFunc(d.streams, func(o *stream) bool { return o == s })
	d.down = f
	s.empty()
	lost = len(s.pending)
	for id, r := range s.pending {
		delete(s.pending, id)
		r.release()
		d.again(r.fail(f))
	}
	d.flush()
	return lost
}

// connectBegins and connectFails frame an attempt to get a stream.
func (d *dispatcher) connectBegins() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.connecting++
}

func (d *dispatcher) connectFails(f *failure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.connecting--
	d.down = f
	d.flush()
}

// ready says whether it makes sense to prepare a call.
func (d *dispatcher) ready() *failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unready()
}

// cancelStreams ends all streams; their owners detach them.
func (d *dispatcher) cancelStreams() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.streams {
		s.retired = true
		s.cancel()
	}
}

// reachable says how many streams are ready.
func (d *dispatcher) reachable() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.streams)
}

// retire gives a stream no more requests: the verifier behind it is leaving.
func (d *dispatcher) retire(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.retired = true
}

// answered takes a request off a stream's books; nil for an id that is not there.
func (d *dispatcher) answered(s *stream, id uint64) *request {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := s.pending[id]
	if r != nil {
		delete(s.pending, id)
		r.release()
		d.flush()
	}
	return r
}

// repeat sends calls a second time.
func (d *dispatcher) repeat(calls []*call) {
	if len(calls) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.again(calls)
	d.flush()
}

func (d *dispatcher) again(calls []*call) {
	for _, c := range calls {
		if !c.abandoned {
			d.enqueue(c)
		}
	}
}

func (d *dispatcher) enqueue(c *call) {
	d.queue = append(d.queue, c)
	d.queued += int(c.counts.records)
}

func (d *dispatcher) unready() *failure {
	if d.closed {
		return &failure{cause: causeShutdown, message: "the collector is shutting down"}
	}
	return d.unreachable()
}

func (d *dispatcher) unreachable() *failure {
	if len(d.streams) > 0 || d.connecting > 0 {
		return nil
	}
	f := &failure{cause: causeUnavailable, message: "no stream to the verifier"}
	if d.down != nil {
		f.message += ": " + d.down.message
		if d.down.cause == causeUnsupported { // it is there, and wants other settings
			f.cause = causeUnsupported
		}
	}
	return f
}

// flush sends what is due. The caller holds the lock.
func (d *dispatcher) flush() {
	if f := d.unreachable(); f != nil {
		for _, c := range d.queue {
			c.settle(verdict{failure: f})
		}
		d.queue, d.queued = nil, 0
		return
	}
	for len(d.queue) > 0 {
		s := d.idlest()
		if s == nil {
			return // the next answer makes room, and flushes
		}
		now := time.Now()
		if wait := d.wait(s, now); wait > 0 {
			d.wake(now, wait)
			return
		}
		d.send(s, now)
	}
}

// idlest is the stream with the fewest unanswered requests that takes another.
func (d *dispatcher) idlest() *stream {
	var best *stream
	for _, s := range d.streams {
		if !s.retired && len(s.pending) < s.maxInFlight && (best == nil || len(s.pending) < len(best.pending)) {
			best = s
		}
	}
	return best
}

// wait is how long the oldest call may still wait for company.
func (d *dispatcher) wait(s *stream, now time.Time) time.Duration {
	oldest := d.queue[0]
	if len(s.pending) == 0 || oldest.alone || d.queued >= d.coalesce.MaxSpans {
		return 0
	}
	return d.coalesce.MaxDelay - now.Sub(oldest.since)
}

// wake flushes after a while. A timer that fires for nothing does no harm.
func (d *dispatcher) wake(now time.Time, wait time.Duration) {
	at := now.Add(wait)
	if d.wakeAt.After(now) && !d.wakeAt.After(at) {
		return // it rings early enough
	}
	d.wakeAt = at
	if d.timer != nil {
		d.timer.Reset(wait)
		return
	}
	d.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.wakeAt = time.Time{}
		d.flush()
	})
}

// send gives a stream the oldest calls, as many as fit in one request.
func (d *dispatcher) send(s *stream, now time.Time) {
	limit := min(d.maxBytes, s.maxBytes)
	n, spans, bytes := 0, 0, 0
	for _, c := range d.queue {
		fits := bytes+len(c.otlp.bytes) <= limit && spans+int(c.counts.records) <= d.coalesce.MaxSpans && !c.alone
		if n > 0 && !fits {
			break
		}
		n++
		spans += int(c.counts.records)
		bytes += len(c.otlp.bytes)
		if c.alone {
			break
		}
	}
	calls := slices.Clone(d.queue[:n])
	d.queue = slices.Delete(d.queue, 0, n)
	d.queued -= spans
	if bytes > limit { // one call, over the verifier's limit
		calls[0].settle(verdict{failure: tooLarge(bytes, limit)})
		return
	}
	s.lastID++
	r := &request{id: s.lastID, calls: calls, sent: now}
	r.shared = s.shares && r.lies()
	r.hold()
	select {
	case s.outbox <- r: // whose reader lets go of the bytes when they are written
		r.hold() // until the answer: the verifier may read them as late as that
		s.pending[r.id] = r
	default:
		// The outbox has room for maxInFlight, so only a verifier that answers
		// what it has not been sent yet can fill it. Never wait for that one.
		r.release()
		s.retired = true
		s.cancel()
		d.again(r.fail(&failure{cause: causeUnavailable, message: "the stream is out of step"}))
	}
}
