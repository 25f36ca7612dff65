/*
 * tbs.c - building a TBSCertificate (RFC 5280 4.1) and signing it.
 *
 * Runs in backends (issue, create CA) and in the worker (renewals). Holds
 * nothing and locks nothing. What may fail: input that RFC 5280 forbids
 * (CM_INVALID), a key that is not the one the bytes name (CM_MISMATCH), memory
 * or the bound of the caller's buffer (CM_LIMIT), the crypto library.
 *
 * Whether a certificate is allowed is not decided here but by policy.c, on the
 * bytes that this file wrote.
 */
#include "x509/tbs.h"

#include <string.h>

#include "crypto/digest.h"
#include "x509/certificate.h"
#include "x509/usage.h"

/* Bits of KeyUsage that RFC 5280 names: 0 to 8. */
#define KEY_USAGE_ALL 0x1ffu

/* Key identifiers are hashes: SHA-512 is the longest in use. */
#define KEY_ID_MAX 64

/* No TBS is larger than this: some four thousand host names. */
#define TBS_MAX ((size_t) 256 * 1024)

/* 1950-01-01 00:00:00, the first moment UTCTime can say, and 9999-12-31 23:59:59, the last one of GeneralizedTime. */
#define TIME_FIRST INT64_C(-631152000)
#define TIME_LAST INT64_C(253402300799)

/* The values of extnID, whole: tag, length and content. */
static const uint8_t oid_basic_constraints[] = {0x06, 3, 0x55, 0x1d, 19};
static const uint8_t oid_key_usage[] = {0x06, 3, 0x55, 0x1d, 15};
static const uint8_t oid_ext_key_usage[] = {0x06, 3, 0x55, 0x1d, 37};
static const uint8_t oid_subject_key_id[] = {0x06, 3, 0x55, 0x1d, 14};
static const uint8_t oid_authority_key_id[] = {0x06, 3, 0x55, 0x1d, 35};
static const uint8_t oid_subject_alt_name[] = {0x06, 3, 0x55, 0x1d, 17};
static const uint8_t oid_crl_distribution_points[] = {0x06, 3, 0x55, 0x1d, 31};
static const uint8_t oid_freshest_crl[] = {0x06, 3, 0x55, 0x1d, 46};
static const uint8_t oid_name_constraints[] = {0x06, 3, 0x55, 0x1d, 30};
static const uint8_t oid_certificate_policies[] = {0x06, 3, 0x55, 0x1d, 32};
static const uint8_t oid_no_rev_avail[] = {0x06, 3, 0x55, 0x1d, 56};
static const uint8_t oid_tls_feature[] = {0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 24};
static const uint8_t oid_authority_info_access[] = {0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 1};
static const uint8_t oid_ocsp[] = {0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1};
static const uint8_t oid_ca_issuers[] = {0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2};

/* Version v3, explicitly tagged: the first bytes of every TBS. */
static const uint8_t version_3[] = {0xa0, 3, 0x02, 1, 2};

bool
cm_serial_random(uint8_t serial[CM_SERIAL_SIZE], CmStatus *st)
{
	if (!cm_random(serial, CM_SERIAL_SIZE))
		return cm_fail_crypto(st, "could not get random bytes for a serial number");
	serial[0] &= 0x7f;
	if (serial[0] == 0)
		serial[0] = 1;
	return true;
}

bool
cm_key_identifier(CmSlice spki, uint8_t out[20], CmStatus *st)
{
	CmDer		outer;
	CmDer		value;
	CmSlice		bits;

	if (!cm_der_expect(&spki, CM_DER_SEQUENCE, &outer) || spki.len != 0 ||
		!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &value) ||
		!cm_der_expect(&outer.content, CM_DER_BIT_STRING, &value) ||
		outer.content.len != 0 || value.content.len < 2 || value.content.data[0] != 0)
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");
	bits = cm_slice(value.content.data + 1, value.content.len - 1);
	if (!cm_sha1(bits, out))
		return cm_fail_crypto(st, "could not hash a public key");
	return true;
}

/* ---- what RFC 5280 asks of the input ---- */

static bool
is_sequence(CmSlice value)
{
	CmDer		der;

	return cm_der_expect(&value, CM_DER_SEQUENCE, &der) && value.len == 0;
}

/* The empty Name is 30 00. */
static bool
is_empty_name(CmSlice name)
{
	return name.len == 2;
}

