// Judges chains with crypto/x509, and reads bundles as client-go and as crypto/tls do. JSON on stdin and stdout; standard library only.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

type question struct {
	// DER in base64.
	Leaf          []byte   `json:"leaf"`
	Intermediates [][]byte `json:"intermediates"`
	Roots         [][]byte `json:"roots"`
	AtMs          int64    `json:"atMs"`
	Usage         string   `json:"usage"`
	// Empty: no name is asked for.
	Name string `json:"name"`
}

type verdict struct {
	// "ok", or a kind of fault in the words of src/domain/pki/chain-certificate.ts.
	Fault string `json:"fault"`
	Text  string `json:"text"`
}

type input struct {
	Chains []question `json:"chains"`
	// Bytes in base64.
	Bundles [][]byte `json:"bundles"`
}

type bundle struct {
	// Number of certificates; -1: refused.
	ClientGo int `json:"clientGo"`
	Tls      int `json:"tls"`
}

type output struct {
	Go      string    `json:"go"`
	Chains  []verdict `json:"chains"`
	Bundles []bundle  `json:"bundles"`
}

var usages = map[string]x509.ExtKeyUsage{"serverAuth": x509.ExtKeyUsageServerAuth, "clientAuth": x509.ExtKeyUsageClientAuth, "any": x509.ExtKeyUsageAny}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := output{Chains: []verdict{}, Bundles: []bundle{}}
	for _, q := range in.Chains {
		out.Chains = append(out.Chains, judge(q))
	}
	for _, text := range in.Bundles {
		out.Bundles = append(out.Bundles, bundle{ClientGo: parseCertsPEM(text), Tls: appendCertsFromPEM(text)})
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(q question) verdict {
	leaf, err := x509.ParseCertificate(q.Leaf)
	if err != nil {
		return verdict{"unreadable", err.Error()}
	}
	intermediates, err := pool(q.Intermediates)
	if err != nil {
		return verdict{"unreadable", err.Error()}
	}
	roots, err := pool(q.Roots)
	if err != nil {
		return verdict{"unreadable", err.Error()}
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		DNSName:       q.Name,
		Intermediates: intermediates,
		Roots:         roots,
		CurrentTime:   time.UnixMilli(q.AtMs),
		KeyUsages:     []x509.ExtKeyUsage{usages[q.Usage]},
	})
	if err == nil {
		return verdict{"ok", ""}
	}
	return verdict{faultOf(err), err.Error()}
}

func pool(ders [][]byte) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	for _, der := range ders {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		p.AddCert(certificate)
	}
	return p, nil
}

func faultOf(err error) string {
	text := err.Error()
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return hintOf(text)
	case errors.As(err, &name):
		if strings.Contains(text, "certificate is valid for") {
			return "wrong-name"
		}
		return "no-san"
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			if strings.Contains(text, "is before") {
				return "not-yet-valid"
			}
			return "expired"
		case x509.NotAuthorizedToSign:
			return "not-a-ca"
		case x509.TooManyIntermediates:
			return "path-too-long"
		case x509.IncompatibleUsage:
			return "wrong-usage"
		}
	case strings.Contains(text, "signature check attempts limit reached"):
		return "too-many-checks"
	}
	return "other"
}

// The reason stands in the text only.
func hintOf(text string) string {
	switch {
	case !strings.Contains(text, "possibly because of"):
		return "unknown-authority"
	case strings.Contains(text, "parent certificate cannot sign"):
		return "not-a-ca"
	case strings.Contains(text, "insecure algorithm"):
		return "weak-signature"
	}
	return "wrong-key"
}

// As client-go util/cert/pem.go ParseCertsPEM.
func parseCertsPEM(text []byte) int {
	found := 0
	for len(text) > 0 {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		certificates, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return -1
		}
		found += len(certificates)
	}
	if found == 0 {
		return -1
	}
	return found
}

// What client-go's transport does with the CA of a kubeconfig.
func appendCertsFromPEM(text []byte) int {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		return -1
	}
	return len(p.Subjects())
}
