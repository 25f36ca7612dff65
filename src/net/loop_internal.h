/*
 * loop_internal.h - the event loop's state, as loop.c and socket.c share it.
 */
#ifndef CM_NET_LOOP_INTERNAL_H
#define CM_NET_LOOP_INTERNAL_H

#include "net/internal.h"

#include <sys/types.h>

/* A number may be another file's by now; its inode tells. */
typedef struct CmLentSocket
{
	int			fd;
	ino_t		inode;
} CmLentSocket;

struct CmLoop
{
	int			epfd;
	CmLoopHooks hooks;
	CmTimer   **heap;			/* a binary heap, the next one first */
	size_t		ntimers;
	size_t		heap_cap;
	uint64_t	seq;
	CmOp	   *ops;
	int			nops;
	CmWatch    *watches;
	CmWatch    *dead_watches;	/* linked by next */
	CmTimer    *dead_timers;
	bool		dispatching;
	CmFdWaiter *first_waiter;	/* for a descriptor */
	CmFdWaiter *last_waiter;
	CmTimer    *fd_timer;		/* set while somebody waits */
	bool		fd_freed;		/* and it fires at once */
	void	   *http;
	void		(*http_destroy) (void *http);
	CmLentSocket *lent;			/* sockets that libcurl has */
	size_t		nlent;
	size_t		lent_cap;
};

/* Gives back the budget of lent sockets that were closed without a word. */
extern void cm_socket_reckon(CmLoop *loop);

#endif
