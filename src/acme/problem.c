/*
 * problem.c - problem documents (RFC 7807, RFC 8555 6.7), what else may be in
 * any answer (URLs, states, times), and what an answer as a whole means.
 *
 * Runs in the database worker. Locks nothing. Everything here is text of a
 * foreign origin: it is bounded, made printable, and never a reason to fail
 * on its own, but for URLs that we would have to follow. Throws only when
 * palloc finds no memory.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/internal.h"
#include "base/datetime.h"
#include "base/host.h"

#include <curl/curl.h>
#include <strings.h>
#include <time.h>

#define WORDS_MAX 1024			/* CmAcmeProblem.detail, without its NUL */
#define MAX_RETRY_AFTER 86400	/* what asks for more is a mistake (some servers say a day and are ready in minutes) */
#define JSON_MAX ((size_t) 8 * 1024)	/* CmAcmeProblem.json: it becomes a column that people read */

/* Names as RFC 8555 6.7, RFC 9773 7 and the profiles draft spell them: servers have been seen to use another case. */
static const char *const known_types[] = {
	"accountDoesNotExist", "alreadyReplaced", "alreadyRevoked", "badCSR", "badNonce", "badPublicKey", "badRevocationReason",
	"badSignatureAlgorithm", "caa", "compound", "connection", "dns", "externalAccountRequired", "incorrectResponse",
	"invalidContact", "invalidProfile", "malformed", "orderNotReady", "rateLimited", "rejectedIdentifier", "serverInternal",
	"tls", "unauthorized", "unsupportedContact", "unsupportedIdentifier", "userActionRequired"
};

bool
cm_acme_url_valid(const char *url)
{
	const char *host;
	const char *p;

	if (strncasecmp(url, "https://", 8) == 0)
		host = url + 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		host = url + 7;
	else
		return false;
	if (strlen(url) >= CM_ACME_URL_SIZE || strchr("/?:", *host) != NULL)
		return false;
	for (p = host; *p != '\0'; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"#<>\\^`{|}", *p) != NULL)
			return false;
	/* a user name before the host would be a credential, or a trick on the reader */
	return memchr(host, '@', strcspn(host, "/?")) == NULL;
}

bool
cm_acme_url_allowed(const char *url, bool plain)
{
	return cm_acme_url_valid(url) && (strncasecmp(url, "http:", 5) == 0) == plain;
}

CmJson *
cm_acme_body_parse(CmSlice body, const char *what, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	CmJson	   *json = cm_json_parse(body, CM_ACME_BODY_MAX, &why);

	if (json != NULL && cm_json_type(json) == CM_JSON_OBJECT)
		return json;
	cm_fail(st, CM_PROTOCOL, "%s is not a JSON object", what);
	if (json == NULL)
		cm_fail_detail(st, "%s: %s", why.reason, why.detail);
	cm_json_free(json);
	return NULL;
}

bool
cm_acme_get_url(const CmJson *object, const char *key, char **out, CmStatus *st)
{
	const CmJson *value = cm_json_get(object, key);

	*out = NULL;
	if (value == NULL)
		return true;
	if (cm_json_type(value) != CM_JSON_STRING || !cm_acme_url_valid(cm_json_string(value)))
		return cm_fail(st, CM_PROTOCOL, "\"%s\" in the server's answer is not an absolute URL", key);
	*out = pstrdup(cm_json_string(value));
	return true;
}

bool
cm_acme_get_status(const CmJson *object, const char *otherwise, char dst[32], CmStatus *st)
{
	const char *status = cm_json_get_string(object, "status");

	if (status == NULL && cm_json_get(object, "status") == NULL)
		status = otherwise;
	if (status == NULL || status[0] == '\0' || strlen(status) >= 32)
		return cm_fail(st, CM_PROTOCOL, "\"status\" is missing in the server's answer");
	cm_clean_text(dst, 32, status, strlen(status));
	return true;
}

