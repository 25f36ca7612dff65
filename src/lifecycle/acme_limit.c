/*
 * acme_limit.c - see acme_limit.h. Engines only. Who charges a CA's limits
 * holds an advisory lock of that CA until its transaction ends, for which
 * nobody waits: the order comes back some milliseconds later. What is given
 * back or counted afterwards takes row locks of acme_limit_state in the order
 * of their keys; an engine writes for all of its orders in one transaction, so
 * two engines may wait for each other and the server ends one of them: that
 * turn is then done again.
 */
#include "postgres.h"

#include "acme/class.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "net/domain.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "pg/table_watch.h"
#include "utils/timestamp.h"

/* So many failures in a row are no accident. */
#define BREAK_AFTER 5

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

int
cm_acme_limit_key_compare(const void *a, const void *b)
{
	const CmLimitKey *left = a;
	const CmLimitKey *right = b;
	int			order = strcmp(left->scope, right->scope);

	return order != 0 ? order : strcmp(left->key, right->key);
}

/* One name for the set, whatever the order of its names. */
static char *
set_key(char *const *names, int count)
{
	char	  **sorted = palloc(sizeof(char *) * Max(count, 1));
	StringInfoData all;
	CmBuf	   *hex = cm_own_buf(0);
	uint8		digest[32];

	memcpy(sorted, names, sizeof(char *) * count);
	qsort(sorted, count, sizeof(char *), by_text);
	initStringInfo(&all);
	for (int i = 0; i < count; i++)
		appendStringInfo(&all, "%s,", sorted[i]);
	if (!cm_sha256(cm_slice(all.data, all.len), digest) || !cm_hex_encode(hex, digest, 16))
		elog(ERROR, "could not compute a digest");
	return pstrdup(cm_buf_cstr(hex));
}

static void
add(CmLimitKey *keys, int *count, const char *scope, const char *key)
{
	for (int i = 0; i < *count; i++)
	{
		if (strcmp(keys[i].scope, scope) == 0 && strcmp(keys[i].key, key) == 0)
			return;
	}
	memset(&keys[*count], 0, sizeof(CmLimitKey));
	keys[*count].scope = scope;
	keys[*count].key = pstrdup(key);
	keys[*count].n = 1;
	(*count)++;
}

CmLimitKey *
cm_acme_limit_keys(int64 account_id, char *const *names, int name_count, int *count)
{
	CmLimitKey *keys = palloc(sizeof(CmLimitKey) * (2 + 2 * name_count));
	char		domain[300];

	*count = 0;
	add(keys, count, CM_LIMIT_ACCOUNT, psprintf(INT64_FORMAT, account_id));
	add(keys, count, CM_LIMIT_SET, set_key(names, name_count));
	for (int i = 0; i < name_count; i++)
	{
		add(keys, count, CM_LIMIT_NAME, names[i]);
		if (cm_registered_domain(names[i], domain, sizeof(domain)))
			add(keys, count, CM_LIMIT_DOMAIN, domain);
	}
	qsort(keys, *count, sizeof(CmLimitKey), cm_acme_limit_key_compare);
	return keys;
}

static const char *
scope_words(const CmLimitKey *key)
{
	if (strcmp(key->scope, CM_LIMIT_ACCOUNT) == 0)
		return "orders of our account";
	if (strcmp(key->scope, CM_LIMIT_SET) == 0)
		return "certificates of exactly these names";
	if (strcmp(key->scope, CM_LIMIT_DOMAIN) == 0)
		return psprintf("certificates of domain %s", key->key);
	return psprintf("failures of %s", key->key);
}

/* Most CAs have no published limits; failures are counted when they happen. */
static bool
is_unlimited(const CmLimits *limits)
{
	return limits->count == 0 || (limits->count == 1 && cm_limits_find(limits, CM_LIMIT_NAME) != NULL);
}

bool
cm_acme_limit_hold(const CmAcmeAccountRow *account)
{
	CmLimits	limits;

	cm_limits_load(account->ca_id, &limits);
	return is_unlimited(&limits) || cm_lock_try_exclusive(CM_LOCK_ACME_LIMIT, account->ca_id);
}

bool
cm_acme_limit_charge(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, TimestampTz *until, char **words)
{
	bool		renewal = order->renewed_from != 0;
	TimestampTz now = GetCurrentTimestamp();
	const CmLimitKey *tightest = NULL;
	int			charged = -1;	/* -1: not known yet */
	CmLimits	limits;
	CmLimitKey *keys;
	int			count;

	cm_limits_load(account->ca_id, &limits);
	keys = cm_acme_limit_keys(account->id, order->identifiers, order->identifier_count, &count);
	cm_limit_read(account->ca_id, keys, count);
	*until = now;
	for (int i = 0; i < count; i++)
	{
		const CmLimit *limit = cm_limits_find(&limits, keys[i].scope);
		TimestampTz when = keys[i].parked_until;

		if (limit != NULL && !(renewal && limit->renewals_exempt))
		{
			TimestampTz free = cm_gcra_when(&limit->rate, keys[i].tat, now, 1);

			/* Charged before a crash or an answer that was lost, it has its place; failures are not what it was charged for. */
			if (free > now && charged < 0)
				charged = cm_charge_exists(order->id);
			if (charged <= 0 || strcmp(keys[i].scope, CM_LIMIT_NAME) == 0)
				when = Max(when, free);
		}
		if (when <= *until)
			continue;
		*until = when;
		tightest = &keys[i];
	}
	if (tightest != NULL)
	{
		*words = psprintf("waits for the CA's rate limit of %s until %s%s%s", scope_words(tightest), cm_time_words(*until),
						  tightest->parked_until == *until && tightest->parked_message != NULL ? ": " : "",
						  tightest->parked_until == *until && tightest->parked_message != NULL ? tightest->parked_message : "");
		return false;
	}
	if (is_unlimited(&limits) || !cm_charge_put(order->id, renewal))
		return true;
	for (int i = 0; i < count; i++)
	{
		const CmLimit *limit = cm_limits_find(&limits, keys[i].scope);

		/* Failures are counted when they happen. */
		if (limit != NULL && strcmp(keys[i].scope, CM_LIMIT_NAME) != 0 && !(renewal && limit->renewals_exempt))
			cm_limit_charge(account->ca_id, keys[i].scope, keys[i].key, &limit->rate, now);
	}
	return true;
}

