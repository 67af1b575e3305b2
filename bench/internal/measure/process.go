// Package measure runs programs and says what they cost: wall clock, CPU time
// and peak memory, as the kernel counted them for a process and its children.
package measure

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Program is how to start a process.
type Program struct {
	Path  string
	Args  []string
	Dir   string
	Env   []string // nil: ours
	Stdin string
	Limit time.Duration // 0: five minutes
}

// Usage is what a process cost.
type Usage struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes resident
}

// Run runs a program to its end. What it printed on its standard output comes
// back; of a failure the end of both outputs is in the error.
//
// The kernel counts the memory of the starting process as if it were the started
// one's until its exec. So whoever calls Run must stay small.
func Run(ctx context.Context, p Program) (Usage, string, error) {
	limit := p.Limit
	if limit == 0 {
		limit = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.Path, p.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin = p.Dir, p.Env, strings.NewReader(p.Stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ownGroup(cmd)
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w after %s", ctx.Err(), wall.Round(time.Millisecond))
		}
		return Usage{}, stdout.String(), fmt.Errorf("running %s %s: %w\n%s%s", p.Path, strings.Join(p.Args, " "),
			err, end(stdout.String()), end(stderr.String()))
	}
	u := UsageOf(cmd)
	u.Wall = wall
	return u, stdout.String(), nil
}

// UsageOf is what a process that has ended cost, but for its wall clock.
func UsageOf(cmd *exec.Cmd) Usage {
	state := cmd.ProcessState
	u := Usage{CPU: state.UserTime() + state.SystemTime()}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.Peak = r.Maxrss * maxrssUnit
	}
	return u
}

// ownGroup lets a timeout end a program with all that it has started.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
}

func end(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}
