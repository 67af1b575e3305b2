package stagingtest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash ends the process that holds the locks and leaves what the mode says:
// "kill" all, "power" what was synced, "torn" some of what was not synced too: a prefix of
// the bytes of any file, any names that were made, any that were removed.
// "zeros" is torn, with sizes that reached the disk before their bytes.
func (d *Disk) Crash(mode string, random *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.FailAt, d.Failed, d.Opened, d.locked = 0, "", 0, map[string]bool{}
	if mode == "kill" {
		return
	}
	p := powerFailure{some: mode != "power", zeros: mode == "zeros", random: random, seen: map[*node]bool{}}
	if p.some {
		p.names(d.root)
	}
	p.forget(d.root)
}

type powerFailure struct {
	some, zeros bool
	random      *rand.Rand
	seen        map[*node]bool
}

// names lets some of the changed names reach the disk. A rename is one change:
// the old name goes only if the new one is there, which may be kept with it.
func (p *powerFailure) names(root *node) {
	var folders []*node
	live := map[*node]bool{}
	each(root, map[*node]bool{}, func(n *node) {
		if n.dir {
			folders = append(folders, n)
		}
	})
	for _, f := range folders {
		for _, name := range slices.Sorted(maps.Keys(f.names)) {
			live[f.names[name]] = true
			if f.kept[name] != f.names[name] && p.random.IntN(2) == 0 {
				f.kept[name] = f.names[name]
			}
		}
	}
	moved := map[*node]bool{}
	arrived(root, moved)
	for _, f := range folders {
		for _, name := range slices.Sorted(maps.Keys(f.kept)) {
			n := f.kept[name]
			if f.names[name] == nil && (!live[n] || moved[n]) && p.random.IntN(2) == 0 {
				delete(f.kept, name)
			}
		}
	}
}

// arrived finds what is under its present name after the power failure.
func arrived(n *node, found map[*node]bool) {
	found[n] = true
	for name, child := range n.kept {
		if n.names[name] == child {
			arrived(child, found)
		}
	}
}

// each visits what is there and what a power failure would bring back, always in
// the same order.
func each(n *node, seen map[*node]bool, visit func(*node)) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	visit(n)
	for _, names := range []map[string]*node{n.names, n.kept} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			each(names[name], seen, visit)
		}
	}
}

func (p *powerFailure) forget(n *node) {
	if p.seen[n] {
		return
	}
	p.seen[n] = true
	if !n.dir {
		n.data = p.bytes(n)
		n.durable, n.lost = slices.Clone(n.data), [2]int{}
		return
	}
	n.names = maps.Clone(n.kept)
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		p.forget(n.names[name])
	}
}

func (p *powerFailure) bytes(n *node) []byte {
	if !p.some || !bytes.HasPrefix(n.data, n.durable) {
		return slices.Clone(n.durable)
	}
	size := len(n.durable) + p.random.IntN(len(n.data)-len(n.durable)+1)
	if p.zeros {
		return append(slices.Clone(n.durable), make([]byte, size-len(n.durable))...)
	}
	return slices.Clone(n.data[:size])
}
