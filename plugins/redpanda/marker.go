package redpanda

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

const (
	// epochsTopic has a marker of the newest committed epoch of each output. The
	// marker is in the transaction of the epoch's records.
	epochsTopic = "_engine.epochs"
	// epochHeader is on the last record of an epoch in each partition.
	epochHeader = "engine-epoch"

	markerVersion = 1
)

// owner is an output as brokers know it.
type owner struct{ engine, pipeline, output string }

func ownerOf(env sdk.Env) owner { return owner{env.EngineID, env.Pipeline, env.Step} }

// key is that of the owner's markers.
func (o owner) key() string {
	return url.PathEscape(o.engine) + "/" + url.PathEscape(o.pipeline) + "/" + url.PathEscape(o.output)
}

// transactional is the id by which a broker fences whoever wrote before us. A
// dash in the first names is escaped, so that no two owners share one.
func (o owner) transactional() string {
	escape := func(name string) string { return strings.ReplaceAll(url.PathEscape(name), "-", "%2D") }
	return "engine-" + escape(o.engine) + "-" + escape(o.pipeline) + "-" + url.PathEscape(o.output)
}

// header is the value of an epoch's header.
func (o owner) header(n markerRef) []byte {
	return fmt.Appendf(nil, "%s %d %s", o.key(), n.Epoch, n.ID)
}

// headerBytes is the most that a header adds to a record.
func (o owner) headerBytes() int {
	const longest = len("18446744073709551615") + staging.IncarnationBytes + len("  ")
	return len(epochHeader) + len(o.key()) + longest + 4 // and the lengths of both
}

// hasHeader reports whether a record has the epoch's header.
func hasHeader(r *kgo.Record, value []byte) bool {
	for _, h := range r.Headers {
		if h.Key == epochHeader && string(h.Value) == string(value) {
			return true
		}
	}
	return false
}

// marker is the value of a record in the topic of epochs.
type marker struct {
	Version int             `json:"v"`
	Epoch   uint64          `json:"epoch"`
	ID      string          `json:"id"`
	Topic   string          `json:"topic"`
	Records int64           `json:"records"`
	Last    map[int32]int64 `json:"last"` // offset of the epoch's last record, by partition

	at int64 // its own offset
}

// parseMarker reads the newest record of an owner; nil stands for none.
func parseMarker(r *kgo.Record) (marker, markerRef, error) {
	if r == nil || r.Value == nil {
		return marker{}, markerRef{}, nil
	}
	var m marker
	if err := json.Unmarshal(r.Value, &m); err != nil {
		return marker{}, markerRef{}, fmt.Errorf("reading record %d of topic %s: %w", r.Offset, epochsTopic, err)
	}
	if m.Version != markerVersion {
		return marker{}, markerRef{}, fmt.Errorf("reading record %d of topic %s: want version %d, got %d; "+
			"go on with the engine that wrote it", r.Offset, epochsTopic, markerVersion, m.Version)
	}
	if m.Epoch == 0 || m.ID == "" {
		return marker{}, markerRef{}, fmt.Errorf("reading record %d of topic %s: want an epoch and its id, got %q",
			r.Offset, epochsTopic, r.Value)
	}
	m.at = r.Offset
	return m, markerRef{staging.Committed{Epoch: m.Epoch, ID: m.ID}, r.Offset}, nil
}

// conflict is a marker that is neither of what was to be committed nor of what was
// committed before it.
type conflict struct {
	owner         owner
	topic, broker string
	found         markerRef // by the topic
	wanted        markerRef // by the state directory
	previous      markerRef // before that, if wanted has not been committed for sure
}

// Error names both, and what to do.
func (c *conflict) Error() string {
	state := c.wanted.String()
	if c.previous != c.wanted {
		state += ", before it " + c.previous.String()
	}
	if c.found.Epoch == 0 {
		return fmt.Sprintf("topic %s at %s has no note of %s, and the state directory says that %s was written "+
			"to topic %q: "+
			"%[1]s, or what it held, was deleted or has expired, or brokers names another cluster; run with --adopt "+
			"to go on "+
			"from the state directory (the newest epoch is looked for in the topic, and noted again), or with "+
			"--fresh to "+
			"begin anew, which writes all rows again", epochsTopic, c.broker, c.owner.key(), state, c.topic)
	}
	text := fmt.Sprintf("topic %q at %s has rows of %s up to %s (so says %s), the state directory up to %s: ",
		c.topic, c.broker, c.owner.key(), c.found, epochsTopic, state)
	switch {
	case c.found.Epoch == c.wanted.Epoch || c.found.Epoch == c.previous.Epoch:
		text += "an engine with a copy of this state directory has written to the topic; stop the copy " +
			"and go on with the directory that it used"
	case c.found.Epoch > c.wanted.Epoch:
		text += "the state directory is older than the topic; put back the newest one"
	default:
		text += "the topic is older than the state directory, or was moved; put back what it was"
	}
	return text + ", or run with --fresh to begin anew"
}

// compare compares the newest marker with what the state directory says: done reports
// whether the epoch is committed; it is an error if it neither is nor can be.
func (c *committable) compare(o owner, broker string, found markerRef) (done bool, err error) {
	done, known := staging.Compare(found.Committed, c.ref().Committed, c.Previous.Committed)
	if known {
		return done, nil
	}
	return false, &conflict{owner: o, topic: c.Topic, broker: broker, found: found, wanted: c.ref(),
		previous: c.Previous}
}
