package sdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"unicode"
)

// Path is a config field that names a file, a folder or a glob of the local file
// system. Decode refuses text that is another thing by mistake: what it would make
// is a folder of that name below the working directory. "" is no path; a field
// with required:"true" refuses it.
type Path string

// ConfigType is the type's name for people.
func (Path) ConfigType() string { return "path" }

var (
	schemePattern   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:/`)
	windowsPattern  = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\)`)
	variablePattern = regexp.MustCompile(`^\$\{?([A-Za-z_]\w*)|/\$\{?([A-Za-z_]\w*)(?:[}/]|$)|%([A-Za-z_]\w*)%`)
	templatePattern = regexp.MustCompile(`\{\{|%Y|\$\(`)
)

// The longest name and the longest path that Linux takes, in bytes.
const (
	maxPathName = 255
	maxPath     = 4095
)

// Validate refuses what cannot be meant as a local path.
func (p *Path) Validate() error {
	text := string(*p)
	wrong := func(hint, format string, args ...any) error {
		return Problem{Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	switch control := strings.IndexFunc(text, unicode.IsControl); {
	case text == "":
		return nil
	case strings.TrimSpace(text) == "":
		return wrong("", "want a path, got %s, which is blank", quote(text))
	case strings.ContainsRune(text, 0):
		return wrong("", "want a path, got %s, which holds a zero byte", quote(text))
	case text != strings.TrimSpace(text):
		return wrong("", "want a path without white space at its ends, got %s", quote(text))
	case control >= 0:
		return wrong("a ? in an input's path stands for any character",
			"want a path without control characters, got %s", quote(text))
	case strings.HasPrefix(strings.ToLower(text), "file:"):
		return wrong("write the path alone, such as /data/in", "want a path, got the URL %s", quote(text))
	case schemePattern.MatchString(text):
		return wrong("files are local: copy them here before, or mount what holds them, and name that folder",
			"want a path of this machine, got %s", quote(text))
	case windowsPattern.MatchString(text):
		return wrong("", "want a path such as /data/in, got one of Windows, %s", quote(text))
	case text == "-":
		return wrong("write stdin: {} for an input, stdout: {} for an output; a file of that name is ./-",
			"want a path, got -, which is no standard stream here")
	case text[0] == '~':
		return wrong(`write the whole path, or "${HOME}/…"; a name that begins with ~ is written ./~`,
			"want a path, got %s: ~ is the shell's and not expanded here", quote(text))
	case variablePattern.MatchString(text):
		name := strings.Join(variablePattern.FindStringSubmatch(text)[1:], "")
		return wrong("write ${"+name+"} for a variable of the environment",
			"want a path, got %s, which nothing expands", quote(text))
	case templatePattern.MatchString(text):
		return wrong("partition_by makes folders of columns; other values come from ${VAR} of the environment",
			"want a path, got the template %s, which nothing expands", quote(text))
	}
	return p.fits()
}

// fits refuses names that no file system of Linux has.
func (p *Path) fits() error {
	if len(*p) > maxPath {
		return Fieldf("", "want a path of at most %d bytes, got one of %d", maxPath, len(*p))
	}
	for name := range strings.SplitSeq(string(*p), "/") {
		if len(name) > maxPathName {
			return Fieldf("", "want names of at most %d bytes, got one of %d (%.40s…)", maxPathName, len(name), name)
		}
	}
	return nil
}

// missing reports whether a required path is empty.
func (p *Path) missing() bool { return *p == "" }

// Resolve is the one true name of a path, without links, so that two ways to a
// file compare equal. A relative path is relative to dir. What of it does not
// exist has no links, but for a link that leads to nothing: it is followed.
func (p Path) Resolve(dir string) (string, error) {
	path := string(p)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return trueName(path, mostLinks)
}

// mostLinks is how many links the kernel follows on the way to a file.
const mostLinks = 40

func trueName(path string, links int) (string, error) {
	name, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	above, err := trueName(filepath.Dir(path), links)
	if err != nil {
		return "", err
	}
	path = filepath.Join(above, filepath.Base(path))
	to, err := os.Readlink(path)
	switch {
	case err != nil:
		return path, nil // nothing has this name
	case links == 0:
		return "", syscall.ELOOP
	case !filepath.IsAbs(to):
		to = filepath.Join(above, to)
	}
	return trueName(to, links-1)
}

// Files are the files that a source reads or a sink writes.
type Files struct {
	Path     Path     // a folder; of a source also a file or a glob
	Key      string   // of the config, that says Path
	Suffixes []string // of a folder's files that are read, or of those that are written
	Levels   int      // of folders column=value that a sink makes below Path
}