/* The serial without its leading zeros, when it is positive and takes 1 to 20 octets as an INTEGER. */
static bool
check_serial(CmSlice serial)
{
	while (serial.len > 0 && serial.data[0] == 0)
	{
		serial.data++;
		serial.len--;
	}
	if (serial.len == 0)
		return false;
	return serial.len + (serial.data[0] >> 7) <= CM_SERIAL_SIZE;
}

static bool
check_times(const CmTbs *tbs, CmStatus *st)
{
	if (tbs->not_before < TIME_FIRST || tbs->not_after > TIME_LAST)
		return cm_fail(st, CM_INVALID, "validity lies outside the years 1950 to 9999");
	if (tbs->not_before > tbs->not_after)
		return cm_fail(st, CM_INVALID, "certificate would end before it begins");
	return true;
}

static bool
check_names(const CmTbs *tbs, CmStatus *st)
{
	CmSlice		rest = tbs->sans;
	CmDer		name;

	if (!is_sequence(tbs->issuer) || is_empty_name(tbs->issuer))
		return cm_fail(st, CM_INVALID, "issuer is not a distinguished name");
	if (!is_sequence(tbs->subject))
		return cm_fail(st, CM_INVALID, "subject is not a distinguished name");
	if (is_empty_name(tbs->subject) && tbs->ca)
		return cm_fail(st, CM_INVALID, "CA certificate needs a subject");
	if (is_empty_name(tbs->subject) && tbs->sans.len == 0)
		return cm_fail(st, CM_INVALID, "certificate has neither a subject nor alternative names");
	while (rest.len > 0)
	{
		/* Every GeneralName is a context tag of [0] to [8]. */
		if (!cm_der_next(&rest, &name) || (name.tag & 0xc0) != 0x80 || (name.tag & 0x1f) > 8)
			return cm_fail(st, CM_INVALID, "subject alternative names are not GeneralNames");
	}
	return true;
}

static bool
check_usages(const CmTbs *tbs, CmStatus *st)
{
	CmSlice		rest = tbs->ext_key_usage;
	CmDer		oid;

	if ((tbs->key_usage & ~KEY_USAGE_ALL) != 0)
		return cm_fail(st, CM_INVALID, "key usage has unknown bits");
	if ((tbs->key_usage & CM_KU_KEY_CERT_SIGN) != 0 && !tbs->ca)
		return cm_fail(st, CM_INVALID, "only a CA certificate may have the key usage \"keyCertSign\"");
	/* RFC 5280 4.2.1.3: a CA certificate must have the extension, and with this bit. */
	if (tbs->ca && (tbs->key_usage & CM_KU_KEY_CERT_SIGN) == 0)
		return cm_fail(st, CM_INVALID, "CA certificate needs the key usage \"keyCertSign\"");
	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_OID, &oid) || oid.content.len == 0)
			return cm_fail(st, CM_INVALID, "extended key usage is not a list of object identifiers");
	}
	return true;
}

/* What only some certificates may have. */
static bool
check_kind(const CmTbs *tbs, CmStatus *st)
{
	if (tbs->name_constraints.len > 0 && !tbs->ca)
		return cm_fail(st, CM_INVALID, "only a CA certificate may have name constraints");
	/* RFC 9608 4. */
	if (tbs->no_rev_avail && tbs->ca)
		return cm_fail(st, CM_INVALID, "a CA certificate must be revocable");
	if (tbs->no_rev_avail && tbs->must_staple)
	{
		(void) cm_fail(st, CM_INVALID, "certificate without revocation cannot require stapling");
		return cm_fail_detail(st, "There is no OCSP answer to staple for a certificate with noRevAvail.");
	}
	return true;
}

/* One after the other, none twice. (One that a field of its own writes too is found by policy.c, which reads the whole.) */
static bool
check_extensions(const CmTbs *tbs, CmStatus *st)
{
	CmSlice		rest = tbs->extensions;
	CmExtension ext;

	while (rest.len > 0)
	{
		CmSlice		others;
		CmExtension other;

		if (!cm_extension_next(&rest, &ext))
			return cm_fail(st, CM_INVALID, "additional extensions are not well formed");
		others = rest;
		while (others.len > 0)
		{
			if (!cm_extension_next(&others, &other) || cm_slice_equal(other.oid, ext.oid))
				return cm_fail(st, CM_INVALID, "an additional extension is there twice");
		}
	}
	return true;
}

