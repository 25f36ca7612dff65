/*
 * lint_key.c - rules of lint.h about the key and what it may do: key
 * identifiers, basic constraints, usages. Pure functions for any process.
 */
#include "x509/lint_internal.h"

#include "x509/usage.h"

#define IN const CmLintInput *in	/* every rule looks at this and at nothing else */

static bool
is_ca(IN)
{
	return in->cert.ca;
}

static bool
has_ku(IN, uint32_t bits)
{
	return in->cert.has_key_usage && (in->cert.key_usage & bits) != 0;
}

/* ---- key identifiers ---- */

static bool
ca_without_ski(IN)
{
	return is_ca(in) && in->cert.subject_key_id.len == 0;
}

static bool
leaf_without_ski(IN)
{
	return !is_ca(in) && in->cert.subject_key_id.len == 0;
}

static bool
without_aki(IN)
{
	return !in->self_issued && in->cert.authority_key_id.len == 0;
}

static bool
aki_critical(IN)
{
	return in->ext[CM_EXT_AUTHORITY_KEY_ID].critical;
}

static bool
ski_critical(IN)
{
	return in->ext[CM_EXT_SUBJECT_KEY_ID].critical;
}

/* ---- basic constraints and key usage ---- */

static bool
cert_sign_without_ca(IN)
{
	return has_ku(in, CM_KU_KEY_CERT_SIGN) && !is_ca(in);
}

static bool
ca_constraints_not_critical(IN)
{
	return is_ca(in) && !in->ext[CM_EXT_BASIC_CONSTRAINTS].critical;
}

static bool
path_length_without_sign(IN)
{
	return in->cert.path_length >= 0 && !has_ku(in, CM_KU_KEY_CERT_SIGN);
}

static bool
ca_without_ku(IN)
{
	return is_ca(in) && !in->cert.has_key_usage;
}

static bool
ca_cannot_sign(IN)
{
	return is_ca(in) && in->cert.has_key_usage && !has_ku(in, CM_KU_KEY_CERT_SIGN);
}

static bool
ca_cannot_sign_crl(IN)
{
	return is_ca(in) && in->cert.has_key_usage && !has_ku(in, CM_KU_CRL_SIGN);
}

static bool
ku_not_critical(IN)
{
	return in->cert.has_key_usage && !in->ext[CM_EXT_KEY_USAGE].critical;
}

static bool
ku_only_without_agreement(IN)
{
	return has_ku(in, CM_KU_ENCIPHER_ONLY | CM_KU_DECIPHER_ONLY) && !has_ku(in, CM_KU_KEY_AGREEMENT);
}

static bool
ku_rsa_agreement(IN)
{
	return cm_key_alg_is_rsa(in->cert.key_alg) && has_ku(in, CM_KU_KEY_AGREEMENT | CM_KU_ENCIPHER_ONLY | CM_KU_DECIPHER_ONLY);
}

static bool
ku_ec_encipherment(IN)
{
	return in->cert.key_alg >= CM_KEY_EC_P256 && in->cert.key_alg <= CM_KEY_EC_P521 &&
		has_ku(in, CM_KU_KEY_ENCIPHERMENT | CM_KU_DATA_ENCIPHERMENT);
}

/* EdDSA, ML-DSA and SLH-DSA sign, and that is all. */
static bool
ku_sign_only(IN)
{
	return in->cert.key_alg >= CM_KEY_ED25519 && in->cert.key_alg <= CM_KEY_SLH_DSA_SHA2_256F &&
		has_ku(in, CM_KU_KEY_ENCIPHERMENT | CM_KU_DATA_ENCIPHERMENT | CM_KU_KEY_AGREEMENT | CM_KU_ENCIPHER_ONLY | CM_KU_DECIPHER_ONLY);
}

/* ---- extended key usage ---- */

static bool
eku_any(IN)
{
	return cm_lint_eku(in, (const uint8_t[]) {0x55, 0x1d, 37, 0}, 4);
}

