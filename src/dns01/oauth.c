/*
 * oauth.c - see oauth.h.
 *
 * Runs in the database worker and in CALL certmgr.work(); nothing is locked.
 * Tokens are read from the answer in memory that is wiped, kept by grant.c and
 * sent in a header that is wiped. What may fail: the token server saying no,
 * in its own words; everything a network can do.
 */
#include "dns01/oauth.h"

#include "base/host.h"
#include "crypto/digest.h"
#include "dns01/grant_call.h"
#include "dns01/secret_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Google's tokens have up to 2 KiB, Azure's some more. */
#define ANSWER_MAX ((size_t) 64 * 1024)
#define FORM_MAX ((size_t) 64 * 1024)
#define TOKEN_MAX ((size_t) 32 * 1024)
/* A metadata server is at this machine. */
#define METADATA_TIMEOUT_MS 2000
/* What RFC 6749 5.1 leaves open: an answer that does not say how long. Short, so that it is asked again. */
#define DEFAULT_EXPIRES_S 600
#define HEADERS_MAX 2

/* A token being asked for. */
typedef struct Fetch
{
	CmOp		op;
	CmGrantFetch *fetch;
	const char *who;
} Fetch;

/* A call under way. */
typedef struct Call
{
	CmGrantCall base;
	const CmOauth *oauth;
	CmDns01ApiRequest request;	/* its texts are copies */
	char	   *headers[HEADERS_MAX];
	bool		token_tried;
	CmDns01ApiDone done;
	void	   *arg;
} Call;

bool
cm_oauth_key(CmOauth *oauth, const char *const *parts, int count, CmStatus *st)
{
	CmBuf		all;
	int			i;
	bool		ok;

	cm_buf_init_secret(&all, FORM_MAX);
	cm_buf_printf(&all, "oauth %s", oauth->who);
	for (i = 0; i < count; i++)
	{
		cm_buf_append_byte(&all, 0);
		cm_buf_append_str(&all, parts[i] != NULL ? parts[i] : "-");
	}
	ok = !all.failed && cm_sha256(cm_slice(all.data, all.len), oauth->key);
	cm_buf_free(&all);
	return ok || cm_fail_crypto(st, "could not hash a credential's name");
}

bool
cm_oauth_check_host(const char *key, const char *url, const char *const *domains, CmStatus *st)
{
	static const char *const here[] = {"localhost", "127.0.0.1", "[::1]"};
	char		raw[256] = "";
	char		host[CM_HOST_MAX + 1];
	bool		http;
	size_t		len;
	size_t		i;
	const char *start;
	CmStatus	why = CM_STATUS_INIT;

	/* http is allowed to this machine only. */
	if (!cm_dns01_api_url(key, url, &http, st))
		return false;
	if (http)
		return true;
	start = url + strlen("https://");
	len = start[0] == '[' ? strcspn(start, "]") + 1 : strcspn(start, ":/?");
	if (len < sizeof(raw) && len <= strlen(start))
		memcpy(raw, start, len);
	for (i = 0; i < sizeof(here) / sizeof(here[0]); i++)
	{
		if (strcasecmp(raw, here[i]) == 0)
			return true;
	}
	for (; cm_host_canonical(raw, false, host, &why) && *domains != NULL; domains++)
	{
		if (cm_host_in_zone(host, *domains))
			return true;
	}
	cm_fail(st, CM_INVALID, "\"%s\" must be a server of the cloud whose identity this machine has", key);
	return cm_fail_detail(st, "The token of a machine is sent nowhere else. Give the credentials of the provider's own account as its secret.");
}

void
cm_oauth_free(CmOauth *oauth)
{
	cm_dns01_api_free(&oauth->api);
	free(oauth->token_url);
	oauth->token_url = NULL;
}

/* ---- the token ---- */

