package verifierprocessor

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// load reads a configuration as the collector does.
func load(t *testing.T, conf *confmap.Conf) (*Config, error) {
	cfg := createDefaultConfig()
	if err := conf.Unmarshal(&cfg); err != nil {
		return nil, err
	}
	return cfg.(*Config), confmap.Validate(cfg)
}

func loadNamed(t *testing.T, name string) *Config {
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := file.Sub(name)
	require.NoError(t, err)
	cfg, err := load(t, sub)
	require.NoError(t, err)
	return cfg
}

func TestDefaultConfigIsValid(t *testing.T) {
	cfg := createDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.NoError(t, confmap.Validate(cfg))
	assert.Equal(t, cfg, component.Config(loadNamed(t, "verifier")))
}

// Plain text is the default on a unix socket and nowhere else.
func TestTLSDefault(t *testing.T) {
	assert.True(t, loadNamed(t, "verifier").ClientConfig.TLS.Insecure)
	assert.True(t, loadNamed(t, "verifier/socket").ClientConfig.TLS.Insecure)
	assert.False(t, loadNamed(t, "verifier/remote").ClientConfig.TLS.Insecure)
	assert.True(t, loadNamed(t, "verifier/everything").ClientConfig.TLS.Insecure)
}

// The C core of gRPC closes connections that ping as often as the collector's
// default would.
func TestKeepaliveIsOff(t *testing.T) {
	assert.False(t, loadNamed(t, "verifier").ClientConfig.Keepalive.HasValue())
	assert.False(t, loadNamed(t, "verifier/everything").ClientConfig.Keepalive.HasValue())
}

func TestEverySettingIsRead(t *testing.T) {
	want := createDefaultConfig().(*Config)
	want.ClientConfig.Endpoint = "localhost:4320"
	want.ClientConfig.Compression = configcompression.TypeGzip
	want.Timeout = time.Second
	want.FailureMode = FailureModeClosed
	want.AllowDrop = true
	want.Completeness = CompletenessTrace
	want.Profile = "payments"
	want.Streams = 4
	want.Coalesce = CoalesceConfig{MaxDelay: 2 * time.Millisecond, MaxSpans: 1024}
	want.MaxRequestsInFlight = 8
	want.MaxRequestBytes = 4 << 20
	want.SharedMemory = SharedMemoryConfig{Slots: 4, SlotBytes: 64 << 10}
	want.CircuitBreaker = CircuitBreakerConfig{Failures: 3, OpenInitial: 500 * time.Millisecond, OpenMax: 5 * time.Second}
	want.Reconnect = ReconnectConfig{InitialInterval: 50 * time.Millisecond, MaxInterval: time.Second}
	assert.Equal(t, want, loadNamed(t, "verifier/everything"))
}

// Every file in testdata/invalid is refused with the errors that it names.
func TestInvalidConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	expected := regexp.MustCompile(`(?m)^# error: (.*)$`)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			conf, err := confmaptest.LoadConf(file)
			require.NoError(t, err)

			_, err = load(t, conf)

			wanted := expected.FindAllStringSubmatch(string(text), -1)
			require.NotEmpty(t, wanted, "the file does not say what is wrong with it")
			for _, w := range wanted {
				assert.ErrorContains(t, err, w[1])
			}
		})
	}
}
