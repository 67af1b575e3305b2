// Package broker is the embedded broker: Kafka's protocol on a port of this
// machine, for pipelines that name no broker of their own. It wraps kfake with
// what that lacks to run unattended: a guard before its parser, a lock on its
// folder, retention that happens, and an order of stopping that cannot hang.
//
// It is one process without replication. What it acknowledged survives the
// death of the process. With sync_writes kfake has also synced it before it
// answers, but no folders, and ignores errors of that. So what a disk refuses
// ends the broker within a second, on Linux, and at its stop at the latest: the
// answers of that second may have been wrong.
package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"etlengine/plugins/sdk"
)

// DefaultPort is where the broker listens if nothing else does.
const DefaultPort = 19092

// retainEvery is how often retention is applied, changed by tests only.
var retainEvery = 30 * time.Second

const (
	segmentBytes = 16 << 20 // retention frees whole segments only
	messageBytes = 10 << 20

	defaultClusterID = "kfake" // by which clients know the embedded broker, so it stays
)

// Options is what a broker is started with.
type Options struct {
	Dir           string // its records, groups and topics; made on demand
	Port          *int   // nil: DefaultPort, or a free one when that is taken; 0: a free one
	Partitions    int    // of topics that are made without saying how many
	RetentionSize sdk.Bytes
	RetentionTime sdk.Duration
	SyncWrites    bool
	AcceptLoss    bool // go on without records that were acknowledged and are gone
	Log           *slog.Logger

	// For tests of clients; YAML cannot set them.
	disk           *disk       // instead of the real one
	User, Password string      // if set, clients must log in (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)
	TLS            *tls.Config // if set, connections are encrypted
	ClusterID      string      // if set, what new files say instead of kfake's own: clients know us by that
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	listen  *listener
	address string
	lock    *os.File
	stop    chan struct{}
	failed  context.Context // its cause: why the broker has come to an end by itself
	failNow context.CancelCauseFunc
	ended   sync.WaitGroup
	closing sync.Once

	compacted int64 // bytes of compacted topics when that was done last
	dir       string
	log       *slog.Logger
	disk      *disk // nil without SyncWrites

	marks  *acknowledged
	using  sync.RWMutex // of the cluster, by what is not asked by it
	unused bool         // the cluster is being closed

	open         sync.Mutex // guards what follows
	names        map[[16]byte]string
	transactions map[int64]map[string]bool // topics that an open transaction has written, by producer
}

var _ sdk.Service = (*Broker)(nil)

// Start opens the folder and listens.
func Start(o Options) (*Broker, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the broker's folder: %w", err)
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	b := &Broker{lock: lock, stop: make(chan struct{}), dir: o.Dir, log: o.Log,
		names: make(map[[16]byte]string), transactions: make(map[int64]map[string]bool)}
	b.failed, b.failNow = context.WithCancelCause(context.Background())
	err = b.prepare(o)
	if err == nil {
		err = b.serve(o)
	}
	if err != nil {
		if b.marks != nil {
			b.marks.file.Close()
		}
		b.disk.close()
		lock.Close()
		return nil, err
	}
	b.address = b.listen.Addr().String()
	b.ended.Go(b.retain)
	if b.disk != nil {
		b.ended.Go(b.watchDisk)
	}
	return b, nil
}

// prepare makes sure that kfake finds its files whole, and with all that was
// acknowledged.
func (b *Broker) prepare(o Options) error {
	closed, err := verifyManifest(o.Dir, o.AcceptLoss)
	if err == nil {
		b.marks, err = openAcknowledged(o.Dir, closed, o.AcceptLoss, o.Log)
	}
	if b.disk = o.disk; err == nil && o.SyncWrites && b.disk == nil {
		b.disk, err = openDisk(o.Dir)
	}
	if err != nil {
		return err
	}
	u := audit{dir: o.Dir, marks: b.marks, accept: o.AcceptLoss, log: o.Log}
	if err := u.run(); err != nil {
		return err
	}
	if err := repair(o.Dir); err != nil {
		return err
	}
	return u.fill()
}

// begin brings the loaded logs to where they were, and lets clients in.
func (b *Broker) begin(partitions int) error {
	for _, m := range b.marks.all() {
		info := b.cluster.TopicInfo(m.name)
		if info == nil || info.TopicID != m.topic {
			continue
		}
		if m.state&deleting != 0 {
			if err := b.cluster.DeleteTopic(m.name); err != nil {
				return fmt.Errorf("deleting topic %s, as was asked before a kill: %w", m.name, err)
			}
			continue
		}
		p := b.cluster.PartitionInfo(m.name, m.partition)
		if p == nil || p.LogStartOffset >= m.start {
			continue
		}
		if err := b.cluster.DeleteRecords(m.name, m.partition, min(m.start, p.HighWatermark)); err != nil {
			return fmt.Errorf("removing the beginning of topic %s, partition %d: %w", m.name, m.partition, err)
		}
	}
	err := b.measureAll()
	if err == nil {
		err = b.marks.writeAll() // what was accepted, too
	}
	if err == nil {
		err = b.marks.setState(0)
	}
	if err != nil {
		return err
	}
	b.limitTopics(partitions)
	b.watchDeletions()
	b.listen.resolve = b.resolve
	b.listen.acknowledge = b.acknowledgeOrFail
	close(b.listen.ready)
	return nil
}

