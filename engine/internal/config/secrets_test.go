package config

import (
	"strings"
	"testing"
)

func TestSecretsAreMaskedWhereverTheyComeUp(t *testing.T) {
	env := map[string]string{"PW": "from-the-environment", "BOTH": "fills-two-keys", "DSN": "amqp://u:in-a-variable@h"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	const text = `pipelines:
  p:
    input:
      redpanda: { topic: [t, "${BOTH}"], sasl: { password: hunter2-long, usernam: u }, schema: { password: string } }
    output:
      sql_insert: { dsn: "postgres://me:p%40ss-word@db/x", driver: nonsense-driver }
cache_resources:
  - label: c
    redis: { url: "redis://:only-a-pass@host:6379", api_key: "${PW}", token: ${UNSET:the-default}, clientSecret: abcd }
  - label: d
    some: { url: "${DSN}", password_file: /run/secrets/pw, max_tokens: 12345, secret: "${BOTH}" }
`
	secrets := []string{"hunter2-long", "p%40ss-word", "p@ss-word", "only-a-pass", "from-the-environment",
		"the-default", "fills-two-keys", "in-a-variable", "set-by-flag", `set-by-flag`, "hunter2-…"}
	check := func(t *testing.T, f *File, missing ...string) {
		t.Helper()
		for _, secret := range secrets {
			said := f.Secrets.Mask("connecting: user " + secret + " refused, got \"" + secret[:8] + "…\"")
			if strings.Contains(said, secret[:8]) {
				t.Errorf("%s is not masked: %s", secret, said)
			}
		}
		const plain = "string nonsense-driver /run/secrets/pw 12345 abcdef usernam redpanda"
		if got := f.Secrets.Mask(plain); got != plain {
			t.Errorf("got %s, want nothing masked of %s", got, plain)
		}
		if got := f.Secrets.Mask("abcd, xabcd"); got != "***, xabcd" {
			t.Errorf("a short secret: got %s, want it masked where it stands alone", got)
		}
	}
	set := []string{"pipelines.p.input.redpanda.sasl.password2=set-by-flag", "a.b.sasl.password=set-by-flag"}
	read := func(text string) (*File, []Problem) {
		return Load(Options{Paths: []string{"-"}, Stdin: strings.NewReader(text), Set: set, LookupEnv: lookup})
	}
	t.Run("a tree", func(t *testing.T) {
		f, _ := read(text)
		check(t, f)
	})
	t.Run("broken YAML", func(t *testing.T) {
		f, problems := read(text + "  broken: [\n\tx: }\n")
		if len(problems) == 0 {
			t.Fatal("want problems")
		}
		check(t, f)
	})
	t.Run("a plain Benthos config", func(t *testing.T) {
		f, _ := read(strings.ReplaceAll(text, "pipelines:\n  p:", "pipeline:\n  processors: []\n  p:"))
		if f.Plain == "" {
			t.Fatal("want it to be plain")
		}
		check(t, f)
	})
}

func TestAQuotedLineHidesItsSecrets(t *testing.T) {
	const long = "p: { password: a-very-long-password-that-is-longer-than-the-window-of-an-excerpt-of-a-line-of-source, " +
		"sasl: { password: 'it''s' }, nope: 1 }"
	f, _ := Load(Options{Paths: []string{"-"}, Stdin: strings.NewReader(long)})
	for _, word := range []string{"nope", "sasl", "a-very", "password"} {
		column := strings.Index(long, word) + 1
		var out strings.Builder
		f.Render(&out, []Problem{{Position: Position{File: "-", Line: 1, Column: column}, Message: "bad"}})
		lines := strings.Split(out.String(), "\n")
		if strings.Contains(out.String(), "long") || strings.Contains(out.String(), "it''s") {
			t.Errorf("at %s: the secret is shown: %s", word, out.String())
		}
		if at := strings.Index(lines[2], "^"); word != "a-very" && !strings.HasPrefix(lines[1][at:], word) {
			t.Errorf("at %s: the caret is elsewhere:\n%s", word, out.String())
		}
	}
}

func TestKeysOfSecrets(t *testing.T) {
	for name, want := range map[string]bool{"password": true, "sasl_password": true, "client_secret": true,
		"accessToken": true, "passwrd": true, "pasword": true, "api-key": true, "Authorization": true, "connection_string": true, "aws_secret_access_key": true,
		"password_file": false, "token_url": false, "max_tokens": false, "key": false, "topic": false, "secretary": false,
		"keys": false, "token_type": false} {
		if got := IsSecretKey(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}

func TestControlCharactersAreWrittenAsEscapes(t *testing.T) {
	tests := [][2]string{
		{"plain\ttext\n", "plain\ttext\n"}, {"é 漢 👩‍🚀", "é 漢 👩‍🚀"},
		{"a\x1b[31mred\x1b[0m", `a\x1b[31mred\x1b[0m`}, {"bell\a, back\b, return\r\n", `bell\a, back\b, return\r` + "\n"},
		{"NUL\x00 DEL\x7f", `NUL\x00 DEL\x7f`}, {"C1 \u009b31m", `C1 \u009b31m`}, {"bidi \u202etxt.exe", `bidi \u202etxt.exe`},
		{"not UTF-8 \xe9\xff.", `not UTF-8 \xe9\xff.`}, {"written so \uFFFD", "written so \uFFFD"},
	}
	for _, test := range tests {
		if got := Printable(test[0]); got != test[1] {
			t.Errorf("%q: got %q, want %q", test[0], got, test[1])
		}
	}
}
