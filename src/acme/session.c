/*
 * session.c - one ACME server as this process sees it: directory, nonces,
 * signed requests, badNonce, and what an answer means. (The requests
 * themselves are in session_request.c.)
 *
 * Runs in the database worker, inside its event loop; locks nothing, keeps
 * nothing but memory. A request waits here until the directory is known and a
 * nonce is in hand, is signed and sent, and ends in its callback; whatever
 * fails on the way ends there too, and the session stays usable. Nothing is
 * ever sent twice but for badNonce and a 404 of a directory's URL: in both
 * cases the server said that it did nothing. Callbacks run from dispatch only,
 * never from cm_acme_post.
 */
#include "acme/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIRECTORY_LIFETIME_MS ((int64_t) 24 * 3600 * 1000)
/* An old directory stays in use when it cannot be fetched again: next attempt after this. */
#define DIRECTORY_RETRY_MS ((int64_t) 3600 * 1000)
/* What a CA has just added is not there for as long as this; and it is not asked more often, however many orders want something that it does not have. */
#define DIRECTORY_FRESH_MS 15000
#define FETCH_TIMEOUT_MS 30000	/* directory and nonces are static or nearly so */
#define MAX_NONCE_RETRIES 10	/* session.h */
/* What waits longer than this for its turn would outlast the lease of its job: 300 s are left, 240 s finalize may take. */
#define TURN_MAX_MS 50000
#define PIPELINE 32				/* requests the HTTP layer has under way at one host */

