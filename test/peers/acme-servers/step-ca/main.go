// step-ca is smallstep's CA on its own packages, without the clients of cloud key stores that the released program brings along and
// that make most of its build. It asks the name server of -resolver, as that program does.
package main

import (
	"context"
	"flag"
	"log"
	"net"

	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
)

// askOnly sends every question of this process to one name server.
func askOnly(address string) {
	net.DefaultResolver.PreferGo = true
	net.DefaultResolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func main() {
	path := flag.String("config", "", "step-ca's configuration file")
	resolver := flag.String("resolver", "", "name server that validation asks, address:port")
	flag.Parse()

	if *resolver != "" {
		askOnly(*resolver)
	}
	settings, err := config.LoadConfiguration(*path)
	if err != nil {
		log.Fatal(err)
	}
	server, err := ca.New(settings, ca.WithConfigFile(*path))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Run())
}
