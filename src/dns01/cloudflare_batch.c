/*
 * cloudflare_batch.c - changes of TXT records at Cloudflare: the batch of all
 * who want something of a zone at the same moment, the lists after a conflict,
 * single requests where there is no batch.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: see cloudflare.c, which says how the parts go together. Cloudflare
 * carries a batch out as one transaction and does not say which record it did
 * not like: a batch of several tasks is halved until the culprit is alone.
 */
#include "dns01/cloudflare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records of one batch on a free plan. */
#define BATCH_MAX 200
/* Of 1,200 requests in five minutes a busy zone takes at most a quarter; who comes meanwhile goes together. */
#define BATCH_INTERVAL_MS 1000
#define BATCH_BURST 3
/* Lists after a conflict: each is caused by somebody else's change in the same second. */
#define ROUNDS_MAX 4
#define PAGE_SIZE 100
/* 5000 TXT records at one name: a DNS answer has not the room. */
#define PAGES_MAX 50
/* For more names than these all TXT records of the zone are listed: 200 records on free plans, some thousand on others. */
#define NAMES_MAX 2
#define ZONE_PAGE_SIZE 500

static void step(CmCloudflareBatch *b);
static void list_page(CmCloudflareBatch *b, int page);

static CmCloudflare *
first_of(const CmCloudflareBatch *b)
{
	/* All tasks have the same settings. This one is there until its request ends. */
	return (CmCloudflare *) b->batch.tasks;
}

/* ---- the end of tasks ---- */

static void
finish_task(CmCloudflareBatch *b, CmDns01Task *task, const CmStatus *st, int64_t retry_after)
{
	cm_dns01_batch_leave(&b->batch, task);
	task->result.status = *st;
	task->result.retry_after = retry_after;
	cm_dns01_run_finish((CmDns01Run *) task);
}

/* All end, with the ids of what was made so far. */
static void
fail_all(CmCloudflareBatch *b, const CmStatus *st, int64_t retry_after)
{
	while (b->batch.tasks != NULL)
		finish_task(b, b->batch.tasks, st, retry_after);
	cm_dns01_batch_end(&b->batch);
}

static void
strange(CmCloudflareBatch *b, CmCode code, const char *what)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_fail(&st, code, "%s", what);
	fail_all(b, &st, -1);
}

/* The records of all tasks that are there now. */
static bool
collect(CmCloudflareBatch *b)
{
	free(b->items);
	b->count = 0;
	b->items = calloc((size_t) b->batch.records, sizeof(CmDns01Item *));
	if (b->items == NULL)
		return false;
	for (CmDns01Task *task = b->batch.tasks; task != NULL; task = task->next)
	{
		CmDns01Run *run = (CmDns01Run *) task;

		for (int i = 0; i < run->count; i++)
			b->items[b->count++] = &run->items[i];
	}
	return true;
}

/* Tasks whose records all are as wanted end: they need not wait for the others. False: the batch has ended. */
static bool
finish_done(CmCloudflareBatch *b)
{
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Task *following;

	for (CmDns01Task *task = b->batch.tasks; task != NULL; task = following)
	{
		following = task->next;
		if (cm_dns01_run_next((CmDns01Run *) task) == NULL)
			finish_task(b, task, &st, -1);
	}
	if (b->batch.tasks == NULL)
		cm_dns01_batch_end(&b->batch);
	else if (collect(b))
		return true;
	else
		strange(b, CM_MEMORY, "out of memory");
	return false;
}

/* ---- answers ---- */

/* True: it is good, or of a kind that the caller knows to deal with (*fault says). False: the batch has ended. */
static bool
judged(CmCloudflareBatch *b, const CmDns01ApiAnswer *answer, CmCloudflareFault *fault)
{
	CmStatus	st = CM_STATUS_INIT;

	*fault = cm_cloudflare_judge(answer, b->doing, &st);
	switch (*fault)
	{
		case CM_CLOUDFLARE_OK:
		case CM_CLOUDFLARE_EXISTS:
		case CM_CLOUDFLARE_GONE:
		case CM_CLOUDFLARE_NO_ROUTE:
			return true;
		case CM_CLOUDFLARE_RECORD_REFUSED:
			if (b->batch.ntasks > 1)
			{
				cm_dns01_batch_split(&b->batch);
				return false;
			}
			/* FALLTHROUGH */
		default:
			fail_all(b, &st, answer->retry_after);
			return false;
	}
}

