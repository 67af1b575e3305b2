package columns

import (
	"regexp"
	"strings"
)

// timeFormats are the usual ways to write a time that is not RFC 3339, and the
// format that reads each.
var timeFormats = []struct {
	pattern *regexp.Regexp
	format  string
}{
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`), "'%Y-%m-%d %H:%M:%S'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.]\d{1,9}$`), "'%Y-%m-%d %H:%M:%S.%f'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:?\d\d$`), "'%Y-%m-%d %H:%M:%S %z'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d$`), "'%Y-%m-%d %H:%M'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`), "'%Y-%m-%dT%H:%M:%S'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{1,9}$`), "'%Y-%m-%dT%H:%M:%S.%f'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d$`), "'%Y-%m-%d'"},
	{regexp.MustCompile(`^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d$`), "'%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'"},
	{regexp.MustCompile(`^\d\d/\d\d/\d{4} \d\d:\d\d$`), "'%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'"},
	{regexp.MustCompile(`^\d\d/\d\d/\d{4}$`), "'%d/%m/%Y' or '%m/%d/%Y'"},
	{regexp.MustCompile(`^\d{9,10}$`), "unix_s"},
	{regexp.MustCompile(`^\d{12,13}$`), "unix_ms"},
	{regexp.MustCompile(`^\d{15,16}$`), "unix_us"},
}

// formatHint says which format reads the value that a column without one refused,
// or "".
func (c *Column) formatHint() string {
	if c.Kind != Timestamp || c.unit != 0 || c.Patterned() {
		return ""
	}
	got := strings.Trim(c.bad, `"`)
	for _, f := range timeFormats {
		if f.pattern.MatchString(got) {
			return "; give the column format: " + f.format
		}
	}
	return ""
}
