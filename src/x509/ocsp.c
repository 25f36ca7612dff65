/*
 * ocsp.c - see ocsp.h. Runs in backends; holds nothing between calls. A
 * request comes from anybody: every length is checked by the DER reader, counts
 * have bounds. What may fail: memory, the signature.
 */
#include "x509/ocsp.h"

#include <string.h>

#include "base/datetime.h"

/* ---- requests ---- */

static const uint8_t oid_nonce[] = {0x2b, 6, 1, 5, 5, 7, 48, 1, 2};

static const struct
{
	uint8_t		oid[9];
	size_t		len;
	CmDigestAlg alg;
	size_t		size;
}			hashes[] = {
	{{0x2b, 0x0e, 0x03, 0x02, 0x1a}, 5, CM_DIGEST_SHA1, 20},
	{{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}, 9, CM_DIGEST_SHA256, 32},
	{{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}, 9, CM_DIGEST_SHA384, 48},
	{{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03}, 9, CM_DIGEST_SHA512, 64},
};

/* AlgorithmIdentifier; parameters absent or NULL for hashes that we know, anything for others. */
static bool
read_hash(CmSlice content, CmOcspId *id)
{
	CmDer		oid;
	CmDer		parameters;
	bool		any = false;

	if (!cm_der_expect(&content, CM_DER_OID, &oid) || oid.content.len == 0)
		return false;
	if (content.len > 0)
	{
		if (!cm_der_next(&content, &parameters) || content.len != 0)
			return false;
		id->null_parameters = parameters.tag == CM_DER_NULL && parameters.content.len == 0;
		any = !id->null_parameters;
	}
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
	{
		if (!cm_slice_equal(oid.content, cm_slice(hashes[i].oid, hashes[i].len)))
			continue;
		if (any || id->name_hash.len != hashes[i].size || id->key_hash.len != hashes[i].size)
			return false;
		id->known_hash = true;
		id->hash = hashes[i].alg;
	}
	return true;
}

static bool
read_id(CmDer value, CmOcspId *id)
{
	CmSlice		rest = value.content;
	CmDer		hash;
	CmDer		v;

	memset(id, 0, sizeof(*id));
	id->whole = value.whole;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &hash))
		return false;
	if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v))
		return false;
	id->name_hash = v.content;
	if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v))
		return false;
	id->key_hash = v.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || rest.len != 0 || v.content.len == 0)
		return false;
	id->serial = v.content;
	while (id->serial.len > 0 && id->serial.data[0] == 0)
	{
		id->serial.data++;
		id->serial.len--;
	}
	return read_hash(hash.content, id);
}

/* Extensions. Critical ones that are not known are refused (RFC 5280 4.2); nonce NULL: none is looked for. */
static bool
read_extensions(CmSlice explicit, CmSlice *nonce)
{
	CmDer		list;
	CmDer		ext;
	CmDer		v;
	CmDer		oid;

	if (!cm_der_expect(&explicit, CM_DER_SEQUENCE, &list) || explicit.len != 0 || list.content.len == 0)
		return false;
	while (list.content.len > 0)
	{
		bool		critical = false;
		bool		present;

		if (!cm_der_expect(&list.content, CM_DER_SEQUENCE, &ext) ||
			!cm_der_expect(&ext.content, CM_DER_OID, &oid) ||
			!cm_der_optional(&ext.content, CM_DER_BOOLEAN, &v, &present) ||
			(present && !cm_der_get_bool(&v, &critical)) ||
			!cm_der_expect(&ext.content, CM_DER_OCTET_STRING, &v) || ext.content.len != 0)
			return false;
		if (nonce != NULL && cm_slice_equal(oid.content, cm_slice(oid_nonce, sizeof(oid_nonce))))
		{
			CmSlice		value = v.content;
			CmDer		octets;

			if (nonce->len > 0 || !cm_der_expect(&value, CM_DER_OCTET_STRING, &octets) || value.len != 0 ||
				octets.content.len == 0 || octets.content.len > CM_OCSP_NONCE_MAX)
				return false;
			*nonce = ext.whole;
		}
		else if (critical)
			return false;
	}
	return true;
}

