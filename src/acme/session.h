/*
 * session.h - one ACME server as this process sees it (RFC 8555 6, 7.1.1, 7.2):
 * directory, nonce pool, JWS, badNonce. Memory only: all of it can be had again.
 *
 * A request that comes before the directory or a nonce is there waits inside
 * the session. badNonce is retried with the nonce of the answer (at most 10
 * times). URLs must have the directory's scheme; requests to http:// URLs are refused unless
 * the directory itself is http (never in production).
 *
 * A session is destroyed before its loop; inside a done callback is fine too.
 * A directory serves for 24 h; a 404 on one of its URLs has it fetched again,
 * and so does what it lacks, unless it was fetched just now: nothing is refused
 * for what an old directory says.
 */
#ifndef CM_ACME_SESSION_H
#define CM_ACME_SESSION_H

#include "base/buf.h"
#include "base/gcra.h"
#include "crypto/key.h"
#include "net/http.h"
#include "pg/json.h"

typedef struct CmAcmeSession CmAcmeSession;

/* Nobody has more than three names. */
#define CM_ACME_CAA_MAX 8
/* CAs have a handful of profiles; their names are short words. */
#define CM_ACME_PROFILES_MAX 64
#define CM_ACME_PROFILE_MAX 128

typedef struct CmAcmeDirectory
{
	char	   *new_nonce;
	char	   *new_account;
	char	   *new_order;
	char	   *revoke_cert;	/* NULL when missing */
	char	   *key_change;		/* NULL when missing */
	char	   *renewal_info;	/* NULL when missing */
	char	   *terms_of_service;	/* NULL when missing */
	bool		external_account_required;
	char		caa_identities[CM_ACME_CAA_MAX][256];	/* what the CA calls itself in CAA records */
	int			caa_count;
	char		profiles[CM_ACME_PROFILES_MAX][CM_ACME_PROFILE_MAX + 1];	/* that may be asked for (draft-ietf-acme-profiles) */
	int			profile_count;
} CmAcmeDirectory;

typedef enum CmAcmeTarget
{
	CM_ACME_URL,				/* the url of the request */
	CM_ACME_NEW_ACCOUNT,		/* or one of the directory's */
	CM_ACME_NEW_ORDER,
	CM_ACME_REVOKE_CERT,
	CM_ACME_RENEWAL_INFO,		/* an unsigned GET; url of the request: what follows the directory's (RFC 9773 4.1); CM_UNSUPPORTED when the directory has none */
	CM_ACME_KEY_CHANGE,			/* new_key says to which */
	CM_ACME_DIRECTORY			/* nothing is sent: done is called as soon as the directory is there (no key needed); fresh: as soon as it is a fresh one */
} CmAcmeTarget;

/* What the server answered, or that it did not. */
typedef struct CmAcmeReply
{
	/*
	 * CM_OK: 2xx. CM_REFUSED: problem document. CM_LIMIT: 429, 503 or
	 * "rateLimited". CM_NETWORK: no (whole) answer, another 5xx, an error
	 * without problem document (code says which), or badNonce without end:
	 * ask again later. CM_PROTOCOL: nonsense. CM_MEMORY, CM_CRYPTO: our side.
	 */
	CmStatus	status;
	int			code;			/* HTTP status, 0 without an answer */
	char		problem_type[64];	/* without the URN prefix: "rateLimited"; "" when there is none */
	char		location[1024]; /* Location header as an absolute URL, or "" */
	char		url[1024];		/* where the request went */
	int64_t		retry_after;	/* seconds, at most 24 h; -1 when not said */
	int64_t		elapsed_ms;		/* of the exchange that ended it; -1: there was none */
	int			bad_nonces;		/* how often it was sent before and refused for its nonce */
	bool		after_404;		/* it was sent before, to a URL of an old directory */
	CmBuf		body;			/* lives until the callback returns: move it out to keep it */
	CmBuf		headers;
} CmAcmeReply;

/*
 * How fast requests may go to a CA; a burst of 0: no limit. Sessions of one CA
 * share it. Times are microseconds of the monotonic clock.
 */
typedef struct CmAcmePace
{
	CmGcra		requests;		/* of all sorts */
	CmGcra		nonces;			/* of them those to newNonce */
	int64_t		requests_tat;
	int64_t		nonces_tat;
} CmAcmePace;

typedef void (*CmAcmeDone) (CmAcmeReply *reply, void *arg);

typedef struct CmAcmeRequest
{
	CmAcmeTarget target;
	const char *url;			/* for CM_ACME_URL */
	const char *payload;		/* JSON; NULL = POST-as-GET */
	const char *accept;			/* NULL, or "application/pem-certificate-chain" */
	const CmKey *key;			/* account key (or certificate key for revocation); must live until done */
	const char *kid;			/* account URL; NULL: the JWK goes into the header */
	/* newAccount only: external account binding, made when the URL is known */
	const char *eab_kid;
	const char *eab_algorithm;	/* NULL: HS256 */
	CmSlice		eab_mac_key;
	const CmKey *new_key;		/* keyChange only; must live until done */
	bool		fresh;			/* CM_ACME_DIRECTORY only: one that was fetched within the last seconds (15), or an error */
	int64_t		timeout_ms;		/* 0 = 60 s */
	size_t		max_body;		/* 0 = 256 KiB */
	int			followers;		/* so many requests will come at once when this one is answered: nonces for them are fetched meanwhile */
} CmAcmeRequest;

/* What an answer to any HTTP request says, but for its buffers. */
extern void cm_acme_reply_read(const CmHttpResponse *response, const char *url, CmAcmeReply *reply);

extern CmAcmeSession *cm_acme_session_create(CmLoop *loop, const char *directory_url, const char *trust_anchors, CmStatus *st);
/*
 * pace outlives the session. Requests wait in their order until they may go,
 * but not for long: those that would wait for a minute end with CM_LIMIT, unsent.
 */
extern void cm_acme_session_set_pace(CmAcmeSession *session, CmAcmePace *pace);
/* So many a second, so many at once; rate 0: no limit. */
extern CmGcra cm_acme_pace_limit(int rate, int burst);
extern void cm_acme_session_destroy(CmAcmeSession *session);
extern const CmAcmeDirectory *cm_acme_session_directory(const CmAcmeSession *session);	/* NULL before it was fetched; valid until the next dispatch */
/* Was it fetched within the last seconds (15)? What it lacks then the server does not have. */
extern bool cm_acme_session_directory_fresh(const CmAcmeSession *session);
/* Arguments are copied, but for the key. Returns false only for bad arguments or lack of memory; every other failure comes to done. */
extern bool cm_acme_post(CmAcmeSession *session, const CmAcmeRequest *request, CmAcmeDone done, void *arg, CmStatus *st);

/* HTTP requests of all sorts that were sent so far. */
extern int64_t cm_acme_session_requests(const CmAcmeSession *session);

#endif
