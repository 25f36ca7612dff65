/*
 * certificate.h - reading certificates that already are: our own and foreign ones.
 */
#ifndef CM_X509_CERTIFICATE_H
#define CM_X509_CERTIFICATE_H

#include "base/der.h"
#include "base/status.h"
#include "crypto/key.h"

/* Slices into the DER that was parsed; it must stay where it is. */
typedef struct CmCertificate
{
	CmSlice		der;
	CmSlice		tbs;
	CmSlice		serial;			/* content of the INTEGER */
	CmSlice		signature_alg;	/* AlgorithmIdentifier, whole */
	CmSlice		issuer;			/* Name, whole */
	CmSlice		subject;		/* Name, whole */
	CmSlice		spki;			/* whole */
	CmKeyAlg	key_alg;
	int64_t		not_before;
	int64_t		not_after;
	bool		ca;
	int			path_length;	/* -1: none */
	bool		has_key_usage;
	uint32_t	key_usage;
	CmSlice		ext_key_usage;	/* content of ExtKeyUsageSyntax, or empty */
	CmSlice		sans;			/* content of GeneralNames, or empty */
	CmSlice		subject_key_id; /* or empty */
	CmSlice		authority_key_id;
	CmSlice		extensions;		/* content of the Extensions SEQUENCE */
	CmSlice		signature;		/* bits; empty when only a TBS was parsed */
} CmCertificate;

/* One extension; value is the content of extnValue. */
typedef struct CmExtension
{
	CmSlice		oid;			/* content of the OID */
	bool		critical;
	CmSlice		value;
} CmExtension;

/* Takes the next one off CmCertificate.extensions; false at the end. */
extern bool cm_extension_next(CmSlice *rest, CmExtension *out);

extern bool cm_certificate_parse(CmSlice der, CmCertificate *out, CmStatus *st);	/* RFC 5280 v3, strict; duplicate extensions refused */
extern bool cm_tbs_parse(CmSlice tbs, CmCertificate *out, CmStatus *st);
/* Was this certificate signed by that issuer: names equal, key identifiers fit, issuer is a CA with keyCertSign, the signature verifies. */
extern bool cm_certificate_issued_by(const CmCertificate *cert, const CmCertificate *issuer, CmStatus *st);
/* PEM bundle or single DER into concatenated DER certificates; at most max. */
extern bool cm_certificates_from_text(CmSlice text, int max, CmBuf *ders, int *count, CmStatus *st);

#endif
