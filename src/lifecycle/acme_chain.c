/*
 * acme_chain.c - which of the chains that a CA offers is taken (RFC 8555
 * 7.4.2). Engines only. The first one is, unless the CA's preferred_chain asks
 * for another: only then are the alternates fetched, all at once.
 */
#include "postgres.h"

#include "base/encode.h"
#include "crypto/digest.h"
#include "lifecycle/acme_work.h"
#include "pg/own.h"
#include "utils/memutils.h"
#include "x509/certificate.h"
#include "x509/name.h"

/* Let's Encrypt has had three chains at the most; Pebble makes as many as it is told. */
#define ALTERNATES_MAX 8
#define CERTIFICATES_MAX 10

/* An issuer's common name, or the SHA-256 of a public key of the chain in hexadecimal. */
static bool
is_wanted(const CmCertificate *cert, const char *wanted)
{
	CmBuf	   *name = cm_own_buf(0);
	char		hex[65];
	uint8		digest[32];

	if (cm_name_common_name(cert->issuer, name) && strcmp(cm_buf_cstr(name), wanted) == 0)
		return true;
	if (strlen(wanted) != 64 || !cm_sha256(cert->spki, digest))
		return false;
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return pg_strcasecmp(hex, wanted) == 0;
}

bool
cm_acme_chain_preferred(CmSlice body, const char *wanted)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate cert;
	CmSlice		rest;
	CmDer		der;
	int			count;

	if (!cm_certificates_from_text(body, CERTIFICATES_MAX, ders, &count, &st))
		return false;
	rest = cm_slice(ders->data, ders->len);
	while (cm_der_next(&rest, &der))
	{
		if (cm_certificate_parse(der.whole, &cert, &st) && is_wanted(&cert, wanted))
			return true;
	}
	return false;
}

/* The chain is kept, and the alternates that come with it are asked for next. False: there are none. */
bool
cm_acme_chain_more(CmWork *work, const CmOp *op)
{
	CmHttpResponse response = {0};
	char		url[sizeof(op->reply.url)];
	CmSlice		body = cm_reply_body(&op->reply);
	MemoryContext old;

	response.headers = op->reply.headers;
	if (!cm_http_link(&response, "alternate", 0, url, sizeof(url)))
		return false;
	old = MemoryContextSwitchTo(work->context);
	work->chain = cm_slice(memcpy(palloc(Max(body.len, 1)), body.data, body.len), body.len);
	work->alternates = palloc0(sizeof(char *) * (ALTERNATES_MAX + 1));
	for (int i = 0; i < ALTERNATES_MAX && cm_http_link(&response, "alternate", i, url, sizeof(url)); i++)
		work->alternates[i] = pstrdup(url);
	MemoryContextSwitchTo(old);
	return true;
}

CmSlice
cm_acme_chain_choose(CmWork *work, const char *wanted)
{
	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->reply.status.code == CM_OK && cm_acme_chain_preferred(cm_reply_body(&op->reply), wanted) &&
			cm_acme_chain_ours(work->order->certificate_id, cm_reply_body(&op->reply)))
			return cm_reply_body(&op->reply);
	}
	/* None is as wanted, or none could be had: what there is serves. */
	return work->chain;
}
