/*
 * csr.c - certification requests: reading them, with proof of possession.
 *
 * Runs in backends and workers. A request comes from outside: it is read by
 * our own DER reader (no OpenSSL object is made of it, which also halves the
 * cost), bounded in size, and everything that would end up in a certificate is
 * checked here. Fails with CM_INVALID for bytes that are no request, CM_POLICY
 * for extensions and algorithms that are not taken, CM_MISMATCH when the
 * signature is not of the request's key.
 */
#include "x509/csr.h"

#include "base/encode.h"
#include "crypto/compat.h"
#include "crypto/digest.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

#include <string.h>

/* Base64 takes 4/3; the rest is room for what "openssl req -text" writes above the block. */
#define CSR_TEXT_MAX (4 * CM_CSR_MAX)
/* CAs accept 100 names; checking more than a thousand is work for the asking. */
#define CSR_NAMES_MAX 1000
/* Chains have less than ten certificates. */
#define CSR_PATH_LENGTH_MAX 255

static bool
fail_malformed(CmStatus *st, const char *what)
{
	(void) cm_fail(st, CM_INVALID, "certificate request is not valid");
	return cm_fail_detail(st, "%s", what);
}

/* ---- text ---- */

static bool
is_bare_der(CmSlice text)
{
	CmSlice		rest = text;
	CmDer		v;

	return cm_der_expect(&rest, CM_DER_SEQUENCE, &v) && rest.len == 0;
}

/* Other blocks are skipped: "openssl ecparam" writes EC PARAMETERS in front, and careless people their key. */
static bool
find_pem(CmSlice text, CmBuf *block, CmBuf *der, CmStatus *st)
{
	CmSlice		rest = text;
	char		label[64];
	bool		found = false;

	for (;;)
	{
		CmStatus	pem = CM_STATUS_INIT;

		cm_buf_reset(block);
		if (!cm_pem_next(&rest, label, sizeof(label), block, &pem))
		{
			if (pem.code != CM_OK)
			{
				(void) cm_fail(st, pem.code, "%s", pem.reason);
				return cm_fail_detail(st, "%s", pem.detail);
			}
			break;
		}
		if (strcmp(label, "CERTIFICATE REQUEST") != 0 && strcmp(label, "NEW CERTIFICATE REQUEST") != 0)
			continue;
		if (found)
			return fail_malformed(st, "The text holds more than one certificate request.");
		found = true;
		if (!cm_buf_append(der, block->data, block->len))
			return cm_fail(st, CM_MEMORY, "out of memory");
	}
	return found || fail_malformed(st, "The text holds no \"-----BEGIN CERTIFICATE REQUEST-----\" block.");
}

static bool
check_size(size_t len, size_t max, CmStatus *st)
{
	if (len <= max)
		return true;
	(void) cm_fail(st, CM_LIMIT, "certificate request is too large");
	return cm_fail_detail(st, "It has %zu bytes; at most %zu are allowed.", len, max);
}

bool
cm_csr_from_text(CmSlice text, CmBuf *der, CmStatus *st)
{
	CmBuf		block;
	size_t		start = der->len;
	bool		ok;

	if (!check_size(text.len, CSR_TEXT_MAX, st))
		return false;
	if (is_bare_der(text))
	{
		ok = check_size(text.len, CM_CSR_MAX, st) &&
			(cm_buf_append(der, text.data, text.len) || cm_fail(st, CM_MEMORY, "out of memory"));
	}
	else
	{
		cm_buf_init_secret(&block, 0);	/* a private key may pass through */
		ok = find_pem(text, &block, der, st) && check_size(der->len - start, CM_CSR_MAX, st);
		cm_buf_free(&block);
	}
	if (!ok)
		der->len = start;
	return ok;
}

/* ---- proof of possession ---- */

static bool
verify(CmSlice spki, CmSignAlg alg, CmSlice message, CmSlice signature, CmStatus *st)
{
	CmKey	   *key = NULL;
	bool		ok;

	if (!cm_key_from_spki(spki, &key, st))
		return false;
	ok = cm_verify_with(key, alg, message, signature, st);
	cm_key_free(key);
	return ok;
}

