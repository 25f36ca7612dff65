/*
 * acme_limit.h - rate limits around an order, and circuit breakers of CAs.
 */
#ifndef CM_LIFECYCLE_ACME_LIMIT_H
#define CM_LIFECYCLE_ACME_LIMIT_H

#include "acme/session.h"
#include "store/acme_account.h"
#include "store/acme_limit.h"
#include "store/acme_order.h"

/* Before newOrder: false when the CA would refuse it, with when it would not and why. True: it is charged, once. */
/*
 * Before cm_acme_limit_charge(), until the transaction ends: false while
 * another engine looks how much is left. Two that see the same last place would both take it.
 */
extern bool cm_acme_limit_hold(const CmAcmeAccountRow *account);
extern bool cm_acme_limit_charge(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, TimestampTz *until, char **words);
/* No certificate came of it: what the CA gives back is given back. accepted: newOrder itself went well. */
extern void cm_acme_limit_refund(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, bool accepted);
/* It ended well: nothing is given back. */
extern void cm_acme_limit_done(const CmAcmeOrderRow *order);
/* Names of this order failed at the CA. */
extern void cm_acme_limit_failed(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order);
/* The CA said "too many" to newOrder: nothing more of that sort until then. */
extern void cm_acme_limit_learn(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, const CmAcmeReply *reply);
/* What an order of these names is counted by. Array and texts palloc'ed. */
extern CmLimitKey *cm_acme_limit_keys(int64 account_id, char *const *names, int name_count, int *count);
/* The order of those, for qsort(): by scope, then by key. 0: the same limit. */
extern int	cm_acme_limit_key_compare(const void *a, const void *b);

/* An answer of a CA, or none: opens its breaker after a row of failures, closes it at the first answer. In a transaction. */
extern void cm_acme_breaker_note(int64 ca_id, const CmAcmeReply *reply);
/* There is a row: of another engine, or one that was closed in a transaction that failed. The next answer closes it. */
extern void cm_acme_breaker_seen(int64 ca_id);

#endif
