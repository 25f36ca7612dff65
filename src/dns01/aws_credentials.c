/*
 * aws_credentials.c - keys to sign with: from the config, or asked for at the
 * container's or machine's metadata server or at STS, and a role assumed with
 * them.
 *
 * Runs in the database worker and in CALL certmgr.work(). What was granted is
 * kept by grant.c. What may fail: servers that do not answer or say no; files
 * that cannot be read. Answers are read in memory that is wiped.
 */
#include "base/datetime.h"
#include "crypto/digest.h"
#include "dns01/api.h"
#include "dns01/aws.h"
#include "dns01/batch.h"
#include "dns01/secret_map.h"
#include "dns01/token_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The metadata server is this machine's own: it answers in milliseconds, or it is not there (AWS's SDKs give it a second). */
#define METADATA_TIMEOUT_MS 1000
/* Its answers: a token of 56 characters, a role's name, keys with a session token. */
#define METADATA_ANSWER_MAX ((size_t) 64 * 1024)
/* What a token of IMDSv2 is good for at most. It is used twice at once. */
#define IMDS_TOKEN_TTL "60"
/* Long enough for hours of work with one call of STS, and the longest that chained roles may have. */
#define ROLE_SECONDS 3600

typedef enum Step
{
	STEP_WEB_IDENTITY, STEP_CONTAINER, STEP_IMDS_TOKEN, STEP_IMDS_ROLE, STEP_IMDS_KEYS, STEP_ASSUME_ROLE
} Step;

typedef struct Chain
{
	CmOp		op;
	CmLoop	   *loop;
	CmGrantFetch *fetch;
	const CmAws *aws;			/* of the task that asked first, which waits until we finish */
	Step		step;
	bool		clock_tried;
	CmGrant		grant;			/* what there is so far */
	char		imds_token[1024];
	char		imds_role[256];
} Chain;

static void on_answer(CmHttpResponse *response, void *arg);
static bool do_step(Chain *chain, Step step, CmStatus *st);

/* ---- small things ---- */

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* ---- the end ---- */

static void
chain_free(Chain *chain)
{
	cm_grant_free(&chain->grant);
	cm_wipe(chain->imds_token, sizeof(chain->imds_token));
	free(chain);
}

static void
drop(CmOp *op)
{
	cm_op_end(op);
	chain_free((Chain *) op);
}

static void
finish(Chain *chain, const CmStatus *st)
{
	cm_op_end(&chain->op);
	cm_grant_finish(chain->fetch, st->code == CM_OK ? &chain->grant : NULL, st);
	chain_free(chain);
}

/* ---- requests ---- */

static bool
metadata_get(Chain *chain, const char *method, const char *url, const char *const *headers, CmStatus *st)
{
	CmHttpRequest request = {.method = method, .url = url, .headers = headers, .timeout_ms = METADATA_TIMEOUT_MS, .max_body = METADATA_ANSWER_MAX,
	.allow_http = true, .metadata = true};

	return cm_http_start(chain->loop, &request, on_answer, chain, st) != NULL;
}

static bool
imds(Chain *chain, const char *method, const char *path, const char *suffix, const char *header, const char *value, CmStatus *st)
{
	const char *base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *disabled = environment("AWS_EC2_METADATA_DISABLED");
	char		url[512];
	char		line[1100];
	const char *headers[] = {line, NULL};
	bool		ok;

	if (disabled != NULL && strcasecmp(disabled, "true") == 0)
		return cm_fail(st, CM_REFUSED, "the server's environment has AWS_EC2_METADATA_DISABLED=true, and there are no other AWS credentials");
	if (base == NULL)
		base = "http://169.254.169.254";
	snprintf(url, sizeof(url), "%.200s%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", path, suffix);
	snprintf(line, sizeof(line), "%s: %s", header, value);
	ok = metadata_get(chain, method, url, headers, st);
	cm_wipe(line, sizeof(line));
	return ok;
}

/* AWS's rule for the full URI: https, this machine, or the addresses of ECS and EKS. */
static bool
container_uri_allowed(const char *uri)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
	size_t		i;

	if (strncasecmp(uri, "https://", 8) == 0)
		return true;
	for (i = 0; strncasecmp(uri, "http://", 7) == 0 && i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		size_t		len = strlen(hosts[i]);

		if (strncasecmp(uri + 7, hosts[i], len) == 0 && strchr(":/?", uri[7 + len]) != NULL)
			return true;
	}
	return false;
}

