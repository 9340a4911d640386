package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// backoffGrowth is how much longer each pause between attempts is than the last.
const backoffGrowth = 1.6

// client keeps the streams to the verifier alive: one goroutine for each, which
// opens it, reads it, and opens it again when it ends.
type client struct {
	cfg        *Config
	conn       *grpc.ClientConn
	memory     *memory // nil where none is shared
	dispatcher *dispatcher
	telemetry  *telemetry
	logger     *zap.Logger

	// onChange is told, without any lock held, that a stream came or went.
	// replaced: the verifier itself ended it.
	onChange func(f *failure, replaced bool)

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	resets atomic.Uint64 // times that the streams were given up on our side
}

func (c *client) start() {
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for range c.cfg.Streams {
		c.wg.Add(1)
		go func() {
			defer c.wg.Done()
			c.keepStream()
		}()
	}
}

// stop ends all streams and waits for their goroutines.
func (c *client) stop() error {
	c.cancel()
	err := c.conn.Close()
	c.wg.Wait()
	return err
}

// reset gives all streams up, with what is unanswered on them: after a row of
// timeouts it is the way to a clean slate.
func (c *client) reset() {
	c.resets.Add(1)
	c.dispatcher.cancelStreams()
}

// keepStream opens one stream after another until the client stops. The
// dispatcher counts the first attempt as under way before this begins.
func (c *client) keepStream() {
	pause := c.cfg.Reconnect.InitialInterval
	for {
		opened := time.Now()
		f := c.runStream()
		if c.ctx.Err() != nil {
			return
		}
		if time.Since(opened) > c.cfg.Reconnect.MaxInterval {
			pause = c.cfg.Reconnect.InitialInterval // it had worked
		}
		c.logger.Debug("No stream to the verifier", zap.Error(f), zap.Duration("next_attempt_in", pause))
		if !c.pause(pause) || !c.awaitConnection() {
			return
		}
		pause = min(time.Duration(float64(pause)*backoffGrowth), c.cfg.Reconnect.MaxInterval)
		c.dispatcher.connectBegins()
	}
}

// runStream opens a stream and serves it until it ends.
func (c *client) runStream() *failure {
	s, f := openStream(c.ctx, c.conn, c.cfg, c.memory, c.logger)
	if f != nil {
		c.dispatcher.connectFails(f)
		c.changed(f, false)
		return f
	}
	defer s.watcher.Wait()
	defer s.cancel()
	if s.shares {
		c.memory.sharing.Add(1)
		defer c.memory.sharing.Add(-1)
	}
	resets := c.resets.Load()
	c.dispatcher.attach(s)
	c.telemetry.streams(1)
	c.changed(nil, false)

	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(completenessOf(c.cfg.Completeness))
	}()
	err := s.read(func(answer *contract.VerifyResponse, id uint64, decodeErr error) {
		c.answered(s, answer, id, decodeErr)
	})
	s.cancel()
	<-written

	f = &failure{cause: causeUnavailable, message: fmt.Sprintf("the stream ended: %v", err)}
	c.telemetry.lost(c.dispatcher.detach(s, f))
	c.telemetry.streams(-1)
	c.changed(f, resets == c.resets.Load())
	return f
}

// changed tells of a change, except of the end that shutdown brings.
func (c *client) changed(f *failure, replaced bool) {
	if c.ctx.Err() == nil {
		c.onChange(f, replaced)
	}
}

func (c *client) answered(s *stream, answer *contract.VerifyResponse, id uint64, decodeErr error) {
	if e := answer.GetError(); e.GetCode() == contract.Code_CODE_SHUTTING_DOWN {
		c.dispatcher.retire(s)
	}
	r := c.dispatcher.answered(s, id)
	if r == nil {
		c.logger.Debug("The verifier answered a request that is not open", zap.Uint64("id", id))
		return
	}
	again, outcome := r.settle(answer, decodeErr)
	c.dispatcher.repeat(again)
	c.telemetry.request(r, outcome)
}

// pause waits, a little more or less than told, so that many collectors do not
// come back in step. It says whether the client is still running.
func (c *client) pause(d time.Duration) bool {
	timer := time.NewTimer(time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// awaitConnection waits until gRPC has a connection. Meanwhile calls fail at
// once: none waits for a verifier that is not there.
func (c *client) awaitConnection() bool {
	for {
		state := c.conn.GetState()
		switch state {
		case connectivity.Ready:
			return true
		case connectivity.Idle:
			c.conn.Connect()
		}
		if !c.conn.WaitForStateChange(c.ctx, state) {
			return false
		}
	}
}
