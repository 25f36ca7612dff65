CREATE TABLE certmgr.acme_account (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ca_id bigint NOT NULL UNIQUE REFERENCES certmgr.ca,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	state text NOT NULL CONSTRAINT acme_account_state_check CHECK (state IN ('pending', 'valid', 'needs_human', 'deactivated')),
	url text,
	contacts text[] NOT NULL DEFAULT '{}',
	terms_of_service_agreed boolean NOT NULL,
	eab_kid text,
	eab_secret_id bigint REFERENCES certmgr_private.secret,
	status_message text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE certmgr.acme_account IS 'our account at an ACME CA (RFC 8555 7.3)';

CREATE TABLE certmgr.acme_order (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	certificate_id bigint NOT NULL REFERENCES certmgr.certificate,
	account_id bigint NOT NULL REFERENCES certmgr.acme_account,
	step text NOT NULL CONSTRAINT acme_order_step_check CHECK (step IN ('new_order', 'authorize', 'present', 'confirm', 'propagate', 'challenge', 'await',
		'finalize', 'issue', 'download', 'done', 'failed')),
	identifiers text[] NOT NULL,
	status text,
	url text,
	finalize_url text,
	certificate_url text,
	expires timestamptz,
	step_since timestamptz NOT NULL,
	polls int NOT NULL DEFAULT 0,
	problem jsonb,
	created_at timestamptz NOT NULL,
	finished_at timestamptz,
	UNIQUE (account_id, url)
);
CREATE INDEX acme_order_certificate_id_idx ON certmgr.acme_order (certificate_id);
CREATE INDEX acme_order_live_idx ON certmgr.acme_order (id) WHERE step NOT IN ('done', 'failed');
COMMENT ON TABLE certmgr.acme_order IS 'ACME orders (RFC 8555 7.4): committed before every request that depends on them';
COMMENT ON COLUMN certmgr.acme_order.step IS 'what is done next for this order';
COMMENT ON COLUMN certmgr.acme_order.status IS 'the status the CA gave last';

CREATE TABLE certmgr.acme_authorization (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES certmgr.acme_order ON DELETE CASCADE,
	url text NOT NULL,
	identifier text,
	wildcard boolean NOT NULL DEFAULT false,
	status text,
	challenge_url text,
	token text,
	posted_at timestamptz,
	problem jsonb,
	UNIQUE (order_id, url)
);
COMMENT ON TABLE certmgr.acme_authorization IS 'authorizations of ACME orders and their dns-01 challenge (RFC 8555 7.5)';

CREATE TABLE certmgr.dns_record (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	dns_provider_id bigint NOT NULL REFERENCES certmgr.dns_provider,
	order_id bigint NOT NULL REFERENCES certmgr.acme_order,
	zone text,
	zone_id text,
	record_id text,
	change_id text,
	name text NOT NULL,
	value text NOT NULL,
	state text NOT NULL CONSTRAINT dns_record_state_check CHECK (state IN ('planned', 'present', 'visible', 'removed')),
	created_at timestamptz NOT NULL,
	changed_at timestamptz NOT NULL,
	last_error text,
	UNIQUE (order_id, name, value)
);
CREATE INDEX dns_record_live_idx ON certmgr.dns_record (order_id) WHERE state <> 'removed';
COMMENT ON TABLE certmgr.dns_record IS 'ledger of every TXT record we made or will make; written before the zone is';
COMMENT ON COLUMN certmgr.dns_record.record_id IS 'the provider''s id of the record; zone_id that of its zone';
COMMENT ON COLUMN certmgr.dns_record.change_id IS 'a change that the provider has not brought to all its servers yet';

CREATE TABLE certmgr_private.job (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL CONSTRAINT job_kind_check CHECK (kind IN ('acme_account', 'acme_order', 'acme_cleanup', 'acme_revoke', 'crl')),
	target_id bigint NOT NULL,
	due_at timestamptz NOT NULL,
	attempt int NOT NULL DEFAULT 0,
	lease_epoch bigint NOT NULL DEFAULT 0,
	lease_until timestamptz,
	last_error text,
	last_error_at timestamptz,
	UNIQUE (kind, target_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX job_due_at_idx ON certmgr_private.job (due_at, id);
COMMENT ON TABLE certmgr_private.job IS 'work for the worker: one live row an object; gone when there is nothing left to do';
