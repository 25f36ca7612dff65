/*
 * chain.c - from a leaf to its issuers: ordering what a CA sent, and checking it.
 *
 * Runs in the worker (an external CA's answer) and in backends (import, install
 * of a CA certificate). The input is an attacker's: at most CHAIN_MAX
 * certificates in CHAIN_BYTES_MAX octets, each used once, so that loops end.
 * What may fail: no certificate for the key (CM_MISMATCH), a link that does not
 * verify, a chain that no trust anchor ends (CM_MISMATCH), limits, memory.
 */
#include "x509/chain.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/digest.h"
#include "x509/certificate.h"
#include "x509/name.h"

/* Real chains have two to five; each pair costs a signature check at worst. */
#define CHAIN_MAX 16
#define CHAIN_BYTES_MAX ((size_t) 512 * 1024)

/* The bundle of all public roots has some 150 certificates in 220 kB. */
#define ANCHORS_MAX 1024
#define ANCHORS_BYTES_MAX ((size_t) 4 * 1024 * 1024)

/* OpenSSL's level of 112 bits: RSA below 2048 and SHA-1 are refused. */
#define AUTH_LEVEL 2

typedef struct Chain
{
	CmCertificate certs[CHAIN_MAX];
	bool		used[CHAIN_MAX];
	int			count;
} Chain;

static bool
check_size(CmSlice certificates, CmStatus *st)
{
	if (certificates.len == 0)
		return cm_fail(st, CM_INVALID, "there is no certificate");
	if (certificates.len > CHAIN_BYTES_MAX)
		return cm_fail(st, CM_LIMIT, "certificate chain is larger than %zu bytes", CHAIN_BYTES_MAX);
	return true;
}

/* Takes the next certificate, unread, off a run of them. */
static bool
next_certificate(CmSlice *rest, int count, CmDer *out, CmStatus *st)
{
	if (count >= CHAIN_MAX)
		return cm_fail(st, CM_LIMIT, "certificate chain has more than %d certificates", CHAIN_MAX);
	if (!cm_der_expect(rest, CM_DER_SEQUENCE, out))
		return cm_fail(st, CM_INVALID, "certificate chain is not a run of DER certificates");
	return true;
}

static bool
parse_chain(CmSlice certificates, Chain *chain, CmStatus *st)
{
	CmDer		value;

	chain->count = 0;
	memset(chain->used, 0, sizeof(chain->used));
	if (!check_size(certificates, st))
		return false;
	while (certificates.len > 0)
	{
		if (!next_certificate(&certificates, chain->count, &value, st) ||
			!cm_certificate_parse(value.whole, &chain->certs[chain->count], st))
			return false;
		chain->count++;
	}
	return true;
}

/* The certificate with this key; one that is not a CA's goes first. */
static int
find_leaf(const Chain *chain, CmSlice spki)
{
	int			found = -1;
	int			i;

	for (i = 0; i < chain->count; i++)
	{
		if (!cm_slice_equal(chain->certs[i].spki, spki))
			continue;
		if (!chain->certs[i].ca)
			return i;
		if (found < 0)
			found = i;
	}
	return found;
}

/* The same certificate sent twice is used once. */
static void
mark_used(Chain *chain, int which)
{
	int			i;

	for (i = 0; i < chain->count; i++)
	{
		if (cm_slice_equal(chain->certs[i].der, chain->certs[which].der))
			chain->used[i] = true;
	}
}

static bool
is_self_signed(const CmCertificate *cert)
{
	CmStatus	ignored = CM_STATUS_INIT;

	return cm_slice_equal(cert->issuer, cert->subject) && cm_certificate_issued_by(cert, cert, &ignored);
}

static bool
key_ids_fit(const CmCertificate *cert, const CmCertificate *issuer)
{
	return cert->authority_key_id.len == 0 || issuer->subject_key_id.len == 0 ||
		cm_slice_equal(cert->authority_key_id, issuer->subject_key_id);
}

