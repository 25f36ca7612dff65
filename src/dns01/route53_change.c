/*
 * route53_change.c - changes TXT record sets of a hosted zone, never those of
 * others in them.
 *
 * Each set is read; then one batch deletes exactly what was read and creates
 * what shall be. A batch is all or nothing, and AWS refuses to delete a set
 * that is not what was read, or to create one that is there: so nobody's
 * change is lost, and a conflict only means to read again. Repeated after a
 * lost answer, it reads that there is nothing left to do.
 */
#include "dns01/api.h"
#include "dns01/route53.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/2013-04-01"
/* AWS's limits of one request: record elements and characters of values. */
#define BATCH_ELEMENTS_MAX 1000
#define BATCH_CHARACTERS_MAX 32000
/* Others that change the same set at the same moment; ours are one worker. */
#define CONFLICTS_MAX 6
#define CONFLICT_MS 400

static bool next(CmRoute53Task *task, CmStatus *st);

static void
go_on(CmRoute53Task *task)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!next(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

static void
again(CmDns01Task *base)
{
	go_on((CmRoute53Task *) base);
}

/* ---- reading ---- */

static bool
take_set(CmRoute53Task *task, CmDns01Set *set, const CmXml *found, CmStatus *st)
{
	const char *name_text = cm_xml_text(found, "Name");
	const char *type = cm_xml_text(found, "Type");
	const char *ttl = cm_xml_text(found, "TTL");
	char	   *end;
	const CmXml *record;
	char		name[256];

	/* The list starts there; the first one may be the next name's. */
	if (name_text == NULL || type == NULL || strcmp(type, "TXT") != 0 || !cm_route53_name(name_text, name) || strcmp(name, set->name) != 0)
		return true;
	if (cm_xml_child(found, "SetIdentifier") != NULL || cm_xml_child(found, "AliasTarget") != NULL || ttl == NULL)
	{
		cm_fail(st, CM_REFUSED, "the TXT records at \"%.150s\" have a routing policy or are an alias", set->name);
		return cm_fail_detail(st, "Hosted zone %s allows no simple records besides them. Take them away, or delegate the name by a CNAME record.", task->task.result.zone_id);
	}
	set->ttl = strtol(ttl, &end, 10);
	if (end == ttl || *end != '\0' || set->ttl < 0)
		return cm_fail(st, CM_PROTOCOL, "AWS's answer has no TTL of \"%.150s\"", set->name);
	for (record = cm_xml_child(cm_xml_child(found, "ResourceRecords"), "ResourceRecord"); record != NULL; record = cm_xml_next(record))
	{
		const char *value = cm_xml_text(record, "Value");

		if (value == NULL || !cm_dns01_set_add(set, value, st))
			return value != NULL ? false : cm_fail(st, CM_PROTOCOL, "AWS's answer has no value of \"%.150s\"", set->name);
	}
	return true;
}

static void
on_read(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Task *task = arg;
	CmDns01Set *set = &task->sets.sets[task->at];
	CmStatus	st = CM_STATUS_INIT;

	if (answer->status.code != CM_OK)
	{
		cm_route53_failed(task, answer, again);
		return;
	}
	if (!take_set(task, set, cm_xml_child(cm_xml_child(answer->xml, "ResourceRecordSets"), "ResourceRecordSet"), &st) ||
		!cm_dns01_set_compute(&task->sets, set, cm_dns01_quote, &st))
	{
		cm_dns01_task_fail(&task->task, &st, -1);
		return;
	}
	task->at++;
	go_on(task);
}

static bool
read_set(CmRoute53Task *task, CmStatus *st)
{
	CmDns01Set *set = &task->sets.sets[task->at];
	CmBuf		escaped;
	char		path[1000];

	cm_dns01_set_clear(set);
	cm_buf_init(&escaped, 1024);
	(void) cm_dns01_api_escape(&escaped, set->name);
	snprintf(path, sizeof(path), API "/hostedzone/%s/rrset?maxitems=1&name=%s.&type=TXT", task->task.result.zone_id, cm_buf_cstr(&escaped));
	cm_buf_free(&escaped);
	return cm_route53_call(task, "GET", path, NULL, "route53:ListResourceRecordSets", on_read, st);
}

/* ---- writing ---- */

static void
append_escaped(CmBuf *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;

		if (entity != NULL)
			cm_buf_append_str(out, entity);
		else
			cm_buf_append_byte(out, (uint8_t) *text);
	}
}

