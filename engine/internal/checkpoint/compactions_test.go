package checkpoint

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// fakeDB accepts offers while something waits.
type fakeDB struct {
	waiting  int
	granted  int
	declined func() // is called once, after an offer for which nothing waited
}

func (*fakeDB) GetAllowedWithoutPermission() int { return 1 }

func (db *fakeDB) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	if db.waiting == 0 {
		if ask := db.declined; ask != nil {
			db.declined = nil
			ask()
		}
		return false, pebble.WaitingCompaction{}
	}
	return true, pebble.WaitingCompaction{}
}

func (db *fakeDB) Schedule(pebble.CompactionGrantHandle) bool {
	db.waiting--
	db.granted++
	return true
}

func TestOneCompactionRunsAtATime(t *testing.T) {
	s, db := newOneCompaction(), &fakeDB{}
	s.Register(1, db)
	ok, handle := s.TrySchedule()
	if again, _ := s.TrySchedule(); !ok || again {
		t.Fatalf("the first: %v, the second beside it: %v; want true, false", ok, again)
	}
	db.waiting = 2
	for want := 1; want <= 2; want++ {
		if handle.Done(); db.granted != want {
			t.Errorf("after %d: %d granted", want, db.granted)
		}
	}
	if handle.Done(); db.granted != 2 {
		t.Errorf("%d granted, 2 were waiting", db.granted)
	}
	if ok, _ := s.TrySchedule(); !ok {
		t.Error("refused, none is running")
	}
}

// TestCompactionRefusedBesideAnOfferIsNotForgotten: nobody would ask for it again.
func TestCompactionRefusedBesideAnOfferIsNotForgotten(t *testing.T) {
	s, db := newOneCompaction(), &fakeDB{}
	s.Register(1, db)
	_, handle := s.TrySchedule()
	db.declined = func() {
		if ok, _ := s.TrySchedule(); ok {
			t.Error("granted beside an offer")
		}
		db.waiting = 1
	}
	if handle.Done(); db.granted != 1 {
		t.Errorf("%d granted, want the refused one", db.granted)
	}
	s.Unregister()
	if ok, _ := s.TrySchedule(); ok {
		t.Error("granted after the end")
	}
}
