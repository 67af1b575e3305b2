package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFilesThatCannotBeWrittenEndTheBroker puts in the way of each of kfake's files
// what it cannot write to, or a full disk.
func TestFilesThatCannotBeWrittenEndTheBroker(t *testing.T) {
	full := func(path string) error { return errors.Join(os.RemoveAll(path), os.Symlink("/dev/full", path)) }
	folder := func(path string) error {
		return errors.Join(os.RemoveAll(path), os.MkdirAll(filepath.Join(path, "x"), 0o700))
	}
	write := func(t *testing.T, cl *kgo.Client) {
		cl.Produce(t.Context(), &kgo.Record{Topic: "u", Value: []byte("v")}, nil)
	}
	for name, c := range map[string]struct {
		path  string
		block func(path string) error
		do    func(*testing.T, *kgo.Client)
		want  error
	}{
		"records, a full disk":      {"partitions/u-0/0.dat", full, write, syscall.ENOSPC},
		"index, a full disk":        {"partitions/u-0/0.idx", full, write, syscall.ENOSPC},
		"records, no file":          {"partitions/u-0/0.dat", folder, write, syscall.EISDIR},
		"producer ids, a full disk": {"pids.log", full, write, syscall.ENOSPC},
		"list of topics, no file": {"topics.json", folder, func(t *testing.T, cl *kgo.Client) {
			_, _ = kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "new")
		}, syscall.EEXIST},
		"offsets of groups, a full disk": {"groups.log", full, func(t *testing.T, cl *kgo.Client) {
			offsets := kadm.Offsets{}
			offsets.AddOffset("u", 0, 0, -1)
			_, _ = kadm.NewClient(cl).CommitOffsets(t.Context(), "g", offsets)
		}, syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			b := start(t, Options{})
			if err := b.cluster.CreateTopic("u", 1, nil); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(b.dir, filepath.FromSlash(c.path))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), c.block(path)); err != nil {
				t.Fatal(err)
			}
			cl := client(t, b, kgo.RecordRetries(0))
			do := make(chan struct{})
			go func() { c.do(t, cl); close(do) }()
			<-b.Failed()
			if err := b.Err(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), b.dir) {
				t.Errorf("got %v, want %v and the folder", err, c.want)
			}
			cl.Close()
			<-do
		})
	}
}

// TestStopThatCannotWriteIsNoCleanOne: kfake says so in its log only.
func TestStopThatCannotWriteIsNoCleanOne(t *testing.T) {
	b := start(t, Options{})
	if err := os.RemoveAll(filepath.Join(b.dir, "topics.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "topics.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("got %v, want %v", err, syscall.EEXIST)
	}
	if _, err := os.Stat(filepath.Join(b.dir, manifestFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s of a broker that could not write: %v", manifestFile, err)
	}
}
