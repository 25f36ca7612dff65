/*
 * loop.c - the event loop: a private epoll descriptor, timers, and the list
 * of operations under way.
 *
 * Runs in the database worker and in CALL certmgr.work(); one loop a process,
 * used by one thread. Knows neither libcurl nor DNS: they register watches and
 * timers. Its sockets are in socket.c. What may fail: memory and descriptors;
 * both are reported, never thrown. The host must ignore SIGPIPE, as PostgreSQL's
 * processes do.
 *
 * Callbacks may start, cancel and finish anything. So that a batch of events
 * never meets a watch that an earlier callback of the batch removed, removed
 * watches and fired timers are kept in a graveyard until dispatch ends.
 */
#include "net/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Events taken out of the kernel at once; what is left makes the descriptor readable again. */
#define EVENT_BATCH 64

struct CmWatch
{
	CmWatch    *prev;
	CmWatch    *next;
	CmLoop	   *loop;
	int			fd;
	bool		dead;
	CmWatchFn	fn;
	void	   *arg;
};

struct CmTimer
{
	CmLoop	   *loop;
	CmTimer    *next_dead;
	int64_t		when;
	uint64_t	seq;			/* order of starting, among timers of the same moment */
	size_t		pos;			/* in the heap */
	bool		dead;
	void		(*fn) (void *arg);
	void	   *arg;
};

int64_t
cm_monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- operations ---- */

void
cm_op_begin(CmOp *op, CmLoop *loop, void (*drop) (CmOp *op))
{
	op->loop = loop;
	op->drop = drop;
	op->prev = NULL;
	op->next = loop->ops;
	if (loop->ops != NULL)
		loop->ops->prev = op;
	loop->ops = op;
	loop->nops++;
}

void
cm_op_end(CmOp *op)
{
	if (op->prev != NULL)
		op->prev->next = op->next;
	else
		op->loop->ops = op->next;
	if (op->next != NULL)
		op->next->prev = op->prev;
	op->prev = op->next = NULL;
	op->loop->nops--;
}

int
cm_loop_active(const CmLoop *loop)
{
	return loop->nops;
}

/* ---- watches ---- */

CmWatch *
cm_watch_add(CmLoop *loop, int fd, uint32_t events, CmWatchFn fn, void *arg)
{
	CmWatch    *watch = calloc(1, sizeof(CmWatch));
	struct epoll_event ev = {0};

	if (watch == NULL)
		return NULL;
	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	ev.events = events;
	ev.data.ptr = watch;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
	{
		free(watch);
		return NULL;
	}
	watch->next = loop->watches;
	if (loop->watches != NULL)
		loop->watches->prev = watch;
	loop->watches = watch;
	return watch;
}

bool
cm_watch_set(CmWatch *watch, uint32_t events)
{
	struct epoll_event ev = {0};

	ev.events = events;
	ev.data.ptr = watch;
	return epoll_ctl(watch->loop->epfd, EPOLL_CTL_MOD, watch->fd, &ev) == 0;
}

void
cm_watch_remove(CmWatch *watch)
{
	CmLoop	   *loop;

	if (watch == NULL || watch->dead)
		return;
	loop = watch->loop;
	/* Fails when the descriptor is closed already, and then there is nothing to remove. */
	(void) epoll_ctl(loop->epfd, EPOLL_CTL_DEL, watch->fd, NULL);
	if (watch->prev != NULL)
		watch->prev->next = watch->next;
	else
		loop->watches = watch->next;
	if (watch->next != NULL)
		watch->next->prev = watch->prev;
	watch->dead = true;
	if (loop->dispatching)
	{
		watch->next = loop->dead_watches;
		loop->dead_watches = watch;
	}
	else
		free(watch);
}

/* ---- timers ---- */

static bool
earlier(const CmTimer *a, const CmTimer *b)
{
	return a->when != b->when ? a->when < b->when : a->seq < b->seq;
}

static void
heap_put(CmLoop *loop, size_t pos, CmTimer *timer)
{
	loop->heap[pos] = timer;
	timer->pos = pos;
}

static void
heap_up(CmLoop *loop, size_t pos, CmTimer *timer)
{
	while (pos > 0 && earlier(timer, loop->heap[(pos - 1) / 2]))
	{
		heap_put(loop, pos, loop->heap[(pos - 1) / 2]);
		pos = (pos - 1) / 2;
	}
	heap_put(loop, pos, timer);
}