static bool
read_list(CmSlice list, CmOcspRequest *out)
{
	CmDer		one;
	CmDer		id;
	CmDer		extensions;
	bool		present;

	while (list.len > 0)
	{
		if (out->count == CM_OCSP_IDS_MAX ||
			!cm_der_expect(&list, CM_DER_SEQUENCE, &one) ||
			!cm_der_expect(&one.content, CM_DER_SEQUENCE, &id) ||
			!read_id(id, &out->ids[out->count]) ||
			!cm_der_optional(&one.content, CM_DER_CONTEXT_CONS(0), &extensions, &present) ||
			(present && !read_extensions(extensions.content, NULL)) ||
			one.content.len != 0)
			return false;
		out->count++;
	}
	return out->count > 0;
}

/* The signature is there or not; what it is like does not matter, as long as it is DER. */
static bool
read_signature(CmSlice rest)
{
	CmDer		tagged;
	CmDer		v;

	if (rest.len == 0)
		return true;
	return cm_der_expect(&rest, CM_DER_CONTEXT_CONS(0), &tagged) && rest.len == 0 &&
		cm_der_expect(&tagged.content, CM_DER_SEQUENCE, &v) && tagged.content.len == 0 &&
		cm_der_expect(&v.content, CM_DER_SEQUENCE, &tagged) &&
		cm_der_expect(&v.content, CM_DER_BIT_STRING, &tagged);
}

bool
cm_ocsp_request_parse(CmSlice der, CmOcspRequest *out)
{
	CmDer		outer;
	CmDer		tbs;
	CmDer		v;
	CmDer		number;
	CmSlice		rest;
	uint64_t	version;
	bool		present;

	out->count = 0;
	out->nonce = cm_slice(NULL, 0);
	if (der.len > CM_OCSP_REQUEST_MAX ||
		!cm_der_expect(&der, CM_DER_SEQUENCE, &outer) || der.len != 0 ||
		!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &tbs) ||
		!read_signature(outer.content))
		return false;
	rest = tbs.content;
	/* v1 is the default and yet sent by some. */
	if (!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(0), &v, &present) ||
		(present && (!cm_der_expect(&v.content, CM_DER_INTEGER, &number) || v.content.len != 0 ||
					 !cm_der_get_uint(&number, &version) || version != 0)) ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(1), &v, &present) ||
		!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || !read_list(v.content, out) ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(2), &v, &present) ||
		(present && !read_extensions(v.content, &out->nonce)))
		return false;
	return rest.len == 0;
}

/* ---- responses ---- */

void
cm_ocsp_error_build(CmOcspError error, CmBuf *out)
{
	const uint8_t bytes[] = {CM_DER_SEQUENCE, 3, CM_DER_ENUMERATED, 1, (uint8_t) error};

	(void) cm_buf_append(out, bytes, sizeof(bytes));
}

/* Always GeneralizedTime here (RFC 6960 4.2.2.1). */
static void
put_time(CmBuf *out, int64_t t)
{
	CmCivil		c = cm_time_to_civil(t);
	int			f[] = {c.year, c.month, c.day, c.hour, c.minute, c.second};
	uint8_t		text[15];

	text[0] = (uint8_t) ('0' + f[0] / 1000 % 10);
	text[1] = (uint8_t) ('0' + f[0] / 100 % 10);
	text[2] = (uint8_t) ('0' + f[0] / 10 % 10);
	text[3] = (uint8_t) ('0' + f[0] % 10);
	for (int i = 1; i < 6; i++)
	{
		text[2 + 2 * i] = (uint8_t) ('0' + f[i] / 10);
		text[3 + 2 * i] = (uint8_t) ('0' + f[i] % 10);
	}
	text[14] = 'Z';
	cm_der_put(out, CM_DER_GENERALIZEDTIME, text, sizeof(text));
}

static void
put_status(CmBuf *out, const CmOcspSingle *single)
{
	uint8_t		reason = (uint8_t) single->reason;
	size_t		info;
	size_t		tagged;

	switch (single->status)
	{
		case CM_OCSP_GOOD:
			cm_der_put(out, CM_DER_CONTEXT(0), NULL, 0);
			break;
		case CM_OCSP_REVOKED:
			info = cm_der_open(out, CM_DER_CONTEXT_CONS(1));
			put_time(out, single->revoked_at);
			if (reason != 0)
			{
				tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
				cm_der_put(out, CM_DER_ENUMERATED, &reason, 1);
				cm_der_close(out, tagged);
			}
			cm_der_close(out, info);
			break;
		case CM_OCSP_UNKNOWN:
			cm_der_put(out, CM_DER_CONTEXT(2), NULL, 0);
			break;
	}
}

