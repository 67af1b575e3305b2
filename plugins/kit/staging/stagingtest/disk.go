// Package stagingtest stops a two-phase sink's store at any step of its disk, by an error, a
// kill or a power failure, so that tests can see what it goes on from.
package stagingtest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"etlengine/plugins/kit/staging"
)

// Disk is a file system that knows what a power failure would leave: the bytes and names that
// were synced. It fails from a chosen step on, or at that step.
type Disk struct {
	During  func() // called before each step takes effect, unless nil
	Steps   int    // taken so far
	FailAt  int    // the first step that fails; 0: none
	Err     error  // of a step that fails
	Once    bool   // only that one step fails
	Only    string // only steps of this kind count
	Changes bool   // only steps that change something count
	Failed  string // what the first step to fail was about: "sync: /data/out"
	Opened  int    // files open now
	Most    int    // files that were open at a time

	mu     sync.Mutex
	root   *node
	locked map[string]bool
}

// readOnly are the steps behind which a crash is the same as before them.
var readOnly = map[string]bool{"stat": true, "names": true, "writable": true, "open": true, "read": true,
	"append": true, "close": true, "close after reading": true, "lock": true}

type node struct {
	dir           bool
	data, durable []byte
	lost          [2]int           // bytes whose sync failed: no later one writes them
	names, kept   map[string]*node // of a folder: now, and after a power failure
}

func newFolder() *node {
	return &node{dir: true, names: map[string]*node{}, kept: map[string]*node{}}
}

// NewDisk is a disk with nothing but the folder /data.
func NewDisk() *Disk {
	d := &Disk{root: newFolder(), locked: map[string]bool{}}
	out := newFolder()
	d.root.names["data"], d.root.kept["data"] = out, out
	return d
}

// step counts one operation and fails if its turn has come. It returns with mu
// locked.
func (d *Disk) step(op, path string) error {
	if d.During != nil {
		d.During()
	}
	d.mu.Lock()
	if (d.Only != "" && d.Only != op) || (d.Changes && readOnly[op]) {
		return nil
	}
	d.Steps++
	if d.FailAt > 0 && (d.Steps == d.FailAt || d.Steps > d.FailAt && !d.Once) {
		if d.Failed == "" {
			d.Failed = op + ": " + path
		}
		return d.Err
	}
	return nil
}

func (d *Disk) find(path string) (*node, error) {
	n := d.root
	for _, name := range splitPath(path) {
		if n = n.names[name]; n == nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		}
	}
	return n, nil
}

func splitPath(path string) []string {
	var names []string
	for path != "/" && path != "." {
		names = append(names, filepath.Base(path))
		path = filepath.Dir(path)
	}
	slices.Reverse(names)
	return names
}

type nodeInfo struct {
	name string
	dir  bool
	size int64
}

func infoOf(name string, n *node) nodeInfo { return nodeInfo{name, n.dir, int64(len(n.data))} }

func (i nodeInfo) Name() string               { return i.name }
func (i nodeInfo) Size() int64                { return i.size }
func (i nodeInfo) Mode() fs.FileMode          { return 0 }
func (i nodeInfo) ModTime() time.Time         { return time.Time{} }
func (i nodeInfo) IsDir() bool                { return i.dir }
func (i nodeInfo) Sys() any                   { return nil }
func (i nodeInfo) Type() fs.FileMode          { return 0 }
func (i nodeInfo) Info() (fs.FileInfo, error) { return i, nil }

// at takes a step that needs something at path.
func (d *Disk) at(op, path string) (*node, error) {
	if err := d.step(op, path); err != nil {
		return nil, err
	}
	return d.find(path)
}

func (d *Disk) Stat(path string) (fs.FileInfo, error) {
	n, err := d.at("stat", path)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return infoOf(filepath.Base(path), n), nil
}

