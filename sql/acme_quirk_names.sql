-- Names that a CA is known to refuse are refused before it is asked; anchors of chains.
\set VERBOSITY default
BEGIN;
SELECT certmgr.create_acme_ca('qn', 'https://qn.example.test/dir', quirks => '{"names_max": 2, "wildcards": false, "idn": false}', chain_anchors => 'no PEM');
ROLLBACK;
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT certmgr.create_acme_ca('qn', 'https://qn.example.test/dir', quirks => '{"names_max": 2, "wildcards": false, "idn": false}') IS NOT NULL AS made;
UPDATE certmgr.ca SET state = 'active' WHERE name = 'qn';
\set VERBOSITY default
SELECT certmgr.issue_from('qn', sans => '{a.example.test,b.example.test,c.example.test}');
SELECT certmgr.issue_from('qn', sans => '{*.example.test}');
SELECT certmgr.issue_from('qn', sans => '{a.example.test,www.xn--bcher-kva.example}');
SELECT certmgr.issue_from('qn', sans => '{a.example.test,b.example.test}') IS NOT NULL AS ordered;
SELECT certmgr.alter_acme_ca('qn', quirks => '{"wildcards": true}');
SELECT certmgr.issue_from('qn', sans => '{*.example.test}') IS NOT NULL AS ordered;
SELECT certmgr.alter_acme_ca('qn', chain_anchors => 'no PEM');
SELECT certmgr.alter_acme_ca('qn', chain_anchors => '');
SELECT config ? 'chain_anchors' AS anchored FROM certmgr.ca WHERE name = 'qn';
\set ON_ERROR_ROLLBACK off
ROLLBACK;
