// Package verifierprocessor asks a verifier about every batch of spans and
// writes its verdicts on them.
//
// A batch takes this way: processor.go marshals it, dispatcher.go joins it with
// others that wait and picks a stream, stream.go and carrier.go carry it (or
// where it lies in shared memory, memory.go), answer.go checks
// what comes back, apply.go changes pdata, failure.go says what happens when
// there is no answer.
package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

//go:generate go tool -modfile=tools/go.mod mdatagen metadata.yaml
