package files

import (
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// unlimited is the limit of a run that is not cut.
const unlimited = -1

// limitTo ends the run after that many records. The file at hand is not finished
// by it, even if nothing of it is left: only who reads its end knows that.
func (s *source) limitTo(records int64) {
	s.limit = max(records, 0)
	s.lag.limit.Store(s.limit)
}

// placed tells whether the rows of a file are asked for their positions. Of a
// run with a limit they are: its last batch is cut in the order of its records,
// of which some may be rejects.
func (s *source) placed(c completion) bool {
	return s.places || c.metadata.lines() || s.limit != unlimited
}

// cut takes of a batch what the limit leaves, and counts it.
func (s *source) cut(rows arrow.RecordBatch, positions []int64, rejected []sdk.Reject) (
	arrow.RecordBatch, []int64, []sdk.Reject,
) {
	if s.limit == unlimited {
		return rows, positions, rejected
	}
	kept, refused := 0, 0
	for s.limit > 0 && (kept < len(positions) || refused < len(rejected)) {
		row := kept < len(positions)
		if row && refused < len(rejected) {
			row = positions[kept] < rejected[refused].Position
		}
		if row {
			kept++
		} else {
			refused++
		}
		s.limit--
	}
	s.lag.limit.Store(s.limit)
	if rows != nil {
		rows = rows.NewSlice(0, int64(kept))
	}
	return rows, positions[:kept], rejected[:refused]
}
