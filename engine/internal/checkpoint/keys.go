package checkpoint

import (
	"encoding/binary"
	"slices"
)

// The first byte of a key is the kind of its value. Names are written with their
// length before them, so that no name is the beginning of another's key.
var engineKey = []byte("e")

func runKey(pipeline string) []byte       { return named('p', pipeline) }
func recordKey(pipeline string) []byte    { return named('r', pipeline) }
func committedKey(pipeline string) []byte { return named('d', pipeline) }
func forgetKey(pipeline string) []byte    { return named('f', pipeline) }

func statePrefix(pipeline, step string) []byte {
	return named('s', pipeline, step)
}

func named(kind byte, names ...string) []byte {
	key := []byte{kind}
	for _, name := range names {
		key = binary.AppendUvarint(key, uint64(len(name)))
		key = append(key, name...)
	}
	return key
}

// nameIn is the first name of a key.
func nameIn(key []byte) string {
	length, n := binary.Uvarint(key[1:])
	return string(key[1+n:][:length])
}

// after is the first key behind all that begin with the prefix, which is never
// made of 0xff alone.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
