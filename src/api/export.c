/*
 * export.c - certificates, chains and keys as PEM.
 *
 * Runs in backends. Reading public parts needs no master key and locks nothing.
 */
#include "postgres.h"

#include "api/export.h"
#include "base/encode.h"
#include "crypto/key.h"
#include "fmgr.h"
#include "lifecycle/issuer_chain.h"
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

/* PKCS#8 PEM of RSA-4096 has 3.3 kB. */
#define KEY_PEM_MAX (16 * 1024)

static void
put_certificate(CmBuf *pem, CmSlice der)
{
	if (!cm_pem_encode(pem, "CERTIFICATE", der.data, der.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

static void
put_certificates(CmBuf *pem, CmSlice ders)
{
	CmDer		one;

	while (cm_der_expect(&ders, CM_DER_SEQUENCE, &one))
		put_certificate(pem, one.whole);
}

static text *
pem_text(CmBuf *pem)
{
	return cstring_to_text_with_len(cm_buf_cstr(pem), (int) pem->len);
}

Datum
certmgr_certificate_pem(PG_FUNCTION_ARGS)
{
	CmCertificateRow *row = cm_export_certificate(PG_GETARG_INT64(0));
	CmBuf	   *pem = cm_own_buf(0);

	put_certificate(pem, row->der);
	PG_RETURN_TEXT_P(pem_text(pem));
}

static Datum
chain(int64 id, bool with_leaf)
{
	CmCertificateRow *row = cm_export_certificate(id);
	CmBuf	   *pem = cm_own_buf(0);
	CmBuf	   *ders = cm_own_buf(0);
	CmOwnerScope scope;

	if (with_leaf)
		put_certificate(pem, row->der);
	cm_owner_enter(&scope);
	cm_issuer_chain(row, false, ders);
	cm_owner_leave(&scope);
	put_certificates(pem, cm_slice(ders->data, ders->len));
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

Datum
certmgr_private_key_pem(PG_FUNCTION_ARGS)
{
	CmOwn	   *key = cm_export_key(PG_GETARG_INT64(0));
	CmBuf	   *pem = cm_own_secret(KEY_PEM_MAX);
	CmStatus	st = CM_STATUS_INIT;
	text	   *result;

	if (!cm_key_pkcs8_pem((const CmKey *) key->object, pem, &st))
		cm_throw(&st, NULL);
	cm_own_release(key);
	result = pem_text(pem);
	cm_buf_free(pem);
	PG_RETURN_TEXT_P(result);
}
