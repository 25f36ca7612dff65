/*
 * revoke.c - taking a certificate back, and giving up one that is pending.
 *
 * Runs in backends, as certmgr_owner, in the caller's transaction: nothing is
 * revoked if that rolls back. Locks the certificate's row. The CRL is signed by the
 * worker afterwards, the external CA is asked by it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/notify.h"
#include "lifecycle/revoke.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/wake.h"
#include "store/acme_order.h"
#include "store/audit.h"
#include "store/certificate_row.h"
#include "store/crl.h"
#include "store/revocation.h"
#include "utils/timestamp.h"
#include "x509/crl.h"

void
cm_certificate_missing(int64 certificate_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("certificate %lld does not exist", (long long) certificate_id),
			 errhint("SELECT id, state, subject FROM certmgr.certificate ORDER BY id DESC;")));
	pg_unreachable();
}

static CmCertificateRow *
lock_certificate(int64 id)
{
	CmCertificateRow *row = cm_certificate_row_get(id, true);

	if (row == NULL)
		cm_certificate_missing(id);
	return row;
}

/* Only what was issued by a CA of ours and is still valid can be revoked. */
static void
check_revocable(const CmCertificateRow *row, TimestampTz now)
{
	long long	id = (long long) row->id;

	if (strcmp(row->state, "pending") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld is not issued yet", id),
				 errhint("SELECT certmgr.cancel(%lld);", id)));
	if (strcmp(row->state, "issued") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld was never issued", id),
				 errdetail("Its state is %s.", row->state)));
	if (row->ca_type == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld was not issued by a CA of this database", id),
				 errdetail("Its source is %s.", row->source),
				 errhint("Revoke it at the CA that issued it.")));
	if (strcmp(row->source, "ca") == 0 && row->issuer_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld has no issuer in this database that could revoke it", id),
				 errdetail("It is a root, or was signed by a CA elsewhere."),
				 errhint("SELECT certmgr.disable_ca(...), remove a root from trust stores, revoke another one at its issuer.")));
	if (strcmp(row->ca_type, "private") == 0 && !row->ca_has_key)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld cannot be revoked here", id),
				 errdetail("The key of certificate authority \"%s\", which issued it, is not here.", row->ca_name),
				 errhint("Revoke it where that key is.")));
	if (row->not_after < now)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld has expired", id),
				 errdetail("It was valid until %s.", timestamptz_to_str(row->not_after))));
}

