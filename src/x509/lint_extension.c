/*
 * lint_extension.c - rules of lint.h about the extensions that speak of others:
 * name constraints, policies, where revocation is told. Those of the key are in lint_key.c.
 * Pure functions for any process.
 */
#include "x509/lint_internal.h"

#include <string.h>

#define IN const CmLintInput *in	/* every rule looks at this and at nothing else */

/* ---- name constraints, policies ---- */

static bool
constraints_on_leaf(IN)
{
	return CM_LINT_HAS(in, CM_EXT_NAME_CONSTRAINTS) && !in->cert.ca;
}

static bool
constraints_not_critical(IN)
{
	return CM_LINT_HAS(in, CM_EXT_NAME_CONSTRAINTS) && !in->ext[CM_EXT_NAME_CONSTRAINTS].critical;
}

static bool
constraints_empty(IN)
{
	CmSlice		rest = in->ext[CM_EXT_NAME_CONSTRAINTS].value;
	CmDer		v;

	return CM_LINT_HAS(in, CM_EXT_NAME_CONSTRAINTS) && (!cm_der_next(&rest, &v) || v.content.len == 0);
}

/* Addresses of constraints are an address and its mask. */
static bool
constraints_ip(IN)
{
	CmSlice		rest = in->ext[CM_EXT_NAME_CONSTRAINTS].value;
	CmDer		v;
	CmDer		trees;
	CmDer		tree;
	CmDer		base;

	if (!CM_LINT_HAS(in, CM_EXT_NAME_CONSTRAINTS) || !cm_der_next(&rest, &v))
		return false;
	while (cm_der_next(&v.content, &trees))
	{
		while (cm_der_next(&trees.content, &tree))
		{
			if (cm_der_next(&tree.content, &base) && base.tag == 0x87 && base.content.len != 8 && base.content.len != 32)
				return true;
		}
	}
	return false;
}

typedef bool (*PolicyRule) (CmSlice info, CmSlice behind);

static bool
any_policy(IN, PolicyRule broken)
{
	CmSlice		rest = in->ext[CM_EXT_CERTIFICATE_POLICIES].value;
	CmDer		v;
	CmDer		info;

	if (!CM_LINT_HAS(in, CM_EXT_CERTIFICATE_POLICIES) || !cm_der_next(&rest, &v))
		return false;
	rest = v.content;
	while (cm_der_next(&rest, &info))
	{
		if (broken(info.content, rest))
			return true;
	}
	return false;
}

static bool
policy_twice(CmSlice info, CmSlice behind)
{
	CmDer		oid;
	CmDer		other;
	int			n = 0;

	if (!cm_der_next(&info, &oid))
		return false;
	while (n++ < CM_LINT_REPEATED_MAX && cm_der_next(&behind, &other))
	{
		CmDer		theirs;

		if (cm_der_next(&other.content, &theirs) && cm_slice_equal(theirs.whole, oid.whole))
			return true;
	}
	return false;
}

static bool
begins_with_http(CmSlice uri)
{
	return (uri.len > 7 && memcmp(uri.data, "http://", 7) == 0) || (uri.len > 8 && memcmp(uri.data, "https://", 8) == 0);
}

/* id-qt-cps with a URI that is none. */
static bool
policy_cps(CmSlice info, CmSlice behind)
{
	CmDer		v;
	CmDer		qualifier;
	CmDer		id;
	CmDer		value;

	(void) behind;
	if (!cm_der_next(&info, &v) || !cm_der_next(&info, &v))
		return false;
	while (cm_der_next(&v.content, &qualifier))
	{
		if (cm_der_next(&qualifier.content, &id) && cm_der_next(&qualifier.content, &value) &&
			cm_slice_equal(id.content, cm_slice("\x2b\x06\x01\x05\x05\x07\x02\x01", 8)) &&
			(value.tag != CM_DER_IA5STRING || !begins_with_http(value.content)))
			return true;
	}
	return false;
}

static bool
policies_repeated(IN)
{
	return any_policy(in, policy_twice);
}

static bool
policies_cps(IN)
{
	return any_policy(in, policy_cps);
}

static bool
policies_empty(IN)
{
	CmSlice		rest = in->ext[CM_EXT_CERTIFICATE_POLICIES].value;
	CmDer		v;

	return CM_LINT_HAS(in, CM_EXT_CERTIFICATE_POLICIES) && (!cm_der_next(&rest, &v) || v.content.len == 0);
}

static bool
policy_constraints_not_critical(IN)
{
	return (CM_LINT_HAS(in, CM_EXT_POLICY_CONSTRAINTS) && !in->ext[CM_EXT_POLICY_CONSTRAINTS].critical) ||
		(CM_LINT_HAS(in, CM_EXT_INHIBIT_ANY_POLICY) && !in->ext[CM_EXT_INHIBIT_ANY_POLICY].critical);
}

