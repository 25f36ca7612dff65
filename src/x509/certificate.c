/*
 * certificate.c - reading certificates that already are: our own and foreign ones.
 *
 * Runs in backends and in the worker. Everything read here may come from an
 * attacker: the parser walks the bytes once, copies and allocates nothing, and
 * refuses what is not DER or not RFC 5280 (CM_INVALID), what is larger than a
 * certificate has reason to be (CM_LIMIT). Two liberties are taken, since both
 * are common in old certificates and say nothing else: an explicit FALSE, and
 * trailing zero bits in KeyUsage.
 *
 * Only cm_certificate_issued_by calls the crypto library.
 */
#include "x509/certificate.h"

#include <limits.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "x509/usage.h"

/* Some four thousand host names; the largest certificates in public CT logs are smaller. */
#define CERTIFICATE_MAX ((size_t) 256 * 1024)

/* Public certificates have about ten; the search for duplicates is quadratic. */
#define EXTENSIONS_MAX 64

/* RFC 5280 4.1.2.2. */
#define SERIAL_MAX 20

/* Longest PEM label we look at: "CERTIFICATE" and the names of what people mistake for it. */
#define LABEL_MAX 64

static bool
broken(CmStatus *st, const char *what)
{
	(void) cm_fail(st, CM_INVALID, "not a valid X.509 version 3 certificate");
	return cm_fail_detail(st, "%s", what);
}

static bool
is_oid(CmSlice oid, const char *content, size_t len)
{
	return oid.len == len && memcmp(oid.data, content, len) == 0;
}

/* ---- extensions ---- */

bool
cm_extension_next(CmSlice *rest, CmExtension *out)
{
	CmDer		outer;
	CmDer		oid;
	CmDer		value;
	bool		present;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &outer) ||
		!cm_der_expect(&outer.content, CM_DER_OID, &oid) || oid.content.len == 0 ||
		!cm_der_optional(&outer.content, CM_DER_BOOLEAN, &value, &present))
		return false;
	out->critical = false;
	if (present && !cm_der_get_bool(&value, &out->critical))
		return false;
	if (!cm_der_expect(&outer.content, CM_DER_OCTET_STRING, &value) || outer.content.len != 0)
		return false;
	out->oid = oid.content;
	out->value = value.content;
	return true;
}

/* The single SEQUENCE that an extension's value is; its content, which may not be empty. */
static bool
read_list(CmSlice value, CmSlice *content)
{
	CmDer		list;

	if (!cm_der_expect(&value, CM_DER_SEQUENCE, &list) || value.len != 0 || list.content.len == 0)
		return false;
	*content = list.content;
	return true;
}

static bool
read_basic_constraints(CmSlice value, CmCertificate *out)
{
	CmDer		list;
	CmDer		item;
	bool		present;
	uint64_t	length;

	if (!cm_der_expect(&value, CM_DER_SEQUENCE, &list) || value.len != 0 ||
		!cm_der_optional(&list.content, CM_DER_BOOLEAN, &item, &present))
		return false;
	if (present && !cm_der_get_bool(&item, &out->ca))
		return false;
	if (!cm_der_optional(&list.content, CM_DER_INTEGER, &item, &present) || list.content.len != 0)
		return false;
	if (present)
	{
		if (!out->ca || !cm_der_get_uint(&item, &length) || length > INT_MAX)
			return false;
		out->path_length = (int) length;
	}
	return true;
}

