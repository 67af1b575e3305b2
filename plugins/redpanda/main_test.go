package redpanda_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run at once than there are processors, unless the
// command says how many: nearly all of them wait, for a broker that comes back
// or for an answer that does not.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		flag.Set("test.parallel", "16")
	}
	os.Exit(m.Run())
}
