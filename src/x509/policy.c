/*
 * policy.c - the one check of what may be issued (DESIGN, law L6).
 *
 * Runs in backends and in the worker, on the finished to-be-signed bytes. It
 * reads them with the strict parser of certificate.c and shares nothing with
 * tbs.c, which wrote them. Deny by default: what is not known, not readable or
 * not named by the policy is refused with CM_POLICY. Locks nothing; allocates
 * only what canonical names and messages need.
 */
#include "x509/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/host.h"
#include "x509/certificate.h"
#include "x509/name.h"
#include "x509/policy_internal.h"
#include "x509/san.h"
#include "x509/template.h"
#include "x509/usage.h"

/* Octets of a serial that has 64 random bits (CA/B Forum BR 7.1); and RFC 5280 4.1.2.2. */
#define SERIAL_MIN 8
#define SERIAL_MAX 20

/* Of a name in a message: two of them fit into the detail of a status. */
#define SHOWN_MAX 200

bool
cm_policy_deny(const CmPolicyCheck *check, const char *fmt,...)
{
	char		detail[sizeof(check->st->detail)];
	const char *holder = check->policy->holder;
	va_list		args;

	va_start(args, fmt);
	(void) vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (holder != NULL && holder[0] != '\0')
		(void) cm_fail(check->st, CM_POLICY, "certificate is not allowed for %s", holder);
	else
		(void) cm_fail(check->st, CM_POLICY, "certificate is not allowed");
	return cm_fail_detail(check->st, "%s", detail);
}

/* ---- text for messages ---- */

static const char *
show_name(CmSlice name, char shown[SHOWN_MAX])
{
	CmBuf		text;
	CmStatus	ignored = CM_STATUS_INIT;

	cm_buf_init(&text, 0);
	if (cm_name_format(name, &text, &ignored))
		cm_clean_text(shown, SHOWN_MAX, (const char *) text.data, text.len);
	else
		snprintf(shown, SHOWN_MAX, "(unreadable)");
	cm_buf_free(&text);
	return shown;
}

