//go:build tools

// Names the program that is built from the module proxy.
package tools

import _ "k8s.io/sample-apiserver"
