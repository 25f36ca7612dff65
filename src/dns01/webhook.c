/*
 * webhook.c - the provider "webhook": somebody's own program writes the
 * records, and is asked over HTTPS.
 *
 * check runs in backends, the calls in the database worker and in CALL
 * certmgr.work(); nothing is locked. What may fail: the configuration, the
 * network, and what the program says no to.
 *
 * Three formats. "httpreq" is lego's: POST endpoint/present and endpoint/cleanup
 * with {"fqdn", "value"}, one record each, basic authentication. "httpreq-raw"
 * is the same in lego's mode RAW: {"domain", "token", "keyAuth"}, of which the
 * program computes name and value. "certmgr" is ours: one POST of all records to endpoint, signed:
 *
 *   Idempotency-Key: 32 hex digits, the same when a request is sent again
 *   X-Certmgr-Timestamp: seconds since 1970
 *   X-Certmgr-Signature: v1=hex(HMAC-SHA256(secret, timestamp "." key "." body))
 *
 *   {"version":1,"action":"apply","zone":Z,"zone_id":I,"records":[{"action":"add"|"remove","name":N,"type":"TXT","value":V,"id":I}]}
 *       answer: {} or {"ids":[...],"change_id":C}
 *   {"version":1,"action":"find_zone","name":N}    answer: {"zone":Z,"zone_id":I}
 *   {"version":1,"action":"confirm","zone":Z,"zone_id":I,"change_id":C}   answer: {"done":true|false}
 *
 * Any 2xx is success; {"error":"words"} with another status is shown to people.
 *
 * config: endpoint, format, username, zone (a text or an array: neither the
 * program nor DNS is asked then), trust_anchors, timeout; what propagation.c reads. secret: the
 * password of username, or the HMAC key.
 */
#include "base/encode.h"
#include "base/host.h"
#include "crypto/digest.h"
#include "dns01/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A key of fewer bytes is a password, and those are guessed. */
#define KEY_MIN 16
#define KEY_MAX 1024
/* A lost answer is asked for once more at once, with the same idempotency key. */
#define TRIES_MAX 2

typedef struct Webhook
{
	CmDns01Run run;
	bool		ours;			/* the format "certmgr" */
	bool		raw;			/* the format "httpreq-raw" */
	uint8_t		key[KEY_MAX];	/* HMAC; wiped */
	size_t		key_len;
	char		idempotency[33];
	char	   *body;			/* of the request under way, for its repetition */
	size_t		body_len;
	int			tries;
	CmDns01Item *item;			/* httpreq: the one under way */
	CmDns01ApiDone answered;
} Webhook;

/* ---- configuration ---- */

static void
release(CmDns01Run *run)
{
	Webhook    *hook = (Webhook *) run;

	cm_wipe(hook->key, sizeof(hook->key));
	free(hook->body);
	hook->body = NULL;
}

static bool
read_format(const CmJson *config, Webhook *hook, CmStatus *st)
{
	const char *format;

	if (!cm_dns01_text(config, "format", &format, st))
		return false;
	hook->ours = format != NULL && strcmp(format, "certmgr") == 0;
	hook->raw = format != NULL && strcmp(format, "httpreq-raw") == 0;
	return hook->ours || hook->raw || format == NULL || strcmp(format, "httpreq") == 0 ||
		cm_fail(st, CM_INVALID, "\"format\" must be \"httpreq\", \"httpreq-raw\" or \"certmgr\"");
}

static bool
read_credential(const CmJson *config, CmSlice secret, Webhook *hook, CmStatus *st)
{
	const char *user;

	if (!cm_dns01_text(config, "username", &user, st))
		return false;
	if (hook->ours)
	{
		if (user != NULL)
			return cm_fail(st, CM_INVALID, "\"username\" is for the format \"httpreq\"; requests of format \"certmgr\" are signed");
		while (secret.len > 0 && (secret.data[secret.len - 1] == '\n' || secret.data[secret.len - 1] == '\r'))
			secret.len--;
		if (secret.len < KEY_MIN || secret.len > KEY_MAX)
			return cm_fail(st, CM_INVALID, "the secret must be an HMAC key of %d to %d bytes", KEY_MIN, KEY_MAX);
		memcpy(hook->key, secret.data, secret.len);
		hook->key_len = secret.len;
		return true;
	}
	if (user == NULL)
		return secret.len == 0 || cm_fail(st, CM_INVALID, "a secret is given, but no \"username\"");
	return cm_dns01_api_secret(&secret, "the password of the webhook", st) && cm_dns01_api_basic(&hook->run.api, user, secret, st);
}

