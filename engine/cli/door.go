package cli

import (
	"io"
	"sync"

	"etlengine/engine/internal/config"
)

// door is where all that the engine says leaves: on it secrets are masked, and
// control characters, which file names and values may hold, are written as escapes.
// Each Write must hold whole words.
type door struct {
	to io.Writer

	mu      sync.Mutex // guards secrets
	secrets config.Secrets
}

// keep adds to what is masked.
func (d *door) keep(secrets *config.Secrets) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secrets.Merge(secrets)
}

// clean is text as it may be printed.
func (d *door) clean(text string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return config.Printable(d.secrets.Mask(text))
}

// Write writes the text as it may be printed.
func (d *door) Write(text []byte) (int, error) {
	if _, err := io.WriteString(d.to, d.clean(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