/* ---- where revocation and issuers are found ---- */

typedef bool (*UriRule) (CmSlice uri);

/* URIs ([6]) of distribution points: fullName is [0] in [0]. */
static bool
any_point(const CmExtension *e, UriRule broken)
{
	CmSlice		rest = e->value;
	CmDer		points;
	CmDer		point;
	CmDer		part;
	CmDer		name;
	CmDer		uri;

	if (e->value.data == NULL || !cm_der_next(&rest, &points))
		return false;
	while (cm_der_next(&points.content, &point))
	{
		while (cm_der_next(&point.content, &part))
		{
			if (part.tag != CM_DER_CONTEXT_CONS(0) || !cm_der_next(&part.content, &name) || name.tag != CM_DER_CONTEXT_CONS(0))
				continue;
			while (cm_der_next(&name.content, &uri))
			{
				if (uri.tag == 0x86 && broken(uri.content))
					return true;
			}
		}
	}
	return false;
}

static bool
is_https(CmSlice uri)
{
	return uri.len > 8 && memcmp(uri.data, "https://", 8) == 0;
}

static bool
is_no_known_scheme(CmSlice uri)
{
	return !begins_with_http(uri) && !(uri.len > 7 && memcmp(uri.data, "ldap://", 7) == 0);
}

static bool
crl_https(IN)
{
	return any_point(&in->ext[CM_EXT_CRL_DISTRIBUTION_POINTS], is_https);
}

static bool
crl_scheme(IN)
{
	return any_point(&in->ext[CM_EXT_CRL_DISTRIBUTION_POINTS], is_no_known_scheme);
}

static bool
crl_critical(IN)
{
	return in->ext[CM_EXT_CRL_DISTRIBUTION_POINTS].critical;
}

static bool
crl_empty(IN)
{
	CmSlice		rest = in->ext[CM_EXT_CRL_DISTRIBUTION_POINTS].value;
	CmDer		v;

	return CM_LINT_HAS(in, CM_EXT_CRL_DISTRIBUTION_POINTS) && (!cm_der_next(&rest, &v) || v.content.len == 0);
}

static bool
freshest_critical(IN)
{
	return in->ext[CM_EXT_FRESHEST_CRL].critical;
}

static bool
freshest_alone(IN)
{
	return CM_LINT_HAS(in, CM_EXT_FRESHEST_CRL) && !CM_LINT_HAS(in, CM_EXT_CRL_DISTRIBUTION_POINTS);
}

/* An access description of that method (id-ad n) whose location is a URI for which the rule holds. */
static bool
any_access(IN, uint8_t method, UriRule rule)
{
	CmSlice		rest = in->authority_info.value;
	CmDer		list;
	CmDer		access;
	CmDer		oid;
	CmDer		location;

	if (rest.data == NULL || !cm_der_next(&rest, &list))
		return false;
	while (cm_der_next(&list.content, &access))
	{
		if (cm_der_next(&access.content, &oid) && cm_der_next(&access.content, &location) &&
			cm_slice_equal(oid.content, cm_slice((const uint8_t[]) {0x2b, 6, 1, 5, 5, 7, 48, method}, 8)) &&
			location.tag == 0x86 && rule(location.content))
			return true;
	}
	return false;
}

static bool
every_uri(CmSlice uri)
{
	(void) uri;
	return true;
}

static bool
aia_critical(IN)
{
	return in->authority_info.critical;
}

static bool
aia_empty(IN)
{
	CmSlice		rest = in->authority_info.value;
	CmDer		v;

	return in->authority_info.value.data != NULL && (!cm_der_next(&rest, &v) || v.content.len == 0);
}

static bool
aia_https(IN)
{
	return any_access(in, 1, is_https) || any_access(in, 2, is_https);
}

static bool
aia_scheme(IN)
{
	return any_access(in, 1, is_no_known_scheme) || any_access(in, 2, is_no_known_scheme);
}

static bool
staple_without_ocsp(IN)
{
	return in->tls_feature.value.data != NULL && !any_access(in, 1, every_uri);
}

static bool
no_rev_avail_with_source(IN)
{
	return CM_LINT_HAS(in, CM_EXT_NO_REV_AVAIL) &&
		(CM_LINT_HAS(in, CM_EXT_CRL_DISTRIBUTION_POINTS) || CM_LINT_HAS(in, CM_EXT_FRESHEST_CRL) || any_access(in, 1, every_uri));
}

static bool
no_rev_avail_ca(IN)
{
	return CM_LINT_HAS(in, CM_EXT_NO_REV_AVAIL) && in->cert.ca;
}

