/*
 * revocation.h - certificates that are taken back, one or many, and those that
 * are released again; found by what people know of them.
 */
#ifndef CM_STORE_REVOCATION_H
#define CM_STORE_REVOCATION_H

#include "base/der.h"
#include "datatype/timestamp.h"

typedef struct CmRevocation
{
	TimestampTz at;
	const char *reason;			/* name of RFC 5280 5.3.1 */
	TimestampTz invalid_since;	/* 0: not known */
	const char *actor;
} CmRevocation;

/*
 * The usual case in one statement: a certificate that a private CA issued and
 * that is in force is revoked, with its audit row and the change for the CRL.
 * False: it is not such a one, and nothing was done.
 */
extern bool cm_revocation_put_ordinary(int64 id, const CmRevocation *revocation);
extern void cm_revocation_put(int64 id, const CmRevocation *revocation, const char *status_message);
/* It is valid again; renewed on time, unless it has a successor or its subscriber does not want it. */
extern void cm_revocation_release(int64 id);

/* ---- many ---- */

/* Of the certificates that are not revoked and have not expired at that time: one that cannot be revoked, 0: none. ca: one of a CA, 0: none. */
typedef struct CmRevocable
{
	bool		any_missing;	/* then also one that no certificate can have, such as 0 */
	int64		missing;		/* does not exist, or the caller does not own it */
	int64		never_issued;
	int64		foreign;		/* without an issuer here */
	int64		ca;
} CmRevocable;

/* ids: bigint[] without NULLs; owners: text[] of roles whose certificates count, NULL: all. */
extern CmRevocable cm_revocation_check(Datum ids, Datum owners, bool all);

/* Names of the roles that this one acts for: text[]. */
extern Datum cm_revocation_roles(Oid role);

typedef struct CmRevokedOne
{
	int64		id;
	int64		subscriber_id;
	bool		external;		/* of an external CA */
	bool		ca;				/* certificate of a CA */
} CmRevokedOne;

/* Revokes those that are issued and have not expired, with audit rows and changes for the CRLs; locks them in the order of their ids. */
extern CmRevokedOne *cm_revocation_put_many(Datum ids, const CmRevocation *revocation, int *count);

/* ---- finding ---- */

/* 0: none. */
extern int64 cm_revocation_find_serial(int64 ca_id, CmSlice serial);
/* The certificate with exactly these bytes. */
extern int64 cm_revocation_find_der(CmSlice serial, CmSlice der);

#endif
