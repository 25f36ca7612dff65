/*
 * certificate_row.h - one certificate with everything that is known about it:
 * its bytes, its CA's and its subscriber's names. For exporting, revoking and
 * cancelling; the inventory is inserted elsewhere.
 */
#ifndef CM_STORE_CERTIFICATE_ROW_H
#define CM_STORE_CERTIFICATE_ROW_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* Everything in the memory context that was current; slices without bytes have len 0, ids that are NULL are 0. */
typedef struct CmCertificateRow
{
	int64		id;
	int64		ca_id;
	int64		issuer_id;
	int64		subscriber_id;
	char	   *state;
	char	   *source;
	char	   *subject;
	char	   *key_algorithm;
	char	   *status_message; /* or NULL */
	TimestampTz not_after;		/* DT_NOEND when not known yet */
	TimestampTz revoked_at;		/* 0 unless state is revoked */
	char	   *revocation_reason;	/* or NULL */
	bool		has_shard;		/* of the CA's CRL */
	int			shard;
	bool		is_ca;			/* basicConstraints say so */
	bool		ca_has_key;		/* the CA that issued it can sign here */
	char	   *ca_name;		/* NULL: no CA of ours (imported, discovered) */
	char	   *ca_type;		/* or NULL */
	char	   *subscriber;		/* NULL: none, or dropped */
	char	   *owner;			/* role, or NULL */
	CmSlice		der;
	CmSlice		chain;
	CmSlice		spki;
	CmSlice		sealed_key;
} CmCertificateRow;

/* Who may do what with a certificate depends on this. */
typedef struct CmCertificateAccess
{
	char	   *source;
	char	   *owner;			/* role, or NULL */
} CmCertificateAccess;

extern bool cm_certificate_row_access(int64 id, CmCertificateAccess *out);
/* NULL when there is none. lock: FOR UPDATE on the certificate. */
extern CmCertificateRow *cm_certificate_row_get(int64 id, bool lock);
/* Ids of a subscriber's certificates that are pending; palloc'ed. */
extern int64 *cm_certificate_row_pending(int64 subscriber_id, int *count);
extern void cm_certificate_row_cancel(int64 id, const char *status_message);
/* It was the renewal of another one, which is renewed some other time if its subscriber renews and nothing else replaces it. */
extern void cm_certificate_row_renew_later(int64 id);
/* The CA whose active certificate this is stops issuing; its CRLs go on. Returns its id, 0 when there is none. */
extern int64 cm_certificate_row_disable_ca(int64 id, const char *status_message);

#endif
