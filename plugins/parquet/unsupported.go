package parquet

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// unsupported says what of a file's column cannot be read, before any row of it is.
// That is not damage: it has a name, and a way on.
func unsupported(meta *format.FileMetaData, leaf int) error {
	for i := range meta.RowGroups {
		if leaf >= len(meta.RowGroups[i].Columns) {
			return damaged(fmt.Errorf("a row group has %d columns", len(meta.RowGroups[i].Columns)))
		}
		chunk := &meta.RowGroups[i].Columns[leaf]
		switch {
		case chunk.CryptoMetadata.Value != nil || len(chunk.EncryptedColumnMetadata) > 0:
			return errors.New("it is encrypted; only plain columns can be read")
		case chunk.FilePath != "":
			return fmt.Errorf("its values are in another file, %q; only whole files can be read", chunk.FilePath)
		}
		if err := codecProblem(chunk.MetaData.Codec); err != nil {
			return err
		}
	}
	return nil
}
