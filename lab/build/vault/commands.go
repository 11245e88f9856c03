package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"
)

// The three commands of the stock program that somebody looks with, through the client that it uses, with the same
// variables (VAULT_ADDR, VAULT_CACERT, VAULT_TOKEN) and tables of the same form.
var commands = map[string]func(client *api.Client, path string) error{"status": status, "list": list, "read": read}

// command runs what the arguments name; false if they are those of the server.
func command(args []string) (bool, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return false, nil
	}
	if args[0] == "version" {
		fmt.Println("Vault v1.21.0 (server, status, list and read)")
		return true, nil
	}
	run, found := commands[args[0]]
	if !found {
		return true, fmt.Errorf("there is no command %q, but status, list, read and version", args[0])
	}
	config := api.DefaultConfig()
	if config.Error != nil {
		return true, config.Error
	}
	client, err := api.NewClient(config)
	if err != nil {
		return true, err
	}
	return true, run(client, strings.Join(args[1:], ""))
}

func status(client *api.Client, _ string) error {
	seal, err := client.Sys().SealStatus()
	if err != nil {
		return err
	}
	table([][2]string{
		{"Seal Type", seal.Type}, {"Initialized", fmt.Sprint(seal.Initialized)}, {"Sealed", fmt.Sprint(seal.Sealed)},
		{"Total Shares", fmt.Sprint(seal.N)}, {"Threshold", fmt.Sprint(seal.T)}, {"Version", seal.Version},
	})
	if seal.Sealed {
		os.Exit(2)
	}
	return nil
}

func list(client *api.Client, path string) error {
	secret, err := client.Logical().List(path)
	if err != nil {
		return err
	}
	if secret == nil {
		return errors.New("no value found at " + path)
	}
	keys, _ := secret.Data["keys"].([]any)
	fmt.Println("Keys\n----")
	for _, key := range keys {
		fmt.Println(key)
	}
	return nil
}

func read(client *api.Client, path string) error {
	secret, err := client.Logical().Read(path)
	if err != nil {
		return err
	}
	if secret == nil {
		return errors.New("no value found at " + path)
	}
	rows := [][2]string{}
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		rows = append(rows, [2]string{key, fmt.Sprint(secret.Data[key])})
	}
	table(rows)
	return nil
}

func table(rows [][2]string) {
	width := len("Key")
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	for _, row := range append([][2]string{{"Key", "Value"}, {"---", "-----"}}, rows...) {
		fmt.Printf("%-*s    %s\n", width, row[0], row[1])
	}
}
