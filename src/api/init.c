/*
 * init.c - what happens when the library is loaded: settings, and with
 * shared_preload_libraries the worker floor. No OpenSSL, no curl, no key here:
 * this runs in the postmaster.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "crypto/weak_list.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "net/address.h"
#include "net/listen.h"
#include "pg/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "worker/launcher.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(certmgr_invalidate);

/* For a setting: true, or why not. */
static bool
say_why(bool ok, const CmStatus *st, char *why, size_t whysize)
{
	if (!ok)
		snprintf(why, whysize, "%s", st->detail[0] != '\0' ? st->detail : st->reason);
	return ok;
}

static bool
networks_ok(const char *list, char *why, size_t whysize)
{
	CmNetwork	networks[CM_NETWORKS_MAX];
	int			count;
	CmStatus	st = CM_STATUS_INIT;

	return say_why(cm_networks_parse(list, networks, &count, &st), &st, why, whysize);
}

static bool
listen_ok(const char *list, char *why, size_t whysize)
{
	CmListenAddress addresses[CM_LISTEN_MAX];
	int			count;
	CmStatus	st = CM_STATUS_INIT;

	return say_why(cm_listen_parse(list, addresses, &count, &st), &st, why, whysize);
}

static size_t
weak_key_room(size_t len)
{
	return CM_WEAK_LIST_ROOM(len) * CM_WEAK_LIST_ENTRY;
}

static bool
weak_key_read(const char *content, size_t len, uint8_t *entries, size_t *count, char *why, size_t whysize)
{
	CmStatus	st = CM_STATUS_INIT;

	return say_why(cm_weak_list_read(content, len, entries, count, &st), &st, why, whysize);
}

static const CmGucWeakKeys weak_keys = {weak_key_room, weak_key_read, cm_weak_list_use};

void
_PG_init(void)
{
	cm_guc_define(networks_ok, listen_ok, &weak_keys);
	if (process_shared_preload_libraries_in_progress)
		cm_worker_init();
}

/* Statement trigger of ca and subscriber: every session forgets what it keeps of them, once this transaction has committed. */
Datum
certmgr_invalidate(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
	PG_RETURN_POINTER(NULL);
}
