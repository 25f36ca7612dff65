/*
 * grant.c - see grant.h.
 *
 * Runs in the database worker and in CALL certmgr.work(). The kept grants are
 * process-local statics in malloc'ed memory, wiped when they are replaced,
 * forgotten or found expired. What may fail: memory, and whatever grants.
 */
#include "dns01/grant.h"

#include "base/buf.h"
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A grant this near its end is asked for anew: requests under way still have time. */
#define MARGIN_S 300
/* Providers with other credentials in one database; the oldest goes when there are more. */
#define KEPT_MAX 32

typedef struct Kept
{
	uint8_t		key[CM_GRANT_KEY];
	CmGrant		grant;
	bool		used;
} Kept;

struct CmGrantFetch
{
	CmOp		op;
	uint8_t		key[CM_GRANT_KEY];
	CmGrantWait *waits;
	CmGrantFetch *next;
};

static Kept kept[KEPT_MAX];
static int	oldest;
static CmGrantFetch *fetches;

void
cm_grant_free(CmGrant *grant)
{
	int			i;

	for (i = 0; i < CM_GRANT_TEXTS; i++)
	{
		if (grant->text[i] != NULL)
			cm_wipe(grant->text[i], strlen(grant->text[i]));
		free(grant->text[i]);
		grant->text[i] = NULL;
	}
	grant->expires = 0;
}

bool
cm_grant_set(CmGrant *grant, int n, const char *text, CmStatus *st)
{
	char	   *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (grant->text[n] != NULL)
		cm_wipe(grant->text[n], strlen(grant->text[n]));
	free(grant->text[n]);
	grant->text[n] = copy;
	return true;
}

bool
cm_grant_copy(CmGrant *dst, const CmGrant *src, CmStatus *st)
{
	int			i;

	memset(dst, 0, sizeof(*dst));
	for (i = 0; i < CM_GRANT_TEXTS; i++)
	{
		if (!cm_grant_set(dst, i, src->text[i], st))
		{
			cm_grant_free(dst);
			return false;
		}
	}
	dst->expires = src->expires;
	return true;
}

/* ---- kept ones ---- */

static Kept *
find(const uint8_t *key)
{
	int			i;

	for (i = 0; i < KEPT_MAX; i++)
	{
		if (kept[i].used && memcmp(kept[i].key, key, CM_GRANT_KEY) == 0)
			return &kept[i];
	}
	return NULL;
}

void
cm_grant_forget(const uint8_t key[CM_GRANT_KEY])
{
	Kept	   *k = find(key);

	if (k == NULL)
		return;
	cm_grant_free(&k->grant);
	k->used = false;
}

static void
forget_expired(void)
{
	int64_t		now = (int64_t) time(NULL);
	int			i;

	for (i = 0; i < KEPT_MAX; i++)
	{
		if (kept[i].used && kept[i].grant.expires != 0 && kept[i].grant.expires - MARGIN_S <= now)
			cm_grant_forget(kept[i].key);
	}
}

/* Not kept when memory is short: it is then asked for again. */
static void
keep(const uint8_t *key, const CmGrant *grant)
{
	Kept	   *k;

	cm_grant_forget(key);
	k = &kept[oldest];
	oldest = (oldest + 1) % KEPT_MAX;
	if (k->used)
		cm_grant_free(&k->grant);
	k->used = cm_grant_copy(&k->grant, grant, NULL);
	memcpy(k->key, key, CM_GRANT_KEY);
}

/* ---- fetches ---- */

static void
unlink_fetch(CmGrantFetch *fetch)
{
	CmGrantFetch **f = &fetches;

	while (*f != NULL && *f != fetch)
		f = &(*f)->next;
	if (*f != NULL)
		*f = fetch->next;
}

/* The loop goes, and with it all who wait. */
static void
drop(CmOp *op)
{
	cm_op_end(op);
	unlink_fetch((CmGrantFetch *) op);
	free(op);
}

static CmGrantFetch *
find_fetch(CmLoop *loop, const uint8_t *key)
{
	CmGrantFetch *f = fetches;

	while (f != NULL && (f->op.loop != loop || memcmp(f->key, key, CM_GRANT_KEY) != 0))
		f = f->next;
	return f;
}

CmGrantState
cm_grant_get(CmLoop *loop, const uint8_t key[CM_GRANT_KEY], CmGrantStart start, void *arg, CmGrantWait *wait, CmGrant *out, CmStatus *st)
{
	CmGrantFetch *fetch;
	Kept	   *k;

	forget_expired();
	k = find(key);
	if (k != NULL)
		return cm_grant_copy(out, &k->grant, st) ? CM_GRANT_READY : CM_GRANT_FAILED;
	fetch = find_fetch(loop, key);
	if (fetch == NULL)
	{
		fetch = calloc(1, sizeof(CmGrantFetch));
		if (fetch == NULL)
		{
			cm_fail(st, CM_MEMORY, "out of memory");
			return CM_GRANT_FAILED;
		}
		memcpy(fetch->key, key, CM_GRANT_KEY);
		if (!start(loop, fetch, arg, st))
		{
			free(fetch);
			return CM_GRANT_FAILED;
		}
		cm_op_begin(&fetch->op, loop, drop);
		fetch->next = fetches;
		fetches = fetch;
	}
	wait->next = fetch->waits;
	fetch->waits = wait;
	return CM_GRANT_WAITS;
}

void
cm_grant_finish(CmGrantFetch *fetch, CmGrant *grant, const CmStatus *st)
{
	CmGrantWait *wait = fetch->waits;
	CmGrant		mine = {{NULL}, 0};

	if (grant != NULL)
	{
		mine = *grant;
		memset(grant, 0, sizeof(*grant));
		keep(fetch->key, &mine);
	}
	cm_op_end(&fetch->op);
	unlink_fetch(fetch);
	free(fetch);
	while (wait != NULL)
	{
		CmGrantWait *next = wait->next;

		/* It frees its wait, perhaps. */
		wait->fn(grant != NULL ? &mine : NULL, st, wait->arg);
		wait = next;
	}
	cm_grant_free(&mine);
}
