-- No foreign keys and no unique key but the id: the ledger is written with every step of every order and is not what the machine reads.
CREATE TABLE certmgr.acme_exchange (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint,
	account_id bigint NOT NULL,
	certificate_id bigint,
	at timestamptz NOT NULL,
	method text NOT NULL,
	kind text NOT NULL,
	status int,
	problem text,
	ms int
);
CREATE INDEX acme_exchange_order_id_idx ON certmgr.acme_exchange (order_id) WHERE order_id IS NOT NULL;
COMMENT ON TABLE certmgr.acme_exchange IS 'requests to ACME CAs and how they were answered, without their contents; kept for certmgr.acme_exchange_retention';
COMMENT ON COLUMN certmgr.acme_exchange.order_id IS 'the order it was about; null: an account, a revocation or renewal information';
COMMENT ON COLUMN certmgr.acme_exchange.at IS 'when the answer was taken';
COMMENT ON COLUMN certmgr.acme_exchange.kind IS 'what was asked: newOrder, authorization, challenge, order, finalize, certificate, alternate, newAccount, revokeCert, renewalInfo';
COMMENT ON COLUMN certmgr.acme_exchange.status IS 'HTTP status; null: no answer came';
COMMENT ON COLUMN certmgr.acme_exchange.problem IS 'type of the problem document (RFC 8555 6.7), without its URN prefix';
COMMENT ON COLUMN certmgr.acme_exchange.ms IS 'how long the answer took, waiting for a nonce and a connection not counted; null where it was repeated for badNonce';
