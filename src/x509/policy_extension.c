/*
 * policy_extension.c - the part of the check of policy.c that is about
 * extensions: which may be there at all, which must be critical, and those
 * that must be exactly as they were asked for.
 *
 * Runs where policy.c does; holds nothing.
 */
#include "x509/policy_internal.h"

#include "x509/constraint.h"

typedef enum Origin
{
	ORIGIN_ANY,					/* tbs.c writes it */
	ORIGIN_ASKED,				/* tbs.c writes it where the policy says so: check_special */
	ORIGIN_FOREIGN				/* only external CAs do */
} Origin;

typedef struct KnownExtension
{
	const char *oid;			/* content */
	size_t		len;
	Origin		origin;
	bool		foreign_ca_only;	/* good in a foreign certificate of a CA only */
	CmPolicySpecial special;
} KnownExtension;

#define EXTENSION(oid, origin, ca, special) {oid, sizeof(oid) - 1, origin, ca, special}

static const KnownExtension known_extensions[] = {
	EXTENSION("\x55\x1d\x13", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* basicConstraints */
	EXTENSION("\x55\x1d\x0f", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* keyUsage */
	EXTENSION("\x55\x1d\x25", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* extKeyUsage */
	EXTENSION("\x55\x1d\x0e", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* subjectKeyIdentifier */
	EXTENSION("\x55\x1d\x23", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* authorityKeyIdentifier */
	EXTENSION("\x55\x1d\x11", ORIGIN_ANY, false, CM_POLICY_NOT_SPECIAL),	/* subjectAltName */
	EXTENSION("\x55\x1d\x1f", ORIGIN_ANY, false, CM_POLICY_CRL),	/* cRLDistributionPoints */
	EXTENSION("\x55\x1d\x2e", ORIGIN_ANY, false, CM_POLICY_FRESHEST_CRL),
	EXTENSION("\x2b\x06\x01\x05\x05\x07\x01\x01", ORIGIN_ANY, false, CM_POLICY_ACCESS),	/* authorityInfoAccess */
	EXTENSION("\x55\x1d\x20", ORIGIN_ASKED, false, CM_POLICY_POLICIES),
	EXTENSION("\x2b\x06\x01\x05\x05\x07\x01\x18", ORIGIN_ASKED, false, CM_POLICY_TLS_FEATURE),	/* RFC 7633 */
	EXTENSION("\x55\x1d\x38", ORIGIN_ASKED, false, CM_POLICY_NO_REV_AVAIL),	/* RFC 9608 */
	EXTENSION("\x55\x1d\x1e", ORIGIN_ASKED, true, CM_POLICY_NAME_CONSTRAINTS),
	EXTENSION("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02", ORIGIN_FOREIGN, false, CM_POLICY_NOT_SPECIAL),	/* SCT list, 1.3.6.1.4.1.11129.2.4.2 */
	EXTENSION("\x55\x1d\x12", ORIGIN_FOREIGN, false, CM_POLICY_NOT_SPECIAL),	/* issuerAltName */
	/* What a parent elsewhere may restrict its subordinate by: they only ever take something away. */
	EXTENSION("\x55\x1d\x21", ORIGIN_FOREIGN, true, CM_POLICY_NOT_SPECIAL),	/* policyMappings */
	EXTENSION("\x55\x1d\x24", ORIGIN_FOREIGN, true, CM_POLICY_NOT_SPECIAL),	/* policyConstraints */
	EXTENSION("\x55\x1d\x36", ORIGIN_FOREIGN, true, CM_POLICY_NOT_SPECIAL),	/* inhibitAnyPolicy */
};

/* One of the policy's own extensions, with the same criticality and value. */
static bool
is_listed(CmSlice listed, const CmExtension *ext)
{
	CmExtension other;

	while (cm_extension_next(&listed, &other))
	{
		if (cm_slice_equal(other.oid, ext->oid))
			return other.critical == ext->critical && cm_slice_equal(other.value, ext->value);
	}
	return false;
}

static bool
is_known(CmPolicyCheck *check, const CmExtension *ext)
{
	size_t		i;

	for (i = 0; i < sizeof(known_extensions) / sizeof(known_extensions[0]); i++)
	{
		const KnownExtension *known = &known_extensions[i];

		if (!cm_slice_equal(ext->oid, cm_slice(known->oid, known->len)))
			continue;
		check->special[known->special] = *ext;
		check->has[known->special] = true;
		if (check->policy->foreign)
			return !known->foreign_ca_only || check->policy->ca;
		if (known->origin != ORIGIN_FOREIGN)
			return true;
		break;
	}
	/* CAs put in what they like, such as step-ca the name of its provisioner: it may be ignored unless it is critical (RFC 5280 4.2). */
	if (check->policy->foreign && !ext->critical)
		return true;
	return is_listed(check->policy->extensions, ext);
}

/* A SEQUENCE with exactly this content, which is there when there is any; or an additional extension that the policy lists. */
static bool
is_as_asked(const CmPolicyCheck *check, CmPolicySpecial special, CmSlice content)
{
	CmSlice		value = check->special[special].value;
	CmDer		list;

	if (!check->has[special])
		return content.len == 0;
	if (content.len == 0)
		return is_listed(check->policy->extensions, &check->special[special]);
	return cm_der_expect(&value, CM_DER_SEQUENCE, &list) && value.len == 0 && cm_slice_equal(list.content, content);
}

/* A method 1.3.6.1.5.5.7.48.1 among the AccessDescriptions. */
static bool
has_ocsp_address(const CmPolicyCheck *check)
{
	CmSlice		ocsp = cm_slice("\x2b\x06\x01\x05\x05\x07\x30\x01", 8);
	CmSlice		value = check->special[CM_POLICY_ACCESS].value;
	CmDer		list;
	CmDer		access;
	CmDer		method;

	if (!check->has[CM_POLICY_ACCESS] || !cm_der_expect(&value, CM_DER_SEQUENCE, &list))
		return false;
	while (cm_der_next(&list.content, &access))
	{
		if (cm_der_next(&access.content, &method) && cm_slice_equal(method.content, ocsp))
			return true;
	}
	return false;
}

/* RFC 9608 4: a certificate that is never revoked says so, and does not say where its revocation would be found. */
static bool
check_no_rev_avail(const CmPolicyCheck *check)
{
	const CmExtension *ext = &check->special[CM_POLICY_NO_REV_AVAIL];
	bool		there = check->has[CM_POLICY_NO_REV_AVAIL];

	if (there != check->policy->no_rev_avail)
		return cm_policy_deny(check, there ? "It says that it is never revoked (noRevAvail)." : "The extension noRevAvail is missing.");
	if (!there)
		return true;
	if (check->cert.ca)
		return cm_policy_deny(check, "The certificate of a CA must be revocable (noRevAvail).");
	if (ext->critical || !cm_slice_equal(ext->value, cm_slice("\x05\x00", 2)))
		return cm_policy_deny(check, "The extension noRevAvail is malformed.");
	if (check->has[CM_POLICY_CRL] || check->has[CM_POLICY_FRESHEST_CRL] || has_ocsp_address(check))
		return cm_policy_deny(check, "It is never revoked (noRevAvail), but says where a CRL or an OCSP responder is.");
	return true;
}

/* Each of the additional ones that the policy lists. */
static bool
check_listed(const CmPolicyCheck *check)
{
	CmSlice		rest = check->policy->extensions;
	char		shown[CM_POLICY_OID_TEXT_MAX];
	CmExtension ext;

	while (cm_extension_next(&rest, &ext))
	{
		if (!is_listed(check->cert.extensions, &ext))
			return cm_policy_deny(check, "Extension %s is missing, or not as it must be.", cm_policy_show_oid(ext.oid, shown));
	}
	return true;
}

/* What the policy says must be there as it is there, or else must not be there. */
static bool
check_special(const CmPolicyCheck *check)
{
	const CmPolicy *policy = check->policy;
	/* SEQUENCE OF INTEGER { status_request(5) }; its content. */
	CmSlice		staple = policy->must_staple ? cm_slice("\x02\x01\x05", 3) : cm_slice(NULL, 0);

	if (policy->foreign)
		return true;
	if (!is_as_asked(check, CM_POLICY_POLICIES, policy->policies))
		return cm_policy_deny(check, "The certificate policies are not the ones that were asked for.");
	if (!is_as_asked(check, CM_POLICY_NAME_CONSTRAINTS, policy->name_constraints))
		return cm_policy_deny(check, "The name constraints are not the ones that were asked for.");
	if (check->has[CM_POLICY_NAME_CONSTRAINTS] && (!check->special[CM_POLICY_NAME_CONSTRAINTS].critical || !check->cert.ca))
		return cm_policy_deny(check, "Name constraints must be critical, and belong to CA certificates.");
	if (!is_as_asked(check, CM_POLICY_TLS_FEATURE, staple))
		return cm_policy_deny(check, "The TLS feature extension (must-staple) is not as it was asked for.");
	return check_listed(check) && check_no_rev_avail(check);
}

bool
cm_policy_check_constraints(const CmPolicyCheck *check)
{
	CmStatus	inner = CM_STATUS_INIT;
	CmSlice		rest = check->policy->issuer_constraints;
	CmDer		one;

	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &one))
			return cm_policy_deny(check, "The name constraints of an issuer are malformed.");
		if (cm_constraints_allow(one.content, check->cert.subject, cm_slice(check->sans.data, check->sans.len), &inner))
			continue;
		if (inner.code == CM_MEMORY)
			return cm_fail(check->st, CM_MEMORY, "out of memory");
		return cm_policy_deny(check, "%s", inner.detail[0] != '\0' ? inner.detail : "The name constraints of an issuer are malformed.");
	}
	return true;
}

/* RFC 5280 says of these when they are critical; for certificates that we make it is a must. */
static bool
check_critical(const CmPolicyCheck *check, const CmExtension *ext)
{
	bool		empty_subject = check->cert.subject.len == 2;

	if (check->policy->foreign || ext->oid.len != 3)
		return true;
	if (ext->oid.data[2] == 37 && ext->critical != check->policy->ext_key_usage_critical)
		return cm_policy_deny(check, ext->critical ? "The extended key usage is critical." : "The extended key usage is not critical.");
	if (ext->oid.data[2] == 19 && check->cert.ca && !ext->critical)
		return cm_policy_deny(check, "The basic constraints of a CA certificate are not critical.");
	if (ext->oid.data[2] == 15 && !ext->critical)
		return cm_policy_deny(check, "The key usage is not critical.");
	if (ext->oid.data[2] == 17 && ext->critical != empty_subject)
		return cm_policy_deny(check, empty_subject ? "The subject alternative names are not critical although the subject is empty." :
					"The subject alternative names are critical although there is a subject.");
	return true;
}

bool
cm_policy_check_extensions(CmPolicyCheck *check)
{
	CmSlice		poison = cm_slice("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03", 10);
	CmSlice		rest = check->cert.extensions;
	char		shown[CM_POLICY_OID_TEXT_MAX];
	CmExtension ext;

	while (rest.len > 0)
	{
		if (!cm_extension_next(&rest, &ext))
			return cm_policy_deny(check, "An extension is unreadable.");
		if (cm_slice_equal(ext.oid, poison))
			return cm_policy_deny(check, "It is a precertificate (extension 1.3.6.1.4.1.11129.2.4.3).");
		if (!is_known(check, &ext))
			return cm_policy_deny(check, "Extension %s%s is not among the allowed ones.", cm_policy_show_oid(ext.oid, shown),
						ext.critical ? " (critical)" : "");
		if (!check_critical(check, &ext))
			return false;
	}
	return check_special(check);
}