/* The window is used up: the next request would only be a 429. True: the batch has ended. */
static bool
used_up(CmCloudflareBatch *b, const CmDns01ApiAnswer *answer)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_cloudflare_used_up(answer, &st))
		return false;
	fail_all(b, &st, answer->retry_after);
	return true;
}

/* What was not dealt with by the caller ends it. */
static void
unexpected(CmCloudflareBatch *b, const CmDns01ApiAnswer *answer)
{
	CmStatus	st = CM_STATUS_INIT;

	(void) cm_cloudflare_judge(answer, b->doing, &st);
	fail_all(b, &st, answer->retry_after);
}

/* ---- requests ---- */

static void
ask(CmCloudflareBatch *b, const CmDns01ApiRequest *request, CmDns01ApiDone answered)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_dns01_api_send(b->batch.op.loop, &first_of(b)->run.api, request, answered, b, &st))
		fail_all(b, &st, -1);
}

static void
send_json(CmCloudflareBatch *b, const char *path, CmBuf *body, CmDns01ApiDone answered)
{
	CmDns01ApiRequest request = {.method = "POST", .path = path};

	if (body->failed)
	{
		cm_buf_free(body);
		strange(b, CM_LIMIT, "a request for the DNS provider is too long, or not UTF-8");
		return;
	}
	request.body = cm_buf_cstr(body);
	request.body_len = body->len;
	ask(b, &request, answered);
	cm_buf_free(body);
}

/* ---- listing, after a conflict or when an id is not known ---- */

static void
take_record(CmCloudflareBatch *b, const CmJson *record)
{
	const char *type = cm_json_get_string(record, "type");
	const char *name = cm_json_get_string(record, "name");
	const char *content = cm_json_get_string(record, "content");
	const char *id = cm_json_get_string(record, "id");
	char		canonical[256];

	if (type == NULL || name == NULL || content == NULL || id == NULL || strcmp(type, "TXT") != 0 || !cm_cloudflare_id(id) ||
		!cm_dns01_canonical(name, canonical))
		return;
	for (int i = 0; i < b->count; i++)
	{
		CmDns01Item *item = b->items[i];

		if (item->done || strcmp(item->name, canonical) != 0 || !cm_dns01_same_value(content, item->value))
			continue;
		snprintf(item->id, sizeof(item->id), "%s", id);
		item->done = !item->remove;
	}
}

/* All pages were read: what is to go and was not among them is gone. */
static void
list_read(CmCloudflareBatch *b)
{
	for (int i = 0; i < b->count; i++)
	{
		CmDns01Item *item = b->items[i];

		if (b->listed[0] != '\0' && strcmp(item->name, b->listed) != 0)
			continue;
		if (item->mark && item->remove && item->id[0] == '\0')
			item->done = true;
		item->mark = false;
	}
	step(b);
}

static void
on_records(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflareBatch *b = arg;
	const CmJson *records;
	const char *pages;
	CmCloudflareFault fault;

	if (!judged(b, answer, &fault))
		return;
	if (fault != CM_CLOUDFLARE_OK)
	{
		unexpected(b, answer);
		return;
	}
	records = cm_cloudflare_array(answer->json, "result");
	if (records == NULL)
	{
		strange(b, CM_PROTOCOL, "Cloudflare's answer has no list of records");
		return;
	}
	for (int i = 0; i < cm_json_length(records); i++)
		take_record(b, cm_json_at(records, i));
	if (used_up(b, answer))
		return;
	pages = cm_json_string(cm_json_get(cm_json_get(answer->json, "result_info"), "total_pages"));
	if (pages == NULL || strtol(pages, NULL, 10) <= b->page || cm_json_length(records) == 0)
		list_read(b);
	else if (b->page < PAGES_MAX)
		list_page(b, b->page + 1);
	else if (b->listed[0] == '\0')
	{
		/* Too many in the zone: name by name. */
		b->by_name = true;
		step(b);
	}
	else
		strange(b, CM_PROTOCOL, "Cloudflare's answer has more pages of records at one name than there can be");
}

