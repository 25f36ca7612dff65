-- No foreign key: rows are looked at beside their certificates only.
CREATE TABLE certmgr.acme_renewal_info (
	certificate_id bigint PRIMARY KEY,
	issued_at timestamptz NOT NULL,
	window_start timestamptz,
	window_end timestamptz,
	chosen_at timestamptz,
	explanation_url text,
	replaced boolean NOT NULL DEFAULT false,
	fetched_at timestamptz,
	next_fetch_at timestamptz,
	status_message text
);
CREATE INDEX acme_renewal_info_explanation_idx ON certmgr.acme_renewal_info (certificate_id) WHERE explanation_url IS NOT NULL AND NOT replaced;
COMMENT ON TABLE certmgr.acme_renewal_info IS 'when the CA of a certificate wants it to be renewed (RFC 9773)';
COMMENT ON COLUMN certmgr.acme_renewal_info.issued_at IS 'when we got the certificate: a window that was open then is not acted upon';
COMMENT ON COLUMN certmgr.acme_renewal_info.chosen_at IS 'an instant in the window, chosen at random; null: the window is not acted upon';
COMMENT ON COLUMN certmgr.acme_renewal_info.explanation_url IS 'the page on which the CA says why';
COMMENT ON COLUMN certmgr.acme_renewal_info.replaced IS 'its successor is issued: the CA takes no other one for it';
