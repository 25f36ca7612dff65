-- A second (third) CA for when the first does not deliver.
CREATE TABLE certmgr.subscriber_fallback (
	subscriber_id bigint PRIMARY KEY REFERENCES certmgr.subscriber ON DELETE CASCADE,
	ca_ids bigint[] NOT NULL,
	after interval NOT NULL
);
COMMENT ON TABLE certmgr.subscriber_fallback IS 'CAs that a certificate is ordered from when the subscriber''s own has not delivered it in that time; one after the other';

CREATE TABLE certmgr.fallback_certificate (
	certificate_id bigint UNIQUE REFERENCES certmgr.certificate,
	first_id bigint NOT NULL REFERENCES certmgr.certificate,
	ca_id bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	reason text,
	PRIMARY KEY (first_id, ca_id),
	CONSTRAINT fallback_certificate_reason_check CHECK ((certificate_id IS NULL) = (reason IS NOT NULL))
);
COMMENT ON TABLE certmgr.fallback_certificate IS 'certificates that were ordered elsewhere because the first one (first_id) did not come; that one stays on order, and is kept when it comes late';
COMMENT ON COLUMN certmgr.fallback_certificate.reason IS 'why this CA was passed over: it cannot certify all of the names';
