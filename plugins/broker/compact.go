package broker

import "strings"

// compactBytes is how much compacted topics grow before they are compacted.
const compactBytes = 16 << 20

// compact compacts what is worth its risk. kfake removes the files of a
// partition before it writes the new ones, and a kill between the two loses
// it; so this happens seldom. And it keeps what an open transaction wrote as
// the newest of its key, which is gone if that aborts; so it happens between
// transactions.
func (b *Broker) compact() {
	size, open := b.compactable()
	if !open && size > b.compacted+compactBytes {
		b.during(compacting, b.cluster.Compact)
		b.compacted, _ = b.compactable()
	}
}

// compactable is the bytes of all compacted topics, and whether a transaction
// is open in one of them.
func (b *Broker) compactable() (size int64, open bool) {
	for _, topic := range compactTopics(b.dir) {
		for _, p := range b.cluster.PartitionInfos(topic) {
			size += p.NumBytes
			open = open || p.LastStableOffset < p.HighWatermark
		}
	}
	return size, open
}

// compactTopics returns the names of compacted topics.
func compactTopics(dir string) []string {
	topics, err := storedTopics(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, topic := range topics {
		if strings.Contains(topic.Configs["cleanup.policy"], "compact") {
			names = append(names, topic.Name)
		}
	}
	return names
}