/*
 * Finds the issuer of a certificate. *found is -1 where the chain ends. A
 * certificate that fits by name and key identifier but did not sign is an
 * error, unless another one did: an answer like that is not to be trusted.
 */
static bool
find_issuer(const Chain *chain, const CmCertificate *cert, int *found, CmStatus *st)
{
	CmStatus	inner = CM_STATUS_INIT;
	bool		suspect = false;
	int			i;

	*found = -1;
	if (is_self_signed(cert))
		return true;
	for (i = 0; i < chain->count; i++)
	{
		const CmCertificate *issuer = &chain->certs[i];

		if (chain->used[i] || !cm_slice_equal(cert->issuer, issuer->subject) || !key_ids_fit(cert, issuer))
			continue;
		if (cm_certificate_issued_by(cert, issuer, &inner))
		{
			*found = i;
			return true;
		}
		suspect = true;
	}
	if (!suspect)
		return true;
	if (st != NULL)
		*st = inner;
	return false;
}

bool
cm_chain_order(CmSlice certificates, CmSlice leaf_spki, CmBuf *out, size_t *leaf_len, CmStatus *st)
{
	Chain		chain;
	size_t		start = out->len;
	int			at;

	*leaf_len = 0;
	if (!parse_chain(certificates, &chain, st))
		return false;
	at = find_leaf(&chain, leaf_spki);
	if (at < 0)
	{
		(void) cm_fail(st, CM_MISMATCH, "there is no certificate for the key that was asked for");
		return cm_fail_detail(st, "None of the %d certificates has this public key.", chain.count);
	}
	*leaf_len = chain.certs[at].der.len;
	while (at >= 0)
	{
		const CmCertificate *cert = &chain.certs[at];

		mark_used(&chain, at);
		if (!cm_buf_append(out, cert->der.data, cert->der.len))
		{
			out->len = start;
			return cm_fail(st, CM_LIMIT, "certificate chain is too large");
		}
		if (!find_issuer(&chain, cert, &at, st))
		{
			out->len = start;
			return false;
		}
	}
	return true;
}

/* ---- verification ---- */

static X509 *
read_x509(CmSlice der)
{
	const unsigned char *p = der.data;

	return d2i_X509(NULL, &p, (long) der.len);
}

/* The first certificate goes to *leaf, the others to rest. */
static bool
load_chain(CmSlice chain, X509 **leaf, STACK_OF(X509) *rest, CmStatus *st)
{
	CmDer		value;
	int			count = 0;

	if (!check_size(chain, st))
		return false;
	while (chain.len > 0)
	{
		X509	   *x509;

		if (!next_certificate(&chain, count, &value, st))
			return false;
		x509 = read_x509(value.whole);
		if (x509 == NULL)
			return cm_fail_crypto(st, "could not read a certificate of the chain");
		if (count++ == 0)
			*leaf = x509;
		else if (sk_X509_push(rest, x509) <= 0)
		{
			X509_free(x509);
			return cm_fail(st, CM_MEMORY, "out of memory");
		}
	}
	return true;
}

/* *partial: one of the anchors is not a root. */
static bool
load_anchors(CmSlice pem, X509_STORE *store, bool *partial, CmStatus *st)
{
	CmBuf		ders;
	CmSlice		rest;
	CmDer		value;
	int			count;
	bool		ok;

	cm_buf_init(&ders, ANCHORS_BYTES_MAX);
	ok = cm_certificates_from_text(pem, ANCHORS_MAX, &ders, &count, st);
	rest = cm_slice(ders.data, ders.len);
	while (ok && rest.len > 0)
	{
		X509	   *x509 = cm_der_next(&rest, &value) ? read_x509(value.whole) : NULL;

		/* The store keeps a reference of its own; one given twice is kept once. */
		if (x509 == NULL || X509_STORE_add_cert(store, x509) != 1)
			ok = cm_fail_crypto(st, "could not read a trust anchor");
		else if (X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) != 0)
			*partial = true;
		X509_free(x509);
	}
	cm_buf_free(&ders);
	return ok;
}

