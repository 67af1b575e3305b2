package expr

import (
	"errors"

	"etlengine/plugins/sdk"
)

// ProblemOf is an error of Compile as a problem of the config that holds the
// expression at path. Where in the text the fault is, the offset tells.
func ProblemOf(err error, path string) sdk.Problem {
	fault, ok := errors.AsType[*Error](err)
	if !ok {
		return sdk.Problem{Path: path, Message: err.Error()}
	}
	code := sdk.CodeExpression
	if fault.Missing != "" {
		code = sdk.CodeUnknownColumn
	}
	return sdk.Problem{Path: path, Message: fault.Message, Hint: fault.Hint, Offset: fault.Offset, Code: code}
}

// CheckSyntax finds the faults that can be told without the columns.
func CheckSyntax(text string) error {
	l, err := theLanguage()
	if err != nil {
		return err
	}
	c := &compiler{language: l, text: text}
	_, err = c.parse()
	return err
}