static bool
check_possession(const CmCsr *csr, CmSlice info, CmSignAlg alg, CmKeyAlg own, CmSlice signature, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	const char *name = cm_sign_alg_name(alg, own);

	if (alg == CM_SIGN_OWN ? own != csr->key_alg : !cm_sign_alg_fits(alg, csr->key_alg))
	{
		(void) cm_fail(st, CM_MISMATCH, "proof of possession failed");
		return cm_fail_detail(st, "The signature algorithm \"%s\" of the certificate request does not fit its key (%s).",
							  name, cm_key_alg_name(csr->key_alg));
	}
	if (verify(csr->spki, alg, info, signature, &why))
		return true;
	if (why.code == CM_MISMATCH)
	{
		(void) cm_fail(st, CM_MISMATCH, "proof of possession failed");
		return cm_fail_detail(st, "The signature (%s) of the certificate request was not made by the key in it (%s).",
							  name, cm_key_alg_name(csr->key_alg));
	}
	(void) cm_fail(st, why.code, "%s", why.reason);
	return cm_fail_detail(st, "%s", why.detail);
}

/* ---- extensions ---- */

static bool
read_sans(CmSlice value, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = value;
	CmDer		names;
	size_t		count = 0;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &names) || rest.len != 0)
		return fail_malformed(st, "subjectAltName is not well formed.");
	if (!cm_san_check(names.content, &count, st))
		return false;
	if (count > CSR_NAMES_MAX)
	{
		(void) cm_fail(st, CM_LIMIT, "certificate request asks for too many names");
		return cm_fail_detail(st, "It asks for %zu subject alternative names; at most %d are allowed.", count, CSR_NAMES_MAX);
	}
	csr->sans = names.content;
	return true;
}

/* A BIT STRING of named bits: digitalSignature (0) to decipherOnly (8), at least one. */
static bool
read_key_usage(CmSlice value, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = value;
	CmDer		v;
	uint32_t	bits = 0;
	size_t		nbits;
	size_t		i;

	if (!cm_der_expect(&rest, CM_DER_BIT_STRING, &v) || rest.len != 0 ||
		v.content.len < 2 || v.content.len > 3 || v.content.data[0] > 7)
		return fail_malformed(st, "keyUsage is not well formed.");
	nbits = (v.content.len - 1) * 8;
	for (i = 0; i < nbits; i++)
	{
		if ((v.content.data[1 + i / 8] & (0x80 >> (i % 8))) == 0)
			continue;
		if (i > 8 || i >= nbits - v.content.data[0])
			return fail_malformed(st, "keyUsage has bits that mean nothing.");
		bits |= 1u << i;
	}
	if (bits == 0)
		return fail_malformed(st, "keyUsage asks for no usage.");
	csr->has_key_usage = true;
	csr->key_usage = bits;
	return true;
}

static bool
read_ext_key_usage(CmSlice value, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = value;
	CmDer		v;
	CmDer		oid;
	char		dotted[256];

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || rest.len != 0)
		return fail_malformed(st, "extKeyUsage is not well formed.");
	rest = v.content;
	if (rest.len == 0)
		return fail_malformed(st, "extKeyUsage asks for no usage.");
	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_OID, &oid) || !cm_der_oid_text(oid.content, dotted, sizeof(dotted)))
			return fail_malformed(st, "extKeyUsage holds something that is not an object identifier.");
	}
	csr->ext_key_usage = v.content;
	return true;
}

static bool
read_basic_constraints(CmSlice value, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = value;
	CmDer		v;
	CmDer		flag;
	CmDer		length;
	bool		present;
	uint64_t	n;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || rest.len != 0)
		return fail_malformed(st, "basicConstraints is not well formed.");
	rest = v.content;
	if (!cm_der_optional(&rest, CM_DER_BOOLEAN, &flag, &present) ||
		(present && !cm_der_get_bool(&flag, &csr->ca)))
		return fail_malformed(st, "basicConstraints is not well formed.");
	if (!cm_der_optional(&rest, CM_DER_INTEGER, &length, &present) || rest.len != 0)
		return fail_malformed(st, "basicConstraints is not well formed.");
	if (present)
	{
		if (!csr->ca)
			return fail_malformed(st, "basicConstraints has a path length but does not ask for a CA.");
		if (!cm_der_get_uint(&length, &n) || n > CSR_PATH_LENGTH_MAX)
			return fail_malformed(st, "The path length in basicConstraints is out of range (0 to 255).");
		csr->path_length = (int) n;
	}
	csr->has_basic_constraints = true;
	return true;
}

