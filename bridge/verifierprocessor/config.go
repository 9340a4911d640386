package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

// DefaultEndpoint is where a verifier on the same host listens unless told otherwise.
const DefaultEndpoint = "unix:///run/otlp-verifier/otlp-verifier.sock"

// FailureMode says what becomes of a batch that the verifier did not judge.
type FailureMode string

const (
	// FailureModeOpen lets the batch go on untouched and counts its spans.
	FailureModeOpen FailureMode = "open"
	// FailureModeClosed refuses the batch, so that its sender tries again.
	FailureModeClosed FailureMode = "closed"
)

// Completeness says what the pipeline promises about the traces in a batch.
type Completeness string

const (
	// CompletenessBatch promises nothing: more spans of a trace may come later.
	CompletenessBatch Completeness = "batch"
	// CompletenessTrace promises whole traces: groupbytrace ran before.
	CompletenessTrace Completeness = "trace"
)

// Config is what a user writes under `processors: verifier:`.
type Config struct {
	// ClientConfig says where the verifier is and how to reach it. On a unix
	// socket plain text is the default; anywhere else TLS is, as in the rest of
	// the collector, and doing without it has to be written down.
	ClientConfig configgrpc.ClientConfig `mapstructure:"grpc"`

	// Timeout is the longest that a batch waits for its verdict.
	Timeout time.Duration `mapstructure:"timeout"`

	// FailureMode says what happens to a batch without a verdict: open or closed.
	FailureMode FailureMode `mapstructure:"failure_mode"`

	// AllowDrop lets the verifier drop spans. Without it, it may only annotate.
	AllowDrop bool `mapstructure:"allow_drop"`

	// Completeness tells the verifier whether a batch holds whole traces.
	Completeness Completeness `mapstructure:"completeness"`

	// Profile names a policy in the verifier's configuration; empty is its default one.
	Profile string `mapstructure:"profile"`

	// Streams is the number of streams to the verifier, each with its own worker there.
	Streams int `mapstructure:"streams"`

	// Coalesce says how small batches that arrive together share one request.
	Coalesce CoalesceConfig `mapstructure:"coalesce"`

	// MaxRequestsInFlight bounds the unanswered requests on each stream; the
	// verifier may lower it.
	MaxRequestsInFlight int `mapstructure:"max_requests_in_flight"`

	// MaxRequestBytes bounds the OTLP bytes of one request; the verifier may lower it.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`

	// SharedMemory says how much memory batches are left in for a verifier on
	// this host, so that they need not travel.
	SharedMemory SharedMemoryConfig `mapstructure:"shared_memory"`

	// CircuitBreaker says when to stop asking a verifier that does not answer.
	CircuitBreaker CircuitBreakerConfig `mapstructure:"circuit_breaker"`

	// Reconnect says how often to try a verifier that is away.
	Reconnect ReconnectConfig `mapstructure:"reconnect"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// CoalesceConfig bounds how long and how far batches are joined. A batch that
// finds a stream idle is sent at once, whatever is written here.
type CoalesceConfig struct {
	// MaxDelay is the longest that a batch waits for company; 0 sends at once.
	MaxDelay time.Duration `mapstructure:"max_delay"`
	// MaxSpans is the size from which a request is sent without waiting.
	MaxSpans int `mapstructure:"max_spans"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// SharedMemoryConfig bounds the memory that is shared. It works on Linux with a
// unix socket as endpoint, where the verifier agrees; elsewhere, and for batches
// that find no slot, the bytes travel as always.
type SharedMemoryConfig struct {
	// Enabled lets batches lie in shared memory.
	Enabled bool `mapstructure:"enabled"`
	// Slots is how many batches can lie there at once.
	Slots int `mapstructure:"slots"`
	// SlotBytes is the largest batch that can, a multiple of 4096. A slot takes as
	// much memory as the largest batch that was in it.
	SlotBytes int `mapstructure:"slot_bytes"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// CircuitBreakerConfig bounds what a verifier that hangs can cost.
type CircuitBreakerConfig struct {
	// Failures in a row (timeouts, unusable answers) that open the circuit.
	Failures int `mapstructure:"failures"`
	// OpenInitial is how long the circuit stays open at first; it doubles with every failed probe.
	OpenInitial time.Duration `mapstructure:"open_initial"`
	// OpenMax is the longest that the circuit stays open between two probes.
	OpenMax time.Duration `mapstructure:"open_max"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// ReconnectConfig bounds the pauses between attempts to reach the verifier.
type ReconnectConfig struct {
	// InitialInterval is the first pause; pauses grow by 1.6 with every failure.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest pause.
	MaxInterval time.Duration `mapstructure:"max_interval"`
	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
	_ confmap.Validator   = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	client := configgrpc.NewDefaultClientConfig()
	client.Endpoint = DefaultEndpoint
	client.TLS.Insecure = true // a unix socket; Unmarshal turns it off for other endpoints
	// gRPC servers of the C core, and so Python's, close connections that ping
	// every 10 s, which is what the collector's default does.
	client.Keepalive = configoptional.None[configgrpc.KeepaliveClientConfig]()
	client.WriteBufferSize = 512 * 1024 // a batch is some 200 kB: one write instead of six
	return &Config{
		ClientConfig:        client,
		Timeout:             200 * time.Millisecond,
		FailureMode:         FailureModeOpen,
		Completeness:        CompletenessBatch,
		Streams:             2,
		Coalesce:            CoalesceConfig{MaxDelay: time.Millisecond, MaxSpans: 512},
		MaxRequestsInFlight: 64,
		MaxRequestBytes:     16 << 20,
		SharedMemory:        SharedMemoryConfig{Enabled: true, Slots: 16, SlotBytes: 1 << 20},
		CircuitBreaker:      CircuitBreakerConfig{Failures: 5, OpenInitial: time.Second, OpenMax: 10 * time.Second},
		Reconnect:           ReconnectConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: 2 * time.Second},
	}
}

// Unmarshal reads the configuration and decides on TLS where the user did not:
// a unix socket never leaves the host, so plain text is right there and only there.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	if !conf.IsSet("grpc::tls") {
		c.ClientConfig.TLS.Insecure = strings.HasPrefix(c.ClientConfig.Endpoint, "unix:")
	}
	return nil
}

