package sdk

import "fmt"

// RefusedError is what a sink's Write returns when it cannot take some rows of a batch
// for what they are: it has taken all others. The engine makes dead letters of them, or
// ends the run at the first. What can be refused by row is found out by Write, since
// behind the epoch's record it is too late for a dead letter.
type RefusedError struct{ Rows []Refused }

// Refused is a row that a sink could not take.
type Refused struct {
	Row    int    // number in the batch
	Reason string // lowercase, what was wanted and what came
}

// Error names the first row.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d rows were refused, first row %d: %s", len(e.Rows), e.Rows[0].Row, e.Rows[0].Reason)
}

// Refuse adds a row; on a nil error it makes one.
func (e *RefusedError) Refuse(row int, reason string) *RefusedError {
	if e == nil {
		e = &RefusedError{}
	}
	e.Rows = append(e.Rows, Refused{Row: row, Reason: reason})
	return e
}

// Count is how many rows were refused, also on a nil error.
func (e *RefusedError) Count() int {
	if e == nil {
		return 0
	}
	return len(e.Rows)
}

// Kept reports for each of n rows whether it was taken.
func (e *RefusedError) Kept(n int) []bool {
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = true
	}
	for _, r := range e.Rows {
		keep[r.Row] = false
	}
	return keep
}

// OrNil is the error, or nil if no row was refused: a nil pointer in an error is not nil.
func (e *RefusedError) OrNil() error {
	if e == nil {
		return nil
	}
	return e
}
