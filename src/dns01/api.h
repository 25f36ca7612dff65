/*
 * api.h - calls of a DNS provider's HTTP interface: where it is, a request, a
 * judged answer. What the files of Cloudflare, PowerDNS, acme-dns, webhook and
 * others share. JSON is parsed when the answer is JSON.
 */
#ifndef CM_DNS01_API_H
#define CM_DNS01_API_H

#include "dns01/internal.h"
#include "net/http.h"
#include "pg/json.h"

/* The keys of a config that cm_dns01_api_read takes, for lists of known keys. */
#define CM_DNS01_API_KEYS "endpoint", "trust_anchors", "timeout"
/* The keys that cm_dns01_check_propagation takes. */
#define CM_DNS01_PROPAGATION_KEYS "nameservers", "resolvers", "propagation", "follow_cname"

/* Header lines of a request, each with a secret in it perhaps; NULL-terminated. */
#define CM_DNS01_API_HEADERS 6

typedef struct CmDns01Api
{
	char	   *endpoint;		/* without final slash */
	char	   *trust_anchors;	/* PEM; NULL: the system's */
	bool		allow_http;		/* a server on this machine */
	int64_t		timeout_ms;
	char	   *headers[CM_DNS01_API_HEADERS + 1];	/* sent with every request; wiped */
} CmDns01Api;

typedef struct CmDns01ApiRequest
{
	const char *method;
	const char *path;			/* behind the endpoint, with its query; or a whole https:// URL */
	const char *content_type;	/* NULL: application/json when there is a body */
	const char *const *headers; /* more lines, or NULL */
	const char *body;			/* NULL: none */
	size_t		body_len;
	size_t		max_answer;		/* 0: 1 MiB */
} CmDns01ApiRequest;

/* An answer, judged by its HTTP status alone: the provider's file knows what its codes mean. Lives until the callback returns. */
typedef struct CmDns01ApiAnswer
{
	CmStatus	status;			/* CM_OK: 2xx. CM_NETWORK: outcome unknown (no answer, 408, 5xx). CM_LIMIT: 429, or 503 with Retry-After. CM_REFUSED: other. */
	int			code;			/* HTTP status, 0: no answer came */
	const CmJson *json;			/* NULL: the body is empty or no JSON */
	CmSlice		body;
	int64_t		retry_after;	/* seconds, at most a day; -1: not said */
	int64_t		remaining;		/* requests left in the provider's window (Ratelimit, X-RateLimit-Remaining); -1: not said */
	const CmHttpResponse *http;
} CmDns01ApiAnswer;

typedef void (*CmDns01ApiDone) (CmDns01ApiAnswer *answer, void *arg);

/* Reads "endpoint" (otherwise this one; NULL: it must be given), "trust_anchors", "timeout". After a failure, too, cm_dns01_api_free is due; api is zeroed before. */
extern bool cm_dns01_api_read(const CmJson *config, const char *otherwise, CmDns01Api *api, CmStatus *st);
extern void cm_dns01_api_free(CmDns01Api *api);
/* Adds a line "name: value" to every request. The value must be printable ASCII without line ends. */
extern bool cm_dns01_api_header(CmDns01Api *api, const char *name, CmSlice value, CmStatus *st);
/* "Authorization: Basic", RFC 7617. */
extern bool cm_dns01_api_basic(CmDns01Api *api, const char *user, CmSlice password, CmStatus *st);
/* False and st: not sent, done is not called. Otherwise done is called once, from the loop. */
extern bool cm_dns01_api_send(CmLoop *loop, const CmDns01Api *api, const CmDns01ApiRequest *request, CmDns01ApiDone done, void *arg,
							  CmStatus *st);
/* Is this a URL that may be used: https, or http to this machine (127.0.0.1, [::1], localhost)? *http says which. */
extern bool cm_dns01_api_url(const char *key, const char *url, bool *http, CmStatus *st);
/* Appends text percent-encoded (RFC 3986: all but unreserved characters). */
extern bool cm_dns01_api_escape(CmBuf *out, const char *text);
/* A secret without white space at its end, as people paste it; false: empty, or with control characters. "what" is for the message. */
extern bool cm_dns01_api_secret(CmSlice *secret, const char *what, CmStatus *st);

/* The name without its first label; NULL behind the last one. */
extern const char *cm_dns01_parent(const char *name);
/* Is a TXT record's content this value: as it is, or as one or more quoted strings? */
extern bool cm_dns01_same_value(const char *content, const char *value);

#endif
