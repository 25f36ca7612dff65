// caddy is Caddy with the modules that its ACME server needs, and nothing else: HTTP, TLS, its CA, files as storage.
package main

import (
	"flag"
	"log"
	"os"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddypki"
	_ "github.com/caddyserver/caddy/v2/modules/caddypki/acmeserver"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
)

func main() {
	path := flag.String("config", "", "Caddy's configuration file, JSON")
	flag.Parse()

	text, err := os.ReadFile(*path)
	if err != nil {
		log.Fatal(err)
	}
	if err := caddy.Load(text, true); err != nil {
		log.Fatal(err)
	}
	select {}
}
