package verifierprocessor

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const never = time.Hour

// books is a dispatcher with one stream that goes nowhere.
func books(t *testing.T, delay time.Duration, maxSpans int) (*dispatcher, *stream) {
	d := newDispatcher(CoalesceConfig{MaxDelay: delay, MaxSpans: maxSpans}, 1000, 1)
	s := deadStream(2)
	d.attach(s)
	t.Cleanup(func() {
		if d.timer != nil {
			d.timer.Stop()
		}
	})
	return d, s
}

func deadStream(inFlight int) *stream {
	s := newStream(1000, inFlight)
	s.cancel = func() {}
	return s
}

func callOf(bytes int, spans uint32) *call {
	return newCall(payloadOf(make([]byte, bytes)), counts{1, 1, spans})
}

func submit(t *testing.T, d *dispatcher, c *call) *call {
	require.Nil(t, d.submit(c))
	return c
}

// sent takes the next request out of a stream's outbox, nil if there is none.
func sent(s *stream) *request {
	select {
	case r := <-s.outbox:
		return r
	default:
		return nil
	}
}

func failureIn(c *call) *failure {
	select {
	case v := <-c.done:
		return v.failure
	default:
		return nil
	}
}

func TestALoneCallIsSentAtOnce(t *testing.T) {
	d, s := books(t, never, 512)
	submit(t, d, callOf(10, 1))
	require.Len(t, sent(s).calls, 1)
}

func TestCallsThatFindTheStreamBusyAreJoined(t *testing.T) {
	d, s := books(t, never, 512)
	submit(t, d, callOf(10, 1))
	first := sent(s)
	for range 3 {
		submit(t, d, callOf(10, 1))
	}
	assert.Nil(t, sent(s), "they wait for company")
	d.answered(s, first.id)
	require.Len(t, sent(s).calls, 3, "the stream fell idle")
}

func TestEnoughSpansAreSentWithoutWaiting(t *testing.T) {
	d, s := books(t, never, 100)
	submit(t, d, callOf(10, 1))
	sent(s)
	submit(t, d, callOf(10, 60))
	assert.Nil(t, sent(s))
	submit(t, d, callOf(10, 60))
	require.Len(t, sent(s).calls, 1, "the second does not fit in")
}

func TestTheDelayIsAnUpperBound(t *testing.T) {
	d, s := books(t, 2*time.Millisecond, 512)
	submit(t, d, callOf(10, 1))
	sent(s)
	submit(t, d, callOf(10, 1))
	submit(t, d, callOf(10, 1))
	select {
	case r := <-s.outbox:
		assert.Len(t, r.calls, 2)
	case <-time.After(patience):
		t.Fatal("the timer did not ring")
	}
}

func TestWithoutDelayNothingWaits(t *testing.T) {
	d, s := books(t, 0, 512)
	submit(t, d, callOf(10, 1))
	submit(t, d, callOf(10, 1))
	require.Len(t, sent(s).calls, 1)
	require.Len(t, sent(s).calls, 1)
}

func TestAFullStreamTakesNoMore(t *testing.T) {
	d, s := books(t, 0, 1)
	for range 5 {
		submit(t, d, callOf(10, 1))
	}
	require.Len(t, s.pending, 2)
	d.answered(s, sent(s).id)
	require.Len(t, s.pending, 2)
}

func TestTheIdlestStreamIsUsed(t *testing.T) {
	d, first := books(t, never, 512)
	d.connectBegins()
	second := deadStream(2)
	d.attach(second)
	submit(t, d, callOf(10, 1))
	submit(t, d, callOf(10, 1))
	assert.Len(t, first.pending, 1)
	assert.Len(t, second.pending, 1)
}

func TestRequestsKeepToTheByteLimit(t *testing.T) {
	d, s := books(t, never, 512)
	s.maxBytes = 100
	submit(t, d, callOf(10, 1))
	first := sent(s)
	for range 3 {
		submit(t, d, callOf(50, 1))
	}
	d.answered(s, first.id)
	require.Len(t, sent(s).calls, 2)

	large := submit(t, d, callOf(101, 600))
	for id := range s.pending {
		d.answered(s, id)
	}
	for s.pending[s.lastID] != nil {
		d.answered(s, s.lastID)
	}
	require.NotNil(t, failureIn(large))
}

func TestAnAbandonedCallIsNotSent(t *testing.T) {
	d, s := books(t, never, 512)
	submit(t, d, callOf(10, 1))
	first := sent(s)
	gone := submit(t, d, callOf(10, 1))
	d.finish(gone)
	assert.Zero(t, d.queued)
	d.answered(s, first.id)
	assert.Nil(t, sent(s))
	d.repeat([]*call{gone})
	assert.Nil(t, sent(s))
}

func TestWhatALostStreamLeavesGoesToAnother(t *testing.T) {
	d, first := books(t, never, 512)
	d.connectBegins()
	second := deadStream(2)
	d.attach(second)
	c := submit(t, d, callOf(10, 1))
	gone := &failure{cause: causeUnavailable, message: "gone"}
	assert.Equal(t, 1, d.detach(first, gone))
	require.Same(t, c, sent(second).calls[0])
	assert.Equal(t, 1, d.detach(second, gone))
	require.Equal(t, causeUnavailable, failureIn(c).cause, "twice is enough")
}

func TestWithoutAStreamCallsFailAtOnce(t *testing.T) {
	d := newDispatcher(CoalesceConfig{MaxDelay: never, MaxSpans: 10}, 1000, 1)
	waiting := submit(t, d, callOf(10, 1)) // the first attempt is under way
	assert.Nil(t, failureIn(waiting))
	d.connectFails(&failure{cause: causeUnavailable, message: "refused"})
	require.Equal(t, causeUnavailable, failureIn(waiting).cause)
	assert.Equal(t, "not verified: unavailable: no stream to the verifier: refused", d.submit(callOf(10, 1)).Error())
	d.connectBegins()
	assert.Nil(t, d.ready())
	d.connectFails(&failure{cause: causeUnsupported, message: "no such profile"})
	assert.Equal(t, causeUnsupported, d.ready().cause)
}

func TestARetiredStreamGetsNothing(t *testing.T) {
	d, s := books(t, 0, 512)
	d.retire(s)
	submit(t, d, callOf(10, 1))
	assert.Nil(t, sent(s))
}

// A verifier that answers what it has not been sent must not make anyone wait.
func TestAStreamOutOfStepIsGivenUp(t *testing.T) {
	d, s := books(t, 0, 512)
	var cancelled atomic.Bool
	s.cancel = func() { cancelled.Store(true) }
	for range 2 {
		submit(t, d, callOf(10, 1))
		d.answered(s, s.lastID) // still in the outbox
	}
	submit(t, d, callOf(10, 1))
	assert.True(t, cancelled.Load())
	assert.Nil(t, d.answered(s, 99))
}

func TestCloseWaitsForTheLastCall(t *testing.T) {
	d, _ := books(t, 0, 512)
	c := submit(t, d, callOf(10, 1))
	drained := d.close()
	assert.Equal(t, causeShutdown, d.submit(callOf(10, 1)).cause)
	select {
	case <-drained:
		t.Fatal("a call is under way")
	default:
	}
	d.finish(c)
	<-drained
	<-d.close() // again
}
