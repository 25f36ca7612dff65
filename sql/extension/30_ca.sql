CREATE TABLE certmgr.dns_provider (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CONSTRAINT dns_provider_name_check CHECK (name <> ''),
	type text NOT NULL,
	config jsonb NOT NULL DEFAULT '{}',
	secret_id bigint REFERENCES certmgr_private.secret,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE certmgr.dns_provider IS 'how TXT records for DNS-01 get into a zone';

CREATE TABLE certmgr.ca (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CONSTRAINT ca_name_check CHECK (name <> ''),
	type text NOT NULL CONSTRAINT ca_type_check CHECK (type IN ('private', 'acme')),
	state text NOT NULL CONSTRAINT ca_state_check CHECK (state IN ('pending', 'active', 'disabled')),
	parent_id bigint REFERENCES certmgr.ca,
	key_id bigint REFERENCES certmgr_private.key,
	next_key_id bigint REFERENCES certmgr_private.key,
	certificate_id bigint REFERENCES certmgr.certificate,
	dns_provider_id bigint REFERENCES certmgr.dns_provider,
	config jsonb NOT NULL DEFAULT '{}',
	status_message text,
	last_error text,
	last_error_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX ca_parent_id_idx ON certmgr.ca (parent_id) WHERE parent_id IS NOT NULL;
COMMENT ON TABLE certmgr.ca IS 'certificate authorities one can issue from: private ones, whose key is here, and external ones reached by ACME';
COMMENT ON COLUMN certmgr.ca.state IS 'pending (no certificate or account yet), active, disabled';
COMMENT ON COLUMN certmgr.ca.key_id IS 'the key that it signs with; null: it is not here';
COMMENT ON COLUMN certmgr.ca.next_key_id IS 'a new key that waits for its certificate from a CA elsewhere';
COMMENT ON COLUMN certmgr.ca.certificate_id IS 'the active certificate of a private CA; certmgr.ca_issuers lists all';
COMMENT ON COLUMN certmgr.ca.config IS 'private: path_length, crl_lifetime, crl_url, crl_ca_url, crl_shards, crl_delay, crl_full, delta_crl_lifetime, delta_crl_url, ca_issuers_url, ocsp_url; acme: directory_url, trust_anchors, chain_anchors, profile, preferred_chain';

CREATE TABLE certmgr.subscriber (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CONSTRAINT subscriber_name_check CHECK (name <> ''),
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	state text NOT NULL DEFAULT 'active' CONSTRAINT subscriber_state_check CHECK (state IN ('active', 'disabled')),
	owner text,
	subject text NOT NULL,
	sans text[] NOT NULL,
	usages text[] NOT NULL,
	lifetime interval,
	key_algorithm text NOT NULL,
	auto_renew boolean NOT NULL,
	renew_before interval,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	template_id bigint REFERENCES certmgr.template,
	profile text,
	partial_issue boolean NOT NULL DEFAULT false
);
CREATE INDEX subscriber_template_id_idx ON certmgr.subscriber (template_id) WHERE template_id IS NOT NULL;
CREATE INDEX subscriber_ca_id_idx ON certmgr.subscriber (ca_id);
COMMENT ON TABLE certmgr.subscriber IS 'entities that hold certificates: what they may be issued, by which CA, and how it is renewed';
COMMENT ON COLUMN certmgr.subscriber.template_id IS 'rules that its certificates keep besides';
COMMENT ON COLUMN certmgr.subscriber.owner IS 'role that may issue, renew, revoke and read keys for it';
COMMENT ON COLUMN certmgr.subscriber.lifetime IS 'how long its certificates are valid; null: as long as the external CA likes';
COMMENT ON COLUMN certmgr.subscriber.profile IS 'which of the CA''s profiles its orders ask for; null: the one of the CA''s configuration';
COMMENT ON COLUMN certmgr.subscriber.partial_issue IS 'an external CA that refuses some of the names is asked for the others alone';
COMMENT ON COLUMN certmgr.subscriber.renew_before IS 'how long before expiry it is renewed; null: one third of the lifetime';
