/*
 * engine_net.c - see engine_net.h. The hooks run inside the event loop and
 * must not throw; they allocate nothing.
 */
#include "postgres.h"

#include "net/address.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "storage/fd.h"
#include "worker/engine_net.h"

#define FD_RESERVE 9			/* the one that is asked for, and eight for the server: it needs one at a time */

static CmNetwork networks[CM_NETWORKS_MAX];
static int	nnetworks;
static int	generation = -1;

static bool
address_allowed(const struct sockaddr *addr)
{
	if (generation != cm_guc_generation())
	{
		generation = cm_guc_generation();
		/* it was checked when it was set */
		if (!cm_networks_parse(cm_guc_allowed_networks != NULL ? cm_guc_allowed_networks : "", networks, &nnetworks, NULL))
			nnetworks = 0;
	}
	if (cm_address_public(addr))
		return true;
	for (int i = 0; i < nnetworks; i++)
	{
		if (cm_network_contains(&networks[i], addr))
			return true;
	}
	return false;
}

/*
 * The server refuses its own wait for an event when the budget for descriptors
 * that are not files is used up, which would end the worker: some are left.
 */
static bool
acquire_fd(void)
{
	int			reserve = 0;
	bool		enough;

	while (reserve < FD_RESERVE && AcquireExternalFD())
		reserve++;
	enough = reserve == FD_RESERVE;
	/* One of them is kept. */
	while (reserve > (enough ? 1 : 0))
	{
		ReleaseExternalFD();
		reserve--;
	}
	return enough;
}

CmLoop *
cm_engine_loop_create(void)
{
	static const CmLoopHooks hooks = {acquire_fd, ReleaseExternalFD, address_allowed};
	CmStatus	st = CM_STATUS_INIT;
	CmLoop	   *loop = cm_loop_create(&hooks, &st);

	if (loop == NULL)
		cm_throw(&st, NULL);
	return loop;
}
