/*
 * manual.c - the provider "manual": a person writes the records. Adding is
 * success at once, and the order waits until the record is to be seen at all
 * name servers; taking away is success when no name server shows it any more.
 *
 * check runs in backends, the rest in the database worker and in CALL
 * certmgr.work(); nothing is locked. What may fail: name servers that do not
 * answer.
 *
 * config: zone; nameservers, resolvers, propagation, follow_cname.
 */
#include "dns01/api.h"
#include "dns01/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct Removal
{
	CmOp		op;
	int			pending;		/* records of which is not known yet whether they are gone */
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
} Removal;

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	static const char *const known[] = {"zone", CM_DNS01_PROPAGATION_KEYS, NULL};
	CmDns01Zones zones;

	if (!cm_dns01_known_keys(config, known, st) || !cm_dns01_zones_read(config, &zones, st))
		return false;
	if (secret.len > 0)
		return cm_fail(st, CM_INVALID, "a provider of type \"manual\" takes no secret");
	return cm_dns01_check_propagation(config, st);
}

static void
drop(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

static void
end(Removal *removal)
{
	cm_op_end(&removal->op);
	removal->done(&removal->result, removal->arg);
	free(removal);
}

static void
on_gone(CmDns01Result *result, void *arg)
{
	Removal    *removal = arg;

	if (result->status.code != CM_OK)
	{
		CmStatus   *st = &removal->result.status;

		cm_fail(st, result->status.code, "%.200s%s", result->status.reason, result->status.code == CM_REFUSED ? ": please remove it" : "");
		cm_fail_detail(st, "%s", result->status.detail);
	}
	if (--removal->pending == 0)
		end(removal);
}

static void
on_timer(void *arg)
{
	end(arg);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	Removal    *removal = calloc(1, sizeof(Removal));
	int			i;

	if (removal == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	removal->result.retry_after = -1;
	removal->done = call->done;
	removal->arg = call->arg;
	for (i = 0; i < call->count; i++)
	{
		const CmDns01Record *record = &call->records[i];
		CmStatus   *why = &removal->result.status;

		if (record->remove && cm_dns01_gone(call->loop, call->config, call->zone, record->name, record->value, on_gone, removal, why))
			removal->pending++;
	}
	if (removal->pending == 0 && cm_timer_start(call->loop, 0, on_timer, removal) == NULL)
	{
		free(removal);
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	cm_op_begin(&removal->op, call->loop, drop);
	return true;
}

const CmDns01Provider cm_dns01_manual = {
	"manual", check, cm_dns01_find_zone_listed, apply, NULL
};