static void
put_single(CmBuf *out, const CmOcspSingle *single)
{
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		next;

	cm_buf_append(out, single->id.data, single->id.len);
	put_status(out, single);
	put_time(out, single->this_update);
	next = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	put_time(out, single->next_update);
	cm_der_close(out, next);
	cm_der_close(out, seq);
}

/* ResponseData */
static void
put_data(CmBuf *out, const CmOcspAnswer *answer)
{
	size_t		data = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		mark = cm_der_open(out, CM_DER_CONTEXT_CONS(2));
	size_t		list;

	cm_der_put(out, CM_DER_OCTET_STRING, answer->responder, sizeof(answer->responder));
	cm_der_close(out, mark);
	put_time(out, answer->produced_at);
	mark = cm_der_open(out, CM_DER_SEQUENCE);
	for (int i = 0; i < answer->count; i++)
		put_single(out, &answer->singles[i]);
	cm_der_close(out, mark);
	if (answer->nonce.len > 0)
	{
		mark = cm_der_open(out, CM_DER_CONTEXT_CONS(1));
		list = cm_der_open(out, CM_DER_SEQUENCE);
		cm_buf_append(out, answer->nonce.data, answer->nonce.len);
		cm_der_close(out, list);
		cm_der_close(out, mark);
	}
	cm_der_close(out, data);
}

/* Signature algorithm, signature and certificate behind the data that begins at start. */
static bool
put_signature(CmBuf *out, size_t start, const CmOcspAnswer *answer, const CmKey *key, CmStatus *st)
{
	CmSlice		algorithm = cm_key_sign_algorithm(key);
	CmBuf		bits;
	size_t		mark;
	size_t		list;
	bool		ok;

	/* Not signed into the buffer: the message lies there, and it may move. */
	cm_buf_init(&bits, 0);
	ok = !out->failed && cm_sign(key, cm_slice(out->data + start, out->len - start), &bits, st);
	if (ok)
	{
		cm_buf_append(out, algorithm.data, algorithm.len);
		mark = cm_der_open(out, CM_DER_BIT_STRING);
		cm_buf_append_byte(out, 0);	/* no unused bits */
		cm_buf_append(out, bits.data, bits.len);
		cm_der_close(out, mark);
	}
	cm_buf_free(&bits);
	if (ok && answer->certificate.len > 0)
	{
		mark = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
		list = cm_der_open(out, CM_DER_SEQUENCE);
		cm_buf_append(out, answer->certificate.data, answer->certificate.len);
		cm_der_close(out, list);
		cm_der_close(out, mark);
	}
	return ok;
}

bool
cm_ocsp_answer_build(const CmOcspAnswer *answer, const CmKey *key, CmBuf *out, CmStatus *st)
{
	/* responseStatus successful; responseBytes: id-pkix-ocsp-basic */
	static const uint8_t successful[] = {CM_DER_ENUMERATED, 1, 0};
	static const uint8_t basic[] = {CM_DER_OID, 9, 0x2b, 6, 1, 5, 5, 7, 48, 1, 1};
	size_t		start = out->len;
	size_t		marks[5];
	size_t		data;
	bool		ok;

	marks[0] = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, successful, sizeof(successful));
	marks[1] = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	marks[2] = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, basic, sizeof(basic));
	marks[3] = cm_der_open(out, CM_DER_OCTET_STRING);
	marks[4] = cm_der_open(out, CM_DER_SEQUENCE);
	data = out->len;
	put_data(out, answer);
	ok = put_signature(out, data, answer, key, st);
	for (int i = 5; i-- > 0;)
		cm_der_close(out, marks[i]);
	if (out->failed)
		ok = cm_fail(st, CM_MEMORY, "OCSP response would be too large");
	if (!ok)
		out->len = start;
	return ok;
}