int64_t
cm_acme_get_expires(const CmJson *object)
{
	const char *expires = cm_json_get_string(object, "expires");
	int64_t		at;

	/* only a hint for us: the server says itself when an object has expired */
	if (expires == NULL || !cm_time_parse_rfc3339(expires, &at))
		return 0;
	return at;
}

bool
cm_acme_problem_is(const CmJson *json)
{
	/* "type" may be missing (then it means about:blank), but then there is something to read */
	return cm_json_get_string(json, "type") != NULL || cm_json_get_string(json, "detail") != NULL;
}

void
cm_acme_problem_type(const CmJson *problem, char dst[64])
{
	const char *type = cm_json_get_string(problem, "type");
	const char *colon;
	size_t		i;

	dst[0] = '\0';
	if (type == NULL || strcasecmp(type, "about:blank") == 0)
		return;
	/* whatever the namespace: some servers keep that of a draft */
	colon = strrchr(type, ':');
	if (colon != NULL && strncasecmp(type, "http", 4) != 0)
		type = colon + 1;
	for (i = 0; i < lengthof(known_types); i++)
		if (strcasecmp(type, known_types[i]) == 0)
			type = known_types[i];
	cm_clean_text(dst, 64, type, strlen(type));
}

/* Printable text into a bounded place: a character that is not ASCII is one "?", white space one blank. */
typedef struct Words
{
	char	   *dst;
	size_t		size;
	size_t		len;
	bool		cut;
} Words;

static void
put_words(Words *words, const char *more)
{
	for (; *more != '\0'; more++)
	{
		unsigned char c = (unsigned char) *more;

		if ((c & 0xc0) == 0x80)
			continue;
		if (c < 0x20)
			c = ' ';
		if (words->len + 1 >= words->size)
		{
			words->cut = true;
			break;
		}
		words->dst[words->len++] = c < 0x7f ? (char) c : '?';
	}
	words->dst[words->len] = '\0';
}

/* "type: detail", or what there is of it. */
static void
put_problem(Words *words, const CmJson *problem)
{
	const char *detail = cm_json_get_string(problem, "detail");
	char		type[64];

	if (detail == NULL)
		detail = cm_json_get_string(problem, "title");
	cm_acme_problem_type(problem, type);
	put_words(words, type);
	if (type[0] != '\0' && detail != NULL)
		put_words(words, ": ");
	if (detail != NULL)
		put_words(words, detail);
}

void
cm_acme_problem_words(const CmJson *problem, char *dst, size_t size)
{
	Words		words = {dst, size, 0, false};
	const CmJson *list = cm_json_get(problem, "subproblems");
	bool		first = true;
	int			i;

	dst[0] = '\0';
	put_problem(&words, problem);
	for (i = 0; cm_json_at(list, i) != NULL && !words.cut; i++)
	{
		const CmJson *sub = cm_json_at(list, i);
		const char *value = cm_json_get_string(cm_json_get(sub, "identifier"), "value");

		if (cm_json_type(sub) != CM_JSON_OBJECT)
			continue;
		put_words(&words, first ? " (" : "; ");
		if (value != NULL)
		{
			put_words(&words, value);
			put_words(&words, ": ");
		}
		put_problem(&words, sub);
		first = false;
	}
	if (!first)
		put_words(&words, ")");
	if (words.cut && words.len >= 3)
		memcpy(dst + words.len - 3, "...", 3);
}

/*
 * A string in ASCII only. The document is kept for people, in databases of
 * any encoding: there an escape of a character that the encoding lacks would
 * be an error, so such characters become "?".
 */
static void
write_ascii(CmBuf *out, const char *utf8)
{
	char	   *copy = palloc(strlen(utf8) + 1);
	char	   *p = copy;

	for (; *utf8 != '\0'; utf8++)
	{
		unsigned char c = (unsigned char) *utf8;

		if ((c & 0xc0) != 0x80)
			*p++ = c < 0x80 ? (char) c : '?';
	}
	*p = '\0';
	cm_json_quote(out, copy);
	pfree(copy);
}