CmRevocation
cm_revocation_of(const char *reason, TimestampTz invalid_since, const char *actor)
{
	CmStatus	st = CM_STATUS_INIT;
	CmRevocation revocation = {GetCurrentTransactionStartTimestamp(), NULL, invalid_since, actor};
	int			code;

	if (!cm_crl_reason_parse(reason != NULL ? reason : "unspecified", &code, &st))
		cm_throw(&st, NULL);
	revocation.reason = cm_crl_reason_name(code);
	if (invalid_since != 0 && (TIMESTAMP_NOT_FINITE(invalid_since) || invalid_since > revocation.at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalidity date must not lie in the future")));
	return revocation;
}

/*
 * A CRL is due. Who listens is told by whoever signs it: NOTIFY lets one
 * transaction of the cluster commit at a time, and thousands a second may revoke.
 */
static void
changed(const CmCertificateRow *row, const char *event)
{
	CmCrlChange change = {row->has_shard ? row->shard : -1, row->is_ca, (char *) event, row->id, row->subscriber_id};

	cm_crl_change_put(row->ca_id, &change);
	cm_wake_at_commit();
}

static bool
is_on_hold(const CmCertificateRow *row)
{
	return strcmp(row->state, "revoked") == 0 && row->revocation_reason != NULL && strcmp(row->revocation_reason, "certificateHold") == 0;
}

TimestampTz
cm_revoke(int64 certificate_id, const CmRevocation *revocation)
{
	CmCertificateRow *row;
	bool		hold;
	bool		external;

	if (cm_revocation_put_ordinary(certificate_id, revocation))
	{
		cm_wake_at_commit();
		return revocation->at;
	}
	row = lock_certificate(certificate_id);
	hold = is_on_hold(row);
	/* A hold may become final. */
	if (strcmp(row->state, "revoked") == 0 && (!hold || strcmp(revocation->reason, "certificateHold") == 0))
		return row->revoked_at;
	if (!hold)
		check_revocable(row, revocation->at);

	external = strcmp(row->ca_type, "acme") == 0;
	cm_revocation_put(row->id, revocation, external ? "revoked here; the worker revokes it at the CA" : NULL);
	if (external)
	{
		cm_acme_request_revocation(row->id);
		cm_notify("revoked", row->id, row->subscriber_id);
	}
	else
		changed(row, "revoked");
	/* Also makes every session forget the issuer it keeps. */
	if (strcmp(row->source, "ca") == 0)
		(void) cm_certificate_row_disable_ca(row->id, "its certificate was revoked");

	cm_audit(revocation->actor, "revoke", "certificate", row->id, psprintf("{\"reason\": \"%s\"}", revocation->reason));
	return hold ? row->revoked_at : revocation->at;
}

bool
cm_unhold(int64 certificate_id, const char *actor)
{
	CmCertificateRow *row = lock_certificate(certificate_id);

	if (strcmp(row->state, "issued") == 0)
		return false;
	if (!is_on_hold(row))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld is not on hold", (long long) row->id),
				 row->revocation_reason != NULL ? errdetail("It was revoked with reason %s, which is final.", row->revocation_reason) :
				 errdetail("Its state is %s.", row->state)));
	if (row->ca_type == NULL || strcmp(row->ca_type, "private") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld cannot be released", (long long) row->id),
				 errdetail("An external CA revoked it, which is final.")));
	cm_revocation_release(row->id);
	changed(row, "released");
	cm_audit(actor, "unhold", "certificate", row->id, NULL);
	if (strcmp(row->source, "ca") == 0)
		ereport(NOTICE,
				(errmsg("certificate %lld is a CA's, which stays disabled", (long long) row->id),
				 errhint("SELECT certmgr.enable_ca(...);")));
	return true;
}

/* It is pending; its order and it are locked. */
static void
cancel_locked(const CmCertificateRow *row, const char *actor)
{
	if (row->ca_type != NULL && strcmp(row->ca_type, "acme") == 0)
		cm_acme_cancel(row->id);
	cm_certificate_row_cancel(row->id, "cancelled");
	cm_audit(actor, "cancel", "certificate", row->id, NULL);
	cm_notify("cancelled", row->id, row->subscriber_id);
}

void
cm_cancel(int64 certificate_id, const char *actor)
{
	CmCertificateRow *row;

	cm_acme_order_lock(certificate_id);
	row = lock_certificate(certificate_id);
	if (strcmp(row->state, "cancelled") == 0)
		return;
	if (strcmp(row->state, "pending") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld is not pending", (long long) row->id),
				 errdetail("Its state is %s.", row->state),
				 strcmp(row->state, "issued") == 0 ? errhint("SELECT certmgr.revoke(%lld);", (long long) row->id) : 0));

	cancel_locked(row, actor);
	cm_certificate_row_renew_later(row->id);
}

void
cm_cancel_of_subscriber(int64 subscriber_id, const char *actor)
{
	int			count;
	int64	   *ids = cm_certificate_row_pending(subscriber_id, &count);

	for (int i = 0; i < count; i++)
	{
		CmCertificateRow *row;

		CHECK_FOR_INTERRUPTS();
		cm_acme_order_lock(ids[i]);
		row = lock_certificate(ids[i]);
		/* It may have come while we waited for the worker. */
		if (strcmp(row->state, "pending") == 0)
			cancel_locked(row, actor);
	}
}
