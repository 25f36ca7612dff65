-- Challenges that are answered by a server: HTTP-01 and TLS-ALPN-01.
CREATE TABLE certmgr.acme_challenge (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES certmgr.acme_order ON DELETE CASCADE,
	challenge_type text NOT NULL CONSTRAINT acme_challenge_type_check CHECK (challenge_type IN ('http-01', 'tls-alpn-01')),
	identifier text NOT NULL,
	token text NOT NULL,
	key_authorization text NOT NULL,
	created_at timestamptz NOT NULL,
	UNIQUE (order_id, identifier, token)
);
CREATE INDEX acme_challenge_token_idx ON certmgr.acme_challenge (token);
-- A handshake names the identifier and nothing else, so one answer a time.
CREATE UNIQUE INDEX acme_challenge_tls_idx ON certmgr.acme_challenge (identifier) WHERE challenge_type = 'tls-alpn-01';
COMMENT ON TABLE certmgr.acme_challenge IS 'what CAs that validate by HTTP-01 or TLS-ALPN-01 are answered; written before the challenge is posted, gone when the order is over. Nothing in it is secret';
COMMENT ON COLUMN certmgr.acme_challenge.key_authorization IS 'token, dot, thumbprint of the account key (RFC 8555 8.1): what is answered';
