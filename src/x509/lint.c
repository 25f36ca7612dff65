/*
 * lint.c - see lint.h: takes the certificate apart once and asks every rule.
 * The rules of serial, validity and key are here; those of names and of extensions
 * have files of their own. Pure functions for any process; nothing is allocated.
 */
#include "x509/lint_internal.h"

#include <string.h>

#include "x509/usage.h"

static const uint8_t oid_aia[] = {0x2b, 6, 1, 5, 5, 7, 1, 1};
static const uint8_t oid_tls_feature[] = {0x2b, 6, 1, 5, 5, 7, 1, 24};
static const uint8_t oid_nocheck[] = {0x2b, 6, 1, 5, 5, 7, 48, 1, 5};

static bool
is_oid(CmSlice oid, const uint8_t *bytes, size_t len)
{
	return cm_slice_equal(oid, cm_slice(bytes, len));
}

bool
cm_lint_eku(const CmLintInput *in, const uint8_t *oid, size_t len)
{
	CmSlice		rest = in->cert.ext_key_usage;
	CmDer		v;

	while (cm_der_next(&rest, &v))
	{
		if (is_oid(v.content, oid, len))
			return true;
	}
	return false;
}

/* Those of RFC 5280 that a verifier must know, 4.2. */
static bool
known_when_critical(unsigned n)
{
	switch (n)
	{
		case CM_EXT_KEY_USAGE:
		case CM_EXT_SUBJECT_ALT_NAME:
		case CM_EXT_BASIC_CONSTRAINTS:
		case CM_EXT_NAME_CONSTRAINTS:
		case CM_EXT_CRL_DISTRIBUTION_POINTS:
		case CM_EXT_CERTIFICATE_POLICIES:
		case 33:				/* policyMappings */
		case CM_EXT_POLICY_CONSTRAINTS:
		case CM_EXT_EXT_KEY_USAGE:
		case CM_EXT_INHIBIT_ANY_POLICY:
			return true;
		default:
			return false;
	}
}

static void
sort_extensions(CmLintInput *in)
{
	CmSlice		rest = in->cert.extensions;
	CmExtension e;

	while (cm_extension_next(&rest, &e))
	{
		bool		known = false;

		if (e.oid.len == 3 && e.oid.data[0] == 0x55 && e.oid.data[1] == 0x1d && e.oid.data[2] < 64)
		{
			in->ext[e.oid.data[2]] = e;
			/* Those that must not be critical have rules of their own. */
			known = known_when_critical(e.oid.data[2]) || e.oid.data[2] == CM_EXT_SUBJECT_KEY_ID || e.oid.data[2] == CM_EXT_AUTHORITY_KEY_ID ||
				e.oid.data[2] == CM_EXT_FRESHEST_CRL || e.oid.data[2] == CM_EXT_NO_REV_AVAIL;
		}
		else if (is_oid(e.oid, oid_aia, sizeof(oid_aia)))
		{
			in->authority_info = e;
			known = true;
		}
		else if (is_oid(e.oid, oid_tls_feature, sizeof(oid_tls_feature)))
			in->tls_feature = e;
		else if (is_oid(e.oid, oid_nocheck, sizeof(oid_nocheck)))
			in->ocsp_nocheck = e;
		if (e.critical && !known)
			in->unknown_critical = true;
	}
}

/* The tags of the two times; the parser has checked all of it before. */
static void
find_time_tags(CmLintInput *in)
{
	CmSlice		rest = in->cert.tbs;
	CmDer		v;
	bool		present;

	if (!cm_der_next(&rest, &v))
		return;
	rest = v.content;
	if (cm_der_optional(&rest, CM_DER_CONTEXT_CONS(0), &v, &present) && cm_der_next(&rest, &v) && cm_der_next(&rest, &v) &&
		cm_der_next(&rest, &v) && cm_der_next(&rest, &v))
	{
		rest = v.content;
		if (cm_der_next(&rest, &v))
			in->not_before_tag = v.tag;
		if (cm_der_next(&rest, &v))
			in->not_after_tag = v.tag;
	}
}

static void
ask(const CmLintRule *rules, int count, const CmLintInput *in, CmLintFound found, void *arg)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (rules[i].broken(in))
			found(&rules[i], arg);
	}
}

