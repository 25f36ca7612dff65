/*
 * route53_zone.c - which hosted zone a name lies in.
 *
 * ListHostedZonesByName gives zones from a name on, in the order of reversed
 * labels (com.example.www.), some at a time. All zones that can hold a name
 * are its suffixes, so we start at the shortest and, when there is more, go on
 * at the next suffix that the page did not reach: few calls however many zones
 * an account has. With a configured zone its first record set tells its name,
 * which needs no permission that writing does not need.
 */
#include "base/host.h"
#include "dns01/api.h"
#include "dns01/route53.h"

#include <stdio.h>
#include <string.h>

#define API "/2013-04-01"
/* A hundred a page; nobody has this many zones of one name. */
#define PAGES_MAX 200

bool
cm_route53_name(const char *text, char dst[256])
{
	char		plain[256];
	size_t		n = 0;

	for (; *text != '\0'; text++)
	{
		char		c = *text;

		if (n == sizeof(plain) - 1)
			return false;
		if (c == '\\')
		{
			if (text[1] < '0' || text[1] > '3' || text[2] < '0' || text[2] > '7' || text[3] < '0' || text[3] > '7')
				return false;
			c = (char) ((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
			text += 3;
		}
		plain[n++] = c;
	}
	plain[n] = '\0';
	return strlen(plain) == n && cm_dns01_canonical(plain, dst);
}

bool
cm_route53_id(const char *text, const char *prefix, char dst[CM_ROUTE53_ZONE_ID_MAX + 1])
{
	size_t		len = strlen(prefix);

	if (strncmp(text, prefix, len) == 0)
		text += len;
	len = strlen(text);
	if (len == 0 || len > CM_ROUTE53_ZONE_ID_MAX || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != len)
		return false;
	memcpy(dst, text, len + 1);
	return true;
}

/* "www.example.com" as "com.example.www.". dst has 257 bytes. */
static void
reverse_labels(const char *name, char *dst)
{
	const char *end = name + strlen(name);

	while (end > name)
	{
		const char *start = end;

		while (start > name && start[-1] != '.')
			start--;
		memcpy(dst, start, (size_t) (end - start));
		dst += end - start;
		*dst++ = '.';
		end = start > name ? start - 1 : start;
	}
	*dst = '\0';
}

int
cm_route53_compare(const char *a, const char *b)
{
	char		ra[258];
	char		rb[258];

	reverse_labels(a, ra);
	reverse_labels(b, rb);
	return strcmp(ra, rb);
}

/* ---- the end ---- */

static void
found(CmRoute53Task *task)
{
	if (task->found != NULL)
		task->found(task);
	else
		cm_dns01_task_finish(&task->task);
}

static bool list_from(CmRoute53Task *task, const char *name, const char *id, CmStatus *st);

static void
conclude(CmRoute53Task *task)
{
	CmStatus	st = CM_STATUS_INIT;
	const char *kind = task->settings.private_zone ? "private" : "public";

	/* Emulators (moto, LocalStack) give the zones of that name alone, not all from there on: they are asked for each. */
	if (task->twins == 0 && task->asked + 1 < task->nsuffixes)
	{
		if (!list_from(task, task->suffixes[++task->asked], NULL, &st))
			cm_dns01_task_fail(&task->task, &st, -1);
		return;
	}
	if (task->twins == 1)
	{
		found(task);
		return;
	}
	if (task->twins > 1)
	{
		cm_fail(&st, CM_REFUSED, "there are %d %s hosted zones \"%.120s\"", task->twins, kind, task->task.result.zone);
		cm_fail_detail(&st, "Say by \"hosted_zone_id\" in the provider's configuration which one it is.");
	}
	else
	{
		cm_fail(&st, CM_REFUSED, "no %s hosted zone of this AWS account holds \"%.150s\"", kind, task->name);
		if (task->other_kind)
			cm_fail_detail(&st, "There is a %s one: see \"private_zone\" in the provider's configuration.", task->settings.private_zone ? "public" : "private");
	}
	task->task.result.zone[0] = '\0';
	task->task.result.zone_id[0] = '\0';
	cm_dns01_task_fail(&task->task, &st, -1);
}

/* ---- listing ---- */

static void
take_zone(CmRoute53Task *task, const CmXml *zone)
{
	CmDns01Result *result = &task->task.result;
	const char *name_text = cm_xml_text(zone, "Name");
	const char *id_text = cm_xml_text(zone, "Id");
	const char *private = cm_xml_text(zone, "Config/PrivateZone");
	char		name[256];
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];

	if (name_text == NULL || id_text == NULL || !cm_route53_name(name_text, name) || !cm_route53_id(id_text, "/hostedzone/", id) ||
		!cm_host_in_zone(task->name, name))
		return;
	/* Zones that Cloud Map and the like made are theirs to change. */
	if (cm_xml_child(zone, "LinkedService") != NULL)
		return;
	if ((private != NULL && strcmp(private, "true") == 0) != task->settings.private_zone)
	{
		task->other_kind = true;
		return;
	}
	if (strlen(name) < strlen(result->zone))
		return;
	if (strcmp(name, result->zone) == 0)
	{
		/* The same one twice, where a page ends and the next begins. */
		task->twins += strcmp(id, result->zone_id) != 0;
		return;
	}
	memcpy(result->zone, name, sizeof(name));
	memcpy(result->zone_id, id, sizeof(id));
	task->twins = 1;
}

static void on_list(CmAwsAnswer *answer, void *arg);

static bool
list_from(CmRoute53Task *task, const char *name, const char *id, CmStatus *st)
{
	char		path[600];
	CmBuf		escaped;
	bool		ok;

	cm_buf_init(&escaped, 1024);
	(void) cm_dns01_api_escape(&escaped, name);
	snprintf(path, sizeof(path), API "/hostedzonesbyname?dnsname=%s.%s%s&maxitems=100", cm_buf_cstr(&escaped), id != NULL ? "&hostedzoneid=" : "",
			 id != NULL ? id : "");
	cm_buf_free(&escaped);
	ok = cm_route53_call(task->task.loop, &task->settings, "GET", path, NULL, "route53:ListHostedZonesByName", on_list, task, st);
	return ok;
}

/* True: another page was asked for, or the task has failed. */
static bool
next_page(CmRoute53Task *task, const CmXml *xml)
{
	const char *truncated = cm_xml_text(xml, "IsTruncated");
	const char *next_text = cm_xml_text(xml, "NextDNSName");
	const char *id_text = cm_xml_text(xml, "NextHostedZoneId");
	CmStatus	st = CM_STATUS_INIT;
	char		next[256];
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];
	int			order = 1;
	int			i = 0;
	bool		sent;

	if (truncated == NULL || strcmp(truncated, "true") != 0)
		return false;
	if (next_text == NULL || id_text == NULL || !cm_route53_name(next_text, next) || !cm_route53_id(id_text, "/hostedzone/", id) ||
		task->pages++ == PAGES_MAX)
	{
		cm_fail(&st, CM_PROTOCOL, "AWS's list of hosted zones does not end");
		cm_dns01_task_fail(&task->task, &st, -1);
		return true;
	}
	while (i < task->nsuffixes && (order = cm_route53_compare(task->suffixes[i], next)) < 0)
		i++;
	if (i == task->nsuffixes)
		return false;
	task->asked = i;
	sent = order == 0 ? list_from(task, next, id, &st) : list_from(task, task->suffixes[i], NULL, &st);
	if (!sent)
		cm_dns01_task_fail(&task->task, &st, -1);
	return true;
}

