/*
 * rfc2136.c - the provider "rfc2136": dynamic updates (RFC 2136), signed with
 * TSIG, sent to the zone's primary server.
 *
 * check runs in backends, apply and find_zone in the database worker and in
 * CALL certmgr.work(); nothing is locked. What may fail: the configuration;
 * servers that do not answer (the next one is tried); an update that is refused.
 * What several orders write to one zone at the same moment is one message; when
 * the server refuses that, each of them asks alone.
 *
 * config: server, zone, key_name, key_algorithm, ttl, timeout; nameservers,
 * resolvers, propagation (propagation.c). secret: the TSIG secret in base64.
 */
#include "dns01/provider.h"

#include "base/host.h"
#include "dns01/api.h"
#include "dns01/batch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS_MAX 8
/* A challenge lives for minutes; a short TTL lets a retry see the new value soon. */
#define DEFAULT_TTL 60
#define DEFAULT_TIMEOUT_S 10
/* Records of one message: some 6 KiB, which every server takes over TCP. */
#define BATCH_RECORDS 64

typedef struct Settings
{
	CmDns01Server servers[SERVERS_MAX];
	int			nservers;
	CmDns01Zones zones;
	char		key_name[256];	/* "": not signed */
	char		key_algorithm[32];
	char	   *secret;			/* malloc'ed, wiped */
	int			ttl;
	int			timeout_ms;
} Settings;

/* One apply or find_zone under way. */
typedef struct Task
{
	CmDns01Task task;
	Settings	settings;
	int			server;			/* the one that is asked */
	CmDnsUpdate *records;		/* apply: copies */
	int			count;
	char		name[256];		/* find_zone: the name, lower case */
	const char *suffix;			/* the part of it that is asked for */
	char		referral[256];	/* a zone that the server gave away */
} Task;

/* ---- configuration ---- */

static void
settings_free(Settings *s)
{
	if (s->secret != NULL)
	{
		cm_wipe(s->secret, strlen(s->secret));
		free(s->secret);
		s->secret = NULL;
	}
}