static void
drop_fetch(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

/* RFC 6749 5.2: {"error", "error_description"}. */
static bool
refused(const CmSecretMap *map, const char *who, int code, CmStatus *st)
{
	const char *error = cm_secret_map_get(map, "error");
	const char *description = cm_secret_map_get(map, "error_description");
	char		shown[300];

	cm_clean_text(shown, sizeof(shown), error != NULL ? error : "no reason given", strlen(error != NULL ? error : "no reason given"));
	cm_fail(st, code == 429 ? CM_LIMIT : code >= 500 ? CM_NETWORK : CM_REFUSED, "%s does not accept the credentials: %s (HTTP %d)", who, shown, code);
	if (description != NULL)
	{
		cm_clean_text(shown, sizeof(shown), description, strlen(description));
		cm_fail_detail(st, "%s said: %s", who, shown);
	}
	return false;
}

static bool
take_token(const CmHttpResponse *response, const char *who, CmGrant *grant, CmStatus *st)
{
	CmSecretMap map;
	const char *token;
	const char *expires;
	long		seconds;
	const char *p;
	bool		ok;

	if (response->status.code != CM_OK)
	{
		*st = response->status;
		return cm_fail_detail(st, "No access token from %s: %s", who, response->status.reason);
	}
	ok = cm_secret_map_parse(cm_slice(response->body.data, response->body.len), "an answer", &map, st);
	token = cm_secret_map_get(&map, "access_token");
	expires = cm_secret_map_get(&map, "expires_in");
	if (response->code != 200)
		ok = refused(&map, who, response->code, st);
	else if (!ok || token == NULL || token[0] == '\0' || strlen(token) > TOKEN_MAX)
		ok = cm_fail(st, CM_PROTOCOL, "the answer of %s has no access token", who);
	else
	{
		/* It goes into a header. */
		for (p = token; *p > ' ' && *p < 0x7f; p++)
			;
		seconds = expires != NULL ? strtol(expires, NULL, 10) : 0;
		if (seconds <= 0 || seconds > 86400)
			seconds = DEFAULT_EXPIRES_S;
		grant->expires = (int64_t) time(NULL) + seconds;
		ok = (*p == '\0' || cm_fail(st, CM_PROTOCOL, "the access token of %s makes no sense", who)) && cm_grant_set(grant, 0, token, st);
	}
	cm_secret_map_free(&map);
	return ok;
}

static void
on_token(CmHttpResponse *response, void *arg)
{
	Fetch	   *fetch = arg;
	CmGrant		grant;
	CmStatus	st = CM_STATUS_INIT;
	bool		ok;

	memset(&grant, 0, sizeof(grant));
	ok = take_token(response, fetch->who, &grant, &st);
	cm_op_end(&fetch->op);
	cm_grant_finish(fetch->fetch, ok ? &grant : NULL, &st);
	cm_grant_free(&grant);
	free(fetch);
}

static bool
start(CmLoop *loop, CmGrantFetch *grant_fetch, void *arg, CmStatus *st)
{
	const CmOauth *oauth = arg;
	const char *headers[] = {oauth->metadata_header, NULL};
	CmHttpRequest request = {.method = oauth->metadata ? "GET" : "POST", .url = oauth->token_url, .accept = "application/json",
		.headers = headers, .timeout_ms = oauth->metadata ? METADATA_TIMEOUT_MS : oauth->api.timeout_ms, .max_body = ANSWER_MAX,
	.trust_anchors = oauth->api.trust_anchors, .allow_http = oauth->token_http || oauth->metadata, .metadata = oauth->metadata};
	Fetch	   *fetch = calloc(1, sizeof(Fetch));
	CmBuf		form;
	bool		ok;

	if (fetch == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	fetch->fetch = grant_fetch;
	fetch->who = oauth->who;
	cm_buf_init_secret(&form, FORM_MAX);
	ok = oauth->metadata || oauth->form(oauth, &form, st);
	if (ok && form.failed)
		ok = cm_fail(st, CM_LIMIT, "a request for an access token is too large");
	if (ok && !oauth->metadata)
	{
		request.content_type = "application/x-www-form-urlencoded";
		request.body = cm_buf_cstr(&form);
		request.body_len = form.len;
	}
	ok = ok && cm_http_start(loop, &request, on_token, fetch, st) != NULL;
	cm_buf_free(&form);
	if (ok)
		cm_op_begin(&fetch->op, loop, drop_fetch);
	else
		free(fetch);
	return ok;
}

/* ---- calls ---- */

static void
call_free(CmGrantCall *base)
{
	Call	   *call = (Call *) base;
	int			i;

	free((void *) (uintptr_t) call->request.method);
	free((void *) (uintptr_t) call->request.path);
	free((void *) (uintptr_t) call->request.body);
	for (i = 0; i < HEADERS_MAX; i++)
		free(call->headers[i]);
	free(call);
}

static void
tell(CmGrantCall *base, void *answer)
{
	Call	   *call = (Call *) base;

	call->done(answer, call->arg);
}

static void
tell_failed(CmGrantCall *base, const CmStatus *st)
{
	CmDns01ApiAnswer answer;

	memset(&answer, 0, sizeof(answer));
	answer.status = *st;
	answer.retry_after = answer.remaining = -1;
	tell(base, &answer);
}

static void
on_answer(CmDns01ApiAnswer *answer, void *arg)
{
	Call	   *call = arg;
	CmStatus	st = CM_STATUS_INIT;

	/* A token may be withdrawn before its time. */
	if (answer->code == 401 && !call->token_tried)
	{
		call->token_tried = true;
		cm_grant_forget(call->oauth->key);
		if (!cm_grant_call_again(&call->base, &st))
			cm_grant_call_fail(&call->base, &st);
		return;
	}
	cm_grant_call_finish(&call->base, answer);
}

static CmGrantState
get_token(CmGrantCall *base, CmGrantWait *wait, CmGrant *out, CmStatus *st)
{
	const CmOauth *oauth = ((Call *) base)->oauth;

	return cm_grant_get(base->loop, oauth->key, start, (void *) (uintptr_t) oauth, wait, out, st);
}

static bool
send_with(CmGrantCall *base, const CmGrant *grant, CmStatus *st)
{
	Call	   *call = (Call *) base;
	const char *headers[HEADERS_MAX + 2] = {NULL};
	CmDns01ApiRequest request = call->request;
	CmBuf		line;
	bool		ok;

	cm_buf_init_secret(&line, TOKEN_MAX + 64);
	cm_buf_printf(&line, "Authorization: Bearer %s", grant->text[0]);
	headers[0] = cm_buf_cstr(&line);
	headers[1] = call->headers[0];
	headers[2] = call->headers[1];
	request.headers = headers;
	ok = cm_dns01_api_send(base->loop, &call->oauth->api, &request, on_answer, call, st);
	cm_buf_free(&line);
	return ok;
}

static bool
copy_request(Call *call, const CmDns01ApiRequest *request)
{
	int			i;

	call->request.method = strdup(request->method);
	call->request.path = strdup(request->path);
	call->request.body = request->body != NULL ? strndup(request->body, request->body_len) : NULL;
	call->request.body_len = request->body_len;
	call->request.max_answer = request->max_answer;
	for (i = 0; i < HEADERS_MAX && request->headers != NULL && request->headers[i] != NULL; i++)
	{
		call->headers[i] = strdup(request->headers[i]);
		if (call->headers[i] == NULL)
			return false;
	}
	return call->request.method != NULL && call->request.path != NULL && (request->body == NULL || call->request.body != NULL);
}

bool
cm_oauth_send(CmLoop *loop, const CmOauth *oauth, const CmDns01ApiRequest *request, CmDns01ApiDone done, void *arg, CmStatus *st)
{
	static const CmGrantCallKind kind = {get_token, send_with, tell, tell_failed, call_free};
	Call	   *call = calloc(1, sizeof(Call));

	if (call == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	call->oauth = oauth;
	call->done = done;
	call->arg = arg;
	if (copy_request(call, request))
		return cm_grant_call_start(&call->base, &kind, loop, st);
	call_free(&call->base);
	return cm_fail(st, CM_MEMORY, "out of memory");
}