/* Which certificate it was, and what OpenSSL says about it. */
static bool
fail_verify(X509_STORE_CTX *ctx, CmStatus *st)
{
	X509	   *x509 = X509_STORE_CTX_get_current_cert(ctx);
	const char *why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	CmStatus	ignored = CM_STATUS_INIT;
	char		shown[256] = "";
	CmBuf		text;
	unsigned char *name = NULL;
	int			len = x509 == NULL ? -1 : i2d_X509_NAME(X509_get_subject_name(x509), &name);

	cm_buf_init(&text, 0);
	if (len > 0 && cm_name_format(cm_slice(name, (size_t) len), &text, &ignored))
		cm_clean_text(shown, sizeof(shown), (const char *) text.data, text.len);
	cm_buf_free(&text);
	OPENSSL_free(name);
	ERR_clear_error();
	(void) cm_fail(st, CM_MISMATCH, "certificate chain is not trusted: %s", why);
	return cm_fail_detail(st, "Certificate %d of the chain, counted from 0 at the leaf, is \"%s\".",
						  X509_STORE_CTX_get_error_depth(ctx), shown);
}

/*
 * libcrypto takes a certificate without basicConstraints, but with keyCertSign, for a CA
 * unless it is to be strict in everything, which old roots do not bear. RFC 5280 6.1.4 (k) is about all but the anchor.
 */
static bool
check_intermediates(X509_STORE_CTX *ctx, CmStatus *st)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(chain) - 1; i++)
	{
		if (X509_check_ca(sk_X509_value(chain, i)) != 1)
		{
			X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_CA);
			X509_STORE_CTX_set_error_depth(ctx, i);
			X509_STORE_CTX_set_current_cert(ctx, sk_X509_value(chain, i));
			return fail_verify(ctx, st);
		}
	}
	return true;
}

/* Any policy will do, but where a CA demands one of what is below it, there must be one. */
static bool
ask_any_policy(X509_VERIFY_PARAM *param)
{
	ASN1_OBJECT *any = OBJ_nid2obj(NID_any_policy);	/* a constant: nothing to free */

	return any != NULL && X509_VERIFY_PARAM_add0_policy(param, any) == 1;
}

static bool
verify(X509_STORE *store, X509 *leaf, STACK_OF(X509) *rest, int64_t at, bool partial, CmStatus *st)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	bool		ok = false;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, leaf, rest) != 1)
		(void) cm_fail_crypto(st, "could not begin to verify a certificate chain");
	else
	{
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_time(param, (time_t) at);
		X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX);
		X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
		if (!ask_any_policy(param) || X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_POLICY_CHECK | (partial ? X509_V_FLAG_PARTIAL_CHAIN : 0)) != 1)
			(void) cm_fail_crypto(st, "could not begin to verify a certificate chain");
		else if (X509_verify_cert(ctx) == 1)
			ok = check_intermediates(ctx, st);
		else
			(void) fail_verify(ctx, st);
	}
	X509_STORE_CTX_free(ctx);
	return ok;
}

bool
cm_chain_verify(CmSlice chain, CmSlice trust_anchors_pem, int64_t at, CmStatus *st)
{
	X509_STORE *store;
	X509	   *leaf = NULL;
	STACK_OF(X509) *rest;
	bool		partial = false;
	bool		ok = false;

	ERR_clear_error();
	store = X509_STORE_new();
	rest = sk_X509_new_null();
	if (store == NULL || rest == NULL)
		(void) cm_fail_crypto(st, "could not begin to verify a certificate chain");
	else
		ok = load_chain(chain, &leaf, rest, st) && load_anchors(trust_anchors_pem, store, &partial, st) &&
			verify(store, leaf, rest, at, partial, st);
	sk_X509_pop_free(rest, X509_free);
	X509_free(leaf);
	X509_STORE_free(store);
	ERR_clear_error();
	return ok;
}
