/*
 * session.c - one ACME server as this process sees it: directory, nonces,
 * signed requests, badNonce, and what an answer means.
 *
 * Runs in the database worker, inside its event loop; locks nothing, keeps
 * nothing but memory. A request waits here until the directory is known and a
 * nonce is in hand, is signed and sent, and ends in its callback; whatever
 * fails on the way ends there too, and the session stays usable. Nothing is
 * ever sent twice but for badNonce and a 404 of a directory's URL: in both
 * cases the server said that it did nothing. Callbacks run from dispatch only,
 * never from cm_acme_post.
 */
#include "acme/internal.h"
#include "crypto/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIRECTORY_LIFETIME_MS ((int64_t) 24 * 3600 * 1000)
/* An old directory stays in use when it cannot be fetched again: next attempt after this. */
#define DIRECTORY_RETRY_MS ((int64_t) 3600 * 1000)
#define FETCH_TIMEOUT_MS 30000	/* directory and nonces are static or nearly so */
#define POST_TIMEOUT_MS 60000	/* session.h */
#define MAX_NONCE_RETRIES 10	/* session.h */
/* What waits longer than this for its turn would outlast the lease of its job: 300 s are left, 240 s finalize may take. */
#define TURN_MAX_MS 50000
#define PIPELINE 32				/* requests the HTTP layer has under way at one host */
#define MAX_PAYLOAD ((size_t) 48 * 1024)	/* servers read some 50,000 bytes */

typedef struct Request
{
	struct Request *previous;
	struct Request *next;
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
	bool		after_404;		/* went again with a new directory */
	int			bad_nonces;
	int			followers;
	int64_t		since;			/* when it came */
} Request;

typedef struct Queue
{
	Request    *first;
	Request    *last;
	int			count;
} Queue;

/* One of at most CM_NONCE_FETCHES requests for a nonce. */
typedef struct NonceFetch
{
	CmAcmeSession *session;
	CmHttp	   *http;			/* NULL: free */
	bool		by_get;
} NonceFetch;

struct CmAcmeSession
{
	CmLoop	   *loop;
	char	   *directory_url;
	char	   *trust_anchors;
	bool		plain;			/* the directory is http, so is all else */
	CmAcmeDirectory directory;
	bool		have_directory;
	bool		directory_wrong;	/* one of its URLs is gone */
	int64_t		directory_until;
	CmHttp	   *directory_fetch;
	CmNoncePool pool;
	NonceFetch	fetches[CM_NONCE_FETCHES];
	int			fetching;
	bool		nonce_by_get;	/* the server does not know HEAD here */
	Queue		waiting;
	Queue		running;
	CmTimer    *timer;			/* for pump, of requests that came from outside */
	CmAcmePace *pace;			/* NULL: none */
	CmTimer    *pace_timer;		/* for pump, when the next request may go */
	int64_t		sent;
	int			depth;			/* frames of ours on the stack that go on using the session */
	bool		doomed;			/* destroyed inside a callback */
};

static void pump(CmAcmeSession *session);

/* ---- requests and queues ---- */

static void
queue_add(Queue *queue, Request *request, bool front)
{
	request->previous = front ? NULL : queue->last;
	request->next = front ? queue->first : NULL;
	if (request->previous != NULL)
		request->previous->next = request;
	else
		queue->first = request;
	if (request->next != NULL)
		request->next->previous = request;
	else
		queue->last = request;
	queue->count++;
}

static void
queue_remove(Queue *queue, Request *request)
{
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		queue->first = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	else
		queue->last = request->previous;
	request->previous = request->next = NULL;
	queue->count--;
}

static void
request_free(Request *request)
{
	free(request->url);
	free(request->payload);
	free(request->accept);
	free(request->kid);
	free(request->eab_kid);
	free(request->eab_algorithm);
	cm_buf_free(&request->eab_mac_key);
	free(request);
}

static bool
copy_string(char **dst, const char *src)
{
	*dst = src != NULL ? strdup(src) : NULL;
	return src == NULL || *dst != NULL;
}

