package files

import (
	"maps"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
)

// What the version before kit/staging recorded, and left on the disk: an epoch that stays
// staged, and one that is to appear.
const (
	earlierStaged = `{"v":1,"hidden":[{"name":"part.e1.report.csv.00000001-0001.hgtrn3ms4u",` +
		`"folder":"kind=a","length":8,"crc32c":"f27868d5","rows":2,"suffix":".txt"},` +
		`{"name":"part.e1.report.csv.00000001-0002.hgtrn3ms4u","folder":"kind=b","length":8,` +
		`"crc32c":"3c9f5a1a","rows":2,"suffix":".txt"}],"shape":"d40b69fa4806a194","since":"2026-01-01T00:00:10Z"}`
	earlierPrepared = `{"v":1,"publish":[{"from":"part.e1.report.csv.00000001-0001.hgtrn3ms4u",` +
		`"to":"kind=a/part.e1.report.csv.00000002-0001.txt","length":10,"crc32c":"196121b7"},` +
		`{"from":"part.e1.report.csv.00000001-0002.hgtrn3ms4u",` +
		`"to":"kind=b/part.e1.report.csv.00000002-0002.txt","length":10,"crc32c":"38b67861"}],` +
		`"shape":"d40b69fa4806a194","shown":true}`
)

func TestFoldersOfAnEarlierVersionAreGoneOnWith(t *testing.T) {
	for epoch, record := range map[uint64]string{1: earlierStaged, 2: earlierPrepared} {
		d := stagingtest.NewDisk()
		const staged = "/data/.out.engine/report/csv/part.e1.report.csv.00000001-000"
		createFile(t, d, staged+"1.hgtrn3ms4u", "#id\n0\n2\n4\n")
		createFile(t, d, staged+"2.hgtrn3ms4u", "#id\n1\n3\n5\n")
		createFile(t, d, staged+"3.aaaaaaaaaa", "#id\n6\n") // of an epoch that never was
		if err := d.Mkdir("/data/out"); err != nil {
			t.Fatal(err)
		}
		cfg, env := testConfig(), testEnv("")
		cfg.PartitionBy, env.Epoch = []string{"kind"}, epoch
		s, err := newSink(cfg, testSchema, env, lines, d)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, epoch, []byte(record))
		if err := s.Recover(t.Context(), []byte(record)); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"kind=a/part.e1.report.csv.00000002-0001.txt": "#id\n0\n2\n4\n",
			"kind=b/part.e1.report.csv.00000002-0002.txt": "#id\n1\n3\n5\n"}
		if epoch == 1 {
			write(t, s, batchOf(4, 6, "a", "b"))
			commit(t, s, 2, prepare(t, s, 2, true))
		}
		if got := d.Tree("/data/out"); !maps.Equal(got, want) {
			t.Errorf("after epoch %d: want %q, got %q", epoch, want, got)
		}
		if got := d.Tree("/data/.out.engine"); len(got) > 0 {
			t.Errorf("after epoch %d: want nothing staged, got %q", epoch, got)
		}
	}
}
