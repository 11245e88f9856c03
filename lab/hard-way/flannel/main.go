// flanneld as it stands cannot be built (the module of one of its cloud backends cannot be had): this is its own subnet manager
// with the Kubernetes API as datastore and its own host-gw backend, and nothing else of it. It lives on the token of its service
// account: without the API it keeps its routes and learns of no new node.
//
// The CNI plugin that upstream ships beside it cannot be had either, so the configuration of the plugins is written here, from
// the lease.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
)

const (
	networkConfig = "/etc/kube-flannel/net-conf.json"
	subnetFile    = "/run/flannel/subnet.env"
	cniFile       = "/etc/cni/net.d/10-flannel.conflist"
	annotations   = "flannel.alpha.coreos.com"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "flannel:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	manager, err := kube.NewSubnetManager(ctx, "", "", annotations, networkConfig, true)
	if err != nil {
		return err
	}
	config, err := manager.GetNetworkConfig(ctx)
	if err != nil {
		return err
	}
	outside, err := interfaceOf(os.Getenv("NODE_IP"))
	if err != nil {
		return err
	}
	backends := backend.NewManager(ctx, manager, outside)
	chosen, err := backends.GetBackend(config.BackendType)
	if err != nil {
		return err
	}
	var background sync.WaitGroup
	network, err := chosen.RegisterNetwork(ctx, &background, config)
	if err != nil {
		return err
	}
	lease := network.Lease()
	if err := manager.HandleSubnetFile(subnetFile, config, false, lease.Subnet, lease.IPv6Subnet, network.MTU()); err != nil {
		return err
	}
	if err := writeCNI(lease.Subnet.String(), network.MTU()); err != nil {
		return err
	}
	background.Add(1)
	go func() {
		network.Run(ctx)
		background.Done()
	}()
	if err := manager.CompleteLease(ctx, lease, &background); err != nil {
		return err
	}
	background.Wait()
	return nil
}

func interfaceOf(address string) (*backend.ExternalInterface, error) {
	wanted := net.ParseIP(address)
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, candidate := range interfaces {
		addresses, err := candidate.Addrs()
		if err != nil {
			return nil, err
		}
		for _, found := range addresses {
			if network, ok := found.(*net.IPNet); ok && network.IP.Equal(wanted) {
				return &backend.ExternalInterface{Iface: &candidate, IfaceName: candidate.Name, IfaceAddr: wanted, ExtAddr: wanted}, nil
			}
		}
	}
	return nil, fmt.Errorf("no interface has the address %q of this node", address)
}

// writeCNI chooses ptp rather than bridge: every packet between pods of one node is then routed, so that answers of a Service
// meet its address translation without br_netfilter.
func writeCNI(subnet string, mtu int) error {
	type object = map[string]any
	ipam := object{
		"type": "host-local", "dataDir": "/run/cni-leases",
		"ranges": [][]object{{{"subnet": subnet}}}, "routes": []object{{"dst": "0.0.0.0/0"}},
	}
	text, err := json.MarshalIndent(object{"cniVersion": "0.4.0", "name": "flannel", "plugins": []object{
		{"type": "ptp", "ipMasq": false, "mtu": mtu, "ipam": ipam},
		{"type": "portmap", "capabilities": object{"portMappings": true}},
	}}, "", "  ")
	if err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(cniFile), ".10-flannel.conflist.new")
	if err := os.WriteFile(beside, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(beside, cniFile)
}
