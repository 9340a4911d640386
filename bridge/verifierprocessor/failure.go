package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// cause says why a batch has no verdict. The values are those of the attribute
// `cause` in metadata.yaml.
type cause string

const (
	causeBadAnswer   cause = "bad_answer"   // the verifier's answer made no sense
	causeBadInput    cause = "bad_input"    // the verifier could not read the batch
	causeCanceled    cause = "canceled"     // the sender gave up waiting
	causeCircuitOpen cause = "circuit_open" // too many failures: nobody asks for a while
	causeInternal    cause = "internal"     // the verifier had a fault
	causeOverloaded  cause = "overloaded"   // the verifier, or this processor, has no room
	causeShutdown    cause = "shutdown"     // one of the two is stopping
	causeTimeout     cause = "timeout"      // no answer in time
	causeTooLarge    cause = "too_large"    // over a limit of one of the two
	causeUnavailable cause = "unavailable"  // no connection to the verifier
	causeUnsupported cause = "unsupported"  // the verifier does not serve this signal or profile
)

var allCauses = []cause{
	causeBadAnswer, causeBadInput, causeCanceled, causeCircuitOpen, causeInternal, causeOverloaded,
	causeShutdown, causeTimeout, causeTooLarge, causeUnavailable, causeUnsupported,
}

// failure is why one batch has no verdict.
type failure struct {
	cause      cause
	message    string
	retryAfter time.Duration // with causeOverloaded: when the verifier expects to have room
}

func (f *failure) Error() string {
	if f.message == "" {
		return "not verified: " + string(f.cause)
	}
	return fmt.Sprintf("not verified: %s: %s", f.cause, f.message)
}

// failureOf maps an error that the verifier answered.
func failureOf(e *contract.Error) *failure {
	f := &failure{message: e.GetMessage()}
	switch e.GetCode() {
	case contract.Code_CODE_BAD_INPUT:
		f.cause = causeBadInput
		f.message = fmt.Sprintf("%s (at byte %d)", e.GetMessage(), e.GetByteOffset())
	case contract.Code_CODE_TOO_LARGE:
		f.cause = causeTooLarge
	case contract.Code_CODE_OVERLOADED:
		f.cause = causeOverloaded
		f.retryAfter = time.Duration(e.GetRetryAfterMs()) * time.Millisecond
	case contract.Code_CODE_SHUTTING_DOWN:
		f.cause = causeShutdown
	case contract.Code_CODE_UNSUPPORTED:
		f.cause = causeUnsupported
	case contract.Code_CODE_INTERNAL:
		f.cause = causeInternal
	default:
		f.cause = causeBadAnswer
		f.message = fmt.Sprintf("unknown error code %d: %s", e.GetCode(), e.GetMessage())
	}
	return f
}

// refusal is what a sender gets where failure_mode is closed. The receiver
// hands the status on as it is, so the code decides whether the sender keeps
// the data: only a batch that no second attempt can help is refused for good.
func (f *failure) refusal() error {
	switch f.cause {
	case causeBadInput, causeTooLarge:
		// Not RESOURCE_EXHAUSTED for a batch over a limit: the HTTP receiver
		// would turn that into 429, which senders repeat for ever.
		return consumererror.NewPermanent(status.Error(codes.InvalidArgument, f.Error()))
	case causeCanceled:
		return status.Error(codes.Canceled, f.Error())
	default:
		st := status.New(codes.Unavailable, f.Error())
		if f.retryAfter > 0 {
			info := &errdetails.RetryInfo{RetryDelay: durationpb.New(f.retryAfter)}
			if detailed, err := st.WithDetails(info); err == nil {
				st = detailed
			}
		}
		return st.Err()
	}
}

// weighs says how a failure counts for the circuit breaker: only what costs a
// caller its time, or repeats for every batch, may open the circuit.
func (f *failure) weighs() result {
	switch f.cause {
	case causeTimeout, causeBadAnswer, causeInternal:
		return resultFailure
	case causeBadInput, causeOverloaded, causeUnsupported:
		return resultSuccess // it answered
	default:
		return resultNeutral
	}
}

// failureOfContext tells a caller that gave up from one whose own deadline,
// shorter than ours, has passed.
func failureOfContext(ctx context.Context) *failure {
	return &failure{cause: causeCanceled, message: context.Cause(ctx).Error()}
}
