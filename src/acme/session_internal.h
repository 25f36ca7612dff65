/*
 * session_internal.h - what a session holds, and the requests in it: session.c
 * moves them, session_request.c knows what is in them.
 */
#ifndef CM_ACME_SESSION_INTERNAL_H
#define CM_ACME_SESSION_INTERNAL_H

#include "acme/internal.h"

/* A request from when it came until its callback has run. */
typedef struct CmAcmePending
{
	struct CmAcmePending *previous;
	struct CmAcmePending *next;
	CmAcmeSession *session;
	CmHttp	   *http;			/* while under way */
	CmAcmeTarget target;
	char	   *url;
	char	   *payload;
	char	   *accept;
	char	   *kid;
	char	   *eab_kid;
	char	   *eab_algorithm;
	CmBuf		eab_mac_key;	/* secret */
	const CmKey *key;
	const CmKey *new_key;
	int64_t		timeout_ms;
	size_t		max_body;
	CmAcmeDone	done;
	void	   *arg;
	char		sent_to[CM_ACME_URL_SIZE];
	CmNonce		nonce;			/* the one in use */
	int			nonce_retries;
	bool		fresh;			/* wants a fresh directory */
	bool		after_404;		/* went again with a new directory */
	int			bad_nonces;
	int			followers;
	int64_t		since;			/* when it came */
} CmAcmePending;

typedef struct CmAcmeQueue
{
	CmAcmePending *first;
	CmAcmePending *last;
	int			count;
} CmAcmeQueue;

/* One of at most CM_NONCE_FETCHES requests for a nonce. */
typedef struct CmAcmeNonceFetch
{
	CmAcmeSession *session;
	CmHttp	   *http;			/* NULL: free */
	bool		by_get;
} CmAcmeNonceFetch;

struct CmAcmeSession
{
	CmLoop	   *loop;
	char	   *directory_url;
	char	   *trust_anchors;
	bool		plain;			/* the directory is http, so is all else */
	CmAcmeDirectory directory;
	bool		have_directory;
	bool		directory_wrong;	/* one of its URLs is gone */
	int64_t		directory_at;	/* when it was fetched */
	int64_t		directory_until;
	CmHttp	   *directory_fetch;
	CmNoncePool pool;
	CmAcmeNonceFetch fetches[CM_NONCE_FETCHES];
	int			fetching;
	bool		nonce_by_get;	/* the server does not know HEAD here */
	CmAcmeQueue waiting;
	CmAcmeQueue running;
	CmTimer    *timer;			/* for pump, of requests that came from outside */
	CmAcmePace *pace;			/* NULL: none */
	CmTimer    *pace_timer;		/* for pump, when the next request may go */
	int64_t		sent;
	int			depth;			/* frames of ours on the stack that go on using the session */
	bool		doomed;			/* destroyed inside a callback */
};

extern void cm_acme_queue_add(CmAcmeQueue *queue, CmAcmePending *request, bool front);
extern void cm_acme_queue_remove(CmAcmeQueue *queue, CmAcmePending *request);
/* Ends all in it without a word to who asked. */
extern void cm_acme_queue_drop(CmAcmeQueue *queue);

/* Could it be sent at all? */
extern bool cm_acme_pending_check(const CmAcmeSession *session, const CmAcmeRequest *request, CmStatus *st);
/* A copy of what was asked for; NULL without memory. */
extern CmAcmePending *cm_acme_pending_create(CmAcmeSession *session, const CmAcmeRequest *from);
extern void cm_acme_pending_free(CmAcmePending *request);
/* Where it goes; NULL: the directory has no such URL. */
extern const char *cm_acme_pending_url(const CmAcmeSession *session, const CmAcmePending *request);
/* The JWS, with its nonce and for its URL (sent_to). */
extern bool cm_acme_pending_sign(const CmAcmePending *request, CmBuf *out, CmStatus *st);
/* NULL stays NULL; false without memory. */
extern bool cm_acme_copy_string(char **dst, const char *src);

#endif