static Request *
request_copy(CmAcmeSession *session, const CmAcmeRequest *from)
{
	Request    *request = calloc(1, sizeof(Request));
	bool		ok;

	if (request == NULL)
		return NULL;
	cm_buf_init_secret(&request->eab_mac_key, 0);
	request->session = session;
	request->target = from->target;
	request->key = from->key;
	request->new_key = from->new_key;
	request->timeout_ms = from->timeout_ms > 0 ? from->timeout_ms : POST_TIMEOUT_MS;
	request->max_body = from->max_body > 0 ? from->max_body : CM_ACME_BODY_MAX;
	request->followers = from->followers;
	ok = copy_string(&request->url, from->target == CM_ACME_URL || from->target == CM_ACME_RENEWAL_INFO ? from->url : NULL) &&
		copy_string(&request->payload, from->payload) &&
		copy_string(&request->accept, from->accept) &&
		copy_string(&request->kid, from->kid) &&
		copy_string(&request->eab_kid, from->eab_kid) &&
		copy_string(&request->eab_algorithm, from->eab_algorithm);
	if (ok && from->eab_kid != NULL)
		ok = cm_buf_append(&request->eab_mac_key, from->eab_mac_key.data, from->eab_mac_key.len);
	if (ok)
		return request;
	request_free(request);
	return NULL;
}

/* ---- pace ---- */

void
cm_acme_session_set_pace(CmAcmeSession *session, CmAcmePace *pace)
{
	session->pace = pace;
}

static void pace_timer(void *arg);

/* May a request (for a nonce) go now? Otherwise pump comes back when it may. */
static bool
may_go(CmAcmeSession *session, bool nonce)
{
	int64_t		ms = session->pace != NULL ? cm_acme_pace_wait(session->pace, nonce) : 0;

	if (ms > 0 && session->pace_timer == NULL)
		session->pace_timer = cm_timer_start(session->loop, ms, pace_timer, session);
	/* Without memory for a timer it goes too early: better than never. */
	return ms == 0 || session->pace_timer == NULL;
}

static void
count_sent(CmAcmeSession *session, bool nonce)
{
	session->sent++;
	if (session->pace != NULL)
		cm_acme_pace_count(session->pace, nonce);
}

/* ---- entering and leaving: a callback may destroy the session ---- */

static void
session_free(CmAcmeSession *session)
{
	cm_acme_directory_free(&session->directory);
	free(session->directory_url);
	free(session->trust_anchors);
	free(session);
}

static void
enter(CmAcmeSession *session)
{
	session->depth++;
}

static void
leave(CmAcmeSession *session)
{
	if (--session->depth == 0 && session->doomed)
		session_free(session);
}

/* Ends a request that is in no queue. */
static void
complete(Request *request, CmAcmeReply *reply)
{
	request->done(reply, request->arg);
	cm_buf_free(&reply->body);
	cm_buf_free(&reply->headers);
	request_free(request);
}

/*
 * Ends all that wait, but for the last "keep" of them. What their callbacks
 * ask for anew waits behind and is not touched.
 */
static void
fail_waiting(CmAcmeSession *session, const CmAcmeReply *why, int keep)
{
	int			n = session->waiting.count - keep;

	while (n-- > 0 && !session->doomed && session->waiting.first != NULL)
	{
		Request    *request = session->waiting.first;
		CmAcmeReply reply = *why;

		cm_buf_init(&reply.body, 0);
		cm_buf_init(&reply.headers, 0);
		queue_remove(&session->waiting, request);
		complete(request, &reply);
	}
}

/* ---- directory ---- */

/* Every answer may carry a nonce, errors too (RFC 8555 6.5). */
static bool
keep_nonce(CmAcmeSession *session, const CmHttpResponse *response)
{
	char		value[CM_NONCE_SIZE];

	return response->status.code == CM_OK &&
		cm_http_header(response, "Replay-Nonce", value, sizeof(value)) &&
		cm_nonce_put(&session->pool, value, cm_monotonic_ms());
}

static bool
directory_usable(const CmAcmeSession *session)
{
	return session->have_directory && !session->directory_wrong && cm_monotonic_ms() < session->directory_until;
}

static void
take_directory(CmAcmeSession *session, CmHttpResponse *response, CmAcmeReply *reply)
{
	CmAcmeDirectory directory;

	if (!cm_acme_directory_parse(cm_slice(response->body.data, response->body.len), session->plain, &directory, &reply->status))
		return;
	cm_acme_directory_free(&session->directory);
	session->directory = directory;
	session->have_directory = true;
	session->directory_wrong = false;
	session->directory_until = cm_monotonic_ms() + DIRECTORY_LIFETIME_MS;
}

