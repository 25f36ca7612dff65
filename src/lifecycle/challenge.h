/*
 * challenge.h - the kinds of challenges, and what an order does for each: one
 * row of functions a kind. A new kind is a new row in challenge.c,
 * nothing else.
 */
#ifndef CM_LIFECYCLE_CHALLENGE_H
#define CM_LIFECYCLE_CHALLENGE_H

#include "lifecycle/acme_work.h"
#include "store/acme_challenge.h"

typedef struct CmChallenge
{
	const char *type;			/* "dns-01" */
	bool		wildcard;		/* good for *.name? */
	bool		address;		/* good for addresses (RFC 8738)? */
	/*
	 * In the transaction before anything leaves: the rows of what will be
	 * presented (Law L1). TXT records go into the ledger; the steps present,
	 * confirm and propagate take them from there, and find nothing to do for a
	 * kind that has none. CM_LIMIT: not now, and later the whole order again.
	 */
	bool		(*plan) (CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st);
	/*
	 * NULL, or: adds the operation whose CM_OK says that the CA will see what
	 * it wants, where the ledger does not know. Its CM_REFUSED is waited for.
	 */
	bool		(*look) (CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st);
} CmChallenge;

/* What those who answer themselves have to know: the listener. */
typedef struct CmChallengeHooks
{
	/* There is an answer; of the same order and token once only. False: no room. Must not throw. */
	bool		(*publish) (Oid database, const CmAcmeChallengeRow *row);
	/* An order is over. */
	void		(*withdraw) (Oid database, int64 order_id);
} CmChallengeHooks;

extern const CmChallengeHooks *cm_challenge_hooks;	/* NULL: nobody answers here */

/* Can the identifier of an order (name, *.name, address) be proven by that kind? */
extern bool cm_challenge_fits(const CmChallenge *challenge, const char *identifier, CmStatus *st);
/* Rows and answers of an order go. In a transaction. */
extern void cm_challenge_withdraw(int64 order_id);
/* All answers of this database, after a start of the server. In a transaction. */
extern void cm_challenge_publish_all(void);

extern const CmChallenge *cm_challenge(const char *type);	/* NULL: no such kind */
extern const char *cm_challenge_types(void);	/* for messages */
/* The kind that a CA's configuration asks for (JSON text; "challenge_type"), by default dns-01. */
extern const char *cm_challenge_of_ca(const char *config);

#endif
