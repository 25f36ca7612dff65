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
check_key(const CmCertificateRow *row)
{
	if (cm_caller_is_admin() || cm_caller_acts_for(row->owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the private key of certificate %lld", (long long) row->id),
			 errdetail("It may be read by the owner of its subscriber and by members of certmgr_admin.")));
}

CmCertificateRow *
cm_access_certificate(int64 id, CmAccess access)
{
	CmOwnerScope scope;
	CmCertificateRow *row;
	bool		sees;
	bool		uses;

	cm_owner_enter(&scope);
	row = cm_certificate_row_get(id, false);
	cm_owner_leave(&scope);
	if (row == NULL)
		cm_certificate_missing(id);

	uses = cm_caller_is_operator() || cm_caller_acts_for(row->owner);
	sees = uses || cm_caller_acts_for("certmgr_auditor");
	if (!sees)
		cm_certificate_missing(id);
	if (access == CM_ACCESS_KEY)
		check_key(row);
	if (access == CM_ACCESS_USE && !uses)
		cm_caller_require_operator(psprintf("change certificate %lld", (long long) id));
	if (access == CM_ACCESS_USE && strcmp(row->source, "ca") == 0)
		cm_caller_require_admin(psprintf("change certificate %lld, which is a CA's", (long long) id));
	return row;
}