static bool
container(Chain *chain, CmStatus *st)
{
	const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	const char *token_file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *headers[] = {NULL, NULL};
	char		url[2048];
	CmBuf		line;
	CmBuf		content;
	bool		ok = true;

	if (relative == NULL && full == NULL)
		return cm_fail(st, CM_REFUSED, "the server's environment has no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI");
	if (relative == NULL && !container_uri_allowed(full))
		return cm_fail(st, CM_REFUSED, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of a container's credential server");
	if (relative != NULL)
		snprintf(url, sizeof(url), "http://169.254.170.2%s%s", relative[0] == '/' ? "" : "/", relative);
	else
		snprintf(url, sizeof(url), "%s", full);
	cm_buf_init_secret(&content, CM_TOKEN_FILE_MAX);
	cm_buf_init_secret(&line, CM_TOKEN_FILE_MAX + 32);
	/* The file first, and each time: it is rotated. */
	if (token_file != NULL)
		ok = cm_token_file_read(token_file, &content, st);
	if (ok && (token_file != NULL || token != NULL))
	{
		cm_buf_printf(&line, "Authorization: %s", token_file != NULL ? cm_buf_cstr(&content) : token);
		headers[0] = cm_buf_cstr(&line);
	}
	ok = ok && metadata_get(chain, "GET", url, headers, st);
	cm_buf_free(&line);
	cm_buf_free(&content);
	return ok;
}

static void
parameter(CmBuf *form, const char *name, const char *value)
{
	if (value == NULL)
		return;
	cm_buf_printf(form, "&%s=", name);
	(void) cm_dns01_api_escape(form, value);
}

static bool
web_identity(Chain *chain, CmStatus *st)
{
	const CmAws *aws = chain->aws;
	CmBuf		token;
	CmBuf		form;
	bool		ok;

	cm_buf_init_secret(&token, CM_TOKEN_FILE_MAX);
	cm_buf_init_secret(&form, 4 * CM_TOKEN_FILE_MAX);
	ok = cm_token_file_read_jwt(aws->token_file, &token, st);
	if (ok)
	{
		cm_buf_append_str(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
		parameter(&form, "RoleArn", aws->web_role_arn);
		parameter(&form, "RoleSessionName", aws->session_name);
		parameter(&form, "WebIdentityToken", cm_buf_cstr(&token));
		ok = cm_aws_send(chain->loop, aws, NULL, "sts", "POST", "/", cm_buf_cstr(&form), on_answer, chain, st);
	}
	cm_buf_free(&token);
	cm_buf_free(&form);
	return ok;
}

static bool
assume_role(Chain *chain, CmStatus *st)
{
	const CmAws *aws = chain->aws;
	CmAwsKeys	keys = {chain->grant.text[0], chain->grant.text[1], chain->grant.text[2]};
	CmBuf		form;
	bool		ok;

	cm_buf_init(&form, 16384);
	cm_buf_printf(&form, "Action=AssumeRole&Version=2011-06-15&DurationSeconds=%d", ROLE_SECONDS);
	parameter(&form, "RoleArn", aws->role_arn);
	parameter(&form, "RoleSessionName", aws->session_name);
	parameter(&form, "ExternalId", aws->external_id);
	ok = (!form.failed || cm_fail(st, CM_LIMIT, "a request to AWS is too large")) &&
		cm_aws_send(chain->loop, aws, &keys, "sts", "POST", "/", cm_buf_cstr(&form), on_answer, chain, st);
	cm_buf_free(&form);
	return ok;
}

static bool
do_step(Chain *chain, Step step, CmStatus *st)
{
	chain->step = step;
	switch (step)
	{
		case STEP_WEB_IDENTITY:
			return web_identity(chain, st);
		case STEP_CONTAINER:
			return container(chain, st);
		case STEP_IMDS_TOKEN:
			return imds(chain, "PUT", "latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds", IMDS_TOKEN_TTL, st);
		case STEP_IMDS_ROLE:
			return imds(chain, "GET", "latest/meta-data/iam/security-credentials/", "", "X-aws-ec2-metadata-token", chain->imds_token, st);
		case STEP_IMDS_KEYS:
			return imds(chain, "GET", "latest/meta-data/iam/security-credentials/", chain->imds_role, "X-aws-ec2-metadata-token", chain->imds_token, st);
		case STEP_ASSUME_ROLE:
			return assume_role(chain, st);
	}
	return cm_fail(st, CM_INVALID, "unknown step");
}

/* ---- answers ---- */

static bool
take_keys(Chain *chain, const char *id, const char *secret, const char *token, const char *expires, const char *who, CmStatus *st)
{
	CmGrant    *grant = &chain->grant;

	if (id == NULL || id[0] == '\0' || secret == NULL || secret[0] == '\0' || expires == NULL || !cm_time_parse_rfc3339(expires, &grant->expires))
		return cm_fail(st, CM_PROTOCOL, "the answer of %s has no keys", who);
	return cm_grant_set(grant, 0, id, st) && cm_grant_set(grant, 1, secret, st) && cm_grant_set(grant, 2, token, st);
}

static bool
take_json(Chain *chain, const CmHttpResponse *response, const char *who, CmStatus *st)
{
	CmSecretMap map;
	const char *code;
	char		shown[60];
	bool		ok;

	ok = cm_secret_map_parse(cm_slice(response->body.data, response->body.len), "an answer", &map, st);
	code = cm_secret_map_get(&map, "Code");
	if (code == NULL)
		code = cm_secret_map_get(&map, "code");
	if (!ok)
		cm_fail(st, CM_PROTOCOL, "the answer of %s is not a JSON object", who);
	else if (code != NULL && strcasecmp(code, "Success") != 0)
	{
		cm_clean_text(shown, sizeof(shown), code, strlen(code));
		ok = cm_fail(st, CM_REFUSED, "%s gives no credentials: %s", who, shown);
	}
	else
		ok = take_keys(chain, cm_secret_map_get(&map, "AccessKeyId"), cm_secret_map_get(&map, "SecretAccessKey"), cm_secret_map_get(&map, "Token"),
					   cm_secret_map_get(&map, "Expiration"), who, st);
	cm_secret_map_free(&map);
	return ok;
}

/* The first line of an answer. */
static bool
take_line(const CmHttpResponse *response, char *dst, size_t size, const char *who, CmStatus *st)
{
	size_t		i;

	for (i = 0; i < response->body.len && response->body.data[i] != '\n' && response->body.data[i] != '\r'; i++)
	{
		/* It goes into a header or a URL. */
		if (response->body.data[i] <= ' ' || response->body.data[i] >= 0x7f || strchr("/?#%", response->body.data[i]) != NULL || i + 1 >= size)
			return cm_fail(st, CM_PROTOCOL, "the answer of %s makes no sense", who);
		dst[i] = (char) response->body.data[i];
	}
	dst[i] = '\0';
	return i > 0 || cm_fail(st, CM_REFUSED, "%s gives no credentials: this machine has no role", who);
}

static bool
take_sts(Chain *chain, const CmHttpResponse *response, bool web, bool *again, CmStatus *st)
{
	CmAwsAnswer answer;
	CmXml	   *xml;
	const CmXml *keys;
	bool		ok;

	cm_aws_judge(response, web ? "sts:AssumeRoleWithWebIdentity" : "sts:AssumeRole", &answer, &xml);
	if (answer.status.code != CM_OK)
	{
		*again = !web && !chain->clock_tried && cm_aws_clock_corrected(response, &answer);
		chain->clock_tried |= *again;
		*st = answer.status;
		cm_xml_free(xml);
		return false;
	}
	keys = cm_xml_child(cm_xml_child(xml, web ? "AssumeRoleWithWebIdentityResult" : "AssumeRoleResult"), "Credentials");
	ok = take_keys(chain, cm_xml_text(keys, "AccessKeyId"), cm_xml_text(keys, "SecretAccessKey"), cm_xml_text(keys, "SessionToken"),
				   cm_xml_text(keys, "Expiration"), "STS", st);
	cm_xml_free(xml);
	return ok;
}

/* An answer of a metadata server that is no 200. */
static bool
is_success(const CmHttpResponse *response, const char *who, CmStatus *st)
{
	if (response->status.code != CM_OK)
	{
		*st = response->status;
		cm_fail_detail(st, "No credentials from %s: %s", who, response->status.reason);
		return false;
	}
	if (response->code == 200)
		return true;
	if (response->code == 404)
		return cm_fail(st, CM_REFUSED, "%s gives no credentials: this machine has no role (HTTP 404)", who);
	return cm_fail(st, response->code >= 500 || response->code == 429 ? CM_NETWORK : CM_REFUSED, "%s gives no credentials (HTTP %d)", who, response->code);
}

/* Takes the answer of the step; *next: the step after it, -1: that was the last one of the source. */
static bool
take(Chain *chain, const CmHttpResponse *response, int *next, CmStatus *st)
{
	static const char imds_name[] = "EC2's metadata server";
	static const char container_name[] = "the container's credential server";
	bool		again = false;
	bool		ok = false;

	*next = -1;
	switch (chain->step)
	{
		case STEP_WEB_IDENTITY:
			return take_sts(chain, response, true, &again, st);
		case STEP_CONTAINER:
			return is_success(response, container_name, st) && take_json(chain, response, container_name, st);
		case STEP_IMDS_TOKEN:
			*next = STEP_IMDS_ROLE;
			return is_success(response, imds_name, st) && take_line(response, chain->imds_token, sizeof(chain->imds_token), imds_name, st);
		case STEP_IMDS_ROLE:
			*next = STEP_IMDS_KEYS;
			return is_success(response, imds_name, st) && take_line(response, chain->imds_role, sizeof(chain->imds_role), imds_name, st);
		case STEP_IMDS_KEYS:
			return is_success(response, imds_name, st) && take_json(chain, response, imds_name, st);
		case STEP_ASSUME_ROLE:
			ok = take_sts(chain, response, false, &again, st);
			if (again)
				*next = STEP_ASSUME_ROLE;
			return ok || again;
	}
	return ok;
}

static void
on_answer(CmHttpResponse *response, void *arg)
{
	Chain	   *chain = arg;
	CmStatus	st = CM_STATUS_INIT;
	Step		step = chain->step;
	int			next;

	if (!take(chain, response, &next, &st))
	{
		finish(chain, &st);
		return;
	}
	memset(&st, 0, sizeof(st));
	if (next < 0 && step != STEP_ASSUME_ROLE && chain->aws->role_arn != NULL)
		next = STEP_ASSUME_ROLE;
	if (next < 0 || !do_step(chain, (Step) next, &st))
		finish(chain, &st);
}

/* ---- start ---- */

static bool
start(CmLoop *loop, CmGrantFetch *fetch, void *arg, CmStatus *st)
{
	const CmAws *aws = arg;
	Chain	   *chain = calloc(1, sizeof(Chain));
	bool		ok;

	if (chain == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	chain->loop = loop;
	chain->fetch = fetch;
	chain->aws = aws;
	if (aws->source == CM_AWS_STATIC || aws->source == CM_AWS_ENVIRONMENT)
		ok = cm_grant_copy(&chain->grant, &aws->keys, st) && do_step(chain, STEP_ASSUME_ROLE, st);
	else
		ok = do_step(chain, aws->source == CM_AWS_WEB_IDENTITY ? STEP_WEB_IDENTITY : aws->source == CM_AWS_CONTAINER ? STEP_CONTAINER : STEP_IMDS_TOKEN, st);
	if (!ok)
	{
		chain_free(chain);
		return false;
	}
	cm_op_begin(&chain->op, loop, drop);
	return true;
}

/* Everything that the keys depend on. */
static bool
key_of(const CmAws *aws, uint8_t key[CM_GRANT_KEY])
{
	const char *parts[] = {aws->keys.text[0], aws->keys.text[1], aws->keys.text[2], aws->role_arn, aws->external_id, aws->session_name,
	aws->web_role_arn, aws->token_file, aws->sts_endpoint, aws->region};
	CmBuf		all;
	size_t		i;
	bool		ok;

	cm_buf_init_secret(&all, 64 * 1024);
	cm_buf_printf(&all, "aws %d", (int) aws->source);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		cm_buf_append_byte(&all, '\n');
		cm_buf_append_str(&all, parts[i] != NULL ? parts[i] : "-");
	}
	ok = !all.failed && cm_sha256(cm_slice(all.data, all.len), key);
	cm_buf_free(&all);
	return ok;
}

static bool
is_fixed(const CmAws *aws)
{
	return (aws->source == CM_AWS_STATIC || aws->source == CM_AWS_ENVIRONMENT) && aws->role_arn == NULL;
}

CmGrantState
cm_aws_credentials(CmLoop *loop, const CmAws *aws, CmGrantWait *wait, CmGrant *out, CmStatus *st)
{
	uint8_t		key[CM_GRANT_KEY];

	if (is_fixed(aws))
		return cm_grant_copy(out, &aws->keys, st) ? CM_GRANT_READY : CM_GRANT_FAILED;
	if (!key_of(aws, key))
	{
		cm_fail_crypto(st, "could not hash a credential's name");
		return CM_GRANT_FAILED;
	}
	return cm_grant_get(loop, key, start, (void *) (uintptr_t) aws, wait, out, st);
}

bool
cm_aws_credentials_forget(const CmAws *aws)
{
	uint8_t		key[CM_GRANT_KEY];

	if (is_fixed(aws) || !key_of(aws, key))
		return false;
	cm_grant_forget(key);
	return true;
}

bool
cm_aws_account(const CmAws *aws, uint8_t key[32])
{
	uint8_t		keys[CM_GRANT_KEY];
	char		hex[2 * CM_GRANT_KEY + 1];
	char		timeout[24];
	const char *texts[] = {hex, aws->endpoint, aws->signing_region, aws->trust_anchors, timeout};

	if (!key_of(aws, keys))
		return false;
	for (int i = 0; i < CM_GRANT_KEY; i++)
		snprintf(&hex[2 * i], 3, "%02x", keys[i]);
	snprintf(timeout, sizeof(timeout), "%lld", (long long) aws->timeout_ms);
	return cm_dns01_key(key, texts, sizeof(texts) / sizeof(texts[0]));
}
