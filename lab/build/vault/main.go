// The real Vault server core and HTTP API with the PKI engine and AppRole. The stock command imports the SDK of every
// cloud and takes more than ten minutes and 4 GB to compile; this one takes three. Three of its commands are in commands.go.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/pki"
	_ "github.com/hashicorp/vault/command/server"
	vhttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

var engines = map[string]logical.Factory{"pki": pki.Factory}
var auths = map[string]logical.Factory{"approle": approle.Factory}

// plugins tells Vault which engines and auth methods are built in.
type plugins struct{}

func (plugins) factories(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeSecrets:
		return engines
	case consts.PluginTypeCredential:
		return auths
	}
	return nil
}

func (p plugins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := p.factories(kind)[name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (p plugins) Contains(name string, kind consts.PluginType) bool {
	_, found := p.factories(kind)[name]
	return found
}

func (p plugins) Keys(kind consts.PluginType) []string {
	names := []string{}
	for name := range p.factories(kind) {
		names = append(names, name)
	}
	return names
}

func (plugins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

func (plugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

// initOutput is what Vault says once in its life: the key that unseals it and the first token.
type initOutput struct {
	UnsealKey []byte `json:"unseal_key"`
	RootToken string `json:"root_token"`
}

// storage is a folder, or memory if none is named.
func storage(folder string, logger log.Logger) (physical.Backend, error) {
	if folder == "" {
		return inmem.NewInmem(nil, logger)
	}
	return file.NewFileBackend(map[string]string{"path": folder}, logger)
}

// initialise does so if it was never done, and writes the output for its owner's eyes only before anything else happens.
func initialise(ctx context.Context, core *vault.Core, path string) error {
	done, err := core.Initialized(ctx)
	if err != nil || done {
		return err
	}
	result, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig:  &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		RecoveryConfig: &vault.SealConfig{},
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(initOutput{UnsealKey: result.SecretShares[0], RootToken: result.RootToken})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = out.Write(append(text, '\n')); err != nil {
		return err
	}
	if err = out.Sync(); err != nil {
		return err
	}
	return out.Close()
}

func unseal(core *vault.Core, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var saved initOutput
	if err = json.Unmarshal(text, &saved); err != nil {
		return err
	}
	unsealed, err := core.Unseal(saved.UnsealKey)
	if err == nil && !unsealed {
		err = errors.New("the key in " + path + " does not unseal")
	}
	return err
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:8200", "address and port")
	folder := flag.String("storage", "", "folder of the file storage; empty: in memory")
	certificate := flag.String("tls-cert", "", "PEM file; empty: plain HTTP")
	key := flag.String("tls-key", "", "PEM file")
	initFile := flag.String("init-file", "", "where the unseal key and the first token are kept; initialises if need be")
	sealed := flag.Bool("sealed", false, "stay sealed")
	flag.Parse()

	logger := log.New(&log.LoggerOptions{Level: log.Warn, Output: os.Stderr})
	backend, err := storage(*folder, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: backend, Logger: logger, DisableMlock: true,
		LogicalBackends: engines, CredentialBackends: auths, BuiltinRegistry: plugins{},
		DefaultLeaseTTL: 768 * time.Hour, MaxLeaseTTL: 10 * 8760 * time.Hour,
	})
	if err != nil {
		return err
	}
	if *initFile != "" {
		if err = initialise(context.Background(), core, *initFile); err != nil {
			return fmt.Errorf("initialise: %w", err)
		}
		if !*sealed {
			if err = unseal(core, *initFile); err != nil {
				return fmt.Errorf("unseal: %w", err)
			}
		}
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	server := &http.Server{
		Handler: vhttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}}),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	fmt.Println("listening on", *listen)

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err = <-stopped:
		return err
	case <-signals:
	}
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err = server.Shutdown(deadline); err != nil {
		stdlog.Println("connections cut:", err)
	}
	return core.Shutdown()
}

func main() {
	isCommand, err := command(os.Args[1:])
	if !isCommand {
		err = run()
	}
	if err != nil {
		stdlog.Fatalln("vault:", err)
	}
}
