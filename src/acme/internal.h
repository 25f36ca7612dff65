/*
 * internal.h - what the files of src/acme share: URLs, identifiers, problem
 * documents, nonces, the directory.
 */
#ifndef CM_ACME_INTERNAL_H
#define CM_ACME_INTERNAL_H

#include "acme/messages.h"
#include "acme/session.h"

#define CM_ACME_URL_SIZE 1024	/* with its NUL: CmAcmeReply.url and .location */
#define CM_ACME_BODY_MAX ((size_t) 256 * 1024)	/* as the HTTP layer's default: an order of 100 names has 20 KiB */

/* problem.c: what any answer may hold. */

/* Absolute, http or https, a host, no user, no fragment, printable ASCII, shorter than CM_ACME_URL_SIZE. */
extern bool cm_acme_url_valid(const char *url);
/* The same, and of the scheme that the server's directory has: http (plain) or https. */
extern bool cm_acme_url_allowed(const char *url, bool plain);
/* A body that must be a JSON object; free with cm_json_free. The status speaks of "what". */
extern CmJson *cm_acme_body_parse(CmSlice body, const char *what, CmStatus *st);
/* A member that must be such a URL if it is there at all; palloc'ed, NULL when missing. */
extern bool cm_acme_get_url(const CmJson *object, const char *key, char **out, CmStatus *st);
/* The member "status"; "otherwise" when it is missing (NULL: it must be there). */
extern bool cm_acme_get_status(const CmJson *object, const char *otherwise, char dst[32], CmStatus *st);
/* The member "expires" as seconds since 1970; 0 when missing or unreadable. */
extern int64_t cm_acme_get_expires(const CmJson *object);

extern bool cm_acme_problem_is(const CmJson *json);
extern void cm_acme_problem_type(const CmJson *problem, char dst[64]);
extern void cm_acme_problem_words(const CmJson *problem, char *dst, size_t size);
extern void cm_acme_problem_fill(const CmJson *problem, CmAcmeProblem *out);	/* palloc */
/* The member of that name as a problem (palloc), or NULL. */
extern CmAcmeProblem *cm_acme_get_problem(const CmJson *object, const char *key);

extern void cm_acme_reply_init(CmAcmeReply *reply, const char *url);
/* All of a reply but its buffers, which are left empty. */
extern void cm_acme_reply_judge(const CmHttpResponse *response, const char *url, bool plain, CmAcmeReply *reply);

/* order.c: canonical form of a "dns" or "ip" identifier; dst needs CM_HOST_MAX + 1. */
extern bool cm_acme_identifier_canonical(const char *type, const char *value, bool wildcard, char *dst, CmStatus *st);
/* authorization.c: RFC 8555 8.1 */
extern bool cm_acme_token_valid(const char *token);

/*
 * nonce.c: nonces in hand, newest first. Eight are fetched at a time, because
 * a server may let no more than some ten requests for them pass a second.
 * More come with answers and are kept: with hundreds of orders under way they
 * are used in the next instant, and a dropped one costs a request. 60 s,
 * because servers remember nonces for minutes.
 */
#define CM_NONCE_FETCHES 8
#define CM_NONCE_POOL 256
#define CM_NONCE_LIFETIME_MS 60000
#define CM_NONCE_SIZE 256

typedef struct CmNonce
{
	char		value[CM_NONCE_SIZE];
	int64_t		at;				/* when it came, monotonic ms */
} CmNonce;

typedef struct CmNoncePool
{
	CmNonce		nonces[CM_NONCE_POOL];	/* the oldest first */
	int			count;
} CmNoncePool;

extern bool cm_nonce_put(CmNoncePool *pool, const char *value, int64_t now);	/* false: no nonce (RFC 8555 6.5.1), or had already */
extern bool cm_nonce_take(CmNoncePool *pool, int64_t now, CmNonce *out);
extern void cm_nonce_drop_until(CmNoncePool *pool, int64_t at);	/* those that came then or before */

/* pace.c: milliseconds until a request (to newNonce) may go, 0: now; and that one went. */
extern int64_t cm_acme_pace_wait(const CmAcmePace *pace, bool nonce);
extern void cm_acme_pace_count(CmAcmePace *pace, bool nonce);

/* account.c: what keyChange signs with the account key: a JWS by the new one (RFC 8555 7.3.5). */
extern bool cm_acme_key_change(const char *account_url, const CmKey *key, const CmKey *new_key, const char *url, CmBuf *out, CmStatus *st);
/* The directory (RFC 8555 7.1.1), strings on malloc. Its URLs must have the scheme that plain says. */
extern bool cm_acme_directory_parse(CmSlice body, bool plain, CmAcmeDirectory *out, CmStatus *st);
extern void cm_acme_directory_free(CmAcmeDirectory *directory);
/* The payload of newAccount (an object) with the external account binding (RFC 8555 7.3.4) as its last member. */
extern bool cm_acme_bind_account(const char *payload, const CmKey *key, const char *eab_algorithm, const char *eab_kid, CmSlice mac_key, const char *url, CmBuf *out,
								 CmStatus *st);

#endif
