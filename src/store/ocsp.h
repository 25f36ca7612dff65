/*
 * ocsp.h - what an OCSP answer is made of: issuers by hash, the status of a
 * certificate, signers, answers that were signed before.
 *
 * Status and signed answers are read straight through the index, as whoever
 * calls: no plan, no change of user, no lock but that on the table.
 */
#ifndef CM_STORE_OCSP_H
#define CM_STORE_OCSP_H

#include "base/der.h"
#include "datatype/timestamp.h"

/* ---- issuers: as certmgr_owner ---- */

typedef struct CmOcspIssuerRow
{
	int64		ca_id;
	int64		key_id;
	char	   *name;			/* of the CA */
	Interval	lifetime;
	bool		delegated;
	Interval	signer_lifetime;
	char	   *signer_key_algorithm;
	int64	   *certificates;	/* under which that key issued */
	int			certificate_count;
	CmSlice		der;			/* the newest of them */
} CmOcspIssuerRow;

/* NULL when it is not one of ours. Read with a snapshot of this moment. */
extern CmOcspIssuerRow *cm_ocsp_issuer_find(CmSlice key_hash, CmSlice name_hash);

/* ---- status: as anybody ---- */

typedef struct CmOcspStatusRow
{
	int64		id;
	int64		issuer_id;		/* 0: none */
	bool		issued;			/* issued or revoked; otherwise there never was such a certificate */
	bool		revoked;
	TimestampTz revoked_at;
	char		reason[32];		/* name, or empty */
} CmOcspStatusRow;

extern bool cm_ocsp_status_find(int64 ca_id, CmSlice serial, CmOcspStatusRow *out);

typedef struct CmOcspCached
{
	TimestampTz this_update;
	TimestampTz next_update;
	CmSlice		der;			/* palloc'ed */
} CmOcspCached;

/* The answer that was signed for that status and will not end within margin; never on a standby, which cannot read it. */
extern bool cm_ocsp_cached_find(int64 certificate_id, int form, int64 status, TimestampTz ends_after, CmOcspCached *out);
/* Keeps an answer, unless somebody else does, or this transaction cannot write. Waits for nobody. As certmgr_owner. */
extern void cm_ocsp_cached_put(int64 certificate_id, int form, int64 status, const CmOcspCached *answer);
/* Drops a portion of the answers that ended before; false: there were no more. */
extern bool cm_ocsp_cached_prune(TimestampTz before);

/* ---- signers: as certmgr_owner ---- */

typedef struct CmOcspSignerRow
{
	int64		key_id;
	TimestampTz not_before;
	TimestampTz not_after;
	CmSlice		der;
} CmOcspSignerRow;

/* The one of that issuer's key that lasts longest and is good at that time; false when there is none. Snapshot of this moment. */
extern bool cm_ocsp_signer_find(int64 ca_id, int64 issuer_key_id, TimestampTz at, CmOcspSignerRow *out);
extern void cm_ocsp_signer_put(int64 certificate_id, int64 ca_id, int64 issuer_key_id, int64 key_id, TimestampTz not_before, TimestampTz not_after);
/* Forgets those that ended before that time, with their keys; nobody needs what they signed any more. */
extern void cm_ocsp_signer_prune(int64 ca_id, TimestampTz ended_before);
extern void cm_ocsp_forget_ca(int64 ca_id);

/* The keys of a CA for which answers are given, each with its newest certificate; empty when the CA answers by its own key. Locks the CA. */
extern CmOcspIssuerRow *cm_ocsp_issuers_of(int64 ca_id, int *count);

#endif