static void
list_page(CmCloudflareBatch *b, int page)
{
	CmDns01ApiRequest request = {.method = "GET"};
	CmBuf		path;

	b->page = page;
	cm_buf_init(&path, 1024);
	cm_buf_printf(&path, "/zones/%s/dns_records?type=TXT", first_of(b)->run.zone_id);
	if (b->listed[0] != '\0')
	{
		snprintf(b->doing, sizeof(b->doing), "list the TXT records at \"%.200s\"", b->listed);
		cm_buf_append_str(&path, "&name=");
		cm_dns01_api_escape(&path, b->listed);
	}
	else
		snprintf(b->doing, sizeof(b->doing), "list the TXT records of zone \"%.200s\"", first_of(b)->run.zone);
	cm_buf_printf(&path, "&per_page=%d&page=%d", b->listed[0] != '\0' ? PAGE_SIZE : ZONE_PAGE_SIZE, page);
	request.path = cm_buf_cstr(&path);
	ask(b, &request, on_records);
	cm_buf_free(&path);
}

/* Lists what is to be looked up: the next name, or all. False: there is nothing. */
static bool
look_up(CmCloudflareBatch *b)
{
	const char *first = NULL;
	const char *last = NULL;
	int			names = 0;

	for (int i = 0; i < b->count; i++)
	{
		const CmDns01Item *item = b->items[i];

		if (item->done || !item->mark || (last != NULL && strcmp(item->name, last) == 0))
			continue;
		first = first != NULL ? first : item->name;
		last = item->name;
		names++;
	}
	if (first == NULL)
		return false;
	snprintf(b->listed, sizeof(b->listed), "%s", names <= NAMES_MAX || b->by_name ? first : "");
	list_page(b, 1);
	return true;
}

