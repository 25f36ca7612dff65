/*
 * loop.h - one event loop a process: a private epoll descriptor with curl's
 * and our DNS sockets in it, and timers. Knows nothing of PostgreSQL: whoever
 * waits (the worker through a WaitEventSet, a unit test through poll) waits
 * for cm_loop_fd() to be readable, at most cm_loop_timeout() milliseconds,
 * and calls cm_loop_dispatch(). Completion callbacks run inside dispatch, but
 * never inside a frame of libcurl; they may start new operations; they must
 * not throw.
 */
#ifndef CM_NET_LOOP_H
#define CM_NET_LOOP_H

#include "base/status.h"
#include <stdint.h>
#include <sys/socket.h>

typedef struct CmLoop CmLoop;

typedef struct CmLoopHooks
{
	bool		(*acquire_fd) (void);	/* the host's budget of file descriptors; NULL: none */
	void		(*release_fd) (void);
	bool		(*address_allowed) (const struct sockaddr *addr);	/* asked for every address before it is dialled; NULL: all */
} CmLoopHooks;

extern CmLoop *cm_loop_create(const CmLoopHooks *hooks, CmStatus *st);
extern void cm_loop_destroy(CmLoop *loop);	/* operations under way are dropped, their callbacks are not called */
extern int	cm_loop_fd(const CmLoop *loop);
extern int64_t cm_loop_timeout(const CmLoop *loop);	/* -1: no timer */
extern void cm_loop_dispatch(CmLoop *loop);
extern int	cm_loop_active(const CmLoop *loop);	/* operations under way */

/* Monotonic milliseconds. */
extern int64_t cm_monotonic_ms(void);

/* A one-shot timer. */
typedef struct CmTimer CmTimer;
extern CmTimer *cm_timer_start(CmLoop *loop, int64_t ms, void (*fn) (void *arg), void *arg);
extern void cm_timer_cancel(CmTimer *timer);

#endif
