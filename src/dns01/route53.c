/*
 * route53.c - the provider "route53": TXT records in hosted zones of AWS.
 *
 * check runs in backends, the calls in the database worker and in CALL
 * certmgr.work(); nothing is locked. What may fail: the configuration; AWS
 * saying no, with the missing permission named; throttling, after some tries
 * of our own (route53_call.c). Calls that want something of the same zone at the
 * same moment share their requests (route53_batch.c).
 *
 * config: hosted_zone_id, private_zone, ttl; where and who (aws_config.c):
 * region, partition, credentials, role_arn, external_id, session_name,
 * web_identity_token_file, endpoint, sts_endpoint, trust_anchors, timeout;
 * nameservers, resolvers, propagation (propagation.c). secret: keys as JSON,
 * or none.
 *
 * Permissions: route53:ChangeResourceRecordSets, ListResourceRecordSets,
 * GetChange and, without hosted_zone_id, ListHostedZonesByName.
 */
#include "dns01/route53.h"

#include "crypto/digest.h"
#include "dns01/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A challenge lives for minutes; a short TTL lets a retry see the new value soon. */
#define DEFAULT_TTL 60

/* ---- configuration ---- */

static bool
read_settings(const CmJson *config, CmSlice secret, CmRoute53Settings *s, CmStatus *st)
{
	static const char *const known[] = {"hosted_zone_id", "private_zone", "ttl", CM_AWS_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};
	const CmJson *private = cm_json_get(config, "private_zone");
	const char *zone;

	if (!cm_dns01_known_keys(config, known, st) || !cm_dns01_text(config, "hosted_zone_id", &zone, st))
		return false;
	if (zone != NULL && !cm_route53_id(zone, "/hostedzone/", s->hosted_zone_id))
		return cm_fail(st, CM_INVALID, "\"hosted_zone_id\" is not the id of a hosted zone, as \"Z0123456789ABCDEFGHIJ\"");
	if (private != NULL && cm_json_type(private) != CM_JSON_BOOL)
		return cm_fail(st, CM_INVALID, "\"private_zone\" must be true or false");
	s->private_zone = cm_json_bool(private, false);
	/* RFC 2181 8: a TTL has 31 bits; a week is what anyone could want of a challenge. */
	return cm_dns01_number(config, "ttl", 0, 604800, DEFAULT_TTL, &s->ttl, st) && cm_aws_read(config, secret, &s->aws, st) &&
		(cm_aws_account(&s->aws, s->account) || cm_fail_crypto(st, "could not hash an account's name")) && cm_dns01_check_propagation(config, st);
}

/* ---- tasks ---- */

static void
task_free(CmDns01Task *base)
{
	CmRoute53Task *task = (CmRoute53Task *) base;

	cm_aws_free(&task->settings.aws);
	cm_dns01_sets_free(&task->sets);
	free(task);
}

static bool
read_task(CmDns01Task *base, const CmJson *config, CmSlice secret, CmStatus *st)
{
	return read_settings(config, secret, &((CmRoute53Task *) base)->settings, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	return cm_dns01_task_check(sizeof(CmRoute53Task), config, secret, read_task, task_free, st);
}

static CmRoute53Task *
task_create(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_task_create(sizeof(CmRoute53Task), call, read_task, task_free, st);
}

/* ---- find_zone ---- */

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	CmRoute53Task *task = task_create(call, st);

	if (task == NULL)
		return false;
	if (!cm_dns01_canonical(call->name, task->name))
	{
		task_free(&task->task);
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", call->name);
	}
	return cm_dns01_task_begin(&task->task, cm_route53_find(task, &task->task.result.status), st);
}

/* ---- apply ---- */

static void
change_found(CmRoute53Task *task)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_route53_change(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	CmRoute53Task *task = task_create(call, st);
	CmDns01Result *result;
	const char *id;
	bool		sent;

	if (task == NULL)
		return false;
	result = &task->task.result;
	if (!cm_dns01_canonical(call->zone, task->name) || !cm_dns01_sets_create(&task->sets, call->records, call->count, st))
	{
		if (task->name[0] == '\0')
			cm_fail(st, CM_INVALID, "zone \"%.100s\" is not a DNS name", call->zone);
		task_free(&task->task);
		return false;
	}
	memcpy(result->zone, task->name, sizeof(task->name));
	id = call->zone_id != NULL && call->zone_id[0] != '\0' ? call->zone_id : task->settings.hosted_zone_id;
	if (cm_route53_id(id, "/hostedzone/", task->settings.hosted_zone_id))
	{
		memcpy(result->zone_id, task->settings.hosted_zone_id, sizeof(task->settings.hosted_zone_id));
		sent = cm_route53_change(task, &result->status);
	}
	else
	{
		result->zone[0] = '\0';
		task->found = change_found;
		sent = cm_route53_find(task, &result->status);
	}
	return cm_dns01_task_begin(&task->task, sent, st);
}

/* ---- confirm ---- */

static bool
confirm(const CmDns01Call *call, CmStatus *st)
{
	CmRoute53Task *task = task_create(call, st);

	if (task == NULL)
		return false;
	/* Zeroed behind the text, to the array's end. */
	snprintf(task->changes, sizeof(task->changes) - 1, "%s", call->change_id);
	return cm_dns01_task_begin(&task->task, cm_route53_confirm(task, &task->task.result.status), st);
}

const CmDns01Provider cm_dns01_route53 = {
	"route53", check, find_zone, apply, confirm
};
