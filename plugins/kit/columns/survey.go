package columns

// survey lists columns and whether a row had them. The fields of structs follow
// with the name of what they are in.
func survey(columns []Column, above string, names []string, had []bool) ([]string, []bool) {
	for i := range columns {
		c := &columns[i]
		name := join(above, c.Name)
		if c.Name != "" { // the items of a list have no name of their own
			names, had = append(names, name), append(had, c.had)
		}
		names, had = survey(c.inside, name, names, had)
	}
	return names, had
}

// Survey returns the columns by their names in the input, and of each whether a
// row had it, if only as a null, as of the last NewRecordBatch.
func (b *Builder) Survey() (names []string, had []bool) {
	return survey(b.columns, "", nil, nil)
}
