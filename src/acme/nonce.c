/*
 * nonce.c - the replay nonces a session has in hand (RFC 8555 6.5).
 *
 * Runs in the database worker, inside the event loop. Memory only: a nonce
 * lives for a minute and another one costs one HEAD request. Nothing fails.
 */
#include "acme/internal.h"

#include <string.h>

/* base64url without padding, as RFC 8555 6.5.1 wants; anything else must be ignored. */
static bool
is_nonce(const char *value)
{
	size_t		len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return len > 0 && len < CM_NONCE_SIZE && value[len] == '\0';
}

static void
remove_oldest(CmNoncePool *pool, int count)
{
	pool->count -= count;
	memmove(&pool->nonces[0], &pool->nonces[count], sizeof(CmNonce) * (size_t) pool->count);
}

bool
cm_nonce_put(CmNoncePool *pool, const char *value, int64_t now)
{
	CmNonce    *nonce;
	int			i;

	if (!is_nonce(value))
		return false;
	/* a server that says the same nonce twice (a cache in front of it) must not make us send it twice */
	for (i = 0; i < pool->count; i++)
		if (strcmp(pool->nonces[i].value, value) == 0)
			return false;
	if (pool->count == CM_NONCE_POOL)
		remove_oldest(pool, 1);
	nonce = &pool->nonces[pool->count++];
	memcpy(nonce->value, value, strlen(value) + 1);
	nonce->at = now;
	return true;
}

bool
cm_nonce_take(CmNoncePool *pool, int64_t now, CmNonce *out)
{
	/* the newest is the one the server remembers best; when it is too old, all are */
	if (pool->count == 0)
		return false;
	if (now - pool->nonces[pool->count - 1].at >= CM_NONCE_LIFETIME_MS)
	{
		pool->count = 0;
		return false;
	}
	*out = pool->nonces[--pool->count];
	return true;
}

void
cm_nonce_drop_until(CmNoncePool *pool, int64_t at)
{
	int			old = 0;

	while (old < pool->count && pool->nonces[old].at <= at)
		old++;
	remove_oldest(pool, old);
}