static void pump(CmAcmeSession *session);

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
complete(CmAcmePending *request, CmAcmeReply *reply)
{
	request->done(reply, request->arg);
	cm_buf_free(&reply->body);
	cm_buf_free(&reply->headers);
	cm_acme_pending_free(request);
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
		CmAcmePending *request = session->waiting.first;
		CmAcmeReply reply = *why;

		cm_buf_init(&reply.body, 0);
		cm_buf_init(&reply.headers, 0);
		cm_acme_queue_remove(&session->waiting, request);
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

bool
cm_acme_session_directory_fresh(const CmAcmeSession *session)
{
	return session->have_directory && cm_monotonic_ms() - session->directory_at < DIRECTORY_FRESH_MS;
}

/* Is a new directory to be had before this one can go on? A CA without renewal information is not asked for it time and again. */
static bool
wants_fresh(const CmAcmeSession *session, const CmAcmePending *request)
{
	bool		lacks = request->target != CM_ACME_DIRECTORY && request->target != CM_ACME_RENEWAL_INFO && cm_acme_pending_url(session, request) == NULL;

	return (request->fresh || lacks) && !cm_acme_session_directory_fresh(session);
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
	session->directory_at = cm_monotonic_ms();
	session->directory_until = session->directory_at + DIRECTORY_LIFETIME_MS;
}

/* Those for which an old directory is not enough. */
static void
fail_fresh(CmAcmeSession *session, const CmAcmeReply *why)
{
	CmAcmeQueue failed = {0};
	CmAcmePending *next;

	for (CmAcmePending *request = session->waiting.first; request != NULL; request = next)
	{
		next = request->next;
		if (!wants_fresh(session, request))
			continue;
		cm_acme_queue_remove(&session->waiting, request);
		cm_acme_queue_add(&failed, request, false);
	}
	while (!session->doomed && failed.first != NULL)
	{
		CmAcmePending *request = failed.first;
		CmAcmeReply reply = *why;

		cm_buf_init(&reply.body, 0);
		cm_buf_init(&reply.headers, 0);
		cm_acme_queue_remove(&failed, request);
		complete(request, &reply);
	}
	cm_acme_queue_drop(&failed);
}

/* No directory: an old one will do for a while, if nothing speaks against it. */
static void
directory_failed(CmAcmeSession *session, const CmAcmeReply *reply)
{
	if (session->have_directory && !session->directory_wrong)
	{
		session->directory_until = cm_monotonic_ms() + DIRECTORY_RETRY_MS;
		fail_fresh(session, reply);
	}
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
	CmAcmeNonceFetch *nonce = arg;
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
		CmAcmeNonceFetch *nonce = &session->fetches[i];
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
again(CmAcmeSession *session, CmAcmePending *request, CmAcmeReply *reply, const CmHttpResponse *response)
{
	if (is_bad_nonce(reply))
	{
		/* what is as old as the refused nonce would be refused as well; the one of this answer is the one to use */
		cm_nonce_drop_until(&session->pool, request->nonce.at);
		keep_nonce(session, response);
		request->bad_nonces++;
		if (request->nonce_retries++ < MAX_NONCE_RETRIES)
		{
			cm_acme_queue_add(&session->waiting, request, true);
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
		cm_acme_queue_add(&session->waiting, request, true);
		return true;
	}
	return false;
}

static void
post_done(CmHttpResponse *response, void *arg)
{
	CmAcmePending *request = arg;
	CmAcmeSession *session = request->session;
	CmAcmeReply reply;

	enter(session);
	request->http = NULL;
	cm_acme_queue_remove(&session->running, request);
	cm_acme_reply_judge(response, request->sent_to, session->plain, &reply);
	if (!is_bad_nonce(&reply) && !keep_nonce(session, response) && reply.code >= 500 && reply.problem_type[0] == '\0')
		/* some servers break on a nonce that they have forgotten: others of that age may do the same */
		cm_nonce_drop_until(&session->pool, request->nonce.at);
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
send_get(CmAcmeSession *session, CmAcmePending *request, const char *url, CmStatus *st)
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
	cm_acme_queue_add(&session->running, request, false);
	return true;
}

/* Signs with the nonce in request->nonce and sends. */
static bool
send_request(CmAcmeSession *session, CmAcmePending *request, CmStatus *st)
{
	const char *url = cm_acme_pending_url(session, request);
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
	if (cm_acme_pending_sign(request, &body, st))
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
	cm_acme_queue_add(&session->running, request, false);
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
		CmAcmePending *request = session->waiting.first;
		CmAcmeReply reply;

		cm_acme_queue_remove(&session->waiting, request);
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
		CmAcmePending *request = session->waiting.first;
		CmAcmeReply reply;

		if (!directory_usable(session) || wants_fresh(session, request))
		{
			if (session->directory_fetch != NULL || !may_go(session, false))
				return;
			session->directory_fetch = fetch(session, "GET", session->directory_url, directory_done, session, &reply);
			if (session->directory_fetch != NULL)
				return;
			directory_failed(session, &reply);
			/* what the callbacks asked for just now has its timer, it must not try again at once */
			if (!directory_usable(session) || (session->waiting.first != NULL && wants_fresh(session, session->waiting.first)))
				return;
			continue;
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
		cm_acme_queue_remove(&session->waiting, request);
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

bool
cm_acme_post(CmAcmeSession *session, const CmAcmeRequest *from, CmAcmeDone done, void *arg, CmStatus *st)
{
	CmAcmePending *request;

	if (!cm_acme_pending_check(session, from, st))
		return false;
	if (session->doomed)
		return cm_fail(st, CM_INVALID, "the ACME session is closed");
	if (session->timer == NULL)
		session->timer = cm_timer_start(session->loop, 0, pump_timer, session);
	request = session->timer != NULL ? cm_acme_pending_create(session, from) : NULL;
	if (request == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	request->done = done;
	request->arg = arg;
	request->since = cm_monotonic_ms();
	cm_acme_queue_add(&session->waiting, request, false);
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
		if (cm_acme_copy_string(&session->directory_url, directory_url) && cm_acme_copy_string(&session->trust_anchors, trust_anchors))
			return session;
		session_free(session);
	}
	cm_fail(st, CM_MEMORY, "out of memory");
	return NULL;
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
	cm_acme_queue_drop(&session->waiting);
	cm_acme_queue_drop(&session->running);
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
