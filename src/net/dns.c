/*
 * dns.c - DNS exchanges on the event loop: UDP with retransmission, TCP when
 * an answer was truncated or an update is large. Queries are here, updates in
 * dns_update.c.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: no route, no answer in time, an answer that is malformed, an
 * update that is refused or whose answer is not signed. Each socket is
 * connected, so the kernel drops datagrams of other sources, and has a port of
 * its own; answers that do not match id and question are ignored.
 */
#include "net/dns.h"

#include "crypto/digest.h"
#include "net/address.h"
#include "net/dns_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>

/* First retransmission; doubled each time. Name servers answer in well under half a second. */
#define RETRANSMIT_MS 500
/* How long a descriptor is waited for: exchanges end within seconds, and jobs have leases of minutes. */
#define DESCRIPTOR_WAIT_MS 60000
/* Largest datagram taken; servers were told 1232. */
#define DATAGRAM_MAX 4096
/* Datagrams looked at in one wake-up, so that a flood cannot keep the loop from other work. */
#define DATAGRAMS_A_TURN 32

static void on_socket(void *arg, int fd, uint32_t events);
static void on_timer(void *arg);

/* ---- life ---- */

static void
close_socket(CmDns *dns)
{
	cm_watch_remove(dns->watch);
	dns->watch = NULL;
	cm_socket_close(dns->loop, dns->fd);
	dns->fd = -1;
}

void
cm_dns_free(CmDns *dns)
{
	if (dns->key != NULL)
	{
		cm_wipe(dns->key, sizeof(*dns->key));
		free(dns->key);
	}
	cm_buf_free(&dns->query);
	cm_buf_free(&dns->in);
	free(dns);
}

/* The end of what is under way; the object itself lives until cm_dns_free. */
static void
stop(CmDns *dns)
{
	dns->finished = true;
	cm_timer_cancel(dns->timer);
	dns->timer = NULL;
	cm_fd_wait_end(&dns->waiter);
	close_socket(dns);
	cm_op_end(&dns->op);
}

static void
drop(CmOp *op)
{
	CmDns	   *dns = (CmDns *) op;

	stop(dns);
	cm_dns_free(dns);
}

void
cm_dns_cancel(CmDns *dns)
{
	/* Finished: its callback is running and cancels itself. */
	if (dns == NULL || dns->finished)
		return;
	drop(&dns->op);
}

void
cm_dns_finish(CmDns *dns, CmDnsAnswer *answer)
{
	stop(dns);
	dns->done(answer, dns->arg);
	cm_dns_answer_free(answer);
	cm_dns_free(dns);
}

static void
finish_failed(CmDns *dns, const CmStatus *st)
{
	CmDnsAnswer answer;

	memset(&answer, 0, sizeof(answer));
	answer.status = *st;
	cm_dns_finish(dns, &answer);
}

