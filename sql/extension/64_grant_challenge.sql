-- A front end on the Internet needs nothing but the answer to a token.
GRANT USAGE ON SCHEMA certmgr TO certmgr_responder;
GRANT EXECUTE ON FUNCTION certmgr.http_challenge(text) TO certmgr_responder, certmgr_admin, certmgr_operator;
GRANT EXECUTE ON FUNCTION certmgr.listener_status() TO certmgr_admin, certmgr_operator, certmgr_auditor, certmgr_monitor;
GRANT SELECT ON certmgr.acme_challenge TO certmgr_admin, certmgr_operator, certmgr_auditor;
