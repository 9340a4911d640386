package verifierprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

func TestErrorsAreMapped(t *testing.T) {
	for _, c := range []struct {
		code      contract.Code
		cause     cause
		status    codes.Code
		permanent bool
		weighs    result
	}{
		{contract.Code_CODE_BAD_INPUT, causeBadInput, codes.InvalidArgument, true, resultSuccess},
		{contract.Code_CODE_TOO_LARGE, causeTooLarge, codes.InvalidArgument, true, resultNeutral},
		{contract.Code_CODE_OVERLOADED, causeOverloaded, codes.Unavailable, false, resultSuccess},
		{contract.Code_CODE_SHUTTING_DOWN, causeShutdown, codes.Unavailable, false, resultNeutral},
		{contract.Code_CODE_UNSUPPORTED, causeUnsupported, codes.Unavailable, false, resultSuccess},
		{contract.Code_CODE_INTERNAL, causeInternal, codes.Unavailable, false, resultFailure},
		{contract.Code_CODE_UNSPECIFIED, causeBadAnswer, codes.Unavailable, false, resultFailure},
		{contract.Code(99), causeBadAnswer, codes.Unavailable, false, resultFailure},
	} {
		t.Run(c.code.String(), func(t *testing.T) {
			f := failureOf(&contract.Error{Code: c.code, Message: "why", ByteOffset: 12})
			assert.Equal(t, c.cause, f.cause)
			assert.Contains(t, f.Error(), "why")
			assert.Equal(t, c.weighs, f.weighs())
			err := f.refusal()
			assert.Equal(t, c.permanent, consumererror.IsPermanent(err))
			got, ok := status.FromError(err)
			require.True(t, ok, "the receiver must find a status, or it guesses")
			assert.Equal(t, c.status, got.Code())
		})
	}
}

func TestOverloadTellsWhenToRetry(t *testing.T) {
	f := failureOf(&contract.Error{Code: contract.Code_CODE_OVERLOADED, RetryAfterMs: 1500})
	st, _ := status.FromError(f.refusal())
	require.Len(t, st.Details(), 1)
	info, ok := st.Details()[0].(*errdetails.RetryInfo)
	require.True(t, ok)
	assert.Equal(t, 1500*time.Millisecond, info.GetRetryDelay().AsDuration())
}

func TestACallerThatGivesUpGetsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := failureOfContext(ctx)
	assert.Equal(t, codes.Canceled, status.Code(f.refusal()))
	assert.Equal(t, "not verified: canceled: context canceled", f.Error())
	assert.Equal(t, "not verified: circuit_open", (&failure{cause: causeCircuitOpen}).Error())
}