static bool
read_key_usage(CmSlice value, CmCertificate *out)
{
	CmDer		bits;
	const uint8_t *p;
	int			i;

	if (!cm_der_expect(&value, CM_DER_BIT_STRING, &bits) || value.len != 0)
		return false;
	p = bits.content.data;
	/* Nine named bits: one or two octets behind the count of unused ones. */
	if (bits.content.len < 2 || bits.content.len > 3 || p[0] > 7)
		return false;
	if ((p[bits.content.len - 1] & ((1u << p[0]) - 1)) != 0)
		return false;
	for (i = 0; i < 8 * (int) (bits.content.len - 1); i++)
	{
		if ((p[1 + i / 8] & (0x80 >> (i % 8))) != 0)
			out->key_usage |= 1u << i;
	}
	out->has_key_usage = true;
	/* RFC 5280 4.2.1.3: at least one bit; beyond the ninth there is none. */
	return out->key_usage != 0 && out->key_usage <= 0x1ff;
}

static bool
read_ext_key_usage(CmSlice value, CmCertificate *out)
{
	CmSlice		rest;
	CmDer		oid;

	if (!read_list(value, &out->ext_key_usage))
		return false;
	rest = out->ext_key_usage;
	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_OID, &oid) || oid.content.len == 0)
			return false;
	}
	return true;
}

static bool
read_sans(CmSlice value, CmCertificate *out)
{
	CmSlice		rest;
	CmDer		name;

	if (!read_list(value, &out->sans))
		return false;
	rest = out->sans;
	while (rest.len > 0)
	{
		if (!cm_der_next(&rest, &name) || (name.tag & 0xc0) != 0x80 || (name.tag & 0x1f) > 8)
			return false;
	}
	return true;
}

static bool
read_subject_key_id(CmSlice value, CmCertificate *out)
{
	CmDer		id;

	if (!cm_der_expect(&value, CM_DER_OCTET_STRING, &id) || value.len != 0 || id.content.len == 0)
		return false;
	out->subject_key_id = id.content;
	return true;
}

static bool
read_authority_key_id(CmSlice value, CmCertificate *out)
{
	CmDer		list;
	CmDer		item;
	bool		present;

	if (!cm_der_expect(&value, CM_DER_SEQUENCE, &list) || value.len != 0 ||
		!cm_der_optional(&list.content, CM_DER_CONTEXT(0), &item, &present))
		return false;
	if (present)
	{
		if (item.content.len == 0)
			return false;
		out->authority_key_id = item.content;
	}
	/* authorityCertIssuer and authorityCertSerialNumber: both or none, of no use to us */
	if (list.content.len == 0)
		return true;
	return cm_der_expect(&list.content, CM_DER_CONTEXT_CONS(1), &item) &&
		cm_der_expect(&list.content, CM_DER_CONTEXT(2), &item) && list.content.len == 0;
}

/* NULL, or what is wrong with it. Extensions that are not listed here are for policy.c to judge. */
static const char *
read_extension(const CmExtension *ext, CmCertificate *out)
{
	if (ext->oid.len != 3 || !is_oid(cm_slice(ext->oid.data, 2), "\x55\x1d", 2))
		return NULL;
	switch (ext->oid.data[2])
	{
		case 14:
			return read_subject_key_id(ext->value, out) ? NULL : "The subject key identifier is malformed.";
		case 15:
			return read_key_usage(ext->value, out) ? NULL : "The key usage is malformed.";
		case 17:
			return read_sans(ext->value, out) ? NULL : "The subject alternative names are malformed.";
		case 19:
			return read_basic_constraints(ext->value, out) ? NULL : "The basic constraints are malformed.";
		case 35:
			return read_authority_key_id(ext->value, out) ? NULL : "The authority key identifier is malformed.";
		case 37:
			return read_ext_key_usage(ext->value, out) ? NULL : "The extended key usage is malformed.";
		default:
			return NULL;
	}
}

