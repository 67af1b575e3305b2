package files

import (
	"errors"
	"io"
	"testing"
)

func TestErrorsOfReadingNameTheirFileOnce(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{"unexpected EOF", "reading in/a.csv: unexpected EOF"},
		{"reading /data/in/a.csv: the file is damaged", "reading /data/in/a.csv: the file is damaged"},
		{"/data/in/a.csv:3: want a quote", "/data/in/a.csv:3: want a quote"},
	} {
		if err := readingError("in/a.csv", errors.New(tt.got)); err.Error() != tt.want {
			t.Errorf("want %q, got %q", tt.want, err)
		}
	}
	if err := readingError("in/a.csv", io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the cause is lost: %v", err)
	}
}
