// pebble-serial is Pebble with one handler at a time.
//
// The released program (2.4.0 and 2.10.1) can dead-lock for good: newOrder holds the store's read lock and waits for an
// authorization, the POST-as-GET of that authorization holds it and waits for the store, and a waiting writer closes the ring.
// Here every request of the ACME listener goes through one mutex, so two handlers never meet.
//
// Takes Pebble's configuration file (-config), its -dnsserver and -strict, and its environment.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// config has the keys of Pebble's file that are used here.
type config struct {
	Pebble struct {
		ListenAddress                  string
		ManagementListenAddress        string
		HTTPPort                       int
		TLSPort                        int
		Certificate                    string
		PrivateKey                     string
		OCSPResponderURL               string
		KeyAlgorithm                   string
		ExternalAccountBindingRequired bool
		ExternalAccountMACKeys         map[string]string
		DomainBlocklist                []string
		Profiles                       map[string]ca.Profile
		RetryAfter                     struct{ Authz, Order int }
	}
}

func readConfig(path string) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(config)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// newStore is an empty store that knows the account keys and the blocked names.
func newStore(c *config) (*db.MemoryStore, error) {
	store := db.NewMemoryStore()
	for id, key := range c.Pebble.ExternalAccountMACKeys {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			return nil, err
		}
	}
	for _, name := range c.Pebble.DomainBlocklist {
		if err := store.AddBlockedDomain(name); err != nil {
			return nil, err
		}
	}
	return store, nil
}

// count reads a number from the environment.
func count(name string, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// oneAtATime lets no two requests into the handler.
func oneAtATime(handler http.Handler) http.Handler {
	var gate sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gate.Lock()
		defer gate.Unlock()
		handler.ServeHTTP(w, r)
	})
}

func main() {
	path := flag.String("config", "", "Pebble's configuration file")
	dnsServer := flag.String("dnsserver", "", "name server that validation asks, address:port")
	strict := flag.Bool("strict", false, "Pebble's strict mode")
	flag.Parse()

	logger := log.New(os.Stdout, "Pebble ", log.LstdFlags)
	c, err := readConfig(*path)
	if err != nil {
		logger.Fatal(err)
	}
	store, err := newStore(c)
	if err != nil {
		logger.Fatal(err)
	}
	p := &c.Pebble
	issuer := ca.New(logger, store, p.OCSPResponderURL, p.KeyAlgorithm,
		count("PEBBLE_ALTERNATE_ROOTS", 0), count("PEBBLE_CHAIN_LENGTH", 1), p.Profiles)
	validator := va.New(logger, p.HTTPPort, p.TLSPort, *strict, *dnsServer, store)
	front := wfe.New(logger, store, validator, issuer, []string{"pebble.letsencrypt.org"}, *strict,
		p.ExternalAccountBindingRequired, p.RetryAfter.Authz, p.RetryAfter.Order)

	failed := make(chan error, 2)
	go func() {
		failed <- http.ListenAndServeTLS(p.ManagementListenAddress, p.Certificate, p.PrivateKey, front.ManagementHandler())
	}()
	go func() {
		failed <- http.ListenAndServeTLS(p.ListenAddress, p.Certificate, p.PrivateKey, oneAtATime(front.Handler()))
	}()
	logger.Fatal(<-failed)
}
