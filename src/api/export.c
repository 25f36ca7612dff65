/*
 * export.c - certificates, chains and keys as PEM.
 *
 * Runs in backends. Reading public parts needs no master key and locks
 * nothing; every reading of a key leaves an audit row and, as that goes with a
 * rollback, a line in the server log.
 */
#include "postgres.h"

#include "api/access.h"
#include "base/encode.h"
#include "crypto/key.h"
#include "fmgr.h"
#include "lifecycle/subject_key.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/ca.h"
#include "utils/builtins.h"
#include "x509/certificate.h"

extern PGDLLEXPORT Datum certmgr_certificate_pem(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_chain_pem(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_bundle_pem(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_ca_pem(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_private_key_pem(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_certificate_pem);
PG_FUNCTION_INFO_V1(certmgr_chain_pem);
PG_FUNCTION_INFO_V1(certmgr_bundle_pem);
PG_FUNCTION_INFO_V1(certmgr_ca_pem);
PG_FUNCTION_INFO_V1(certmgr_private_key_pem);

/* Longer paths are loops or mistakes: web PKI has two or three issuers. */
#define CHAIN_MAX 16

/* PKCS#8 PEM of RSA-4096 has 3.3 kB. */
#define KEY_PEM_MAX (16 * 1024)

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

static CmCertificateRow *
readable(int64 id)
{
	CmCertificateRow *row = cm_access_certificate(id, CM_ACCESS_READ);

	if (row->der.len == 0)
		throw_not_ready(row);
	return row;
}

static void
put_certificate(CmBuf *pem, CmSlice der)
{
	if (!cm_pem_encode(pem, "CERTIFICATE", der.data, der.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

/* An issuer, unless it is a root: relying parties have that, or must not trust it. True when it was one. */
static bool
put_issuer(CmBuf *pem, CmSlice der)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate certificate;

	if (!cm_certificate_parse(der, &certificate, &st))
		cm_throw(&st, NULL);
	if (cm_slice_equal(certificate.issuer, certificate.subject))
		return true;
	put_certificate(pem, der);
	return false;
}

/* Certificates one after the other, as a CA elsewhere sent them. */
static void
put_foreign(CmBuf *pem, CmSlice chain)
{
	CmDer		one;

	while (cm_der_expect(&chain, CM_DER_SEQUENCE, &one))
		(void) put_issuer(pem, one.whole);
}

static void
put_chain(CmBuf *pem, const CmCertificateRow *row)
{
	int64		id = row->issuer_id;
	CmSlice		chain;
	CmSlice		der;

	put_foreign(pem, row->chain);
	for (int i = 0; id != 0; i++)
	{
		int64		issuer = id;

		if (i == CHAIN_MAX)
			elog(ERROR, "certificate %lld has more than %d issuers", (long long) row->id, CHAIN_MAX);
		if (!cm_certificate_row_issuer(issuer, &der, &chain, &id) || der.len == 0)
			ereport(ERROR,
					(errcode(CM_ERRCODE_NOT_READY),
					 errmsg("issuer of certificate %lld is not there", (long long) row->id),
					 errdetail("Certificate %lld has no bytes.", (long long) issuer)));
		if (put_issuer(pem, der))
			break;
		put_foreign(pem, chain);
	}
}

static text *
pem_text(CmBuf *pem)
{
	return cstring_to_text_with_len(cm_buf_cstr(pem), (int) pem->len);
}

Datum
certmgr_certificate_pem(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row = readable(PG_GETARG_INT64(0));
	CmBuf	   *pem = cm_own_buf(0);

	put_certificate(pem, row->der);
	PG_RETURN_TEXT_P(pem_text(pem));
}

static Datum
chain(int64 id, bool with_leaf)
{
	CmCertificateRow *row = readable(id);
	CmBuf	   *pem = cm_own_buf(0);
	CmOwnerScope scope;

	if (with_leaf)
		put_certificate(pem, row->der);
	cm_owner_enter(&scope);
	put_chain(pem, row);
	cm_owner_leave(&scope);
	return PointerGetDatum(pem_text(pem));
}

Datum
certmgr_chain_pem(PG_FUNCTION_ARGS)
{
	return chain(PG_GETARG_INT64(0), false);
}

Datum
certmgr_bundle_pem(PG_FUNCTION_ARGS)
{
	return chain(PG_GETARG_INT64(0), true);
}

Datum
certmgr_ca_pem(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CmBuf	   *pem = cm_own_buf(0);
	CmOwnerScope scope;
	CmCaRow    *ca;

	cm_owner_enter(&scope);
	ca = cm_ca_require(name, false);
	cm_owner_leave(&scope);
	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", name),
				 errhint("SELECT certmgr.chain_pem(...) of one of its certificates shows the issuers of an external CA.")));
	if (ca->der.len == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_NOT_READY),
				 errmsg("certificate authority \"%s\" has no certificate yet", name),
				 errhint("SELECT certmgr.ca_csr(%s), have its parent sign it, then SELECT certmgr.install_ca_certificate(...).",
						 quote_literal_cstr(name))));
	put_certificate(pem, ca->der);
	PG_RETURN_TEXT_P(pem_text(pem));
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

static CmBuf *
key_pem(const CmCertificateRow *row)
{
	CmBuf	   *pem = cm_own_secret(KEY_PEM_MAX);
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	CmOwn	   *key;

	if (!cm_key_alg_parse(row->key_algorithm, &alg, &st))
		cm_throw(&st, NULL);
	key = cm_subject_key_open(row->sealed_key, public_part(row), alg, row->id);
	if (!cm_key_pkcs8_pem((const CmKey *) key->object, pem, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	return pem;
}

Datum
certmgr_private_key_pem(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row = cm_access_certificate(PG_GETARG_INT64(0), CM_ACCESS_KEY);
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	CmBuf	   *pem;
	text	   *result;

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
	pem = key_pem(row);
	cm_audit(actor, "read-key", "certificate", row->id, NULL);
	cm_owner_leave(&scope);
	ereport(LOG,
			(errmsg("private key of certificate %lld was read by role \"%s\"", (long long) row->id, actor),
			 errhidestmt(true)));
	result = pem_text(pem);
	cm_buf_free(pem);
	PG_RETURN_TEXT_P(result);
}