/* No directory: an old one will do for a while, if nothing speaks against it. */
static void
directory_failed(CmAcmeSession *session, const CmAcmeReply *reply)
{
	if (session->have_directory && !session->directory_wrong)
		session->directory_until = cm_monotonic_ms() + DIRECTORY_RETRY_MS;
	else
		fail_waiting(session, reply, 0);
}

static void
directory_done(CmHttpResponse *response, void *arg)
{
	CmAcmeSession *session = arg;
	CmAcmeReply reply;

	enter(session);
	session->directory_fetch = NULL;
	keep_nonce(session, response);
	cm_acme_reply_judge(response, session->directory_url, session->plain, &reply);
	if (reply.status.code == CM_OK)
		take_directory(session, response, &reply);
	if (reply.status.code != CM_OK)
		directory_failed(session, &reply);
	pump(session);
	leave(session);
}

static CmHttp *
fetch(CmAcmeSession *session, const char *method, const char *url, CmHttpDone done, void *arg, CmAcmeReply *reply)
{
	CmHttpRequest http = {0};
	CmHttp	   *started;

	http.method = method;
	http.url = url;
	http.timeout_ms = FETCH_TIMEOUT_MS;
	http.trust_anchors = session->trust_anchors;
	http.allow_http = session->plain;
	cm_acme_reply_init(reply, url);
	started = cm_http_start(session->loop, &http, done, arg, &reply->status);
	if (started != NULL)
		count_sent(session, url != session->directory_url);
	return started;
}

/* ---- nonces ---- */

static void
nonce_done(CmHttpResponse *response, void *arg)
{
	NonceFetch *nonce = arg;
	CmAcmeSession *session = nonce->session;
	CmAcmeReply reply;
	bool		again;

	enter(session);
	nonce->http = NULL;
	session->fetching--;
	if (!keep_nonce(session, response) && session->pool.count == 0)
	{
		cm_acme_reply_judge(response, session->directory.new_nonce, session->plain, &reply);
		again = !nonce->by_get && (reply.code == 405 || reply.code == 501);
		if (again)
			session->nonce_by_get = true;
		if (reply.code == 404)
			session->directory_wrong = true;
		if (reply.status.code == CM_OK)
			cm_fail(&reply.status, CM_PROTOCOL, "the ACME server's answer to newNonce carries no nonce");
		/* those that another fetch is under way for may still be lucky */
		if (!again)
			fail_waiting(session, &reply, session->fetching);
	}
	pump(session);
	leave(session);
}

/* As many as are wanted, at most CM_NONCE_FETCHES at a time. */
static void
fetch_nonces(CmAcmeSession *session, int wanted)
{
	int			i;

	for (i = 0; i < CM_NONCE_FETCHES && session->fetching < wanted; i++)
	{
		NonceFetch *nonce = &session->fetches[i];
		CmAcmeReply reply;

		if (nonce->http != NULL)
			continue;
		if (!may_go(session, true))
			return;
		nonce->session = session;
		nonce->by_get = session->nonce_by_get;
		nonce->http = fetch(session, nonce->by_get ? "GET" : "HEAD", session->directory.new_nonce, nonce_done, nonce, &reply);
		if (nonce->http == NULL)
		{
			fail_waiting(session, &reply, session->fetching);
			return;
		}
		session->fetching++;
	}
}

/* ---- signed requests ---- */

static bool
is_bad_nonce(const CmAcmeReply *reply)
{
	return strcmp(reply->problem_type, "badNonce") == 0;
}

