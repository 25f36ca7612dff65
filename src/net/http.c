/*
 * http.c - HTTP exchanges on the event loop, by libcurl's multi interface.
 *
 * Runs in the database worker and in CALL certmgr.work(), never in another
 * backend; locks nothing. libcurl is initialised by the first request of the
 * process. What may fail: everything a network can do; it ends in the response's
 * status, in words (http_error.c).
 *
 * libcurl's callbacks only move bytes and note facts. Its events come from the
 * loop (on_curl_socket, on_curl_timer), and when its frames are left the
 * finished exchanges are collected and their owners called: they may then
 * start and cancel what they like.
 *
 * Whether a request needs a connection of its own only libcurl knows. One that
 * finds no descriptor free for it comes back, waits for one as DNS exchanges
 * do, and is given to libcurl anew: nothing of it was sent.
 *
 * Signals are blocked around calls that may start libcurl's resolver thread:
 * a thread inherits the mask, and PostgreSQL's handlers must not run on it.
 */
#include "net/http.h"

#include "net/http_internal.h"

#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Easy handles in the multi handle. libcurl slows down with hundreds (2000 cost 8.14 seconds of CPU); over HTTP/2 64 saturate any CA. */
#define ACTIVE_MAX 64
/* Of them, for one host: a CA that hangs leaves the other half to the others. */
#define ACTIVE_PER_HOST 32
#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_MAX_BODY ((size_t) 256 * 1024)
/* What libcurl's own timeout gets before ours, which needs no libcurl, strikes. */
#define GRACE_MS 1000
/* How long a descriptor is waited for, and not longer than for an answer: exchanges end within seconds. A job's lease has this much to spare (TURN_MAX_MS in session.c). */
#define DESCRIPTOR_WAIT_MS 10000

typedef struct Queue
{
	CmHttp	   *first;			/* the oldest */
	CmHttp	   *last;
} Queue;

typedef struct CmCurl
{
	CmLoop	   *loop;
	CURLM	   *multi;
	CmTimer    *timer;
	CmHttp	   *slots[ACTIVE_MAX];
	int			active;
	Queue		queue;			/* waiting for a slot */
	Queue		parked;			/* waiting for a descriptor */
} CmCurl;

static void on_guard(void *arg);
static void drain(CmCurl *curl);

/* ---- signals ---- */

