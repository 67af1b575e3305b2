package measure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Service is a process that runs beside what is measured.
type Service struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	read   chan struct{} // closed when its output has ended
	Usage  Usage         // after Stop
	begin  time.Time
}

const patience = time.Minute // to start, and to stop

// Serve starts a process and waits for the first line that it prints.
func Serve(ctx context.Context, p Program) (*Service, string, error) {
	s := &Service{cmd: exec.CommandContext(ctx, p.Path, p.Args...), read: make(chan struct{}), begin: time.Now()}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = p.Dir, p.Env, &s.stderr
	ownGroup(s.cmd)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("starting %s: %w", p.Path, err)
	}
	first := make(chan string, 1)
	go func() {
		defer close(s.read)
		lines := bufio.NewScanner(stdout)
		if lines.Scan() {
			first <- lines.Text()
		}
		close(first)
		for lines.Scan() {
		}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case line, ok := <-first:
		if ok {
			return s, line, nil
		}
		err = errors.New("it ended without a word")
	case <-timer.C:
		err = fmt.Errorf("it said nothing within %s", patience)
	}
	err = errors.Join(err, s.Stop())
	return nil, "", fmt.Errorf("starting %s %s: %w\n%s", p.Path, strings.Join(p.Args, " "), err,
		end(s.stderr.String()))
}

// Stop interrupts the process and waits for its end.
func (s *Service) Stop() error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	timer := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	<-s.read
	err := s.cmd.Wait()
	s.Usage = UsageOf(s.cmd)
	s.Usage.Wall = time.Since(s.begin)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && interrupted(exit) {
		return nil
	}
	return err
}

// interrupted reports whether a process ended by an interrupt.
func interrupted(e *exec.ExitError) bool {
	const afterInterrupt = 128 + int(syscall.SIGINT)
	status, ok := e.Sys().(syscall.WaitStatus)
	return e.ExitCode() == afterInterrupt || ok && status.Signaled() && status.Signal() == syscall.SIGINT
}