static void
ask_all(CmLintInput *in, CmLintFound found, void *arg)
{
	CmKeyAlg	alg;

	sort_extensions(in);
	find_time_tags(in);
	in->self_issued = cm_slice_equal(in->cert.issuer, in->cert.subject);
	in->bad_key = !cm_key_spki_alg(in->cert.spki, &alg, NULL);
	ask(cm_lint_core_rules, cm_lint_core_count, in, found, arg);
	ask(cm_lint_name_rules, cm_lint_name_count, in, found, arg);
	ask(cm_lint_key_rules, cm_lint_key_count, in, found, arg);
	ask(cm_lint_extension_rules, cm_lint_extension_count, in, found, arg);
}

bool
cm_lint_tbs(CmSlice tbs, CmLintFound found, void *arg, CmStatus *st)
{
	CmLintInput in;

	memset(&in, 0, sizeof(in));
	if (!cm_tbs_parse(tbs, &in.cert, st))
		return false;
	ask_all(&in, found, arg);
	return true;
}

bool
cm_lint_certificate(CmSlice der, CmLintFound found, void *arg, CmStatus *st)
{
	CmLintInput in;

	memset(&in, 0, sizeof(in));
	if (!cm_certificate_parse(der, &in.cert, st))
		return false;
	ask_all(&in, found, arg);
	return true;
}

const CmLintRule *
cm_lint_rule(int n)
{
	if (n < 0)
		return NULL;
	if (n < cm_lint_core_count)
		return &cm_lint_core_rules[n];
	n -= cm_lint_core_count;
	if (n < cm_lint_name_count)
		return &cm_lint_name_rules[n];
	n -= cm_lint_name_count;
	if (n < cm_lint_key_count)
		return &cm_lint_key_rules[n];
	n -= cm_lint_key_count;
	return n < cm_lint_extension_count ? &cm_lint_extension_rules[n] : NULL;
}

const char *
cm_lint_level_name(CmLintLevel level)
{
	return level == CM_LINT_ERROR ? "error" : level == CM_LINT_WARNING ? "warning" : "notice";
}

/* ---- serial, validity, key ---- */

static bool
serial_zero(const CmLintInput *in)
{
	return in->cert.serial.len == 1 && in->cert.serial.data[0] == 0;
}

/* 64 bits from a CSPRNG need eight octets, if nobody chose the first of them to be zero. */
static bool
serial_short(const CmLintInput *in)
{
	return in->cert.serial.len < 8;
}

static bool
validity_reversed(const CmLintInput *in)
{
	return in->cert.not_after < in->cert.not_before;
}

#define YEAR_2050 INT64_C(2524608000)

static bool
wrong_tag(int64_t at, uint8_t tag)
{
	return tag != (at < YEAR_2050 ? CM_DER_UTCTIME : CM_DER_GENERALIZEDTIME);
}

static bool
validity_encoding(const CmLintInput *in)
{
	return wrong_tag(in->cert.not_before, in->not_before_tag) || wrong_tag(in->cert.not_after, in->not_after_tag);
}

/* notAfter is the last second of it. */
static int64_t
lifetime(const CmLintInput *in)
{
	return in->cert.not_after - in->cert.not_before + 1;
}

static bool
tls_validity_long(const CmLintInput *in)
{
	return !in->cert.ca && CM_LINT_EKU(in, CM_KP_SERVER_AUTH) && lifetime(in) > INT64_C(398) * 86400;
}

static bool
validity_centuries(const CmLintInput *in)
{
	return lifetime(in) > INT64_C(100) * 366 * 86400;
}

static bool
signature_weak(const CmLintInput *in)
{
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmStatus	st = CM_STATUS_INIT;

	return !cm_sign_alg_read(in->cert.signature_alg, "certificate", &alg, &own, &st) && st.code == CM_POLICY;
}

static bool
signature_unknown(const CmLintInput *in)
{
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmStatus	st = CM_STATUS_INIT;

	return !cm_sign_alg_read(in->cert.signature_alg, "certificate", &alg, &own, &st) && st.code != CM_POLICY;
}

