package staging_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"

	"etlengine/plugins/kit/staging"
)

// database is a store of rows in one file. A transaction is one line, appended with a
// checksum before it: what does not have its own never was.
type database struct {
	disk   staging.Disk
	path   string
	file   staging.File
	newest staging.Committed // of the last transaction
	rows   []string
}

// transaction is rows and what they are the rows of.
type transaction struct {
	staging.Committed
	Rows []string `json:"rows"`
}

// openDatabase reads the file, if there is one, and writes it anew: nobody knows what a
// sync that failed has left of it.
func openDatabase(d staging.Disk, path string) (*database, error) {
	text, err := readFile(d, path)
	if err != nil {
		return nil, err
	}
	db := &database{disk: d, path: path}
	next := path + ".new"
	if found, err := staging.Exists(d, next); err != nil {
		return nil, err
	} else if found {
		if err := d.Remove(next); err != nil {
			return nil, staging.Failed("removing", next, err)
		}
	}
	if db.file, err = d.Create(next); err != nil {
		return nil, staging.Failed("creating", next, err)
	}
	for line := range strings.Lines(text) {
		tx, ok := parse(line)
		if !ok {
			break
		}
		if _, err = db.file.Write([]byte(line)); err != nil {
			return nil, staging.Failed("writing", next, err)
		}
		db.newest, db.rows = tx.Committed, append(db.rows, tx.Rows...)
	}
	for _, step := range []func() error{func() error { return d.Sync(next) },
		func() error { return d.Replace(next, path) }, func() error { return d.Sync(filepath.Dir(path)) }} {
		if err := step(); err != nil {
			return nil, staging.Failed("replacing", path, err)
		}
	}
	return db, nil
}

func readFile(d staging.Disk, path string) (string, error) {
	found, err := staging.Exists(d, path)
	if err != nil || !found {
		return "", err
	}
	info, err := d.Stat(path)
	if err != nil {
		return "", staging.Failed("looking at", path, err)
	}
	f, err := d.Open(path)
	if err != nil {
		return "", staging.Failed("opening", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
	return string(text), staging.Failed("reading", path, err)
}

func parse(line string) (tx transaction, ok bool) {
	sum, body, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if !ok || !strings.HasSuffix(line, "\n") || sum != sumOf(body) {
		return tx, false
	}
	return tx, json.Unmarshal([]byte(body), &tx) == nil
}

func sumOf(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// insert is one transaction. After an error the database is to be opened again.
func (db *database) insert(tx transaction) error {
	body, err := json.Marshal(tx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(db.file, "%s %s\n", sumOf(string(body)), body); err != nil {
		return staging.Failed("writing", db.path, err)
	}
	if err := db.disk.Sync(db.path); err != nil {
		return staging.Failed("syncing", db.path, err)
	}
	db.newest, db.rows = tx.Committed, append(db.rows, tx.Rows...)
	return nil
}
