/*
 * route53_set.c - TXT record sets of Route 53 in its XML: what a list tells of
 * the sets of a batch, the change that makes them what they shall be, and the
 * words of a refusal. Pure functions; what may fail is memory, and answers that are none.
 */
#include "dns01/route53.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* AWS's limits of one request: record elements and characters of values. */
#define BATCH_ELEMENTS_MAX 1000
#define BATCH_CHARACTERS_MAX 32000

/* ---- reading ---- */

static bool
take_set(CmRoute53Batch *batch, CmDns01Set *set, const CmXml *found, CmStatus *st)
{
	const char *ttl = cm_xml_text(found, "TTL");
	const CmXml *record;
	char	   *end;

	if (cm_xml_child(found, "SetIdentifier") != NULL || cm_xml_child(found, "AliasTarget") != NULL || ttl == NULL)
	{
		cm_fail(st, CM_REFUSED, "the TXT records at \"%.150s\" have a routing policy or are an alias", set->name);
		return cm_fail_detail(st, "Hosted zone %s allows no simple records besides them. Take them away, or delegate the name by a CNAME record.",
							  batch->batch.tasks->result.zone_id);
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

/* Where Route 53 sorts a name with other characters, which it shows as octal escapes, is not documented. */
static bool
is_plain(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

/*
 * One set of the list. *at is the first set of ours that the list has not passed; what it passes is not there. False and *bad: the set
 * there is none that can be changed.
 */
static bool
pass(CmRoute53Batch *batch, const CmXml *found, int *at, int *bad, CmStatus *st)
{
	const char *name_text = cm_xml_text(found, "Name");
	const char *type = cm_xml_text(found, "Type");
	char		name[256];

	if (name_text == NULL || type == NULL || !cm_route53_name(name_text, name))
		return true;
	while (*at < batch->sets.count && is_plain(name) && is_plain(batch->all[*at].set->name) && cm_route53_compare(batch->all[*at].set->name, name) < 0)
		batch->all[(*at)++].listed = true;
	if (strcmp(type, "TXT") != 0)
		return true;
	for (int i = *at; i < batch->sets.count; i++)
	{
		if (strcmp(batch->all[i].set->name, name) != 0 || batch->all[i].known || batch->all[i].done)
			continue;
		batch->all[i].listed = true;
		if (!take_set(batch, batch->all[i].set, found, st))
		{
			*bad = i;
			return false;
		}
	}
	return true;
}

bool
cm_route53_take_sets(CmRoute53Batch *batch, const CmXml *answer, int *bad, CmStatus *st)
{
	const char *truncated = cm_xml_text(answer, "IsTruncated");
	bool		whole = truncated != NULL && strcmp(truncated, "false") == 0;
	const CmXml *found;
	int			at = batch->reading;

	for (int i = 0; i < batch->sets.count; i++)
	{
		/* The list begins with the set itself, or that is not there. */
		batch->all[i].listed = i == batch->reading || (whole && i > batch->reading);
		if (!batch->all[i].known && !batch->all[i].done)
			cm_dns01_set_clear(batch->all[i].set);
	}
	for (found = cm_xml_child(cm_xml_child(answer, "ResourceRecordSets"), "ResourceRecordSet"); found != NULL; found = cm_xml_next(found))
	{
		if (!pass(batch, found, &at, bad, st))
			return false;
	}
	for (int i = 0; i < batch->sets.count; i++)
	{
		CmRoute53Set *set = &batch->all[i];

		if (!set->listed || set->known || set->done)
			continue;
		if (!cm_dns01_set_compute(&batch->sets, set->set, cm_dns01_quote, st))
		{
			*bad = i;
			return false;
		}
		set->known = true;
		set->done = !set->set->changed;
	}
	return true;
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
	if (count == 0)
		return;
	cm_buf_printf(out, "<Change><Action>%s</Action><ResourceRecordSet><Name>", action);
	append_escaped(out, name);
	cm_buf_printf(out, ".</Name><Type>TXT</Type><TTL>%ld</TTL><ResourceRecords>", ttl);
	for (int i = 0; i < count; i++)
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
	*elements += count;
	for (int i = 0; i < count; i++)
		*characters += strlen(values[i]);
}

void
cm_route53_put_change(CmRoute53Batch *batch, int ttl, CmBuf *body)
{
	int			elements = 0;
	size_t		characters = 0;
	bool		any = false;

	cm_buf_append_str(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"
					  "<ChangeBatch><Comment>certmgr</Comment><Changes>");
	for (int i = 0; i < batch->sets.count; i++)
	{
		const CmDns01Set *set = batch->all[i].set;

		batch->all[i].sent = false;
		if (!batch->all[i].known || batch->all[i].done)
			continue;
		measure(set->old_values, set->nold, &elements, &characters);
		measure(set->new_values, set->nnew, &elements, &characters);
		/* Sets end where the next one would break a limit; a later one is the next change's. A single one that breaks it is AWS's to refuse. */
		if (any && (elements > BATCH_ELEMENTS_MAX || characters > BATCH_CHARACTERS_MAX))
			continue;
		append_change(body, "DELETE", set->name, set->ttl, set->old_values, set->nold);
		append_change(body, "CREATE", set->name, set->exists ? set->ttl : ttl, set->new_values, set->nnew);
		batch->all[i].sent = any = true;
	}
	cm_buf_append_str(body, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
}

/* ---- refusals ---- */

void
cm_route53_conflict(CmRoute53Set *set)
{
	uint8_t		was[CM_DNS01_KEY];

	/* It may be named twice: by its DELETE and by its CREATE. */
	if (!set->known)
		return;
	set->known = false;
	set->conflicts++;
	/* Without a hash it takes some more tries until it is given up. */
	if (!cm_dns01_key(was, (const char *const *) set->set->old_values, set->set->nold))
		return;
	if (set->conflicts > 1 && memcmp(was, set->was, sizeof(was)) == 0)
		set->conflicts = CM_ROUTE53_CONFLICTS_MAX + 1;
	memcpy(set->was, was, sizeof(was));
}

/* Marks the sent set of that name; the text is AWS's way to write it. */
static bool
mark_culprit(CmRoute53Batch *batch, const char *text, size_t len)
{
	char		copy[1024];
	char		name[256];

	/* No label of ours is alone, and the words of a sentence are no names of sets. */
	if (len >= sizeof(copy) || memchr(text, '.', len) == NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!cm_route53_name(copy, name))
		return false;
	for (int i = 0; i < batch->sets.count; i++)
	{
		CmRoute53Set *set = &batch->all[i];

		if (!set->sent || strcmp(set->set->name, name) != 0)
			continue;
		cm_route53_conflict(set);
		return true;
	}
	return false;
}

static bool
mark_culprits(CmRoute53Batch *batch, const char *words)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*\\";
	bool		any = false;

	while (words != NULL && *words != '\0')
	{
		size_t		len = strspn(words, name_bytes);

		any = mark_culprit(batch, words, len) || any;
		words += len;
		words += strcspn(words, name_bytes);
	}
	return any;
}

bool
cm_route53_take_culprits(CmRoute53Batch *batch, const CmXml *answer)
{
	const CmXml *message = cm_xml_child(cm_xml_child(answer, "Messages"), "Message");
	bool		any = mark_culprits(batch, cm_xml_text(answer, "Error/Message"));

	any = mark_culprits(batch, cm_xml_text(answer, "Message")) || any;
	for (; message != NULL; message = cm_xml_next(message))
		any = mark_culprits(batch, cm_xml_text(message, "")) || any;
	return any;
}