static bool
key_weak(const CmLintInput *in)
{
	return in->bad_key;
}

static bool
key_unknown(const CmLintInput *in)
{
	return !in->bad_key && in->cert.key_alg == CM_KEY_OTHER;
}

/* What is in the BIT STRING of the public key. */
static CmSlice
key_bits(const CmLintInput *in)
{
	CmSlice		rest = in->cert.spki;
	CmDer		v;

	if (!cm_der_next(&rest, &v))
		return cm_slice(NULL, 0);
	rest = v.content;
	if (!cm_der_next(&rest, &v) || !cm_der_next(&rest, &v) || v.content.len < 2)
		return cm_slice(NULL, 0);
	return cm_slice(v.content.data + 1, v.content.len - 1);
}

static bool
is_ec(const CmLintInput *in)
{
	return in->cert.key_alg >= CM_KEY_EC_P256 && in->cert.key_alg <= CM_KEY_EC_P521;
}

static bool
point_compressed(const CmLintInput *in)
{
	CmSlice		bits = key_bits(in);

	return is_ec(in) && bits.len > 0 && bits.data[0] != 0x04;
}

static bool
self_signed_other_key(const CmLintInput *in)
{
	return in->self_issued && in->cert.ca && in->cert.authority_key_id.len > 0 && in->cert.subject_key_id.len > 0 &&
		!cm_slice_equal(in->cert.authority_key_id, in->cert.subject_key_id);
}

static bool
subject_empty(const CmLintInput *in)
{
	return in->cert.subject.len <= 2;
}

static bool
ca_without_subject(const CmLintInput *in)
{
	return in->cert.ca && subject_empty(in);
}

static bool
nameless(const CmLintInput *in)
{
	return subject_empty(in) && !CM_LINT_HAS(in, CM_EXT_SUBJECT_ALT_NAME);
}

const CmLintRule cm_lint_core_rules[] = {
	{"serial_zero", CM_LINT_ERROR, "RFC 5280 4.1.2.2", "the serial number is zero", serial_zero},
	{"serial_short", CM_LINT_WARNING, "CA/B BR 7.1", "the serial number has less than 64 bits", serial_short},
	{"validity_reversed", CM_LINT_ERROR, "RFC 5280 4.1.2.5", "notAfter lies before notBefore", validity_reversed},
	{"validity_encoding", CM_LINT_ERROR, "RFC 5280 4.1.2.5", "a date is not UTCTime until 2049 and GeneralizedTime from 2050 on", validity_encoding},
	{"validity_tls_long", CM_LINT_WARNING, "CA/B BR 6.3.2", "a TLS server certificate is valid for more than 398 days", tls_validity_long},
	{"validity_centuries", CM_LINT_WARNING, "RFC 5280 4.1.2.5", "the certificate is valid for more than a hundred years", validity_centuries},
	{"signature_weak", CM_LINT_ERROR, "RFC 9155", "the signature uses MD2, MD5 or SHA-1", signature_weak},
	{"signature_unknown", CM_LINT_WARNING, "RFC 5280 4.1.1.2", "the signature algorithm is not known here", signature_unknown},
	{"key_weak", CM_LINT_ERROR, "CA/B BR 6.1.6", "the public key is weak or malformed", key_weak},
	{"key_unknown", CM_LINT_WARNING, "RFC 5280 4.1.2.7", "the public key is of an algorithm or size that is not known here", key_unknown},
	{"key_point_compressed", CM_LINT_WARNING, "RFC 5480 2.2", "the EC point is compressed, which verifiers need not support", point_compressed},
	{"key_identifiers_differ", CM_LINT_WARNING, "RFC 5280 4.2.1.1", "a self-issued CA certificate names another key as its issuer's", self_signed_other_key},
	{"ca_without_subject", CM_LINT_ERROR, "RFC 5280 4.1.2.6", "a CA certificate has no subject", ca_without_subject},
	{"nameless", CM_LINT_ERROR, "RFC 5280 4.1.2.6", "there is neither a subject nor a subject alternative name", nameless},
};
const int	cm_lint_core_count = sizeof(cm_lint_core_rules) / sizeof(cm_lint_core_rules[0]);
