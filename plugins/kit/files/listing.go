package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"etlengine/plugins/kit/staging"
)

// found is a file to be read.
type found struct {
	name     string // as the config would write it, see printable; names the partition
	path     string
	values   map[string][]string // of column=value folders
	size     int64
	modified time.Time
}

// listing finds the files of a path.
type listing struct {
	dir      string // relative paths are relative to it
	path     string // as configured, cleaned
	suffixes []string
	others   []string // names of files and folders that were passed over
}

// errNoFiles says that a path leads to nothing to read.
type errNoFiles struct{ text string }

func (e errNoFiles) Error() string { return e.text }

// find lists the files in the order of their names. Names that begin with . or
// _ are passed over, unless the path itself names them.
func (l *listing) find() ([]found, error) {
	l.others = nil
	matches, err := l.matches()
	if err != nil {
		return nil, err
	}
	var files []found
	for _, name := range matches {
		info, err := os.Stat(l.at(name))
		if err != nil {
			return nil, staging.Failed("opening", name, err)
		}
		if !info.IsDir() {
			files = append(files, l.file(name, info))
			continue
		}
		below, err := l.folder(name)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	slices.SortFunc(files, func(a, b found) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(files); i++ {
		if files[i].name == files[i-1].name {
			return nil, fmt.Errorf("reading the names of files: two are written %s, one of which is not UTF-8: "+
				"rename one", files[i].name)
		}
	}
	if len(files) == 0 {
		return nil, errNoFiles{fmt.Sprintf("path: want files in %s whose names end in %s, "+
			"found %s", l.path, strings.Join(l.suffixes, " or "), l.passedOver())}
	}
	return files, nil
}

// passedOver names some of the files and folders that were passed over.
func (l *listing) passedOver() string {
	const most = 5
	var names []string
	for _, name := range l.others[:min(len(l.others), most)] {
		if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
			name = quoted
		}
		names = append(names, name)
	}
	switch more := len(l.others) - most; {
	case len(names) == 0:
		return "nothing"
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// matches are the names that the path stands for: itself, or those of a glob.
func (l *listing) matches() ([]string, error) {
	_, err := os.Stat(l.at(l.path))
	if err == nil {
		return []string{l.path}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, staging.Failed("opening", l.path, err)
	}
	if !strings.ContainsAny(l.path, globMarks) {
		return nil, errNoFiles{fmt.Sprintf("path: want a file, a folder or a glob, there is no %s", l.path)}
	}
	pattern := l.path
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(quoteGlob(l.dir), pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, staging.Failed("opening", l.path, err)
	}
	var names []string
	for _, path := range paths {
		if passedOver(filepath.Base(path)) && !passedOver(filepath.Base(l.path)) {
			l.others = append(l.others, filepath.Base(path))
			continue
		}
		if !filepath.IsAbs(l.path) {
			if path, err = filepath.Rel(l.dir, path); err != nil {
				return nil, staging.Failed("opening", path, err)
			}
		}
		names = append(names, path)
	}
	if len(names) == 0 {
		return nil, errNoFiles{fmt.Sprintf("path: no file matches %s", l.path)}
	}
	return names, nil
}

const globMarks = "*?["

func quoteGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func passedOver(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func (l *listing) at(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, name)
}

func (l *listing) file(name string, info fs.FileInfo) found {
	return found{name: printable(name), path: l.at(name), values: folderValues(filepath.Dir(name)),
		size: info.Size(), modified: info.ModTime()}
}

// printable is a name as it is recorded and shown. Positions and columns hold UTF-8
// only, but Linux takes any bytes for a name: of one that is not UTF-8 the other
// bytes are written \xe9, so that two such files are never taken for one.
func printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, name[0])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(name[:size])
		}
		name = name[size:]
	}
	return b.String()
}

// folder lists the files of a folder, and of its column=value folders.
func (l *listing) folder(name string) ([]found, error) {
	entries, err := os.ReadDir(l.at(name))
	if err != nil {
		return nil, staging.Failed("reading the folder", name, err)
	}
	var files []found
	for _, e := range entries {
		below := filepath.Join(name, e.Name())
		if passedOver(e.Name()) {
			continue
		}
		info, err := os.Stat(l.at(below)) // not e.Info: a link counts as what it leads to
		switch {
		case err != nil:
			return nil, staging.Failed("opening", below, err)
		case info.IsDir() && strings.Contains(e.Name(), "="):
			inside, err := l.folder(below)
			if err != nil {
				return nil, err
			}
			files = append(files, inside...)
		case !info.IsDir() && l.wanted(e.Name()):
			files = append(files, l.file(below, info))
		default:
			l.others = append(l.others, e.Name())
		}
	}
	return files, nil
}

func (l *listing) wanted(name string) bool {
	return slices.ContainsFunc(l.suffixes, func(suffix string) bool {
		return strings.HasSuffix(strings.ToLower(name), suffix)
	})
}

// covers reports whether a file of that name, now gone, would have been listed.
func (l *listing) covers(name string) bool {
	if matched, _ := filepath.Match(l.path, name); matched || name == l.path {
		return true
	}
	return strings.HasPrefix(name, l.path+string(filepath.Separator)) && l.wanted(name)
}

// readable finds out before any row is read whether a file can be.
func readable(f found) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return staging.Failed("opening", f.name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("opening %s: want a file, got a %s", f.name, kindOf(info.Mode()))
	}
	file, err := os.Open(f.path)
	if err != nil {
		return staging.Failed("opening", f.name, err)
	}
	return file.Close()
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