static void
on_list(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Task *task = arg;
	const CmXml *zone;

	if (answer->status.code != CM_OK)
	{
		cm_dns01_task_fail(&task->task, &answer->status, answer->retry_after);
		return;
	}
	for (zone = cm_xml_child(cm_xml_child(answer->xml, "HostedZones"), "HostedZone"); zone != NULL; zone = cm_xml_next(zone))
		take_zone(task, zone);
	if (!next_page(task, answer->xml))
		conclude(task);
}

/* ---- a configured zone ---- */

static void on_first_set(CmAwsAnswer *answer, void *arg);

static bool
ask_first_set(CmRoute53Task *task, CmStatus *st)
{
	char		path[100];

	snprintf(path, sizeof(path), API "/hostedzone/%s/rrset?maxitems=1", task->settings.hosted_zone_id);
	return cm_route53_call(task->task.loop, &task->settings, "GET", path, NULL, "route53:ListResourceRecordSets", on_first_set, task, st);
}

/* Record sets are listed from the zone's own name on, which always has SOA and NS. */
static void
on_first_set(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Task *task = arg;
	CmDns01Result *result = &task->task.result;
	const char *name;
	CmStatus	st = CM_STATUS_INIT;

	if (answer->status.code != CM_OK)
	{
		cm_dns01_task_fail(&task->task, &answer->status, answer->retry_after);
		return;
	}
	name = cm_xml_text(answer->xml, "ResourceRecordSets/ResourceRecordSet/Name");
	if (name == NULL || !cm_route53_name(name, result->zone))
		cm_fail(&st, CM_PROTOCOL, "AWS's answer has no record sets of hosted zone %s", task->settings.hosted_zone_id);
	else if (!cm_host_in_zone(task->name, result->zone))
		cm_fail(&st, CM_REFUSED, "\"%.100s\" is not in hosted zone %s, which is \"%.100s\"", task->name, task->settings.hosted_zone_id, result->zone);
	if (st.code != CM_OK)
	{
		result->zone[0] = '\0';
		cm_dns01_task_fail(&task->task, &st, -1);
		return;
	}
	memcpy(result->zone_id, task->settings.hosted_zone_id, sizeof(task->settings.hosted_zone_id));
	found(task);
}

bool
cm_route53_find(CmRoute53Task *task, CmStatus *st)
{
	const char *p = task->name;
	int			i;

	if (task->settings.hosted_zone_id[0] != '\0')
		return ask_first_set(task, st);
	for (; p != NULL && task->nsuffixes < CM_ROUTE53_SUFFIXES_MAX; p = cm_dns01_parent(p))
		task->suffixes[task->nsuffixes++] = p;
	for (i = 0; i < task->nsuffixes / 2; i++)
	{
		const char *other = task->suffixes[i];

		task->suffixes[i] = task->suffixes[task->nsuffixes - 1 - i];
		task->suffixes[task->nsuffixes - 1 - i] = other;
	}
	return list_from(task, task->suffixes[0], NULL, st);
}
