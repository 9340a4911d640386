package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// attributePrefix is the only namespace that the verifier may write in, and
// that nobody else may: what comes in with it is removed when the verifier says so.
const attributePrefix = "verifier."

// tally counts what apply did.
type tally struct {
	annotated, stripped, dropped      int // spans
	refusedAttributes, refusedDropped int
}

// apply makes the changes, which checkChanges has found sound: it cannot fail
// half way. Its cost follows the number of changes, resources and scopes; spans
// without a change are not looked at.
func apply(td ptrace.Traces, c changes, allowDrop bool) tally {
	a := applier{changes: c, allowDrop: allowDrop}
	if !allowDrop {
		a.tally.refusedDropped = len(c.dropRecords.at)
	}
	a.traces(td)
	return a.tally
}

type applier struct {
	changes
	allowDrop bool
	tally     tally

	resource, scope, record uint32 // ordinals of what comes next, in document order
}

func (a *applier) traces(td ptrace.Traces) {
	var emptied ordinalSet
	resources := td.ResourceSpans()
	for i := range resources.Len() {
		rs := resources.At(i)
		attributes := rs.Resource().Attributes()
		if a.stripResources.takes(a.resource) {
			strip(attributes)
		}
		if what, ok := a.resources.take(a.resource); ok {
			a.annotate(attributes, what)
		}
		a.resource++
		if a.scopeSpans(rs.ScopeSpans()) {
			emptied.add(i)
		}
	}
	if len(emptied) > 0 {
		resources.RemoveIf(func(ptrace.ResourceSpans) bool { return emptied.next() })
	}
}

// scopeSpans changes the scopes of one resource and says whether drops left it no span.
func (a *applier) scopeSpans(scopes ptrace.ScopeSpansSlice) bool {
	var emptied ordinalSet
	left := 0
	for i := range scopes.Len() {
		ss := scopes.At(i)
		attributes := ss.Scope().Attributes()
		if a.stripScopes.takes(a.scope) {
			strip(attributes)
		}
		if what, ok := a.scopes.take(a.scope); ok {
			a.annotate(attributes, what)
		}
		a.scope++
		if a.spans(ss.Spans()) {
			emptied.add(i)
		}
		left += ss.Spans().Len()
	}
	if len(emptied) == 0 {
		return false
	}
	scopes.RemoveIf(func(ptrace.ScopeSpans) bool { return emptied.next() })
	return left == 0
}

// spans changes the spans of one scope and says whether drops left it none.
func (a *applier) spans(spans ptrace.SpanSlice) bool {
	first := a.record
	a.record += uint32(spans.Len())
	for a.stripRecords.before(a.record) {
		position, _ := a.stripRecords.pop()
		if strip(spans.At(int(position - first)).Attributes()) {
			a.tally.stripped++
		}
	}
	for a.records.before(a.record) {
		position, what := a.records.pop()
		if a.annotate(spans.At(int(position-first)).Attributes(), what) {
			a.tally.annotated++
		}
	}
	if !a.allowDrop || !a.dropRecords.before(a.record) {
		return false
	}
	at := first
	spans.RemoveIf(func(ptrace.Span) bool {
		dropped := a.dropRecords.takes(at)
		at++
		if dropped {
			a.tally.dropped++
		}
		return dropped
	})
	return spans.Len() == 0
}

// strip removes every attribute in the verifier's namespace.
func strip(attributes pcommon.Map) bool {
	before := attributes.Len()
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
		return strings.HasPrefix(key, attributePrefix)
	})
	return attributes.Len() < before
}

// annotate writes an annotation, less what the verifier may not write.
func (a *applier) annotate(attributes pcommon.Map, what uint32) bool {
	wrote := false
	for _, attribute := range a.table[what].GetAttributes() {
		if !strings.HasPrefix(attribute.GetKey(), attributePrefix) {
			a.tally.refusedAttributes++
			continue
		}
		wrote = true
		switch value := attribute.GetValue().(type) {
		case *contract.Attribute_Text:
			attributes.PutStr(attribute.GetKey(), value.Text)
		case *contract.Attribute_List:
			list := attributes.PutEmptySlice(attribute.GetKey())
			list.EnsureCapacity(len(value.List.GetValues()))
			for _, text := range value.List.GetValues() {
				list.AppendEmpty().SetStr(text)
			}
		}
	}
	return wrote
}

// ordinalSet marks elements of a slice by their place, walked in step with RemoveIf.
type ordinalSet []bool

func (s *ordinalSet) add(ordinal int) {
	for len(*s) <= ordinal {
		*s = append(*s, false)
	}
	(*s)[ordinal] = true
}

// next says whether the element at hand is marked, and steps to the one after it.
func (s *ordinalSet) next() bool {
	if len(*s) == 0 {
		return false
	}
	in := (*s)[0]
	*s = (*s)[1:]
	return in
}