CmDns *
cm_dns_create(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, int64_t timeout_ms,
		   CmDnsDone done, void *arg, CmStatus *st)
{
	CmDns	   *dns;

	if (strlen(name) >= sizeof(dns->name))
	{
		cm_fail(st, CM_INVALID, "a DNS name is too long");
		return NULL;
	}
	dns = calloc(1, sizeof(CmDns));
	if (dns == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	dns->loop = loop;
	dns->server = *server;
	dns->serverlen = serverlen;
	cm_sockaddr_format((const struct sockaddr *) server, dns->server_text, sizeof(dns->server_text));
	memcpy(dns->name, name, strlen(name) + 1);
	dns->timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
	dns->fd = -1;
	dns->done = done;
	dns->arg = arg;
	cm_buf_init(&dns->query, CM_DNS_MESSAGE_MAX);
	cm_buf_init(&dns->in, CM_DNS_MESSAGE_MAX + 2);
	return dns;
}

/* ---- sending ---- */

static bool
fail_connect(CmDns *dns, int error, CmStatus *st)
{
	switch (error)
	{
		case ECONNREFUSED:
			return cm_fail(st, CM_NETWORK, "no DNS server listens at %s", dns->server_text);
		case ENETUNREACH:
		case EADDRNOTAVAIL:
		case EAFNOSUPPORT:
			return cm_fail(st, CM_UNSUPPORTED, "this machine has no route to %s", dns->server_text);
		default:
			return cm_fail(st, CM_NETWORK, "could not reach server %s: %s", dns->server_text, strerror(error));
	}
}

/* Opens the socket and starts to connect; a datagram is sent by send_datagram. */
static bool
open_socket(CmDns *dns, CmStatus *st)
{
	dns->fd = cm_socket_open(dns->loop, dns->server.ss_family, dns->tcp ? SOCK_STREAM : SOCK_DGRAM, st);
	if (dns->fd < 0)
		return false;
	if (connect(dns->fd, (const struct sockaddr *) &dns->server, dns->serverlen) < 0 && errno != EINPROGRESS)
	{
		fail_connect(dns, errno, st);
		close_socket(dns);
		return false;
	}
	dns->watch = cm_watch_add(dns->loop, dns->fd, dns->tcp ? EPOLLOUT : EPOLLIN, on_socket, dns);
	if (dns->watch == NULL)
	{
		cm_fail(st, CM_LIMIT, "could not watch a socket: %s", strerror(errno));
		close_socket(dns);
		return false;
	}
	dns->sent = 0;
	cm_buf_reset(&dns->in);
	return true;
}

static bool
send_datagram(CmDns *dns, CmStatus *st)
{
	if (send(dns->fd, dns->query.data, dns->query.len, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		return fail_connect(dns, errno, st);
	return true;
}

/* Arms the one timer: the next retransmission, or the end. */
static bool
arm_timer(CmDns *dns)
{
	int64_t		left = dns->deadline - cm_monotonic_ms();

	if (!dns->tcp && dns->interval < left)
		left = dns->interval;
	cm_timer_cancel(dns->timer);
	dns->timer = cm_timer_start(dns->loop, left, on_timer, dns);
	return dns->timer != NULL;
}

static void on_descriptor(void *arg);

/*
 * Opens a socket and sends. When no descriptor is free that waits: a name
 * server that could not be asked is not one that lacks a record. The time of
 * the exchange begins when it is sent.
 */
static bool
begin(CmDns *dns, bool waited, CmStatus *st)
{
	CmStatus	own = CM_STATUS_INIT;

	/* What is asked again has what is left of its time. */
	if (dns->deadline == 0 || waited)
		dns->deadline = cm_monotonic_ms() + dns->timeout_ms;
	dns->interval = RETRANSMIT_MS;
	if (open_socket(dns, &own) && (dns->tcp || send_datagram(dns, &own)) && (arm_timer(dns) || cm_fail(&own, CM_MEMORY, "out of memory")))
		return true;
	close_socket(dns);
	if (own.code == CM_LIMIT && cm_monotonic_ms() < dns->patience && cm_fd_wait(&dns->waiter, dns->loop, waited, on_descriptor, dns, &own))
		return true;
	if (st != NULL)
		*st = own;
	return false;
}

static void
on_descriptor(void *arg)
{
	CmDns	   *dns = arg;
	CmStatus	st = CM_STATUS_INIT;

	if (!begin(dns, true, &st))
		finish_failed(dns, &st);
}

bool
cm_dns_start(CmDns *dns, bool trusted, CmStatus *st)
{
	if (!trusted && !cm_loop_address_allowed(dns->loop, (const struct sockaddr *) &dns->server))
	{
		cm_fail(st, CM_POLICY, "address %s is not allowed", dns->server_text);
		return cm_fail_detail(st, "It is not a public address and in none of certmgr.allowed_networks.");
	}
	dns->patience = cm_monotonic_ms() + DESCRIPTOR_WAIT_MS;
	if (!begin(dns, false, st))
		return false;
	cm_op_begin(&dns->op, dns->loop, drop);
	return true;
}

static void
on_timer(void *arg)
{
	CmDns	   *dns = arg;
	CmStatus	st = CM_STATUS_INIT;

	dns->timer = NULL;
	if (cm_monotonic_ms() >= dns->deadline)
	{
		cm_fail(&st, CM_NETWORK, "server %s did not answer within %lld ms", dns->server_text, (long long) dns->timeout_ms);
		finish_failed(dns, &st);
		return;
	}
	dns->interval *= 2;
	if (!dns->tcp && !send_datagram(dns, &st))
		finish_failed(dns, &st);
	else if (!arm_timer(dns))
	{
		cm_fail(&st, CM_MEMORY, "out of memory");
		finish_failed(dns, &st);
	}
}

/* The same question on a new socket: over TCP, or without EDNS. */
static void
ask_again(CmDns *dns)
{
	CmStatus	st = CM_STATUS_INIT;

	close_socket(dns);
	cm_timer_cancel(dns->timer);
	dns->timer = NULL;
	if (!begin(dns, false, &st))
		finish_failed(dns, &st);
}

/* ---- answers ---- */

static void
query_answered(CmDns *dns, CmSlice m)
{
	CmDnsAnswer answer;

	memset(&answer, 0, sizeof(answer));
	if (!cm_dns_parse(m, dns->name, dns->type, &answer, &answer.status))
		cm_fail(&answer.status, CM_PROTOCOL, "the answer of server %s for \"%.100s\" is malformed", dns->server_text, dns->name);
	cm_dns_finish(dns, &answer);
}

static bool
rebuild_without_edns(CmDns *dns)
{
	uint16_t	id = (uint16_t) cm_dns_get16(dns->query.data);

	cm_buf_reset(&dns->query);
	dns->edns = false;
	return cm_dns_build_query(&dns->query, id, dns->name, dns->type, dns->recursion, false, NULL);
}

/* A message that matches id and question. dns may be gone afterwards. */
static void
answered(CmDns *dns, CmSlice m)
{
	int			rcode = m.data[3] & 15;

	if (!dns->tcp && (m.data[2] & 0x02))	/* TC */
	{
		dns->tcp = true;
		ask_again(dns);
	}
	else if (dns->edns && (rcode == CM_DNS_RCODE_FORMERR || rcode == CM_DNS_RCODE_NOTIMP) && rebuild_without_edns(dns))
		ask_again(dns);
	else if (dns->update)
		cm_dns_update_answered(dns, m);
	else
		query_answered(dns, m);
}

static void
receive_datagrams(CmDns *dns)
{
	uint8_t		datagram[DATAGRAM_MAX];
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	for (i = 0; i < DATAGRAMS_A_TURN; i++)
	{
		ssize_t		n = recv(dns->fd, datagram, sizeof(datagram), 0);
		CmSlice		m;

		if (n < 0)
		{
			if (errno == EAGAIN || errno == EINTR)
				return;
			fail_connect(dns, errno, &st);
			finish_failed(dns, &st);
			return;
		}
		m = cm_slice(datagram, (size_t) n);
		if (cm_dns_is_answer(m, cm_slice(dns->query.data, dns->query.len)))
		{
			answered(dns, m);
			return;
		}
	}
}

/* ---- TCP ---- */

/* True when all is out. *error is set when the connection failed. */
static bool
tcp_send(CmDns *dns, int *error)
{
	uint8_t		prefix[2] = {(uint8_t) (dns->query.len >> 8), (uint8_t) dns->query.len};
	struct iovec iov[2];
	struct msghdr msg;
	size_t		skip;
	ssize_t		n;

	while (dns->sent < dns->query.len + 2)
	{
		skip = dns->sent < 2 ? dns->sent : 2;
		iov[0].iov_base = prefix + skip;
		iov[0].iov_len = 2 - skip;
		iov[1].iov_base = dns->query.data + (dns->sent - skip);
		iov[1].iov_len = dns->query.len - (dns->sent - skip);
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = iov;
		msg.msg_iovlen = 2;
		n = sendmsg(dns->fd, &msg, MSG_NOSIGNAL);
		if (n < 0)
		{
			if (errno == EINTR)
				continue;
			*error = errno == EAGAIN ? 0 : errno;
			return false;
		}
		dns->sent += (size_t) n;
	}
	return true;
}

/* 1: a whole message is in, 0: more must come, -1: failed with *error (0: closed). */
static int
tcp_receive(CmDns *dns, int *error)
{
	uint8_t		chunk[4096];

	for (;;)
	{
		size_t		want = dns->in.len < 2 ? 2 : 2 + cm_dns_get16(dns->in.data);
		ssize_t		n;

		if (dns->in.len >= 2 && dns->in.len == want)
			return 1;
		want -= dns->in.len;
		n = recv(dns->fd, chunk, want < sizeof(chunk) ? want : sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		*error = n < 0 ? errno : 0;
		if (n <= 0)
			return -1;
		if (!cm_buf_append(&dns->in, chunk, (size_t) n))
		{
			*error = ENOMEM;
			return -1;
		}
	}
}

static void
tcp_failed(CmDns *dns, int error)
{
	CmStatus	st = CM_STATUS_INIT;

	if (error != 0)
		fail_connect(dns, error, &st);
	else
		cm_fail(&st, CM_NETWORK, "server %s closed the connection before it answered", dns->server_text);
	finish_failed(dns, &st);
}

static void
on_tcp(CmDns *dns)
{
	CmStatus	st = CM_STATUS_INIT;
	int			error = 0;
	int			got;
	CmSlice		m;

	if (!tcp_send(dns, &error))
	{
		if (error != 0)
			tcp_failed(dns, error);
		return;
	}
	if (!cm_watch_set(dns->watch, EPOLLIN))
	{
		tcp_failed(dns, errno);
		return;
	}
	got = tcp_receive(dns, &error);
	if (got < 0)
		tcp_failed(dns, error);
	if (got <= 0)
		return;
	m = cm_slice(dns->in.data + 2, dns->in.len - 2);
	if (cm_dns_is_answer(m, cm_slice(dns->query.data, dns->query.len)))
		answered(dns, m);
	else
	{
		cm_fail(&st, CM_PROTOCOL, "server %s answered another question than the one asked", dns->server_text);
		finish_failed(dns, &st);
	}
}

static void
on_socket(void *arg, int fd, uint32_t events)
{
	CmDns	   *dns = arg;

	(void) fd;
	(void) events;
	if (dns->tcp)
		on_tcp(dns);
	else
		receive_datagrams(dns);
}

/* ---- queries ---- */

static CmDns *
query(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, const char *type, bool recursion,
	  bool trusted, int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st)
{
	CmDns	   *dns = cm_dns_create(loop, server, serverlen, name, timeout_ms, done, arg, st);
	uint16_t	id;

	if (dns == NULL)
		return NULL;
	dns->type = cm_dns_type(type);
	dns->recursion = recursion;
	dns->edns = true;
	if (dns->type < 0)
		cm_fail(st, CM_UNSUPPORTED, "DNS type \"%.20s\" is not supported", type);
	else if (!cm_random(&id, sizeof(id)))
		cm_fail_crypto(st, "could not make a random number");
	else if (cm_dns_build_query(&dns->query, id, name, dns->type, recursion, true, st) && cm_dns_start(dns, trusted, st))
		return dns;
	cm_dns_free(dns);
	return NULL;
}

CmDns *
cm_dns_query(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, const char *type, bool recursion,
			 int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st)
{
	return query(loop, server, serverlen, name, type, recursion, false, timeout_ms, done, arg, st);
}

CmDns *
cm_dns_query_resolver(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, const char *type,
					  int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st)
{
	return query(loop, server, serverlen, name, type, true, true, timeout_ms, done, arg, st);
}
