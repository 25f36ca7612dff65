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

struct CmCrlBase;

typedef struct CmCrl
{
	CmSlice		issuer;			/* Name, whole */
	CmSlice		authority_key_id;
	CmKeyAlg	issuer_alg;
	uint64_t	number;			/* CRLNumber */
	int64_t		this_update;
	int64_t		next_update;
	CmSlice		distribution_point; /* GeneralNames content of the issuing distribution point; empty: the list covers everything */
	bool		only_ca;		/* onlyContainsCACerts */
	bool		only_user;		/* onlyContainsUserCerts; not both */
	CmSlice		freshest;		/* GeneralNames content: where the delta is; empty: there is none */
	bool		delta;
	uint64_t	base_number;	/* of a delta */
	struct CmCrlBase *base;		/* what a delta leaves out, or NULL */
	size_t		prefix;			/* octets in front of the list that are the caller's own (a length word) */
	/* private to crl.c */
	CmBuf		list;
	size_t		head;			/* where the entries begin */
	size_t		count;
} CmCrl;

typedef struct CmCrlEntry
{
	CmSlice		serial;			/* big endian */
	int64_t		revoked_at;
	int			reason;			/* 0 is left out (RFC 5280 5.3.1); 8, removeFromCRL, in a delta only */
	bool		has_invalidity;
	int64_t		invalid_since;
} CmCrlEntry;

/* Reason codes, RFC 5280 5.3.1: "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise"; "removeFromCRL" is not one a person can give. */
extern bool cm_crl_reason_parse(const char *name, int *code, CmStatus *st);

/* The name of a code of RFC 5280 5.3.1; NULL for codes that cm_crl_reason_parse does not give. */
extern const char *cm_crl_reason_name(int code);

extern void cm_crl_begin(CmCrl *crl);	/* after the fields above are set */
extern bool cm_crl_add(CmCrl *crl, CmCrlEntry entry, CmStatus *st);
/* Once. der gets the memory of the list: prefix octets without meaning, then the CRL. */
extern bool cm_crl_finish(CmCrl *crl, const CmKey *issuer, CmBuf *der, CmStatus *st);
extern void cm_crl_free(CmCrl *crl);

/* ---- a complete CRL as the base of a delta (crl_base.c) ---- */

typedef struct CmCrlBase
{
	uint64_t	number;
	int64_t		this_update;
	struct CmCrlBase *newer;	/* a later complete CRL that clients may have instead, or NULL: kept by the caller */
	/* private to crl_base.c */
	CmSlice		entries;
	uint32_t   *offsets;		/* of the entries, in the order of their serials */
	uint8_t    *seen;			/* a bit an entry */
	size_t		count;
	size_t		next;			/* where the next one is expected: lists are written in one order */
} CmCrlBase;

/* Reads a CRL of ours; der must stay where it is. */
extern bool cm_crl_base_read(CmCrlBase *base, CmSlice der, CmStatus *st);
/* Is this very entry in it? Marks the serial as seen. */
extern bool cm_crl_base_has(CmCrlBase *base, CmSlice serial, CmSlice entry);
/* Takes the next serial that was not seen: it was released, or expired. pos begins with 0. */
extern bool cm_crl_base_unseen(const CmCrlBase *base, size_t *pos, CmSlice *serial);
extern void cm_crl_base_free(CmCrlBase *base);

#endif
