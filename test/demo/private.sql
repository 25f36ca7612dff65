-- A certificate authority of our own, and a certificate that is born with a row of the application.

SELECT certmgr.create_root_ca('Demo Root', 'CN=Demo Root,O=Example');
SELECT certmgr.create_intermediate_ca('Demo Issuing', parent => 'Demo Root', subject => 'CN=Demo Issuing,O=Example');

-- Who may hold which certificate. A minute is short, so that a renewal can be watched.
SELECT certmgr.create_subscriber('intranet', ca => 'Demo Issuing', sans => '{intranet.example.test,192.0.2.10}',
                                 lifetime => '1 minute', renew_before => '45 s');

CREATE TABLE service (name text PRIMARY KEY, certificate bigint NOT NULL);

-- Both or neither: the certificate is signed when the transaction commits.
BEGIN;
INSERT INTO service VALUES ('intranet', certmgr.issue('intranet'));
COMMIT;

-- A rolled back one never was.
BEGIN;
INSERT INTO service VALUES ('other', certmgr.issue('intranet'));
ROLLBACK;

SELECT s.name, c.id, c.state, c.subject, c.sans, c.not_after FROM service s JOIN certmgr.certificate c ON c.id = s.certificate;
