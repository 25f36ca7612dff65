/*
 * engine_task.c - what an engine does without the network: renewals that are
 * due, CRLs, signers of OCSP answers. Each object has a transaction of its own, so that one that
 * cannot be done does not stand in the way of others; a failure is a row.
 */
#include "postgres.h"

#include "lifecycle/crl.h"
#include "lifecycle/issue.h"
#include "lifecycle/ocsp.h"
#include "miscadmin.h"
#include "pg/guc.h"
#include "pg/tx.h"
#include "store/acme_certificate.h"
#include "store/acme_exchange.h"
#include "store/ocsp.h"
#include "utils/timestamp.h"
#include "worker/engine_internal.h"

/* A turn takes this many, then looks at the network again. */
#define RENEWALS_A_TURN 20
#define MESSAGE_SIZE 900
/* A CRL that cannot be signed is tried again after this time, doubled each time up to an hour: CRLs last for days. */
#define CRL_RETRY_MS INT64CONST(30000)
#define CRL_RETRY_MAX_MS INT64CONST(3600000)
/* A CA that somebody else has locked is looked at again after this time. */
#define CRL_BUSY_MS INT64CONST(1000)

/* Ledgers are looked through this often, a portion a turn. */
#define PRUNE_US (INT64CONST(3600) * USECS_PER_SEC)

/* Of an OCSP answer that has ended: whoever has it in hand just now is done with it long before. */
#define OCSP_KEPT_US (INT64CONST(3600) * USECS_PER_SEC)

void
cm_engine_prune(CmEngine *engine, TimestampTz now)
{
	bool		more;

	if (engine->prune_at > now)
		return;
	more = cm_acme_exchange_prune(now - cm_guc_exchange_retention * USECS_PER_MINUTE);
	if (!cm_ocsp_cached_prune(now - OCSP_KEPT_US) && !more)
		engine->prune_at = now + PRUNE_US;
}

static void
renew(void *arg)
{
	int64		id = *(int64 *) arg;

	(void) cm_renew_due(id);
	/* What an earlier attempt said is over. */
	cm_acme_certificate_say(id, NULL);
}

static void
renewal_failed(int64 id, const char *message)
{
	cm_tx_begin();
	cm_renewal_failed(id, message);
	cm_tx_commit();
	ereport(LOG,
			(errmsg("could not renew certificate %lld: %s", (long long) id, message)));
}

int
cm_engine_renew(CmEngine *engine, TimestampTz now)
{
	char		message[MESSAGE_SIZE];
	char		commit_message[MESSAGE_SIZE];
	int			tried = 0;		/* the others are locked: another engine, or a person */
	int			count;
	int64	   *ids;

	cm_tx_begin();
	MemoryContextSwitchTo(engine->turn_context);
	ids = cm_renewal_due(now, RENEWALS_A_TURN, &count);
	cm_tx_commit();

	for (int i = 0; i < count; i++)
	{
		bool		ok = true;

		CHECK_FOR_INTERRUPTS();
		cm_tx_begin();
		if (cm_renewal_lock(ids[i], now))
		{
			tried++;
			ok = cm_tx_try(renew, &ids[i], message, sizeof(message));
		}
		/* A private CA signs in the commit. */
		if (!cm_tx_try_commit(commit_message, sizeof(commit_message)) && ok)
		{
			ok = false;
			strlcpy(message, commit_message, sizeof(message));
		}
		if (!ok)
			renewal_failed(ids[i], message);
	}
	engine->done += tried;
	return tried;
}

typedef struct Refresh
{
	const CmJobRow *job;
	TimestampTz next;
} Refresh;

static void
refresh(void *arg)
{
	Refresh    *r = arg;

	if (strcmp(r->job->kind, "ocsp") == 0)
		cm_ocsp_signers_refresh(r->job->target_id, &r->next);
	else
		cm_crl_refresh(r->job->target_id, &r->next);
}

void
cm_engine_revocation(CmEngine *engine, const CmJobRow *job)
{
	Refresh		r = {job, 0};
	char		message[MESSAGE_SIZE];
	int64		ms = Min(CRL_RETRY_MS << Min(job->attempt, 10), CRL_RETRY_MAX_MS);

	cm_tx_begin();
	if (!cm_crl_lock(job->target_id))
		cm_job_yield(job, cm_after_ms(CRL_BUSY_MS));
	else if (cm_job_hold(job, cm_after_ms(CM_LEASE_MS / 2), cm_after_ms(CM_LEASE_MS)))
	{
		if (!cm_tx_try(refresh, &r, message, sizeof(message)))
			cm_job_fail(job, cm_after_ms((int64) (ms * cm_jitter(0.8, 1.2))), message);
		else if (r.next == DT_NOEND || r.next == 0)
			cm_job_finish(job);
		else
			cm_job_again(job, r.next, true);
	}
	if (!cm_tx_try_commit(message, sizeof(message)))
	{
		cm_tx_begin();
		cm_job_fail(job, cm_after_ms(ms), message);
		cm_tx_commit();
	}
	engine->done++;
}