/*
 * A number as it is, or its digits as a string: the document becomes a jsonb,
 * and PostgreSQL's numeric has not every number that JSON has (1e999999 would
 * be an error there, and the outcome of the request could not be written).
 */
static void
write_number(CmBuf *out, const char *digits)
{
	/* as many as a 64-bit integer has, with sign and point */
	if (strlen(digits) <= 21 && strpbrk(digits, "eE") == NULL)
		cm_buf_append_str(out, digits);
	else
		write_ascii(out, digits);
}

/* Recursion is bounded: a tree is CM_JSON_MAX_DEPTH deep at most. */
static void
write_json(CmBuf *out, const CmJson *json)
{
	int			i;

	switch (cm_json_type(json))
	{
		case CM_JSON_NULL:
			cm_buf_append_str(out, "null");
			break;
		case CM_JSON_BOOL:
			cm_buf_append_str(out, cm_json_bool(json, false) ? "true" : "false");
			break;
		case CM_JSON_NUMBER:
			write_number(out, cm_json_string(json));
			break;
		case CM_JSON_STRING:
			write_ascii(out, cm_json_string(json));
			break;
		case CM_JSON_ARRAY:
			cm_buf_append_byte(out, '[');
			for (i = 0; i < cm_json_length(json) && !out->failed; i++)
			{
				if (i > 0)
					cm_buf_append_byte(out, ',');
				write_json(out, cm_json_at(json, i));
			}
			cm_buf_append_byte(out, ']');
			break;
		case CM_JSON_OBJECT:
			cm_buf_append_byte(out, '{');
			for (i = 0; i < cm_json_length(json) && !out->failed; i++)
			{
				if (i > 0)
					cm_buf_append_byte(out, ',');
				write_ascii(out, cm_json_key(json, i));
				cm_buf_append_byte(out, ':');
				write_json(out, cm_json_value(json, i));
			}
			cm_buf_append_byte(out, '}');
			break;
	}
}

void
cm_acme_problem_fill(const CmJson *problem, CmAcmeProblem *out)
{
	const char *instance = cm_json_get_string(problem, "instance");
	CmBuf		buf;

	memset(out, 0, sizeof(*out));
	cm_acme_problem_type(problem, out->type);
	out->detail = palloc(WORDS_MAX + 1);
	cm_acme_problem_words(problem, out->detail, WORDS_MAX + 1);
	if (instance != NULL && cm_acme_url_valid(instance))
		out->instance = pstrdup(instance);

	cm_buf_init(&buf, JSON_MAX);
	write_json(&buf, problem);
	if (!buf.failed)
		out->json = pnstrdup((const char *) buf.data, buf.len);
	cm_buf_free(&buf);
}

static void
take_subproblem(const char *value, const CmJson *problem, CmAcmeSubproblem *out)
{
	char		name[CM_HOST_MAX + 1];
	Words		words = {palloc(WORDS_MAX + 1), WORDS_MAX + 1, 0, false};

	cm_clean_text(name, sizeof(name), value, strlen(value));
	out->identifier = pstrdup(name);
	words.dst[0] = '\0';
	put_problem(&words, problem);
	out->words = words.dst;
}

/* Boulder says of a single name that it will not have: Cannot issue for "name": why. */
static bool
quoted_name(const CmJson *problem, char dst[CM_HOST_MAX + 1])
{
	const char *detail = cm_json_get_string(problem, "detail");
	const char *start = detail != NULL ? strchr(detail, '"') : NULL;
	char		type[64];
	size_t		len;

	cm_acme_problem_type(problem, type);
	if (start == NULL || strcmp(type, "rejectedIdentifier") != 0)
		return false;
	len = strcspn(start + 1, "\"");
	if (len == 0 || len > CM_HOST_MAX || start[1 + len] == '\0')
		return false;
	memcpy(dst, start + 1, len);
	dst[len] = '\0';
	return true;
}

