/*
 * ca_sign.h - certificates of CAs: built, checked, signed at once, and put
 * into the inventory.
 */
#ifndef CM_LIFECYCLE_CA_SIGN_H
#define CM_LIFECYCLE_CA_SIGN_H

#include "lifecycle/cache.h"
#include "lifecycle/template.h"
#include "x509/certificate.h"

typedef struct CmCaSign
{
	const char *name;			/* of the CA that gets it */
	CmSlice		subject;		/* Name, whole */
	CmSlice		spki;
	const CmIssuer *issuer;		/* NULL: self-signed */
	const CmKey *key;			/* when self-signed */
	int			shard;			/* of the issuer's CRL; -1: none */
	const Interval *lifetime;	/* asked for: without a template never shortened by more than a day */
	int64		seconds;		/* when lifetime is NULL: that long, or as long as the issuer lasts */
	int			path_length;	/* -1: none */
	uint32_t	key_usage;		/* besides those that every CA has */
	/* contents of extensions, empty: none */
	CmSlice		sans;
	CmSlice		ext_key_usage;
	bool		ext_key_usage_critical;
	CmSlice		policies;
	CmSlice		name_constraints;
	CmSlice		extensions;		/* whole ones */
	const CmTemplateEntry *template;	/* rules that it must keep besides, or NULL */
} CmCaSign;

/* What a certificate restricts its holder to goes into the next one: path length, usages, policies, constraints, and every extension that is not made anew. */
extern void cm_ca_sign_like(CmCaSign *sign, const CmCertificate *old);
/* Rules of a template for CAs; throws when it is none, or not for the issuer. */
extern void cm_ca_sign_by_template(CmCaSign *sign, const char *template);
/* Throws when the issuer does not allow this path length. */
extern void cm_ca_sign_check_path(const CmCaSign *sign);
extern void cm_ca_sign(const CmCaSign *sign, CmBuf *der);

/* Row and body of a CA certificate, whoever signed it; one that is there already is used. Returns its id. */
extern int64 cm_ca_certificate_put(int64 issuing_ca, int64 issuer_id, int shard, CmSlice der, CmSlice chain, int64 renewed_from, const char *actor);

#endif