static bool
no_rev_avail_critical(IN)
{
	return in->ext[CM_EXT_NO_REV_AVAIL].critical;
}

/* A day: RFC 9608 speaks of short-lived ones, CA/B BR 7.1.2.11.2 of seven days. */
static bool
no_revocation_source(IN)
{
	return !in->self_issued && !CM_LINT_HAS(in, CM_EXT_CRL_DISTRIBUTION_POINTS) && !any_access(in, 1, every_uri) &&
		!CM_LINT_HAS(in, CM_EXT_NO_REV_AVAIL) && in->ocsp_nocheck.value.data == NULL && in->cert.not_after - in->cert.not_before > 86400;
}

static bool
unknown_critical(IN)
{
	return in->unknown_critical;
}

const CmLintRule cm_lint_extension_rules[] = {
	{"name_constraints_leaf", CM_LINT_ERROR, "RFC 5280 4.2.1.10", "name constraints in a certificate that is not a CA's", constraints_on_leaf},
	{"name_constraints_not_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.10", "name constraints are not critical", constraints_not_critical},
	{"name_constraints_empty", CM_LINT_ERROR, "RFC 5280 4.2.1.10", "name constraints are empty", constraints_empty},
	{"name_constraints_ip", CM_LINT_ERROR, "RFC 5280 4.2.1.10", "an address of name constraints is not 8 or 32 octets", constraints_ip},
	{"policies_repeated", CM_LINT_ERROR, "RFC 5280 4.2.1.4", "a certificate policy appears twice", policies_repeated},
	{"policies_empty", CM_LINT_ERROR, "RFC 5280 4.2.1.4", "certificatePolicies holds no policy", policies_empty},
	{"policies_cps_uri", CM_LINT_WARNING, "RFC 5280 4.2.1.4", "a CPS pointer is not an http or https URI", policies_cps},
	{"policy_constraints_not_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.11", "policyConstraints or inhibitAnyPolicy are not critical", policy_constraints_not_critical},
	{"crl_point_empty", CM_LINT_ERROR, "RFC 5280 4.2.1.13", "cRLDistributionPoints hold no point", crl_empty},
	{"crl_point_critical", CM_LINT_WARNING, "RFC 5280 4.2.1.13", "cRLDistributionPoints are critical", crl_critical},
	{"crl_point_https", CM_LINT_NOTICE, "RFC 5280 8", "a CRL is to be fetched by https, which may need that CRL", crl_https},
	{"crl_point_scheme", CM_LINT_WARNING, "RFC 5280 4.2.1.13", "a CRL is to be fetched by something else than http or ldap", crl_scheme},
	{"freshest_crl_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.15", "freshestCRL is critical", freshest_critical},
	{"freshest_crl_alone", CM_LINT_WARNING, "RFC 5280 4.2.1.15", "freshestCRL without cRLDistributionPoints", freshest_alone},
	{"authority_info_critical", CM_LINT_ERROR, "RFC 5280 4.2.2.1", "authorityInfoAccess is critical", aia_critical},
	{"authority_info_empty", CM_LINT_ERROR, "RFC 5280 4.2.2.1", "authorityInfoAccess is empty", aia_empty},
	{"authority_info_https", CM_LINT_NOTICE, "RFC 5280 8", "authorityInfoAccess points to https, which may need this very answer", aia_https},
	{"authority_info_scheme", CM_LINT_WARNING, "RFC 5280 4.2.2.1", "authorityInfoAccess points to something else than http or ldap", aia_scheme},
	{"must_staple_without_ocsp", CM_LINT_WARNING, "RFC 7633 4.2.2", "status_request is demanded, and there is no OCSP responder to staple from", staple_without_ocsp},
	{"no_rev_avail_with_source", CM_LINT_ERROR, "RFC 9608 4", "noRevAvail beside a place where revocation is told", no_rev_avail_with_source},
	{"no_rev_avail_ca", CM_LINT_ERROR, "RFC 9608 4", "noRevAvail in a CA certificate", no_rev_avail_ca},
	{"no_rev_avail_critical", CM_LINT_ERROR, "RFC 9608 2", "noRevAvail is critical", no_rev_avail_critical},
	{"no_revocation_source", CM_LINT_NOTICE, "CA/B BR 7.1.2.11.2", "nothing tells where revocation of this certificate would be seen", no_revocation_source},
	{"unknown_critical_extension", CM_LINT_WARNING, "RFC 5280 4.2", "an extension that verifiers need not know is critical", unknown_critical},
};
const int	cm_lint_extension_count = sizeof(cm_lint_extension_rules) / sizeof(cm_lint_extension_rules[0]);