int
cm_acme_subproblems(CmSlice body, CmAcmeSubproblem *out, int max)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *problem = cm_json_parse(body, CM_ACME_BODY_MAX, &st);
	const CmJson *list = cm_json_get(problem, "subproblems");
	const char *value = cm_json_get_string(cm_json_get(problem, "identifier"), "value");
	char		name[CM_HOST_MAX + 1];
	int			count = 0;

	for (int i = 0; count < max && cm_json_at(list, i) != NULL; i++)
	{
		const CmJson *sub = cm_json_at(list, i);
		const char *which = cm_json_get_string(cm_json_get(sub, "identifier"), "value");

		if (which != NULL)
			take_subproblem(which, sub, &out[count++]);
	}
	if (count == 0 && max > 0 && value != NULL)
		take_subproblem(value, problem, &out[count++]);
	else if (count == 0 && max > 0 && quoted_name(problem, name))
		take_subproblem(name, problem, &out[count++]);
	cm_json_free(problem);
	return count;
}

CmAcmeProblem *
cm_acme_get_problem(const CmJson *object, const char *key)
{
	const CmJson *value = cm_json_get(object, key);
	CmAcmeProblem *problem;

	if (cm_json_type(value) != CM_JSON_OBJECT)
		return NULL;
	problem = palloc(sizeof(CmAcmeProblem));
	cm_acme_problem_fill(value, problem);
	return problem;
}

bool
cm_acme_problem_parse(CmSlice body, CmAcmeProblem *out)
{
	CmJson	   *json = cm_acme_body_parse(body, "the problem document", NULL);
	bool		is = json != NULL && cm_acme_problem_is(json);

	memset(out, 0, sizeof(*out));
	if (is)
		cm_acme_problem_fill(json, out);
	cm_json_free(json);
	return is;
}

/* ---- replies: what an answer means ---- */

void
cm_acme_reply_init(CmAcmeReply *reply, const char *url)
{
	memset(reply, 0, sizeof(*reply));
	cm_buf_init(&reply->body, 0);
	cm_buf_init(&reply->headers, 0);
	reply->retry_after = -1;
	reply->elapsed_ms = -1;
	if (url != NULL)
		strlcpy(reply->url, url, sizeof(reply->url));
}

/* The problem document of an error, or what there is instead. */
static void
judge_error(const CmHttpResponse *response, CmAcmeReply *reply)
{
	CmJson	   *json = cm_json_parse(cm_slice(response->body.data, response->body.len), CM_ACME_BODY_MAX, NULL);
	char		words[sizeof(reply->status.detail)] = "";
	CmStatus   *st = &reply->status;
	int			code = reply->code;
	bool		problem = json != NULL && cm_acme_problem_is(json);

	if (problem)
	{
		cm_acme_problem_type(json, reply->problem_type);
		cm_acme_problem_words(json, words, sizeof(words));
	}
	cm_json_free(json);

	if (code == 429 || code == 503 || strcmp(reply->problem_type, "rateLimited") == 0)
		cm_fail(st, CM_LIMIT, code == 503 ? "the ACME server is not available for now" : "the ACME server asks for fewer requests");
	else if (problem && (code < 500 || (reply->problem_type[0] != '\0' && strcmp(reply->problem_type, "serverInternal") != 0)))
	{
		/* some servers say 500 with errors of an order: the type counts, not the code */
		if (reply->problem_type[0] != '\0')
			cm_fail(st, CM_REFUSED, "the ACME server refused the request: \"%s\"", reply->problem_type);
		else
			cm_fail(st, CM_REFUSED, "the ACME server refused the request with HTTP status %d", code);
	}
	else if (code >= 300 && code < 400)
		cm_fail(st, CM_PROTOCOL, "the ACME server redirected the request, which ACME does not know");
	else if (problem)
		cm_fail(st, CM_NETWORK, "the ACME server failed with HTTP status %d", code);
	else
		cm_fail(st, CM_NETWORK, "the ACME server answered with HTTP status %d and no problem document", code);
	if (words[0] != '\0')
		cm_fail_detail(st, "%s", words);
}

