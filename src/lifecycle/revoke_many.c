/*
 * revoke_many.c - revoking many certificates by a few statements. Backends, as
 * certmgr_owner, in the caller's transaction. Locks the certificates in the
 * order of their ids, so that two of these calls do not deadlock.
 */
#include "postgres.h"

#include "lifecycle/acme_request.h"
#include "lifecycle/notify.h"
#include "lifecycle/revoke.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/wake.h"
#include "store/certificate_row.h"

/* Who listens learns of each; of more than this at once it is told that the inventory changed (id 0). */
#define NOTIFY_MAX 1000

static void
check(const CmRevocable *found, bool cas)
{
	if (found->any_missing)
		cm_certificate_missing(found->missing);
	if (found->ca != 0 && !cas)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to change certificate %lld, which is a CA's", (long long) found->ca)));
	if (found->never_issued != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld is not issued", (long long) found->never_issued),
				 errhint("Add WHERE state = 'issued'.")));
	if (found->foreign != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld has no issuer in this database that could revoke it", (long long) found->foreign)));
}

int64
cm_revoke_many(Datum ids, Datum owners, bool all, bool cas, const CmRevocation *revocation)
{
	CmRevocable found = cm_revocation_check(ids, owners, all);
	CmRevokedOne *revoked;
	int			count;

	check(&found, cas);
	revoked = cm_revocation_put_many(ids, revocation, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (revoked[i].external)
			cm_acme_request_revocation(revoked[i].id);
		if (revoked[i].ca)
			(void) cm_certificate_row_disable_ca(revoked[i].id, "its certificate was revoked");
		if (count <= NOTIFY_MAX)
			cm_notify("revoked", revoked[i].id, revoked[i].subscriber_id);
	}
	if (count > NOTIFY_MAX)
		cm_notify("revoked", 0, 0);
	if (count > 0)
		cm_wake_at_commit();
	return count;
}