static bool
check_input(const CmTbs *tbs, CmStatus *st)
{
	if (!check_serial(tbs->serial))
	{
		(void) cm_fail(st, CM_INVALID, "serial number is not valid");
		return cm_fail_detail(st, "It must be positive and at most %d octets long.", CM_SERIAL_SIZE);
	}
	if (!is_sequence(tbs->spki))
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");
	if (tbs->authority_key_id.len > KEY_ID_MAX || tbs->subject_key_id.len > KEY_ID_MAX)
		return cm_fail(st, CM_INVALID, "key identifier is longer than %d octets", KEY_ID_MAX);
	return check_times(tbs, st) && check_names(tbs, st) && check_usages(tbs, st) && check_kind(tbs, st) && check_extensions(tbs, st);
}

/* ---- extensions ---- */

/* Where the two open values of an extension began. */
typedef struct Extension
{
	size_t		outer;
	size_t		value;
} Extension;

static Extension
open_extension(CmBuf *out, const uint8_t *oid, size_t oidlen, bool critical)
{
	Extension	ext;

	ext.outer = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, oid, oidlen);
	/* DEFAULT FALSE: DER leaves it out. */
	if (critical)
		cm_der_put_bool(out, true);
	ext.value = cm_der_open(out, CM_DER_OCTET_STRING);
	return ext;
}

static void
close_extension(CmBuf *out, Extension ext)
{
	cm_der_close(out, ext.value);
	cm_der_close(out, ext.outer);
}

#define OPEN_EXTENSION(out, oid, critical) open_extension(out, oid, sizeof(oid), critical)

static void
put_basic_constraints(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext = OPEN_EXTENSION(out, oid_basic_constraints, true);
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);

	cm_der_put_bool(out, true);
	if (tbs->path_length >= 0)
		cm_der_put_uint(out, (uint64_t) tbs->path_length);
	cm_der_close(out, seq);
	close_extension(out, ext);
}

static void
put_usages(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext;

	if (tbs->key_usage != 0)
	{
		ext = OPEN_EXTENSION(out, oid_key_usage, true);
		cm_der_put_named_bits(out, tbs->key_usage);
		close_extension(out, ext);
	}
	if (tbs->ext_key_usage.len > 0)
	{
		ext = OPEN_EXTENSION(out, oid_ext_key_usage, tbs->ext_key_usage_critical);
		cm_der_put_slice(out, CM_DER_SEQUENCE, tbs->ext_key_usage);
		close_extension(out, ext);
	}
}

static bool
put_key_ids(CmBuf *out, const CmTbs *tbs, CmStatus *st)
{
	uint8_t		made[20];
	CmSlice		id = tbs->subject_key_id;
	Extension	ext;
	size_t		seq;

	if (id.len == 0)
	{
		if (!cm_key_identifier(tbs->spki, made, st))
			return false;
		id = cm_slice(made, sizeof(made));
	}
	ext = OPEN_EXTENSION(out, oid_subject_key_id, false);
	cm_der_put_slice(out, CM_DER_OCTET_STRING, id);
	close_extension(out, ext);

	if (tbs->authority_key_id.len > 0)
	{
		ext = OPEN_EXTENSION(out, oid_authority_key_id, false);
		seq = cm_der_open(out, CM_DER_SEQUENCE);
		cm_der_put_slice(out, CM_DER_CONTEXT(0), tbs->authority_key_id);
		cm_der_close(out, seq);
		close_extension(out, ext);
	}
	return true;
}

static void
put_sans(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext;

	if (tbs->sans.len == 0)
		return;
	/* RFC 5280 4.2.1.6: critical exactly when there is no other name. */
	ext = OPEN_EXTENSION(out, oid_subject_alt_name, is_empty_name(tbs->subject));
	cm_der_put_slice(out, CM_DER_SEQUENCE, tbs->sans);
	close_extension(out, ext);
}

/* The addresses of a text as uniformResourceIdentifiers of GeneralNames, each behind "before" when there is one. */
static bool
put_urls(CmBuf *out, const CmTbs *tbs, const char *text, const char *what, const uint8_t *before, size_t beforelen, CmStatus *st)
{
	CmUrlValues values = tbs->url_values;
	CmSlice		url;

	values.serial = tbs->serial;
	values.issuer = tbs->authority_key_id;
	while (cm_url_next(&text, &url))
	{
		size_t		access = before == NULL ? 0 : cm_der_open(out, CM_DER_SEQUENCE);
		size_t		uri;

		if (before != NULL)
			cm_buf_append(out, before, beforelen);
		uri = cm_der_open(out, CM_DER_CONTEXT(6));
		if (!cm_url_expand(url, &values, what, out, st))
			return false;
		cm_der_close(out, uri);
		if (before != NULL)
			cm_der_close(out, access);
	}
	return true;
}

