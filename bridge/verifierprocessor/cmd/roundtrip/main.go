// Command roundtrip measures what a collector pipeline sees of the verifier: it
// drives the processor's own call path against a live verifier, first one batch
// at a time, then with several callers, and prints the figures as JSON.
//
//	go run ./cmd/roundtrip -endpoint unix:///run/otlp-verifier/otlp-verifier.sock
//	go run ./cmd/roundtrip -spans 64 -callers 16 -duration 10s traces.binpb
//	go run ./cmd/roundtrip -spans 64 -rate 2000
//
// With -rate there is one run instead, in which that many batches come each
// second whether or not earlier ones have been answered.
//
// Without files it sends generated spans of some 366 bytes with 8 attributes,
// with new trace ids in every batch. A file holds the bytes of one OTLP
// ExportTraceServiceRequest; several are sent in turn.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "roundtrip:", err)
		}
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	endpoint string
	insecure bool
	spans    int
	callers  int
	rate     float64
	streams  int
	duration time.Duration
	warmup   time.Duration
	timeout  time.Duration
	maxDelay time.Duration
	shared   bool
	files    []string
}

// report is the output.
type report struct {
	Endpoint     string  `json:"endpoint"`
	CPUs         int     `json:"cpus"`
	Streams      int     `json:"streams"`
	SpansPerCall float64 `json:"spans_per_batch"`
	BytesPerSpan float64 `json:"bytes_per_span"`
	Alone        figures `json:"alone,omitzero"`
	Loaded       figures `json:"loaded,omitzero"`
	Paced        paced   `json:"paced,omitzero"`
}

func run(ctx context.Context, args []string, out, messages io.Writer) error {
	o, err := parse(args, messages)
	if err != nil {
		return err
	}
	batches, err := batches(o)
	if err != nil {
		return err
	}
	p, err := startProcessor(ctx, o)
	if err != nil {
		return err
	}
	defer p.stop()

	r := report{Endpoint: o.endpoint, CPUs: runtime.NumCPU(), Streams: o.streams}
	r.SpansPerCall, r.BytesPerSpan = shape(batches)
	if err := p.awaitVerifier(ctx, batches[0]); err != nil {
		return err
	}
	if o.rate > 0 {
		p.pace(ctx, batches, o.rate, o.warmup)
		r.Paced = p.pace(ctx, batches, o.rate, o.duration)
	} else {
		p.drive(ctx, batches, o.callers, o.warmup)
		r.Alone = p.drive(ctx, batches, 1, o.duration)
		r.Loaded = p.drive(ctx, batches, o.callers, o.duration)
	}

	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return err
	}
	if failed := r.Alone.Failed + r.Loaded.Failed + r.Paced.Failed; failed > 0 {
		return fmt.Errorf("%d batches were not verified; the last one: %v", failed, p.lastError())
	}
	return ctx.Err()
}

func parse(args []string, messages io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("roundtrip", flag.ContinueOnError)
	flags.SetOutput(messages)
	flags.StringVar(&o.endpoint, "endpoint", "unix:///run/otlp-verifier/otlp-verifier.sock", "where the verifier listens")
	flags.BoolVar(&o.insecure, "insecure", true, "plain text")
	flags.IntVar(&o.spans, "spans", 512, "spans in a generated batch")
	flags.IntVar(&o.callers, "callers", 4, "concurrent callers of the loaded run")
	flags.Float64Var(&o.rate, "rate", 0, "batches per second, one run by the clock instead of the two by callers")
	flags.IntVar(&o.streams, "streams", 2, "streams to the verifier")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "length of each run")
	flags.DurationVar(&o.warmup, "warmup", time.Second, "length of the run before them that is not measured")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Second, "the processor's timeout")
	flags.DurationVar(&o.maxDelay, "max-delay", time.Millisecond, "the processor's coalesce::max_delay")
	flags.BoolVar(&o.shared, "shared-memory", true, "leave batches in shared memory where the verifier reads it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.files = flags.Args()
	if o.spans < 1 || o.callers < 1 {
		return o, errors.New("-spans and -callers must be at least 1")
	}
	if o.rate < 0 {
		return o, errors.New("-rate must not be negative")
	}
	return o, nil
}