static bool
read_extensions(CmSlice tagged, CmCertificate *out, CmStatus *st)
{
	CmSlice		seen[EXTENSIONS_MAX];
	CmSlice		rest;
	int			count = 0;
	int			i;

	if (!read_list(tagged, &out->extensions))
		return broken(st, "The list of extensions is malformed.");
	rest = out->extensions;
	while (rest.len > 0)
	{
		CmExtension ext;
		const char *wrong;

		if (!cm_extension_next(&rest, &ext))
			return broken(st, "An extension is malformed.");
		for (i = 0; i < count; i++)
		{
			if (cm_slice_equal(seen[i], ext.oid))
				return broken(st, "An extension is there twice.");
		}
		if (count == EXTENSIONS_MAX)
			return cm_fail(st, CM_LIMIT, "certificate has more than %d extensions", EXTENSIONS_MAX);
		seen[count++] = ext.oid;
		wrong = read_extension(&ext, out);
		if (wrong != NULL)
			return broken(st, wrong);
	}
	return true;
}

/* ---- the fields before them ---- */

/* Name: a SEQUENCE of SETs of { type, value }, none of them empty. */
static bool
is_name(CmSlice content)
{
	CmDer		rdn;
	CmDer		pair;
	CmDer		item;

	while (content.len > 0)
	{
		if (!cm_der_expect(&content, CM_DER_SET, &rdn) || rdn.content.len == 0)
			return false;
		while (rdn.content.len > 0)
		{
			if (!cm_der_expect(&rdn.content, CM_DER_SEQUENCE, &pair) ||
				!cm_der_expect(&pair.content, CM_DER_OID, &item) || item.content.len == 0 ||
				!cm_der_next(&pair.content, &item) || pair.content.len != 0)
				return false;
		}
	}
	return true;
}

static bool
read_version_and_serial(CmSlice *rest, CmCertificate *out, CmStatus *st)
{
	CmDer		tagged;
	CmDer		value;
	bool		present;
	uint64_t	version;

	if (!cm_der_optional(rest, CM_DER_CONTEXT_CONS(0), &tagged, &present))
		return broken(st, "The version is malformed.");
	if (!present)
		return broken(st, "The version is not 3.");
	if (!cm_der_expect(&tagged.content, CM_DER_INTEGER, &value) || tagged.content.len != 0 ||
		!cm_der_get_uint(&value, &version))
		return broken(st, "The version is malformed.");
	if (version != 2)
		return broken(st, "The version is not 3.");

	if (!cm_der_expect(rest, CM_DER_INTEGER, &value) || value.content.len == 0)
		return broken(st, "The serial number is malformed.");
	out->serial = value.content;
	if ((out->serial.data[0] & 0x80) != 0)
		return broken(st, "The serial number is negative.");
	if (out->serial.len > 1 && out->serial.data[0] == 0 && (out->serial.data[1] & 0x80) == 0)
		return broken(st, "The serial number is not in DER.");
	if (out->serial.len > SERIAL_MAX)
		return broken(st, "The serial number is longer than 20 octets.");
	return true;
}

static bool
is_algorithm(CmSlice content)
{
	CmDer		value;

	if (!cm_der_expect(&content, CM_DER_OID, &value) || value.content.len == 0)
		return false;
	return content.len == 0 || (cm_der_next(&content, &value) && content.len == 0);
}

static bool
read_spki(CmSlice *rest, CmCertificate *out, CmStatus *st)
{
	CmDer		spki;
	CmDer		algorithm;
	CmDer		bits;
	CmStatus	ignored = CM_STATUS_INIT;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &spki) ||
		!cm_der_expect(&spki.content, CM_DER_SEQUENCE, &algorithm) || !is_algorithm(algorithm.content) ||
		!cm_der_expect(&spki.content, CM_DER_BIT_STRING, &bits) || spki.content.len != 0 ||
		bits.content.len < 2 || bits.content.data[0] != 0)
		return broken(st, "The public key is malformed.");
	out->spki = spki.whole;
	/* A weak key is no reason not to read the certificate; policy.c asks again. */
	if (!cm_key_spki_alg(out->spki, &out->key_alg, &ignored))
		out->key_alg = CM_KEY_OTHER;
	return true;
}

