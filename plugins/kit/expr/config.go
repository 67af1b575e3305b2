package expr

import (
	"errors"

	"etlengine/plugins/sdk"
)

// ProblemsOf turns an error of Compile into problems of the config that holds the
// expression at path, one for each fault. Where in the text a fault is, its
// offset says. Columns that are known to be missing are left out: why they are
// is reported elsewhere. known may be nil.
func ProblemsOf(err error, path string, known map[string]bool) []sdk.Problem {
	faults, ok := errors.AsType[Errors](err)
	if !ok {
		return []sdk.Problem{{Path: path, Message: err.Error()}}
	}
	var all []sdk.Problem
	for _, fault := range faults {
		if known[fault.Missing] {
			continue
		}
		code := sdk.CodeExpression
		if fault.Missing != "" {
			code = sdk.CodeUnknownColumn
		}
		all = append(all, sdk.Problem{Path: path, Message: fault.Message, Hint: fault.Hint,
			Offset: fault.Offset, Code: code})
	}
	return all
}

// CheckSyntax finds the faults that need no columns to be seen, as an error for
// a config's Validate. nil: there are none.
func CheckSyntax(text, path string) error {
	l, err := theLanguage()
	if err != nil {
		return err
	}
	c := &compiler{language: l, text: text}
	_, faults := c.parse()
	var all []error
	for _, p := range ProblemsOf(faults, path, nil) {
		all = append(all, p)
	}
	return errors.Join(all...)
}
