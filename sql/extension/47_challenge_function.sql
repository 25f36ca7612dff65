-- HTTP-01 and TLS-ALPN-01 ---------------------------------------------------

CREATE FUNCTION certmgr.http_challenge(token text) RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'certmgr_http_challenge';
COMMENT ON FUNCTION certmgr.http_challenge(text) IS
	'what a web server answers to GET /.well-known/acme-challenge/TOKEN (HTTP-01); null: no such challenge, answer 404. For front ends of your own (role certmgr_responder); without one, certmgr.http_challenge_listen makes the server answer by itself';
CREATE FUNCTION certmgr.listener_status(OUT challenge_type text, OUT listen text, OUT pid int, OUT listening boolean, OUT error text, OUT challenges int, OUT requests bigint, OUT answered bigint)
	RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_listener_status';
COMMENT ON FUNCTION certmgr.listener_status() IS
	'the listener of this server, one row a kind of challenge that it is to answer (certmgr.http_challenge_listen, certmgr.tls_alpn_challenge_listen): does it listen, or why not; live challenges of all databases, questions since the start and those of them that had an answer';
