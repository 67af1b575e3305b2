package redpanda_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/broker"
)

// guarded is a world whose broker wants something of its clients; it has no
// topic, so whoever gets in receives that error.
func guarded(t *testing.T, o broker.Options) *world {
	t.Helper()
	w := &world{t: t, topic: "t", log: new(strings.Builder)}
	w.broker = startBroker(t, o)
	w.address = w.broker.Address()
	return w
}

const gotIn = `topic "t" does not exist`

func TestLoginWorksWithEveryMechanism(t *testing.T) {
	w := guarded(t, broker.Options{User: "alice", Password: "correct horse"})
	const sasl = `{"sasl": {"mechanism": %q, "username": "alice", "password": %q}}`
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		_, err := w.tryOpen(fmt.Sprintf(sasl, mechanism, "correct horse"), nil)
		wantError(t, mechanism, err, gotIn)
		_, err = w.tryOpen(fmt.Sprintf(sasl, mechanism, "battery staple"), nil)
		wantError(t, mechanism+" with a wrong password", err, w.address, `user "alice"`, "sasl.password")
		if err != nil && strings.Contains(err.Error(), "staple") {
			t.Errorf("%s: the password is in the error: %v", mechanism, err)
		}
	}
	_, err := w.tryOpen(`{}`, nil)
	wantError(t, "no login", err, "may want tls or sasl")
}

func TestTLSTrustsTheAuthorityThatIsNamed(t *testing.T) {
	cert, file := certificate(t)
	w := guarded(t, broker.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	_, err := w.tryOpen(fmt.Sprintf(`{"tls": {"ca_file": %q}}`, file), nil)
	wantError(t, "its own authority", err, gotIn)
	_, err = w.tryOpen(`{"tls": {"skip_verify": true}}`, nil)
	wantError(t, "no questions", err, gotIn)
	_, err = w.tryOpen(`{"tls": true}`, nil)
	wantError(t, "the system's authorities", err, "with tls", "certificate")
	_, err = w.tryOpen(fmt.Sprintf(`{"tls": {"ca_file": %q, "server_name": "elsewhere"}}`, file), nil)
	wantError(t, "another name", err, "elsewhere")
	_, err = w.tryOpen(`{"tls": {"ca_file": "no-such.pem"}}`, nil)
	wantError(t, "no file", err, "tls.ca_file", "no-such.pem")
	_, err = w.tryOpen(`{"tls": {"cert_file": "no.pem", "key_file": "no.key"}}`, nil)
	wantError(t, "no pair", err, "tls.cert_file", "no.pem")
	notPEM := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = w.tryOpen(fmt.Sprintf(`{"tls": {"ca_file": %q}}`, notPEM), nil)
	wantError(t, "no certificate", err, "holds no certificate")
}

func TestTLSToAPlainBrokerSaysSo(t *testing.T) {
	w := guarded(t, broker.Options{})
	_, err := w.tryOpen(`{"tls": true}`, nil)
	wantError(t, "tls to a plain port", err, "connecting to "+w.address+" with tls")
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