static const char *
show_time(int64_t t, char shown[SHOWN_MAX])
{
	CmCivil		c = cm_time_to_civil(t);

	snprintf(shown, SHOWN_MAX, "%04d-%02d-%02d %02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
	return shown;
}

const char *
cm_policy_show_oid(CmSlice oid, char shown[CM_POLICY_OID_TEXT_MAX])
{
	if (!cm_der_oid_text(oid, shown, CM_POLICY_OID_TEXT_MAX))
		snprintf(shown, CM_POLICY_OID_TEXT_MAX, "(unreadable)");
	return shown;
}

/* ---- serial, algorithm, issuer, times, subject ---- */

static bool
check_serial(const CmPolicyCheck *check)
{
	CmSlice		serial = check->cert.serial;

	/* The parser refuses negative ones and more than 20 octets. */
	if (serial.len == 1 && serial.data[0] == 0)
		return cm_policy_deny(check, "The serial number is zero.");
	/* External CAs may count as they like, and a short number is no proof of a poor one: of ours we know. */
	if (!check->policy->foreign && serial.len < SERIAL_MIN)
		return cm_policy_deny(check, "The serial number has %zu octets; %d to %d are allowed.", serial.len, SERIAL_MIN, SERIAL_MAX);
	return true;
}

static bool
check_algorithm(const CmPolicyCheck *check)
{
	CmSlice		algorithm = check->cert.signature_alg;
	char		shown[CM_POLICY_OID_TEXT_MAX];
	CmSignAlg	alg;
	CmKeyAlg	own;
	CmDer		outer;
	CmDer		oid;

	/* Whether it is the key's is seen when it signs. */
	if (cm_sign_alg_read(algorithm, "certificate", &alg, &own, NULL))
		return true;
	if (!cm_der_expect(&algorithm, CM_DER_SEQUENCE, &outer) || !cm_der_expect(&outer.content, CM_DER_OID, &oid))
		return cm_policy_deny(check, "The signature algorithm is unreadable.");
	return cm_policy_deny(check, "Signature algorithm %s is unknown or too weak; ECDSA and RSA with SHA-256 or better, EdDSA, ML-DSA and SLH-DSA are allowed.",
				cm_policy_show_oid(oid.content, shown));
}

static bool
check_issuer(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	const CmCertificate *cert = &check->cert;
	char		has[SHOWN_MAX];
	char		wanted[SHOWN_MAX];

	if (policy->issuer.len > 0 && !cm_slice_equal(cert->issuer, policy->issuer))
		return cm_policy_deny(check, "The issuer is \"%s\" and must be \"%s\".", show_name(cert->issuer, has),
					show_name(policy->issuer, wanted));
	if (policy->authority_key_id.len > 0 && !cm_slice_equal(cert->authority_key_id, policy->authority_key_id))
		return cm_policy_deny(check, "The authority key identifier is not the one of the issuer's key.");
	return true;
}

static bool
check_times(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	const CmCertificate *cert = &check->cert;
	char		has[SHOWN_MAX];
	char		bound[SHOWN_MAX];

	if (cert->not_before > cert->not_after)
		return cm_policy_deny(check, "The certificate ends before it begins.");
	if (cert->not_before < policy->not_before)
		return cm_policy_deny(check, "The certificate begins at %s, earlier than %s.", show_time(cert->not_before, has),
					show_time(policy->not_before, bound));
	if (cert->not_after > policy->not_after)
		return cm_policy_deny(check, "The certificate ends at %s, later than %s.", show_time(cert->not_after, has),
					show_time(policy->not_after, bound));
	return true;
}

static bool
check_subject(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	const CmCertificate *cert = &check->cert;
	char		has[SHOWN_MAX];
	char		wanted[SHOWN_MAX];

	if (policy->check_subject && !cm_slice_equal(cert->subject, policy->subject))
		return cm_policy_deny(check, "The subject is \"%s\" and must be \"%s\".", show_name(cert->subject, has),
					show_name(policy->subject, wanted));
	/* The empty Name is 30 00. */
	if (cert->subject.len == 2 && (cert->ca || cert->sans.len == 0))
		return cm_policy_deny(check, cert->ca ? "The subject of a CA certificate is empty." :
					"There is neither a subject nor an alternative name.");
	return true;
}

/* ---- names ---- */

static bool
check_sans(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	CmSlice		names = cm_slice(check->sans.data, check->sans.len);
	CmStatus	inner = CM_STATUS_INIT;
	char		shown[SHOWN_MAX];
	CmSlice		rest;
	CmDer		name;
	size_t		count;

	if (!policy->check_sans)
	{
		if (names.len == 0 || cm_san_check(names, &count, &inner))
			return true;
		return cm_policy_deny(check, "The subject alternative names are not valid: %s. %s", inner.reason, inner.detail);
	}
	rest = names;
	while (rest.len > 0)
	{
		if (!cm_der_next(&rest, &name))
			return cm_policy_deny(check, "The subject alternative names are unreadable.");
		if (!cm_der_contains(policy->sans, name.whole))
			return cm_policy_deny(check, "Name \"%s\" is not among the allowed names.", cm_san_show(name.whole, shown, sizeof(shown)));
	}
	rest = policy->sans;
	while (policy->all_sans && rest.len > 0)
	{
		if (!cm_der_next(&rest, &name))
			return cm_policy_deny(check, "The names that must be in the certificate are unreadable.");
		if (!cm_der_contains(names, name.whole))
			return cm_policy_deny(check, "Name \"%s\" is missing.", cm_san_show(name.whole, shown, sizeof(shown)));
	}
	return true;
}

/* Good for servers: serverAuth (1.3.6.1.5.5.7.3.1), any purpose (2.5.29.37.0), or no purposes listed. */
static bool
is_for_servers(const CmCertificate *cert)
{
	CmSlice		server = cm_slice("\x2b\x06\x01\x05\x05\x07\x03\x01", 8);
	CmSlice		any = cm_slice("\x55\x1d\x25\x00", 4);
	CmSlice		rest = cert->ext_key_usage;
	CmDer		oid;

	if (rest.len == 0)
		return true;
	while (cm_der_next(&rest, &oid))
	{
		if (cm_slice_equal(oid.content, server) || cm_slice_equal(oid.content, any))
			return true;
	}
	return false;
}

/*
 * Would a client take this common name for a host name or an address? Looser
 * than the syntax of host names, since clients are. A single label counts where
 * the certificate is good for servers: elsewhere it is a user's name.
 */
static bool
looks_like_host(const CmCertificate *cert, const char *text)
{
	uint8_t		address[16];
	size_t		len;

	if (cm_address_parse(text, address, &len))
		return true;
	len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*");
	if (len == 0 || text[len] != '\0')
		return false;
	return strchr(text, '.') != NULL || is_for_servers(cert);
}

/* One value of commonName. Clients of old fall back to it, so a host there must be an allowed one. */
static bool
check_common_name(const CmPolicyCheck *check, const CmDer *value)
{
	CmStatus	ignored = CM_STATUS_INIT;
	char		text[CM_HOST_MAX + 1];
	char		shown[SHOWN_MAX];
	CmSlice		cn = value->content;
	CmBuf		name;
	bool		found;

	/* Two octets a character (BMPString) or four would hide a host name from us, and a NUL from others. */
	if (value->tag != CM_DER_UTF8STRING && value->tag != CM_DER_PRINTABLESTRING && value->tag != CM_DER_IA5STRING)
		return cm_policy_deny(check, "The common name is of an unusual string type.");
	if (cn.len > 0 && memchr(cn.data, 0, cn.len) != NULL)
		return cm_policy_deny(check, "The common name holds a zero octet.");
	while (cn.len > 0 && cn.data[0] == ' ')
		cn = cm_slice(cn.data + 1, cn.len - 1);
	while (cn.len > 0 && cn.data[cn.len - 1] == ' ')
		cn.len--;
	if (cn.len >= sizeof(text))
		return cm_policy_deny(check, "The common name is too long.");
	memcpy(text, cn.data, cn.len);
	text[cn.len] = '\0';
	if (!looks_like_host(&check->cert, text))
		return true;

	cm_buf_init(&name, 0);
	found = cm_san_parse(text, &name, &ignored) &&
		cm_der_contains(cm_slice(check->sans.data, check->sans.len), cm_slice(name.data, name.len));
	cm_buf_free(&name);
	if (found)
		return true;
	cm_clean_text(shown, sizeof(shown), text, cn.len);
	return cm_policy_deny(check, "The common name \"%s\" is not among the certificate's alternative names.", shown);
}

/* Every commonName of the subject, not just the one that people see. */
static bool
check_common_names(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	CmSlice		common_name = cm_slice("\x55\x04\x03", 3);
	CmSlice		rest = check->cert.subject;
	CmDer		name;
	CmDer		rdn;
	CmDer		pair;
	CmDer		item;
	bool		forced = policy->check_common_names && !check->cert.ca && is_for_servers(&check->cert);

	if (!forced && (!policy->check_sans || policy->check_subject))
		return true;
	if (!cm_der_next(&rest, &name))
		return cm_policy_deny(check, "The subject is unreadable.");
	while (name.content.len > 0)
	{
		if (!cm_der_next(&name.content, &rdn))
			return cm_policy_deny(check, "The subject is unreadable.");
		while (rdn.content.len > 0)
		{
			if (!cm_der_next(&rdn.content, &pair) || !cm_der_next(&pair.content, &item))
				return cm_policy_deny(check, "The subject is unreadable.");
			if (!cm_slice_equal(item.content, common_name))
				continue;
			if (!cm_der_next(&pair.content, &item))
				return cm_policy_deny(check, "The subject is unreadable.");
			if (!check_common_name(check, &item))
				return false;
		}
	}
	return true;
}

/* ---- usages, key, CA ---- */

static bool
check_key_usage(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	const CmCertificate *cert = &check->cert;
	uint32_t	excess = cert->key_usage & ~policy->key_usage;
	CmSlice		none = cm_slice(NULL, 0);
	char		has[SHOWN_MAX];
	char		allowed[SHOWN_MAX];

	if (!cert->ca && (cert->key_usage & CM_KU_KEY_CERT_SIGN) != 0)
		return cm_policy_deny(check, "Key usage \"keyCertSign\" is for CA certificates only.");
	if (cert->ca && (cert->key_usage & CM_KU_KEY_CERT_SIGN) == 0)
		return cm_policy_deny(check, "The CA certificate does not have the key usage \"keyCertSign\".");
	if (policy->any_usage)
		return true;
	if (excess != 0)
		return cm_policy_deny(check, "Key usage \"%s\" is not among the allowed ones: %s.", cm_usage_show(excess, none, has, sizeof(has)),
					cm_usage_show(policy->key_usage, none, allowed, sizeof(allowed)));
	/* RFC 5280 4.2.1.3: without the extension a key is good for everything. */
	if (!cert->has_key_usage && policy->key_usage != 0)
		return cm_policy_deny(check, "There is no key usage, which would allow all of them; allowed are: %s.",
					cm_usage_show(policy->key_usage, none, allowed, sizeof(allowed)));
	return true;
}

static bool
check_ext_key_usage(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	CmSlice		rest = check->cert.ext_key_usage;
	char		has[SHOWN_MAX];
	char		allowed[SHOWN_MAX];
	CmDer		oid;

	if (policy->any_usage)
		return true;
	if (rest.len == 0 && policy->ext_key_usage.len > 0)
		return cm_policy_deny(check, "There is no extended key usage, which would allow all of them; allowed are: %s.",
					cm_usage_show(0, policy->ext_key_usage, allowed, sizeof(allowed)));
	while (rest.len > 0)
	{
		if (!cm_der_next(&rest, &oid))
			return cm_policy_deny(check, "The extended key usage is unreadable.");
		if (!cm_der_contains(policy->ext_key_usage, oid.whole))
			return cm_policy_deny(check, "Extended key usage \"%s\" is not among the allowed ones: %s.", cm_usage_show(0, oid.whole, has, sizeof(has)),
						cm_usage_show(0, policy->ext_key_usage, allowed, sizeof(allowed)));
	}
	return true;
}

/* RSA of a length that we do not make: cm_key_spki_alg has judged its strength. */
static bool
is_rsa(CmSlice spki)
{
	CmSlice		rsa = cm_slice("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
	CmDer		outer;
	CmDer		algorithm;
	CmDer		oid;

	return cm_der_next(&spki, &outer) && cm_der_next(&outer.content, &algorithm) &&
		cm_der_next(&algorithm.content, &oid) && cm_slice_equal(oid.content, rsa);
}

static bool
check_key(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	CmSlice		spki = check->cert.spki;
	CmStatus	inner = CM_STATUS_INIT;
	char		allowed[SHOWN_MAX];
	CmKeyAlg	alg;

	if (policy->spki.len > 0 && !cm_slice_equal(spki, policy->spki))
		return cm_policy_deny(check, "The public key is not the one that was asked for.");
	if (!cm_key_spki_alg(spki, &alg, &inner))
		return cm_policy_deny(check, "The public key is not acceptable: %s. %s", inner.reason, inner.detail);
	if (policy->key_algs != 0 && (policy->key_algs & CM_KEY_ALG_BIT(alg)) == 0)
		return cm_policy_deny(check, "Key algorithm %s is not among the allowed ones: %s.",
					alg == CM_KEY_OTHER ? "of another kind" : cm_key_alg_name(alg), cm_key_algs_show(policy->key_algs, allowed, sizeof(allowed)));
	/* Whether a key of an unknown kind is weak nobody can tell; an external CA that certified it is taken at its word. */
	if (policy->key_algs == 0 && alg == CM_KEY_OTHER && !is_rsa(spki) && !policy->foreign)
		return cm_policy_deny(check, "The public key is of an unknown kind; allowed are: %s.", cm_key_algs_show(~0u, allowed, sizeof(allowed)));
	return true;
}

static bool
check_ca(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	const CmCertificate *cert = &check->cert;

	if (cert->ca && !policy->ca)
		return cm_policy_deny(check, "It would be a CA certificate.");
	if (!cert->ca && policy->ca)
		return cm_policy_deny(check, "It is not a CA certificate.");
	if (!cert->ca || policy->max_path_length < 0)
		return true;
	if (cert->path_length < 0)
		return cm_policy_deny(check, "The path length is not limited; at most %d is allowed.", policy->max_path_length);
	if (cert->path_length > policy->max_path_length)
		return cm_policy_deny(check, "The path length is %d; at most %d is allowed.", cert->path_length, policy->max_path_length);
	return true;
}

/* ---- the template ---- */

static bool
deny_by_template(void *arg, const char *rule, bool kept, const char *detail)
{
	const CmPolicyCheck *check = arg;

	(void) rule;
	if (kept)
		return true;
	return cm_policy_deny(check, "Template \"%s\": %s", check->policy->template->name, detail);
}

static bool
check_template(CmPolicyCheck *check)
{
	CmTemplateCase what = {&check->cert, cm_slice(check->sans.data, check->sans.len), check->policy->foreign};

	return check->policy->template == NULL || cm_template_check(check->policy->template, &what, false, deny_by_template, check);
}

/* ---- the whole ---- */

bool
cm_policy_check(CmSlice tbs, const CmPolicy *policy, CmStatus *st)
{
	CmStatus	own = CM_STATUS_INIT;
	CmStatus	inner = CM_STATUS_INIT;
	CmPolicyCheck check;
	bool		ok;

	memset(&check, 0, sizeof(check));
	check.policy = policy;
	check.st = st != NULL ? st : &own;
	if (!cm_tbs_parse(tbs, &check.cert, &inner))
		return cm_policy_deny(&check, "It is unreadable: %s. %s", inner.reason, inner.detail);

	cm_buf_init(&check.sans, 0);
	ok = cm_san_canonical(check.cert.sans, &check.sans, &inner);
	if (!ok && inner.code == CM_MEMORY)
		(void) cm_fail(check.st, CM_MEMORY, "out of memory");
	else if (!ok)
		(void) cm_policy_deny(&check, "The subject alternative names are unreadable.");
	ok = ok && cm_policy_check_extensions(&check) && check_serial(&check) && check_algorithm(&check) && check_issuer(&check) &&
		check_times(&check) && check_ca(&check) && check_subject(&check) && check_sans(&check) &&
		cm_policy_check_constraints(&check) && check_common_names(&check) && check_key(&check) && check_key_usage(&check) && check_ext_key_usage(&check) &&
		check_template(&check);
	cm_buf_free(&check.sans);
	return ok;
}