/* Somebody was faster, or an answer was lost: what is not done is looked up at its name. */
static void
look_again(CmCloudflareBatch *b)
{
	char		words[100];

	if (++b->rounds > ROUNDS_MAX)
	{
		snprintf(words, sizeof(words), "the records at Cloudflare changed %d times while they were written", ROUNDS_MAX);
		strange(b, CM_NETWORK, words);
		return;
	}
	for (int i = 0; i < b->count; i++)
	{
		CmDns01Item *item = b->items[i];

		if (item->done)
			continue;
		item->id[0] = '\0';
		item->mark = true;
	}
	step(b);
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
batch_done(CmCloudflareBatch *b, const CmJson *posts)
{
	for (int i = 0; posts != NULL && i < cm_json_length(posts); i++)
		take_record(b, cm_json_at(posts, i));
	/* Additions without an id in the answer are there all the same. */
	for (int i = 0; i < b->count; i++)
		b->items[i]->done = b->items[i]->done || b->items[i]->sent;
}

static void
on_batch(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflareBatch *b = arg;
	CmCloudflareFault fault;

	if (!judged(b, answer, &fault))
		return;
	if (fault == CM_CLOUDFLARE_OK)
		batch_done(b, cm_cloudflare_array(cm_json_get(answer->json, "result"), "posts"));
	else if (fault == CM_CLOUDFLARE_NO_ROUTE)
		/* No batch at this endpoint, or no such zone: the single request will tell. */
		b->single = true;
	if (!finish_done(b) || used_up(b, answer))
		return;
	if (fault == CM_CLOUDFLARE_EXISTS || fault == CM_CLOUDFLARE_GONE)
		look_again(b);
	else
		step(b);
}

/* Does another task add the same record? Then once is enough, and twice would be refused. */
static bool
is_twin(const CmCloudflareBatch *b, int at)
{
	for (int i = 0; i < at; i++)
	{
		const CmDns01Item *item = b->items[i];

		if (item->sent && !item->remove && strcmp(item->name, b->items[at]->name) == 0 && strcmp(item->value, b->items[at]->value) == 0)
			return true;
	}
	return false;
}

/* Some of the records: deletes, or posts. */
static void
put_records(CmCloudflareBatch *b, CmBuf *body, bool remove)
{
	bool		first = true;

	for (int i = 0; i < b->count; i++)
	{
		const CmDns01Item *item = b->items[i];

		if (!item->sent || item->remove != remove || (!remove && is_twin(b, i)))
			continue;
		cm_buf_append_str(body, first ? "" : ",");
		first = false;
		if (remove)
			cm_buf_printf(body, "{\"id\":\"%s\"}", item->id);
		else
			put_record(body, first_of(b), item);
	}
}

static void
send_batch(CmCloudflareBatch *b)
{
	CmBuf		body;
	char		path[160];
	int			taken = 0;

	for (int i = 0; i < b->count; i++)
	{
		b->items[i]->sent = !b->items[i]->done && taken < BATCH_MAX;
		taken += b->items[i]->sent;
	}
	snprintf(b->doing, sizeof(b->doing), "change TXT records of zone \"%.150s\"", first_of(b)->run.zone);
	snprintf(path, sizeof(path), "/zones/%s/dns_records/batch", first_of(b)->run.zone_id);
	cm_buf_init(&body, 1024 * 1024);
	cm_buf_append_str(&body, "{\"deletes\":[");
	put_records(b, &body, true);
	cm_buf_append_str(&body, "],\"posts\":[");
	put_records(b, &body, false);
	cm_buf_append_str(&body, "]}");
	send_json(b, path, &body, on_batch);
}

static void
on_single(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflareBatch *b = arg;
	CmDns01Item *item = b->item;
	CmCloudflareFault fault;

	if (!judged(b, answer, &fault))
		return;
	if (!item->remove && fault == CM_CLOUDFLARE_EXISTS)
	{
		look_again(b);
		return;
	}
	/* A record that is not there answers 404, with or without a code we know. */
	if (fault != CM_CLOUDFLARE_OK && !(item->remove && (fault == CM_CLOUDFLARE_GONE || answer->code == 404)))
	{
		unexpected(b, answer);
		return;
	}
	if (!item->remove)
		take_record(b, cm_json_get(answer->json, "result"));
	item->done = true;
	if (finish_done(b) && !used_up(b, answer))
		step(b);
}

static void
send_single(CmCloudflareBatch *b, CmDns01Item *item)
{
	CmDns01ApiRequest request = {.method = "DELETE"};
	const char *zone_id = first_of(b)->run.zone_id;
	char		path[320];
	CmBuf		body;

	b->item = item;
	snprintf(b->doing, sizeof(b->doing), "%s a TXT record at \"%.200s\"", item->remove ? "delete" : "create", item->name);
	if (item->remove)
	{
		snprintf(path, sizeof(path), "/zones/%s/dns_records/%s", zone_id, item->id);
		request.path = path;
		ask(b, &request, on_single);
		return;
	}
	snprintf(path, sizeof(path), "/zones/%s/dns_records", zone_id);
	cm_buf_init(&body, 65536);
	put_record(&body, first_of(b), item);
	send_json(b, path, &body, on_single);
}

/* ---- the batch ---- */

/* Looks up, writes, or ends. */
static void
step(CmCloudflareBatch *b)
{
	int			i;

	if (!finish_done(b))
		return;
	for (i = 0; i < b->count; i++)
	{
		CmDns01Item *item = b->items[i];

		item->mark = item->mark || (!item->done && item->remove && item->id[0] == '\0');
	}
	if (look_up(b))
		return;
	for (i = 0; b->items[i]->done;)
		i++;
	if (b->single)
		send_single(b, b->items[i]);
	else
		send_batch(b);
}

static void
begin(CmDns01Batch *base)
{
	step((CmCloudflareBatch *) base);
}

static void
release(CmDns01Batch *base)
{
	free(((CmCloudflareBatch *) base)->items);
}

/* The same zone by the same credential, written in the same way. */
static bool
place_of(const CmCloudflare *cf, uint8_t place[CM_DNS01_KEY])
{
	const CmDns01Api *api = &cf->run.api;
	char		numbers[40];
	const char *texts[6 + CM_DNS01_API_HEADERS] = {api->endpoint, api->trust_anchors, numbers, cf->run.zone, cf->run.zone_id, cf->comment};

	snprintf(numbers, sizeof(numbers), "%lld %d", (long long) api->timeout_ms, cf->ttl);
	for (int i = 0; i < CM_DNS01_API_HEADERS; i++)
		texts[6 + i] = api->headers[i];
	return cm_dns01_key(place, texts, sizeof(texts) / sizeof(texts[0]));
}

void
cm_cloudflare_apply(CmCloudflare *cf)
{
	static const CmDns01BatchKind kind = {sizeof(CmCloudflareBatch), BATCH_MAX, 1, BATCH_INTERVAL_MS, BATCH_BURST, begin, release};
	uint8_t		place[CM_DNS01_KEY];

	if (cf->run.count < 1)
		cm_dns01_run_fail(&cf->run, CM_INVALID, "there are no records to write");
	else if (!place_of(cf, place) || !cm_dns01_batch_join(&kind, &cf->run.task, cf->run.count, place))
		cm_dns01_run_fail(&cf->run, CM_MEMORY, "out of memory");
}
