package aggregation

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// The first byte of each value in a key. Within a text, 0 is written as 0 255,
// and 0 0 ends it: a text sorts before all that it begins.
const (
	keyNull  = 0
	keyValue = 1
)

var errKey = errors.New("the key of a group is damaged")

func appendFixedKey(key []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(key, keyValue), uint64(v)^1<<63)
}

func appendTextKey(key, text []byte) []byte {
	key = append(key, keyValue)
	for {
		zero := bytes.IndexByte(text, 0)
		if zero < 0 {
			return append(append(key, text...), 0, 0)
		}
		key = append(append(key, text[:zero]...), 0, 255)
		text = text[zero+1:]
	}
}

// keyPart is one value of a key.
type keyPart struct {
	null  bool
	fixed int64
	text  []byte
}

// nextKeyPart returns the first value of a key and the remaining key. The value's text
// may share the key's memory.
func nextKeyPart(key []byte, k kind) (keyPart, []byte, error) {
	switch {
	case len(key) > 0 && key[0] == keyNull:
		return keyPart{null: true}, key[1:], nil
	case len(key) == 0 || key[0] != keyValue:
		return keyPart{}, nil, errKey
	case k == fixedKind:
		if len(key) < 9 {
			return keyPart{}, nil, errKey
		}
		return keyPart{fixed: int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63)}, key[9:], nil
	}
	key = key[1:]
	if zero := bytes.IndexByte(key, 0); zero >= 0 && zero+1 < len(key) && key[zero+1] == 0 {
		return keyPart{text: key[:zero]}, key[zero+2:], nil
	}
	var text []byte
	for {
		zero := bytes.IndexByte(key, 0)
		if zero < 0 || zero+1 == len(key) {
			return keyPart{}, nil, errKey
		}
		text = append(text, key[:zero]...)
		mark := key[zero+1]
		key = key[zero+2:]
		switch mark {
		case 0:
			return keyPart{text: text}, key, nil
		case 255:
			text = append(text, 0)
		default:
			return keyPart{}, nil, errKey
		}
	}
}
