// SPDX-License-Identifier: Apache-2.0

// A foreign client of a pool's control socket, on the varlink project's own Go library: asks who the service
// is, parses the text of each of its interfaces, and makes a call that must fail. Writes one JSON object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/varlink/go/varlink"
	"github.com/varlink/go/varlink/idl"
)

type described struct {
	Description string   `json:"description"`
	Methods     []string `json:"methods"`
	Errors      []string `json:"errors"`
}

type found struct {
	Vendor     string               `json:"vendor"`
	Product    string               `json:"product"`
	Version    string               `json:"version"`
	URL        string               `json:"url"`
	Interfaces map[string]described `json:"interfaces"`
	CallError  string               `json:"callError"`
	Parameters json.RawMessage      `json:"callErrorParameters"`
	Unknown    string               `json:"unknownInterface"`
}

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func describe(ctx context.Context, c *varlink.Connection, name string) described {
	text, err := c.GetInterfaceDescription(ctx, name)
	must(err, "GetInterfaceDescription "+name)
	// This library's parser takes lower-case names of interfaces only; varlink's grammar has both cases, and
	// systemd's interfaces use them.
	parsed, err := idl.New(strings.Replace(text, "interface "+name, "interface "+strings.ToLower(name), 1))
	must(err, "parse "+name)
	if parsed.Name != strings.ToLower(name) {
		must(fmt.Errorf("the text is of %s", parsed.Name), name)
	}
	out := described{Description: text, Methods: []string{}, Errors: []string{}}
	for _, m := range parsed.Methods {
		out.Methods = append(out.Methods, m.Name)
	}
	for _, e := range parsed.Errors {
		out.Errors = append(out.Errors, e.Name)
	}
	return out
}

func main() {
	ctx := context.Background()
	c, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	must(err, "connect")
	var out found
	var names []string
	must(c.GetInfo(ctx, &out.Vendor, &out.Product, &out.Version, &out.URL, &names), "GetInfo")
	out.Interfaces = map[string]described{}
	for _, name := range names {
		out.Interfaces[name] = describe(ctx, c, name)
	}
	if _, err := c.GetInterfaceDescription(ctx, "org.example.Nowhere"); err != nil {
		out.Unknown = err.Error()
	}
	if len(os.Args) > 2 {
		parameters := json.RawMessage(os.Args[3])
		err := c.Call(ctx, os.Args[2], &parameters, nil)
		if failed, ok := err.(*varlink.Error); ok {
			out.CallError = failed.Name
			if raw, ok := failed.Parameters.(*json.RawMessage); ok && raw != nil {
				out.Parameters = *raw
			}
		}
	}
	must(c.Close(), "close")
	must(json.NewEncoder(os.Stdout).Encode(out), "write")
}