/* Sends it once more, before all others; false when it has had its chances. */
static bool
again(CmAcmeSession *session, Request *request, CmAcmeReply *reply, const CmHttpResponse *response)
{
	if (is_bad_nonce(reply))
	{
		/* what is as old as the refused nonce would be refused as well; the one of this answer is the one to use */
		cm_nonce_drop_until(&session->pool, request->nonce.at);
		keep_nonce(session, response);
		request->bad_nonces++;
		if (request->nonce_retries++ < MAX_NONCE_RETRIES)
		{
			queue_add(&session->waiting, request, true);
			return true;
		}
		cm_fail(&reply->status, CM_NETWORK, "the ACME server refused %d nonces in a row", MAX_NONCE_RETRIES + 1);
	}
	/* What is known of a certificate and what is not has nothing to do with the URL: there a problem document speaks of the certificate. */
	else if (reply->code == 404 && request->target != CM_ACME_URL && !request->after_404 &&
			 (request->target != CM_ACME_RENEWAL_INFO || reply->problem_type[0] == '\0'))
	{
		session->directory_wrong = true;
		request->after_404 = true;
		queue_add(&session->waiting, request, true);
		return true;
	}
	return false;
}

static void
post_done(CmHttpResponse *response, void *arg)
{
	Request    *request = arg;
	CmAcmeSession *session = request->session;
	CmAcmeReply reply;

	enter(session);
	request->http = NULL;
	queue_remove(&session->running, request);
	cm_acme_reply_judge(response, request->sent_to, session->plain, &reply);
	if (!is_bad_nonce(&reply))
		keep_nonce(session, response);
	reply.elapsed_ms = response->elapsed_ms;
	reply.bad_nonces = request->bad_nonces;
	reply.after_404 = request->after_404;
	if (!again(session, request, &reply, response))
	{
		reply.body = response->body;
		reply.headers = response->headers;
		memset(&response->body, 0, sizeof(response->body));
		memset(&response->headers, 0, sizeof(response->headers));
		complete(request, &reply);
	}
	pump(session);
	leave(session);
}

static const char *
target_url(const CmAcmeSession *session, const Request *request)
{
	switch (request->target)
	{
		case CM_ACME_URL:
			return request->url;
		case CM_ACME_NEW_ACCOUNT:
			return session->directory.new_account;
		case CM_ACME_NEW_ORDER:
			return session->directory.new_order;
		case CM_ACME_REVOKE_CERT:
			return session->directory.revoke_cert;
		case CM_ACME_RENEWAL_INFO:
			return session->directory.renewal_info;
		case CM_ACME_KEY_CHANGE:
			return session->directory.key_change;
		case CM_ACME_DIRECTORY:
			break;
	}
	return NULL;
}

static bool
sign(const Request *request, CmBuf *out, CmStatus *st)
{
	const char *payload = request->payload;
	CmBuf		bound;
	bool		ok = true;

	cm_buf_init(&bound, 0);
	if (request->eab_kid != NULL)
	{
		ok = cm_acme_bind_account(request->payload, request->key, request->eab_algorithm, request->eab_kid,
								  cm_slice(request->eab_mac_key.data, request->eab_mac_key.len), request->sent_to, &bound, st);
		payload = cm_buf_cstr(&bound);
	}
	else if (request->target == CM_ACME_KEY_CHANGE)
	{
		ok = cm_acme_key_change(request->kid, request->key, request->new_key, request->sent_to, &bound, st);
		payload = cm_buf_cstr(&bound);
	}
	ok = ok && cm_jws_sign(request->key, request->kid, request->nonce.value, request->sent_to, payload, out, st);
	cm_buf_free(&bound);
	return ok;
}

/* Every answer that is under way brings a nonce; what lacks for those that will come after them is fetched while they are. */
static void
prefetch_nonces(CmAcmeSession *session, int wanted)
{
	int			have = session->pool.count + session->fetching + session->running.count;

	if (wanted > CM_NONCE_FETCHES)
		wanted = CM_NONCE_FETCHES;
	if (have < wanted)
		fetch_nonces(session, session->fetching + wanted - have);
}

/* Renewal information is public: neither nonce nor signature. */
static bool
send_get(CmAcmeSession *session, Request *request, const char *url, CmStatus *st)
{
	CmHttpRequest http = {0};
	const char *slash = url[0] != '\0' && url[strlen(url) - 1] == '/' ? "" : "/";

	if ((size_t) snprintf(request->sent_to, sizeof(request->sent_to), "%s%s%s", url, slash, request->url) >= sizeof(request->sent_to))
		return cm_fail(st, CM_PROTOCOL, "the URL of the renewal information is too long");
	http.method = "GET";
	http.url = request->sent_to;
	http.timeout_ms = request->timeout_ms;
	http.max_body = request->max_body;
	http.trust_anchors = session->trust_anchors;
	http.allow_http = session->plain;
	request->http = cm_http_start(session->loop, &http, post_done, request, st);
	if (request->http == NULL)
		return false;
	count_sent(session, false);
	queue_add(&session->running, request, false);
	return true;
}

