package sdk

import "errors"

// Problem is one thing wrong with a config. It is an error too.
type Problem struct {
	Path    string // keys inside the config, dotted: "aggregates.tickets.call"; "" is the whole
	Message string // what was wanted, what came; lowercase, without the path
	Hint    string // what to do, or ""
	Warning bool   // legal, but doubtful
	Key     bool   // the fault is in the key at Path, not in its value
	Offset  int    // where in the scalar at Path the fault begins, in code points; 0: all of it
	Code    string // stable name of the kind of fault, for scripts: "unknown-column"; "" is fine
}

// The codes that Decode and the helpers of this package give. A plugin may have
// others of its own.
const (
	CodeUnknownField  = "unknown-field"
	CodeMissingField  = "missing-field"
	CodeWrongType     = "wrong-type"    // a value that is not of the field's type
	CodeBadValue      = "invalid-value" // of the right type, but Validate refuses it
	CodeEmptyValue    = "empty-value"
	CodeUnknownColumn = "unknown-column"
	CodeExpression    = "bad-expression"
)

// ProblemAt is an error as a problem with the value at path. A Problem keeps its
// code, hint and offset.
func ProblemAt(path string, err error) Problem {
	p, ok := errors.AsType[Problem](err)
	if !ok {
		return Problem{Path: path, Message: err.Error()}
	}
	p.Path = path
	return p
}

// Error is the path and the message.
func (p Problem) Error() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Faults returns the problems that are not warnings.
func Faults(problems []Problem) []Problem {
	var faults []Problem
	for _, p := range problems {
		if !p.Warning {
			faults = append(faults, p)
		}
	}
	return faults
}
