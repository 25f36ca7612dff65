/*
 * lint_internal.h - what the files of lint share: the certificate taken apart
 * once, and the tables of rules.
 */
#ifndef CM_X509_LINT_INTERNAL_H
#define CM_X509_LINT_INTERNAL_H

#include "x509/lint.h"

/* OIDs by the DER of their content. 2.5.29.n are told by n. */
#define CM_EXT_SUBJECT_KEY_ID 14
#define CM_EXT_KEY_USAGE 15
#define CM_EXT_SUBJECT_ALT_NAME 17
#define CM_EXT_BASIC_CONSTRAINTS 19
#define CM_EXT_NAME_CONSTRAINTS 30
#define CM_EXT_CRL_DISTRIBUTION_POINTS 31
#define CM_EXT_CERTIFICATE_POLICIES 32
#define CM_EXT_AUTHORITY_KEY_ID 35
#define CM_EXT_POLICY_CONSTRAINTS 36
#define CM_EXT_EXT_KEY_USAGE 37
#define CM_EXT_FRESHEST_CRL 46
#define CM_EXT_INHIBIT_ANY_POLICY 54
#define CM_EXT_NO_REV_AVAIL 56

struct CmLintInput
{
	CmCertificate cert;
	bool		self_issued;
	uint8_t		not_before_tag;
	uint8_t		not_after_tag;
	/* by the last number of 2.5.29.n; there: value.data != NULL */
	CmExtension ext[64];
	CmExtension authority_info; /* id-pe-authorityInfoAccess */
	CmExtension tls_feature;	/* id-pe-tlsfeature */
	CmExtension ocsp_nocheck;	/* id-pkix-ocsp-nocheck */
	bool		unknown_critical;
	bool		bad_key;		/* refused by cm_key_spki_alg */
};

#define CM_LINT_HAS(in, n) ((in)->ext[n].value.data != NULL)

/* Is this an extended key usage of the certificate? Content of its OID. */
extern bool cm_lint_eku(const CmLintInput *in, const uint8_t *oid, size_t len);
#define CM_LINT_EKU(in, n) cm_lint_eku((in), (const uint8_t[]) {0x2b, 6, 1, 5, 5, 7, 3, (n)}, 8)	/* id-kp n */
#define CM_KP_SERVER_AUTH 1
#define CM_KP_CLIENT_AUTH 2
#define CM_KP_CODE_SIGNING 3
#define CM_KP_EMAIL_PROTECTION 4
#define CM_KP_TIME_STAMPING 8
#define CM_KP_OCSP_SIGNING 9

/* Comparing each with each is quadratic, and a certificate has room for fifty thousand: the first hundred of them. */
#define CM_LINT_REPEATED_MAX 100

extern const CmLintRule cm_lint_core_rules[];
extern const int cm_lint_core_count;
extern const CmLintRule cm_lint_name_rules[];
extern const int cm_lint_name_count;
extern const CmLintRule cm_lint_key_rules[];
extern const int cm_lint_key_count;
extern const CmLintRule cm_lint_extension_rules[];
extern const int cm_lint_extension_count;

#endif
