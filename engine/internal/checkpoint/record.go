package checkpoint

import (
	"time"

	"etlengine/plugins/sdk"
)

// version is the format of records; a record of another version is refused.
const version = 2

// Record is a pipeline at the end of an epoch.
type Record struct {
	Version   int               `json:"version"`
	Run       uint64            `json:"run"`
	Epoch     uint64            `json:"epoch"`
	Positions map[string][]byte `json:"positions"` // source: cursor by partition
	// Idle is when each partition that was read to its end was first found so, since
	// its last row.
	Idle         map[string]time.Time `json:"idle,omitempty"`
	Committables map[string][]byte    `json:"handles,omitempty"` // what each sink prepared, by step
	// Staged counts, of each step in Committables, what no reader sees. An older engine did not
	// record it.
	Staged   map[string]sdk.Staged `json:"staged,omitempty"`
	Counts   map[string]Counts     `json:"books,omitempty"`    // counters of the run, by step
	Settings map[string]Setting    `json:"settings,omitempty"` // what all of it was made with, by step
	// AtEnd is set by Forget: what a source of the same file's fills holds is of
	// runs that were forgotten.
	AtEnd bool `json:"at_end,omitempty"`
}

// Setting is what a step was when the record was made. A change may make its
// positions, its state, its staged rows or its files useless. What an older
// engine did not record is left out.
type Setting struct {
	Kind      string   `json:"kind"`
	Plugin    string   `json:"plugin"`
	Config    string   `json:"config,omitempty"`    // JSON, without what may be a secret
	Sum       uint16   `json:"sum,omitempty"`       // of a config that may be a secret; too short to guess it by
	Resources []string `json:"resources,omitempty"` // what the step reads or fills
	Columns   []Column `json:"columns,omitempty"`   // as a sink writes them
}

// Column is a column's name and its type as in YAML.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Counts are the row counters of one step.
type Counts struct {
	In       int64 `json:"in"`
	Created  int64 `json:"created,omitempty"`
	Out      int64 `json:"out"`
	Dropped  int64 `json:"dropped,omitempty"`
	Absorbed int64 `json:"absorbed,omitempty"`
	Late     int64 `json:"late,omitempty"`
	Rejected int64 `json:"rejected,omitempty"`
	Partial  int64 `json:"partial,omitempty"`
}

// Balanced reports whether every row is accounted for.
func (c Counts) Balanced() bool {
	return c.In+c.Created == c.Out+c.Dropped+c.Absorbed+c.Late+c.Rejected
}
