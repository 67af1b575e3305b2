package staging

import (
	"fmt"
)

// Committed names an epoch with rows that a target has, for targets that keep the newest
// one beside its rows, in one transaction. The zero value stands for none so far.
type Committed struct {
	Epoch uint64 `json:"epoch"`
	// ID is an Incarnation, made with the epoch's rows: two engines that run with copies of
	// one state directory count the same epochs.
	ID string `json:"id,omitempty"`
}

func (c Committed) String() string {
	if c.Epoch == 0 {
		return "no epoch"
	}
	return fmt.Sprintf("epoch %d (%s)", c.Epoch, c.ID)
}

// Compare finds out from the newest epoch that a target has whether the epoch of a record
// is committed. before is the epoch with rows before that. If newest is neither, known is
// false: an engine with a copy of the state directory has written, or the target or the
// state directory is not the newest.
func Compare(newest, epoch, before Committed) (done, known bool) {
	return newest == epoch, newest == epoch || newest == before
}
