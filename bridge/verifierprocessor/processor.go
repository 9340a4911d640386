package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// verifier is the processor: it asks about every batch and applies the answer.
type verifier struct {
	cfg       *Config
	settings  component.TelemetrySettings
	telemetry *telemetry
	breaker   *breaker

	dispatcher *dispatcher
	client     *client // nil until start
	marshaler  *marshaler
	memory     *memory // nil where none is shared
	stop       sync.Once

	statusMu sync.Mutex
	host     component.Host
	away     bool // as last reported
}

func newVerifier(cfg *Config, set processor.Settings) (*verifier, error) {
	telemetry, err := newTelemetry(set.ID, set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &verifier{
		cfg:        cfg,
		settings:   set.TelemetrySettings,
		telemetry:  telemetry,
		dispatcher: newDispatcher(cfg.Coalesce, cfg.MaxRequestBytes, cfg.Streams),
	}
	p.breaker = newBreaker(cfg.CircuitBreaker, p.circuitChanged)
	return p, nil
}

func (p *verifier) start(ctx context.Context, host component.Host) error {
	conn, err := p.cfg.ClientConfig.ToClientConn(ctx, host.GetExtensions(), p.settings,
		configgrpc.WithGrpcDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  p.cfg.Reconnect.InitialInterval,
				Multiplier: backoffGrowth,
				Jitter:     0.2,
				MaxDelay:   p.cfg.Reconnect.MaxInterval,
			},
			MinConnectTimeout: handshakeTimeout,
		})))
	if err != nil {
		return err
	}
	p.memory = p.shareMemory()
	if p.marshaler, err = newMarshaler(p.memory); err != nil {
		p.memory.close()
		return errors.Join(err, conn.Close())
	}
	p.host = host
	p.telemetry.circuit(circuitClosed)
	p.client = &client{
		cfg:        p.cfg,
		conn:       conn,
		memory:     p.memory,
		dispatcher: p.dispatcher,
		telemetry:  p.telemetry,
		logger:     p.settings.Logger,
		onChange:   p.streamChanged,
	}
	p.client.start()
	return nil
}

// shareMemory returns what batches are marshalled into for a verifier on this
// host, nil where there cannot be one.
func (p *verifier) shareMemory() *memory {
	if !p.cfg.SharedMemory.Enabled || memorySocket(p.cfg.ClientConfig.Endpoint) == "" {
		return nil
	}
	m, err := newMemory(p.cfg.SharedMemory)
	if err != nil {
		p.settings.Logger.Warn("No memory to share with the verifier; batches go through its socket", zap.Error(err))
		return nil
	}
	return m
}

// shutdown lets the calls under way finish (none takes longer than the
// timeout), then closes the streams.
func (p *verifier) shutdown(ctx context.Context) error {
	drained := p.dispatcher.close()
	if p.client == nil {
		return nil
	}
	select {
	case <-drained:
	case <-ctx.Done():
	}
	var err error
	p.stop.Do(func() {
		err = errors.Join(p.client.stop(), p.marshaler.close())
		p.memory.close()
		p.telemetry.Shutdown()
	})
	return err
}

// processTraces asks the verifier about a batch and applies what it says.
func (p *verifier) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	size := countsOf(td)
	if size.records == 0 {
		return td, nil
	}
	v := p.ask(ctx, td, size)
	if v.failure != nil {
		p.telemetry.unverified(ctx, int(size.records), v.failure.cause)
		if p.cfg.FailureMode == FailureModeClosed {
			return td, v.failure.refusal()
		}
		return td, nil
	}
	if v.changes.empty() {
		return td, nil
	}
	done := apply(td, v.changes, p.cfg.AllowDrop)
	p.telemetry.applied(ctx, done)
	if done.dropped == int(size.records) {
		return td, processorhelper.ErrSkipProcessingData
	}
	return td, nil
}

// ask gets the verdict on a batch. It returns no later than the timeout.
func (p *verifier) ask(ctx context.Context, td ptrace.Traces, size counts) verdict {
	term, ok := p.breaker.admit()
	if !ok {
		return verdict{failure: &failure{cause: causeCircuitOpen}}
	}
	v := p.exchange(ctx, td, size)
	weight := resultSuccess
	if v.failure != nil {
		weight = v.failure.weighs()
	}
	p.breaker.report(term, weight)
	return v
}

func (p *verifier) exchange(ctx context.Context, td ptrace.Traces, size counts) verdict {
	if f := p.dispatcher.ready(); f != nil {
		return verdict{failure: f} // without marshalling
	}
	otlp, err := p.marshaler.marshal(td, int(size.records))
	if err != nil {
		return verdict{failure: &failure{cause: causeBadInput, message: err.Error()}}
	}
	if bytes := len(otlp.bytes); bytes > p.cfg.MaxRequestBytes {
		otlp.release()
		return verdict{failure: tooLarge(bytes, p.cfg.MaxRequestBytes)}
	}
	c := newCall(otlp, size)
	if f := p.dispatcher.submit(c); f != nil {
		otlp.release()
		return verdict{failure: f}
	}
	defer p.dispatcher.finish(c)

	timer := time.NewTimer(p.cfg.Timeout)
	defer timer.Stop()
	select {
	case v := <-c.done:
		return v
	case <-timer.C:
		return verdict{failure: &failure{cause: causeTimeout, message: "no answer in " + p.cfg.Timeout.String()}}
	case <-ctx.Done():
		return verdict{failure: failureOfContext(ctx)}
	}
}

// circuitChanged is told by the breaker.
func (p *verifier) circuitChanged(from, to circuitState) {
	p.telemetry.circuit(to)
	if from == circuitClosed && to == circuitOpen {
		p.client.reset()
	}
	p.report(&failure{cause: causeCircuitOpen, message: "the verifier does not answer in time"})
}

// streamChanged is told by the client.
func (p *verifier) streamChanged(f *failure, replaced bool) {
	if f != nil && replaced {
		p.breaker.probeSoon()
	}
	if f == nil {
		f = &failure{cause: causeUnavailable}
	}
	p.report(f)
}

// report tells the collector (and the log) when the verifier goes away and when
// it comes back, once each.
func (p *verifier) report(why *failure) {
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	away := p.dispatcher.reachable() == 0 || p.breaker.current() != circuitClosed
	if away == p.away {
		return
	}
	p.away = away
	if away {
		p.settings.Logger.Warn("The verifier is away",
			zap.Error(why), zap.String("failure_mode", string(p.cfg.FailureMode)))
		componentstatus.ReportStatus(p.host, componentstatus.NewRecoverableErrorEvent(why))
		return
	}
	p.settings.Logger.Info("The verifier is back")
	componentstatus.ReportStatus(p.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
