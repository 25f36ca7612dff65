/*
 * export_access.c - see export.h: who may take a certificate or its key away.
 *
 * Runs in backends; locks nothing. Every reading of a key leaves an audit row
 * and, as that goes with a rollback, a line in the server log.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/export.h"
#include "crypto/key.h"
#include "lifecycle/subject_key.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "store/audit.h"
#include "x509/certificate.h"

static void
throw_not_ready(const CmCertificateRow *row)
{
	long long	id = (long long) row->id;

	if (strcmp(row->state, "failed") == 0 || strcmp(row->state, "cancelled") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld was never issued", id),
				 errdetail("Its state is %s%s%s.", row->state, row->status_message ? ": " : "", row->status_message ? row->status_message : "")));
	if (strcmp(row->state, "pending") == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_NOT_READY),
				 errmsg("certificate %lld is not issued yet", id),
				 row->status_message ? errdetail_internal("%s", row->status_message) : 0,
				 errhint("CALL certmgr.wait(%lld);", id)));
	ereport(ERROR,
			(errcode(CM_ERRCODE_NOT_READY),
			 errmsg("certificate %lld is not signed yet", id),
			 errdetail("A private CA signs when the transaction commits."),
			 errhint("COMMIT first, or use CALL certmgr.issue_now(...).")));
}

CmCertificateRow *
cm_export_certificate(int64 id)
{
	CmCertificateRow *row = cm_access_certificate(id, CM_ACCESS_READ);

	if (row->der.len == 0)
		throw_not_ready(row);
	return row;
}

/* The public part that the key was sealed with: the certificate's, or what waits to be certified. */
static CmSlice
public_part(const CmCertificateRow *row)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate certificate;

	if (row->der.len == 0)
		return row->spki;
	if (!cm_certificate_parse(row->der, &certificate, &st))
		cm_throw(&st, NULL);
	return certificate.spki;
}

static CmOwn *
open_key(const CmCertificateRow *row)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;

	if (!cm_key_alg_parse(row->key_algorithm, &alg, &st))
		cm_throw(&st, NULL);
	return cm_subject_key_open(row->sealed_key, public_part(row), alg, row->id);
}

CmOwn *
cm_export_key(int64 id)
{
	CmCertificateRow *row = cm_access_certificate(id, CM_ACCESS_KEY);
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	CmOwn	   *key;

	/* Without a body there is nothing to say yet; a pending ACME certificate has its key already. */
	if (row->der.len == 0 && row->sealed_key.len == 0 && row->spki.len == 0)
		throw_not_ready(row);
	if (row->sealed_key.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("private key of certificate %lld is not here", (long long) row->id),
				 errdetail("%s", strcmp(row->source, "ca") == 0 ? "The key of a CA never leaves the server." :
						   "It was issued for a CSR or imported: whoever made the key has it.")));

	cm_owner_enter(&scope);
	key = open_key(row);
	cm_audit(actor, "read-key", "certificate", row->id, NULL);
	cm_owner_leave(&scope);
	ereport(LOG,
			(errmsg("private key of certificate %lld was read by role \"%s\"", (long long) row->id, actor),
			 errhidestmt(true)));
	return key;
}