static bool
read_secret(Settings *s, CmSlice secret, CmStatus *st)
{
	/* What people paste from a key file often has a line end. */
	while (secret.len > 0 && (secret.data[secret.len - 1] == '\n' || secret.data[secret.len - 1] == '\r' || secret.data[secret.len - 1] == ' '))
		secret.len--;
	if (secret.len == 0)
		return cm_fail(st, CM_INVALID, "\"key_name\" is given, but no secret");
	if (memchr(secret.data, '\0', secret.len) != NULL)
		return cm_fail(st, CM_INVALID, "the secret is not base64");
	s->secret = malloc(secret.len + 1);
	if (s->secret == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	memcpy(s->secret, secret.data, secret.len);
	s->secret[secret.len] = '\0';
	return true;
}

static CmTsig
tsig_of(const Settings *s)
{
	CmTsig		tsig = {s->key_name, s->key_algorithm, s->secret};

	return tsig;
}

static bool
read_key(const CmJson *config, CmSlice secret, Settings *s, CmStatus *st)
{
	const char *name;
	const char *algorithm;
	CmTsig		tsig;
	CmTsigKey	key;
	bool		ok;

	if (!cm_dns01_text(config, "key_name", &name, st) || !cm_dns01_text(config, "key_algorithm", &algorithm, st))
		return false;
	if (name == NULL)
	{
		if (algorithm != NULL)
			return cm_fail(st, CM_INVALID, "\"key_algorithm\" is given, but no \"key_name\"");
		if (secret.len > 0)
			return cm_fail(st, CM_INVALID, "a secret is given, but no \"key_name\"");
		return true;
	}
	if (algorithm == NULL)
		algorithm = "hmac-sha256";
	if (!read_secret(s, secret, st))
		return false;
	tsig.name = name;
	tsig.algorithm = algorithm;
	tsig.secret = s->secret;
	ok = cm_tsig_key_load(&tsig, &key, st);
	cm_wipe(&key, sizeof(key));
	if (!ok)
		return false;
	/* Both fit: the key was loaded. */
	snprintf(s->key_name, sizeof(s->key_name), "%s", name);
	snprintf(s->key_algorithm, sizeof(s->key_algorithm), "%s", algorithm);
	return true;
}

/* s is zeroed. After a failure, too, settings_free is due. */
static bool
read_settings(const CmJson *config, CmSlice secret, Settings *s, CmStatus *st)
{
	static const char *const known[] = {
		"server", "zone", "key_name", "key_algorithm", "ttl", "timeout", CM_DNS01_PROPAGATION_KEYS, NULL
	};
	int			timeout;

	if (!cm_dns01_known_keys(config, known, st) ||
		!cm_dns01_servers(config, "server", s->servers, SERVERS_MAX, &s->nservers, st))
		return false;
	if (s->nservers == 0)
		return cm_fail(st, CM_INVALID, "configuration key \"server\" is missing");
	/* RFC 2181 8: a TTL has 31 bits; a week is what anyone could want of a challenge. */
	if (!cm_dns01_zones_read(config, &s->zones, st) || !read_key(config, secret, s, st) ||
		!cm_dns01_number(config, "ttl", 0, 604800, DEFAULT_TTL, &s->ttl, st) ||
		!cm_dns01_number(config, "timeout", 1, 300, DEFAULT_TIMEOUT_S, &timeout, st))
		return false;
	s->timeout_ms = timeout * 1000;
	return cm_dns01_check_propagation(config, st);
}

/* ---- tasks ---- */

static void
task_free(CmDns01Task *base)
{
	Task	   *task = (Task *) base;
	int			i;

	for (i = 0; i < task->count; i++)
	{
		free((void *) (uintptr_t) task->records[i].name);
		free((void *) (uintptr_t) task->records[i].value);
	}
	free(task->records);
	settings_free(&task->settings);
	free(task);
}

static void
finish(Task *task)
{
	cm_dns01_task_finish(&task->task);
}

static bool
read_task(CmDns01Task *base, const CmJson *config, CmSlice secret, CmStatus *st)
{
	return read_settings(config, secret, &((Task *) base)->settings, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	return cm_dns01_task_check(sizeof(Task), config, secret, read_task, task_free, st);
}

static Task *
task_create(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_task_create(sizeof(Task), call, read_task, task_free, st);
}

/* Begins the operation, or frees the task when the arguments were not good. What is known already (now) is told from the loop. */
static bool
task_begin(Task *task, bool good, bool now, CmStatus *st)
{
	if (good)
		return cm_dns01_task_begin(&task->task, !now, st);
	task_free(&task->task);
	return false;
}

/* An answer that only another server could better: none came, or it cannot work now. */
static bool
try_next_server(Task *task, const CmStatus *st, int rcode)
{
	if (st->code != CM_NETWORK && st->code != CM_UNSUPPORTED && rcode != CM_DNS_RCODE_SERVFAIL)
		return false;
	if (task->server + 1 >= task->settings.nservers)
		return false;
	task->task.result.touched = task->task.result.touched || st->code == CM_NETWORK;
	task->server++;
	return true;
}

/* ---- apply ---- */

static void on_updated(CmDnsAnswer *answer, void *arg);

/* Sends to the current server, or to one behind it. False and st when none is left. */
static bool
send_update(Task *task, CmStatus *st)
{
	const Settings *s = &task->settings;
	CmTsig		tsig = tsig_of(s);

	do
	{
		const CmDns01Server *server = &s->servers[task->server];

		memset(st, 0, sizeof(*st));
		if (cm_dns_update(task->task.loop, &server->addr, server->len, task->task.result.zone, task->records, task->count, s->ttl,
						  s->key_name[0] != '\0' ? &tsig : NULL, s->timeout_ms, on_updated, task, st) != NULL)
			return true;
	} while (try_next_server(task, st, 0));
	return false;
}

static void
on_updated(CmDnsAnswer *answer, void *arg)
{
	Task	   *task = arg;

	task->task.result.status = answer->status;
	if (answer->status.code != CM_OK && try_next_server(task, &answer->status, answer->rcode) && send_update(task, &task->task.result.status))
		return;
	finish(task);
}

static void
send_alone(Task *task)
{
	task->server = 0;
	if (!send_update(task, &task->task.result.status))
		finish(task);
}

/* ---- batches: what is asked for at one moment, of one server and zone, is one message ---- */

/* All are told the same, or (refused) each asks alone: one bad name must not spoil the others'. */
static void
end_batch(CmDns01Batch *batch, const CmStatus *st)
{
	bool		alone = st->code != CM_OK && st->code != CM_NETWORK;

	while (batch->tasks != NULL)
	{
		Task	   *task = (Task *) batch->tasks;

		cm_dns01_batch_leave(batch, &task->task);
		if (alone)
			send_alone(task);
		else
		{
			task->task.result.status = *st;
			finish(task);
		}
	}
	cm_dns01_batch_end(batch);
}

static void on_batch(CmDnsAnswer *answer, void *arg);

/* To the server whose turn it is, or one behind it. */
static bool
send_batch(CmDns01Batch *batch, CmStatus *st)
{
	Task	   *first = (Task *) batch->tasks;
	const Settings *s = &first->settings;
	CmTsig		tsig = tsig_of(s);
	CmDnsUpdate records[BATCH_RECORDS];
	int			count = 0;

	for (CmDns01Task *task = batch->tasks; task != NULL; task = task->next)
	{
		memcpy(&records[count], ((Task *) task)->records, sizeof(CmDnsUpdate) * (size_t) ((Task *) task)->count);
		count += ((Task *) task)->count;
	}
	do
	{
		const CmDns01Server *server = &s->servers[first->server];

		memset(st, 0, sizeof(*st));
		if (cm_dns_update(first->task.loop, &server->addr, server->len, first->task.result.zone, records, count, s->ttl,
						  s->key_name[0] != '\0' ? &tsig : NULL, s->timeout_ms, on_batch, batch, st) != NULL)
			return true;
	} while (try_next_server(first, st, 0));
	return false;
}

static void
on_batch(CmDnsAnswer *answer, void *arg)
{
	CmDns01Batch *batch = arg;
	CmStatus	st = answer->status;

	/* What went to a server that did not answer may be there, whatever the next one says. */
	for (CmDns01Task *task = batch->tasks; task != NULL; task = task->next)
		task->result.touched = task->result.touched || st.code == CM_NETWORK;
	if (st.code != CM_OK && try_next_server((Task *) batch->tasks, &answer->status, answer->rcode) && send_batch(batch, &st))
		return;
	end_batch(batch, &st);
}

static void
begin_batch(CmDns01Batch *batch)
{
	CmStatus	st = CM_STATUS_INIT;

	if (batch->ntasks == 1)
	{
		Task	   *task = (Task *) batch->tasks;

		cm_dns01_batch_leave(batch, &task->task);
		cm_dns01_batch_end(batch);
		send_alone(task);
	}
	else if (!send_batch(batch, &st))
		end_batch(batch, &st);
}

/* The same servers, key and zone, asked in the same way. */
static bool
place_of(const Task *task, uint8_t place[CM_DNS01_KEY])
{
	const Settings *s = &task->settings;
	char		numbers[40];
	const char *texts[5 + SERVERS_MAX] = {task->task.result.zone, s->key_name, s->key_algorithm, s->secret, numbers};

	snprintf(numbers, sizeof(numbers), "%d %d", s->ttl, s->timeout_ms);
	for (int i = 0; i < s->nservers; i++)
		texts[5 + i] = s->servers[i].text;
	return cm_dns01_key(place, texts, 5 + SERVERS_MAX);
}

/* Into a batch that goes from the loop. What cannot: at once. */
static bool
join_batch(Task *task)
{
	/* Any number at the same moment: servers take them one after another, and one that is silent must not hold up all. */
	static const CmDns01BatchKind kind = {sizeof(CmDns01Batch), BATCH_RECORDS, INT_MAX, 0, 0, begin_batch, NULL};
	uint8_t		place[CM_DNS01_KEY];

	return task->count <= BATCH_RECORDS && place_of(task, place) && cm_dns01_batch_join(&kind, &task->task, task->count, place);
}

static bool
copy_records(Task *task, const CmDns01Record *records, int count)
{
	task->records = calloc((size_t) count, sizeof(CmDnsUpdate));
	if (task->records == NULL)
		return false;
	for (; task->count < count; task->count++)
	{
		CmDnsUpdate *copy = &task->records[task->count];
		const CmDns01Record *record = &records[task->count];

		copy->name = strdup(record->name);
		copy->value = strdup(record->value);
		copy->remove = record->remove;
		if (copy->name == NULL || copy->value == NULL)
		{
			task->count++;		/* task_free frees what is there */
			return false;
		}
	}
	return true;
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task;
	bool		good;
	bool		sent = false;

	if (call->count < 1)
		return cm_fail(st, CM_INVALID, "there are no records to write");
	task = task_create(call, st);
	if (task == NULL)
		return false;
	if (!cm_dns01_canonical(call->zone, task->task.result.zone))
		good = cm_fail(st, CM_INVALID, "zone \"%.100s\" is not a DNS name", call->zone);
	else if (!cm_dns01_zones_have(&task->settings.zones, task->task.result.zone))
		good = cm_fail(st, CM_POLICY, "zone \"%.100s\" is not in \"zone\" of the configuration", task->task.result.zone);
	else if (!copy_records(task, call->records, call->count))
		good = cm_fail(st, CM_MEMORY, "out of memory");
	else
	{
		sent = join_batch(task) || send_update(task, &task->task.result.status);
		good = true;
	}
	return task_begin(task, good, !sent, st);
}

/* ---- find_zone ---- */

static void on_soa(CmDnsAnswer *answer, void *arg);

static bool
send_soa_query(Task *task, CmStatus *st)
{
	const Settings *s = &task->settings;

	do
	{
		const CmDns01Server *server = &s->servers[task->server];

		memset(st, 0, sizeof(*st));
		if (cm_dns_query(task->task.loop, &server->addr, server->len, task->suffix, "SOA", false, s->timeout_ms, on_soa, task, st) != NULL)
			return true;
	} while (try_next_server(task, st, 0));
	return false;
}

static void
zone_found(Task *task, const char *zone)
{
	CmStatus   *st = &task->task.result.status;

	memset(st, 0, sizeof(*st));
	snprintf(task->task.result.zone, sizeof(task->task.result.zone), "%s", zone);
	if (task->referral[0] != '\0' && strcmp(task->referral, zone) != 0 && cm_host_in_zone(task->referral, zone))
	{
		cm_fail(st, CM_INVALID, "\"%.100s\" lies in zone \"%.100s\", which server %s does not serve", task->name, task->referral,
				task->settings.servers[task->server].text);
		cm_fail_detail(st, "The server has zone \"%.100s\" and delegates \"%.100s\" to others.", zone, task->referral);
		task->task.result.zone[0] = '\0';
	}
	finish(task);
}

static void
on_soa(CmDnsAnswer *answer, void *arg)
{
	Task	   *task = arg;
	CmStatus   *st = &task->task.result.status;

	*st = answer->status;
	if ((st->code != CM_OK || answer->rcode == CM_DNS_RCODE_SERVFAIL) && try_next_server(task, st, answer->rcode))
		;						/* the same question, to the next server */
	else if (st->code != CM_OK)
	{
		finish(task);
		return;
	}
	else if (answer->authoritative && answer->cname[0] == '\0' && answer->soa[0] != '\0' && cm_host_in_zone(task->name, answer->soa))
	{
		/* In the answer section, or in the authority section of a negative answer: either way the zone the name lies in. */
		zone_found(task, answer->soa);
		return;
	}
	else
	{
		/* The first referral is the deepest one. */
		if (task->referral[0] == '\0' && answer->referral[0] != '\0' && cm_host_in_zone(task->name, answer->referral))
			memcpy(task->referral, answer->referral, sizeof(task->referral));
		task->suffix = cm_dns01_parent(task->suffix);
		if (task->suffix == NULL)
		{
			cm_fail(st, CM_REFUSED, "server %s serves no zone that holds \"%.100s\"", task->settings.servers[task->server].text, task->name);
			cm_fail_detail(st, "The last answer was %s. Check \"server\", or give \"zone\".", cm_dns_rcode_name(answer->rcode));
			finish(task);
			return;
		}
	}
	if (!send_soa_query(task, st))
		finish(task);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);
	bool		good = true;
	bool		sent = false;

	if (task == NULL)
		return false;
	if (!cm_dns01_canonical(call->name, task->name))
		good = cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", call->name);
	else if (task->settings.zones.count > 0)
		cm_dns01_zones_find(&task->settings.zones, task->name, &task->task.result);
	else
	{
		task->suffix = task->name;
		sent = send_soa_query(task, &task->task.result.status);
	}
	return task_begin(task, good, !sent, st);
}

const CmDns01Provider cm_dns01_rfc2136 = {
	"rfc2136", check, find_zone, apply, NULL
};
