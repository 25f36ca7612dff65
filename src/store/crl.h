/*
 * crl.h - signed CRLs (table certmgr.crl), their issuers, and the revoked
 * certificates that go into them.
 */
#ifndef CM_STORE_CRL_H
#define CM_STORE_CRL_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* What of a CA is needed to sign its CRL. */
typedef struct CmCrlIssuer
{
	int64		id;
	char	   *name;
	char	   *type;
	char	   *state;
	int64		key_id;			/* 0: none */
	int64		certificate_id; /* 0: none yet */
	Interval	crl_lifetime;
	CmSlice		der;			/* its active certificate, or empty */
} CmCrlIssuer;

/* False when there is none. Locked against another one who signs: the order of CRLs is the order of their numbers. */
extern bool cm_crl_issuer_lock(int64 id, CmCrlIssuer *out);

/* DER of the newest CRL; false when there is none. */
extern bool cm_crl_row_newest(int64 ca_id, CmSlice *der);
/* Number and thisUpdate of the newest one that is committed, whatever the snapshot of this transaction. */
extern bool cm_crl_row_last(int64 ca_id, int64 *number, TimestampTz *this_update);
extern void cm_crl_row_insert(int64 ca_id, int64 number, TimestampTz this_update, TimestampTz next_update, int64 entries, CmSlice der);
/* Drops all but the newest three: the one in use, the one that caches still hold, and one to compare with. */
extern void cm_crl_row_prune(int64 ca_id);

typedef struct CmRevokedRow
{
	CmSlice		serial;
	TimestampTz revoked_at;
	char	   *reason;			/* or NULL */
} CmRevokedRow;

/* At most this many at once: some 2 MB of rows, and a query is a thousandth of the time they take. */
#define CM_REVOKED_BATCH 10000

/*
 * Revoked certificates of that CA in the order of their serials, those behind
 * "after" (empty: from the first), that had not expired at that time. Read
 * with a snapshot of this moment: an old one could lack entries that the CRL
 * before had. Array in the current context.
 */
extern CmRevokedRow *cm_crl_revoked_next(int64 ca_id, CmSlice after, TimestampTz alive_since, int *count);

#endif