// Validate names every setting that cannot work, with what was expected.
// The collector validates `grpc` by itself.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(setting, expected string, got any) {
		errs = append(errs, fmt.Errorf("%s must be %s, got %v", setting, expected, got))
	}
	if c.ClientConfig.Endpoint == "" {
		refuse("grpc::endpoint", "a unix socket or host:port", `""`)
	}
	switch c.ClientConfig.Compression {
	case "", "none", configcompression.TypeGzip, configcompression.TypeDeflate:
	default:
		refuse("grpc::compression", "none, gzip or deflate (the verifier reads no other)", c.ClientConfig.Compression)
	}
	if c.Timeout <= 0 {
		refuse("timeout", "positive", c.Timeout)
	}
	if c.FailureMode != FailureModeOpen && c.FailureMode != FailureModeClosed {
		refuse("failure_mode", "open or closed", fmt.Sprintf("%q", c.FailureMode))
	}
	if c.Completeness != CompletenessBatch && c.Completeness != CompletenessTrace {
		refuse("completeness", "batch or trace", fmt.Sprintf("%q", c.Completeness))
	}
	if c.Streams < 1 || c.Streams > 128 {
		refuse("streams", "from 1 to 128", c.Streams)
	}
	if c.Coalesce.MaxDelay < 0 || c.Coalesce.MaxDelay >= c.Timeout {
		refuse("coalesce::max_delay", fmt.Sprintf("from 0 to less than timeout (%v)", c.Timeout), c.Coalesce.MaxDelay)
	}
	if c.Coalesce.MaxSpans < 1 {
		refuse("coalesce::max_spans", "at least 1", c.Coalesce.MaxSpans)
	}
	if c.MaxRequestsInFlight < 1 || c.MaxRequestsInFlight > 65536 {
		refuse("max_requests_in_flight", "from 1 to 65536", c.MaxRequestsInFlight)
	}
	if c.MaxRequestBytes < 1024 || c.MaxRequestBytes > 1<<30 {
		refuse("max_request_bytes", "from 1024 to 1073741824 (1 GiB)", c.MaxRequestBytes)
	}
	if bytes := c.SharedMemory.SlotBytes; bytes < 64<<10 || bytes > sharedBytesMax || bytes%4096 != 0 {
		refuse("shared_memory::slot_bytes", "from 65536 to 1073741824 (1 GiB), a multiple of 4096", bytes)
	} else if most := sharedBytesMax / bytes; c.SharedMemory.Slots < 1 || c.SharedMemory.Slots > most {
		refuse("shared_memory::slots", fmt.Sprintf("from 1 to %d (1 GiB in slots of %d bytes)", most, bytes), c.SharedMemory.Slots)
	}
	if c.CircuitBreaker.Failures < 1 {
		refuse("circuit_breaker::failures", "at least 1", c.CircuitBreaker.Failures)
	}
	if c.CircuitBreaker.OpenInitial <= 0 {
		refuse("circuit_breaker::open_initial", "positive", c.CircuitBreaker.OpenInitial)
	}
	if c.CircuitBreaker.OpenMax < c.CircuitBreaker.OpenInitial {
		refuse("circuit_breaker::open_max", fmt.Sprintf("at least open_initial (%v)", c.CircuitBreaker.OpenInitial), c.CircuitBreaker.OpenMax)
	}
	if c.Reconnect.InitialInterval <= 0 {
		refuse("reconnect::initial_interval", "positive", c.Reconnect.InitialInterval)
	}
	if c.Reconnect.MaxInterval < c.Reconnect.InitialInterval {
		refuse("reconnect::max_interval", fmt.Sprintf("at least initial_interval (%v)", c.Reconnect.InitialInterval), c.Reconnect.MaxInterval)
	}
	return errors.Join(errs...)
}
