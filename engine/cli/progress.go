package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"etlengine/engine/internal/stream"
)

// progressEvery is how often the lines on the terminal are drawn again.
const progressEvery = 250 * time.Millisecond

// progress draws a line for each pipeline on a terminal, over and over.
type progress struct {
	out    *door
	runner *stream.Runner
	quit   chan struct{}
	done   chan struct{}
	before map[string]sample
}

type sample struct {
	rows int64
	at   time.Time
	rate float64 // rows a second, smoothed
}

func isTerminal(w io.Writer) bool {
	if d, ok := w.(*door); ok {
		w = d.to
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

func startProgress(out *door, r *stream.Runner) *progress {
	p := &progress{out: out, runner: r, quit: make(chan struct{}), done: make(chan struct{}),
		before: map[string]sample{}}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				p.draw(r.Progress(), now)
			case <-p.quit:
				p.out.draw(nil, 80, 24)
				return
			}
		}
	}()
	return p
}

// logEvery is how often a run that no terminal shows says in the log how far it is.
const logEvery = 30 * time.Second

// startLogging is startProgress for a log: one line for each pipeline now and then.
func startLogging(log *slog.Logger, now func() []stream.Progress) *progress {
	p := &progress{quit: make(chan struct{}), done: make(chan struct{}), before: map[string]sample{}}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(logEvery)
		defer ticker.Stop()
		for {
			select {
			case at := <-ticker.C:
				for _, one := range now() {
					log.Info("progress: " + strings.Join(strings.Fields(p.line(one, one.Pipeline, at)), " "))
				}
			case <-p.quit:
				return
			}
		}
	}()
	return p
}

// stop removes the lines, so that the summary stands in their place.
func (p *progress) stop() {
	if p == nil {
		return
	}
	close(p.quit)
	<-p.done
}

func (p *progress) draw(all []stream.Progress, now time.Time) {
	width, height := terminalSize(p.out)
	lines := make([]string, len(all))
	for i, one := range all {
		lines[i] = p.line(one, shortened(one.Pipeline, width-countsWidth), now)
	}
	p.out.draw(lines, width, height)
}

// countsWidth is how wide rows and rate are in a line: a long name leaves them that.
const countsWidth = len(" 1,123,456,789 rows    123,456 rows/s ")

// shortened is a name in width characters, but at least 8: most names differ in those.
func shortened(name string, width int) string {
	if width = max(width, 8); len(name) > width { // names are ASCII
		return name[:width-1] + "…"
	}
	return name
}

// terminalSize is the size of a terminal, which may have changed since it was asked last.
func terminalSize(out *door) (width, height int) {
	if f, ok := out.to.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col), int(size.Row)
		}
	}
	return 80, 24
}

// line is the state of one pipeline under a name: rows, rate, watermark, lag, ETA.
func (p *progress) line(one stream.Progress, name string, now time.Time) string {
	s, known := p.before[one.Pipeline]
	if known {
		rate := float64(one.Rows-s.rows) / now.Sub(s.at).Seconds()
		s.rate = 0.6*s.rate + 0.4*rate
	}
	s.rows, s.at = one.Rows, now
	p.before[one.Pipeline] = s
	text := fmt.Sprintf("%-12s %12s rows %10s rows/s", name, count(one.Rows), count(int64(s.rate)))
	if !one.Watermark.IsZero() {
		text += "  watermark " + one.Watermark.UTC().Format("2006-01-02 15:04:05Z")
	}
	if one.Done {
		return text + "  done"
	}
	if one.Lag >= 0 {
		text += "  lag " + count(one.Lag)
		if s.rate > 1 && !one.Filled { // while it is filled the end moves
			text += "  ETA " + time.Duration(float64(one.Lag)/s.rate*float64(time.Second)).Round(time.Second).String()
		}
	}
	return text
}