/* Signs with the nonce in request->nonce and sends. */
static bool
send_request(CmAcmeSession *session, Request *request, CmStatus *st)
{
	const char *url = target_url(session, request);
	CmHttpRequest http = {0};
	CmBuf		body;

	if (url == NULL && request->target == CM_ACME_RENEWAL_INFO)
		return cm_fail(st, CM_UNSUPPORTED, "the ACME server gives no renewal information");
	if (url == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "the ACME server's directory has no URL for the request");
	if (request->target == CM_ACME_RENEWAL_INFO)
		return send_get(session, request, url, st);
	snprintf(request->sent_to, sizeof(request->sent_to), "%s", url); /* checked: it fits */
	cm_buf_init(&body, 0);
	if (sign(request, &body, st))
	{
		http.method = "POST";
		http.url = request->sent_to;
		http.content_type = "application/jose+json";
		http.accept = request->accept;
		http.body = cm_buf_cstr(&body);
		http.body_len = body.len;
		http.timeout_ms = request->timeout_ms;
		http.max_body = request->max_body;
		http.trust_anchors = session->trust_anchors;
		http.allow_http = session->plain;
		request->http = cm_http_start(session->loop, &http, post_done, request, st);
	}
	cm_buf_free(&body);
	if (request->http == NULL)
		return false;
	count_sent(session, false);
	queue_add(&session->running, request, false);
	prefetch_nonces(session, request->followers);
	return true;
}

/* Nobody can wait for ever, and a job whose lease is over must not send. */
static void
give_up_late(CmAcmeSession *session)
{
	int64_t		now = cm_monotonic_ms();
	int			n = session->waiting.count;

	while (n-- > 0 && !session->doomed && session->waiting.first != NULL && now - session->waiting.first->since > TURN_MAX_MS)
	{
		Request    *request = session->waiting.first;
		CmAcmeReply reply;

		queue_remove(&session->waiting, request);
		cm_acme_reply_init(&reply, session->directory_url);
		cm_fail(&reply.status, CM_LIMIT, "more requests wait for the CA than its quirk \"request_rate\" lets pass in %d s", TURN_MAX_MS / 1000);
		complete(request, &reply);
	}
}

/* Does what can be done now. Only called from dispatch, inside enter and leave. */
static void
pump(CmAcmeSession *session)
{
	while (!session->doomed && session->waiting.first != NULL)
	{
		Request    *request = session->waiting.first;
		CmAcmeReply reply;

		if (!directory_usable(session))
		{
			if (session->directory_fetch != NULL || !may_go(session, false))
				return;
			session->directory_fetch = fetch(session, "GET", session->directory_url, directory_done, session, &reply);
			if (session->directory_fetch != NULL)
				return;
			directory_failed(session, &reply);
			/* what the callbacks asked for just now has its timer, it must not try again at once */
			if (!directory_usable(session))
				return;
		}
		cm_acme_reply_init(&reply, session->directory_url);
		if (request->target != CM_ACME_DIRECTORY && !may_go(session, false))
		{
			give_up_late(session);
			return;
		}
		if (request->target != CM_ACME_DIRECTORY && request->target != CM_ACME_RENEWAL_INFO && !cm_nonce_take(&session->pool, cm_monotonic_ms(), &request->nonce))
		{
			/* the HTTP layer has no more under way: their answers bring nonces as fast as the server goes */
			if (session->running.count < PIPELINE)
				fetch_nonces(session, session->waiting.count);
			return;
		}
		queue_remove(&session->waiting, request);
		if (request->target == CM_ACME_DIRECTORY)
		{
			reply.code = 200;
			complete(request, &reply);
		}
		else if (!send_request(session, request, &reply.status))
		{
			if (reply.status.code == CM_OK)
				cm_fail(&reply.status, CM_MEMORY, "out of memory");
			complete(request, &reply);
		}
	}
}

static void
pump_timer(void *arg)
{
	CmAcmeSession *session = arg;

	session->timer = NULL;
	enter(session);
	pump(session);
	leave(session);
}

