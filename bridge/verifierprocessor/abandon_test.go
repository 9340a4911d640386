package verifierprocessor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Callers that leave in the middle give their buffers back while requests that
// carry them are still being written. What the verifier reads must stay whole:
// it decodes every request, and says back the name of every span.
func TestBuffersOutliveTheirCallers(t *testing.T) {
	verifier := newStub(t, echo(t)).start()
	r := newRig(t, verifier.endpoint(), func(c *Config) { c.Coalesce.MaxSpans = 64 }).ready(t)
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for batch := range 150 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(batch%10)*100*time.Microsecond)
				assert.NoError(t, r.ConsumeTraces(ctx, named(fmt.Sprintf("%d-%d", caller, batch), 1+batch%50)))
				cancel()
			}
		}()
	}
	wg.Wait()
	echoed := 0
	for _, td := range r.sink.AllTraces() {
		for _, span := range spansOf(td) {
			if said, ok := span.Attributes().Get("verifier.echo"); ok {
				echoed++
				assert.Equal(t, span.Name(), said.Str())
			}
		}
	}
	t.Logf("%d of %d spans judged", echoed, r.sink.SpanCount())
}
