/*
 * listener.c - the background worker that answers the CAs that validate by
 * HTTP-01 and TLS-ALPN-01. Static; made at the start of the server when
 * certmgr.http_challenge_listen or certmgr.tls_alpn_challenge_listen is set,
 * not on a standby before its promotion. Connects to no database and runs no
 * query: what it answers is in shared memory (listener_shmem.c).
 *
 * A port that cannot be had is tried again with a back-off and is a finding in
 * certmgr.health meanwhile; nothing else of the server depends on it. Whatever
 * ends the process, the postmaster starts another after five seconds.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "worker/engine_net.h"
#include "worker/launcher.h"
#include "worker/listener.h"
#include "worker/static_worker.h"

/* A port is taken for seconds when another server is just being stopped, and for days when it is a mistake. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS (60 * 1000)
/* Nothing but the latch and sockets needs us; this only bounds what a clock that is set back can do. */
#define WAIT_MAX_MS (60 * 1000)

typedef struct Service
{
	CmListenerKind kind;
	CmResponder *responder;
	char	   *listen;			/* the setting that it was opened, or tried, with */
	TimestampTz next_try;
	int			retry_ms;
	char		error[sizeof(((CmListenerInfo *) 0)->error)];	/* logged already */
} Service;

static CmLoop *loop;
static Service services[CM_LISTENER_KINDS];

void
cm_listener_register(void)
{
	if (cm_listener_setting(CM_LISTENER_HTTP)[0] == '\0' && cm_listener_setting(CM_LISTENER_TLS)[0] == '\0')
		return;
	cm_static_worker_register("certmgr listener", "cm_listener_main");
}

static bool
lookup(const char *what, char dst[CM_KEY_AUTHORIZATION_MAX], void *arg)
{
	return cm_listener_answer(((Service *) arg)->kind, what, dst);
}

static void
note_failure(Service *service, const CmStatus *st, TimestampTz now)
{
	char		error[sizeof(service->error)];

	snprintf(error, sizeof(error), "%s", st->reason);
	service->retry_ms = Min(Max(2 * service->retry_ms, RETRY_MIN_MS), RETRY_MAX_MS);
	service->next_try = TimestampTzPlusMilliseconds(now, service->retry_ms);
	if (strcmp(error, service->error) == 0)
		return;
	strlcpy(service->error, error, sizeof(service->error));
	cm_listener_state(service->kind, false, error);
	ereport(LOG,
			(errcode(ERRCODE_SYSTEM_ERROR),
			 errmsg("certmgr listener for %s challenges: %s", cm_listener_challenge_type(service->kind), error),
			 errdetail("It is tried again; this message is not repeated meanwhile."),
			 st->code == CM_POLICY ? errhint("Ports below 1024 need a capability: \"AmbientCapabilities=CAP_NET_BIND_SERVICE\" in the service's systemd unit. Or listen at another port and let a proxy or a firewall rule lead there.") : 0));
}

static void
try_open(Service *service, TimestampTz now)
{
	CmResponderConfig config = {service->listen, service->kind == CM_LISTENER_TLS, lookup, service, 0};
	CmStatus	st = CM_STATUS_INIT;

	service->responder = cm_responder_open(loop, &config, &st);
	if (service->responder == NULL)
	{
		note_failure(service, &st, now);
		return;
	}
	service->error[0] = '\0';
	service->retry_ms = 0;
	cm_listener_state(service->kind, true, "");
	ereport(LOG,
			(errmsg("certmgr listener answers %s challenges at %s", cm_listener_challenge_type(service->kind), service->listen)));
}

/* What the settings say now. */
static void
follow_setting(Service *service)
{
	const char *setting = cm_listener_setting(service->kind);

	if (service->listen != NULL && strcmp(service->listen, setting) == 0)
		return;
	cm_responder_close(service->responder);
	service->responder = NULL;
	if (service->listen != NULL)
		pfree(service->listen);
	service->listen = MemoryContextStrdup(TopMemoryContext, setting);
	service->next_try = 0;
	service->retry_ms = 0;
	service->error[0] = '\0';
	cm_listener_state(service->kind, false, "");
}

/* Opens what is to be open; how long to wait until the next try. */
static long
open_services(void)
{
	TimestampTz now = GetCurrentTimestamp();
	long		ms = WAIT_MAX_MS;

	for (int i = 0; i < CM_LISTENER_KINDS; i++)
	{
		Service    *service = &services[i];

		if (service->listen[0] == '\0' || service->responder != NULL)
			continue;
		/* The clock may have been set back. */
		if (now >= service->next_try || TimestampDifferenceExceeds(now, service->next_try, RETRY_MAX_MS))
			try_open(service, now);
		if (service->responder == NULL)
			ms = Min(ms, TimestampDifferenceMilliseconds(now, service->next_try));
	}
	return ms;
}

static void
wait_for_work(long ms, uint32 wait_event)
{
	int64		timer = cm_loop_timeout(loop);

	if (timer >= 0)
		ms = Min(ms, (long) timer);
	(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT | WL_SOCKET_READABLE, cm_loop_fd(loop), ms, wait_event);
	ResetLatch(MyLatch);
	cm_loop_dispatch(loop);
}

static void
listener_exit(int code, Datum arg)
{
	cm_listener_running(false);
}

void
cm_listener_main(Datum arg)
{
	uint32		wait_event;

	cm_static_worker_begin("certmgr listener");
	wait_event = cm_wait_event_new("CertmgrListener");
	before_shmem_exit(listener_exit, 0);
	cm_listener_running(true);
	loop = cm_engine_loop_create();
	for (int i = 0; i < CM_LISTENER_KINDS; i++)
	{
		services[i].kind = i;
		follow_setting(&services[i]);
	}

	for (;;)
	{
		if (cm_static_worker_interrupts())
		{
			for (int i = 0; i < CM_LISTENER_KINDS; i++)
				follow_setting(&services[i]);
		}
		wait_for_work(open_services(), wait_event);
	}
}
