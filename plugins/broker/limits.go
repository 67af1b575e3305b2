package broker

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

const (
	maxConnections = 1000
	maxMemory      = 256 << 20 // bytes of requests larger than smallFrame, of all connections
	maxClaimed     = 32 << 20  // those of them that have not arrived
	maxFetch       = 16 << 20  // bytes of an answer to a fetch, unless its first batch is larger

	slowest = 64 << 10 // bytes in a second
)

var errBusy = errors.New("the requests of all connections together are too large")

// limits of a connection; zero is none.
type limits struct {
	connections int
	idle        time.Duration // without a request
	frame       time.Duration // for a frame to come in or go out, and a second for each 64 kB of it
}

var defaultLimits = limits{connections: maxConnections, idle: 10 * time.Minute, frame: 30 * time.Second}

// budget counts the memory of large requests.
type budget struct {
	mu      sync.Mutex
	used    int64
	claimed int64
}

// reserve adds n bytes to what is used, unless that passes the limit.
func (b *budget) reserve(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > maxMemory {
		return false
	}
	b.used += n
	return true
}

// claim reserves n bytes for a frame that has yet to arrive.
func (b *budget) claim(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > maxMemory || b.claimed+n > maxClaimed {
		return false
	}
	b.used += n
	b.claimed += n
	return true
}

func (b *budget) arrived(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claimed -= n
}

func (b *budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
}

// Keys of requests that the guard does something about.
const (
	keyProduce    = 0
	keyFetch      = 1
	keyShareFetch = 78
)

// inspect gets the fields of a request that is being checked, and may change
// them in place.
func (r *request) inspect(f *field, value []byte) {
	switch {
	case r.key == keyProduce && f.name == "Acks":
		r.silent = value[0] == 0 && value[1] == 0
	case r.key == keyProduce && f.name == "Topic":
		r.at = produced{topic: string(value)}
	case r.key == keyProduce && f.name == "TopicID":
		r.at = produced{}
		copy(r.at.id[:], value)
	case r.key == keyProduce && f.name == "Partition":
		r.at.partition = int32(binary.BigEndian.Uint32(value))
	case r.key == keyProduce && f.name == "Records":
		r.batch(value)
	case r.key == keyEndTxn && f.name == "ProducerID":
		r.producer = int64(binary.BigEndian.Uint64(value))
	case (r.key == keyFetch || r.key == keyShareFetch) && (f.name == "MaxBytes" || f.name == "MinBytes"):
		// kfake collects an answer of any size in memory.
		if binary.BigEndian.Uint32(value) > maxFetch {
			binary.BigEndian.PutUint32(value, maxFetch)
		}
	}
}

// batch remembers a batch to be written, whose answer says where it begins.
func (r *request) batch(raw []byte) {
	checkRecords(raw)
	if len(raw) < batchHead || raw[magicAt] != 2 {
		return // refused
	}
	r.at.end = int64(int32(binary.BigEndian.Uint32(raw[57:])))
	r.at.producer = -1
	if binary.BigEndian.Uint16(raw[21:])&transaction != 0 {
		r.at.producer = int64(binary.BigEndian.Uint64(raw[43:]))
	}
	r.produced = append(r.produced, r.at)
}
