/*
 * socket.c - the loop's sockets: the host's budget of descriptors, who waits for
 * one of them, and those lent to libcurl.
 *
 * Runs where loop.c runs; locks nothing. What may fail: memory, and descriptors
 * when the budget or the kernel has none; both are reported, never thrown.
 */
#include "net/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Descriptors that somebody else of the process gives back are seen after this time. */
#define FD_LOOK_MS 100

/* ---- descriptors of the host's budget ---- */

/* One after the other, until one waits again. */
static void
on_fd_timer(void *arg)
{
	CmLoop	   *loop = arg;
	CmFdWaiter *waiter;

	loop->fd_timer = NULL;
	loop->fd_freed = false;
	while ((waiter = loop->first_waiter) != NULL && loop->fd_timer == NULL)
	{
		cm_fd_wait_end(waiter);
		waiter->fn(waiter->arg);
	}
}

static void
wake_waiters(CmLoop *loop)
{
	CmTimer    *timer = cm_timer_start(loop, 0, on_fd_timer, loop);

	/* Without memory the next look comes by itself. */
	if (timer == NULL)
		return;
	cm_timer_cancel(loop->fd_timer);
	loop->fd_timer = timer;
	loop->fd_freed = true;
}

bool
cm_loop_acquire_fd(CmLoop *loop)
{
	return loop->hooks.acquire_fd == NULL || loop->hooks.acquire_fd();
}

void
cm_loop_release_fd(CmLoop *loop)
{
	if (loop->hooks.release_fd != NULL)
		loop->hooks.release_fd();
	if (loop->first_waiter != NULL && !loop->fd_freed)
		wake_waiters(loop);
}

bool
cm_fd_wait(CmFdWaiter *waiter, CmLoop *loop, bool front, void (*fn) (void *arg), void *arg, CmStatus *st)
{
	if (loop->fd_timer == NULL)
	{
		loop->fd_freed = false;
		loop->fd_timer = cm_timer_start(loop, FD_LOOK_MS, on_fd_timer, loop);
		if (loop->fd_timer == NULL)
			return cm_fail(st, CM_MEMORY, "out of memory");
	}
	waiter->loop = loop;
	waiter->fn = fn;
	waiter->arg = arg;
	waiter->prev = front ? NULL : loop->last_waiter;
	waiter->next = front ? loop->first_waiter : NULL;
	if (waiter->prev != NULL)
		waiter->prev->next = waiter;
	else
		loop->first_waiter = waiter;
	if (waiter->next != NULL)
		waiter->next->prev = waiter;
	else
		loop->last_waiter = waiter;
	return true;
}

void
cm_fd_wait_end(CmFdWaiter *waiter)
{
	CmLoop	   *loop = waiter->loop;

	if (loop == NULL)
		return;
	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		loop->first_waiter = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	else
		loop->last_waiter = waiter->prev;
	waiter->loop = NULL;
}

int
cm_socket_open(CmLoop *loop, int family, int type, CmStatus *st)
{
	int			fd;

	if (!cm_loop_acquire_fd(loop))
	{
		cm_fail(st, CM_LIMIT, "no file descriptor is free for a connection");
		return -1;
	}
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
	{
		/* EAFNOSUPPORT: a host without IPv6. */
		cm_fail(st, errno == EAFNOSUPPORT ? CM_UNSUPPORTED : CM_LIMIT, "could not create a socket: %s", strerror(errno));
		cm_loop_release_fd(loop);
	}
	return fd;
}

void
cm_socket_close(CmLoop *loop, int fd)
{
	if (fd < 0)
		return;
	close(fd);
	cm_loop_release_fd(loop);
}

/* ---- sockets lent to libcurl ---- */

static bool
is_open(const CmLentSocket *lent)
{
	struct stat at;

	return fstat(lent->fd, &at) == 0 && S_ISSOCK(at.st_mode) && at.st_ino == lent->inode;
}

/* libcurl 7.88 to 8.2 closes a socket that was never connected without calling back: the host's budget would shrink by each. */
void
cm_socket_reckon(CmLoop *loop)
{
	size_t		kept = 0;

	for (size_t i = 0; i < loop->nlent; i++)
	{
		if (is_open(&loop->lent[i]))
			loop->lent[kept++] = loop->lent[i];
		else
			cm_loop_release_fd(loop);
	}
	loop->nlent = kept;
}

static bool
note_lent(CmLoop *loop, int fd, CmStatus *st)
{
	struct stat at;

	if (loop->nlent == loop->lent_cap)
	{
		size_t		cap = loop->lent_cap == 0 ? 16 : 2 * loop->lent_cap;
		CmLentSocket *lent = realloc(loop->lent, cap * sizeof(CmLentSocket));

		if (lent == NULL)
			return cm_fail(st, CM_MEMORY, "out of memory");
		loop->lent = lent;
		loop->lent_cap = cap;
	}
	if (fstat(fd, &at) != 0)
		return cm_fail(st, CM_LIMIT, "could not look at a socket: %s", strerror(errno));
	loop->lent[loop->nlent++] = (CmLentSocket) {fd, at.st_ino};
	return true;
}

int
cm_socket_lend(CmLoop *loop, int family, int type, CmStatus *st)
{
	int			fd;

	cm_socket_reckon(loop);
	fd = cm_socket_open(loop, family, type, st);
	if (fd >= 0 && !note_lent(loop, fd, st))
	{
		cm_socket_close(loop, fd);
		return -1;
	}
	return fd;
}

void
cm_socket_take_back(CmLoop *loop, int fd)
{
	for (size_t i = 0; i < loop->nlent; i++)
	{
		if (loop->lent[i].fd != fd)
			continue;
		loop->lent[i] = loop->lent[--loop->nlent];
		break;
	}
	cm_socket_close(loop, fd);
}
