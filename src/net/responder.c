/*
 * responder.c - see responder.h: listening sockets and connections on the
 * event loop. Runs in the listener, locks nothing, and talks to anybody who
 * comes: a connection has bounds in bytes and time, their number has one, and
 * each ends after one answer. What may fail: sockets and memory; a connection
 * that meets that is cut, the others go on.
 */
#include "net/responder.h"

#include "net/internal.h"
#include "net/listen.h"
#include "net/responder_http.h"
#include "net/responder_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* A CA asks from some five places at once for each name. When there are more, the oldest one is cut: it had its time. */
#define CONNECTIONS_MAX 64
/* From the first to the last byte. Validators wait for ten seconds themselves. */
#define TIMEOUT_MS 10000
/* After the answer: until the client has read it and closed. */
#define LINGER_MS 2000
/* A ClientHello with post-quantum key shares has 2 kB, all that a client sends in a handshake less than 8. */
#define HANDSHAKE_MAX 16384
/* What a client may send behind its request before it is cut. */
#define DRAIN_MAX 65536
/* Accepted in one wake-up, so that a flood cannot keep the loop from those that are there. */
#define ACCEPTS_A_TURN 16
/* When there are no descriptors: looking again at once would only burn time. */
#define PAUSE_MS 200

typedef struct Connection
{
	struct Connection *prev;
	struct Connection *next;	/* older ones first */
	CmResponder *responder;
	int			fd;
	CmWatch    *watch;
	CmTimer    *timer;
	CmHandshake *handshake;		/* TLS only */
	CmBuf		in;				/* HTTP: the head of the request */
	CmBuf		out;
	size_t		received;
	size_t		sent;
	bool		answered;		/* out holds the last of what is sent */
	bool		shut;			/* and it is on its way */
} Connection;

typedef struct Listener
{
	CmResponder *responder;
	int			fd;
	CmWatch    *watch;
	CmTimer    *pause;
} Listener;

struct CmResponder
{
	CmLoop	   *loop;
	CmResponderConfig config;
	CmResponderTls *tls;
	Listener	listeners[CM_LISTEN_MAX];
	int			nlisteners;
	Connection *first;
	Connection *last;
	int			nconnections;
};

/* ---- the life of a connection ---- */

static void
cut(Connection *c)
{
	CmResponder *responder = c->responder;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		responder->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		responder->last = c->prev;
	responder->nconnections--;
	cm_timer_cancel(c->timer);
	cm_watch_remove(c->watch);
	cm_socket_close(responder->loop, c->fd);
	cm_handshake_free(c->handshake);
	cm_buf_free(&c->in);
	cm_buf_free(&c->out);
	free(c);
}

static void
on_timeout(void *arg)
{
	cut(arg);
}

/* Sends what there is. False: the connection is gone. */
static bool
flush(Connection *c)
{
	while (c->sent < c->out.len)
	{
		ssize_t		n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return cm_watch_set(c->watch, EPOLLIN | EPOLLOUT);
		if (n <= 0)
			return false;
		c->sent += (size_t) n;
	}
	if (!c->answered || c->shut)
		return cm_watch_set(c->watch, EPOLLIN);
	/* Closing with unread bytes in our buffer would reset the connection and may lose the answer: wait for the client's end. */
	c->shut = true;
	if (shutdown(c->fd, SHUT_WR) < 0)
		return false;
	cm_timer_cancel(c->timer);
	c->timer = cm_timer_start(c->responder->loop, LINGER_MS, on_timeout, c);
	return c->timer != NULL && cm_watch_set(c->watch, EPOLLIN);
}

static bool
answer_http(Connection *c, const uint8_t *data, size_t len)
{
	CmResponder *responder = c->responder;
	CmResponderRequest request;
	char		key_authorization[CM_KEY_AUTHORIZATION_MAX];
	const char *content = NULL;

	if (!cm_buf_append(&c->in, data, len))
		return false;
	cm_responder_request_read(cm_slice(c->in.data, c->in.len), &request);
	if (request.status == 0)
		return true;
	if (request.status == 200 && responder->config.lookup(request.token, key_authorization, responder->config.arg))
		content = key_authorization;
	else if (request.status == 200)
		request.status = 404;
	c->answered = true;
	return cm_responder_answer(&c->out, request.status, request.head, content, (int64_t) time(NULL));
}

static bool
answer(Connection *c, const uint8_t *data, size_t len)
{
	c->received += len;
	if (c->answered)
		return c->received <= DRAIN_MAX;
	if (c->handshake == NULL)
		return answer_http(c, data, len);
	return c->received <= HANDSHAKE_MAX && cm_handshake_feed(c->handshake, cm_slice(data, len), &c->out, &c->answered);
}

static void
on_connection(void *arg, int fd, uint32_t events)
{
	Connection *c = arg;
	uint8_t		bytes[4096];
	bool		alive = true;

	/* One read a wake-up; what is left wakes again. */
	if (events & ~EPOLLOUT)
	{
		ssize_t		n = recv(fd, bytes, sizeof(bytes), 0);

		if (n > 0)
			alive = answer(c, bytes, (size_t) n);
		else
			alive = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
	}
	if (!alive || !flush(c))
		cut(c);
}

