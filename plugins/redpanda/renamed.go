package redpanda

import (
	"fmt"
	"strings"
)

// splitResource returns the cluster and the topic of a name that resources gave.
func splitResource(name string) (cluster, topic string) {
	cluster, topic, _ = strings.Cut(strings.TrimPrefix(name, "topic://"), "/")
	return cluster, topic
}

// movedFrom is the name under which the cluster was known before; "" if it is the same.
func movedFrom(was, is []string) string {
	if len(was) == 0 || len(is) == 0 {
		return ""
	}
	before, _ := splitResource(was[0])
	now, _ := splitResource(is[0])
	if before == now {
		return ""
	}
	return before
}

// prove is an error unless a position from a cluster of another name is one of this topic.
// Where nothing has been read there is nothing to prove; the fingerprint is compared by resume.
func (p *partition) prove(s *source, c cursor) error {
	from := movedFrom(s.env.Was, s.config.resources(s.config.Topic...))
	_, resumed := s.env.Resume[p.name]
	id := p.id.String()
	why := ""
	switch {
	case from == "" || !resumed:
	case c.TopicID != "" && id != "":
		if c.TopicID != id {
			why = fmt.Sprintf("the topic there has the id %s, here it has %s", c.TopicID, id)
		}
	case c.Offset > 0 && c.Fingerprint == fingerprint{}:
		why = "nothing shows that the topic here is the same"
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%s: the position %d is of the cluster %s, now brokers names %s: %s; undo the change, "+
		"give the "+
		"pipeline another name and other outputs, or run with --fresh to begin "+
		"anew", p.name, c.Offset, from, s.k.name, why)
}
