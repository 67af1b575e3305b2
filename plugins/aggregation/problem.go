package aggregation

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"etlengine/plugins/sdk"
)

// problems collects what is wrong with a config.
type problems []sdk.Problem

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, sdk.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// at adds an error, which may be a problem itself.
func (p *problems) at(path string, err error) {
	*p = append(*p, sdk.ProblemAt(path, err))
}

// warn adds what is legal but doubtful.
func (p *problems) warn(code, path, message, hint string) {
	*p = append(*p, sdk.Problem{Code: code, Path: path, Message: message, Hint: hint, Warning: true})
}

// choice demands one of the words.
func (p *problems) choice(path, got string, words ...string) {
	if err := sdk.OneOf(path, got, words...); err != nil {
		p.at(path, err)
	}
}

// micros demands whole microseconds, the unit of event time.
func (p *problems) micros(path string, d sdk.Duration) {
	if time.Duration(d)%time.Microsecond != 0 {
		p.add(path, "want whole microseconds, got %s", d)
	}
}

// err is the problems as Validate returns them.
func (p problems) err() error {
	var errs []error
	for _, problem := range p {
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}

func pathOf(list string, index int) string {
	return list + "." + strconv.Itoa(index)
}
