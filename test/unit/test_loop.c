/*
 * test_loop.c - timers, watches and operations of the event loop, above all
 * callbacks that start and cancel other things.
 */
#include "net/internal.h"
#include "net/loop.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static CmLoop *
create(const CmLoopHooks *hooks)
{
	CmStatus	st = CM_STATUS_INIT;
	CmLoop	   *loop = cm_loop_create(hooks, &st);

	assert_non_null(loop);
	return loop;
}

/* As the worker does it: waits for the descriptor or the next timer, then dispatches. */
static void
turn(CmLoop *loop)
{
	struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

	poll(&p, 1, (int) cm_loop_timeout(loop));
	cm_loop_dispatch(loop);
}

/* ---- timers ---- */

static char fired[64];

static void
note(void *arg)
{
	strncat(fired, arg, sizeof(fired) - strlen(fired) - 1);
}

static void
test_timer_order(void **state)
{
	CmLoop	   *loop = create(NULL);
	CmTimer    *timers[100];
	int			i;

	(void) state;
	fired[0] = '\0';
	assert_int_equal(cm_loop_timeout(loop), -1);
	cm_timer_start(loop, 20, note, "c");
	cm_timer_start(loop, 5, note, "a");
	cm_timer_start(loop, 5, note, "b");	/* the same moment, or later: in order of starting */
	cm_timer_start(loop, 100000, note, "never");
	assert_in_range(cm_loop_timeout(loop), 0, 5);
	/* Many that come and go leave the heap in order. */
	for (i = 0; i < 100; i++)
		timers[i] = cm_timer_start(loop, 1 + (i * 37) % 50, note, "x");
	for (i = 0; i < 100; i++)
		cm_timer_cancel(timers[(i * 61) % 100]);
	while (strlen(fired) < 3)
		turn(loop);
	assert_string_equal(fired, "abc");
	assert_true(cm_loop_timeout(loop) > 90000);
	cm_timer_cancel(NULL);
	cm_loop_destroy(loop);
}

static CmLoop *the_loop;
static CmTimer *self;
static CmTimer *other;
static int	calls;

static void
cancel_self_and_other(void *arg)
{
	(void) arg;
	calls++;
	cm_timer_cancel(self);		/* is firing: nothing to do */
	cm_timer_cancel(other);
	cm_loop_dispatch(the_loop); /* nested: refused */
}

static void
again(void *arg)
{
	(void) arg;
	calls++;
	self = cm_timer_start(the_loop, 0, again, NULL);
}

static void
test_timer_reentrancy(void **state)
{
	(void) state;
	the_loop = create(NULL);
	calls = 0;
	self = cm_timer_start(the_loop, 0, cancel_self_and_other, NULL);
	other = cm_timer_start(the_loop, 0, cancel_self_and_other, NULL);
	turn(the_loop);
	cm_loop_dispatch(the_loop);
	assert_int_equal(calls, 1);
	assert_int_equal(cm_loop_timeout(the_loop), -1);

	/* One that starts itself anew runs once a turn. */
	calls = 0;
	again(NULL);
	turn(the_loop);
	assert_int_equal(calls, 2);
	turn(the_loop);
	assert_int_equal(calls, 3);
	cm_loop_destroy(the_loop);
}

/* ---- watches ---- */

static CmWatch *watches[2];
static int	pipes[2][2];

/* Whoever is first removes both: the event of the other is in the batch already. */
static void
remove_both(void *arg, int fd, uint32_t events)
{
	(void) arg;
	assert_true(fd == pipes[0][0] || fd == pipes[1][0]);
	assert_true(events & EPOLLIN);
	calls++;
	cm_watch_remove(watches[0]);
	cm_watch_remove(watches[1]);
	cm_watch_remove(watches[1]);
}

static void
test_watch_removed_in_batch(void **state)
{
	int			i;

	(void) state;
	the_loop = create(NULL);
	calls = 0;
	for (i = 0; i < 2; i++)
	{
		assert_int_equal(pipe(pipes[i]), 0);
		watches[i] = cm_watch_add(the_loop, pipes[i][0], EPOLLIN, remove_both, NULL);
		assert_non_null(watches[i]);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
	}
	turn(the_loop);
	cm_loop_dispatch(the_loop);
	assert_int_equal(calls, 1);

	/* Watches that are left are freed with the loop; nothing is reported once the mask is empty. */
	watches[0] = cm_watch_add(the_loop, pipes[0][0], EPOLLIN, remove_both, NULL);
	assert_true(cm_watch_set(watches[0], 0));
	cm_loop_dispatch(the_loop);
	assert_int_equal(calls, 1);
	assert_null(cm_watch_add(the_loop, -1, EPOLLIN, remove_both, NULL));
	cm_loop_destroy(the_loop);
	for (i = 0; i < 2; i++)
	{
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

/* ---- operations and descriptors ---- */

static int	fds;
static int	fds_max;

static bool
acquire(void)
{
	if (fds == fds_max)
		return false;
	fds++;
	return true;
}

static void
release(void)
{
	fds--;
}

typedef struct Op
{
	CmOp		op;
	int			fd;
} Op;

static void
drop(CmOp *op)
{
	calls++;
	cm_op_end(op);
	cm_socket_close(op->loop, ((Op *) op)->fd);
	free(op);
}

static void
test_destroy_drops(void **state)
{
	CmLoopHooks hooks = {acquire, release, NULL};
	CmStatus	st = CM_STATUS_INIT;
	CmLoop	   *loop;
	int			i;

	(void) state;
	fds = 0;
	fds_max = 0;
	assert_null(cm_loop_create(&hooks, &st));
	assert_int_equal(st.code, CM_LIMIT);

	fds_max = 3;
	calls = 0;
	loop = create(&hooks);
	assert_int_equal(fds, 1);
	assert_int_equal(cm_loop_active(loop), 0);
	for (i = 0; i < 3; i++)
	{
		Op		   *op = calloc(1, sizeof(Op));

		st = (CmStatus) CM_STATUS_INIT;
		op->fd = cm_socket_open(loop, AF_INET, SOCK_DGRAM, &st);
		assert_int_equal(op->fd >= 0, i < 2);
		assert_int_equal(st.code, i < 2 ? CM_OK : CM_LIMIT);
		cm_op_begin(&op->op, loop, drop);
	}
	assert_int_equal(cm_loop_active(loop), 3);
	assert_int_equal(fds, 3);
	cm_timer_start(loop, 0, note, "not called");
	fired[0] = '\0';
	cm_loop_destroy(loop);
	assert_int_equal(calls, 3);
	assert_int_equal(fds, 0);
	assert_string_equal(fired, "");
	cm_loop_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_order),
		cmocka_unit_test(test_timer_reentrancy),
		cmocka_unit_test(test_watch_removed_in_batch),
		cmocka_unit_test(test_destroy_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
