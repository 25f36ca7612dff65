/*
 * issuer_chain.c - see issuer_chain.h. Backends and the worker; locks nothing.
 */
#include "postgres.h"

#include "lifecycle/issuer_chain.h"
#include "pg/error.h"
#include "pg/own.h"
#include "x509/certificate.h"

/* Longer paths are loops or mistakes: web PKI has two or three issuers. */
#define CHAIN_MAX 16

/* True when it was a root. */
static bool
put_issuer(CmBuf *ders, CmSlice der, bool with_root)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate certificate;
	bool		root;

	if (!cm_certificate_parse(der, &certificate, &st))
		cm_throw(&st, NULL);
	root = cm_slice_equal(certificate.issuer, certificate.subject);
	if ((!root || with_root) && !cm_buf_append(ders, der.data, der.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return root;
}

/* Certificates one after the other, as a CA elsewhere sent them. */
static void
put_foreign(CmBuf *ders, CmSlice chain, bool with_root)
{
	CmDer		one;

	while (cm_der_expect(&chain, CM_DER_SEQUENCE, &one))
		(void) put_issuer(ders, one.whole, with_root);
}

void
cm_issuer_chain(const CmCertificateRow *row, bool with_root, CmBuf *ders)
{
	int64		id = row->issuer_id;
	CmSlice		chain;
	CmSlice		der;

	put_foreign(ders, row->chain, with_root);
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
		if (put_issuer(ders, der, with_root))
			break;
		put_foreign(ders, chain, with_root);
	}
}
