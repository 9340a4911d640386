package verifierprocessor

import (
	"math/rand/v2"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// naiveApply is the slow, obvious twin of apply: it builds new traces element by
// element, and looks every position up in the answer by a linear search.
func naiveApply(in ptrace.Traces, s *contract.Sparse, allowDrop bool) ptrace.Traces {
	out := ptrace.NewTraces()
	resource, scope, record := uint32(0), uint32(0), uint32(0)
	for _, rs := range in.ResourceSpans().All() {
		newRS := ptrace.NewResourceSpans()
		rs.CopyTo(newRS)
		naiveAttributes(newRS.Resource().Attributes(), resource, s, s.GetStripResources(), s.GetResources(), s.GetResourceAnnotations())
		resource++
		newRS.ScopeSpans().RemoveIf(func(ptrace.ScopeSpans) bool { return true })
		came, left := 0, 0
		for _, ss := range rs.ScopeSpans().All() {
			newSS := ptrace.NewScopeSpans()
			ss.CopyTo(newSS)
			naiveAttributes(newSS.Scope().Attributes(), scope, s, s.GetStripScopes(), s.GetScopes(), s.GetScopeAnnotations())
			scope++
			newSS.Spans().RemoveIf(func(ptrace.Span) bool { return true })
			for _, span := range ss.Spans().All() {
				newSpan := ptrace.NewSpan()
				span.CopyTo(newSpan)
				naiveAttributes(newSpan.Attributes(), record, s, s.GetStripRecords(), s.GetRecords(), s.GetRecordAnnotations())
				if !allowDrop || !slices.Contains(s.GetDropRecords(), record) {
					newSpan.MoveTo(newSS.Spans().AppendEmpty())
				}
				record++
			}
			came += ss.Spans().Len()
			left += newSS.Spans().Len()
			if newSS.Spans().Len() > 0 || ss.Spans().Len() == 0 { // not emptied by drops
				newSS.MoveTo(newRS.ScopeSpans().AppendEmpty())
			}
		}
		if left > 0 || came == 0 {
			newRS.MoveTo(out.ResourceSpans().AppendEmpty())
		}
	}
	return out
}

func naiveAttributes(attributes pcommon.Map, position uint32, s *contract.Sparse, strips, at, what []uint32) {
	if slices.Contains(strips, position) {
		attributes.RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "verifier.") })
	}
	i := slices.Index(at, position)
	if i < 0 {
		return
	}
	for _, attribute := range s.GetAnnotations()[what[i]].GetAttributes() {
		if !strings.HasPrefix(attribute.GetKey(), "verifier.") {
			continue
		}
		if list, ok := attribute.GetValue().(*contract.Attribute_List); ok {
			var values []any
			for _, text := range list.List.GetValues() {
				values = append(values, text)
			}
			_ = attributes.PutEmptySlice(attribute.GetKey()).FromRaw(values)
			continue
		}
		attributes.PutStr(attribute.GetKey(), attribute.GetText())
	}
}

// randomTraces has empty resources and scopes, forged attributes, and spans
// that differ.
func randomTraces(r *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	number := int64(0)
	for range r.IntN(5) {
		rs := td.ResourceSpans().AppendEmpty()
		randomAttributes(r, rs.Resource().Attributes())
		for range r.IntN(4) {
			ss := rs.ScopeSpans().AppendEmpty()
			randomAttributes(r, ss.Scope().Attributes())
			for range r.IntN(6) {
				span := ss.Spans().AppendEmpty()
				span.Attributes().PutInt("number", number)
				randomAttributes(r, span.Attributes())
				number++
			}
		}
	}
	return td
}

func randomAttributes(r *rand.Rand, attributes pcommon.Map) {
	for _, key := range []string{"verifier.trace.verdict", "http.method", "verifier.forged", "verifierless"} {
		if r.IntN(3) == 0 {
			attributes.PutStr(key, "was here")
		}
	}
}

// randomSparse is an answer that fits a size.
func randomSparse(r *rand.Rand, size counts) *contract.Sparse {
	s := &contract.Sparse{}
	for range 1 + r.IntN(4) {
		a := &contract.Annotation{}
		for _, key := range []string{"verifier.trace.verdict", "verifier.violations", "not.ours", "verifier.new"} {
			switch r.IntN(4) {
			case 0:
				a.Attributes = append(a.Attributes, &contract.Attribute{Key: key, Value: &contract.Attribute_Text{Text: "said"}})
			case 1:
				list := &contract.TextList{Values: []string{"ids.zero", "time.order"}[:r.IntN(3)]}
				a.Attributes = append(a.Attributes, &contract.Attribute{Key: key, Value: &contract.Attribute_List{List: list}})
			}
		}
		s.Annotations = append(s.Annotations, a)
	}
	some := func(limit uint32) []uint32 {
		var at []uint32
		share := r.IntN(4) // none, some, most, all
		for i := range limit {
			if r.IntN(3) < share {
				at = append(at, i)
			}
		}
		return at
	}
	what := func(at []uint32) []uint32 {
		refs := make([]uint32, len(at))
		for i := range refs {
			refs[i] = uint32(r.IntN(len(s.Annotations)))
		}
		return refs
	}
	s.Resources, s.Scopes, s.Records = some(size.resources), some(size.scopes), some(size.records)
	s.ResourceAnnotations, s.ScopeAnnotations, s.RecordAnnotations = what(s.Resources), what(s.Scopes), what(s.Records)
	s.StripResources, s.StripScopes, s.StripRecords = some(size.resources), some(size.scopes), some(size.records)
	s.DropRecords = some(size.records)
	return s
}
