package sdktest

import (
	"fmt"
	"testing"

	"etlengine/plugins/sdk"
)

// moments are when rows of the next epoch may come: Prepare and Commit run
// beside Write, and all three end in any order.
var moments = [...]string{"between the barrier and Prepare", "during Prepare", "during Commit"}

// endEpoch ends an epoch as far as Commit, and writes rows of the next one at
// one of the moments.
func (d *drain) endEpoch(roll bool, moment string, next []*sdk.Batch) {
	d.t.Helper()
	d.barrier(roll)
	for at, step := range []func(){func() {}, d.record, d.commit} {
		if moments[at] != moment {
			step()
			continue
		}
		written := make(chan error, 1)
		go func() { written <- d.writeAll(next) }()
		if at > 0 {
			step()
		}
		if err := <-written; err != nil {
			d.t.Fatalf("writing %s: %v", moment, err)
		}
	}
}

func (d *drain) writeAll(batches []*sdk.Batch) error {
	for _, b := range batches {
		if err := d.Write(d.t.Context(), b); err != nil {
			return err
		}
	}
	return nil
}

// eachMoment calls f for every moment, for epochs that roll and that do not,
// with the rows of two epochs.
func (s *suite) eachMoment(f func(what, moment string, roll bool, first, second []*sdk.Batch)) {
	half := (len(s.Input) + 1) / 2
	for _, moment := range moments {
		for _, roll := range []bool{true, false} {
			what := fmt.Sprintf("with rows written %s (rolled %v)", moment, roll)
			f(what, moment, roll, s.copies()[:half], append(s.copies()[half:], s.copies()[:half]...))
		}
	}
}

// rowsAfterTheBarrierAreOfTheNextEpoch wants them shown by the second epoch's
// Commit and not by the first's.
func rowsAfterTheBarrierAreOfTheNextEpoch(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	s.eachMoment(func(what, moment string, roll bool, first, second []*sdk.Batch) {
		env := s.world(t)
		d := s.openSink(t, env, 0, nil)
		d.write(first...)
		d.endEpoch(roll, moment, second)
		shown := len(s.Read(t, env))
		if most := rowsOf(first); shown > most || (roll && shown < most) {
			t.Errorf("%s: the first epoch shows %d rows of its %d", what, shown, most)
		}
		d.finish()
		if got, want := len(s.Read(t, env)), rowsOf(first)+rowsOf(second); got != want {
			t.Errorf("%s: two epochs of %d rows show %d", what, want, got)
		}
	})
}

// rowsAfterTheBarrierAreForgottenWithTheirEpoch ends the process in the second
// epoch: its rows are written again, and must not be there already.
func rowsAfterTheBarrierAreForgottenWithTheirEpoch(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	s.eachMoment(func(what, moment string, roll bool, first, second []*sdk.Batch) {
		env := s.world(t)
		d := s.openSink(t, env, 0, nil)
		d.write(first...)
		d.endEpoch(roll, moment, second)
		d.mustClose(t)
		d = s.openSink(t, env, d.epoch, d.committable)
		d.finish()
		if got, want := len(s.Read(t, env)), rowsOf(first); got != want {
			t.Errorf("%s, recovered to the first epoch: its %d rows show as %d", what, want, got)
		}
	})
}

func rowsOf(batches []*sdk.Batch) (rows int) {
	for _, b := range batches {
		rows += int(b.NumRows())
	}
	return rows
}

// forgottenRunLeavesNothing forgets two epochs, one of them hidden if the sink
// hides any, and begins anew.
func forgottenRunLeavesNothing(t testing.TB, s *suite) {
	if (s.plugin.Inspect == nil) != (s.plugin.Forget == nil) {
		t.Error("want Inspect and Forget, or neither")
	}
	if s.plugin.Inspect == nil || s.plugin.Forget == nil {
		return
	}
	env, config := s.world(t), []byte(s.config)
	inspect := func() sdk.Report {
		t.Helper()
		report, err := s.plugin.Inspect(t.Context(), config, env)
		if err != nil {
			t.Fatalf("inspecting what is left: %v", err)
		}
		return report
	}
	for range 2 {
		d := s.openSink(t, env, 0, nil)
		for _, roll := range []bool{true, false} {
			d.write(s.copies()...)
			d.prepare(roll)
			d.commit()
		}
		d.mustClose(t)
		before := inspect()
		if len(before.Leftovers) == 0 {
			t.Error("nothing is listed to be forgotten")
		}
		for _, time := range []string{"once", "a second time"} {
			if err := s.plugin.Forget(t.Context(), config, env); err != nil {
				t.Fatalf("forgetting %s: %v", time, err)
			}
		}
		if after := inspect(); len(after.Leftovers) > 0 || after.Visible != "" {
			t.Fatalf("after Forget %+v is left, before it there was %+v", after, before)
		}
	}
}
