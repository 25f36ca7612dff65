/*
 * lock.h - heavyweight locks on our objects for the length of a transaction,
 * where a row lock would be a write: issuing holds its CA in share mode, which
 * a hundred sessions do at once, and dropping a CA waits for all of them.
 */
#ifndef CM_PG_LOCK_H
#define CM_PG_LOCK_H

/* Classes of advisory locks beside PostgreSQL's 1 and 2; 3 is the engine's (worker/engine_lock.c). */
typedef enum CmLockClass
{
	CM_LOCK_CA = 4,
	CM_LOCK_IMPORT = 5,			/* by the second in which a certificate ends */
	CM_LOCK_DNS_RECORD = 6,		/* decisions about equal TXT records; one a database: id 0 */
	CM_LOCK_ACME_LIMIT = 7		/* who orders at this CA looks at its limits and charges them */
} CmLockClass;

/* Until the transaction ends. Reads invalidation messages afterwards: what was cached before may be gone. */
extern void cm_lock_share(CmLockClass lock_class, int64 id);
extern void cm_lock_exclusive(CmLockClass lock_class, int64 id);
/* False when somebody else has it: for those who hold others and must not wait. */
extern bool cm_lock_try_exclusive(CmLockClass lock_class, int64 id);

#endif
