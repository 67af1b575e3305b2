package sdk

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Survey collects what rows have that is not as their schema says: columns that
// not one of them had, which may be misspelt, and keys that no column takes. It
// is about the rows that one process decoded; a record does not hold it. It may be
// used by several goroutines at once, and a nil one collects nothing.
type Survey struct {
	mu      sync.Mutex
	rows    int64
	columns map[string]bool // by name in the input: whether a row had it
	order   []string        // of columns
	keys    int64
	names   map[string]bool // of keys without a column, at most MaxNames
	lines   []string
	waiting []Waiting
}

// AddLine adds a line to the step's part of the run's summary.
func (s *Survey) AddLine(line string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

// Lines returns the lines of AddLine.
func (s *Survey) Lines() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Waiting is a partition that holds windows back.
type Waiting struct {
	Partition string    `json:"partition"`
	Windows   int64     `json:"windows"`
	Newest    time.Time `json:"newest,omitzero"` // event time of its newest row; zero: it has had none
}

// SetWaiting replaces what the summary says of partitions that hold windows back.
func (s *Survey) SetWaiting(partitions []Waiting) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = partitions
}

// Waiting returns what SetWaiting was given last.
func (s *Survey) Waiting() []Waiting {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// MaxNames is how many names of keys without a column are remembered.
const MaxNames = 64

// Surveyed is what a decoder found since its last Add.
type Surveyed struct {
	Rows    int64
	Columns []string // declared columns as the input names them, a struct's fields with a dot
	Had     []bool   // of each, whether a row had it, if only as a null
	Keys    int64    // how many keys of the rows had no column
	Names   []string // of such keys
}

// Add collects what a decoder found.
func (s *Survey) Add(found Surveyed) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows += found.Rows
	s.keys += found.Keys
	if s.columns == nil {
		s.columns, s.names = map[string]bool{}, map[string]bool{}
	}
	for i, name := range found.Columns {
		had, known := s.columns[name]
		if !known {
			s.order = append(s.order, name)
		}
		s.columns[name] = had || found.Had[i]
	}
	for _, name := range found.Names {
		if len(s.names) < MaxNames {
			s.names[name] = true
		}
	}
}

// Missing is a column that no row had.
type Missing struct {
	Column string `json:"column"`
	Near   string `json:"near,omitempty"` // the key of the rows that may be meant
}

// Unknown is the keys of rows that no column takes.
type Unknown struct {
	Keys  int64    `json:"keys"`
	Names []string `json:"names"` // in order; at most MaxNames of them
}

// Missing returns the columns that not one row had, in the order of the schema.
// There are none before the first row.
func (s *Survey) Missing() []Missing {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []Missing
	if s.rows == 0 {
		return nil
	}
	for _, name := range s.order {
		above := name[:max(0, strings.LastIndexByte(name, '.'))]
		aboveHad, declared := s.columns[above]
		if s.columns[name] || declared && !aboveHad {
			continue
		}
		missing = append(missing, Missing{name, Nearest(name, slices.Sorted(maps.Keys(s.names)))})
	}
	return missing
}

// Unknown returns the keys without a column, or nil if there are none.
func (s *Survey) Unknown() *Unknown {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == 0 {
		return nil
	}
	return &Unknown{s.keys, slices.Sorted(maps.Keys(s.names))}
}
