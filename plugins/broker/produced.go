package broker

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// produceAnswer is the layout of the answer to a produce request, as far as it must be
// read: what is behind the topics is of no consequence.
var produceAnswer = sync.OnceValue(func() *layout {
	all, err := parseLayouts(`request 0 ProduceResponse 0-13
 Topics []{}
  Topic text 0-12
  TopicID 16 13-
  Partitions []{}
   Partition 4
   ErrorCode 2
   BaseOffset 8
   LogAppendTime 8 2-
   LogStartOffset 8 5-
   ErrorRecords []{} 8-
    RelativeOffset 4
    ErrorMessage text
   ErrorMessage text 8-
`)
	if err != nil {
		panic("broker: the answer to a produce request: " + err.Error())
	}
	return all[keyProduce]
})

// partitionAnswer is what the answer to a produce request says of a partition.
type partitionAnswer struct {
	topic     []byte // its name, up to version 12
	id        []byte // the topic's, from then on
	partition int32
	code      int16
	base      int64 // offset of the first record
}

// readProduced reads the answer to a produce request, behind the size of its frame, and
// allocates nothing.
func readProduced(answer []byte, version int16, see func(*partitionAnswer)) error {
	w := walker{src: answer, pos: sizeBytes + 4, version: version, flexible: isFlexible(keyProduce, version)}
	if w.flexible {
		w.tags(nil)
	}
	var p partitionAnswer
	w.see = func(f *field, value []byte) {
		switch f.name {
		case "Topic":
			p.topic = value
		case "TopicID":
			p.id = value
		case "Partition":
			p.partition = int32(binary.BigEndian.Uint32(value))
		case "ErrorCode":
			p.code = int16(binary.BigEndian.Uint16(value))
		case "BaseOffset":
			p.base = int64(binary.BigEndian.Uint64(value))
			see(&p)
		}
	}
	w.field(&produceAnswer().body.fields[0])
	if w.bad {
		return fmt.Errorf("want the answer to a produce request of version %d, got % x", version,
			answer[:min(len(answer), 32)])
	}
	return nil
}

// next finds the batch that an answer speaks of. Answers come in the order of the
// batches, or nearly so: the search goes on where the last one ended.
func (r *request) next(a *partitionAnswer) *produced {
	for n := range r.produced {
		at := (r.answered + n) % len(r.produced)
		p := &r.produced[at]
		if p.partition == a.partition && (string(a.topic) == p.topic && len(a.id) == 0 || string(a.id) == string(p.id[:])) {
			r.answered = at + 1
			return p
		}
	}
	return nil
}