/* CRLDistributionPoints and FreshestCRL are the same type. Several addresses of one CRL are names of one point. */
static bool
put_distribution_point(CmBuf *out, const CmTbs *tbs, const uint8_t *oid, const char *text, const char *what, CmStatus *st)
{
	Extension	ext;
	size_t		points;
	size_t		point;
	size_t		name;
	size_t		full;

	if (text == NULL || tbs->no_rev_avail)
		return true;
	ext = open_extension(out, oid, sizeof(oid_freshest_crl), false);
	points = cm_der_open(out, CM_DER_SEQUENCE);
	point = cm_der_open(out, CM_DER_SEQUENCE);
	name = cm_der_open(out, CM_DER_CONTEXT_CONS(0));	/* distributionPoint */
	full = cm_der_open(out, CM_DER_CONTEXT_CONS(0));	/* fullName */
	if (!put_urls(out, tbs, text, what, NULL, 0, st))
		return false;
	if (out->len == full)
		return cm_fail(st, CM_INVALID, "%s is empty", what);
	cm_der_close(out, full);
	cm_der_close(out, name);
	cm_der_close(out, point);
	cm_der_close(out, points);
	close_extension(out, ext);
	return true;
}

static bool
put_authority_info_access(CmBuf *out, const CmTbs *tbs, CmStatus *st)
{
	const char *ocsp_url = tbs->no_rev_avail ? NULL : tbs->ocsp_url;
	Extension	ext;
	size_t		list;

	if (ocsp_url == NULL && tbs->ca_issuers_url == NULL)
		return true;
	ext = OPEN_EXTENSION(out, oid_authority_info_access, false);
	list = cm_der_open(out, CM_DER_SEQUENCE);
	if (!put_urls(out, tbs, ocsp_url, "OCSP address", oid_ocsp, sizeof(oid_ocsp), st) ||
		!put_urls(out, tbs, tbs->ca_issuers_url, "address of the issuer's certificate", oid_ca_issuers, sizeof(oid_ca_issuers), st))
		return false;
	if (out->len == list)
		return cm_fail(st, CM_INVALID, "OCSP address is empty");
	cm_der_close(out, list);
	close_extension(out, ext);
	return true;
}

static void
put_policies(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext;

	if (tbs->policies.len == 0)
		return;
	ext = OPEN_EXTENSION(out, oid_certificate_policies, false);
	cm_der_put_slice(out, CM_DER_SEQUENCE, tbs->policies);
	close_extension(out, ext);
}

/* RFC 5280 4.2.1.10: always critical. */
static void
put_name_constraints(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext;

	if (tbs->name_constraints.len == 0)
		return;
	ext = OPEN_EXTENSION(out, oid_name_constraints, true);
	cm_der_put_slice(out, CM_DER_SEQUENCE, tbs->name_constraints);
	close_extension(out, ext);
}

static void
put_flags(CmBuf *out, const CmTbs *tbs)
{
	Extension	ext;

	if (tbs->must_staple)
	{
		ext = OPEN_EXTENSION(out, oid_tls_feature, false);
		/* SEQUENCE OF INTEGER with the one feature status_request (5). */
		cm_buf_append(out, "\x30\x03\x02\x01\x05", 5);
		close_extension(out, ext);
	}
	if (tbs->no_rev_avail)
	{
		ext = OPEN_EXTENSION(out, oid_no_rev_avail, false);
		cm_der_put(out, CM_DER_NULL, NULL, 0);
		close_extension(out, ext);
	}
}

