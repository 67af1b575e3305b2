package files

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// SinkConfig is the part of a sink's config that all formats share. Embed it.
// An embedding struct with a Validate of its own must call this one too.
type SinkConfig struct {
	Path         sdk.Path `json:"path" required:"true" alias:"folder" doc:"Folder that gets the part files."`
	PartitionBy  []string `json:"partition_by" state:"layout" doc:"Columns that become folders, column=value."`
	Roll         Roll     `json:"roll" state:"keep" doc:"When part files are finished and appear."`
	MaxOpenFiles int      `json:"max_open_files" state:"keep" doc:"Most files open at once under partition_by."`
	KeepMetadata *bool    `json:"keep_metadata" state:"keep" doc:"Whether _ columns are written too; left out: those of late rows are."`
}

// Roll is when staged rows become visible: with the first epoch that ends after
// one of the limits was reached.
type Roll struct {
	Size     sdk.Bytes    `json:"size" doc:"Size of a part file."`
	Interval sdk.Duration `json:"interval" doc:"Longest time that rows stay hidden; 0s: one epoch."`
}

// DefaultSink is what a sink's config holds when the user says nothing.
func DefaultSink() SinkConfig {
	return SinkConfig{Roll: Roll{Size: 128 << 20, Interval: sdk.Duration(time.Minute)}, MaxOpenFiles: 100}
}

// Validate refuses what no format could write.
func (c *SinkConfig) Validate() error {
	var errs []error
	switch {
	case strings.ContainsAny(string(c.Path), "*?["):
		errs = append(errs, sdk.Fieldf("path", "want a folder, got the pattern %q", c.Path))
	case c.Path != "" && isRoot(string(c.Path)):
		errs = append(errs, sdk.Fieldf("path", "want a folder below another one, got %q", c.Path))
	case inStaging(string(c.Path)):
		errs = append(errs, stagingProblem(c.Path))
	}
	for i, column := range c.PartitionBy {
		path := "partition_by." + strconv.Itoa(i)
		if column == "" {
			errs = append(errs, sdk.Fieldf(path, "want the name of a column, got \"\""))
		}
		if slices.Contains(c.PartitionBy[:i], column) {
			errs = append(errs, sdk.Fieldf(path, "%q is named twice", column))
		}
	}
	if c.MaxOpenFiles < 1 {
		errs = append(errs, sdk.Fieldf("max_open_files", "want at least 1, got %d", c.MaxOpenFiles))
	}
	return errors.Join(errs...)
}

// Validate refuses limits that cannot be reached.
func (r *Roll) Validate() error {
	var errs []error
	if r.Size < 1 {
		errs = append(errs, sdk.Fieldf("size", "want more than 0, got %s", r.Size))
	}
	if r.Interval < 0 {
		errs = append(errs, sdk.Fieldf("interval", "want 0s or more, got %s", r.Interval))
	}
	return errors.Join(errs...)
}

// isRoot reports whether a path has no folder above it as written, so that nothing
// could stand beside it: "/", ".", "..", "../..".
func isRoot(path string) bool {
	base := filepath.Base(filepath.Clean(path))
	return base == "." || base == ".." || base == string(filepath.Separator)
}

// About describes a sink whose files have a suffix, for Spec.About.
func (c SinkConfig) About(suffix string) sdk.Description {
	folder := filepath.Clean(string(c.Path))
	return sdk.Description{Resources: []string{"folder:" + folder},
		Files: &sdk.Files{Path: sdk.Path(folder), Key: "path", Suffixes: []string{suffix}, Levels: len(c.PartitionBy)}}
}

// Describe adds the columns of the files, for Spec.Columns. byOrder: the files do not
// name them.
func (c SinkConfig) Describe(in *arrow.Schema, byOrder bool, d *sdk.Description) {
	l, problems := c.layout(in)
	d.Layout = &sdk.Layout{Columns: l.schema.Fields(), ByOrder: byOrder}
	d.ColumnProblems = append(d.ColumnProblems, problems...)
}
