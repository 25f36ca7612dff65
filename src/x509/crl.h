/*
 * crl.h - certificate revocation lists (RFC 5280 5), written as a stream: no
 * object per entry, one signature at the end.
 */
#ifndef CM_X509_CRL_H
#define CM_X509_CRL_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"
#include "crypto/key.h"

typedef struct CmCrl
{
	CmSlice		issuer;			/* Name, whole */
	CmSlice		authority_key_id;
	CmKeyAlg	issuer_alg;
	uint64_t	number;			/* CRLNumber */
	int64_t		this_update;
	int64_t		next_update;
	/* private to crl.c */
	CmBuf		entries;
	size_t		count;
} CmCrl;

/* Reason codes, RFC 5280 5.3.1: "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise"; "removeFromCRL" is not one a person can give. */
extern bool cm_crl_reason_parse(const char *name, int *code, CmStatus *st);

/* The name of a code of RFC 5280 5.3.1; NULL for codes that cm_crl_reason_parse does not give. */
extern const char *cm_crl_reason_name(int code);

extern void cm_crl_begin(CmCrl *crl);	/* after the fields above are set */
extern bool cm_crl_add(CmCrl *crl, CmSlice serial, int64_t revoked_at, int reason, CmStatus *st);	/* reason 0 is left out (5.3.1) */
extern bool cm_crl_finish(CmCrl *crl, const CmKey *issuer, CmBuf *der, CmStatus *st);	/* once; gives the entries back */
extern void cm_crl_free(CmCrl *crl);

#endif
