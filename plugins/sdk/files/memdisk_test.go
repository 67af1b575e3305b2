package files

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// memDisk is a file system that knows what a power cut would leave: the bytes
// and names that were synced. It fails from a chosen step on.
type memDisk struct {
	root   *node
	steps  int // taken so far
	failAt int // the first step that fails; 0: none
	err    error
	once   bool // only that one step fails
	only   string
	locked map[string]bool
}

type node struct {
	dir           bool
	data, durable []byte
	names, kept   map[string]*node // of a folder: now, and after a power cut
}

func newFolder() *node {
	return &node{dir: true, names: map[string]*node{}, kept: map[string]*node{}}
}

func newMemDisk() *memDisk {
	d := &memDisk{root: newFolder(), locked: map[string]bool{}}
	out := newFolder()
	d.root.names["data"], d.root.kept["data"] = out, out
	return d
}

// step counts one operation and fails if its turn has come.
func (d *memDisk) step(op string) error {
	if d.only != "" && d.only != op {
		return nil
	}
	d.steps++
	if d.failAt > 0 && (d.steps == d.failAt || d.steps > d.failAt && !d.once) {
		return d.err
	}
	return nil
}

// crash forgets the locks and what the mode says: "kill" nothing, "power" all
// that was not synced, "torn" some of it.
func (d *memDisk) crash(mode string, random *rand.Rand) {
	d.failAt, d.locked = 0, map[string]bool{}
	if mode != "kill" {
		forget(d.root, mode == "torn", random, map[*node]bool{})
	}
}

func forget(n *node, some bool, random *rand.Rand, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if !n.dir {
		keep := n.durable
		if some && bytes.HasPrefix(n.data, n.durable) {
			keep = n.data[:len(n.durable)+random.IntN(len(n.data)-len(n.durable)+1)]
		}
		n.data, n.durable = slices.Clone(keep), slices.Clone(keep)
		return
	}
	all := map[string]bool{}
	for name := range n.names {
		all[name] = true
	}
	for name := range n.kept {
		all[name] = true
	}
	for _, name := range slices.Sorted(mapsKeys(all)) {
		if some && random.IntN(2) == 0 {
			if n.names[name] != nil { // a new name that reached the disk; removals never do by themselves
				n.kept[name] = n.names[name]
			}
		}
	}
	n.names = map[string]*node{}
	for name, child := range n.kept {
		n.names[name] = child
		forget(child, some, random, seen)
	}
}

func mapsKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (d *memDisk) find(path string) (*node, error) {
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
	*node
}

func (i nodeInfo) Name() string               { return i.name }
func (i nodeInfo) Size() int64                { return int64(len(i.data)) }
func (i nodeInfo) Mode() fs.FileMode          { return 0 }
func (i nodeInfo) ModTime() time.Time         { return time.Time{} }
func (i nodeInfo) IsDir() bool                { return i.dir }
func (i nodeInfo) Sys() any                   { return nil }
func (i nodeInfo) Type() fs.FileMode          { return 0 }
func (i nodeInfo) Info() (fs.FileInfo, error) { return i, nil }

func (d *memDisk) Stat(path string) (fs.FileInfo, error) {
	n, err := d.find(path)
	return nodeInfo{filepath.Base(path), n}, errors.Join(d.step("stat"), err)
}

func (d *memDisk) Names(folder string) ([]fs.DirEntry, error) {
	n, err := d.find(folder)
	if err := errors.Join(d.step("names"), err); err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for name, child := range n.names {
		entries = append(entries, nodeInfo{name, child})
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (d *memDisk) Writable(folder string) error { return d.step("writable") }

func (d *memDisk) make(path string, n *node) error {
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

func (d *memDisk) Mkdir(path string) error {
	if err := d.step("mkdir"); err != nil {
		return err
	}
	return d.make(path, newFolder())
}

type memFile struct {
	*node
	d *memDisk
}

func (d *memDisk) Create(path string) (diskFile, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	n := &node{}
	return memFile{n, d}, d.make(path, n)
}

func (d *memDisk) Append(path string) (diskFile, error) {
	n, err := d.find(path)
	return memFile{n, d}, errors.Join(d.step("append"), err)
}

func (d *memDisk) Open(path string) (diskReader, error) {
	n, err := d.find(path)
	return memFile{n, d}, errors.Join(d.step("open"), err)
}

// Write tears: the half that fits is written before the error.
func (f memFile) Write(p []byte) (int, error) {
	if err := f.d.step("write"); err != nil {
		f.data = append(f.data, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f memFile) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f memFile) Close() error { return f.d.step("close") }
func (f memFile) Sync() error  { return f.d.sync(f.node) }

func (d *memDisk) sync(n *node) error {
	if err := d.step("sync"); err != nil {
		return err
	}
	if !n.dir {
		n.durable = slices.Clone(n.data)
		return nil
	}
	n.kept = map[string]*node{}
	for name, child := range n.names {
		n.kept[name] = child
	}
	return nil
}

func (d *memDisk) Sync(path string) error {
	n, err := d.find(path)
	if err != nil {
		return err
	}
	return d.sync(n)
}

func (d *memDisk) Truncate(path string, size int64) error {
	n, err := d.find(path)
	if err := errors.Join(d.step("truncate"), err); err != nil {
		return err
	}
	n.data = slices.Clone(n.data[:size])
	return nil
}

func (d *memDisk) Rename(from, to string) error {
	n, err := d.find(from)
	if err := errors.Join(d.step("rename"), err); err != nil {
		return err
	}
	if there, err := d.find(to); err == nil && there == n {
		return d.remove(from) // a power cut kept both names of a rename
	}
	if err := d.make(to, n); err != nil {
		return err
	}
	return d.remove(from)
}

func (d *memDisk) Remove(path string) error {
	if err := d.step("remove"); err != nil {
		return err
	}
	return d.remove(path)
}

func (d *memDisk) remove(path string) error {
	if _, err := d.find(path); err != nil {
		return err
	}
	parent, err := d.find(filepath.Dir(path))
	delete(parent.names, filepath.Base(path))
	return err
}

func (d *memDisk) Lock(folder string) (func() error, error) {
	if err := d.step("lock"); err != nil {
		return nil, err
	}
	if d.locked[folder] {
		return nil, errLocked{"pid 1"}
	}
	d.locked[folder] = true
	return func() error { delete(d.locked, folder); return nil }, nil
}

// tree lists the files below a folder, with what they hold.
func (d *memDisk) tree(folder string) map[string]string {
	files := map[string]string{}
	n, err := d.find(folder)
	if err != nil {
		return files
	}
	for name, child := range n.names {
		if !child.dir {
			files[name] = string(child.data)
		}
		for below, data := range d.tree(filepath.Join(folder, name)) {
			files[filepath.Join(name, below)] = data
		}
	}
	return files
}
