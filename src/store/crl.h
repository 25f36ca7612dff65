/*
 * crl.h - signed CRLs (table certmgr.crl), their issuers, and the revoked
 * certificates that go into them.
 */
#ifndef CM_STORE_CRL_H
#define CM_STORE_CRL_H

#include "base/der.h"
#include "datatype/timestamp.h"
#include "store/crl_scope.h"

/* What of a CA is needed to sign its CRLs. */
typedef struct CmCrlIssuer
{
	int64		id;
	char	   *name;
	char	   *type;
	int64		key_id;			/* the active one; 0: none */
	int64		certificate_id; /* 0: none yet */
	Interval	lifetime;
	bool		complete;		/* a list of everything is wanted, also where there are shards */
	bool		has_delta;
	Interval	delta_lifetime;
	char	   *delta_url;		/* template, or NULL */
	bool		apart;			/* CA certificates have lists of their own */
} CmCrlIssuer;

/* False when there is none. Locked against another one who signs: the order of CRLs is the order of their numbers. */
extern bool cm_crl_issuer_lock(int64 id, CmCrlIssuer *out);

/* Without waiting; false: somebody else has it. True also when there is no such CA. */
extern bool cm_crl_issuer_try_lock(int64 id);

typedef struct CmCrlRow
{
	int64		ca_id;
	int64		scope_id;
	int64		number;
	int64		base_number;	/* of a delta */
	bool		delta;
	TimestampTz this_update;
	TimestampTz next_update;
	int64		entries;
} CmCrlRow;

/* Which one is wanted: shard -1: not of a shard (covers counts); certificate_id 0: by the active key (shards know theirs). */
typedef struct CmCrlWanted
{
	int64		ca_id;
	int			shard;
	CmCrlCovers covers;
	bool		delta;
	int64		certificate_id;
} CmCrlWanted;

/* DER of the newest one; false when there is none. */
extern bool cm_crl_row_newest(const CmCrlWanted *wanted, CmSlice *der);
/* Does the CA have such a series of CRLs? */
extern bool cm_crl_scope_exists(const CmCrlWanted *wanted);
/* The largest number that any CRL of the CA had, 0: none; committed ones, whatever the snapshot of this transaction. */
extern int64 cm_crl_row_last_number(int64 ca_id);
/* The complete CRLs of a scope that are still valid at that time and are kept, the oldest first: what clients may have that a delta is for. */
extern CmSlice *cm_crl_row_bases(int64 scope_id, TimestampTz at, int *count);
/* der: a varlena with the CRL in it; it is not copied. */
extern void cm_crl_row_insert(const CmCrlRow *row, Datum der);
/* Drops all but the newest three complete ones and deltas: those in use, those that caches still hold, and one to compare with. */
extern void cm_crl_row_prune(int64 scope_id);
extern void cm_crl_forget_ca(int64 ca_id);

/* ---- what goes into them ---- */

typedef struct CmRevokedRow
{
	CmSlice		serial;
	TimestampTz revoked_at;
	CmSlice		reason;			/* name, or empty */
	TimestampTz invalid_since;	/* 0: not known */
} CmRevokedRow;

typedef void (*CmRevokedFn) (const CmRevokedRow *row, void *arg);

/*
 * Calls back with the revoked certificates of a scope in the order of their
 * serials, those that had not expired at that time. Read with a snapshot of
 * this moment: an old one could lack entries that the CRL before had.
 * issuers: the certificates of the key that signs.
 */
extern void cm_crl_revoked_each(int64 ca_id, const CmCrlScope *scope, Datum issuers, TimestampTz alive_since, CmRevokedFn fn, void *arg);
/* Is the certificate with that serial issued and not revoked? */
extern bool cm_crl_is_released(int64 ca_id, CmSlice serial);

/* ---- changes that wait for a CRL (certmgr_private.crl_change) ---- */

typedef struct CmCrlChange
{
	int			shard;			/* -1: none */
	bool		is_ca;
	char	   *event;			/* to be told by NOTIFY; NULL: told already */
	int64		certificate_id;
	int64		subscriber_id;
} CmCrlChange;

extern void cm_crl_change_put(int64 ca_id, const CmCrlChange *change);
/* Takes those that are visible now. */
extern CmCrlChange *cm_crl_changes_take(int64 ca_id, int *count);
/* Makes jobs due for CAs that have changes, after their delay. */
extern void cm_crl_changes_schedule(void);

#endif