static bool
eku_any_critical(IN)
{
	return eku_any(in) && in->ext[CM_EXT_EXT_KEY_USAGE].critical;
}

static bool
eku_any_tls(IN)
{
	return eku_any(in) && (CM_LINT_EKU(in, CM_KP_SERVER_AUTH) || CM_LINT_EKU(in, CM_KP_CLIENT_AUTH));
}

/* RFC 5280 4.2.1.12 names for each purpose the bits that are consistent with it. */
static bool
needs_bits(IN, uint8_t purpose, uint32_t bits)
{
	return !is_ca(in) && in->cert.has_key_usage && cm_lint_eku(in, (const uint8_t[]) {0x2b, 6, 1, 5, 5, 7, 3, purpose}, 8) && !has_ku(in, bits);
}

static bool
server_usage(IN)
{
	return needs_bits(in, CM_KP_SERVER_AUTH, CM_KU_DIGITAL_SIGNATURE | CM_KU_KEY_ENCIPHERMENT | CM_KU_KEY_AGREEMENT);
}

static bool
client_usage(IN)
{
	return needs_bits(in, CM_KP_CLIENT_AUTH, CM_KU_DIGITAL_SIGNATURE | CM_KU_KEY_AGREEMENT);
}

static bool
code_usage(IN)
{
	return needs_bits(in, CM_KP_CODE_SIGNING, CM_KU_DIGITAL_SIGNATURE);
}

static bool
email_usage(IN)
{
	return needs_bits(in, CM_KP_EMAIL_PROTECTION, CM_KU_DIGITAL_SIGNATURE | CM_KU_CONTENT_COMMITMENT | CM_KU_KEY_ENCIPHERMENT | CM_KU_KEY_AGREEMENT);
}

static bool
stamp_usage(IN)
{
	return needs_bits(in, CM_KP_TIME_STAMPING, CM_KU_DIGITAL_SIGNATURE | CM_KU_CONTENT_COMMITMENT);
}

static bool
ocsp_usage(IN)
{
	return needs_bits(in, CM_KP_OCSP_SIGNING, CM_KU_DIGITAL_SIGNATURE | CM_KU_CONTENT_COMMITMENT);
}

static int
eku_count(IN)
{
	CmSlice		rest = in->cert.ext_key_usage;
	CmDer		v;
	int			n = 0;

	while (cm_der_next(&rest, &v))
		n++;
	return n;
}

static bool
stamp_alone(IN)
{
	return !is_ca(in) && CM_LINT_EKU(in, CM_KP_TIME_STAMPING) && (eku_count(in) != 1 || !in->ext[CM_EXT_EXT_KEY_USAGE].critical);
}

static bool
ocsp_without_nocheck(IN)
{
	return !is_ca(in) && CM_LINT_EKU(in, CM_KP_OCSP_SIGNING) && in->ocsp_nocheck.value.data == NULL;
}

static bool
nocheck_without_ocsp(IN)
{
	return in->ocsp_nocheck.value.data != NULL && !CM_LINT_EKU(in, CM_KP_OCSP_SIGNING);
}

static bool
eku_repeated(IN)
{
	CmSlice		rest = in->cert.ext_key_usage;
	CmDer		v;
	CmDer		other;
	int			looked = 0;

	while (looked++ < CM_LINT_REPEATED_MAX && cm_der_next(&rest, &v))
	{
		CmSlice		behind = rest;
		int			n = 0;

		while (n++ < CM_LINT_REPEATED_MAX && cm_der_next(&behind, &other))
		{
			if (cm_slice_equal(v.whole, other.whole))
				return true;
		}
	}
	return false;
}

