/*
 * acme_certificate.h - certificates as the engine changes them: those of
 * external CAs while they are pending, and those whose renewal is due.
 */
#ifndef CM_STORE_ACME_CERTIFICATE_H
#define CM_STORE_ACME_CERTIFICATE_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* palloc'ed. CSR and public key of a pending certificate; empty when missing. */
extern CmSlice cm_acme_certificate_csr(int64 id);
extern CmSlice cm_acme_certificate_spki(int64 id);

/* The key of a pending certificate. */
typedef struct CmAcmeCertificateKey
{
	char	   *algorithm;
	CmSlice		spki;
	CmSlice		sealed;			/* empty: it came by a request */
	bool		reused;			/* it is that of the certificate it replaces */
} CmAcmeCertificateKey;

extern bool cm_acme_certificate_key(int64 id, CmAcmeCertificateKey *out);
extern void cm_acme_certificate_set_key(int64 id, CmSlice csr, CmSlice spki, CmSlice sealed);
/* It is for these names from now on; the others are kept in metadata.left_out, with the reasons. */
extern void cm_acme_certificate_leave_out(int64 id, char *const *sans, int san_count, char *const *names, char *const *reasons, int count);

/* What the CA's certificate turned out to be. */
typedef struct CmAcmeIssued
{
	CmSlice		serial;
	char	   *subject;
	char	  **sans;
	int			san_count;
	char	  **usages;
	int			usage_count;
	TimestampTz not_before;
	TimestampTz not_after;
	TimestampTz renew_at;		/* 0: never */
	CmSlice		der;
	CmSlice		fingerprint;
	CmSlice		chain;			/* empty: none */
	const char *message;		/* what people should know of it, or NULL */
} CmAcmeIssued;

/* False when it is not pending any more. */
extern bool cm_acme_certificate_issued(int64 id, const CmAcmeIssued *issued);
extern bool cm_acme_certificate_failed(int64 id, const char *message);
extern void cm_acme_certificate_message(int64 id, const char *message); /* while it is pending */
/* When is a certificate of this subscriber to be renewed? False: never. *before: seconds before expiry, 0 for the default. */
extern bool cm_acme_certificate_renews(int64 subscriber_id, int64 *before);

/* Is it still on order, or failed? */
extern bool cm_acme_certificate_wanting(int64 id);
/* Is its CA (0: the row's) its subscriber's own? */
extern bool cm_acme_certificate_of_own_ca(int64 id, int64 ca_id);

/* For revocation; false when there is no such certificate or it has no bytes. */
typedef struct CmAcmeRevocation
{
	int64		ca_id;
	CmSlice		der;
	char	   *reason;			/* name of RFC 5280 5.3.1, or NULL */
	TimestampTz not_after;
	CmSlice		sealed_key;		/* empty: not here */
} CmAcmeRevocation;

extern bool cm_acme_certificate_revocation(int64 id, CmAcmeRevocation *out);
/* Behind what is said already, whatever its state. */
extern void cm_acme_certificate_append(int64 id, const char *message);
extern void cm_acme_certificate_say(int64 id, const char *message);	/* whatever its state; NULL: nothing to say */

/* Renewals. Ids of at most limit certificates whose time has come. */
extern int64 *cm_renewal_due(TimestampTz now, int limit, int *count);
/* Locks it if it is still due and nobody else has it. */
extern bool cm_renewal_lock(int64 id, TimestampTz now);
extern TimestampTz cm_renewal_next(void);	/* DT_NOEND: none */

typedef struct CmRenewalRow
{
	int64		subscriber_id;
	int			attempts;
	TimestampTz not_after;
} CmRenewalRow;

extern bool cm_renewal_get(int64 id, CmRenewalRow *out);	/* locks it; only one that is issued */
extern void cm_renewal_again(int64 id, TimestampTz at, const char *message);	/* attempts + 1 */

#endif
