/*
 * dns_check.c - the check of a DNS provider: adds a probe record, sees it at
 * all name servers, removes it, and keeps what each step said. Engines only.
 *
 * The row of the check is the ledger of its one record: the step is committed
 * before the provider is asked (Law L1), and removing is tried for ever.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "store/dns_check.h"
#include "utils/timestamp.h"

/* A person waits: a provider that is overloaded is asked three times, then that is the result. */
#define ATTEMPTS_MAX 3
#define ATTEMPT_MS 1000
#define ATTEMPT_MAX_MS 30000
/* Providers bring a change to all their servers within a minute, secondaries need some more. */
#define VISIBLE_MAX_US (INT64CONST(120) * USECS_PER_SEC)

static bool
is(const char *step, const char *what)
{
	return strcmp(step, what) == 0;
}

static CmFate
step(CmDnsCheckRow *check, const char *name)
{
	cm_dns_check_set_step(check->id, name);
	return CM_FATE_NEXT;
}

/* The check ends here, and its job with it. */
static CmFate
end(CmWork *work, CmDnsCheckRow *check)
{
	cm_dns_check_set_step(check->id, "done");
	cm_dns_check_finish(check->id);
	return cm_work_finish(work);
}

/* ---- what is asked ---- */

static void
ask_apply(CmWork *work, CmDnsCheckRow *check, bool remove)
{
	CmDnsRecordRow record = {
		.provider_id = check->provider_id, .name = check->name, .zone = check->found_zone, .zone_id = check->zone_id,
		.record_id = check->record_id, .value = check->value
	};
	CmStatus	st = CM_STATUS_INIT;

	/* The provider is loaded already. */
	(void) cm_dns_side_ops(work, &record, 1, remove, &st);
}

CmFate
cm_dns_check_prepare(CmWork *work)
{
	CmDnsCheckRow *check = cm_dns_check_get(work->job.target_id);
	CmStatus	st = CM_STATUS_INIT;
	CmDnsSide  *side;
	CmOp	   *op;

	if (check == NULL || is(check->step, "done"))
		return cm_work_finish(work);
	side = cm_dns_side(work, check->provider_id, &st);
	if (side == NULL)
	{
		cm_dns_check_say(check->id, check->step, false, cm_status_words(&st));
		cm_dns_check_finish(check->id);
		return cm_work_retry(work, 0, cm_status_words(&st), -1);
	}
	if (is(check->step, "add") || is(check->step, "remove"))
	{
		ask_apply(work, check, is(check->step, "remove"));
		return CM_FATE_IO;
	}
	if (is(check->step, "confirm") && (check->change_id == NULL || side->provider->confirm == NULL))
		return step(check, "see");
	op = cm_dns_side_op(work, side, is(check->step, "find zone") ? CM_OP_FIND_ZONE : is(check->step, "confirm") ? CM_OP_CONFIRM : CM_OP_VISIBLE);
	op->name = check->name;
	op->zone = check->found_zone;
	op->zone_id = check->zone_id;
	op->change_id = check->change_id;
	op->value = check->value;
	return CM_FATE_IO;
}

/* ---- what came back ---- */

static CmFate
worked(CmWork *work, CmDnsCheckRow *check, CmOp *op)
{
	if (is(check->step, "find zone"))
	{
		cm_dns_check_say(check->id, check->step, true, psprintf("the zone is %s", op->dns.zone));
		cm_dns_check_set_zone(check->id, op->dns.zone, op->dns.zone_id);
		return step(check, "add");
	}
	if (is(check->step, "add"))
	{
		cm_dns_check_say(check->id, check->step, true, psprintf("%s TXT \"%s\"", check->name, check->value));
		cm_dns_check_set_record(check->id, op->dns.ids != NULL ? op->dns.ids[0] : "", op->dns.change_id);
		return step(check, "confirm");
	}
	if (is(check->step, "confirm"))
	{
		cm_dns_check_say(check->id, check->step, true, "the provider has it at all its servers");
		return step(check, "see");
	}
	if (is(check->step, "see"))
	{
		cm_dns_check_say(check->id, check->step, true, "all name servers of the zone show it");
		return step(check, "remove");
	}
	if (!check->finished)
		cm_dns_check_say(check->id, check->step, true, "the record is removed");
	return end(work, check);
}

/* Later again, when that may help and nobody waits too long. */
static bool
again(CmWork *work, CmDnsCheckRow *check, CmOp *op, CmFate *fate)
{
	bool		waits = (is(check->step, "see") || is(check->step, "confirm")) && op->dns.status.code == CM_REFUSED;
	int64		ms = ATTEMPT_MS;

	if (waits ? GetCurrentTimestamp() - check->step_since > VISIBLE_MAX_US
		: (op->dns.status.code != CM_NETWORK && op->dns.status.code != CM_LIMIT) || check->attempts + 1 >= ATTEMPTS_MAX)
		return false;
	if (op->dns.retry_after > 0)
		ms = Min(op->dns.retry_after * 1000, ATTEMPT_MAX_MS);
	cm_dns_check_count(check->id);
	*fate = cm_work_again(work, ms, true);
	return true;
}

CmFate
cm_dns_check_apply(CmWork *work)
{
	CmDnsCheckRow *check = cm_dns_check_get(work->job.target_id);
	CmOp	   *op = work->ops[0];
	CmFate		fate;
	char	   *words;

	if (check == NULL)
		return cm_work_finish(work);
	if (op->dns.status.code == CM_OK)
		return worked(work, check, op);
	if (again(work, check, op, &fate))
		return fate;
	words = cm_status_words(&op->dns.status);
	if (!is(check->step, "remove"))
	{
		cm_dns_check_say(check->id, check->step, false, words);
		/* What may have been written is taken out again; what the provider refused was not. */
		return is(check->step, "find zone") || (is(check->step, "add") && op->dns.status.code == CM_REFUSED) ? end(work, check) : step(check, "remove");
	}
	if (!check->finished)
		cm_dns_check_say(check->id, check->step, false, words);
	cm_dns_check_finish(check->id);
	return cm_work_retry(work, 0, words, op->dns.retry_after);
}
