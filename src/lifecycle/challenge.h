/*
 * challenge.h - the kinds of challenges, and what an order does for each: one
 * row of functions a kind. A new kind (http-01, tls-alpn-01) is a new row in
 * challenge.c, nothing else.
 */
#ifndef CM_LIFECYCLE_CHALLENGE_H
#define CM_LIFECYCLE_CHALLENGE_H

#include "lifecycle/acme_work.h"

typedef struct CmChallenge
{
	const char *type;			/* "dns-01" */
	bool		wildcard;		/* good for *.name? */
	/*
	 * In the transaction before anything leaves: the rows of what will be
	 * presented (Law L1). TXT records go into the ledger; the steps present,
	 * confirm and propagate take them from there, and find nothing to do for a
	 * kind that has none.
	 */
	bool		(*plan) (CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st);
	/*
	 * NULL, or: adds the operation whose CM_OK says that the CA will see what
	 * it wants, where the ledger does not know. Its CM_REFUSED is waited for.
	 */
	bool		(*look) (CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st);
} CmChallenge;

extern const CmChallenge *cm_challenge(const char *type);	/* NULL: no such kind */
extern const char *cm_challenge_types(void);	/* for messages */
/* The kind that a CA's configuration asks for (JSON text; "challenge_type"), by default dns-01. */
extern const char *cm_challenge_of_ca(const char *config);

#endif
