package broker

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	crashKills = flag.Int("crash.kills", 5, "how often the crash test kills the broker")
	crashSeed  = flag.Uint64("crash.seed", 1, "what it draws its moments from")
)

// asServer is the folder of a process that is nothing but a broker.
const asServer = "ENGINE_TEST_BROKER_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asServer); dir != "" {
		serveUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// serveUntilKilled says where it listens, and applies retention all the time.
func serveUntilKilled(dir string) {
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
		os.Exit(4)
	}()
	retainEvery = 10 * time.Millisecond
	b, err := Start(Options{Dir: dir, Port: freePort(), SyncWrites: os.Getenv("SYNC") != ""})
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	fmt.Println(b.Address())
	<-b.Failed()
	fmt.Println(b.Err())
	os.Exit(3)
}

// server is such a process.
type server struct {
	cmd     *exec.Cmd
	address string
	output  *bufio.Reader
}

func startServer(t *testing.T, dir string, sync bool) *server {
	t.Helper()
	s := &server{cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(os.Environ(), asServer+"="+dir)
	if sync {
		s.cmd.Env = append(s.cmd.Env, "SYNC=1")
	}
	s.cmd.Stderr = os.Stderr
	if _, err := s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	s.output = bufio.NewReader(out)
	line, err := s.output.ReadString('\n')
	s.address = strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(s.address, "127.0.0.1:") {
		t.Fatalf("the broker did not start: %q, %v", line, err)
	}
	return s
}

// kill ends the process, and returns what it said beside its address.
func (s *server) kill() string {
	s.cmd.Process.Kill()
	output, _ := io.ReadAll(s.output)
	s.cmd.Wait()
	return string(output)
}

func (s *server) client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.address),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	if err != nil {
		panic(err) // the options are none
	}
	return cl
}

// TestKillsLoseNothingThatWasAcknowledged kills a broker over and over while
// clients write, delete records, make and delete topics and end transactions, and
// retention goes on. After each kill all that was acknowledged is there, and
// nothing that was not sent.
func TestKillsLoseNothingThatWasAcknowledged(t *testing.T) {
	random := rand.New(rand.NewPCG(*crashSeed, 0))
	dir := t.TempDir()
	m := newModel()
	s := startServer(t, dir, false)
	m.makeTopics(t, s)
	for n := range *crashKills {
		after := time.Duration(random.IntN(200_000)) * time.Microsecond
		ctx, dead := context.WithCancel(t.Context())
		var working sync.WaitGroup
		for i, work := range []func(*life){(*life).produce, (*life).produce, (*life).transact, (*life).deleteRecords,
			(*life).makeAndDelete, (*life).fill} {
			l := &life{model: m, server: s, ctx: ctx, random: rand.New(rand.NewPCG(*crashSeed, uint64(n*10+i+1)))}
			working.Go(func() { work(l) })
		}
		<-time.After(after)
		words := s.kill()
		dead()
		working.Wait()
		if words != "" {
			t.Fatalf("before kill %d the broker failed: %s", n, words)
		}
		s = startServer(t, dir, random.IntN(2) == 0)
		m.check(t, s)
		if t.Failed() {
			t.Fatalf("after kill %d, at %v", n+1, after)
		}
	}
	t.Log(m.counts())
}

// life is what one client does until its broker is killed.
type life struct {
	*model
	server *server
	ctx    context.Context
	random *rand.Rand
}

// client is one that is closed when its broker is killed: it would try again for ever.
func (l *life) client(opts ...kgo.Opt) *kgo.Client {
	cl := l.server.client(opts...)
	context.AfterFunc(l.ctx, cl.Close)
	return cl
}

// write sends a record, and returns whether it was acknowledged.
func (l *life) write(cl *kgo.Client, topic string, partition int32, size int) (value string, acknowledged bool) {
	p, value := l.sending(topic, partition, size)
	record := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
	if err := cl.ProduceSync(l.ctx, record).FirstErr(); err != nil {
		return value, false
	}
	l.acknowledged(p, record.Offset, value)
	return value, true
}

func (l *life) produce() {
	cl := l.client()
	defer cl.Close()
	for l.ctx.Err() == nil {
		l.write(cl, plainTopic, l.random.Int32N(partitions), 10+l.random.IntN(500))
	}
}

// fill writes to a topic whose beginning retention removes.
func (l *life) fill() {
	cl := l.client()
	defer cl.Close()
	for l.ctx.Err() == nil {
		l.write(cl, shortTopic, l.random.Int32N(partitions), 1000)
	}
}

// transact writes transactions, and ends each of them.
func (l *life) transact() {
	cl := l.client(kgo.TransactionalID("x"))
	defer cl.Close()
	for l.ctx.Err() == nil {
		if err := cl.BeginTransaction(); err != nil {
			return
		}
		tx := l.beginning()
		for range 1 + l.random.IntN(4) {
			partition := l.random.Int32N(partitions)
			value, ok := l.write(cl, transactedTopic, partition, 10)
			l.partOf(tx, partition, value)
			if !ok {
				return
			}
		}
		commit := l.random.IntN(3) > 0
		l.ending(tx, commit)
		if err := cl.EndTransaction(l.ctx, kgo.TransactionEndTry(commit)); err != nil {
			return
		}
		l.ended(tx, commit)
	}
}

// deleteRecords removes the beginning of a partition.
func (l *life) deleteRecords() {
	cl := l.client()
	defer cl.Close()
	for l.ctx.Err() == nil {
		partition := l.random.Int32N(partitions)
		to := l.deleting(plainTopic, partition, l.random.Float64())
		offsets := kadm.Offsets{}
		offsets.AddOffset(plainTopic, partition, to, -1)
		answer, err := kadm.NewClient(cl).DeleteRecords(l.ctx, offsets)
		if err != nil || answer.Error() != nil {
			return
		}
		l.deleted(plainTopic, partition, to)
	}
}

// makeAndDelete makes a topic, fills it and deletes it, again and again.
func (l *life) makeAndDelete() {
	cl := l.client()
	defer cl.Close()
	admin := kadm.NewClient(cl)
	for l.ctx.Err() == nil {
		if l.making(passingTopic) {
			if _, err := admin.CreateTopic(l.ctx, partitions, 1, nil, passingTopic); err != nil {
				return
			}
			l.made(passingTopic)
		}
		fresh := l.client() // which knows nothing of the topic before
		for range 1 + l.random.IntN(20) {
			if _, ok := l.write(fresh, passingTopic, l.random.Int32N(partitions), 10); !ok {
				break
			}
		}
		fresh.Close()
		if l.ctx.Err() != nil || l.random.IntN(4) == 0 {
			return // it stays
		}
		l.removing(passingTopic)
		if _, err := admin.DeleteTopic(l.ctx, passingTopic); err != nil {
			return
		}
		l.removed(passingTopic)
	}
}
