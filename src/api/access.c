/*
 * access.c - who may do what with one certificate.
 *
 * Runs in backends, as the caller. To somebody who may not see a certificate,
 * it does not exist: the answer must not tell which numbers are taken.
 */
#include "postgres.h"

#include "api/access.h"
#include "lifecycle/revoke.h"
#include "pg/caller.h"
#include "pg/error.h"

static void
check_key(int64 id, const char *owner)
{
	if (cm_caller_is_admin() || cm_caller_acts_for(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the private key of certificate %lld", (long long) id),
			 errdetail("It may be read by the owner of its subscriber and by members of certmgr_admin.")));
}

static void
check(int64 id, const char *source, const char *owner, CmAccess access)
{
	bool		uses = cm_caller_is_operator() || cm_caller_acts_for(owner);
	bool		sees = uses || cm_caller_acts_for("certmgr_auditor");

	if (!sees)
		cm_certificate_missing(id);
	if (access == CM_ACCESS_KEY)
		check_key(id, owner);
	if (access == CM_ACCESS_USE && !uses)
		cm_caller_require_operator(psprintf("change certificate %lld", (long long) id));
	if (access == CM_ACCESS_USE && strcmp(source, "ca") == 0)
		cm_caller_require_admin(psprintf("change certificate %lld, which is a CA's", (long long) id));
}

void
cm_access_check(int64 id, CmAccess access)
{
	CmOwnerScope scope;
	CmCertificateAccess row;
	bool		found;

	cm_owner_enter(&scope);
	found = cm_certificate_row_access(id, &row);
	cm_owner_leave(&scope);
	if (!found)
		cm_certificate_missing(id);
	check(id, row.source, row.owner, access);
}

CmCertificateRow *
cm_access_certificate(int64 id, CmAccess access)
{
	CmOwnerScope scope;
	CmCertificateRow *row;

	cm_owner_enter(&scope);
	row = cm_certificate_row_get(id, false);
	cm_owner_leave(&scope);
	if (row == NULL)
		cm_certificate_missing(id);
	check(id, row->source, row->owner, access);
	return row;
}