/* Ours is made by the issuer; theirs is looked at, and dropped. */
static bool
read_subject_key_id(CmSlice value, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = value;
	CmDer		v;

	(void) csr;
	if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v) || rest.len != 0)
		return fail_malformed(st, "subjectKeyIdentifier is not well formed.");
	return true;
}

typedef struct ExtensionReader
{
	uint8_t		arc;			/* 2.5.29.arc */
	const char *name;
	bool		(*read) (CmSlice value, CmCsr *csr, CmStatus *st);
} ExtensionReader;

static const ExtensionReader extension_readers[] = {
	{17, "subjectAltName", read_sans},
	{15, "keyUsage", read_key_usage},
	{37, "extKeyUsage", read_ext_key_usage},
	{19, "basicConstraints", read_basic_constraints},
	{14, "subjectKeyIdentifier", read_subject_key_id},
};

#define EXTENSION_READER_COUNT (sizeof(extension_readers) / sizeof(extension_readers[0]))

static bool
fail_unknown_extension(CmSlice oid, CmStatus *st)
{
	char		dotted[256];
	const char *name;

	if (!cm_der_oid_text(oid, dotted, sizeof(dotted)))
		return fail_malformed(st, "An extension is not named by an object identifier.");
	name = cm_oid_name(dotted);
	(void) cm_fail(st, CM_POLICY, "certificate request asks for extension \"%s\", which is not allowed", name == NULL ? dotted : name);
	return cm_fail_detail(st, "Extension %s was asked for; allowed are subjectAltName, keyUsage, extKeyUsage, basicConstraints and subjectKeyIdentifier.", dotted);
}

/* What is asked for by name. */
typedef struct Asked
{
	CmSlice		allowed;		/* OIDs that are taken besides those of the table above */
	unsigned	seen;			/* of the table */
} Asked;

static bool
is_allowed(CmSlice allowed, CmSlice oid)
{
	CmDer		v;

	while (cm_der_next(&allowed, &v))
	{
		if (cm_slice_equal(v.content, oid))
			return true;
	}
	return false;
}

static bool
take_other(CmSlice whole, CmSlice oid, CmCsr *csr, CmStatus *st)
{
	CmDer		other;
	CmDer		other_oid;
	int			i;

	for (i = 0; i < csr->other_count; i++)
	{
		CmSlice		rest = csr->others[i];

		if (cm_der_next(&rest, &other) && cm_der_next(&other.content, &other_oid) && cm_slice_equal(other_oid.content, oid))
			return fail_malformed(st, "An extension is in it twice.");
	}
	if (csr->other_count == CM_CSR_OTHERS_MAX)
		return cm_fail(st, CM_LIMIT, "certificate request asks for too many extensions");
	csr->others[csr->other_count++] = whole;
	return true;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
static bool
read_extension(const CmDer *whole, CmCsr *csr, Asked *asked, CmStatus *st)
{
	CmSlice		rest = whole->content;
	CmDer		oid;
	CmDer		critical;
	CmDer		value;
	bool		present;
	bool		flag;
	size_t		i;

	if (!cm_der_expect(&rest, CM_DER_OID, &oid) ||
		!cm_der_optional(&rest, CM_DER_BOOLEAN, &critical, &present) ||
		(present && !cm_der_get_bool(&critical, &flag)) ||
		!cm_der_expect(&rest, CM_DER_OCTET_STRING, &value) || rest.len != 0)
		return fail_malformed(st, "An extension is not well formed.");
	for (i = 0; i < EXTENSION_READER_COUNT; i++)
	{
		const ExtensionReader *reader = &extension_readers[i];

		if (oid.content.len != 3 || oid.content.data[0] != 0x55 ||
			oid.content.data[1] != 0x1d || oid.content.data[2] != reader->arc)
			continue;
		if ((asked->seen & (1u << i)) != 0)
		{
			(void) fail_malformed(st, "");
			return cm_fail_detail(st, "Extension %s is in it twice.", reader->name);
		}
		asked->seen |= 1u << i;
		return reader->read(value.content, csr, st);
	}
	if (is_allowed(asked->allowed, oid.content))
		return take_other(whole->whole, oid.content, csr, st);
	return fail_unknown_extension(oid.content, st);
}

/* The SET OF values of the extensionRequest attribute (RFC 2985 5.4.2): exactly one Extensions. */
static bool
read_extension_request(CmSlice values, CmSlice allowed, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = values;
	CmDer		extensions;
	CmDer		extension;
	Asked		asked = {allowed, 0};

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &extensions) || rest.len != 0)
		return fail_malformed(st, "The extension request must hold exactly one list of extensions.");
	rest = extensions.content;
	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &extension))
			return fail_malformed(st, "An extension is not well formed.");
		if (!read_extension(&extension, csr, &asked, st))
			return false;
	}
	return true;
}

