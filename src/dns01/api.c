/*
 * api.c - calls of a DNS provider's HTTP interface.
 *
 * Configs are read in backends and in the worker; requests run in the database
 * worker and in CALL certmgr.work(). Nothing is locked. What may fail: a config
 * that is not what it should be; and everything a network can do, which ends in
 * the answer's status.
 *
 * Credentials go into header lines that are wiped, never into a URL or a
 * message. Redirects are not followed (net/http.h): they would carry them away.
 */
#include "dns01/api.h"

#include "base/datetime.h"
#include "base/encode.h"
#include "base/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DEFAULT_TIMEOUT_S 30
/* A page of 100 records with comments is 60 KiB; nothing we ask for comes near this. */
#define ANSWER_MAX ((size_t) 1024 * 1024)
/* A longer delay helps nobody; the next attempt is told again. */
#define RETRY_AFTER_MAX_S 86400
#define URL_MAX 2048
/* A bundle of private roots has some; the system's whole list has 250 KiB. */
#define TRUST_ANCHORS_MAX ((size_t) 512 * 1024)

typedef struct Exchange
{
	CmDns01ApiDone done;
	void	   *arg;
	size_t		max;
	CmOp		op;				/* frees the exchange when the loop goes */
} Exchange;

/* ---- names and values ---- */

bool
cm_dns01_canonical(const char *text, char dst[256])
{
	size_t		len = strlen(text);
	uint8_t		wire[256];
	size_t		wirelen;
	size_t		i;

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > CM_HOST_MAX || !cm_dns_name_wire(text, wire, &wirelen) || wirelen < 2)
		return false;
	for (i = 0; i < len; i++)
		dst[i] = text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i];
	dst[len] = '\0';
	return true;
}

const char *
cm_dns01_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL ? dot + 1 : NULL;
}

/* Moves over "..." and compares its text, escapes undone, with the value from *value on. */
static bool
match_quoted(const char **content, const char **value)
{
	const char *p = *content + 1;

	for (; *p != '"'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == '\0' || *p != **value)
			return false;
		(*value)++;
	}
	*content = p + 1;
	return true;
}

bool
cm_dns01_same_value(const char *content, const char *value)
{
	if (strcmp(content, value) == 0)
		return true;
	if (content[0] != '"')
		return false;
	/* Long values are several strings; a DNS answer joins them as well. */
	while (*content == '"')
	{
		if (!match_quoted(&content, &value))
			return false;
		while (*content == ' ')
			content++;
	}
	return *content == '\0' && *value == '\0';
}

bool
cm_dns01_api_escape(CmBuf *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		uint8_t		c = (uint8_t) *text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL)
			cm_buf_append_byte(out, c);
		else
			cm_buf_printf(out, "%%%02X", c);
	}
	return !out->failed;
}

/* ---- configuration ---- */

static bool
to_this_machine(const char *authority)
{
	static const char *const hosts[] = {"127.0.0.1", "[::1]", "localhost"};
	size_t		i;

	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		size_t		len = strlen(hosts[i]);

		if (strncasecmp(authority, hosts[i], len) == 0 && strchr(":/", authority[len]) != NULL)
			return true;
	}
	return false;
}

bool
cm_dns01_api_url(const char *key, const char *url, bool *http, CmStatus *st)
{
	const char *p;

	*http = false;
	for (p = url; *p != '\0'; p++)
	{
		/* Spaces and controls never; a user name would be a credential in the open; the rest is ours to add. */
		if (*p <= ' ' || *p >= 0x7f || strchr("@#\"<>\\^`{|}", *p) != NULL)
			return cm_fail(st, CM_INVALID, "\"%s\" is not a plain URL", key);
	}
	if (p - url > URL_MAX / 2)
		return cm_fail(st, CM_LIMIT, "\"%s\" is longer than %d characters", key, URL_MAX / 2);
	if (strncasecmp(url, "https://", 8) == 0 && url[8] != '\0' && strchr("/:?", url[8]) == NULL)
		return true;
	if (strncasecmp(url, "http://", 7) == 0 && to_this_machine(url + 7))
	{
		*http = true;
		return true;
	}
	cm_fail(st, CM_INVALID, "\"%s\" must be an https:// URL", key);
	return cm_fail_detail(st, "http:// is for servers on this machine (127.0.0.1, [::1], localhost).");
}

