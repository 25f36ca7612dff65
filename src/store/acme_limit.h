/*
 * acme_limit.h - rate limits of ACME CAs, how far they are used up, and
 * circuit breakers (tables acme_limit, acme_limit_state, acme_breaker).
 */
#ifndef CM_STORE_ACME_LIMIT_H
#define CM_STORE_ACME_LIMIT_H

#include "base/gcra.h"
#include "datatype/timestamp.h"

#define CM_LIMIT_ACCOUNT "account_orders"
#define CM_LIMIT_DOMAIN "domain_certificates"
#define CM_LIMIT_SET "set_certificates"
#define CM_LIMIT_NAME "name_failures"
#define CM_LIMIT_SCOPES 4

typedef struct CmLimit
{
	char		scope[24];
	CmGcra		rate;
	bool		renewals_exempt;
} CmLimit;

typedef struct CmLimits
{
	int			count;
	CmLimit		limits[CM_LIMIT_SCOPES];
} CmLimits;

/* One thing that is counted; palloc'ed texts. */
typedef struct CmLimitKey
{
	const char *scope;
	char	   *key;
	int			n;				/* of cm_limit_read: how many there were asked for */
	TimestampTz tat;			/* 0: never used */
	TimestampTz parked_until;	/* 0: not */
	char	   *parked_message;
} CmLimitKey;

/* The limits of a CA; kept per process until a table changes. */
extern void cm_limits_load(int64 ca_id, CmLimits *out);
extern const CmLimit *cm_limits_find(const CmLimits *limits, const char *scope); /* NULL: none */
/* Fills tat and what is parked. */
extern void cm_limit_read(int64 ca_id, CmLimitKey *keys, int count);
/* One thing more, or less; what others charge at the same time counts as well. */
extern void cm_limit_charge(int64 ca_id, const char *scope, const char *key, const CmGcra *rate, TimestampTz now);
extern void cm_limit_refund(int64 ca_id, const char *scope, const char *key, const CmGcra *rate);
extern void cm_limit_park(int64 ca_id, const char *scope, const char *key, TimestampTz until, const char *message);
/* Is an order charged? put: false when it was already. take: true when it was, and it is not any more. */
extern bool cm_charge_put(int64 order_id, bool renewal);
extern bool cm_charge_exists(int64 order_id);
extern bool cm_charge_take(int64 order_id, bool *renewal);
/* One of a CA; burst 0: it is removed. */
extern void cm_limit_set(int64 ca_id, const char *scope, int burst, const Interval *period);

typedef struct CmBreaker
{
	int64		ca_id;
	int			opens;
	TimestampTz open_until;
} CmBreaker;

extern CmBreaker *cm_breaker_list(int *count);
/* Opens it, or again, until a time that grows with each opening (half a minute to a quarter of an hour); not while it is open. */
extern void cm_breaker_open(int64 ca_id, const char *reason);
extern void cm_breaker_close(int64 ca_id);

#endif