static bool
read_attributes(CmSlice attributes, CmSlice allowed, CmCsr *csr, CmStatus *st)
{
	static const uint8_t extension_request[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e};
	CmSlice		rest = attributes;
	CmDer		attribute;
	CmDer		oid;
	CmDer		values;
	bool		seen = false;

	while (rest.len > 0)
	{
		CmSlice		inner;

		if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &attribute))
			return fail_malformed(st, "An attribute is not well formed.");
		inner = attribute.content;
		if (!cm_der_expect(&inner, CM_DER_OID, &oid) || !cm_der_expect(&inner, CM_DER_SET, &values) || inner.len != 0)
			return fail_malformed(st, "An attribute is not well formed.");
		if (!cm_slice_equal(oid.content, cm_slice(extension_request, sizeof(extension_request))))
			continue;
		if (seen)
			return fail_malformed(st, "It holds more than one extension request.");
		seen = true;
		if (!read_extension_request(values.content, allowed, csr, st))
			return false;
	}
	return true;
}

/* ---- the request ---- */

/* CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes [0] IMPLICIT SET OF } */
static bool
read_info(CmSlice info, CmSlice allowed, CmCsr *csr, CmStatus *st)
{
	CmSlice		rest = info;
	CmDer		v;
	bool		present;
	uint64_t	version;

	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 0)
		return fail_malformed(st, "Its version is not 0.");
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || !cm_name_check(v.whole, NULL))
		return fail_malformed(st, "Its subject is not well formed.");
	csr->subject = v.whole;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v))
		return fail_malformed(st, "Its public key is not well formed.");
	csr->spki = v.whole;
	/* RFC 2986 wants the attributes even when empty; some devices leave them out. */
	if (!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(0), &v, &present) || rest.len != 0)
		return fail_malformed(st, "Its attributes are not well formed.");
	if (!cm_key_spki_alg(csr->spki, &csr->key_alg, st))
		return false;
	if (cm_sign_alg_default(csr->key_alg) == CM_SIGN_NONE)
	{
		(void) cm_fail(st, CM_UNSUPPORTED, "public key of the certificate request is not supported");
		return cm_fail_detail(st, "Supported are EC-P256, EC-P384, EC-P521, Ed25519 and RSA-2048, RSA-3072, RSA-4096.");
	}
	return !present || read_attributes(v.content, allowed, csr, st);
}

bool
cm_csr_parse(CmSlice der, CmCsr *out, CmStatus *st)
{
	return cm_csr_parse_with(der, cm_slice(NULL, 0), out, st);
}

bool
cm_csr_parse_with(CmSlice der, CmSlice allowed_oids, CmCsr *out, CmStatus *st)
{
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmSlice		rest = der;
	CmDer		csr;
	CmDer		info;
	CmDer		identifier;
	CmDer		bits;
	CmSlice		signature;

	memset(out, 0, sizeof(*out));
	out->path_length = -1;
	if (!check_size(der.len, CM_CSR_MAX, st))
		return false;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &csr))
		return fail_malformed(st, "It is not a DER SEQUENCE.");
	if (rest.len != 0)
		return fail_malformed(st, "There are bytes behind its end.");
	out->der = csr.whole;
	rest = csr.content;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &info) ||
		!cm_der_expect(&rest, CM_DER_SEQUENCE, &identifier) ||
		!cm_der_expect(&rest, CM_DER_BIT_STRING, &bits) || rest.len != 0)
		return fail_malformed(st, "It is not a sequence of request, signature algorithm and signature.");
	if (bits.content.len < 2 || bits.content.data[0] != 0)
		return fail_malformed(st, "Its signature is not well formed.");
	signature = cm_slice(bits.content.data + 1, bits.content.len - 1);

	/* The signature last: it is what costs. */
	return cm_sign_alg_read(identifier.whole, "certificate request", &alg, &own, st) &&
		read_info(info.content, allowed_oids, out, st) &&
		check_possession(out, info.whole, alg, own, signature, st);
}
