/*
 * crl.c - signing certificate revocation lists of private CAs.
 *
 * Runs in the database worker (before nextUpdate, after a revocation) and in
 * backends (certmgr.crl, refresh_crl), as certmgr_owner, in one transaction.
 * Locks the row of the CA, so that two signers queue and numbers follow the
 * contents. What may fail: the master key is not there, the CA has no
 * certificate, the list is larger than a bytea.
 */
#include "postgres.h"

#include "crypto/key.h"
#include "lifecycle/crl.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "store/audit.h"
#include "store/crl.h"
#include "store/job.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/tbs.h"

/* From PostgreSQL's epoch (2000) to the one of X.509 times and CRL numbers. */
#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* RFC 5280 4.1.2.2: 20 octets, and room for what older software wrote. */
#define SERIAL_MAX 64

static void
free_crl(void *object)
{
	cm_crl_free((CmCrl *) object);
}

static TimestampTz
whole_seconds(TimestampTz t)
{
	return t - (t % USECS_PER_SEC + USECS_PER_SEC) % USECS_PER_SEC;
}

/* t is in whole seconds, or rounded down by the caller. */
static int64
unix_seconds(TimestampTz t)
{
	return timestamptz_to_time_t(whole_seconds(t));
}

static void
check_issuer(const CmCrlIssuer *ca)
{
	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", ca->name),
				 errdetail("An external CA publishes its revocation list itself.")));
	if (ca->key_id == 0 || ca->der.len == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" cannot sign a CRL yet", ca->name),
				 errdetail("It has no certificate."),
				 errhint("SELECT certmgr.ca_csr(%s), have its parent sign it, then SELECT certmgr.install_ca_certificate(...).",
						 quote_literal_cstr(ca->name))));
}

/* Name and key identifier of the issuer as in its certificate, byte for byte; both must live as long as crl. */
static void
set_issuer(CmCrl *crl, const CmCrlIssuer *ca)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate certificate;
	uint8_t    *identifier;

	if (!cm_certificate_parse(ca->der, &certificate, &st))
		cm_throw(&st, NULL);
	crl->issuer = certificate.subject;
	crl->issuer_alg = certificate.key_alg;
	crl->authority_key_id = certificate.subject_key_id;
	if (crl->authority_key_id.len > 0)
		return;
	/* A parent elsewhere may leave it out; then what RFC 5280 would have made. */
	identifier = palloc(20);
	if (!cm_key_identifier(certificate.spki, identifier, &st))
		cm_throw(&st, NULL);
	crl->authority_key_id = cm_slice(identifier, 20);
}

static void
add_entry(CmCrl *crl, const CmRevokedRow *row)
{
	CmStatus	st = CM_STATUS_INIT;
	int64		at = unix_seconds(row->revoked_at);
	int			reason = 0;

	if (row->reason != NULL && !cm_crl_reason_parse(row->reason, &reason, &st))
		cm_throw(&st, NULL);
	/* A transaction that began before the revocation may sign it: never after thisUpdate. */
	if (!cm_crl_add(crl, row->serial, Min(at, crl->this_update), reason, &st))
		cm_throw(&st, NULL);
}

/* A million entries pass through one batch of memory. */
static void
add_entries(CmCrl *crl, int64 ca_id, TimestampTz alive_since)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "certmgr CRL entries", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(batch);
	uint8_t		last[SERIAL_MAX];
	CmSlice		after = {last, 0};
	int			count;

	do
	{
		CmRevokedRow *rows;

		CHECK_FOR_INTERRUPTS();
		rows = cm_crl_revoked_next(ca_id, after, alive_since, &count);
		for (int i = 0; i < count; i++)
			add_entry(crl, &rows[i]);
		if (count > 0)
		{
			if (rows[count - 1].serial.len > SERIAL_MAX)
				elog(ERROR, "serial number of a revoked certificate is too long");
			after.len = rows[count - 1].serial.len;
			memcpy(last, rows[count - 1].serial.data, after.len);
		}
		MemoryContextReset(batch);
	} while (count == CM_REVOKED_BATCH);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(batch);
}

static CmSlice
sign(CmCrl *crl, int64 key_id)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *der = cm_own_buf(0);
	CmKey	   *key;

	cm_master_key_require();
	key = cm_store_key_open(key_id);
	if (!cm_crl_finish(crl, key, der, &st))
		cm_throw(&st, NULL);
	return cm_slice(der->data, der->len);
}

static void
set_times(TimestampTz now, Interval *lifetime, TimestampTz *this_update, TimestampTz *next_update)
{
	*this_update = whole_seconds(now);
	*next_update = whole_seconds(cm_timestamp_plus(*this_update, lifetime));
}

static int64
refresh(int64 ca_id, const char *actor, TimestampTz *next_refresh)
{
	CmOwn	   *own = cm_own(free_crl);
	CmCrl	   *crl = palloc0(sizeof(CmCrl));
	CmCrlIssuer ca;
	TimestampTz now;
	TimestampTz this_update;
	TimestampTz next_update;
	TimestampTz last_update = DT_NOBEGIN;
	int64		last_number = 0;
	int64		entries;
	CmSlice		der;

	if (!cm_crl_issuer_lock(ca_id, &ca))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority %lld does not exist", (long long) ca_id)));
	check_issuer(&ca);

	/* Not now(): while this transaction waited for the lock, somebody else may have signed. */
	now = GetCurrentTimestamp();
	set_times(now, &ca.crl_lifetime, &this_update, &next_update);
	(void) cm_crl_row_last(ca_id, &last_number, &last_update);

	set_issuer(crl, &ca);
	crl->number = (uint64_t) Max(last_number + 1, now + EPOCH_SECONDS * USECS_PER_SEC);
	crl->this_update = unix_seconds(this_update);
	crl->next_update = unix_seconds(next_update);
	cm_crl_begin(crl);
	own->object = crl;

	/* An entry stays until it was on one CRL after the certificate expired (RFC 5280 3.3): relying parties that come late see it. */
	add_entries(crl, ca_id, last_update);
	entries = (int64) crl->count;
	der = sign(crl, ca.key_id);
	cm_own_release(own);

	cm_crl_row_insert(ca_id, (int64) crl->number, this_update, next_update, entries, der);
	cm_crl_row_prune(ca_id);
	/* With a third of the time left an outage of the worker of days is not seen from outside. */
	*next_refresh = this_update + (next_update - this_update) / 3 * 2;
	cm_job_put("crl", ca_id, *next_refresh);
	cm_audit(actor, "sign-crl", "ca", ca_id,
			 psprintf("{\"number\": %lld, \"entries\": %lld}", (long long) crl->number, (long long) entries));
	return (int64) crl->number;
}

int64
cm_crl_refresh_for(int64 ca_id, const char *actor, TimestampTz *next_refresh)
{
	/* The key and the list go with this context, not with that of a worker's whole round. */
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "certmgr CRL", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(work);
	int64		number = refresh(ca_id, actor, next_refresh);

	MemoryContextSwitchTo(before);
	MemoryContextDelete(work);
	return number;
}

int64
cm_crl_refresh(int64 ca_id, TimestampTz *next_refresh)
{
	return cm_crl_refresh_for(ca_id, "worker", next_refresh);
}
