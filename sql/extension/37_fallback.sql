-- A second (third) CA for when the first does not deliver.
CREATE TABLE certmgr.subscriber_fallback (
	subscriber_id bigint PRIMARY KEY REFERENCES certmgr.subscriber ON DELETE CASCADE,
	ca_ids bigint[] NOT NULL,
	after interval NOT NULL
);
COMMENT ON TABLE certmgr.subscriber_fallback IS 'CAs that a certificate is ordered from when the subscriber''s own has not delivered it in that time; one after the other';

CREATE TABLE certmgr.fallback_certificate (
	certificate_id bigint PRIMARY KEY REFERENCES certmgr.certificate,
	first_id bigint NOT NULL REFERENCES certmgr.certificate,
	ca_id bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX fallback_certificate_first_id_idx ON certmgr.fallback_certificate (first_id);
COMMENT ON TABLE certmgr.fallback_certificate IS 'certificates that were ordered elsewhere because the first one (first_id) did not come; that one stays on order, and is kept when it comes late';
