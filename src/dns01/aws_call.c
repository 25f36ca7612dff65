/*
 * aws_call.c - signed calls of AWS and what their answers mean.
 *
 * Runs in the database worker and in CALL certmgr.work(); nothing is locked.
 * The correction of this machine's clock is process-local: AWS accepts five
 * minutes of difference, and its answers say what time it is. What may fail:
 * everything a network can do, and AWS saying no.
 */
#include "base/datetime.h"
#include "dns01/aws.h"
#include "dns01/grant_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* A page of 100 zones or of a set with 400 values of 4000 characters stays below 2 MiB; what we read has some KiB. */
#define ANSWER_MAX ((size_t) 1024 * 1024)
/* A difference below this is not what made a signature wrong. */
#define SKEW_MIN_S 30
#define RETRY_AFTER_MAX_S 3600

/* What this machine's clock lacks, in seconds. */
static int64_t clock_correction;

typedef struct Call
{
	CmGrantCall base;
	const CmAws *aws;
	char	   *method;
	char	   *path;
	char	   *body;
	char	   *action;
	bool		clock_tried;
	bool		keys_tried;
	CmAwsDone	done;
	void	   *arg;
} Call;

/* ---- sending ---- */

/* What is signed as Host: as libcurl sends it, without a port that goes without saying. */
static void
authority_of(const char *url, char *dst, size_t size)
{
	const char *start = strstr(url, "://");
	bool		https = strncasecmp(url, "https", 5) == 0;
	size_t		len;
	const char *port = https ? ":443" : ":80";

	start = start != NULL ? start + 3 : url;
	len = strcspn(start, "/?");
	snprintf(dst, size, "%.*s", (int) len, start);
	len = strlen(dst);
	if (len > strlen(port) && strcmp(dst + len - strlen(port), port) == 0)
		dst[len - strlen(port)] = '\0';
}

/* The path of an endpoint, which a proxy in front of AWS may have. */
static const char *
prefix_of(const char *endpoint)
{
	const char *start = strstr(endpoint, "://");
	const char *slash = start != NULL ? strchr(start + 3, '/') : NULL;

	return slash != NULL ? slash : "";
}

typedef struct Lines
{
	CmBuf		authorization;
	CmBuf		token;
	char		date[32];
	const char *all[4];
} Lines;

static bool
sign(Lines *lines, const CmAws *aws, const CmAwsKeys *keys, const char *service, const char *method, const char *endpoint, const char *path,
	 const char *body, const char *content_type, CmStatus *st)
{
	bool		sts = strcmp(service, "sts") == 0;
	char		host[300];
	char		type[80];
	const char *headers[] = {host, content_type != NULL ? type : NULL, NULL};
	const char *query = strchr(path, '?');
	CmBuf		whole;
	CmAwsRequest request = {.method = method, .query = query != NULL ? query + 1 : NULL, .headers = headers,
		.body = cm_slice(body != NULL ? body : "", body != NULL ? strlen(body) : 0), .region = sts ? aws->region : aws->signing_region,
	.service = service, .now = (int64_t) time(NULL) + clock_correction};
	char		date[CM_AWS_DATE_SIZE];
	bool		ok;

	memcpy(host, "host:", 6);
	authority_of(endpoint, host + 5, sizeof(host) - 5);
	snprintf(type, sizeof(type), "content-type:%s", content_type != NULL ? content_type : "");
	cm_buf_init(&whole, 4096);
	cm_buf_printf(&whole, "%s%.*s", prefix_of(endpoint), (int) strcspn(path, "?"), path);
	request.path = cm_buf_cstr(&whole);
	cm_buf_append_str(&lines->authorization, "Authorization: ");
	ok = cm_aws_sign(&request, keys, &lines->authorization, st);
	cm_buf_free(&whole);
	cm_aws_date(request.now, date);
	snprintf(lines->date, sizeof(lines->date), "X-Amz-Date: %s", date);
	lines->all[0] = cm_buf_cstr(&lines->authorization);
	lines->all[1] = lines->date;
	if (keys->session_token != NULL)
	{
		cm_buf_printf(&lines->token, "X-Amz-Security-Token: %s", keys->session_token);
		lines->all[2] = cm_buf_cstr(&lines->token);
		ok = ok && (!lines->token.failed || cm_fail(st, CM_LIMIT, "the session token is too long"));
	}
	return ok;
}

