package files

import (
	"encoding/json"
	"errors"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

// flipStaged changes one bit of the only staged file of a sink, at a byte from
// its beginning. It returns the file's path.
func flipStaged(t *testing.T, d *stagingtest.Disk, s *sink, at int) string {
	t.Helper()
	staged := d.Tree(s.area.Folder)
	if len(staged) != 1 {
		t.Fatalf("want one staged file, got %q", staged)
	}
	for name := range staged {
		d.Flip(s.area.Path(name), at)
		return s.area.Path(name)
	}
	return ""
}

// wantUnpublished holds that an error names a staged file and the way on, and
// that nothing has appeared.
func wantUnpublished(t *testing.T, d *stagingtest.Disk, err error, staged string) {
	t.Helper()
	wantError(t, err, "staged", staged, "put the file back", "--fresh")
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("want nothing published, got %q", got)
	}
}

// recovered opens a sink as a next process does: commit, then recover.
func recovered(t *testing.T, d *stagingtest.Disk, f Format, epoch uint64, h []byte) error {
	t.Helper()
	env := testEnv("")
	env.Epoch = epoch
	s, err := newSink(testConfig(), testSchema, env, f, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), epoch, h); err != nil {
		return err
	}
	return s.Recover(t.Context(), h)
}

func TestFlippedBitOfStagedRowsIsNotPublished(t *testing.T) {
	for name, f := range map[string]Format{"appended to": lines, "merged": blocks} {
		for _, roll := range []bool{false, true} {
			d := stagingtest.NewDisk()
			s := openSink(t, d, testConfig(), f, nil)
			write(t, s, batchOf(0, 3))
			h := prepare(t, s, 1, roll)
			d.Crash("kill", nil)
			path := flipStaged(t, d, s, 4)
			t.Logf("%s, roll %v", name, roll)
			wantUnpublished(t, d, recovered(t, d, f, 1, h), path)
		}
	}
}

func TestFlippedBitOfARunningProcessIsNotPublished(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 3))
	prepare(t, s, 1, false)
	path := flipStaged(t, d, s, 4)
	write(t, s, batchOf(3, 5))
	wantUnpublished(t, d, s.Commit(t.Context(), 2, prepare(t, s, 2, true)), path)
}

func TestFlippedBitOfAPartIsNotMerged(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), blocks, nil)
	write(t, s, batchOf(0, 3))
	prepare(t, s, 1, false)
	path := flipStaged(t, d, s, 0)
	write(t, s, batchOf(3, 5))
	_, err := barrier(t.Context(), s, 2, true)
	wantUnpublished(t, d, err, path)
}

// A file that grows over epochs and lives keeps one checksum of all its bytes.
func TestChecksumGoesOnOverEpochsAndRestarts(t *testing.T) {
	d := stagingtest.NewDisk()
	var h []byte
	for epoch := uint64(1); epoch <= 6; epoch++ {
		s := openSink(t, d, testConfig(), lines, h)
		s.epoch = epoch
		write(t, s, batchOf(int(epoch), int(epoch)+2))
		h = prepare(t, s, epoch, epoch == 6)
		commit(t, s, epoch, h)
		if epoch == 6 {
			break
		}
		write(t, s, batchOf(100, 110)) // behind the record
		if err := s.Signal(t.Context(), sdk.Signal{Kind: sdk.Barrier, Epoch: epoch + 1}); err != nil {
			t.Fatal(err)
		}
		d.Crash("kill", nil)
	}
	if got := len(d.Tree("/data/out")); got != 1 {
		t.Errorf("want one file, got %d", got)
	}
}

func TestCommittableWithoutChecksumsIsRecovered(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h, err := decodeCommittable(prepare(t, s, 1, false))
	if err != nil {
		t.Fatal(err)
	}
	h.Parts[0].Sum = "" // as an engine before checksums recorded it
	old, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	d.Crash("kill", nil)
	s = openSink(t, d, testConfig(), lines, old)
	write(t, s, batchOf(2, 3))
	commit(t, s, 2, prepare(t, s, 2, true))
	want := "#id,kind\n0,k\n1,k\n2,k\n"
	if got := d.Tree("/data/out")["part.e1.report.csv.00000002-0001.txt"]; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// All that a known commit names has appeared, and may have been moved away with
// its folders since.
func TestFoldersThatAreGoneAfterACleanStopAreMadeAnew(t *testing.T) {
	for _, gone := range []string{"/data/.out.engine", "/data/out"} {
		for _, known := range []bool{true, false} {
			d := stagingtest.NewDisk()
			s := openSink(t, d, testConfig(), lines, nil)
			write(t, s, batchOf(0, 1))
			h := prepare(t, s, 1, true)
			commit(t, s, 1, h)
			d.Crash("kill", nil)
			for _, folder := range []string{"/data/.out.engine", gone} {
				if d.Has(folder) {
					d.Delete(folder)
				}
			}
			env := testEnv("")
			env.Epoch, env.Published = 1, known
			open := func() error {
				s, err := newSink(testConfig(), testSchema, env, lines, d)
				if err != nil {
					return err
				}
				err = s.Commit(t.Context(), 1, h)
				if err == nil {
					err = s.Recover(t.Context(), h)
				}
				return errors.Join(err, s.Close(t.Context()))
			}
			err := open()
			if gone == "/data/out" {
				wantError(t, err, "the output folder /data/out is gone", "mkdir /data/out")
				if err := d.Mkdir("/data/out"); err != nil {
					t.Fatal(err)
				}
				err = open()
			}
			if known && err != nil {
				t.Errorf("%s gone after a known publish: %v", gone, err)
			}
			if !known {
				wantError(t, err, "/data/.out.engine", "is gone", "--fresh")
			}
		}
	}
}