func (d *Disk) Names(folder string) ([]fs.DirEntry, error) {
	n, err := d.at("names", folder)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for name, child := range n.names {
		entries = append(entries, infoOf(name, child))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (d *Disk) Writable(folder string) error {
	defer d.mu.Unlock()
	return d.step("writable", folder)
}

func (d *Disk) make(path string, n *node) error {
	parent, err := d.find(filepath.Dir(path))
	if err != nil {
		return err
	}
	if parent.names[filepath.Base(path)] != nil {
		return fs.ErrExist
	}
	parent.names[filepath.Base(path)] = n
	return nil
}

func (d *Disk) Mkdir(path string) error {
	err := d.step("mkdir", path)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	return d.make(path, newFolder())
}

func (d *Disk) Create(path string) (staging.File, error) {
	err := d.step("create", path)
	defer d.mu.Unlock()
	n := &node{}
	if err == nil {
		err = d.make(path, n)
	}
	if err != nil {
		return nil, err
	}
	return d.open(path, n, "close"), nil
}

func (d *Disk) Append(path string) (staging.File, error) {
	n, err := d.at("append", path)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.open(path, n, "close"), nil
}

func (d *Disk) Open(path string) (staging.Reader, error) {
	n, err := d.at("open", path)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.open(path, n, "close after reading"), nil
}

// Sync that fails loses the bytes for good, as Linux does: they stay to be
// read, and the next sync, which succeeds, does not write them.
func (d *Disk) Sync(path string) error {
	err := d.step("sync", path)
	defer d.mu.Unlock()
	n, missing := d.find(path)
	if missing != nil {
		return errors.Join(err, missing)
	}
	switch {
	case n.dir && err == nil:
		n.kept = map[string]*node{}
		for name, child := range n.names {
			n.kept[name] = child
		}
	case !n.dir && err == nil:
		n.durable = slices.Clone(n.data)
		clear(n.durable[min(n.lost[0], len(n.durable)):min(n.lost[1], len(n.durable))])
	case !n.dir:
		n.lost = [2]int{min(len(n.durable), len(n.data)), len(n.data)}
	}
	return err
}

func (d *Disk) Truncate(path string, size int64) error {
	n, err := d.at("truncate", path)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	n.data = slices.Clone(n.data[:size])
	n.lost[1] = min(n.lost[1], int(size))
	n.lost[0] = min(n.lost[0], n.lost[1])
	return nil
}

func (d *Disk) Rename(from, to string) error {
	n, err := d.at("rename", from)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	if there, err := d.find(to); err == nil && there == n {
		return d.drop(from) // a power failure kept both names of a rename
	}
	if err := d.make(to, n); err != nil {
		return err
	}
	return d.drop(from)
}

func (d *Disk) Replace(from, to string) error {
	err := d.step("replace", to)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	n, err := d.find(from)
	if err != nil {
		return err
	}
	parent, err := d.find(filepath.Dir(to))
	if err != nil {
		return err
	}
	parent.names[filepath.Base(to)] = n
	return d.drop(from)
}

func (d *Disk) Remove(path string) error {
	n, err := d.at("remove", path)
	defer d.mu.Unlock()
	if err == nil && len(n.names) > 0 {
		err = &fs.PathError{Op: "remove", Path: path, Err: syscall.ENOTEMPTY}
	}
	if err != nil {
		return err
	}
	return d.drop(path)
}

func (d *Disk) drop(path string) error {
	if _, err := d.find(path); err != nil {
		return err
	}
	parent, err := d.find(filepath.Dir(path))
	delete(parent.names, filepath.Base(path))
	return err
}

func (d *Disk) Lock(folder, _ string) (func() error, error) {
	err := d.step("lock", folder)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if d.locked[folder] {
		return nil, staging.Locked{Holder: "pid 1"}
	}
	d.locked[folder] = true
	return func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.locked, folder)
		return nil
	}, nil
}

// Delete takes away a file, or a folder with all in it, as people do.
func (d *Disk) Delete(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.drop(path)
}

// Tree lists the files below a folder, with what they hold.
func (d *Disk) Tree(folder string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string]string{}
	if n, err := d.find(folder); err == nil {
		list(n, "", files)
	}
	return files
}

func list(n *node, path string, files map[string]string) {
	for name, child := range n.names {
		if child.dir {
			list(child, filepath.Join(path, name), files)
		} else {
			files[filepath.Join(path, name)] = string(child.data)
		}
	}
}

// Has reports whether there is something at a path, which costs no step.
func (d *Disk) Has(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.find(path)
	return err == nil
}

// Flip changes one bit of a file.
func (d *Disk) Flip(path string, at int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(path)
	if err != nil {
		panic(err)
	}
	n.data = slices.Clone(n.data)
	n.data[at] ^= 1
}