static bool
read_validity(CmSlice *rest, CmCertificate *out, CmStatus *st)
{
	CmDer		validity;
	CmDer		from;
	CmDer		to;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &validity) ||
		!cm_der_next(&validity.content, &from) || !cm_der_get_time(&from, &out->not_before) ||
		!cm_der_next(&validity.content, &to) || !cm_der_get_time(&to, &out->not_after) ||
		validity.content.len != 0)
		return broken(st, "The validity is malformed.");
	return true;
}

/* The content of a TBSCertificate. */
static bool
read_tbs(CmSlice rest, CmCertificate *out, CmStatus *st)
{
	CmDer		value;
	bool		present;

	if (!read_version_and_serial(&rest, out, st))
		return false;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &value) || !is_algorithm(value.content))
		return broken(st, "The signature algorithm is malformed.");
	out->signature_alg = value.whole;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &value) || value.content.len == 0 || !is_name(value.content))
		return broken(st, "The issuer is not a distinguished name.");
	out->issuer = value.whole;
	if (!read_validity(&rest, out, st))
		return false;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &value) || !is_name(value.content))
		return broken(st, "The subject is not a distinguished name.");
	out->subject = value.whole;
	if (!read_spki(&rest, out, st))
		return false;

	if (!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(3), &value, &present))
		return broken(st, "The list of extensions is malformed.");
	if (present && !read_extensions(value.content, out, st))
		return false;
	/* The unique identifiers [1] and [2], which RFC 5280 4.1.2.8 forbids CAs to write, end up here. */
	if (rest.len != 0)
		return broken(st, "There is something that does not belong into a certificate.");
	return true;
}

static void
clear(CmCertificate *out)
{
	memset(out, 0, sizeof(*out));
	out->path_length = -1;
}

bool
cm_tbs_parse(CmSlice tbs, CmCertificate *out, CmStatus *st)
{
	CmSlice		rest = tbs;
	CmDer		value;

	clear(out);
	if (tbs.len > CERTIFICATE_MAX)
		return cm_fail(st, CM_LIMIT, "certificate is larger than %zu bytes", CERTIFICATE_MAX);
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &value) || rest.len != 0)
		return broken(st, "It is not one DER value.");
	out->tbs = value.whole;
	return read_tbs(value.content, out, st);
}

bool
cm_certificate_parse(CmSlice der, CmCertificate *out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		outer;
	CmDer		tbs;
	CmDer		value;

	clear(out);
	if (der.len > CERTIFICATE_MAX)
		return cm_fail(st, CM_LIMIT, "certificate is larger than %zu bytes", CERTIFICATE_MAX);
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &outer) || rest.len != 0)
		return broken(st, "It is not one DER value.");
	out->der = outer.whole;
	if (!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &tbs))
		return broken(st, "It does not begin with a TBSCertificate.");
	out->tbs = tbs.whole;
	if (!read_tbs(tbs.content, out, st))
		return false;

	/* RFC 5280 4.1.1.2: the algorithm outside, which is not signed, must be the one inside. */
	if (!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &value) || !cm_slice_equal(value.whole, out->signature_alg))
		return broken(st, "The signature algorithm differs from the one that was signed.");
	if (!cm_der_expect(&outer.content, CM_DER_BIT_STRING, &value) || outer.content.len != 0 ||
		value.content.len < 2 || value.content.data[0] != 0)
		return broken(st, "The signature is malformed.");
	out->signature = cm_slice(value.content.data + 1, value.content.len - 1);
	return true;
}

/* ---- links ---- */

static bool
verify_signature(const CmCertificate *cert, const CmCertificate *issuer, CmStatus *st)
{
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmKey	   *key;
	bool		ok;

	if (!cm_sign_alg_read(cert->signature_alg, "certificate", &alg, &own, st))
		return false;
	if (alg == CM_SIGN_OWN && own != issuer->key_alg)
		return cm_fail(st, CM_MISMATCH, "signature of the certificate does not go with the key of its issuer");
	if (!cm_key_from_spki(issuer->spki, &key, st))
		return false;
	ok = cm_verify_with(key, alg, cert->tbs, cert->signature, st);
	cm_key_free(key);
	return ok;
}

