/*
 * key_pem.c - private keys in files: PKCS #8 (RFC 5958), SEC 1 (RFC 5915) and
 * PKCS #1 (RFC 8017), read; PKCS #8, written.
 *
 * By hand, so that no copy of a private part stays in memory that we cannot
 * wipe. Any process; no locks. What may fail: texts that are no key.
 */
#include "crypto/key_internal.h"

#include <string.h>

#include "base/encode.h"
#include "crypto/digest.h"

/* RFC 5915 ECPrivateKey inside PKCS#8: the curve is told outside, the point goes with it. */
static bool
put_ec_private(const CmKey *key, const CmKeyInfo *info, CmBuf *out)
{
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		mark;
	bool		ok;

	cm_der_put_uint(out, 1);
	mark = cm_der_open(out, CM_DER_OCTET_STRING);
	ok = cm_key_put_private(key, info, out);
	cm_der_close(out, mark);
	mark = cm_der_open(out, CM_DER_CONTEXT_CONS(1));
	cm_der_put_bit_string(out, key->spki.data + key->spki.len - info->point, info->point);
	cm_der_close(out, mark);
	cm_der_close(out, seq);
	return ok;
}

/* PrivateKeyInfo; out is secret. */
static bool
put_pkcs8(const CmKey *key, const CmKeyInfo *info, CmBuf *out)
{
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		octets;
	size_t		inner = 0;
	bool		ok;

	cm_der_put_uint(out, 0);
	cm_buf_append(out, info->key_alg.data, info->key_alg.len);
	octets = cm_der_open(out, CM_DER_OCTET_STRING);
	if (info->kind == CM_KIND_EC)
		ok = put_ec_private(key, info, out);
	else
	{
		/* RFC 8410 7: the seed is an OCTET STRING of its own; RFC 9881 6: the seed is [0]; RFC 9909 6: bare bytes. */
		if (info->nested)
			inner = cm_der_open(out, CM_DER_OCTET_STRING);
		else if (info->kind == CM_KIND_SEED)
			inner = cm_der_open(out, CM_DER_CONTEXT(0));
		ok = cm_key_put_private(key, info, out);
		if (inner != 0)
			cm_der_close(out, inner);
	}
	cm_der_close(out, octets);
	cm_der_close(out, seq);
	return ok && !out->failed;
}

bool
cm_key_pkcs8(const CmKey *key, CmBuf *out, CmStatus *st)
{
	const CmKeyInfo *info = cm_key_info(key->alg);

	if (!cm_key_may_leave(key, out, st))
		return false;
	ERR_clear_error();
	return put_pkcs8(key, info, out) || cm_fail_crypto(st, "could not write the private key");
}

bool
cm_key_pkcs8_pem(const CmKey *key, CmBuf *out, CmStatus *st)
{
	CmBuf		der;
	bool		ok;

	if (!cm_key_may_leave(key, out, st))
		return false;
	cm_buf_init_secret(&der, 0);
	ok = cm_key_pkcs8(key, &der, st) &&
		(cm_pem_encode(out, "PRIVATE KEY", der.data, der.len) || cm_fail(st, CM_MEMORY, "out of memory"));
	cm_buf_free(&der);
	return ok;
}

static bool
bad_private(CmStatus *st)
{
	return cm_fail(st, CM_INVALID, "private key is not valid DER");
}

/* PKCS#1: the size of the modulus tells the algorithm. */
static bool
read_pkcs1(CmSlice der, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		v;
	CmSlice		n;
	uint64_t	version;
	size_t		bits;
	CmKeyAlg	alg;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || rest.len > 0)
		return bad_private(st);
	rest = v.content;
	/* Version 1 has more than two primes: nobody makes such keys any more. */
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 0 ||
		!cm_der_take_unsigned(&rest, &n))
		return bad_private(st);
	bits = cm_bit_length(n);
	alg = cm_key_alg_by_rsa_bits(bits);
	if (alg != CM_KEY_OTHER)
		return cm_key_from_private(alg, der, cm_slice(NULL, 0), out, st);
	(void) cm_fail(st, CM_UNSUPPORTED, "RSA key of %zu bits cannot be used", bits);
	return cm_fail_detail(st, "Private RSA keys have 2048, 3072 or 4096 bits.");
}

/* SEC 1 (RFC 5915). alg is NONE when only the key itself can tell its curve. */
static bool
read_sec1(CmSlice der, CmKeyAlg alg, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		seq;
	CmDer		scalar;
	CmDer		v;
	uint64_t	version;
	bool		present;
	const CmKeyInfo *info;
	uint8_t		padded[CM_SCALAR_MAX] = {0};
	CmBuf		spki;
	bool		ok;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return bad_private(st);
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 1 ||
		!cm_der_expect(&rest, CM_DER_OCTET_STRING, &scalar) ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(0), &v, &present))
		return bad_private(st);
	if (present)
	{
		CmKeyAlg	told = cm_key_alg_by_curve(v.content);

		if (alg != CM_KEY_NONE && told != alg)
			return cm_fail(st, CM_INVALID, "private key names another curve inside than outside");
		alg = told;
	}
	info = cm_key_info(alg);
	if (info == NULL || info->nid == 0)
		return cm_fail(st, CM_UNSUPPORTED, "private key is of a curve that is not supported");
	/* Some writers drop leading zeros of the scalar. */
	if (scalar.content.len == 0 || scalar.content.len > info->scalar ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(1), &v, &present) || rest.len > 0)
		return bad_private(st);
	if (present)
	{
		CmSlice		inner = v.content;

		if (!cm_der_expect(&inner, CM_DER_BIT_STRING, &v) || inner.len > 0)
			return bad_private(st);
	}

	cm_buf_init(&spki, 0);
	/* A compressed point needs no look: the public part is derived anyhow. */
	if (present && v.content.len == 1 + info->point && !cm_spki_put_point(&spki, info, v.content.data + 1))
	{
		cm_buf_free(&spki);
		return cm_fail(st, CM_MEMORY, "out of memory");
	}

	memcpy(padded + info->scalar - scalar.content.len, scalar.content.data, scalar.content.len);
	ok = cm_key_from_private(alg, cm_slice(padded, info->scalar), cm_slice(spki.data, spki.len), out, st);
	cm_wipe(padded, sizeof(padded));
	cm_buf_free(&spki);
	return ok;
}

