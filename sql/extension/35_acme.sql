CREATE TABLE certmgr.acme_account (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	active boolean NOT NULL DEFAULT true,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	state text NOT NULL CONSTRAINT acme_account_state_check CHECK (state IN ('pending', 'valid', 'needs_human', 'deactivated', 'lost')),
	step text NOT NULL DEFAULT 'find' CONSTRAINT acme_account_step_check CHECK (step IN ('find', 'eab', 'register')),
	url text,
	contacts text[] NOT NULL DEFAULT '{}',
	terms_of_service text,
	terms_of_service_agreed boolean NOT NULL,
	terms_of_service_agreed_to text,
	caa_identities text[] NOT NULL DEFAULT '{}',
	eab_kid text,
	eab_algorithm text NOT NULL DEFAULT 'HS256' CONSTRAINT acme_account_eab_algorithm_check CHECK (eab_algorithm IN ('HS256', 'HS384', 'HS512')),
	eab_secret_id bigint REFERENCES certmgr_private.secret,
	update_wanted boolean NOT NULL DEFAULT false,
	deactivation_wanted boolean NOT NULL DEFAULT false,
	candidate_key_id bigint REFERENCES certmgr_private.key,
	rollover text CONSTRAINT acme_account_rollover_check CHECK (rollover IN ('draining', 'sent', 'failed', 'done')),
	rollover_message text,
	status_message text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE FUNCTION certmgr_private.caa_identities(config jsonb, of_directory text[]) RETURNS text[] LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE jsonb_typeof(config->'caa_identities') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(config->'caa_identities')) ELSE of_directory END
$$;
COMMENT ON FUNCTION certmgr_private.caa_identities(jsonb, text[]) IS 'what a CA with this configuration calls itself in CAA records: as a person said, else as its directory does';
CREATE UNIQUE INDEX acme_account_active_key ON certmgr.acme_account (ca_id) WHERE active;
COMMENT ON TABLE certmgr.acme_account IS 'our accounts at ACME CAs (RFC 8555 7.3); one a CA is active, the others are what was before';
COMMENT ON COLUMN certmgr.acme_account.state IS 'pending: the worker registers it; valid; needs_human: status_message says what a person has to do, looked at again daily; deactivated; lost: the CA did not know it any more';
COMMENT ON COLUMN certmgr.acme_account.step IS 'how far registering is: find (by its key, always first), eab (a key for external account binding is fetched), register';
COMMENT ON COLUMN certmgr.acme_account.terms_of_service IS 'URL of the CA''s terms, as its directory said last';
COMMENT ON COLUMN certmgr.acme_account.terms_of_service_agreed_to IS 'URL of the terms that were agreed to';
COMMENT ON COLUMN certmgr.acme_account.caa_identities IS 'what the CA calls itself in CAA records, as its directory said last; certmgr.set_caa_identities() is stronger, see certmgr.acme_ca_status';
COMMENT ON COLUMN certmgr.acme_account.eab_secret_id IS 'key for external account binding, sealed; gone when it was used and serves once only';
COMMENT ON COLUMN certmgr.acme_account.candidate_key_id IS 'the key that a rollover under way goes to';
COMMENT ON COLUMN certmgr.acme_account.rollover IS 'the last rollover of the key: draining (waits for requests under way), sent (outcome not known yet), done, failed; rollover_message says why';

