/*
 * ca_issuer.h - the certificates of CAs (table certmgr.issuer and what it points
 * to), for those who choose among them: renewing, cross-signing, chains.
 */
#ifndef CM_STORE_CA_ISSUER_H
#define CM_STORE_CA_ISSUER_H

#include "base/der.h"
#include "datatype/timestamp.h"

typedef struct CmCaIssuer
{
	int64		certificate_id;
	int64		ca_id;			/* whose issuer it is */
	char	   *ca;
	int64		key_id;
	bool		has_key;		/* false: certificate only, the private part is elsewhere */
	CmSlice		der;
	bool		revoked;
} CmCaIssuer;

/* A certificate that may stand in a chain above another. */
typedef struct CmIssuerLink
{
	int64		certificate_id;
	int64		issuer_id;		/* 0: a root, or signed elsewhere */
	CmSlice		der;
	CmSlice		chain;			/* issuers above it that came from elsewhere */
	CmSlice		manual;			/* what an administrator wants from here on, itself first; empty: nothing said */
	bool		usable;			/* valid now and not revoked */
} CmIssuerLink;

/* A further issuer, not the active one. A second call changes nothing. */
extern void cm_ca_issuer_put(int64 ca_id, int64 certificate_id, int64 key_id);
/* That issuer of that CA; NULL when it is none of it. */
extern CmCaIssuer *cm_ca_issuer_get(int64 ca_id, int64 certificate_id);
/* Certificates of all private CAs. */
extern CmCaIssuer *cm_ca_issuers(int *count);
/* The key of an issuer of that CA that certifies it; 0: none does. */
extern int64 cm_ca_issuer_key(int64 ca_id, CmSlice spki);
extern void cm_ca_issuer_set_chain(int64 ca_id, int64 key_id, CmSlice chain);	/* empty: none */
/* The certificate and what else certifies the same key: the best first (said by an administrator, active, a root, the longest). */
extern CmIssuerLink *cm_issuer_links(int64 certificate_id, int *count);
/* palloc'ed: the certificate and those above it, up to a root, by which each was issued, DER; those that came along from elsewhere, too. As of now, for caches. */
extern CmSlice *cm_ca_issuer_path(int64 certificate_id, int *count);
/* It is in the inventory already: from now on as a CA's own, with its issuer when there was none. */
extern void cm_ca_certificate_claim(int64 certificate_id, int64 issuing_ca, int64 issuer_id);
/* The CA that issued a certificate; 0: elsewhere. */
extern int64 cm_ca_of_certificate(int64 certificate_id);

#endif
