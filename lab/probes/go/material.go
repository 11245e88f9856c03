package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync/atomic"
)

// credentials is one reading of a class's files: what its next connection trusts and presents.
type credentials struct {
	roots       *x509.CertPool
	certificate *tls.Certificate
	bearer      string
}

// material holds the latest good reading. A file that is half-written or gone leaves the last good one in place.
type material struct {
	class   Class
	current atomic.Pointer[credentials]
	stamp   string
}

func loadMaterial(class Class) (*material, error) {
	m := &material{class: class, stamp: fileStamp(class)}
	read, err := m.read()
	if err != nil {
		return nil, err
	}
	m.current.Store(read)
	return m, nil
}

// reload reads the files again if one of them changed since the last reading.
func (m *material) reload() error {
	stamp := fileStamp(m.class)
	if stamp == m.stamp {
		return nil
	}
	read, err := m.read()
	if err != nil {
		return err
	}
	m.current.Store(read)
	m.stamp = stamp
	return nil
}

func (m *material) read() (*credentials, error) {
	class := m.class
	caPEM, err := os.ReadFile(class.CAFile)
	if err != nil {
		return nil, err
	}
	read := &credentials{roots: x509.NewCertPool()}
	if !read.roots.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("no certificate in the CA bundle")
	}
	if class.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(class.CertFile, class.KeyFile)
		if err != nil {
			return nil, err
		}
		read.certificate = &pair
	}
	if class.TokenFile != "" {
		token, err := os.ReadFile(class.TokenFile)
		if err != nil {
			return nil, err
		}
		read.bearer = strings.TrimSpace(string(token))
	}
	return read, nil
}

func fileStamp(class Class) string {
	var stamp strings.Builder
	for _, path := range []string{class.CAFile, class.CertFile, class.KeyFile, class.TokenFile} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			stamp.WriteString(info.ModTime().String())
		}
		stamp.WriteString("|")
	}
	return stamp.String()
}

// tlsConfig makes the configuration of one connection. Nothing is shared between connections: no session can be
// resumed, so each one verifies the server's certificate anew.
func (c *credentials) tlsConfig(serverName string, protocol string) *tls.Config {
	config := &tls.Config{
		RootCAs:                c.roots,
		ServerName:             serverName,
		NextProtos:             []string{protocol},
		SessionTicketsDisabled: true,
		// The post-quantum exchange would double what a handshake costs both ends, and has no part in verification.
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
	if c.certificate != nil {
		certificate := c.certificate
		// A certificate listed in Certificates is held back when the server's list of acceptable CAs does not name
		// its issuer; then the server would see an anonymous client instead of an untrusted one.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		}
	}
	return config
}
