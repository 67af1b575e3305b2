//go:build !linux

package staging

func renameNoReplace(from, to string) error {
	return errNoReplaceUnknown
}
