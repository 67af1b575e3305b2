package files

import (
	"errors"
	"path/filepath"
	"strings"

	"etlengine/plugins/sdk"
)

// SourceConfig is the part of a source's config that all formats share. Embed
// it. An embedding struct with a Validate of its own must call this one too.
type SourceConfig struct {
	Path      sdk.Path   `json:"path" required:"true" alias:"paths,file" doc:"A file, a folder or a glob."`
	Schema    sdk.Schema `json:"schema" state:"keep" doc:"Columns to read, also from folders column=value."`
	Partition string     `json:"partition" state:"keep" doc:"What is in order of time within itself: file."`
	Metadata  []string   `json:"metadata" state:"keep" doc:"Where a row came from: path (_path), line (_line)."`
}

// DefaultSource is what a source's config holds when the user says nothing.
func DefaultSource() SourceConfig {
	return SourceConfig{Partition: "file"}
}

// Validate refuses what no format could read.
func (c *SourceConfig) Validate() error {
	var errs []error
	if strings.Contains(string(c.Path), "**") {
		errs = append(errs, sdk.Fieldf("path", "** is not understood; name each level of folders with a *"))
	} else if _, err := filepath.Match(string(c.Path), ""); err != nil {
		errs = append(errs, sdk.Fieldf("path", "want a file, a folder or a glob, got %q: %v", c.Path, err))
	}
	if inStaging(string(c.Path)) {
		errs = append(errs, stagingProblem(c.Path))
	}
	if c.Partition != "" && c.Partition != "file" {
		errs = append(errs, sdk.Fieldf("partition", "want file, got %s; other partitions are not supported yet",
			c.Partition))
	}
	return errors.Join(append(errs, checkMetadata(c.Metadata))...)
}

// About describes a source of files with the suffixes, for Spec.About.
func (c SourceConfig) About(suffixes ...string) sdk.Description {
	path := filepath.Clean(string(c.Path))
	return sdk.Description{Resources: resources(path), Grows: grows(path), Bounds: sdk.Bounded{Records: true},
		Files: &sdk.Files{Path: sdk.Path(path), Key: "path", Suffixes: suffixes}}
}

// grows is why a later run may read more files.
func grows(path string) string {
	switch {
	case strings.ContainsAny(path, "*?["):
		return "more files may come to match " + path
	case filepath.Ext(path) == "":
		return "more files may come into " + path
	}
	return ""
}

// resources are the folders that a sink of the same file may be filling.
func resources(folder string) []string {
	if !strings.ContainsAny(folder, "*?[") {
		if filepath.Ext(folder) == "" {
			return []string{"folder:" + folder}
		}
		return []string{"folder:" + folder, "folder:" + filepath.Dir(folder)}
	}
	for strings.ContainsAny(folder, "*?[") {
		folder = filepath.Dir(folder)
	}
	return []string{"folder:" + folder}
}