/* Boulder says in words when a limit has room again, and leaves the header out: "... retry after 2026-11-24 15:04:05 UTC: see ...". */
static int64_t
delay_in_words(const char *detail, int64_t now)
{
	static const char mark[] = "retry after ";
	const char *at = strstr(detail, mark);
	char		stamp[21];
	int64_t		then;

	if (at == NULL || strlen(at + sizeof(mark) - 1) < 19)
		return -1;
	memcpy(stamp, at + sizeof(mark) - 1, 19);
	if (stamp[10] != ' ' && stamp[10] != 'T')
		return -1;
	stamp[10] = 'T';
	stamp[19] = 'Z';
	stamp[20] = '\0';
	if (!cm_time_parse_rfc3339(stamp, &then))
		return -1;
	return Max(0, Min(then - now, MAX_RETRY_AFTER));
}

/* The Location header as an absolute URL of our scheme. */
static bool
read_location(const CmHttpResponse *response, const char *base, bool plain, char dst[CM_ACME_URL_SIZE])
{
	char		raw[CM_ACME_URL_SIZE];
	char	   *resolved = NULL;
	CURLU	   *url;
	bool		ok;

	dst[0] = '\0';
	if (!cm_http_header(response, "Location", raw, sizeof(raw)))
		return true;
	/* an absolute one stays as it is, letter by letter: it goes into signatures */
	if (cm_acme_url_valid(raw))
		strlcpy(dst, raw, CM_ACME_URL_SIZE);
	else
	{
		url = curl_url();
		if (url != NULL && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
			curl_url_set(url, CURLUPART_URL, raw, 0) == CURLUE_OK &&
			curl_url_get(url, CURLUPART_URL, &resolved, 0) == CURLUE_OK && strlen(resolved) < CM_ACME_URL_SIZE)
			strlcpy(dst, resolved, CM_ACME_URL_SIZE);
		curl_free(resolved);
		curl_url_cleanup(url);
	}
	ok = cm_acme_url_allowed(dst, plain);
	if (!ok)
		dst[0] = '\0';
	return ok;
}

void
cm_acme_reply_judge(const CmHttpResponse *response, const char *url, bool plain, CmAcmeReply *reply)
{
	char		delay[64];

	cm_acme_reply_init(reply, url);
	if (response->status.code != CM_OK)
	{
		reply->status = response->status;
		/* too large, not allowed, not trusted: in any case there was no answer, and another time there may be one */
		if (reply->status.code != CM_MEMORY && reply->status.code != CM_PROTOCOL)
			reply->status.code = CM_NETWORK;
		return;
	}
	reply->code = response->code;
	if (cm_http_header(response, "Retry-After", delay, sizeof(delay)) &&
		!cm_time_parse_retry_after(delay, (int64_t) time(NULL), MAX_RETRY_AFTER, &reply->retry_after))
		reply->retry_after = -1;
	if (response->code < 200 || response->code > 299)
	{
		(void) read_location(response, url, plain, reply->location);
		judge_error(response, reply);
		if (reply->status.code == CM_LIMIT && reply->retry_after < 0)
			reply->retry_after = delay_in_words(reply->status.detail, (int64_t) time(NULL));
	}
	else if (!read_location(response, url, plain, reply->location))
		cm_fail(&reply->status, CM_PROTOCOL, "the Location header of the ACME server's answer is no URL of the directory's scheme");
}

void
cm_acme_reply_read(const CmHttpResponse *response, const char *url, CmAcmeReply *reply)
{
	cm_acme_reply_judge(response, url, strncasecmp(url, "http:", 5) == 0, reply);
}