// serve tries the port that was asked for. Only if none was asked for may
// another one serve instead.
func (b *Broker) serve(o Options) error {
	port := DefaultPort
	if o.Port != nil {
		port = *o.Port
	}
	l, err := listenOn(port, o.TLS)
	if errors.Is(err, syscall.EADDRINUSE) && o.Port == nil {
		l, err = listenOn(0, o.TLS)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listening on 127.0.0.1:%d: the port is taken; "+
			"choose another, or leave port out to take a free one", port)
	}
	if err != nil {
		return fmt.Errorf("listening on 127.0.0.1:%d: %w", port, err)
	}
	l.log, l.ready = o.Log, make(chan struct{})
	b.listen = l
	// From here on kfake changes the files.
	err = removeManifest(o.Dir)
	if err == nil {
		b.cluster, err = kfake.NewCluster(options(o, l, b.fail)...)
	}
	if err == nil {
		err = b.begin(max(o.Partitions, 1))
	}
	if err != nil {
		l.Close()
		return fmt.Errorf("opening the broker's folder %s: %w", o.Dir, err)
	}
	return nil
}

func options(o Options, l *listener, fail func(error)) []kfake.Opt {
	age := "-1"
	if o.RetentionTime > 0 {
		age = strconv.FormatInt(time.Duration(o.RetentionTime).Milliseconds(), 10)
	}
	size := "-1"
	if o.RetentionSize > 0 {
		size = strconv.FormatInt(int64(o.RetentionSize), 10)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DataDir(o.Dir),
		kfake.AllowAutoTopicCreation(), // so that kcat can fill a topic that no pipeline made
		kfake.DefaultNumPartitions(max(o.Partitions, 1)),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return l, nil }),
		kfake.BrokerConfigs(map[string]string{
			"log.segment.bytes":                    strconv.Itoa(segmentBytes),
			"log.retention.bytes":                  size,
			"log.retention.ms":                     age,
			"message.max.bytes":                    strconv.Itoa(messageBytes),
			"group.consumer.heartbeat.interval.ms": "500",                       // joins and leaves take one interval
			"log.cleaner.backoff.ms":               strconv.Itoa(math.MaxInt32), // see compact
		}),
		kfake.ClusterID(cmp.Or(o.ClusterID, defaultClusterID)),
		kfake.WithLogger(logger{o.Log, fail}),
	}
	if o.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	if o.User != "" {
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser("PLAIN", o.User, o.Password),
			kfake.Superuser("SCRAM-SHA-256", o.User, o.Password),
			kfake.Superuser("SCRAM-SHA-512", o.User, o.Password))
	}
	return opts
}

// retain applies retention and compaction: kfake's own timer only runs while
// some topic has limits of its own, and not after a restart.
func (b *Broker) retain() {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			b.tidy()
		}
	}
}

func (b *Broker) tidy() {
	b.during(retaining, b.cluster.ApplyRetention)
	b.compact()
}

// during removes records. What is about to happen is stored before, and where
// the logs begin is stored behind it.
func (b *Broker) during(state uint32, remove func()) {
	err := b.marks.setState(state)
	if err == nil {
		remove()
		err = b.measureAll()
	}
	if err == nil {
		err = b.marks.setState(0)
	}
	if err != nil {
		b.fail(err)
	}
}

var errClosing = errors.New("the broker is being closed")

// Address is host:port, on the loopback interface.
func (b *Broker) Address() string { return b.address }

// Close stops the broker and waits until its files are written and its
// connections closed. The timer goes first: any call on a closed cluster
// blocks for ever. The error is of files that it could not write meanwhile.
func (b *Broker) Close(context.Context) (err error) {
	b.closing.Do(func() {
		close(b.stop)
		b.ended.Wait()
		defer b.disk.close()
		if b.listen.isAborted() {
			// What kfake would write down now is not so. It goes on unheard,
			// and nobody else may have its files before the process ends.
			b.listen.keep = b.lock
			return
		}
		b.using.Lock()
		b.unused = true
		b.using.Unlock()
		b.cluster.Close()
		if err := errors.Join(b.closeMarks(), b.disk.check()); err != nil {
			b.fail(err)
		}
		if err = b.Err(); err == nil {
			writeManifest(b.dir)
		}
		b.listen.closeAll()
		b.lock.Close()
	})
	return err
}

// dirOf is the broker's folder in the state directory.
func dirOf(env sdk.Env) string { return filepath.Join(env.StateDir, "broker") }