CREATE TABLE certmgr.acme_order (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	certificate_id bigint NOT NULL REFERENCES certmgr.certificate,
	account_id bigint NOT NULL REFERENCES certmgr.acme_account,
	step text NOT NULL CONSTRAINT acme_order_step_check CHECK (step IN ('preflight', 'new_order', 'authorize', 'present', 'confirm', 'propagate', 'challenge', 'await',
		'finalize', 'issue', 'download', 'done', 'failed')),
	identifiers text[] NOT NULL,
	status text,
	url text,
	finalize_url text,
	certificate_url text,
	expires timestamptz,
	step_since timestamptz NOT NULL,
	polls int NOT NULL DEFAULT 0,
	replaces text,
	replaces_sent boolean NOT NULL DEFAULT false,
	finalizes int NOT NULL DEFAULT 0,
	losses int NOT NULL DEFAULT 0,
	lifetime interval,
	not_before timestamptz,
	note text,
	problem jsonb,
	created_at timestamptz NOT NULL,
	finished_at timestamptz,
	UNIQUE (account_id, url)
) WITH (fillfactor = 50);
CREATE INDEX acme_order_certificate_id_idx ON certmgr.acme_order (certificate_id);
-- By the column that changes once, and half-filled pages: the dozen updates of an order touch no index.
CREATE INDEX acme_order_live_idx ON certmgr.acme_order (account_id, id) WHERE finished_at IS NULL;
COMMENT ON TABLE certmgr.acme_order IS 'ACME orders (RFC 8555 7.4): committed before every request that depends on them';
COMMENT ON COLUMN certmgr.acme_order.step IS 'what is done next for this order';
COMMENT ON COLUMN certmgr.acme_order.finalizes IS 'how often finalize was sent: each time but the last the CA said that the order was not ready';
COMMENT ON COLUMN certmgr.acme_order.losses IS 'how often the CA did not know the order any more and a new one was made';
COMMENT ON COLUMN certmgr.acme_order.lifetime IS 'the lifetime that is asked for (notAfter); null: as long as the CA likes';
COMMENT ON COLUMN certmgr.acme_order.not_before IS 'when the certificate is to begin (notBefore); null: when it is issued';
COMMENT ON COLUMN certmgr.acme_order.note IS 'in what the order is not what was wanted: said of the certificate';
COMMENT ON COLUMN certmgr.acme_order.replaces IS 'the certificate it replaces, as RFC 9773 names it';
COMMENT ON COLUMN certmgr.acme_order.replaces_sent IS 'newOrder was sent with it: the next one goes without, and finds the order if there is one';
COMMENT ON COLUMN certmgr.acme_order.status IS 'the status the CA gave last';

CREATE TABLE certmgr.acme_authorization (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES certmgr.acme_order ON DELETE CASCADE,
	url text NOT NULL,
	identifier text,
	wildcard boolean NOT NULL DEFAULT false,
	status text,
	challenge_type text,
	challenge_url text,
	token text,
	issuer_domain_names text[],
	posted_at timestamptz,
	problem jsonb,
	UNIQUE (order_id, url)
);
COMMENT ON COLUMN certmgr.acme_authorization.challenge_type IS 'dns-01, http-01 ...: see certmgr.set_challenge_type()';
COMMENT ON COLUMN certmgr.acme_authorization.issuer_domain_names IS 'dns-persist-01: what the CA calls itself in such records';
COMMENT ON TABLE certmgr.acme_authorization IS 'authorizations of ACME orders (RFC 8555 7.5) and the challenge of each that we answer';

CREATE TABLE certmgr_private.job (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL CONSTRAINT job_kind_check CHECK (kind IN ('acme_account', 'acme_order', 'acme_cleanup', 'acme_revoke', 'acme_renewal_info', 'acme_fallback', 'crl', 'ocsp', 'dns_check')),
	target_id bigint NOT NULL,
	lane bigint NOT NULL DEFAULT 0,
	holder bigint NOT NULL DEFAULT 0,
	due_at timestamptz NOT NULL,
	attempt int NOT NULL DEFAULT 0,
	lease_epoch bigint NOT NULL DEFAULT 0,
	lease_until timestamptz,
	last_error text,
	last_error_at timestamptz,
	failing_since timestamptz,
	UNIQUE (kind, target_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX job_due_at_idx ON certmgr_private.job (due_at, id);
CREATE INDEX job_lane_holder_idx ON certmgr_private.job (lane, holder, due_at, id);
COMMENT ON COLUMN certmgr_private.job.lane IS 'ACME account, 0: none; lanes take turns';
COMMENT ON COLUMN certmgr_private.job.holder IS 'subscriber, 0: none; within a lane holders take turns';
COMMENT ON COLUMN certmgr_private.job.failing_since IS 'the first of the attempts that failed in a row; null: none, or the reason was on our side';
COMMENT ON TABLE certmgr_private.job IS 'work for the worker: one live row an object; gone when there is nothing left to do';
