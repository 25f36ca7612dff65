-- A certificate from an external CA: ACME, proved by a TXT record (DNS-01) that goes into the zone by RFC 2136 with TSIG.

SELECT certmgr.create_dns_provider('bind', 'rfc2136',
         jsonb_build_object('server', :'dns_server', 'key_name', :'tsig_key', 'nameservers', jsonb_build_array(:'dns_server')),
         secret => :'tsig_secret');
SELECT certmgr.create_acme_ca('pebble', :'acme_directory', contacts => '{mailto:pki@example.test}', dns_provider => 'bind',
         terms_of_service_agreed => true, trust_anchors => :'acme_tls_ca');

-- Renewed ten seconds after it was issued, so that it can be watched.
SELECT certmgr.create_subscriber('website', ca => 'pebble', sans => '{example.test,*.example.test}', renew_before => '89 days 23:59:50');

-- The commit wakes the background worker; wait() only watches.
SELECT certmgr.issue('website') AS id \gset
CALL certmgr.wait(:id, '40 s');

SELECT id, step, ca_status, identifiers, message FROM certmgr.order_status;