/* The order of the elements counts. */
static void
append_change(CmBuf *out, const char *action, const char *name, long ttl, char *const *values, int count)
{
	int			i;

	if (count == 0)
		return;
	cm_buf_printf(out, "<Change><Action>%s</Action><ResourceRecordSet><Name>", action);
	append_escaped(out, name);
	cm_buf_printf(out, ".</Name><Type>TXT</Type><TTL>%ld</TTL><ResourceRecords>", ttl);
	for (i = 0; i < count; i++)
	{
		cm_buf_append_str(out, "<ResourceRecord><Value>");
		append_escaped(out, values[i]);
		cm_buf_append_str(out, "</Value></ResourceRecord>");
	}
	cm_buf_append_str(out, "</ResourceRecords></ResourceRecordSet></Change>");
}

static void
measure(char *const *values, int count, int *elements, size_t *characters)
{
	int			i;

	*elements += count;
	for (i = 0; i < count; i++)
		*characters += strlen(values[i]);
}

/* Sets end where the next one would break a limit. A single one that does is AWS's to refuse. */
static void
build_batch(CmRoute53Task *task, CmBuf *body)
{
	int			elements = 0;
	size_t		characters = 0;
	int			first = task->at;

	cm_buf_append_str(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"
					  "<ChangeBatch><Comment>certmgr</Comment><Changes>");
	for (task->end = task->at; task->end < task->sets.count; task->end++)
	{
		const CmDns01Set *set = &task->sets.sets[task->end];

		if (!set->changed)
			continue;
		measure(set->old_values, set->nold, &elements, &characters);
		measure(set->new_values, set->nnew, &elements, &characters);
		if (task->end > first && (elements > BATCH_ELEMENTS_MAX || characters > BATCH_CHARACTERS_MAX))
			break;
		append_change(body, "DELETE", set->name, set->ttl, set->old_values, set->nold);
		append_change(body, "CREATE", set->name, set->exists ? set->ttl : task->settings.ttl, set->new_values, set->nnew);
	}
	cm_buf_append_str(body, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
}

/* Remembers a change that is under way. One id in nearly all cases; the oldest of many batches are through before the last. */
static void
take_change(CmRoute53Task *task, const CmXml *xml)
{
	CmDns01Result *result = &task->task.result;
	const char *id_text = cm_xml_text(xml, "ChangeInfo/Id");
	const char *status = cm_xml_text(xml, "ChangeInfo/Status");
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];
	size_t		len = strlen(result->change_id);

	if (id_text == NULL || !cm_route53_id(id_text, "/change/", id) || (status != NULL && strcmp(status, "INSYNC") == 0))
		return;
	if (len + strlen(id) + 2 > sizeof(result->change_id))
		len = 0;
	snprintf(result->change_id + len, sizeof(result->change_id) - len, "%s%s", len > 0 ? "," : "", id);
}

static void
on_written(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Task *task = arg;

	if (answer->status.code == CM_REFUSED && strcmp(answer->code, "InvalidChangeBatch") == 0 && task->conflicts++ < CONFLICTS_MAX)
	{
		/* Somebody changed a set since we read it: read all again. What earlier batches wrote is then there. */
		task->writing = false;
		task->at = 0;
		cm_dns01_task_later(&task->task, CONFLICT_MS * task->conflicts, again);
		return;
	}
	if (answer->status.code != CM_OK)
	{
		cm_route53_failed(task, answer, again);
		return;
	}
	take_change(task, answer->xml);
	task->at = task->end;
	go_on(task);
}

static bool
write_batch(CmRoute53Task *task, CmStatus *st)
{
	char		path[200];
	CmBuf		body;
	bool		ok;

	cm_buf_init(&body, 4 * 1024 * 1024);
	build_batch(task, &body);
	snprintf(path, sizeof(path), API "/hostedzone/%s/rrset/", task->task.result.zone_id);
	ok = (!body.failed || cm_fail(st, CM_LIMIT, "a change of record sets is too large")) &&
		cm_route53_call(task, "POST", path, cm_buf_cstr(&body), "route53:ChangeResourceRecordSets", on_written, st);
	cm_buf_free(&body);
	return ok;
}

/* Reads the next set, writes the next batch, or ends. */
static bool
next(CmRoute53Task *task, CmStatus *st)
{
	if (!task->writing)
	{
		if (task->at < task->sets.count)
			return read_set(task, st);
		task->writing = true;
		task->at = 0;
	}
	while (task->at < task->sets.count && !task->sets.sets[task->at].changed)
		task->at++;
	if (task->at < task->sets.count)
		return write_batch(task, st);
	cm_dns01_task_finish(&task->task);
	return true;
}

bool
cm_route53_change(CmRoute53Task *task, CmStatus *st)
{
	return next(task, st);
}
