-- TXT records and who writes them.
CREATE TABLE certmgr.dns_record (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	dns_provider_id bigint NOT NULL REFERENCES certmgr.dns_provider,
	order_id bigint NOT NULL REFERENCES certmgr.acme_order,
	challenge_name text NOT NULL,
	name text NOT NULL,
	followed boolean NOT NULL DEFAULT false,
	hops int NOT NULL DEFAULT 0,
	zone text,
	zone_id text,
	record_id text,
	change_id text,
	value text NOT NULL,
	domain text,
	key_authorization text,
	state text NOT NULL CONSTRAINT dns_record_state_check CHECK (state IN ('planned', 'present', 'visible', 'removing', 'removed')),
	created_at timestamptz NOT NULL,
	changed_at timestamptz NOT NULL,
	last_error text,
	sent boolean NOT NULL DEFAULT false,
	UNIQUE (order_id, challenge_name, value, dns_provider_id)
);
CREATE INDEX dns_record_dns_provider_id_idx ON certmgr.dns_record (dns_provider_id);
CREATE INDEX dns_record_live_idx ON certmgr.dns_record (order_id) WHERE state <> 'removed';
CREATE INDEX dns_record_same_idx ON certmgr.dns_record (name, value) WHERE state <> 'removed';
COMMENT ON TABLE certmgr.dns_record IS 'ledger of every TXT record we made or will make; written before the zone is';
COMMENT ON COLUMN certmgr.dns_record.challenge_name IS 'where the CA asks';
COMMENT ON COLUMN certmgr.dns_record.name IS 'where the record is: CNAMEs (hops) at challenge_name lead there, once followed is true';
COMMENT ON COLUMN certmgr.dns_record.record_id IS 'the provider''s id of the record; zone_id that of its zone';
COMMENT ON COLUMN certmgr.dns_record.change_id IS 'a change that the provider has not brought to all its servers yet';
COMMENT ON COLUMN certmgr.dns_record.key_authorization IS 'of which value is the hash, for the name "domain" (RFC 8555 8.1): programs in the raw mode of lego''s httpreq want it. No secret: HTTP-01 publishes it';
COMMENT ON COLUMN certmgr.dns_record.sent IS 'the provider was asked to write it, and did not say that it refuses: only then may it be there';
COMMENT ON COLUMN certmgr.dns_record.state IS 'planned: may be there; present: the provider took it; visible: all name servers show it; removing: asked to go; removed';

CREATE TABLE certmgr.dns_zone (
	zone text PRIMARY KEY,
	dns_provider_id bigint NOT NULL REFERENCES certmgr.dns_provider
);
CREATE INDEX dns_zone_dns_provider_id_idx ON certmgr.dns_zone (dns_provider_id);
COMMENT ON TABLE certmgr.dns_zone IS 'which DNS provider writes names in and below a zone, for all CAs; the longest zone counts, names in none of them are the CA''s own provider''s. See certmgr.set_dns_zone()';

CREATE TABLE certmgr.dns_persist (
	ca_id bigint NOT NULL REFERENCES certmgr.ca ON DELETE CASCADE,
	name text NOT NULL,
	wildcard boolean NOT NULL,
	persist_until timestamptz,
	seen_at timestamptz NOT NULL,
	PRIMARY KEY (ca_id, name, wildcard)
);
COMMENT ON TABLE certmgr.dns_persist IS 'standing TXT records (dns-persist-01) as they were seen last, and when they end (null: never); see certmgr.dns_persist_record()';

CREATE TABLE certmgr.dns_check (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	dns_provider_id bigint NOT NULL REFERENCES certmgr.dns_provider,
	step text NOT NULL CONSTRAINT dns_check_step_check CHECK (step IN ('find zone', 'add', 'confirm', 'see', 'remove', 'done')),
	name text NOT NULL,
	value text NOT NULL,
	found_zone text,
	zone_id text,
	record_id text,
	change_id text,
	step_since timestamptz NOT NULL,
	attempts int NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL,
	finished_at timestamptz
);
CREATE INDEX dns_check_dns_provider_id_idx ON certmgr.dns_check (dns_provider_id, id);
COMMENT ON TABLE certmgr.dns_check IS 'checks of DNS providers by a probe record (certmgr.check_dns_provider), and the record''s place until it is removed again';
COMMENT ON COLUMN certmgr.dns_check.step IS 'what is done next';
COMMENT ON COLUMN certmgr.dns_check.finished_at IS 'when the result was there; removing the record may go on after that';

CREATE TABLE certmgr.dns_check_step (
	check_id bigint NOT NULL REFERENCES certmgr.dns_check ON DELETE CASCADE,
	position int NOT NULL,
	step text NOT NULL,
	ok boolean NOT NULL,
	message text NOT NULL,
	at timestamptz NOT NULL,
	PRIMARY KEY (check_id, position)
);
COMMENT ON TABLE certmgr.dns_check_step IS 'what each step of a check of a DNS provider said';