static bool
read_endpoint(const CmJson *config, const char *otherwise, CmDns01Api *api, CmStatus *st)
{
	const char *text;
	size_t		len;

	if (!cm_dns01_text(config, "endpoint", &text, st))
		return false;
	if (text == NULL)
		text = otherwise;
	if (text == NULL)
		return cm_fail(st, CM_INVALID, "configuration key \"endpoint\" is missing");
	if (!cm_dns01_api_url("endpoint", text, &api->allow_http, st))
		return false;
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		len--;
	api->endpoint = strndup(text, len);
	return api->endpoint != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
read_trust_anchors(const CmJson *config, CmDns01Api *api, CmStatus *st)
{
	CmSlice		rest;
	const char *text;
	char		label[32];
	CmBuf		der;
	bool		ok;

	if (!cm_dns01_text(config, "trust_anchors", &text, st))
		return false;
	if (text == NULL)
		return true;
	rest = cm_slice(text, strlen(text));
	if (rest.len > TRUST_ANCHORS_MAX)
		return cm_fail(st, CM_LIMIT, "\"trust_anchors\" is longer than %zu bytes", TRUST_ANCHORS_MAX);
	cm_buf_init(&der, TRUST_ANCHORS_MAX);
	ok = cm_pem_next(&rest, label, sizeof(label), &der, st) && strcmp(label, "CERTIFICATE") == 0;
	cm_buf_free(&der);
	if (!ok)
		return cm_fail(st, CM_INVALID, "\"trust_anchors\" holds no PEM certificate");
	api->trust_anchors = strdup(text);
	return api->trust_anchors != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_dns01_api_read(const CmJson *config, const char *otherwise, CmDns01Api *api, CmStatus *st)
{
	int			timeout;

	if (!read_endpoint(config, otherwise, api, st) || !read_trust_anchors(config, api, st) ||
		!cm_dns01_number(config, "timeout", 1, 300, DEFAULT_TIMEOUT_S, &timeout, st))
		return false;
	api->timeout_ms = timeout * 1000;
	return true;
}

static void
wipe_text(char *text)
{
	if (text != NULL)
		cm_wipe(text, strlen(text));
	free(text);
}

void
cm_dns01_api_free(CmDns01Api *api)
{
	int			i;

	free(api->endpoint);
	free(api->trust_anchors);
	for (i = 0; i < CM_DNS01_API_HEADERS; i++)
		wipe_text(api->headers[i]);
	memset(api, 0, sizeof(*api));
}

/* ---- credentials ---- */

bool
cm_dns01_api_secret(CmSlice *secret, const char *what, CmStatus *st)
{
	size_t		i;

	while (secret->len > 0 && strchr(" \t\r\n", secret->data[secret->len - 1]) != NULL && secret->data[secret->len - 1] != '\0')
		secret->len--;
	if (secret->len == 0)
		return cm_fail(st, CM_INVALID, "%s is missing: give it as the provider's secret", what);
	for (i = 0; i < secret->len; i++)
	{
		if (secret->data[i] <= ' ' || secret->data[i] >= 0x7f)
			return cm_fail(st, CM_INVALID, "%s has a character at position %zu that is no printable ASCII", what, i + 1);
	}
	return true;
}

bool
cm_dns01_api_header(CmDns01Api *api, const char *name, CmSlice value, CmStatus *st)
{
	size_t		size = strlen(name) + 2 + value.len + 1;
	char	   *line;
	int			n = 0;
	size_t		i;

	while (n < CM_DNS01_API_HEADERS && api->headers[n] != NULL)
		n++;
	if (n == CM_DNS01_API_HEADERS)
		return cm_fail(st, CM_LIMIT, "too many headers");
	for (i = 0; i < value.len; i++)
	{
		if (value.data[i] < ' ' || value.data[i] >= 0x7f)
			return cm_fail(st, CM_INVALID, "a credential has characters that are no printable ASCII");
	}
	line = malloc(size);
	if (line == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	snprintf(line, size, "%s: ", name);
	if (value.len > 0)
		memcpy(line + strlen(name) + 2, value.data, value.len);
	line[size - 1] = '\0';
	api->headers[n] = line;
	return true;
}

bool
cm_dns01_api_basic(CmDns01Api *api, const char *user, CmSlice password, CmStatus *st)
{
	CmBuf		plain;
	CmBuf		line;
	bool		ok;

	if (strchr(user, ':') != NULL)
		return cm_fail(st, CM_INVALID, "a user name must not have a colon");
	cm_buf_init_secret(&plain, 8192);
	cm_buf_init_secret(&line, 16384);
	cm_buf_append_str(&plain, user);
	cm_buf_append_byte(&plain, ':');
	cm_buf_append(&plain, password.data, password.len);
	cm_buf_append_str(&line, "Basic ");
	ok = !plain.failed && cm_base64_encode(&line, plain.data, plain.len) && !line.failed;
	ok = ok ? cm_dns01_api_header(api, "Authorization", cm_slice(line.data, line.len), st) : cm_fail(st, CM_LIMIT, "user name and password are too long");
	cm_buf_free(&plain);
	cm_buf_free(&line);
	return ok;
}

/* ---- answers ---- */

/* The number behind "name=" among the parameters of a structured field: r and t of Ratelimit: "default";r=50;t=30. */
static int64_t
parameter(const char *field, const char *name)
{
	const char *p = field;
	size_t		len = strlen(name);

	while ((p = strchr(p, ';')) != NULL)
	{
		p++;
		p += strspn(p, " \t");
		if (strncmp(p, name, len) == 0 && p[len] == '=' && p[len + 1] >= '0' && p[len + 1] <= '9')
		{
			long long	n = strtoll(p + len + 1, NULL, 10);

			return n > INT32_MAX ? INT32_MAX : n;
		}
	}
	return -1;
}

static void
read_limits(CmDns01ApiAnswer *answer)
{
	char		text[256];
	int64_t		reset = -1;

	if (cm_http_header(answer->http, "Ratelimit", text, sizeof(text)))
	{
		answer->remaining = parameter(text, "r");
		reset = parameter(text, "t");
	}
	else if (cm_http_header(answer->http, "X-RateLimit-Remaining", text, sizeof(text)) && text[0] >= '0' && text[0] <= '9')
		answer->remaining = strtoll(text, NULL, 10);
	if (cm_http_header(answer->http, "Retry-After", text, sizeof(text)) &&
		!cm_time_parse_retry_after(text, (int64_t) time(NULL), RETRY_AFTER_MAX_S, &answer->retry_after))
		answer->retry_after = -1;
	/* The window's end is as good, when nothing is left in it. */
	if (answer->retry_after < 0 && reset >= 0 && (answer->code == 429 || answer->remaining == 0))
		answer->retry_after = reset > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : reset;
}

static void
judge(CmDns01ApiAnswer *answer)
{
	CmStatus   *st = &answer->status;
	int			code = answer->code;

	if (code >= 200 && code <= 299)
		return;
	if (code == 429 || (code == 503 && answer->retry_after >= 0))
		cm_fail(st, CM_LIMIT, "the DNS provider asks to slow down (HTTP %d)", code);
	else if (code == 408 || code >= 500)
		cm_fail(st, CM_NETWORK, "the DNS provider's server failed (HTTP %d)", code);
	else if (code >= 300 && code <= 399)
		cm_fail(st, CM_REFUSED, "the DNS provider's server redirects (HTTP %d), which is not followed", code);
	else
		cm_fail(st, CM_REFUSED, "the DNS provider refused the request (HTTP %d)", code);
}

static void
drop(CmOp *op)
{
	cm_op_end(op);
	free((char *) op - offsetof(Exchange, op));
}

static void
on_response(CmHttpResponse *response, void *arg)
{
	Exchange   *exchange = arg;
	CmDns01ApiAnswer answer;
	CmJson	   *json = NULL;
	CmDns01ApiDone done = exchange->done;

	memset(&answer, 0, sizeof(answer));
	answer.retry_after = -1;
	answer.remaining = -1;
	answer.http = response;
	answer.status = response->status;
	if (response->status.code == CM_OK)
	{
		answer.code = response->code;
		answer.body = cm_slice(response->body.data, response->body.len);
		if (answer.body.len > 0)
			json = cm_json_parse(answer.body, exchange->max, NULL);
		answer.json = json;
		read_limits(&answer);
		judge(&answer);
	}
	arg = exchange->arg;
	drop(&exchange->op);
	done(&answer, arg);
	cm_json_free(json);
}

/* ---- requests ---- */

static bool
build_url(const CmDns01Api *api, const char *path, CmBuf *url, CmStatus *st)
{
	if (strncmp(path, "https://", 8) != 0)
		cm_buf_append_str(url, api->endpoint);
	cm_buf_append_str(url, path);
	return !url->failed || cm_fail(st, CM_LIMIT, "a URL is longer than %d characters", URL_MAX);
}

bool
cm_dns01_api_send(CmLoop *loop, const CmDns01Api *api, const CmDns01ApiRequest *request, CmDns01ApiDone done, void *arg, CmStatus *st)
{
	const char *headers[2 * CM_DNS01_API_HEADERS + 1] = {NULL};
	CmHttpRequest http = {.method = request->method, .accept = "application/json", .timeout_ms = api->timeout_ms,
		.trust_anchors = api->trust_anchors, .allow_http = api->allow_http, .headers = headers, .body = request->body,
	.body_len = request->body_len, .content_type = request->content_type};
	Exchange   *exchange;
	bool		started = false;
	CmBuf		url;
	int			n = 0;
	int			i;

	for (i = 0; i < CM_DNS01_API_HEADERS && api->headers[i] != NULL; i++)
		headers[n++] = api->headers[i];
	for (i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
	{
		if (i == CM_DNS01_API_HEADERS)
			return cm_fail(st, CM_LIMIT, "too many headers");
		headers[n++] = request->headers[i];
	}
	if (http.content_type == NULL && request->body != NULL)
		http.content_type = "application/json";
	exchange = calloc(1, sizeof(Exchange));
	if (exchange == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	exchange->done = done;
	exchange->arg = arg;
	exchange->max = http.max_body = request->max_answer > 0 ? request->max_answer : ANSWER_MAX;
	cm_buf_init(&url, URL_MAX);
	if (build_url(api, request->path, &url, st))
	{
		http.url = cm_buf_cstr(&url);
		started = cm_http_start(loop, &http, on_response, exchange, st) != NULL;
	}
	cm_buf_free(&url);
	if (started)
		cm_op_begin(&exchange->op, loop, drop);
	else
		free(exchange);
	return started;
}
