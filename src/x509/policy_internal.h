/*
 * policy_internal.h - what policy.c and policy_extension.c share; nobody else includes it.
 */
#ifndef CM_X509_POLICY_INTERNAL_H
#define CM_X509_POLICY_INTERNAL_H

#include "base/buf.h"
#include "x509/certificate.h"
#include "x509/policy.h"

/* Dotted OIDs in messages. */
#define CM_POLICY_OID_TEXT_MAX 128

/* Extensions that are looked at again after all were seen once. */
typedef enum CmPolicySpecial
{
	CM_POLICY_NOT_SPECIAL = 0,
	CM_POLICY_POLICIES,
	CM_POLICY_NAME_CONSTRAINTS,
	CM_POLICY_NO_REV_AVAIL,
	CM_POLICY_TLS_FEATURE,
	CM_POLICY_CRL,
	CM_POLICY_FRESHEST_CRL,
	CM_POLICY_ACCESS,
	CM_POLICY_SPECIAL_COUNT
} CmPolicySpecial;

/* What the checks hand on to each other. */
typedef struct CmPolicyCheck
{
	const CmPolicy *policy;
	CmCertificate cert;
	CmBuf		sans;			/* the certificate's names, canonical */
	CmExtension special[CM_POLICY_SPECIAL_COUNT];
	bool		has[CM_POLICY_SPECIAL_COUNT];
	CmStatus   *st;
} CmPolicyCheck;

/* Fills the status with CM_POLICY, whom it is not allowed for, and the detail; returns false. */
extern bool cm_policy_deny(const CmPolicyCheck *check, const char *fmt,...) CM_PRINTF(2, 3);
extern const char *cm_policy_show_oid(CmSlice oid, char shown[CM_POLICY_OID_TEXT_MAX]);

/* Of policy_extension.c. */
extern bool cm_policy_check_extensions(CmPolicyCheck *check);
extern bool cm_policy_check_constraints(const CmPolicyCheck *check);

#endif
