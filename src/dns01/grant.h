/*
 * grant.h - credentials that somebody grants for a while (STS, metadata
 * servers, OAuth 2 token servers): kept in this process until shortly before
 * they expire, asked for once when many need the same.
 */
#ifndef CM_DNS01_GRANT_H
#define CM_DNS01_GRANT_H

#include "base/der.h"
#include "base/status.h"
#include "net/loop.h"

#define CM_GRANT_TEXTS 3
#define CM_GRANT_KEY 32

/* Texts are malloc'ed and wiped. OAuth: the access token. AWS: access key id, secret access key, session token or NULL. */
typedef struct CmGrant
{
	char	   *text[CM_GRANT_TEXTS];
	int64_t		expires;		/* seconds since 1970; 0: never */
} CmGrant;

/* The wait of one task; part of the task. fn is called once, from the loop; grant NULL: it could not be had. */
typedef struct CmGrantWait
{
	struct CmGrantWait *next;
	void		(*fn) (const CmGrant *grant, const CmStatus *st, void *arg);
	void	   *arg;
} CmGrantWait;

typedef struct CmGrantFetch CmGrantFetch;	/* one being asked for */

/* Starts to ask; ends in cm_grant_finish, called from the loop. False and st: could not even start. arg lives until then. */
typedef bool (*CmGrantStart) (CmLoop *loop, CmGrantFetch *fetch, void *arg, CmStatus *st);

typedef enum CmGrantState
{
	CM_GRANT_READY, CM_GRANT_WAITS, CM_GRANT_FAILED
} CmGrantState;

extern void cm_grant_free(CmGrant *grant);	/* what it holds */
extern bool cm_grant_copy(CmGrant *dst, const CmGrant *src, CmStatus *st);
/* Text n becomes a copy of that (NULL: none). */
extern bool cm_grant_set(CmGrant *grant, int n, const char *text, CmStatus *st);

/* The grant of that key: READY into *out (free it), or WAITS for wait->fn. The key is a hash over everything the grant depends on. */
extern CmGrantState cm_grant_get(CmLoop *loop, const uint8_t key[CM_GRANT_KEY], CmGrantStart start, void *arg, CmGrantWait *wait, CmGrant *out,
								 CmStatus *st);
/* The end of a fetch: the grant is taken over (and emptied); NULL: st says why there is none. */
extern void cm_grant_finish(CmGrantFetch *fetch, CmGrant *grant, const CmStatus *st);
/* It was refused: the next one who needs it asks again. */
extern void cm_grant_forget(const uint8_t key[CM_GRANT_KEY]);

#endif
