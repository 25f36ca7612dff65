/*
 * csr_build.c - making certification requests: subject, names, and whether a CA
 * is asked for. Runs in backends and workers; fails when the key cannot sign or
 * memory runs out.
 */
#include "x509/csr.h"

#include "x509/name.h"
#include "x509/usage.h"

#define OID_EXTENSION_REQUEST "1.2.840.113549.1.9.14"

static size_t
open_extension(CmBuf *out, const char *oid, bool critical, size_t *value)
{
	size_t		mark = cm_der_open(out, CM_DER_SEQUENCE);

	(void) cm_der_put_oid(out, oid);
	if (critical)
		cm_der_put_bool(out, true);
	*value = cm_der_open(out, CM_DER_OCTET_STRING);
	return mark;
}

static void
put_extensions(CmBuf *out, CmSlice sans, bool empty_subject, bool ca, int path_length)
{
	size_t		mark;
	size_t		value;
	size_t		inner;

	if (ca)
	{
		mark = open_extension(out, "2.5.29.19", true, &value);
		inner = cm_der_open(out, CM_DER_SEQUENCE);
		cm_der_put_bool(out, true);
		if (path_length >= 0)
			cm_der_put_uint(out, (uint64_t) path_length);
		cm_der_close(out, inner);
		cm_der_close(out, value);
		cm_der_close(out, mark);

		mark = open_extension(out, "2.5.29.15", true, &value);
		cm_der_put_named_bits(out, CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN);
		cm_der_close(out, value);
		cm_der_close(out, mark);
	}
	if (sans.len > 0)
	{
		/* RFC 5280 4.2.1.6: critical when it is the only name. */
		mark = open_extension(out, "2.5.29.17", empty_subject, &value);
		cm_der_put_slice(out, CM_DER_SEQUENCE, sans);
		cm_der_close(out, value);
		cm_der_close(out, mark);
	}
}

static void
put_info(CmBuf *out, CmSlice subject, CmSlice spki, CmSlice sans, bool ca, int path_length)
{
	static const uint8_t empty_name[] = {CM_DER_SEQUENCE, 0};
	size_t		info = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		attributes;
	size_t		attribute;
	size_t		set;
	size_t		extensions;

	if (subject.len == 0)
		subject = cm_slice(empty_name, sizeof(empty_name));
	cm_der_put_uint(out, 0);
	(void) cm_buf_append(out, subject.data, subject.len);
	(void) cm_buf_append(out, spki.data, spki.len);
	attributes = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	if (ca || sans.len > 0)
	{
		attribute = cm_der_open(out, CM_DER_SEQUENCE);
		(void) cm_der_put_oid(out, OID_EXTENSION_REQUEST);
		set = cm_der_open(out, CM_DER_SET);
		extensions = cm_der_open(out, CM_DER_SEQUENCE);
		put_extensions(out, sans, subject.len == sizeof(empty_name), ca, path_length);
		cm_der_close(out, extensions);
		cm_der_close(out, set);
		cm_der_close(out, attribute);
	}
	cm_der_close(out, attributes);
	cm_der_close(out, info);
}

bool
cm_csr_build(const CmKey *key, CmSlice subject, CmSlice sans, bool ca, int path_length, CmBuf *der, CmStatus *st)
{
	CmBuf		info;
	CmBuf		work;			/* the public key, then the signature */
	CmSlice		alg = cm_key_sign_algorithm(key);
	size_t		start = der->len;
	size_t		mark;
	bool		ok;

	if (alg.len == 0)
		return cm_fail(st, CM_UNSUPPORTED, "key of this kind cannot sign a certificate request");
	if (subject.len > 0 && !cm_name_check(subject, st))
		return false;
	cm_buf_init(&info, 0);
	cm_buf_init(&work, 0);
	ok = cm_key_spki(key, &work, st);
	if (ok)
	{
		put_info(&info, subject, cm_slice(work.data, work.len), sans, ca, path_length);
		cm_buf_reset(&work);
		ok = info.failed ? cm_fail(st, CM_MEMORY, "out of memory")
			: cm_sign(key, cm_slice(info.data, info.len), &work, st);
	}
	if (ok)
	{
		mark = cm_der_open(der, CM_DER_SEQUENCE);
		(void) cm_buf_append(der, info.data, info.len);
		(void) cm_buf_append(der, alg.data, alg.len);
		cm_der_put_bit_string(der, work.data, work.len);
		cm_der_close(der, mark);
		if (der->failed || work.failed)
			ok = cm_fail(st, CM_MEMORY, "out of memory");
	}
	if (!ok)
		der->len = start;
	cm_buf_free(&info);
	cm_buf_free(&work);
	return ok;
}
