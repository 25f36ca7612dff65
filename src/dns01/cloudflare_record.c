/*
 * cloudflare_record.c - changes of TXT records at Cloudflare: the batch, the
 * lists after a conflict, single requests where there is no batch.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: see cloudflare.c, which says how the parts go together.
 */
#include "dns01/cloudflare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records of one batch on a free plan. */
#define BATCH_MAX 200
/* Lists of one call after a conflict: each is caused by somebody else's change in the same second. */
#define ROUNDS_MAX 4
#define PAGE_SIZE 100
/* 5000 TXT records at one name: a DNS answer has not the room. */
#define PAGES_MAX 50

static void list_name(CmCloudflare *cf, const char *name, int page);

/* ---- listing, after a conflict or when an id is not known ---- */

static void
take_record(CmCloudflare *cf, const CmJson *record)
{
	const char *type = cm_json_get_string(record, "type");
	const char *name = cm_json_get_string(record, "name");
	const char *content = cm_json_get_string(record, "content");
	const char *id = cm_json_get_string(record, "id");
	char		canonical[256];
	int			i;

	if (type == NULL || name == NULL || content == NULL || id == NULL || strcmp(type, "TXT") != 0 || !cm_cloudflare_id(id) ||
		!cm_dns01_canonical(name, canonical))
		return;
	for (i = 0; i < cf->run.count; i++)
	{
		CmDns01Item *item = &cf->run.items[i];

		if (item->done || strcmp(item->name, canonical) != 0 || !cm_dns01_same_value(content, item->value))
			continue;
		snprintf(item->id, sizeof(item->id), "%s", id);
		item->done = !item->remove;
	}
}

/* Lists the next name with an item that is marked to be looked up; when there is none, goes on writing. */
static void
look_next(CmCloudflare *cf)
{
	int			i;

	for (i = 0; i < cf->run.count; i++)
	{
		if (!cf->run.items[i].done && cf->run.items[i].mark)
		{
			list_name(cf, cf->run.items[i].name, 1);
			return;
		}
	}
	cm_cloudflare_apply(cf);
}

/* All pages of a name were read: what is to go and was not among them is gone. */
static void
name_listed(CmCloudflare *cf)
{
	int			i;

	for (i = 0; i < cf->run.count; i++)
	{
		CmDns01Item *item = &cf->run.items[i];

		if (strcmp(item->name, cf->listed) != 0)
			continue;
		item->mark = false;
		if (item->remove && item->id[0] == '\0')
			item->done = true;
	}
	look_next(cf);
}

static void
on_records(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflare *cf = arg;
	const CmJson *records;
	const char *pages;
	CmCloudflareFault fault;
	int			i;

	if (!cm_cloudflare_judged(cf, answer, &fault))
		return;
	if (fault != CM_CLOUDFLARE_OK)
	{
		cm_dns01_run_finish(&cf->run);
		return;
	}
	records = cm_cloudflare_array(answer->json, "result");
	if (records == NULL)
	{
		cm_cloudflare_strange(cf, "no list of records");
		return;
	}
	for (i = 0; i < cm_json_length(records); i++)
		take_record(cf, cm_json_at(records, i));
	if (cm_cloudflare_used_up(cf, answer))
		return;
	pages = cm_json_string(cm_json_get(cm_json_get(answer->json, "result_info"), "total_pages"));
	if (pages != NULL && strtol(pages, NULL, 10) > cf->page && cm_json_length(records) > 0)
	{
		if (cf->page == PAGES_MAX)
			cm_cloudflare_strange(cf, "more pages of records at one name than there can be");
		else
			list_name(cf, cf->listed, cf->page + 1);
		return;
	}
	name_listed(cf);
}

static void
list_name(CmCloudflare *cf, const char *name, int page)
{
	CmDns01ApiRequest request = {.method = "GET"};
	CmBuf		path;

	if (name != cf->listed)
		snprintf(cf->listed, sizeof(cf->listed), "%s", name);
	cf->page = page;
	snprintf(cf->doing, sizeof(cf->doing), "list the TXT records at \"%.200s\"", cf->listed);
	cm_buf_init(&path, 1024);
	cm_buf_printf(&path, "/zones/%s/dns_records?type=TXT&name=", cf->run.zone_id);
	cm_dns01_api_escape(&path, cf->listed);
	cm_buf_printf(&path, "&per_page=%d&page=%d", PAGE_SIZE, page);
	request.path = cm_buf_cstr(&path);
	cm_dns01_run_send(&cf->run, &request, on_records);
	cm_buf_free(&path);
}

/* Somebody was faster, or an answer was lost: what is not done is looked up at its name. */
static void
look_again(CmCloudflare *cf)
{
	int			i;

	if (++cf->rounds > ROUNDS_MAX)
	{
		cm_dns01_run_fail(&cf->run, CM_NETWORK, "the records at Cloudflare changed %d times while they were written", ROUNDS_MAX);
		return;
	}
	for (i = 0; i < cf->run.count; i++)
	{
		CmDns01Item *item = &cf->run.items[i];

		if (item->done)
			continue;
		item->id[0] = '\0';
		item->mark = true;
	}
	look_next(cf);
}

/* ---- writing ---- */