static void
heap_down(CmLoop *loop, size_t pos, CmTimer *timer)
{
	size_t		child;

	while ((child = 2 * pos + 1) < loop->ntimers)
	{
		if (child + 1 < loop->ntimers && earlier(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!earlier(loop->heap[child], timer))
			break;
		heap_put(loop, pos, loop->heap[child]);
		pos = child;
	}
	heap_put(loop, pos, timer);
}

static void
heap_remove(CmLoop *loop, CmTimer *timer)
{
	size_t		pos = timer->pos;
	CmTimer    *last = loop->heap[--loop->ntimers];

	if (last == timer)
		return;
	if (pos > 0 && earlier(last, loop->heap[(pos - 1) / 2]))
		heap_up(loop, pos, last);
	else
		heap_down(loop, pos, last);
}

CmTimer *
cm_timer_start(CmLoop *loop, int64_t ms, void (*fn) (void *arg), void *arg)
{
	CmTimer    *timer;

	if (loop->ntimers == loop->heap_cap)
	{
		size_t		cap = loop->heap_cap == 0 ? 64 : loop->heap_cap * 2;
		CmTimer   **heap = realloc(loop->heap, cap * sizeof(CmTimer *));

		if (heap == NULL)
			return NULL;
		loop->heap = heap;
		loop->heap_cap = cap;
	}
	timer = calloc(1, sizeof(CmTimer));
	if (timer == NULL)
		return NULL;
	timer->loop = loop;
	timer->when = cm_monotonic_ms() + (ms > 0 ? ms : 0);
	timer->seq = ++loop->seq;
	timer->fn = fn;
	timer->arg = arg;
	loop->ntimers++;
	heap_up(loop, loop->ntimers - 1, timer);
	return timer;
}

static void
timer_bury(CmTimer *timer)
{
	CmLoop	   *loop = timer->loop;

	heap_remove(loop, timer);
	timer->dead = true;
	if (loop->dispatching)
	{
		timer->next_dead = loop->dead_timers;
		loop->dead_timers = timer;
	}
	else
		free(timer);
}

void
cm_timer_cancel(CmTimer *timer)
{
	/* Dead: it is firing just now, and its owner is cleaning up. */
	if (timer != NULL && !timer->dead)
		timer_bury(timer);
}

/* Timers that a callback starts wait for the next dispatch, so that one of 0 ms cannot starve the rest. */
static void
run_timers(CmLoop *loop)
{
	int64_t		now = cm_monotonic_ms();
	uint64_t	last_seq = loop->seq;

	while (loop->ntimers > 0 && loop->heap[0]->when <= now && loop->heap[0]->seq <= last_seq)
	{
		CmTimer    *timer = loop->heap[0];

		timer_bury(timer);
		timer->fn(timer->arg);
	}
}

/* ---- the loop ---- */

CmLoop *
cm_loop_create(const CmLoopHooks *hooks, CmStatus *st)
{
	CmLoop	   *loop = calloc(1, sizeof(CmLoop));

	if (loop == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	if (hooks != NULL)
		loop->hooks = *hooks;
	if (!cm_loop_acquire_fd(loop))
	{
		cm_fail(st, CM_LIMIT, "no file descriptor is free for the event loop");
		free(loop);
		return NULL;
	}
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
	{
		cm_fail(st, CM_LIMIT, "could not create an epoll descriptor: %s", strerror(errno));
		cm_loop_release_fd(loop);
		free(loop);
		return NULL;
	}
	return loop;
}

static void
empty_graveyard(CmLoop *loop)
{
	while (loop->dead_watches != NULL)
	{
		CmWatch    *watch = loop->dead_watches;

		loop->dead_watches = watch->next;
		free(watch);
	}
	while (loop->dead_timers != NULL)
	{
		CmTimer    *timer = loop->dead_timers;

		loop->dead_timers = timer->next_dead;
		free(timer);
	}
}

/* Not from within a callback of the loop. */
void
cm_loop_destroy(CmLoop *loop)
{
	if (loop == NULL)
		return;
	/*
	 * After an ERROR that left dispatch by a longjmp the flag may still be
	 * set; then things removed below go to the graveyard, emptied last.
	 */
	while (loop->ops != NULL)
		loop->ops->drop(loop->ops);
	if (loop->http != NULL)
		loop->http_destroy(loop->http);
	cm_socket_reckon(loop);
	free(loop->lent);
	while (loop->watches != NULL)
		cm_watch_remove(loop->watches);
	while (loop->ntimers > 0)
		timer_bury(loop->heap[0]);
	empty_graveyard(loop);
	free(loop->heap);
	close(loop->epfd);
	cm_loop_release_fd(loop);
	free(loop);
}

bool
cm_loop_address_allowed(CmLoop *loop, const struct sockaddr *addr)
{
	return loop->hooks.address_allowed == NULL || loop->hooks.address_allowed(addr);
}

int
cm_loop_fd(const CmLoop *loop)
{
	return loop->epfd;
}

int64_t
cm_loop_timeout(const CmLoop *loop)
{
	int64_t		left;

	if (loop->ntimers == 0)
		return -1;
	left = loop->heap[0]->when - cm_monotonic_ms();
	return left > 0 ? left : 0;
}

void
cm_loop_dispatch(CmLoop *loop)
{
	struct epoll_event events[EVENT_BATCH];
	int			n;
	int			i;

	if (loop->dispatching)
		return;
	loop->dispatching = true;
	n = epoll_wait(loop->epfd, events, EVENT_BATCH, 0);
	for (i = 0; i < n; i++)
	{
		CmWatch    *watch = events[i].data.ptr;

		if (!watch->dead)
			watch->fn(watch->arg, watch->fd, events[i].events);
	}
	run_timers(loop);
	loop->dispatching = false;
	empty_graveyard(loop);
}

void *
cm_loop_http(const CmLoop *loop)
{
	return loop->http;
}

void
cm_loop_set_http(CmLoop *loop, void *http, void (*destroy) (void *http))
{
	loop->http = http;
	loop->http_destroy = destroy;
}