static bool
put_extensions(CmBuf *out, const CmTbs *tbs, CmStatus *st)
{
	size_t		tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(3));
	size_t		list = cm_der_open(out, CM_DER_SEQUENCE);

	if (tbs->ca)
		put_basic_constraints(out, tbs);
	put_usages(out, tbs);
	if (!put_key_ids(out, tbs, st))
		return false;
	put_sans(out, tbs);
	put_policies(out, tbs);
	put_name_constraints(out, tbs);
	put_flags(out, tbs);
	if (!put_distribution_point(out, tbs, oid_crl_distribution_points, tbs->crl_url, "CRL address", st) ||
		!put_distribution_point(out, tbs, oid_freshest_crl, tbs->freshest_crl_url, "address of the delta CRL", st) ||
		!put_authority_info_access(out, tbs, st))
		return false;
	cm_buf_append(out, tbs->extensions.data, tbs->extensions.len);
	cm_der_close(out, list);
	cm_der_close(out, tagged);
	return true;
}

/* ---- the whole ---- */

static bool
put_tbs(CmBuf *out, const CmTbs *tbs, CmSlice algorithm, CmStatus *st)
{
	size_t		outer = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		validity;

	cm_buf_append(out, version_3, sizeof(version_3));
	cm_der_put_unsigned(out, tbs->serial.data, tbs->serial.len);
	cm_buf_append(out, algorithm.data, algorithm.len);
	cm_buf_append(out, tbs->issuer.data, tbs->issuer.len);
	validity = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_time(out, tbs->not_before);
	cm_der_put_time(out, tbs->not_after);
	cm_der_close(out, validity);
	cm_buf_append(out, tbs->subject.data, tbs->subject.len);
	cm_buf_append(out, tbs->spki.data, tbs->spki.len);
	if (!put_extensions(out, tbs, st))
		return false;
	cm_der_close(out, outer);
	return true;
}

bool
cm_tbs_build(const CmTbs *tbs, CmBuf *out, CmStatus *st)
{
	CmSlice		algorithm = tbs->signature_algorithm.len > 0 ? tbs->signature_algorithm : cm_sign_algorithm(tbs->issuer_alg);
	size_t		start = out->len;

	if (algorithm.len == 0)
		return cm_fail(st, CM_UNSUPPORTED, "issuer's key algorithm cannot sign certificates");
	if (!check_input(tbs, st))
		return false;
	if (!put_tbs(out, tbs, algorithm, st))
	{
		out->len = start;
		return false;
	}
	if (out->failed || out->len - start > TBS_MAX)
	{
		out->len = start;
		return cm_fail(st, CM_LIMIT, "certificate would be too large");
	}
	return true;
}

/* The AlgorithmIdentifier inside a TBS, the third or (v1) second value of it. */
static bool
tbs_algorithm(CmSlice tbs, CmSlice *algorithm)
{
	CmDer		outer;
	CmDer		value;
	bool		present;

	if (!cm_der_expect(&tbs, CM_DER_SEQUENCE, &outer) || tbs.len != 0 ||
		!cm_der_optional(&outer.content, CM_DER_CONTEXT_CONS(0), &value, &present) ||
		!cm_der_expect(&outer.content, CM_DER_INTEGER, &value) ||
		!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &value))
		return false;
	*algorithm = value.whole;
	return true;
}

bool
cm_certificate_sign(const CmKey *issuer, CmSlice tbs, CmBuf *out, CmStatus *st)
{
	CmSlice		algorithm = cm_key_sign_algorithm(issuer);
	CmSlice		inside;
	size_t		start = out->len;
	size_t		outer;
	size_t		signature;

	if (!tbs_algorithm(tbs, &inside))
		return cm_fail(st, CM_INVALID, "bytes to be signed are not a TBSCertificate");
	if (algorithm.len == 0 || !cm_slice_equal(inside, algorithm))
	{
		(void) cm_fail(st, CM_MISMATCH, "certificate names another signature algorithm than the issuer's key has");
		return cm_fail_detail(st, "The issuer's key (%s) signs with %s.", cm_key_alg_name(cm_key_alg(issuer)), cm_sign_alg_name(cm_key_sign_alg(issuer), cm_key_alg(issuer)));
	}

	outer = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, tbs.data, tbs.len);
	cm_buf_append(out, algorithm.data, algorithm.len);
	signature = cm_der_open(out, CM_DER_BIT_STRING);
	cm_buf_append_byte(out, 0);	/* no unused bits */
	if (!out->failed && !cm_sign(issuer, tbs, out, st))
	{
		out->len = start;
		return false;
	}
	cm_der_close(out, signature);
	cm_der_close(out, outer);
	if (out->failed)
	{
		out->len = start;
		return cm_fail(st, CM_LIMIT, "certificate would be too large");
	}
	return true;
}
