/*
 * class.h - what kind of failure an answer is, and when to try again: one
 * table for all steps (RFC 8555 6.7, and what servers do).
 */
#ifndef CM_ACME_CLASS_H
#define CM_ACME_CLASS_H

#include "acme/session.h"

typedef enum CmAcmeClass
{
	CM_ACME_FINE = -1,
	CM_ACME_NO_ANSWER,			/* E0: nobody knows what the server did */
	CM_ACME_BAD_NONCE,			/* E1: it did nothing */
	CM_ACME_SERVER,				/* E2: 5xx, or an error without problem document */
	CM_ACME_LIMITED,			/* E3: 429, 503 */
	CM_ACME_ACCOUNT,			/* E4: our account is not what we think */
	CM_ACME_HUMAN,				/* E5: a person must do something */
	CM_ACME_IDENTIFIER,			/* E6: about a name */
	CM_ACME_ORDER,				/* E7: about this order or request */
	CM_ACME_PROTOCOL			/* E8: an answer that breaks the protocol */
} CmAcmeClass;

/* account_request: it was about the account or was newOrder, where "unauthorized" speaks of the account. */
extern CmAcmeClass cm_acme_class(const CmAcmeReply *reply, bool account_request);
extern const char *cm_acme_class_name(CmAcmeClass class);	/* "E0" ... "E8" */
/* Was it the server as a whole, not our request: what the circuit breaker counts. */
extern bool cm_acme_class_breaks(CmAcmeClass class);
/*
 * Milliseconds until the next attempt after attempt failures before this one;
 * retry_after in seconds or -1; random in [0, 1).
 */
extern int64_t cm_acme_class_delay(CmAcmeClass class, int attempt, int64_t retry_after, double random);
/* The URL in a text for people ("Please visit ..."), or false. */
extern bool cm_acme_find_url(const char *words, char *dst, size_t dstsize);

#endif
