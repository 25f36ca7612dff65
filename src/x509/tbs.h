/*
 * tbs.h - building a TBSCertificate (RFC 5280 4.1) and signing it.
 *
 * Written straight as DER: OpenSSL's X509 objects cost more than the signature
 * (../notes: 3.2k/s against 33k/s). What is written is read back by policy.c,
 * which shares no code with this file but the DER reader.
 */
#ifndef CM_X509_TBS_H
#define CM_X509_TBS_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"
#include "crypto/key.h"
#include "x509/url.h"

#define CM_SERIAL_SIZE 20		/* RFC 5280 4.1.2.2: at most 20 octets */

typedef struct CmTbs
{
	CmSlice		serial;			/* big endian, positive */
	CmKeyAlg	issuer_alg;		/* of the issuer's key */
	CmSlice		signature_algorithm;	/* AlgorithmIdentifier; empty: what such a key signs with by default */
	CmSlice		issuer;			/* Name DER, the issuer certificate's subject byte for byte */
	CmSlice		subject;		/* Name DER */
	CmSlice		spki;
	int64_t		not_before;
	int64_t		not_after;		/* inclusive (RFC 5280 4.1.2.5) */
	bool		ca;
	int			path_length;	/* -1: none */
	uint32_t	key_usage;		/* CM_KU_ bits; 0: no extension */
	CmSlice		ext_key_usage;	/* content of ExtKeyUsageSyntax; empty: no extension */
	CmSlice		sans;			/* content of GeneralNames; critical when the subject is empty */
	CmSlice		authority_key_id;	/* key identifier; empty: no extension */
	CmSlice		subject_key_id; /* empty: made by RFC 5280 4.2.1.2 method 1 */
	/* Addresses: one or more, with placeholders (url.h). NULL: none. */
	const char *ca_issuers_url; /* AIA */
	const char *ocsp_url;
	const char *crl_url;		/* CRLDistributionPoints */
	const char *freshest_crl_url;	/* FreshestCRL: where the delta is */
	CmUrlValues url_values;		/* {serial} and {issuer} are filled in from above */
	bool		ext_key_usage_critical; /* RFC 3161 2.3 wants it of time stamping */
	bool		must_staple;	/* TLS feature status_request (RFC 7633) */
	bool		no_rev_avail;	/* RFC 9608; the addresses of CRL and OCSP are left out then */
	CmSlice		policies;		/* content of CertificatePolicies (certificate_policy.h); empty: no extension */
	CmSlice		name_constraints;	/* content of NameConstraints (constraint.h), critical, of a CA only; empty: none */
	CmSlice		extensions;		/* Extension values, one after the other, that follow those above as they are */
} CmTbs;

/* 20 octets: first 0x01..0x7f (never 0), the rest random: 152 random bits, positive by construction. */
extern bool cm_serial_random(uint8_t serial[CM_SERIAL_SIZE], CmStatus *st);
extern bool cm_tbs_build(const CmTbs *tbs, CmBuf *out, CmStatus *st);
/* Certificate = SEQUENCE { tbs, algorithm, signature }. The algorithm inside tbs must be the key's: CM_MISMATCH otherwise. */
extern bool cm_certificate_sign(const CmKey *issuer, CmSlice tbs, CmBuf *out, CmStatus *st);
/* SHA-1 of the subjectPublicKey BIT STRING's content (RFC 5280 4.2.1.2 method 1). */
extern bool cm_key_identifier(CmSlice spki, uint8_t out[20], CmStatus *st);

#endif