const CmLintRule cm_lint_key_rules[] = {
	{"ca_without_subject_key_id", CM_LINT_ERROR, "RFC 5280 4.2.1.2", "a CA certificate has no subject key identifier", ca_without_ski},
	{"leaf_without_subject_key_id", CM_LINT_NOTICE, "RFC 5280 4.2.1.2", "there is no subject key identifier", leaf_without_ski},
	{"without_authority_key_id", CM_LINT_ERROR, "RFC 5280 4.2.1.1", "there is no authority key identifier", without_aki},
	{"authority_key_id_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.1", "the authority key identifier is critical", aki_critical},
	{"subject_key_id_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.2", "the subject key identifier is critical", ski_critical},
	{"key_usage_cert_sign_leaf", CM_LINT_ERROR, "RFC 5280 4.2.1.9", "keyCertSign is set in a certificate that is not a CA's", cert_sign_without_ca},
	{"basic_constraints_not_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.9", "basicConstraints of a CA are not critical", ca_constraints_not_critical},
	{"path_length_without_cert_sign", CM_LINT_ERROR, "RFC 5280 4.2.1.9", "there is a path length without keyCertSign", path_length_without_sign},
	{"ca_without_key_usage", CM_LINT_ERROR, "RFC 5280 4.2.1.3", "a CA certificate has no key usage", ca_without_ku},
	{"ca_without_cert_sign", CM_LINT_ERROR, "RFC 5280 4.2.1.9", "key usage of a CA lacks keyCertSign", ca_cannot_sign},
	{"ca_without_crl_sign", CM_LINT_WARNING, "CA/B BR 7.1.2.10.7", "key usage of a CA lacks cRLSign", ca_cannot_sign_crl},
	{"key_usage_not_critical", CM_LINT_WARNING, "RFC 5280 4.2.1.3", "key usage is not critical", ku_not_critical},
	{"key_usage_only_without_agreement", CM_LINT_ERROR, "RFC 5280 4.2.1.3", "encipherOnly or decipherOnly is set without keyAgreement", ku_only_without_agreement},
	{"key_usage_rsa_agreement", CM_LINT_ERROR, "RFC 3279 2.3.1", "keyAgreement is set for an RSA key", ku_rsa_agreement},
	{"key_usage_ec_encipherment", CM_LINT_ERROR, "RFC 8813 3", "keyEncipherment or dataEncipherment is set for an EC key", ku_ec_encipherment},
	{"key_usage_sign_only", CM_LINT_ERROR, "RFC 8410 5, RFC 9881 5", "encipherment or agreement is set for a key that can sign only", ku_sign_only},
	{"ext_key_usage_repeated", CM_LINT_NOTICE, "RFC 5280 4.2.1.12", "extended key usage holds a purpose twice", eku_repeated},
	{"ext_key_usage_any_critical", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "anyExtendedKeyUsage is critical", eku_any_critical},
	{"ext_key_usage_any_tls", CM_LINT_WARNING, "CA/B BR 7.1.2.7.10", "anyExtendedKeyUsage stands beside a TLS purpose", eku_any_tls},
	{"usage_tls_server", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "key usage allows nothing that serverAuth needs", server_usage},
	{"usage_tls_client", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "key usage allows nothing that clientAuth needs", client_usage},
	{"usage_code_signing", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "codeSigning without digitalSignature", code_usage},
	{"usage_email", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "key usage allows nothing that emailProtection needs", email_usage},
	{"usage_time_stamping", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "timeStamping without digitalSignature", stamp_usage},
	{"usage_ocsp_signing", CM_LINT_WARNING, "RFC 5280 4.2.1.12", "OCSPSigning without digitalSignature", ocsp_usage},
	{"time_stamping_alone", CM_LINT_ERROR, "RFC 3161 2.3", "timeStamping is not the only purpose, or extended key usage is not critical", stamp_alone},
	{"ocsp_signing_nocheck", CM_LINT_WARNING, "RFC 6960 4.2.2.2.1", "an OCSP signer has no id-pkix-ocsp-nocheck", ocsp_without_nocheck},
	{"nocheck_without_ocsp_signing", CM_LINT_ERROR, "RFC 6960 4.2.2.2.1", "id-pkix-ocsp-nocheck without OCSPSigning", nocheck_without_ocsp},
};
const int	cm_lint_key_count = sizeof(cm_lint_key_rules) / sizeof(cm_lint_key_rules[0]);
