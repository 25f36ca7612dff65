/*
 * csr.h - certification requests (PKCS#10, RFC 2986): made for ACME and for
 * CAs whose parent is elsewhere, read from people who bring their own key.
 */
#ifndef CM_X509_CSR_H
#define CM_X509_CSR_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"
#include "crypto/key.h"

#define CM_CSR_OTHERS_MAX 16	/* extensions besides those below: a request with more is not one that people make */

/* Slices into the CSR's DER. */
typedef struct CmCsr
{
	CmSlice		der;
	CmSlice		subject;		/* Name, whole */
	CmSlice		spki;
	CmKeyAlg	key_alg;
	CmSlice		sans;			/* content of GeneralNames asked for, or empty */
	bool		has_key_usage;
	uint32_t	key_usage;
	CmSlice		ext_key_usage;
	bool		has_basic_constraints;
	bool		ca;
	int			path_length;
	CmSlice		others[CM_CSR_OTHERS_MAX];	/* Extension values that were allowed by name */
	int			other_count;
} CmCsr;

#define CM_CSR_MAX (64 * 1024)	/* octets of DER; an RSA-8192 request with 100 names has about 6 KiB */

/* PEM ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST") or bare DER into DER, appended. */
extern bool cm_csr_from_text(CmSlice text, CmBuf *der, CmStatus *st);
/* Strict: version 0, at most one extensionRequest, no duplicate extension; challengePassword and other attributes are ignored. ECDSA, Ed25519 and RSA PKCS#1 v1.5 with SHA-256/384/512.
 * Names keep their order and bytes (cm_san_canonical makes them comparable); what could not be issued is refused (cm_san_check).
 * Reads it and checks proof of possession (the signature). An extension that is not subjectAltName, keyUsage, extKeyUsage, basicConstraints or subjectKeyIdentifier is refused by name (CM_POLICY). */
extern bool cm_csr_parse(CmSlice der, CmCsr *out, CmStatus *st);
/* The same, but extensions whose OIDs (whole values, one after the other) are listed are taken into others. */
extern bool cm_csr_parse_with(CmSlice der, CmSlice allowed_oids, CmCsr *out, CmStatus *st);
/* Makes one, signed by key. sans: content of GeneralNames or empty. For a CA (ca true) basicConstraints and keyUsage are asked for. */
extern bool cm_csr_build(const CmKey *key, CmSlice subject, CmSlice sans, bool ca, int path_length, CmBuf *der, CmStatus *st);

#endif
