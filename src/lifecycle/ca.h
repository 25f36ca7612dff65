/*
 * ca.h - private certificate authorities: made, imported, given certificates,
 * renewed, cross-signed, switched off and on, dropped. Runs as certmgr_owner; access was checked.
 */
#ifndef CM_LIFECYCLE_CA_H
#define CM_LIFECYCLE_CA_H

#include "base/der.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

/* No certificate was named: the active one. No id is that small. */
#define CM_ISSUER_ACTIVE PG_INT64_MIN

typedef struct CmCaNew
{
	const char *name;
	const char *parent;			/* NULL: a root, or (external_parent) signed elsewhere */
	bool		root;
	const char *subject;
	const char *key_algorithm;
	const Interval *lifetime;	/* NULL: that of the template */
	int			path_length;	/* -1: none */
	const Interval *crl_lifetime;
	const char *crl_url;
	const char *crl_ca_url;		/* NULL: CA certificates are on the same lists */
	const char *ca_issuers_url;
	const char *ocsp_url;
	const char *signature_algorithm;	/* NULL: the usual one */
	const char *template;		/* NULL: none */
	const char *actor;
} CmCaNew;

typedef struct CmCaImport
{
	CmCaNew		as;				/* name, addresses, lifetime of CRLs, signature_algorithm, actor */
	const char *certificate;	/* PEM, all of these */
	const char *private_key;	/* NULL: certificate only */
	const char *password;
	const char *chain;
} CmCaImport;

typedef struct CmCaRenew
{
	const char *name;
	bool		new_key;
	const Interval *lifetime;	/* NULL: as long as the present one */
	bool		activate;
	const char *key_algorithm;	/* NULL: that of the present key */
	const char *signature_algorithm;
	const char *actor;
} CmCaRenew;

typedef struct CmCrossSign
{
	const char *name;
	const char *by;
	const Interval *lifetime;
	int64		certificate;	/* or CM_ISSUER_ACTIVE */
	int64		by_certificate;
	const char *template;		/* or NULL */
	int			path_length;	/* -1: as it is */
	const char *actor;
} CmCrossSign;

extern int64 cm_ca_create(const CmCaNew *ca);
extern int64 cm_ca_import(const CmCaImport *import);
/* PEM. */
extern char *cm_ca_request(const char *name);
extern int64 cm_ca_install(const char *name, const char *certificate, const char *chain, bool activate, const char *actor);
extern void cm_ca_enable(const char *name, bool enabled, const char *actor);
extern void cm_ca_drop(const char *name, const char *actor);

/* ca_life.c */
/* 0: its issuer is elsewhere. */
extern int64 cm_ca_renew(const CmCaRenew *renew);
extern int64 cm_ca_cross_sign(const CmCrossSign *cross);
extern void cm_ca_activate(const char *name, int64 certificate_id, const char *actor);
/* chain NULL: none any more; certificate_id: whose key, or CM_ISSUER_ACTIVE. */
extern void cm_ca_set_chain(const char *name, const char *chain, int64 certificate_id, const char *actor);

/* Between these files. */
/* The CA issues under it from now on; CRL and OCSP signer follow. */
extern void cm_ca_set_active(int64 ca_id, int64 certificate_id, int64 key_id);
/* Throws when it is no certificate that a CA can use. */
extern void cm_ca_check_certificate(const char *name, const CmCertificate *cert);
/* The issuer of ours that signed it: (self, 0) for a self-signed one, (0, 0) for one of elsewhere. */
extern void cm_ca_find_issuer(const CmCertificate *cert, int64 self, int64 *ca_id, int64 *issuer_id);
/* A CA's certificate and its issuers (ordered), from elsewhere, into the inventory. */
extern int64 cm_ca_put_foreign(int64 ca_id, CmSlice ordered, size_t leaf_len, int64 renewed_from, const char *actor);
/* One certificate is the issuer of one CA: throws when it is that of another one than self. */
extern void cm_ca_check_free(const CmCertificate *cert, int64 self);
/* Of a CA whose key is not here: it is known by that certificate, too, or from now on first (activate). */
extern void cm_ca_put_public(int64 ca_id, int64 certificate_id, const CmCertificate *cert, bool activate, const char *actor);
/* Throws when url is none that may be in a certificate; NULL is fine. what: for the message. */
extern void cm_ca_check_url(const char *what, const char *url);
extern const char *cm_ca_config(const CmCaNew *ca);

#endif
