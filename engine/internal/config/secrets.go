package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Secrets are texts that nothing may print: what stands under keys such as
// password or token, passwords in URLs, and what variables and --set put there.
// They are masked by value, wherever they come up. The zero value has none.
type Secrets struct {
	values []string // longest first
}

// secretWords are the words of a key's name that make its value a secret; two are
// joined by _. A key that ends with one of plainWords says where a secret is, or
// what kind: password_file, token_url.
var (
	secretWords = []string{"password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "api_key",
		"access_key", "account_key", "private_key", "shared_key", "credential", "credentials", "authorization",
		"connection_string", "sas_token", "bearer"}
	plainWords = []string{"file", "path", "url", "endpoint", "name", "type", "ttl", "period", "header", "key_id"}
	// columns are the keys under which the names are a user's columns.
	columnKeys = []string{"schema", "schemas", "fields", "derive", "select", "aggregates", "rename", "cast", "types"}
	// typeWords stand behind names of columns, not of secrets.
	typeWords = regexp.MustCompile(`^(string|bool|u?int(32|64)|float(32|64)|timestamp|date|time|bytes|json|` +
		`decimal\(.*|list\(.*|true|false|null|~|yes|no|count\(.*)$`)
	// secretLine is a key and its value in a text that is not parsed: a line of YAML,
	// an item of a flow map, an argument a.b.password=x.
	secretLine = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:pass?w|pwd|passphrase|secret|token|api_?key|access_?key|` +
		`account_?key|private_?key|credential|authorization|connection_?string|bearer)[a-z0-9_-]*)["']?\s*[:=]\s*` +
		`("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\$\{[^}]*\}\S*|[^\s#,}\]]+(?: [^\s#,}\]:]+)*)`)
	// userInfo is the password in a URL, or in a data source name user:password@host:port.
	userInfo = regexp.MustCompile(`(?:://[^/\s:@'"]*:([^/\s'"]+)@|^[^/\s:@'"]+:([^/\s'"@]+)@[\w.-]+[(:/])`)
)

// IsSecretKey reports whether the value of a key with this name is a secret.
func IsSecretKey(name string) bool {
	words := "_" + strings.Join(wordsOf(name), "_") + "_"
	has := func(word string) bool { return strings.Contains(words, "_"+word+"_") }
	ends := func(word string) bool { return strings.HasSuffix(words, "_"+word+"_") }
	misspelt := strings.Contains(words, "_passw") || strings.Contains(words, "_pasw")
	return (misspelt || slices.ContainsFunc(secretWords, has)) && !slices.ContainsFunc(plainWords, ends)
}

// wordsOf splits snake_case, kebab-case and camelCase.
func wordsOf(name string) []string {
	var spaced strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			spaced.WriteByte(' ')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		if !lower && !unicode.IsUpper(r) {
			r = ' '
		}
		spaced.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(spaced.String())
}

// addTree adds the secrets of a tree. Before variables are filled in their
// defaults count, afterwards what they were filled with.
func (s *Secrets) addTree(n *Node, secret bool) {
	switch n.Kind() {
	case Scalar:
		s.addURLs(n.text)
		if !secret {
			return
		}
		s.add(n.text)
		for _, at := range variableAnywhere.FindAllStringSubmatch(n.text, -1) {
			s.add(at[2])
		}
	case List:
		for _, item := range n.values {
			s.addTree(item, secret)
		}
	case Map:
		for i, value := range n.values {
			if name := n.keys[i].name; !slices.Contains(columnKeys, name) {
				s.addTree(value, IsSecretKey(name))
			}
		}
	}
}

var variableAnywhere = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\}`)

// AddText adds the secrets of a text that is no tree: a file that cannot be parsed
// or is Benthos's, an argument. Variables are looked up.
func (s *Secrets) AddText(text string, lookup func(string) (string, bool)) {
	for _, match := range secretLine.FindAllStringSubmatch(text, -1) {
		key, value := match[1], match[2]
		if at := strings.LastIndexByte(key, '.'); at >= 0 {
			key = key[at+1:]
		}
		if !IsSecretKey(key) || typeWords.MatchString(value) || strings.HasPrefix(value, "{") ||
			strings.HasPrefix(value, "[") {
			continue
		}
		s.add(unquoted(value))
		for _, at := range variableAnywhere.FindAllStringSubmatch(value, -1) {
			s.add(at[2])
			if lookup == nil {
				continue
			}
			if filled, ok := lookup(at[1]); ok {
				s.add(filled)
			}
		}
	}
	s.addURLs(text)
	for _, at := range variableAnywhere.FindAllStringSubmatch(text, -1) {
		if lookup == nil {
			break
		}
		if filled, ok := lookup(at[1]); ok {
			s.addURLs(filled) // a URL with a password
		}
	}
}

// unquoted is a value of a line of YAML without its quotes.
func unquoted(value string) string {
	inner := strings.Trim(value, `"'`)
	if strings.HasPrefix(value, "'") {
		return strings.ReplaceAll(inner, "''", "'")
	}
	return inner
}

// addURLs adds the passwords of URLs and of data source names, user:password@host.
func (s *Secrets) addURLs(text string) {
	for _, match := range userInfo.FindAllStringSubmatch(text, -1) {
		s.add(match[1])
		s.add(match[2])
	}
}

// shortest is how long a secret must be to be masked by its value: a shorter one
// would hide half of every message.
const shortest = 3

func (s *Secrets) add(value string) {
	if strings.HasPrefix(value, "${") && strings.HasSuffix(value, "}") || typeWords.MatchString(value) {
		return
	}
	for _, v := range append(strings.Split(value, "\n"), variants(value)...) {
		v = strings.TrimSpace(v)
		if len(v) >= shortest && !slices.Contains(s.values, v) {
			s.values = append(s.values, v)
		}
	}
	slices.SortStableFunc(s.values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// Merge adds the secrets of others.
func (s *Secrets) Merge(others *Secrets) {
	for _, v := range others.values {
		s.add(v)
	}
}
