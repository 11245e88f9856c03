package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// classify names the kind of a failure, in the words that all three languages use.
func classify(err error) string {
	var verification *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(err, &verification), strings.Contains(err.Error(), "x509: "):
		return "x509"
	case apierrors.IsUnauthorized(err):
		return "401"
	case apierrors.IsForbidden(err):
		return "403"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout(), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return "timeout"
	case errors.As(err, &network), strings.Contains(err.Error(), "connection"), strings.Contains(err.Error(), "EOF"):
		return "connection"
	default:
		return "other"
	}
}