bool
cm_aws_send(CmLoop *loop, const CmAws *aws, const CmAwsKeys *keys, const char *service, const char *method, const char *path, const char *body,
			CmHttpDone done, void *arg, CmStatus *st)
{
	bool		sts = strcmp(service, "sts") == 0;
	const char *endpoint = sts ? aws->sts_endpoint : aws->endpoint;
	const char *type = body == NULL ? NULL : sts ? "application/x-www-form-urlencoded" : "application/xml";
	CmHttpRequest request = {.method = method, .content_type = type, .body = body, .body_len = body != NULL ? strlen(body) : 0,
		.timeout_ms = aws->timeout_ms, .max_body = ANSWER_MAX, .trust_anchors = aws->trust_anchors,
	.allow_http = sts ? aws->sts_http : aws->endpoint_http};
	Lines		lines;
	CmBuf		url;
	bool		ok;

	memset(&lines, 0, sizeof(lines));
	cm_buf_init_secret(&lines.authorization, 8192);
	cm_buf_init_secret(&lines.token, 32 * 1024);
	cm_buf_init(&url, 4096);
	cm_buf_printf(&url, "%s%s", endpoint, path);
	request.url = cm_buf_cstr(&url);
	request.headers = lines.all;
	/* Without keys (AssumeRoleWithWebIdentity) nothing is signed. */
	ok = (keys == NULL || sign(&lines, aws, keys, service, method, endpoint, path, body, type, st)) &&
		(!url.failed || cm_fail(st, CM_LIMIT, "a URL is too long")) && cm_http_start(loop, &request, done, arg, st) != NULL;
	cm_buf_free(&lines.authorization);
	cm_buf_free(&lines.token);
	cm_buf_free(&url);
	return ok;
}

/* ---- judging ---- */

static bool
is_one_of(const char *code, const char *const *list)
{
	for (; *list != NULL; list++)
	{
		if (strcmp(code, *list) == 0)
			return true;
	}
	return false;
}

static const char *const throttled[] = {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "RequestThrottled",
	"RequestThrottledException", "TooManyRequestsException", "BandwidthLimitExceeded", "SlowDown", "PriorRequestNotComplete", "LimitExceededException", NULL};
static const char *const bad_clock[] = {"RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestInTheFuture",
NULL};
static const char *const expired[] = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", NULL};
static const char *const bad_keys[] = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure", "MissingAuthenticationToken",
	"MissingAuthenticationTokenException", "IncompleteSignature", "InvalidIdentityToken", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch",
"InvalidSignatureException", "NotSignedUp", "OptInRequired", NULL};
static const char *const denied[] = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", NULL};

/* Code and message of both shapes: <ErrorResponse><Error><Code>, and <InvalidChangeBatch><Messages><Message>. */
static void
read_error(const CmXml *xml, CmAwsAnswer *answer, char *message, size_t size)
{
	const CmXml *error = cm_xml_child(xml, "Error");
	const char *code = cm_xml_text(error, "Code");
	const char *text = cm_xml_text(error, "Message");
	const CmXml *one = cm_xml_child(cm_xml_child(xml, "Messages"), "Message");

	message[0] = '\0';
	if (xml == NULL)
		return;
	if (code == NULL)
		code = cm_xml_text(xml, "Code");
	if (code == NULL && cm_xml_child(xml, "Error") == NULL)
		code = cm_xml_name(xml);
	cm_clean_text(answer->code, sizeof(answer->code), code != NULL ? code : "", code != NULL ? strlen(code) : 0);
	if (text == NULL)
		text = cm_xml_text(xml, "Message");
	if (text == NULL && one != NULL)
		text = cm_xml_text(one, "");
	if (text != NULL)
		cm_clean_text(message, size, text, strlen(text));
}

static void
explain(CmAwsAnswer *answer, int http, const char *action, const char *message)
{
	CmStatus   *st = &answer->status;
	const char *code = answer->code;

	if (is_one_of(code, throttled) || http == 429)
		cm_fail(st, CM_LIMIT, "AWS asks to slow down: %s", code[0] != '\0' ? code : "HTTP 429");
	else if (http >= 500 || http == 408)
		cm_fail(st, CM_NETWORK, "AWS failed to carry out %s: %s (HTTP %d)", action, code[0] != '\0' ? code : "no reason given", http);
	else if (is_one_of(code, denied))
		cm_fail(st, CM_REFUSED, "AWS denied access: the credentials lack the permission \"%s\"", action);
	else if (is_one_of(code, bad_keys))
		cm_fail(st, CM_REFUSED, "AWS does not accept the credentials: %s", code);
	else
		cm_fail(st, CM_REFUSED, "AWS refused %s: %s (HTTP %d)", action, code[0] != '\0' ? code : "no reason given", http);
	if (message[0] != '\0')
		cm_fail_detail(st, "AWS said: %s", message);
}