void
cm_acme_limit_refund(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, bool accepted)
{
	CmLimits	limits;
	CmLimitKey *keys;
	bool		renewal;
	int			count;

	if (!cm_charge_take(order->id, &renewal))
		return;
	cm_limits_load(account->ca_id, &limits);
	keys = cm_acme_limit_keys(account->id, order->identifiers, order->identifier_count, &count);
	cm_limit_read(account->ca_id, keys, count);
	for (int i = 0; i < count; i++)
	{
		const CmLimit *limit = cm_limits_find(&limits, keys[i].scope);

		if (limit == NULL || keys[i].tat == 0 || strcmp(keys[i].scope, CM_LIMIT_NAME) == 0 || (renewal && limit->renewals_exempt))
			continue;
		/* An order that was made counts, whatever becomes of it; a certificate only when there is one. */
		if (accepted && strcmp(keys[i].scope, CM_LIMIT_ACCOUNT) == 0)
			continue;
		cm_limit_refund(account->ca_id, keys[i].scope, keys[i].key, &limit->rate);
	}
}

void
cm_acme_limit_done(const CmAcmeOrderRow *order)
{
	bool		renewal;

	(void) cm_charge_take(order->id, &renewal);
}

void
cm_acme_limit_failed(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order)
{
	TimestampTz now = GetCurrentTimestamp();
	const CmLimit *limit;
	CmLimits	limits;
	CmLimitKey *keys;
	int			count;

	cm_limits_load(account->ca_id, &limits);
	limit = cm_limits_find(&limits, CM_LIMIT_NAME);
	if (limit == NULL)
		return;
	keys = cm_acme_limit_keys(account->id, order->identifiers, order->identifier_count, &count);
	cm_limit_read(account->ca_id, keys, count);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(keys[i].scope, CM_LIMIT_NAME) == 0)
			cm_limit_charge(account->ca_id, CM_LIMIT_NAME, keys[i].key, &limit->rate, now);
	}
}

void
cm_acme_limit_learn(const CmAcmeAccountRow *account, const CmAcmeOrderRow *order, const CmAcmeReply *reply)
{
	const char *detail = reply->status.detail;
	int64		seconds = reply->retry_after;
	const char *scope = CM_LIMIT_ACCOUNT;
	bool		named = false;	/* the text says which of several */
	char	   *words = cm_reply_words(reply);
	CmLimitKey *keys;
	int			count;

	if (strstr(detail, "exact set") != NULL)
		scope = CM_LIMIT_SET;
	else if (strstr(detail, "failed authorizations") != NULL)
	{
		scope = CM_LIMIT_NAME;
		named = true;
	}
	else if (strstr(detail, "already issued for") != NULL || strstr(detail, "registered domain") != NULL)
	{
		scope = CM_LIMIT_DOMAIN;
		named = true;
	}
	/* Not until when: then this order backs off, and others may try. */
	if (seconds < 0)
		return;
	keys = cm_acme_limit_keys(account->id, order->identifiers, order->identifier_count, &count);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(keys[i].scope, scope) != 0)
			continue;
		/* Of several names or domains the CA means the one that it says. */
		if (named && strstr(detail, keys[i].key) == NULL && order->identifier_count > 1)
			continue;
		cm_limit_park(account->ca_id, scope, keys[i].key, GetCurrentTimestamp() + seconds * USECS_PER_SEC, words);
	}
}

/* ---- circuit breaker ---- */

typedef struct Health
{
	int64		ca_id;
	int			failures;		/* in a row, of this process */
	bool		open;			/* there may be a row */
} Health;

static Health *
health_of(int64 ca_id)
{
	static HTAB *table = NULL;
	Health	   *health;
	bool		found;

	if (table == NULL)
		table = cm_process_table("certmgr ACME health", sizeof(int64), sizeof(Health), HASH_BLOBS);
	health = hash_search(table, &ca_id, HASH_ENTER, &found);
	if (!found)
	{
		health->failures = 0;
		health->open = true;	/* by a process before us */
	}
	return health;
}

void
cm_acme_breaker_seen(int64 ca_id)
{
	health_of(ca_id)->open = true;
}

void
cm_acme_breaker_note(int64 ca_id, const CmAcmeReply *reply)
{
	Health	   *health = health_of(ca_id);

	if (!cm_acme_class_breaks(cm_acme_class(reply, false)))
	{
		health->failures = 0;
		if (health->open)
			cm_breaker_close(ca_id);
		health->open = false;
		return;
	}
	if (++health->failures < BREAK_AFTER)
		return;
	/* While it is open one order tries at a time: each of its failures opens it again. */
	health->failures = BREAK_AFTER - 1;
	health->open = true;
	cm_breaker_open(ca_id, cm_status_words(&reply->status));
}
