package main

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// topicJob fills a topic of one partition from the files, and makes of it what
// the other jobs make of the files. Without brokers the embedded one runs in
// the engine's process, and dies with it.
func topicJob(brokers, topic string) job {
	redpanda := fmt.Sprintf("redpanda: {brokers: %q, topic: %s", brokers, topic)
	j := newJob(`fill:
    input: `+fromFiles+`
    output:
      `+redpanda+`, partitions: 1}
      label: topic
    dead_letters:
      csv: {path: fill_dead}
      label: dead`, "{"+redpanda+", schema: ticket}, label: in}", "10ms", rollsOften,
		"raw_csv", "raw_by_type", "windows_csv", "sessions_parquet", "late", "dead")
	// Where a record stands in its topic depends on the transactions before it.
	for i, o := range j.outputs {
		j.outputs[i].without = append(o.without, "_partition", "_position", "partition", "position")
	}
	j.outputs = append(j.outputs, output{folder: "fill_dead", format: "csv", without: []string{"at"}})
	return j
}

// TestPointsBetweenTopicsCanBeTheLast kills the engine while one pipeline fills a
// topic that another reads, in the calls of either: with the embedded broker, and
// with a real one if there is one. Windows, sessions and late rows come out as if
// there had been no topic.
func TestPointsBetweenTopicsCanBeTheLast(t *testing.T) {
	brokers := os.Getenv("ENGINE_TEST_BROKERS")
	topic := fmt.Sprintf("points-%d", time.Now().UnixNano())
	k := makeTickets(t, 8, 600)
	whole := newVictim(t, k, topicJob(brokers, topic+"-whole"), nil)
	finish(t, whole.dir, sabotage{}, "run", "p.yaml")
	unharmed := whole.read(t, whole.dir)
	owed := k.reference(k.rows, true)
	for _, o := range whole.job.outputs {
		if o.folder != "late" && o.folder != "dead" && o.folder != "fill_dead" {
			wantSame(t, o.folder, unharmed[o.folder], owed[o.holds()])
		}
	}
	if len(unharmed["late"]) != len(owed["late"]) || len(unharmed["fill_dead"]) != len(k.undecoded) {
		t.Errorf("got %d late rows and %d dead letters, want %d and %d", len(unharmed["late"]),
			len(unharmed["fill_dead"]), len(owed["late"]), len(k.undecoded))
	}
	for i, test := range pointsOfTopics(whole.job) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, k, topicJob(brokers, fmt.Sprintf("%s-%d", topic, i)), unharmed)
			v.pace, v.unchecked = sabotage{Rows: 15, PerEpoch: 2}, true
			for _, point := range test.at {
				v.dieAt(t, point)
			}
			v.pace.PerEpoch = 0
			finish(t, v.dir, v.pace, "run", "p.yaml")
			v.end(t)
		})
	}
}

// pointsOfTopics are kills in the pipeline that fills the topic, in the one that
// reads it, and in both by turns.
func pointsOfTopics(j job) []points {
	fills, reads := []string{"fill/dead", "fill/topic"}, j.sinks()
	reads = slices.DeleteFunc(reads, func(name string) bool { return name == "p/fill_dead" })
	topic := fills[1]
	of := func(call string, order []string) []killPoint {
		return inEpochs(killPoint{Step: topic, Call: call, Order: order})
	}
	uncommitted := killPoint{Step: topic, Call: callCommit, Epoch: 2, Order: fills}
	recovery := []killPoint{uncommitted}
	for _, call := range []string{callCommitAgain, callRecover} {
		recovery = append(recovery, killPoint{Step: topic, Call: call},
			killPoint{Step: topic, Call: call, After: true})
	}
	return []points{
		{name: "the topic's prepare", at: of(callPrepare, fills)},
		{name: "the topic's publish", at: of(callCommit, fills)},
		{name: "the topic's record and recovery", at: append(recovery,
			killPoint{Step: topic, Call: callRecord, Epoch: 1, Order: fills},
			killPoint{Step: topic, Call: callRecord, Last: true, Order: fills})},
		{name: "both by turns", at: []killPoint{
			uncommitted, {Step: reads[0], Call: callCommit, Epoch: 1, Order: reads},
			{Step: topic, Call: callCommit, Epoch: 1, After: true, Order: fills},
			{Step: reads[3], Call: callPrepare, Epoch: 2, After: true, Order: reads},
			{Step: "fill/in", Call: callCommitted, Last: true},
			{Step: "fill/in", Call: callClose},
			{Step: "fill/in", Call: callClose, After: true},
			{Step: "p/in", Call: callPin}, {Step: "p/in", Call: callPin, After: true},
			{Step: reads[1], Call: callCommit, Last: true, Order: reads},
			{Step: "p/in", Call: callClose}}},
	}
}