static void
put_record(CmBuf *body, const CmCloudflare *cf, const CmDns01Item *item)
{
	CmBuf		content;

	cm_buf_init(&content, 16384);
	cm_dns01_quote(&content, item->value);
	cm_buf_append_str(body, "{\"type\":\"TXT\",\"name\":");
	cm_json_quote(body, item->name);
	cm_buf_append_str(body, ",\"content\":");
	/* With its quotes: Cloudflare keeps what it gets, and its dashboard warns of a content without. */
	cm_json_quote(body, cm_buf_cstr(&content));
	cm_buf_printf(body, ",\"ttl\":%d,\"proxied\":false,\"comment\":", cf->ttl);
	cm_json_quote(body, cf->comment);
	cm_buf_append_str(body, "}");
	cm_buf_free(&content);
}

/* Takes the ids of created records and marks what the batch held as done. */
static void
batch_done(CmCloudflare *cf, const CmJson *posts)
{
	int			i;

	for (i = 0; posts != NULL && i < cm_json_length(posts); i++)
		take_record(cf, cm_json_at(posts, i));
	/* Additions without an id in the answer are there all the same. */
	for (i = 0; i < cf->batch_end; i++)
		cf->run.items[i].done = true;
}

static void
on_batch(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflare *cf = arg;
	CmCloudflareFault fault;

	if (!cm_cloudflare_judged(cf, answer, &fault))
		return;
	if (fault == CM_CLOUDFLARE_OK)
		batch_done(cf, cm_cloudflare_array(cm_json_get(answer->json, "result"), "posts"));
	else if (fault == CM_CLOUDFLARE_NO_ROUTE)
		/* No batch at this endpoint, or no such zone: the single request will tell. */
		cf->single = true;
	else if (cm_cloudflare_used_up(cf, answer))
		return;
	else
	{
		look_again(cf);
		return;
	}
	if (cm_dns01_run_next(&cf->run) == NULL || !cm_cloudflare_used_up(cf, answer))
		cm_cloudflare_apply(cf);
}

static void
send_batch(CmCloudflare *cf)
{
	CmBuf		body;
	char		path[160];
	int			pass;
	int			i;

	snprintf(cf->doing, sizeof(cf->doing), "change TXT records of zone \"%.150s\"", cf->run.zone);
	snprintf(path, sizeof(path), "/zones/%s/dns_records/batch", cf->run.zone_id);
	cm_buf_init(&body, 1024 * 1024);
	for (pass = 0; pass < 2; pass++)
	{
		int			taken = 0;
		bool		first = true;

		cm_buf_append_str(&body, pass == 0 ? "{\"deletes\":[" : "],\"posts\":[");
		for (i = 0; i < cf->run.count && taken < BATCH_MAX; i++)
		{
			const CmDns01Item *item = &cf->run.items[i];

			if (item->done)
				continue;
			taken++;
			cf->batch_end = i + 1;
			if (item->remove != (pass == 0))
				continue;
			cm_buf_append_str(&body, first ? "" : ",");
			first = false;
			if (item->remove)
				cm_buf_printf(&body, "{\"id\":\"%s\"}", item->id);
			else
				put_record(&body, cf, item);
		}
	}
	cm_buf_append_str(&body, "]}");
	cm_dns01_run_send_json(&cf->run, "POST", path, &body, on_batch);
}

static void
on_single(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflare *cf = arg;
	CmDns01Item *item = cf->item;
	CmCloudflareFault fault;

	if (!cm_cloudflare_judged(cf, answer, &fault))
		return;
	if (!item->remove && fault == CM_CLOUDFLARE_EXISTS)
	{
		look_again(cf);
		return;
	}
	/* A record that is not there answers 404, with or without a code we know. */
	if (fault == CM_CLOUDFLARE_OK || (item->remove && (fault == CM_CLOUDFLARE_GONE || answer->code == 404)))
	{
		if (!item->remove)
			take_record(cf, cm_json_get(answer->json, "result"));
		item->done = true;
		memset(&cf->run.task.result.status, 0, sizeof(cf->run.task.result.status));
		if (cm_dns01_run_next(&cf->run) == NULL || !cm_cloudflare_used_up(cf, answer))
			cm_cloudflare_apply(cf);
		return;
	}
	cm_dns01_run_finish(&cf->run);
}

static void
send_single(CmCloudflare *cf, CmDns01Item *item)
{
	CmDns01ApiRequest request = {.method = "DELETE"};
	char		path[320];
	CmBuf		body;

	cf->item = item;
	snprintf(cf->doing, sizeof(cf->doing), "%s a TXT record at \"%.200s\"", item->remove ? "delete" : "create", item->name);
	if (item->remove)
	{
		snprintf(path, sizeof(path), "/zones/%s/dns_records/%s", cf->run.zone_id, item->id);
		request.path = path;
		cm_dns01_run_send(&cf->run, &request, on_single);
		return;
	}
	snprintf(path, sizeof(path), "/zones/%s/dns_records", cf->run.zone_id);
	cm_buf_init(&body, 65536);
	put_record(&body, cf, item);
	cm_dns01_run_send_json(&cf->run, "POST", path, &body, on_single);
}

void
cm_cloudflare_apply(CmCloudflare *cf)
{
	CmDns01Item *item = cm_dns01_run_next(&cf->run);
	bool		any = false;
	int			i;

	if (item == NULL)
	{
		memset(&cf->run.task.result.status, 0, sizeof(cf->run.task.result.status));
		cf->run.task.result.retry_after = -1;
		cm_dns01_run_finish(&cf->run);
		return;
	}
	for (i = 0; i < cf->run.count; i++)
	{
		CmDns01Item *unknown = &cf->run.items[i];

		unknown->mark = !unknown->done && unknown->remove && unknown->id[0] == '\0';
		any = any || unknown->mark;
	}
	if (any)
	{
		look_next(cf);
		return;
	}
	if (cf->single)
		send_single(cf, item);
	else
		send_batch(cf);
}
