/*
 * caller.c - see caller.h. Catalog look-ups only; fails when the roles of the
 * extension were dropped by hand.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pg/caller.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

char *
cm_caller_name(void)
{
	return GetUserNameFromId(GetUserId(), false);
}

static bool
has(Oid user, const char *role)
{
	Oid			oid = get_role_oid(role, true);

	return superuser_arg(user) || (OidIsValid(oid) && has_privs_of_role(user, oid));
}

static bool
caller_has(const char *role)
{
	return has(GetUserId(), role);
}

bool
cm_caller_is_admin(void)
{
	return caller_has("certmgr_admin");
}

bool
cm_session_is_admin(void)
{
	return has(GetOuterUserId(), "certmgr_admin");
}

bool
cm_caller_is_operator(void)
{
	return caller_has("certmgr_operator") || caller_has("certmgr_admin");
}

bool
cm_caller_acts_for(const char *role)
{
	Oid			oid;

	if (role == NULL)
		return false;
	oid = get_role_oid(role, true);
	return OidIsValid(oid) && has_privs_of_role(GetUserId(), oid);
}

static void
require(bool allowed, const char *what, const char *role)
{
	if (allowed)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errdetail("Role \"%s\" is not a member of %s.", cm_caller_name(), role),
			 errhint("An administrator can GRANT %s TO %s.", role, quote_identifier(cm_caller_name()))));
}

void
cm_caller_require_admin(const char *what)
{
	require(cm_caller_is_admin(), what, "certmgr_admin");
}

void
cm_caller_require_operator(const char *what)
{
	require(cm_caller_is_operator(), what, "certmgr_operator");
}

Oid
cm_owner_oid(void)
{
	return get_role_oid("certmgr_owner", false);
}

void
cm_owner_enter(CmOwnerScope *scope)
{
	Oid			owner = cm_owner_oid();

	GetUserIdAndSecContext(&scope->user, &scope->sec_context);
	scope->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, scope->sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
cm_owner_leave(CmOwnerScope *scope)
{
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->sec_context);
}