bool
cm_certificate_issued_by(const CmCertificate *cert, const CmCertificate *issuer, CmStatus *st)
{
	if (cert->signature.len == 0)
		return cm_fail(st, CM_INVALID, "certificate is not signed");
	if (!cm_slice_equal(cert->issuer, issuer->subject))
		return cm_fail(st, CM_MISMATCH, "certificate names another issuer");
	if (cert->authority_key_id.len > 0 && issuer->subject_key_id.len > 0 &&
		!cm_slice_equal(cert->authority_key_id, issuer->subject_key_id))
		return cm_fail(st, CM_MISMATCH, "certificate names another key of its issuer");
	if (!issuer->ca)
		return cm_fail(st, CM_MISMATCH, "issuer's certificate is not one of a CA");
	if (issuer->has_key_usage && (issuer->key_usage & CM_KU_KEY_CERT_SIGN) == 0)
		return cm_fail(st, CM_MISMATCH, "issuer's certificate does not have the key usage \"keyCertSign\"");
	return verify_signature(cert, issuer, st);
}

/* ---- text ---- */

static bool
take_block(CmSlice der, const char *label, int max, CmBuf *ders, int *count, CmStatus *st)
{
	char		shown[LABEL_MAX];
	CmSlice		rest = der;
	CmDer		value;

	if (strcmp(label, "CERTIFICATE") != 0 && strcmp(label, "X509 CERTIFICATE") != 0)
	{
		/* RFC 8555 9.1: nothing else may be in a CA's answer, least of all a key. */
		cm_clean_text(shown, sizeof(shown), label, strlen(label));
		return cm_fail(st, CM_INVALID, "PEM text holds a block \"%s\" that is not a certificate", shown);
	}
	if (*count >= max)
		return cm_fail(st, CM_LIMIT, "there are more than %d certificates", max);
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &value) || rest.len != 0)
		return broken(st, "It is not one DER value.");
	if (!cm_buf_append(ders, der.data, der.len))
		return cm_fail(st, CM_LIMIT, "certificates are too large");
	(*count)++;
	return true;
}

static bool
take_pem(CmSlice text, int max, CmBuf *ders, int *count, CmStatus *st)
{
	char		label[LABEL_MAX];
	CmStatus	inner = CM_STATUS_INIT;
	CmBuf		der;
	bool		ok = true;

	/* Wiped, since people do paste their private key with the certificate. */
	cm_buf_init_secret(&der, CERTIFICATE_MAX);
	while (ok && cm_pem_next(&text, label, sizeof(label), &der, &inner))
	{
		ok = take_block(cm_slice(der.data, der.len), label, max, ders, count, &inner);
		cm_buf_reset(&der);
	}
	cm_buf_free(&der);
	if (ok && inner.code == CM_OK && *count == 0)
		(void) cm_fail(&inner, CM_INVALID, "text holds no certificate");
	if (inner.code == CM_OK)
		return true;
	if (st != NULL)
		*st = inner;
	return false;
}

bool
cm_certificates_from_text(CmSlice text, int max, CmBuf *ders, int *count, CmStatus *st)
{
	CmSlice		rest = text;
	CmDer		value;
	size_t		start = ders->len;
	bool		ok;

	*count = 0;
	/* No text is one DER value from end to end: "0" is the tag, but the length behind it does not fit. */
	if (cm_der_expect(&rest, CM_DER_SEQUENCE, &value) && rest.len == 0)
		ok = take_block(text, "CERTIFICATE", max, ders, count, st);
	else
		ok = take_pem(text, max, ders, count, st);
	if (!ok)
	{
		ders->len = start;
		*count = 0;
	}
	return ok;
}
