package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// senders is how many calls may be on their way at once. What comes when all are
// busy waits for one of them, and its wait counts.
const senders = 256

// paced are the figures of a run in which batches come by the clock.
type paced struct {
	figures
	Offered float64 `json:"offered_batches_per_second"`
	LateP50 float64 `json:"late_p50_ms"` // from when a batch was due to when it was sent, which counts
	LateP99 float64 `json:"late_p99_ms"`
}

// sent is what became of one batch.
type sent struct {
	late, took time.Duration // both since it was due
}

// pace offers batches at a rate that does not depend on the answers, as the
// applications behind a collector do: gaps are those of a Poisson process. A
// call's time runs from the moment when it was due. Were it to run from the
// moment when it was sent, a pause of the verifier would count once, and not for
// each batch that would have come meanwhile (coordinated omission).
func (p *driven) pace(ctx context.Context, batches []ptrace.Traces, perSecond float64, length time.Duration) paced {
	due := make(chan time.Time, 1<<16)
	results := make([][]sent, senders)
	failed := make([]int, senders)
	var wg sync.WaitGroup
	for sender := range senders {
		td := cloneAll(batches[sender%len(batches):][:1], sender)[0]
		renew(td)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for at := range due {
				late := time.Since(at)
				err := p.ConsumeTraces(ctx, td)
				results[sender] = append(results[sender], sent{late, time.Since(at)})
				if err != nil {
					failed[sender]++
					p.failure.Store(&err)
				}
				renew(td)
			}
		}()
	}
	offered := schedule(ctx, due, perSecond, length)
	wg.Wait()

	all := slices.Concat(results...)
	f := paced{Offered: float64(offered) / length.Seconds()}
	f.Callers = senders
	for _, n := range failed {
		f.Failed += n
	}
	f.fill(durations(all, func(s sent) time.Duration { return s.took }))
	late := durations(all, func(s sent) time.Duration { return s.late })
	f.LateP50, f.LateP99 = quantile(late, 0.5), quantile(late, 0.99)
	spans := 0
	for _, td := range batches {
		spans += td.SpanCount()
	}
	f.SpansPerSecond = f.Offered * float64(spans) / float64(len(batches))
	return f
}

// schedule says when each batch is due, at that moment, and closes the channel at
// the end. It has a thread of its own, as the runtime's timers are a millisecond
// late when nothing else runs.
func schedule(ctx context.Context, due chan<- time.Time, perSecond float64, length time.Duration) (offered int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(due)
	r := rand.New(rand.NewPCG(1, 2)) // the same gaps in each run
	end := time.Now().Add(length)
	next := time.Now()
	for {
		next = next.Add(time.Duration(r.ExpFloat64() / perSecond * float64(time.Second)))
		if next.After(end) || ctx.Err() != nil {
			return offered
		}
		sleepUntil(next)
		due <- next
		offered++
	}
}

func durations(all []sent, of func(sent) time.Duration) []time.Duration {
	result := make([]time.Duration, len(all))
	for i, s := range all {
		result[i] = of(s)
	}
	slices.Sort(result)
	return result
}
