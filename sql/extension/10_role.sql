-- Roles are cluster objects: a second database finds them, DROP EXTENSION
-- leaves them. certmgr_owner owns every object; a role of that name that can
-- log in, is superuser or has members was made by somebody else.
DO $$
DECLARE
	name pg_catalog.text;
	role_row record;
BEGIN
	FOREACH name IN ARRAY ARRAY['certmgr_owner', 'certmgr_admin', 'certmgr_operator', 'certmgr_approver',
								'certmgr_auditor', 'certmgr_monitor', 'certmgr_requester', 'certmgr_responder'] LOOP
		SELECT r.oid, r.rolcanlogin, r.rolsuper,
			   EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid OPERATOR(pg_catalog.=) r.oid
					   AND NOT (SELECT s.rolsuper FROM pg_catalog.pg_roles s WHERE s.oid OPERATOR(pg_catalog.=) m.member)) AS members
		  INTO role_row FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) name;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', name);
		ELSIF role_row.rolsuper OR role_row.rolcanlogin OR (name OPERATOR(pg_catalog.=) 'certmgr_owner' AND role_row.members) THEN
			RAISE EXCEPTION 'role "%" exists and cannot be used', name
				USING DETAIL = 'It can log in, is a superuser, or has members.',
					HINT = pg_catalog.format('Drop role %I, or rename it, and run CREATE EXTENSION again.', name), ERRCODE = 'duplicate_object';
		END IF;
	END LOOP;
END
$$;

CREATE SCHEMA certmgr_private;
COMMENT ON SCHEMA certmgr_private IS 'certmgr: what nobody but certmgr_owner may read or call';
COMMENT ON SCHEMA certmgr IS 'certmgr: certificate authorities, subscribers, certificates, ACME orders';
