package cli

import (
	"fmt"
	"io"
	"sync"

	"etlengine/engine/internal/config"
)

// door is where all that the engine says leaves: on it secrets are masked, and
// control characters, which file names and values may hold, are written as escapes.
// Each Write must hold whole words.
type door struct {
	to io.Writer

	mu      sync.Mutex // guards what follows
	secrets config.Secrets
	drawn   []int // lengths of the lines of progress at the cursor, on a terminal
	width   int   // of the terminal when they were drawn
}

// draw replaces the lines of progress on a terminal of so many columns and rows: each
// is cut to the width, since a line that wraps would not be erased as one.
func (d *door) draw(lines []string, width, height int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := d.up(width)
	d.drawn, d.width = nil, width
	for _, line := range lines[:min(len(lines), max(height-1, 1))] {
		cells := []rune(config.Printable(d.secrets.Mask(line)))
		cells = cells[:min(len(cells), max(width-1, 1))]
		text += string(cells) + "\x1b[K\n" // and erase what the line before had beyond
		d.drawn = append(d.drawn, len(cells))
	}
	_, _ = io.WriteString(d.to, text+"\x1b[J") // a terminal that is gone shows nothing
}

// up goes to the beginning of the drawn lines. The cursor may be behind the ^C that a
// terminal writes; a narrower terminal has wrapped the lines.
func (d *door) up(width int) string {
	rows := 0
	for _, length := range d.drawn {
		rows += max(1, (length+width-1)/max(width, 1))
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA", rows)
}

// erase removes the lines of progress, before something else is written there.
func (d *door) erase() {
	if len(d.drawn) > 0 {
		_, _ = io.WriteString(d.to, d.up(d.width)+"\x1b[J")
		d.drawn = nil
	}
}

// keep adds to what is masked.
func (d *door) keep(secrets *config.Secrets) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secrets.Merge(secrets)
}

// clean, with the lock, is text as it may be printed.
func (d *door) clean(text string) string {
	return config.Printable(d.secrets.Mask(text))
}

// Write writes the text as it may be printed.
func (d *door) Write(text []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
	if _, err := io.WriteString(d.to, d.clean(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