static void
pace_timer(void *arg)
{
	CmAcmeSession *session = arg;

	session->pace_timer = NULL;
	enter(session);
	pump(session);
	leave(session);
}

/* ---- the public face ---- */

static bool
check_request(const CmAcmeSession *session, const CmAcmeRequest *request, CmStatus *st)
{
	if (request->target == CM_ACME_DIRECTORY)
		return true;
	if (request->target == CM_ACME_RENEWAL_INFO)
		return request->url != NULL || cm_fail(st, CM_INVALID, "a request for renewal information needs the certificate's identifier");
	if (request->key == NULL)
		return cm_fail(st, CM_INVALID, "an ACME request needs a key");
	if (request->target == CM_ACME_URL && (request->url == NULL || !cm_acme_url_allowed(request->url, session->plain)))
		return cm_fail(st, CM_INVALID, "the URL of an ACME request must be absolute and have the scheme of the server's directory");
	if (request->payload != NULL && strlen(request->payload) > MAX_PAYLOAD)
		return cm_fail(st, CM_LIMIT, "the payload of an ACME request is longer than %zu bytes", MAX_PAYLOAD);
	if (request->target == CM_ACME_KEY_CHANGE && (request->new_key == NULL || request->kid == NULL))
		return cm_fail(st, CM_INVALID, "keyChange needs an account and a new key");
	if (request->eab_kid != NULL)
	{
		if (request->target != CM_ACME_NEW_ACCOUNT || request->payload == NULL || request->payload[0] != '{' ||
			strrchr(request->payload, '}') == NULL)
			return cm_fail(st, CM_INVALID, "external account binding belongs to the payload of newAccount");
		if (request->eab_mac_key.len == 0)
			return cm_fail(st, CM_INVALID, "external account binding needs a key");
	}
	return true;
}

bool
cm_acme_post(CmAcmeSession *session, const CmAcmeRequest *from, CmAcmeDone done, void *arg, CmStatus *st)
{
	Request    *request;

	if (!check_request(session, from, st))
		return false;
	if (session->doomed)
		return cm_fail(st, CM_INVALID, "the ACME session is closed");
	if (session->timer == NULL)
		session->timer = cm_timer_start(session->loop, 0, pump_timer, session);
	request = session->timer != NULL ? request_copy(session, from) : NULL;
	if (request == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	request->done = done;
	request->arg = arg;
	request->since = cm_monotonic_ms();
	queue_add(&session->waiting, request, false);
	return true;
}

CmAcmeSession *
cm_acme_session_create(CmLoop *loop, const char *directory_url, const char *trust_anchors, CmStatus *st)
{
	CmAcmeSession *session;

	if (!cm_acme_url_valid(directory_url))
	{
		cm_fail(st, CM_INVALID, "the directory of an ACME server must be an absolute URL");
		return NULL;
	}
	session = calloc(1, sizeof(CmAcmeSession));
	if (session != NULL)
	{
		session->loop = loop;
		session->plain = strncasecmp(directory_url, "http:", 5) == 0;
		if (copy_string(&session->directory_url, directory_url) && copy_string(&session->trust_anchors, trust_anchors))
			return session;
		session_free(session);
	}
	cm_fail(st, CM_MEMORY, "out of memory");
	return NULL;
}

static void
drop_queue(Queue *queue)
{
	while (queue->first != NULL)
	{
		Request    *request = queue->first;

		queue_remove(queue, request);
		cm_http_cancel(request->http);
		request_free(request);
	}
}

void
cm_acme_session_destroy(CmAcmeSession *session)
{
	int			i;

	if (session == NULL || session->doomed)
		return;
	session->doomed = true;
	cm_timer_cancel(session->timer);
	cm_timer_cancel(session->pace_timer);
	cm_http_cancel(session->directory_fetch);
	for (i = 0; i < CM_NONCE_FETCHES; i++)
		cm_http_cancel(session->fetches[i].http);
	drop_queue(&session->waiting);
	drop_queue(&session->running);
	if (session->depth == 0)
		session_free(session);
}

const CmAcmeDirectory *
cm_acme_session_directory(const CmAcmeSession *session)
{
	return session->have_directory ? &session->directory : NULL;
}

int64_t
cm_acme_session_requests(const CmAcmeSession *session)
{
	return session->sent;
}