static void
block_signals(sigset_t *old)
{
	sigset_t	set;

	/* The four that a thread raises itself: blocked, they would kill without a core or loop for ever. */
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

static void
restore_signals(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* ---- libcurl on the loop ---- */

static void
act(CmCurl *curl, curl_socket_t fd, int mask)
{
	sigset_t	old;
	int			running;

	block_signals(&old);
	(void) curl_multi_socket_action(curl->multi, fd, mask, &running);
	restore_signals(&old);
	/* PostgreSQL's own TLS reads the same queue. */
	ERR_clear_error();
	drain(curl);
}

static void
on_curl_socket(void *arg, int fd, uint32_t events)
{
	int			mask = 0;

	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	act(arg, fd, mask);
}

static void
on_curl_timer(void *arg)
{
	CmCurl	   *curl = arg;

	curl->timer = NULL;
	act(curl, CURL_SOCKET_TIMEOUT, 0);
}

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	CmCurl	   *curl = arg;
	CmWatch    *watch = socket_arg;
	uint32_t	events = 0;

	(void) easy;
	if (what == CURL_POLL_REMOVE)
	{
		cm_watch_remove(watch);
		curl_multi_assign(curl->multi, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	if (watch != NULL)
		return cm_watch_set(watch, events) ? 0 : -1;
	watch = cm_watch_add(curl->loop, fd, events, on_curl_socket, curl);
	if (watch == NULL)
		return -1;
	curl_multi_assign(curl->multi, fd, watch);
	return 0;
}

static int
timer_changed(CURLM *multi, long ms, void *arg)
{
	CmCurl	   *curl = arg;

	(void) multi;
	cm_timer_cancel(curl->timer);
	curl->timer = NULL;
	if (ms < 0)
		return 0;
	curl->timer = cm_timer_start(curl->loop, ms, on_curl_timer, curl);
	return curl->timer != NULL ? 0 : -1;
}

static void
curl_destroy(void *arg)
{
	CmCurl	   *curl = arg;
	sigset_t	old;

	block_signals(&old);
	curl_multi_cleanup(curl->multi);
	restore_signals(&old);
	ERR_clear_error();
	cm_timer_cancel(curl->timer);
	free(curl);
}

static bool
global_init(CmStatus *st)
{
	static bool ready = false;
	const curl_version_info_data *info;
	sigset_t	old;
	CURLcode	result;

	if (ready)
		return true;
	block_signals(&old);
	result = curl_global_init(CURL_GLOBAL_ALL);
	restore_signals(&old);
	if (result != CURLE_OK)
		return cm_fail(st, CM_UNSUPPORTED, "could not initialise libcurl: %s", curl_easy_strerror(result));
	info = curl_version_info(CURLVERSION_NOW);
	/* Without asynchronous lookups one dead resolver would stop the whole worker. */
	if (!(info->features & CURL_VERSION_SSL) || !(info->features & CURL_VERSION_ASYNCHDNS))
		return cm_fail(st, CM_UNSUPPORTED, "libcurl %.40s has no TLS or no asynchronous name lookup", info->version);
	ready = true;
	return true;
}

static CmCurl *
curl_of(CmLoop *loop, CmStatus *st)
{
	CmCurl	   *curl = cm_loop_http(loop);

	if (curl != NULL)
		return curl;
	if (!global_init(st))
		return NULL;
	curl = calloc(1, sizeof(CmCurl));
	if (curl == NULL || (curl->multi = curl_multi_init()) == NULL)
	{
		free(curl);
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	curl->loop = loop;
	curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
	curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
	curl_multi_setopt(curl->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, (long) ACTIVE_MAX);
	cm_curl_multi_quick_exit(curl->multi);
	cm_loop_set_http(loop, curl, curl_destroy);
	return curl;
}

/* ---- queue and slots ---- */

static void
enqueue(Queue *queue, CmHttp *http, bool front)
{
	http->queue_prev = front ? NULL : queue->last;
	http->queue_next = front ? queue->first : NULL;
	if (http->queue_prev != NULL)
		http->queue_prev->queue_next = http;
	else
		queue->first = http;
	if (http->queue_next != NULL)
		http->queue_next->queue_prev = http;
	else
		queue->last = http;
}

static void
dequeue(Queue *queue, CmHttp *http)
{
	if (http->queue_prev != NULL)
		http->queue_prev->queue_next = http->queue_next;
	else
		queue->first = http->queue_next;
	if (http->queue_next != NULL)
		http->queue_next->queue_prev = http->queue_prev;
	else
		queue->last = http->queue_prev;
	http->queue_prev = http->queue_next = NULL;
}

static bool
is_parked(const CmHttp *http)
{
	return http->waiter.loop != NULL;
}

static bool
host_has_room(const CmCurl *curl, uint32_t hash)
{
	int			n = 0;
	int			i;

	for (i = 0; i < ACTIVE_MAX; i++)
	{
		if (curl->slots[i] != NULL && curl->slots[i]->host_hash == hash)
			n++;
	}
	return n < ACTIVE_PER_HOST;
}

/* Gives a waiting request to libcurl. False when that cannot be now: it waits on. */
static bool
activate(CmCurl *curl, CmHttp *http)
{
	int64_t		left = http->started + http->timeout_ms - cm_monotonic_ms();
	sigset_t	old;
	CURLMcode	result;
	CmTimer    *guard;
	int			slot = 0;

	if (left < 1)
		left = 1;
	guard = cm_timer_start(curl->loop, left + GRACE_MS, on_guard, http);
	if (guard == NULL)
		return false;
	curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long) left);
	block_signals(&old);
	result = curl_multi_add_handle(curl->multi, http->easy);
	restore_signals(&old);
	if (result != CURLM_OK)
	{
		cm_timer_cancel(guard);
		return false;
	}
	cm_timer_cancel(http->queue_timer);
	http->queue_timer = guard;
	dequeue(&curl->queue, http);
	while (curl->slots[slot] != NULL)
		slot++;
	curl->slots[slot] = http;
	http->slot = slot;
	curl->active++;
	return true;
}

static void
start_waiting(CmCurl *curl)
{
	CmHttp	   *http = curl->queue.first;
	uint32_t	full = 0;
	bool		any_full = false;

	while (http != NULL && curl->active < ACTIVE_MAX)
	{
		CmHttp	   *next = http->queue_next;

		if (any_full && http->host_hash == full)
			 /* A long queue is mostly one host's: do not count its slots again. */ ;
		else if (!host_has_room(curl, http->host_hash))
		{
			any_full = true;
			full = http->host_hash;
		}
		else if (!activate(curl, http))
			return;
		http = next;
	}
}

static void
detach(CmCurl *curl, CmHttp *http)
{
	sigset_t	old;

	if (http->slot < 0)
	{
		dequeue(is_parked(http) ? &curl->parked : &curl->queue, http);
		cm_fd_wait_end(&http->waiter);
		return;
	}
	block_signals(&old);
	curl_multi_remove_handle(curl->multi, http->easy);
	restore_signals(&old);
	ERR_clear_error();
	curl->slots[http->slot] = NULL;
	http->slot = -1;
	curl->active--;
}

/* ---- life of a request ---- */

static void
http_free(CmHttp *http)
{
	struct curl_slist *line;
	sigset_t	old;

	if (http->easy != NULL)
	{
		block_signals(&old);
		curl_easy_cleanup(http->easy);
		restore_signals(&old);
		ERR_clear_error();
	}
	/* Headers and body may have carried a credential, an answer may hold a token. */
	for (line = http->headers; line != NULL; line = line->next)
		cm_wipe(line->data, strlen(line->data));
	curl_slist_free_all(http->headers);
	if (http->body != NULL)
		cm_wipe(http->body, http->body_len);
	free(http->body);
	cm_buf_free(&http->response.body);
	cm_buf_free(&http->response.headers);
	free(http);
}

static void
stop(CmHttp *http)
{
	http->finished = true;
	cm_timer_cancel(http->queue_timer);
	http->queue_timer = NULL;
	detach(cm_loop_http(http->loop), http);
	cm_http_give_back(http);
	cm_op_end(&http->op);
}

static void
drop(CmOp *op)
{
	CmHttp	   *http = (CmHttp *) op;

	stop(http);
	http_free(http);
}

void
cm_http_cancel(CmHttp *http)
{
	CmCurl	   *curl;

	/* Finished: its callback is running and cancels itself. */
	if (http == NULL || http->finished)
		return;
	curl = cm_loop_http(http->loop);
	drop(&http->op);
	start_waiting(curl);
}

static void
finish(CmHttp *http, CURLcode result)
{
	long		code = 0;

	stop(http);
	http->response.elapsed_ms = cm_monotonic_ms() - http->started;
	if (result == CURLE_OK && (http->response.body.failed || http->response.headers.failed))
		result = CURLE_OUT_OF_MEMORY;
	if (result == CURLE_OK)
	{
		curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &code);
		http->response.code = (int) code;
	}
	else if (http->response.status.code == CM_OK)
		cm_http_explain(http, result, &http->response.status);
	http->done(&http->response, http->arg);
	http_free(http);
}

/* Out of time: in the queue, or because libcurl's own timeout did not come. */
static void
on_guard(void *arg)
{
	CmHttp	   *http = arg;
	CmCurl	   *curl = cm_loop_http(http->loop);

	http->queue_timer = NULL;
	if (is_parked(http))
		cm_fail(&http->response.status, CM_LIMIT, "no file descriptor is free for a connection to \"%s\"", http->host);
	else if (http->slot < 0)
		cm_fail(&http->response.status, CM_NETWORK, "request to \"%s\" timed out after %lld ms while waiting for its turn", http->host,
				(long long) http->timeout_ms);
	finish(http, CURLE_OPERATION_TIMEDOUT);
	start_waiting(curl);
}

/* ---- without a descriptor ---- */

/* Given to libcurl as if it had just come. */
static void
resume(CmCurl *curl, CmHttp *http)
{
	CmTimer    *guard = cm_timer_start(http->loop, http->timeout_ms, on_guard, http);

	dequeue(&curl->parked, http);
	cm_fd_wait_end(&http->waiter);
	/* Without memory for a timer it has what is left of its patience. */
	if (guard != NULL)
	{
		cm_timer_cancel(http->queue_timer);
		http->queue_timer = guard;
	}
	http->started = cm_monotonic_ms();
	enqueue(&curl->queue, http, true);
}

/* One may be free: it is kept until libcurl wants it, so that those who wait have it in their order. */
static void
on_descriptor(void *arg)
{
	CmHttp	   *http = arg;
	CmCurl	   *curl = cm_loop_http(http->loop);
	CmStatus	st = CM_STATUS_INIT;
	bool		room = curl->active < ACTIVE_MAX && host_has_room(curl, http->host_hash);

	/* Without a place for it to begin none is kept from others. */
	http->reserved = room && cm_loop_acquire_fd(http->loop);
	if (room && !http->reserved && cm_fd_wait(&http->waiter, http->loop, true, on_descriptor, http, &st))
		return;
	resume(curl, http);
	start_waiting(curl);
}

/* A connection to that host is idle now, or takes more streams, for which no descriptor is needed. Two for one that has ended: they become many where there is room. */
static void
resume_same_host(CmCurl *curl, uint32_t host_hash)
{
	CmHttp	   *http = curl->parked.first;

	for (int n = 0; http != NULL && n < 2;)
	{
		CmHttp	   *next = http->queue_next;

		if (http->host_hash == host_hash)
		{
			resume(curl, http);
			n++;
		}
		http = next;
	}
}

/* There was none for its connection. False: it was something else, or has lasted long enough. */
static bool
park(CmCurl *curl, CmHttp *http, CURLcode result)
{
	int64_t		now = cm_monotonic_ms();
	bool		waited = http->patience != 0;
	CmTimer    *guard;
	CmStatus	st = CM_STATUS_INIT;

	if (result != CURLE_COULDNT_CONNECT || !http->no_fd || http->sent)
		return false;
	if (!waited)
		http->patience = now + (http->timeout_ms < DESCRIPTOR_WAIT_MS ? http->timeout_ms : DESCRIPTOR_WAIT_MS);
	if (now >= http->patience || (guard = cm_timer_start(http->loop, http->patience - now, on_guard, http)) == NULL)
		return false;
	if (!cm_fd_wait(&http->waiter, http->loop, waited, on_descriptor, http, &st))
	{
		cm_timer_cancel(guard);
		return false;
	}
	detach(curl, http);
	enqueue(&curl->parked, http, waited);
	cm_timer_cancel(http->queue_timer);
	http->queue_timer = guard;
	http->no_fd = http->headers_done = http->tls_started = false;
	http->header_bytes = 0;
	return true;
}

/* Collects what is finished. Called outside of libcurl's frames. */
static void
drain(CmCurl *curl)
{
	CURLMsg    *msg;
	int			left;

	while ((msg = curl_multi_info_read(curl->multi, &left)) != NULL)
	{
		CURLcode	result = msg->data.result;
		char	   *http = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &http);
		if (park(curl, (CmHttp *) (void *) http, result))
			continue;
		if (result == CURLE_OK)
			resume_same_host(curl, ((CmHttp *) (void *) http)->host_hash);
		finish((CmHttp *) (void *) http, result);
	}
	start_waiting(curl);
}

/* ---- start ---- */

CmHttp *
cm_http_start(CmLoop *loop, const CmHttpRequest *request, CmHttpDone done, void *arg, CmStatus *st)
{
	CmCurl	   *curl = curl_of(loop, st);
	CmHttp	   *http;

	if (curl == NULL)
		return NULL;
	http = calloc(1, sizeof(CmHttp));
	if (http == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	http->loop = loop;
	http->slot = -1;
	http->done = done;
	http->arg = arg;
	http->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS;
	http->max_body = request->max_body > 0 ? request->max_body : DEFAULT_MAX_BODY;
	http->started = cm_monotonic_ms();
	cm_buf_init_secret(&http->response.body, http->max_body);
	cm_buf_init(&http->response.headers, CM_HTTP_HEADERS_MAX);
	if (!cm_http_set_up(http, request, st))
	{
		http_free(http);
		return NULL;
	}
	http->queue_timer = cm_timer_start(loop, http->timeout_ms, on_guard, http);
	if (http->queue_timer == NULL)
	{
		http_free(http);
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	cm_op_begin(&http->op, loop, drop);
	enqueue(&curl->queue, http, false);
	start_waiting(curl);
	return http;
}
