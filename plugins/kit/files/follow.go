package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"etlengine/plugins/kit/staging"
)

// Drain ends a folder that pipelines of the same run fill with the files there now.
func (s *source) Drain(context.Context) error {
	s.drain.Do(func() { close(s.drained) })
	return nil
}

// wait blocks until it is worth while to look for new files.
func (s *source) wait(ctx context.Context) error {
	timer := time.NewTimer(s.interval)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.drained:
	case <-s.closed:
		return errSourceClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Committed does nothing: what is read is remembered by cursors alone.
func (s *source) Committed(ctx context.Context, epoch uint64, at map[string][]byte) error {
	return nil
}

// Close makes a waiting Next return and closes the file at hand.
func (s *source) Close(ctx context.Context) error {
	s.close.Do(func() { close(s.closed) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading == nil {
		return nil
	}
	r := s.reading
	s.reading = nil
	if err := r.reader.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", r.name, err)
	}
	return nil
}

// restat is the file as it is now.
func (s *source) restat(f found) (found, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return f, fmt.Errorf("opening %s: it is gone since the files were listed", f.name)
	}
	if err != nil {
		return f, staging.Failed("opening", f.name, err)
	}
	f.size, f.modified = info.Size(), info.ModTime()
	return f, nil
}
