/*
 * policy.h - the one check of what may be issued (DESIGN, law L6).
 *
 * It reads the finished TBS, whatever path built it: our own builder, a CSR, a renewal, the answer of an external CA. Every extension that it does not know is
 * refused. The failing status has code CM_POLICY and a detail that names the
 * offending value and what would be allowed.
 *
 * A certificate without a usage extension is good for every use, so it is refused where the policy allows some usages only. Every CN that a
 * client could take for a host is checked against the SANs, unless the subject is prescribed.
 */
#ifndef CM_X509_POLICY_H
#define CM_X509_POLICY_H

#include "base/der.h"
#include "base/status.h"
#include "crypto/key.h"

typedef struct CmPolicy
{
	const char *holder;			/* for messages: subscriber "web" */
	bool		check_subject;
	CmSlice		subject;		/* Name that the certificate must have, when check_subject */
	bool		check_common_names; /* hosts in a prescribed subject, too, must be among the names, where the certificate is good for servers: the subject was not an operator's choice */
	bool		check_sans;
	CmSlice		sans;			/* every name of the certificate must be one of these, when check_sans */
	bool		all_sans;		/* and each of these must be there */
	uint32_t	key_usage;		/* allowed bits */
	CmSlice		ext_key_usage;	/* allowed OIDs */
	bool		any_usage;		/* usages are not checked (external CAs set their own) */
	uint32_t	key_algs;		/* CM_KEY_ALG_BIT set; 0: any that is not weak */
	bool		ca;				/* must be a CA certificate, or must not be one */
	int			max_path_length;	/* for a CA certificate: -1 = any */
	int64_t		not_before;		/* earliest */
	int64_t		not_after;		/* latest: the issuer's own, or the longest lifetime */
	CmSlice		spki;			/* must be this key; empty: any */
	CmSlice		issuer;			/* must be this Name; empty: any */
	CmSlice		authority_key_id;	/* must be this; empty: any */
	/* What must be there byte for byte, and must not be there when it is empty or false (not looked at in a foreign certificate). */
	CmSlice		policies;		/* content of CertificatePolicies */
	CmSlice		name_constraints;	/* content of NameConstraints, its own */
	CmSlice		extensions;		/* Extension values: each of them, and no others that this file does not know */
	bool		must_staple;
	bool		no_rev_avail;
	bool		ext_key_usage_critical;
	CmSlice		issuer_constraints; /* NameConstraints of all issuers, whole, one after the other, each of which the names must keep to; empty: none */
	const struct CmTemplate *template;	/* rules that it must keep besides; NULL: none */
	bool		foreign;		/* certificate of an external CA: extensions such as SCTs, certificatePolicies and unknown ones that are not critical are accepted */
} CmPolicy;

extern bool cm_policy_check(CmSlice tbs, const CmPolicy *policy, CmStatus *st);

#endif