/* Takes the descriptor over, also when it fails. */
static void
take(CmResponder *responder, int fd)
{
	Connection *c;

	if (responder->nconnections >= CONNECTIONS_MAX)
		cut(responder->first);
	c = calloc(1, sizeof(Connection));
	if (c == NULL)
	{
		cm_socket_close(responder->loop, fd);
		return;
	}
	c->responder = responder;
	c->fd = fd;
	cm_buf_init(&c->in, CM_RESPONDER_HEAD_MAX + 4096);	/* and one read more */
	cm_buf_init(&c->out, HANDSHAKE_MAX);
	c->prev = responder->last;
	if (responder->last != NULL)
		responder->last->next = c;
	else
		responder->first = c;
	responder->last = c;
	responder->nconnections++;
	c->timer = cm_timer_start(responder->loop, responder->config.timeout_ms, on_timeout, c);
	c->watch = cm_watch_add(responder->loop, fd, EPOLLIN, on_connection, c);
	if (responder->tls != NULL)
		c->handshake = cm_handshake_create(responder->tls);
	if (c->timer == NULL || c->watch == NULL || (responder->tls != NULL && c->handshake == NULL))
		cut(c);
}

/* ---- listening ---- */

static void
on_pause_over(void *arg)
{
	Listener   *listener = arg;

	listener->pause = NULL;
	(void) cm_watch_set(listener->watch, EPOLLIN);
}

/* Connections wait in the kernel meanwhile. */
static void
pause_listener(Listener *listener)
{
	if (listener->pause != NULL)
		return;
	listener->pause = cm_timer_start(listener->responder->loop, PAUSE_MS, on_pause_over, listener);
	if (listener->pause != NULL)
		(void) cm_watch_set(listener->watch, 0);
}

static void
on_listener(void *arg, int fd, uint32_t events)
{
	Listener   *listener = arg;
	CmLoop	   *loop = listener->responder->loop;

	(void) events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++)
	{
		int			accepted;

		if (!cm_loop_acquire_fd(loop))
		{
			pause_listener(listener);
			return;
		}
		accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted < 0)
		{
			/* Nobody is waiting, or he has gone again; everything else is a matter of memory or descriptors. */
			if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED)
				pause_listener(listener);
			cm_loop_release_fd(loop);
			return;
		}
		take(listener->responder, accepted);
	}
}

static bool
add_listener(CmResponder *responder, int fd, CmStatus *st)
{
	Listener   *listener = &responder->listeners[responder->nlisteners];

	listener->responder = responder;
	listener->fd = fd;
	listener->watch = cm_watch_add(responder->loop, fd, EPOLLIN, on_listener, listener);
	responder->nlisteners++;
	return listener->watch != NULL || cm_fail(st, CM_LIMIT, "could not watch a listening socket: %s", strerror(errno));
}

static bool
open_all(CmResponder *responder, CmStatus *st)
{
	CmListenAddress addresses[CM_LISTEN_MAX];
	int			count;

	if (!cm_listen_parse(responder->config.listen, addresses, &count, st))
		return false;
	for (int i = 0; i < count; i++)
	{
		CmStatus	why = CM_STATUS_INIT;
		int			fd = cm_listen_open(responder->loop, &addresses[i], &why);

		if (fd < 0 && addresses[i].optional && why.code == CM_UNSUPPORTED)
			continue;
		if (fd < 0)
		{
			*st = why;
			return false;
		}
		if (!add_listener(responder, fd, st))
			return false;
	}
	return true;
}

CmResponder *
cm_responder_open(CmLoop *loop, const CmResponderConfig *config, CmStatus *st)
{
	CmResponder *responder = calloc(1, sizeof(CmResponder));

	if (responder == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	responder->loop = loop;
	responder->config = *config;
	if (responder->config.timeout_ms == 0)
		responder->config.timeout_ms = TIMEOUT_MS;
	if (config->tls)
		responder->tls = cm_responder_tls_create(config->lookup, config->arg, st);
	if ((!config->tls || responder->tls != NULL) && open_all(responder, st))
	{
		responder->config.listen = NULL;	/* the caller's */
		return responder;
	}
	cm_responder_close(responder);
	return NULL;
}

void
cm_responder_close(CmResponder *responder)
{
	if (responder == NULL)
		return;
	while (responder->first != NULL)
		cut(responder->first);
	for (int i = 0; i < responder->nlisteners; i++)
	{
		cm_timer_cancel(responder->listeners[i].pause);
		cm_watch_remove(responder->listeners[i].watch);
		cm_socket_close(responder->loop, responder->listeners[i].fd);
	}
	cm_responder_tls_free(responder->tls);
	free(responder);
}

int
cm_responder_connections(const CmResponder *responder)
{
	return responder->nconnections;
}
