// Command profiled is the engine, with a profile of its CPU time and of what it
// allocates: CPU_PROFILE and ALLOCATIONS name the files.
//
//	CPU_PROFILE=cpu.prof go run ./cmd/profiled run job.yaml && go tool pprof -top cpu.prof
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"etlengine/engine/cli"
	"etlengine/plugins"
)

func main() {
	stop, err := start(os.Getenv("CPU_PROFILE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
	code := cli.Main(os.Args[1:], os.Stdout, os.Stderr, plugins.Builtin())
	stop()
	if err := allocations(os.Getenv("ALLOCATIONS")); err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
	}
	os.Exit(code)
}

func start(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // pprof has written all; a broken file shows when it is read
	}, nil
}

func allocations(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC() // the profile is of the last collection
	return pprof.Lookup("allocs").WriteTo(f, 0)
}
