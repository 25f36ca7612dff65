/*
 * zones.c - the zones a provider may write, as its configuration lists them
 * ("zone"). Reading is for any process. What may fail: names that are none.
 *
 * cm_dns01_find_zone_listed is the find_zone of providers that know nothing
 * more: the list, or else the resolvers. Engines only.
 */
#include "dns01/api.h"
#include "dns01/internal.h"

#include "base/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
add_zone(CmDns01Zones *zones, const CmJson *item, CmStatus *st)
{
	char		shown[100];

	if (item == NULL || cm_json_type(item) != CM_JSON_STRING)
		return cm_fail(st, CM_INVALID, "\"zone\" must be a text or an array of texts");
	if (zones->count == CM_DNS01_ZONES_MAX)
		return cm_fail(st, CM_LIMIT, "\"zone\" has more than %d entries", CM_DNS01_ZONES_MAX);
	if (!cm_dns01_canonical(cm_json_string(item), zones->list[zones->count]))
	{
		cm_clean_text(shown, sizeof(shown), cm_json_string(item), strlen(cm_json_string(item)));
		return cm_fail(st, CM_INVALID, "zone \"%s\" is not a DNS name", shown);
	}
	zones->count++;
	return true;
}

bool
cm_dns01_zones_read(const CmJson *config, CmDns01Zones *out, CmStatus *st)
{
	const CmJson *zone = cm_json_get(config, "zone");
	int			i;

	out->count = 0;
	if (zone == NULL)
		return true;
	if (cm_json_type(zone) != CM_JSON_ARRAY)
		return add_zone(out, zone, st);
	for (i = 0; i < cm_json_length(zone); i++)
	{
		if (!add_zone(out, cm_json_at(zone, i), st))
			return false;
	}
	return true;
}

bool
cm_dns01_zones_have(const CmDns01Zones *zones, const char *zone)
{
	int			i;

	for (i = 0; i < zones->count; i++)
	{
		if (strcmp(zones->list[i], zone) == 0)
			return true;
	}
	return zones->count == 0;
}

void
cm_dns01_zones_find(const CmDns01Zones *zones, const char *name, CmDns01Result *result)
{
	const char *best = NULL;
	CmBuf		all;
	int			i;

	for (i = 0; i < zones->count; i++)
	{
		if (cm_host_in_zone(name, zones->list[i]) && (best == NULL || strlen(zones->list[i]) > strlen(best)))
			best = zones->list[i];
	}
	if (best != NULL)
	{
		snprintf(result->zone, sizeof(result->zone), "%s", best);
		return;
	}
	cm_fail(&result->status, CM_INVALID, "\"%.150s\" is in none of the configured zones", name);
	cm_buf_init(&all, 400);
	for (i = 0; i < zones->count && !all.failed; i++)
		cm_buf_printf(&all, "%s%s", i == 0 ? "" : ", ", zones->list[i]);
	cm_fail_detail(&result->status, "The zones are %s%s.", all.failed ? "" : cm_buf_cstr(&all), all.failed ? "many" : "");
	cm_buf_free(&all);
}

typedef struct Known
{
	CmOp		op;
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
} Known;

static void
drop(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

static void
on_timer(void *arg)
{
	Known	   *known = arg;

	cm_op_end(&known->op);
	known->done(&known->result, known->arg);
	free(known);
}

bool
cm_dns01_find_zone_listed(const CmDns01Call *call, CmStatus *st)
{
	CmDns01Zones zones;
	char		name[256];
	Known	   *known;

	if (!cm_dns01_zones_read(call->config, &zones, st))
		return false;
	if (zones.count == 0)
		return cm_dns01_zone_of(call->loop, call->config, call->name, call->done, call->arg, st);
	if (!cm_dns01_canonical(call->name, name))
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", call->name);
	known = calloc(1, sizeof(Known));
	if (known == NULL || cm_timer_start(call->loop, 0, on_timer, known) == NULL)
	{
		free(known);
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	known->result.retry_after = -1;
	known->done = call->done;
	known->arg = call->arg;
	cm_dns01_zones_find(&zones, name, &known->result);
	cm_op_begin(&known->op, call->loop, drop);
	return true;
}
