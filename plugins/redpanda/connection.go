package redpanda

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"etlengine/plugins/sdk"
)

// connection is how both directions reach a cluster.
type connection struct {
	Brokers []string `json:"brokers" alias:"seed_brokers,bootstrap_servers" doc:"host:port; none: embedded."`
	TLS     *TLS     `json:"tls" doc:"Encryption: true, or how to encrypt."`
	SASL    *SASL    `json:"sasl" doc:"Who we are."`
}

// TLS is how a connection is encrypted; `tls: true` trusts the system's roots.
type TLS struct {
	Enabled    bool     `json:"enabled" doc:"Whether to encrypt."`
	CAFile     sdk.Path `json:"ca_file" doc:"Certificates (PEM) to trust in place of the system's."`
	CertFile   sdk.Path `json:"cert_file" doc:"Our certificate (PEM)."`
	KeyFile    sdk.Path `json:"key_file" doc:"The key to our certificate (PEM)."`
	ServerName string   `json:"server_name" doc:"Name the broker's certificate must have, if not its host."`
	SkipVerify bool     `json:"skip_verify" doc:"Trust any broker. For trials only."`
}

// SASL is who we are to the broker.
type SASL struct {
	Mechanism string     `json:"mechanism" required:"true" doc:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."`
	Username  string     `json:"username" required:"true" alias:"user" doc:"User."`
	Password  sdk.Secret `json:"password" required:"true" doc:"Password."`
}

// FromText reads `tls: true`.
func (t *TLS) FromText(text string) error {
	on, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("want true, false or a map, got %q", text)
	}
	t.Enabled = on
	return nil
}

// Validate switches encryption on where files for it are named.
func (t *TLS) Validate() error {
	if *t != (TLS{}) {
		t.Enabled = true
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return sdk.Fieldf("cert_file", "cert_file and key_file go together")
	}
	return nil
}

// Validate refuses mechanisms that we do not speak.
func (s *SASL) Validate() error {
	return sdk.OneOf("mechanism", s.Mechanism, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
}

// joined is errors.Join, or nil if all are.
func joined(errs []error) error { return errors.Join(errs...) }

func (c *connection) problems() []error {
	var errs []error
	for i, b := range c.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			errs = append(errs, sdk.Fieldf("brokers."+strconv.Itoa(i), "want host:port, got %q", b))
		}
	}
	if c.isOurs() && c.TLS != nil && c.TLS.Enabled {
		errs = append(errs, sdk.Fieldf("tls", "the embedded broker does not encrypt; name brokers, or leave it"))
	}
	if c.isOurs() && c.SASL != nil {
		errs = append(errs, sdk.Fieldf("sasl", "the embedded broker has no users; name brokers, or leave it"))
	}
	return errs
}

// isOurs reports whether the broker is the engine's own service, since none is named: then
// the engine may change and delete its topics. Whether a broker that is named is an
// embedded one, isEmbedded reports.
func (c *connection) isOurs() bool { return len(c.Brokers) == 0 }

// resources names topics so that a reader and a writer of one agree.
func (c *connection) resources(topics ...string) []string {
	cluster := "embedded"
	if !c.isOurs() {
		cluster = strings.Join(slices.Sorted(slices.Values(c.Brokers)), ",")
	}
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = "topic://" + cluster + "/" + topic
	}
	return names
}

func (c *connection) needs() []string {
	if !c.isOurs() {
		return nil
	}
	return []string{embedded}
}

// seeds is where to connect first.
func (c *connection) seeds(env sdk.Env) ([]string, error) {
	if !c.isOurs() {
		return c.Brokers, nil
	}
	if address := env.Services[embedded]; address != "" {
		return []string{address}, nil
	}
	return nil, errors.New("no brokers are named and the embedded broker does not run")
}

// mechanism is nil for no login.
func (s *SASL) mechanism() sasl.Mechanism {
	auth := scram.Auth{User: s.Username, Pass: s.Password.Reveal()}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism()
	}
	return auth.AsSha256Mechanism()
}

// config reads the certificates; relative paths are relative to dir.
func (t *TLS) config(dir string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(inDir(dir, string(t.CAFile)))
		if err != nil {
			return nil, fmt.Errorf("reading tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading tls.ca_file: %s holds no certificate in PEM form", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(inDir(dir, string(t.CertFile)), inDir(dir, string(t.KeyFile)))
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert_file and tls.key_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