void
cm_aws_answer_init(CmAwsAnswer *answer, const CmStatus *st)
{
	memset(answer, 0, sizeof(*answer));
	answer->retry_after = -1;
	answer->status = *st;
}

void
cm_aws_judge(const CmHttpResponse *response, const char *action, CmAwsAnswer *answer, CmXml **xml)
{
	char		message[400];
	char		after[64];

	cm_aws_answer_init(answer, &response->status);
	*xml = NULL;
	if (response->status.code != CM_OK)
		return;
	if (cm_http_header(response, "Retry-After", after, sizeof(after)) &&
		!cm_time_parse_retry_after(after, (int64_t) time(NULL), RETRY_AFTER_MAX_S, &answer->retry_after))
		answer->retry_after = -1;
	answer->xml = *xml = cm_xml_parse(cm_slice(response->body.data, response->body.len), &answer->status);
	if (response->code >= 200 && response->code <= 299)
		return;
	read_error(*xml, answer, message, sizeof(message));
	explain(answer, response->code, action, message);
	/* A limit without a code would be ours, of an answer's size. */
	if (response->code == 429 && answer->code[0] == '\0')
		snprintf(answer->code, sizeof(answer->code), "TooManyRequests");
}

bool
cm_aws_bad_keys(const CmAwsAnswer *answer)
{
	return is_one_of(answer->code, bad_keys) || is_one_of(answer->code, bad_clock);
}

bool
cm_aws_clock_corrected(const CmHttpResponse *response, const CmAwsAnswer *answer)
{
	char		text[64];
	int64_t		theirs;
	int64_t		difference;

	if (!is_one_of(answer->code, bad_clock) || !cm_http_header(response, "Date", text, sizeof(text)) || !cm_time_parse_http(text, &theirs))
		return false;
	difference = theirs - (int64_t) time(NULL);
	if (llabs((long long) (difference - clock_correction)) < SKEW_MIN_S)
		return false;
	clock_correction = difference;
	return true;
}

/* ---- calls ---- */

static void
call_free(CmGrantCall *base)
{
	Call	   *call = (Call *) base;

	free(call->method);
	free(call->path);
	free(call->body);
	free(call->action);
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
	CmAwsAnswer answer;

	cm_aws_answer_init(&answer, st);
	tell(base, &answer);
}

static void
on_response(CmHttpResponse *response, void *arg)
{
	Call	   *call = arg;
	CmAwsAnswer answer;
	CmXml	   *xml;
	CmStatus	st = CM_STATUS_INIT;
	bool		again = false;

	cm_aws_judge(response, call->action, &answer, &xml);
	if (!call->clock_tried && cm_aws_clock_corrected(response, &answer))
		again = call->clock_tried = true;
	else if (!call->keys_tried && is_one_of(answer.code, expired) && cm_aws_credentials_forget(call->aws))
		again = call->keys_tried = true;
	if (again && cm_grant_call_again(&call->base, &st))
	{
		cm_xml_free(xml);
		return;
	}
	if (again)
		answer.status = st;
	cm_grant_call_finish(&call->base, &answer);
	cm_xml_free(xml);
}

static CmGrantState
get_keys(CmGrantCall *base, CmGrantWait *wait, CmGrant *out, CmStatus *st)
{
	return cm_aws_credentials(base->loop, ((Call *) base)->aws, wait, out, st);
}

static bool
send_call(CmGrantCall *base, const CmGrant *grant, CmStatus *st)
{
	Call	   *call = (Call *) base;
	CmAwsKeys	keys = {grant->text[0], grant->text[1], grant->text[2]};

	return cm_aws_send(base->loop, call->aws, &keys, "route53", call->method, call->path, call->body, on_response, call, st);
}

bool
cm_aws_call(CmLoop *loop, const CmAws *aws, const CmAwsCall *what, CmAwsDone done, void *arg, CmStatus *st)
{
	static const CmGrantCallKind kind = {get_keys, send_call, tell, tell_failed, call_free};
	Call	   *call = calloc(1, sizeof(Call));

	if (call == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	call->aws = aws;
	call->done = done;
	call->arg = arg;
	call->method = strdup(what->method);
	call->path = strdup(what->path);
	call->body = what->body != NULL ? strdup(what->body) : NULL;
	call->action = strdup(what->action);
	if (call->method != NULL && call->path != NULL && call->action != NULL && (what->body == NULL || call->body != NULL))
		return cm_grant_call_start(&call->base, &kind, loop, st);
	call_free(&call->base);
	return cm_fail(st, CM_MEMORY, "out of memory");
}
