package jsonrows

import "bytes"

// skipValue finds the end of the value at p, and that it is one.
func skipValue(s []byte, p, depth int) (after int, err error) {
	if p = skipSpace(s, p); p == len(s) {
		return 0, syntax(s, p, "a value")
	}
	switch b := s[p]; {
	case b == '"':
		return skipString(s, p+1)
	case b == '-' || b-'0' <= 9:
		return scanNumber(s, p)
	case b != '{' && b != '[':
		return scanLiteral(s, p)
	}
	if depth++; depth > maxDepth {
		return 0, syntax(s, p, "less nesting")
	}
	if s[p] == '[' {
		return skipItems(s, p+1, ']', depth)
	}
	return skipItems(s, p+1, '}', depth)
}

func skipString(s []byte, p int) (after int, err error) {
	end, escaped, _, err := scanString(s, p)
	if err != nil || !escaped {
		return end + 1, err
	}
	for ; ; p++ {
		at := bytes.IndexByte(s[p:end], '\\')
		if at < 0 {
			return end + 1, nil
		}
		if p += at + 1; s[p] == 'u' {
			if _, ok := hex(s[p+1 : end]); !ok {
				return 0, syntax(s, p+1, "four hexadecimal digits")
			}
		} else if escapes[s[p]] == 0 {
			return 0, syntax(s, p, "an escape that JSON has")
		}
	}
}

// skipItems finds the end of an array or object whose opening has been read.
func skipItems(s []byte, p int, closing byte, depth int) (after int, err error) {
	if p = skipSpace(s, p); p < len(s) && s[p] == closing {
		return p + 1, nil
	}
	for {
		if closing == '}' {
			if p = skipSpace(s, p); p == len(s) || s[p] != '"' {
				return 0, syntax(s, p, "a key in quotes")
			}
			if p, err = skipString(s, p+1); err != nil {
				return 0, err
			}
			if p = skipSpace(s, p); p == len(s) || s[p] != ':' {
				return 0, syntax(s, p, "a colon")
			}
			p++
		}
		if p, err = skipValue(s, p, depth); err != nil {
			return 0, err
		}
		switch p = skipSpace(s, p); {
		case p < len(s) && s[p] == closing:
			return p + 1, nil
		case p == len(s) || s[p] != ',':
			return 0, syntax(s, p, "a comma or "+string(closing))
		}
		p++
	}
}
