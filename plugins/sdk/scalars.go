package sdk

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes written as "128MB", "64KiB" or a plain number.
// KB and KiB both mean 1,024, as everywhere in the field.
type Bytes int64

var byteUnits = []struct {
	name string
	size int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// ConfigType is the type's name in the documentation.
func (Bytes) ConfigType() string { return "size" }

// String is the number with the largest unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return "0"
}

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	s = strings.Replace(s, "IB", "B", 1)
	unit := int64(1)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n*float64(unit) > math.MaxInt64/2 {
		return fmt.Errorf("want a size such as 64KB or 128MB, got %s", quote(string(text)))
	}
	*b = Bytes(n * float64(unit))
	return nil
}

// Secret is a string that never prints itself.
type Secret string

// ConfigType is the type's name in the documentation.
func (Secret) ConfigType() string { return "secret" }

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }
