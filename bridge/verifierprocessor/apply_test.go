package verifierprocessor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/proto"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

func bytesOf(t testing.TB, td ptrace.Traces) []byte {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return data
}

func copyOf(td ptrace.Traces) ptrace.Traces {
	c := ptrace.NewTraces()
	td.CopyTo(c)
	return c
}

// Random answers to random batches, alone and joined, change what the obvious
// twin changes and nothing else.
func TestApplyEqualsNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		batches := make([]ptrace.Traces, 1+r.IntN(4))
		joined := ptrace.NewTraces()
		var calls []*call
		var size counts
		for i := range batches {
			batches[i] = randomTraces(r)
			copyOf(batches[i]).ResourceSpans().MoveAndAppendTo(joined.ResourceSpans())
			c := newCall(payloadOf(nil), countsOf(batches[i]))
			calls = append(calls, c)
			size = size.plus(c.counts)
		}
		allowDrop := r.IntN(2) == 0
		sparse := randomSparse(r, size)
		want := naiveApply(joined, sparse, allowDrop)

		again, outcome := (&request{calls: calls}).settle(answering(sparse), nil)
		require.Empty(t, again)
		require.Equal(t, outcomeSparse, outcome)
		got := ptrace.NewTraces()
		var did tally
		for i, c := range calls {
			v := <-c.done
			require.Nil(t, v.failure)
			part := apply(batches[i], v.changes, allowDrop)
			did.dropped += part.dropped
			batches[i].ResourceSpans().MoveAndAppendTo(got.ResourceSpans())
		}

		require.Equal(t, bytesOf(t, want), bytesOf(t, got))
		require.Equal(t, joined.SpanCount()-did.dropped, got.SpanCount())
	}
}

// Whatever the positions, an answer is refused or applied, never half applied.
func TestGarbageIsRefusedWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 3000 {
		td := randomTraces(r)
		size := countsOf(td)
		sparse := randomSparse(r, size)
		spoil(r, sparse)
		c, err := checkChanges(sparse, size)
		if err != nil {
			refused++
			continue
		}
		want := naiveApply(td, sparse, true)
		apply(td, c, true)
		require.Equal(t, bytesOf(t, want), bytesOf(t, td))
	}
	assert.Greater(t, refused, 1000)
}

// spoil changes one number or length somewhere in an answer.
func spoil(r *rand.Rand, s *contract.Sparse) {
	lists := []*[]uint32{
		&s.Resources, &s.ResourceAnnotations, &s.Scopes, &s.ScopeAnnotations, &s.Records, &s.RecordAnnotations,
		&s.StripResources, &s.StripScopes, &s.StripRecords, &s.DropRecords,
	}
	list := lists[r.IntN(len(lists))]
	switch {
	case r.IntN(3) == 0 || len(*list) == 0:
		*list = append(*list, r.Uint32()>>r.IntN(32))
	case r.IntN(2) == 0:
		*list = (*list)[1:]
	default:
		(*list)[r.IntN(len(*list))] = r.Uint32() >> r.IntN(32)
	}
}

// Random bytes as an answer: refused or understood, never a panic.
func FuzzAnswer(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		data, err := proto.Marshal(answering(randomSparse(r, counts{2, 3, 9})))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		td := spans(9)
		answer, _, err := (&answerFrame{bytes: data}).decode()
		c := newCall(payloadOf(nil), countsOf(td))
		again, _ := (&request{calls: []*call{c}}).settle(answer, err)
		if len(again) > 0 {
			return
		}
		if v := <-c.done; v.failure == nil {
			did := apply(td, v.changes, true)
			require.Equal(t, 9-did.dropped, td.SpanCount())
		}
	})
}

func TestApplyCounts(t *testing.T) {
	td := spans(5)
	all := spansOf(td)
	all[0].Attributes().PutStr("verifier.forged", "x")
	sparse := &contract.Sparse{
		Annotations: []*contract.Annotation{
			annotation("verifier.severity", "error", "service.name", "stolen"),
			annotation("service.name", "stolen"),
		},
		Records: []uint32{1, 2}, RecordAnnotations: []uint32{0, 1},
		StripRecords: []uint32{0, 1}, // nothing to remove from span 1
		DropRecords:  []uint32{3},
	}
	c, err := checkChanges(sparse, countsOf(td))
	require.NoError(t, err)

	assert.Equal(t, tally{annotated: 1, stripped: 1, refusedAttributes: 2, refusedDropped: 1}, apply(copyOf(td), c, false))
	assert.Equal(t, tally{annotated: 1, stripped: 1, refusedAttributes: 2, dropped: 1}, apply(td, c, true))
	assert.Equal(t, 4, td.SpanCount())
	for _, span := range spansOf(td) {
		_, stolen := span.Attributes().Get("service.name")
		assert.False(t, stolen)
	}
}

func TestMalformedAnswers(t *testing.T) {
	size := counts{resources: 1, scopes: 2, records: 3}
	table := []*contract.Annotation{annotation("verifier.severity", "error")}
	for _, c := range []struct {
		name, err string
		sparse    *contract.Sparse
	}{
		{"record out of range", "records: position 3 is out of range: the request holds 3",
			&contract.Sparse{Annotations: table, Records: []uint32{3}, RecordAnnotations: []uint32{0}}},
		{"not ascending", "records: position 1 follows 1: positions must ascend",
			&contract.Sparse{Annotations: table, Records: []uint32{1, 1}, RecordAnnotations: []uint32{0, 0}}},
		{"unequal lengths", "scopes: 1 positions but 0 annotations",
			&contract.Sparse{Annotations: table, Scopes: []uint32{1}}},
		{"annotations without positions", "resources: 0 positions but 1 annotations",
			&contract.Sparse{Annotations: table, ResourceAnnotations: []uint32{0}}},
		{"no such annotation", "resources: annotation 1 is out of range: the answer holds 1",
			&contract.Sparse{Annotations: table, Resources: []uint32{0}, ResourceAnnotations: []uint32{1}}},
		{"strip out of range", "strip_scopes: position 2 is out of range", &contract.Sparse{StripScopes: []uint32{2}}},
		{"drop descending", "drop_records: position 0 follows 2", &contract.Sparse{DropRecords: []uint32{2, 0}}},
		{"no value", `attribute "verifier.x" of annotation 0 has no value`,
			&contract.Sparse{Annotations: []*contract.Annotation{{Attributes: []*contract.Attribute{{Key: "verifier.x"}}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkChanges(c.sparse, size)
			require.ErrorContains(t, err, c.err)
		})
	}
}