/* Ed25519 and Ed448 (RFC 8410), ML-DSA by its seed (RFC 9881), SLH-DSA (RFC 9909). */
static bool
read_raw(CmSlice octets, const CmKeyInfo *info, CmKey **out, CmStatus *st)
{
	CmSlice		rest = octets;
	CmSlice		bytes = octets;
	CmDer		v;

	if (info->kind == CM_KIND_SEED)
	{
		if (!cm_der_next(&rest, &v) || rest.len > 0)
			return bad_private(st);
		/* Both: the seed goes first. */
		if (v.tag == CM_DER_SEQUENCE)
		{
			rest = v.content;
			if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v))
				return bad_private(st);
		}
		else if (v.tag != CM_DER_CONTEXT(0))
		{
			(void) cm_fail(st, CM_UNSUPPORTED, "private key holds no seed");
			return cm_fail_detail(st, "ML-DSA keys are kept by their seed (RFC 9881), this one has the expanded key only.");
		}
		bytes = v.content;
	}
	else if (info->nested)
	{
		if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v) || rest.len > 0)
			return bad_private(st);
		bytes = v.content;
	}
	return cm_key_from_private(info->alg, bytes, cm_slice(NULL, 0), out, st);
}

/* PKCS#8 v1 and v2 (RFC 5958); attributes and the public key of v2 are not needed. */
static bool
read_pkcs8(CmSlice der, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		seq;
	CmDer		v;
	CmDer		alg;
	CmDer		octets;
	uint64_t	version;
	CmKeyAlg	family;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return bad_private(st);
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version > 1 ||
		!cm_der_expect(&rest, CM_DER_SEQUENCE, &alg) ||
		!cm_der_expect(&rest, CM_DER_OCTET_STRING, &octets))
		return bad_private(st);

	family = cm_key_alg_read(alg.content);
	switch (family)
	{
		case CM_KEY_NONE:
			return cm_fail(st, CM_INVALID, "private key has parameters that are not allowed");
		case CM_KEY_OTHER:
			return cm_fail(st, CM_UNSUPPORTED, "private key is of an algorithm that is not supported");
		case CM_KEY_RSA_2048:
			return read_pkcs1(octets.content, out, st);
		default:
			break;
	}
	if (cm_key_info(family)->kind == CM_KIND_EC)
		return read_sec1(octets.content, family, out, st);
	return read_raw(octets.content, cm_key_info(family), out, st);
}

static bool
fail_encrypted(CmStatus *st)
{
	(void) cm_fail(st, CM_UNSUPPORTED, "private key is encrypted");
	return cm_fail_detail(st, "Give its password, or decrypt it first, for example with \"openssl pkey\".");
}

/* True with *found set when the block was a private key, whatever came of it. */
static bool
read_block(const char *label, CmSlice der, CmKey **out, bool *found, CmStatus *st)
{
	*found = true;
	if (strcmp(label, "PRIVATE KEY") == 0)
		return read_pkcs8(der, out, st);
	if (strcmp(label, "EC PRIVATE KEY") == 0)
		return read_sec1(der, CM_KEY_NONE, out, st);
	if (strcmp(label, "RSA PRIVATE KEY") == 0)
		return read_pkcs1(der, out, st);
	if (strcmp(label, "ENCRYPTED PRIVATE KEY") == 0)
		return fail_encrypted(st);
	/* "EC PARAMETERS" goes before a SEC 1 key, certificates may go with any. */
	*found = false;
	return false;
}

bool
cm_key_from_pem(CmSlice pem, CmKey **out, CmStatus *st)
{
	CmStatus	own = CM_STATUS_INIT;
	CmStatus   *status = st != NULL ? st : &own;
	CmSlice		rest = pem;
	char		label[65];
	CmBuf		der;
	bool		found = false;
	bool		ok = false;

	*out = NULL;
	cm_buf_init_secret(&der, CM_KEY_PRIVATE_MAX);
	while (!found && cm_pem_next(&rest, label, sizeof(label), &der, status))
	{
		ok = read_block(label, cm_slice(der.data, der.len), out, &found, status);
		cm_buf_reset(&der);
	}
	cm_buf_free(&der);
	if (ok)
		return true;
	if (!found && status->code == CM_OK)
		return cm_fail(status, CM_INVALID, "text holds no private key in PEM form");
	/* Only the old format, which encrypts within PEM, has headers. */
	if (!found && status->code == CM_UNSUPPORTED)
		return fail_encrypted(status);
	return false;
}