static bool
read_settings(const CmJson *config, CmSlice secret, Webhook *hook, CmStatus *st)
{
	static const char *const keys[] = {"format", "username", "zone", CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};
	CmDns01Zones zones;

	return cm_dns01_known_keys(config, keys, st) && read_format(config, hook, st) &&
		cm_dns01_api_read(config, NULL, &hook->run.api, st) && read_credential(config, secret, hook, st) &&
		cm_dns01_zones_read(config, &zones, st) && cm_dns01_check_propagation(config, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	Webhook    *hook = calloc(1, sizeof(Webhook));
	bool		ok;

	if (hook == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = read_settings(config, secret, hook, st);
	release(&hook->run);
	cm_dns01_api_free(&hook->run.api);
	free(hook);
	return ok;
}

static bool
read_call(CmDns01Run *run, const CmDns01Call *call, CmStatus *st)
{
	return read_settings(call->config, call->secret, (Webhook *) run, st);
}

/* ---- requests ---- */

static void
refused(Webhook *hook, const CmDns01ApiAnswer *answer, const char *doing)
{
	CmStatus   *st = &hook->run.task.result.status;
	const char *said = cm_json_get_string(answer->json, "error");
	char		words[300] = "";

	cm_dns01_run_judged(&hook->run, answer);
	if (st->code == CM_REFUSED)
	{
		if (said != NULL)
			cm_clean_text(words, sizeof(words), said, strlen(said));
		cm_fail(st, CM_REFUSED, "the webhook refused to %s", doing);
		cm_fail_detail(st, "It answered HTTP %d%s%s.%s", answer->code, words[0] != '\0' ? ": " : "", words,
					   answer->code == 401 || answer->code == 403 ? " Check the secret." : "");
	}
	cm_dns01_run_finish(&hook->run);
}

static bool
sign(const Webhook *hook, const char *timestamp, char signature[100], CmStatus *st)
{
	uint8_t		mac[32];
	CmBuf		text;
	CmBuf		hex;
	bool		ok;

	cm_buf_init(&text, hook->body_len + 100);
	cm_buf_init(&hex, 100);
	cm_buf_printf(&text, "%s.%s.", timestamp, hook->idempotency);
	cm_buf_append(&text, hook->body, hook->body_len);
	ok = text.failed ? cm_fail(st, CM_MEMORY, "out of memory")
		: cm_hmac_sha256(cm_slice(hook->key, hook->key_len), cm_slice(text.data, text.len), mac) || cm_fail_crypto(st, "could not sign a request");
	if (ok && cm_hex_encode(&hex, mac, sizeof(mac)))
		snprintf(signature, 100, "X-Certmgr-Signature: v1=%s", cm_buf_cstr(&hex));
	cm_buf_free(&text);
	cm_buf_free(&hex);
	return ok;
}

static void on_ours(CmDns01ApiAnswer *answer, void *arg);

/* Sends hook->body, signed; for the first time or again. */
static void
send_ours(CmDns01Run *run)
{
	Webhook    *hook = (Webhook *) run;
	char		key[64];
	char		signature[100];
	char		timestamp[64];
	char		number[24];
	const char *const headers[] = {key, timestamp, signature, NULL};
	const CmDns01ApiRequest request = {.method = "POST", .path = "", .headers = headers, .body = hook->body, .body_len = hook->body_len};
	CmStatus	st = CM_STATUS_INIT;

	snprintf(number, sizeof(number), "%lld", (long long) time(NULL));
	snprintf(key, sizeof(key), "Idempotency-Key: %s", hook->idempotency);
	snprintf(timestamp, sizeof(timestamp), "X-Certmgr-Timestamp: %s", number);
	if (!sign(hook, number, signature, &st))
	{
		run->task.result.status = st;
		cm_dns01_run_finish(run);
		return;
	}
	hook->tries++;
	cm_dns01_run_send(run, &request, on_ours);
}

/* Takes the body over. */
static void
begin_ours(Webhook *hook, CmBuf *body, CmDns01ApiDone answered)
{
	uint8_t		random[16];
	CmBuf		hex;

	cm_buf_init(&hex, 100);
	if (!body->failed && cm_random(random, sizeof(random)) && cm_hex_encode(&hex, random, sizeof(random)))
	{
		snprintf(hook->idempotency, sizeof(hook->idempotency), "%s", cm_buf_cstr(&hex));
		hook->body_len = body->len;
		hook->body = strdup(cm_buf_cstr(body));
	}
	cm_buf_free(&hex);
	cm_buf_free(body);
	hook->answered = answered;
	if (hook->body == NULL)
		cm_dns01_run_fail(&hook->run, CM_LIMIT, "a request for the webhook could not be built");
	else
		send_ours(&hook->run);
}

static void
on_ours(CmDns01ApiAnswer *answer, void *arg)
{
	Webhook    *hook = arg;

	/* No answer at all: it may have been lost. A server that fails says so, and is left in peace. */
	if (answer->code == 0 && answer->status.code == CM_NETWORK && hook->tries < TRIES_MAX)
	{
		hook->run.task.result.touched = true;
		send_ours(&hook->run);
	}
	else
		hook->answered(answer, hook);
}

static void
put_member(CmBuf *body, const char *key, const char *value)
{
	cm_buf_printf(body, ",\"%s\":", key);
	if (value == NULL || value[0] == '\0')
		cm_buf_append_str(body, "null");
	else
		cm_json_quote(body, value);
}

static void
put_head(CmBuf *body, const char *action)
{
	cm_buf_init(body, 1024 * 1024);
	cm_buf_printf(body, "{\"version\":1,\"action\":\"%s\"", action);
}

/* Copies an id of an answer; one that is too long is not known. */
static void
take_id(CmDns01Id dst, const char *id)
{
	if (id != NULL && strlen(id) < sizeof(CmDns01Id))
		cm_clean_text(dst, sizeof(CmDns01Id), id, strlen(id));
}

/* ---- the zone of a name ---- */

static void
on_zone(CmDns01ApiAnswer *answer, void *arg)
{
	Webhook    *hook = arg;
	const char *zone = cm_json_get_string(answer->json, "zone");

	if (answer->status.code != CM_OK)
	{
		refused(hook, answer, "find the zone");
		return;
	}
	if (zone == NULL || !cm_dns01_canonical(zone, hook->run.zone) || !cm_host_in_zone(hook->run.name, hook->run.zone))
	{
		hook->run.zone[0] = '\0';
		cm_dns01_run_fail(&hook->run, CM_REFUSED, "the webhook names no zone that holds \"%.150s\": configure \"zone\"", hook->run.name);
		return;
	}
	take_id(hook->run.zone_id, cm_json_get_string(answer->json, "zone_id"));
	cm_dns01_run_finish(&hook->run);
}

static void
find_first(CmDns01Run *run)
{
	CmBuf		body;

	put_head(&body, "find_zone");
	put_member(&body, "name", run->name);
	cm_buf_append_str(&body, "}");
	begin_ours((Webhook *) run, &body, on_zone);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	const char *format = cm_json_get_string(call->config, "format");
	bool		ours = format != NULL && strcmp(format, "certmgr") == 0;

	/* What the configuration says is not asked for; lego's shape has no such question, so DNS is asked. */
	if (ours && cm_json_get(call->config, "zone") == NULL)
		return cm_dns01_run_start(call, sizeof(Webhook), read_call, release, find_first, st);
	return check(call->config, call->secret, st) && cm_dns01_find_zone_listed(call, st);
}

/* ---- records, in our format ---- */

static void
on_applied(CmDns01ApiAnswer *answer, void *arg)
{
	Webhook    *hook = arg;
	const CmJson *ids = cm_json_get(answer->json, "ids");
	int			i;

	if (answer->status.code != CM_OK)
	{
		refused(hook, answer, "change TXT records");
		return;
	}
	for (i = 0; i < hook->run.count; i++)
	{
		const CmJson *id = cm_json_at(ids, i);

		hook->run.items[i].id[0] = '\0';
		take_id(hook->run.items[i].id, cm_json_string(id));
	}
	take_id(hook->run.task.result.change_id, cm_json_string(cm_json_get(answer->json, "change_id")));
	cm_dns01_run_finish(&hook->run);
}

static void
apply_ours(Webhook *hook)
{
	const CmDns01Run *run = &hook->run;
	CmBuf		body;
	int			i;

	put_head(&body, "apply");
	put_member(&body, "zone", run->zone);
	put_member(&body, "zone_id", run->zone_id);
	cm_buf_append_str(&body, ",\"records\":[");
	for (i = 0; i < run->count; i++)
	{
		const CmDns01Item *item = &run->items[i];

		cm_buf_printf(&body, "%s{\"action\":\"%s\",\"type\":\"TXT\"", i > 0 ? "," : "", item->remove ? "remove" : "add");
		put_member(&body, "name", item->name);
		put_member(&body, "value", item->value);
		put_member(&body, "id", item->id);
		cm_buf_append_str(&body, "}");
	}
	cm_buf_append_str(&body, "]}");
	begin_ours(hook, &body, on_applied);
}

static void
on_confirmed(CmDns01ApiAnswer *answer, void *arg)
{
	Webhook    *hook = arg;

	if (answer->status.code != CM_OK)
		refused(hook, answer, "tell of a change");
	else if (!cm_json_bool(cm_json_get(answer->json, "done"), false))
	{
		hook->run.task.result.retry_after = answer->retry_after;
		cm_dns01_run_fail(&hook->run, CM_REFUSED, "the webhook says that the change is not done yet");
	}
	else
		cm_dns01_run_finish(&hook->run);
}

static void
confirm_first(CmDns01Run *run)
{
	CmBuf		body;

	/* Nothing else gives change ids. */
	if (!((Webhook *) run)->ours || run->change_id[0] == '\0')
	{
		cm_dns01_run_finish(run);
		return;
	}
	put_head(&body, "confirm");
	put_member(&body, "zone", run->zone);
	put_member(&body, "zone_id", run->zone_id);
	put_member(&body, "change_id", run->change_id);
	cm_buf_append_str(&body, "}");
	begin_ours((Webhook *) run, &body, on_confirmed);
}

static bool
confirm(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(Webhook), read_call, release, confirm_first, st);
}

/* ---- records, in lego's format ---- */

static void apply_theirs(Webhook *hook);

static void
on_theirs(CmDns01ApiAnswer *answer, void *arg)
{
	Webhook    *hook = arg;

	if (answer->status.code != CM_OK)
	{
		refused(hook, answer, hook->item->remove ? "remove a TXT record" : "add a TXT record");
		return;
	}
	hook->item->done = true;
	apply_theirs(hook);
}

static void
put_record(CmBuf *body, const CmDns01Item *item)
{
	char		fqdn[258];

	snprintf(fqdn, sizeof(fqdn), "%s.", item->name);
	cm_buf_append_str(body, "{\"fqdn\":");
	cm_json_quote(body, fqdn);
	cm_buf_append_str(body, ",\"value\":");
	cm_json_quote(body, item->value);
	cm_buf_append_str(body, "}");
}

/* The token is what stands before the point (RFC 8555 8.1). */
static void
put_challenge(CmBuf *body, const CmDns01Item *item)
{
	cm_buf_append_str(body, "{\"domain\":");
	cm_json_quote(body, item->domain);
	cm_buf_printf(body, ",\"token\":\"%.*s\"", (int) strcspn(item->key_authorization, "."), item->key_authorization);
	cm_buf_append_str(body, ",\"keyAuth\":");
	cm_json_quote(body, item->key_authorization);
	cm_buf_append_str(body, "}");
}

static void
apply_theirs(Webhook *hook)
{
	CmDns01Item *item = cm_dns01_run_next(&hook->run);
	CmBuf		body;

	if (item == NULL)
	{
		cm_dns01_run_finish(&hook->run);
		return;
	}
	if (hook->raw && (item->domain == NULL || item->key_authorization == NULL))
	{
		cm_dns01_run_fail(&hook->run, CM_REFUSED, "a webhook of format \"httpreq-raw\" writes answers to dns-01 challenges only, not \"%.150s\"", item->name);
		return;
	}
	hook->item = item;
	cm_buf_init(&body, 16384);
	if (hook->raw)
		put_challenge(&body, item);
	else
		put_record(&body, item);
	cm_dns01_run_send_json(&hook->run, "POST", item->remove ? "/cleanup" : "/present", &body, on_theirs);
}

static void
apply_first(CmDns01Run *run)
{
	Webhook    *hook = (Webhook *) run;

	if (hook->ours)
		apply_ours(hook);
	else
		apply_theirs(hook);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(Webhook), read_call, release, apply_first, st);
}

const CmDns01Provider cm_dns01_webhook = {
	"webhook", check, find_zone, apply, confirm
};
