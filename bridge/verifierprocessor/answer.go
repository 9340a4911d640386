package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

import (
	"fmt"
	"sort"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor/internal/contract"
)

// counts are the numbers of elements of a batch, which bound the positions that
// an answer may name.
type counts struct{ resources, scopes, records uint32 }

func countsOf(td ptrace.Traces) counts {
	var c counts
	resources := td.ResourceSpans()
	c.resources = uint32(resources.Len())
	for i := range resources.Len() {
		scopes := resources.At(i).ScopeSpans()
		c.scopes += uint32(scopes.Len())
		for j := range scopes.Len() {
			c.records += uint32(scopes.At(j).Spans().Len())
		}
	}
	return c
}

func (c counts) plus(o counts) counts {
	return counts{c.resources + o.resources, c.scopes + o.scopes, c.records + o.records}
}

// marks are ascending positions and, where there is something to write, which
// annotation goes there. Positions count from base.
type marks struct {
	at, what []uint32
	base     uint32
}

// before says whether the first mark lies before a position.
func (m *marks) before(position uint32) bool {
	return len(m.at) > 0 && m.at[0]-m.base < position
}

// pop takes the first mark.
func (m *marks) pop() (position, what uint32) {
	position = m.at[0] - m.base
	m.at = m.at[1:]
	if len(m.what) > 0 {
		what = m.what[0]
		m.what = m.what[1:]
	}
	return position, what
}

// take takes the mark at a position, if there is one. Positions must be asked
// for in ascending order, without leaving any out.
func (m *marks) take(position uint32) (what uint32, ok bool) {
	if !m.before(position + 1) {
		return 0, false
	}
	_, what = m.pop()
	return what, true
}

func (m *marks) takes(position uint32) bool {
	_, ok := m.take(position)
	return ok
}

// part is the marks of one batch of a joined request, counted from its start.
func (m marks) part(from, to uint32) marks {
	low := sort.Search(len(m.at), func(i int) bool { return m.at[i] >= from })
	high := low + sort.Search(len(m.at)-low, func(i int) bool { return m.at[low+i] >= to })
	part := marks{at: m.at[low:high], base: from}
	if m.what != nil {
		part.what = m.what[low:high]
	}
	return part
}

// changes is what the verifier wants of one batch: a view of its answer.
type changes struct {
	table                                     []*contract.Annotation
	resources, scopes, records                marks
	stripResources, stripScopes, stripRecords marks
	dropRecords                               marks
}

// checkChanges reads a sparse answer about a request of a size. An answer that
// does not fit the request is refused as a whole, before anything is changed.
func checkChanges(s *contract.Sparse, size counts) (changes, error) {
	c := changes{
		table:          s.GetAnnotations(),
		resources:      marks{at: s.GetResources(), what: s.GetResourceAnnotations()},
		scopes:         marks{at: s.GetScopes(), what: s.GetScopeAnnotations()},
		records:        marks{at: s.GetRecords(), what: s.GetRecordAnnotations()},
		stripResources: marks{at: s.GetStripResources()},
		stripScopes:    marks{at: s.GetStripScopes()},
		stripRecords:   marks{at: s.GetStripRecords()},
		dropRecords:    marks{at: s.GetDropRecords()},
	}
	for _, list := range []struct {
		name      string
		marks     marks
		limit     uint32
		annotates bool
	}{
		{"resources", c.resources, size.resources, true},
		{"scopes", c.scopes, size.scopes, true},
		{"records", c.records, size.records, true},
		{"strip_resources", c.stripResources, size.resources, false},
		{"strip_scopes", c.stripScopes, size.scopes, false},
		{"strip_records", c.stripRecords, size.records, false},
		{"drop_records", c.dropRecords, size.records, false},
	} {
		if err := checkPositions(list.marks.at, list.limit); err != nil {
			return changes{}, fmt.Errorf("%s: %w", list.name, err)
		}
		if !list.annotates {
			continue
		}
		if err := checkReferences(list.marks, len(c.table)); err != nil {
			return changes{}, fmt.Errorf("%s: %w", list.name, err)
		}
	}
	return c, checkTable(c.table)
}

func checkPositions(at []uint32, limit uint32) error {
	for i, position := range at {
		if position >= limit {
			return fmt.Errorf("position %d is out of range: the request holds %d", position, limit)
		}
		if i > 0 && position <= at[i-1] {
			return fmt.Errorf("position %d follows %d: positions must ascend", position, at[i-1])
		}
	}
	return nil
}

func checkReferences(m marks, annotations int) error {
	if len(m.what) != len(m.at) {
		return fmt.Errorf("%d positions but %d annotations", len(m.at), len(m.what))
	}
	for _, what := range m.what {
		if uint64(what) >= uint64(annotations) {
			return fmt.Errorf("annotation %d is out of range: the answer holds %d", what, annotations)
		}
	}
	return nil
}

func checkTable(table []*contract.Annotation) error {
	for i, annotation := range table {
		for _, attribute := range annotation.GetAttributes() {
			if attribute.GetValue() == nil {
				return fmt.Errorf("annotations: attribute %q of annotation %d has no value", attribute.GetKey(), i)
			}
		}
	}
	return nil
}

// part is the changes to the batch that lies between two points of a joined request.
func (c changes) part(from, to counts) changes {
	return changes{
		table:          c.table,
		resources:      c.resources.part(from.resources, to.resources),
		scopes:         c.scopes.part(from.scopes, to.scopes),
		records:        c.records.part(from.records, to.records),
		stripResources: c.stripResources.part(from.resources, to.resources),
		stripScopes:    c.stripScopes.part(from.scopes, to.scopes),
		stripRecords:   c.stripRecords.part(from.records, to.records),
		dropRecords:    c.dropRecords.part(from.records, to.records),
	}
}

// empty says that there is nothing to change.
func (c changes) empty() bool {
	return len(c.resources.at)+len(c.scopes.at)+len(c.records.at)+
		len(c.stripResources.at)+len(c.stripScopes.at)+len(c.stripRecords.at)+len(c.dropRecords.at) == 0
}
