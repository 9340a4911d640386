// Command replay loads an OTLP/gRPC endpoint with batches that were serialised
// before, so that it costs next to nothing itself: benchmarks start it once and
// open one measured window after another.
//
//	replay -endpoint localhost:4317 batch0.binpb batch1.binpb
//
// Each line on standard input, "CALLERS DURATION" (such as `4 2s`), is a window:
// that many callers, each on a connection of its own, send one batch after the
// other and wait for each to be acknowledged. When all of them have stopped, one
// line of JSON says what was sent. Between windows nothing is sent, so whoever
// reads the CPU time of the endpoint there gets what the window cost.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "replay:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out, messages io.Writer) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(messages)
	endpoint := flags.String("endpoint", "localhost:4317", "where OTLP is received, host:port, in plain text")
	timeout := flags.Duration("timeout", 10*time.Second, "the longest that one batch may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	batches, err := read(flags.Args())
	if err != nil {
		return err
	}
	s := &sender{endpoint: *endpoint, timeout: *timeout, batches: batches}
	defer s.close()

	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		callers, length, err := parseWindow(lines.Text())
		if err != nil {
			return err
		}
		w, err := s.window(ctx, callers, length)
		if err != nil {
			return err
		}
		if err := answers.Encode(w); err != nil {
			return err
		}
	}
	return lines.Err()
}

func parseWindow(line string) (callers int, length time.Duration, err error) {
	var duration string
	if _, err = fmt.Sscan(line, &callers, &duration); err == nil {
		length, err = time.ParseDuration(duration)
	}
	if err == nil && (callers < 1 || length <= 0) {
		err = errors.New("both must be positive")
	}
	if err != nil {
		err = fmt.Errorf("%q is no window, expected CALLERS DURATION such as `4 2s`: %w", line, err)
	}
	return callers, length, err
}

func read(files []string) ([][]byte, error) {
	if len(files) == 0 {
		return nil, errors.New("no batches: name files, each with the bytes of one ExportTraceServiceRequest")
	}
	batches := make([][]byte, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		batches[i] = data
	}
	return batches, nil
}
