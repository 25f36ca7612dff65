/*
 * http.h - HTTP requests on the event loop, by libcurl's multi interface.
 *
 * https only unless the request says otherwise; no redirects, no proxy from
 * the environment, no netrc, TLS >= 1.2 with peer and host checked; sizes are
 * capped in the callbacks; the address that is really dialled is shown to the
 * loop's address_allowed hook. Signals are blocked around every call that may
 * start libcurl's resolver thread.
 */
#ifndef CM_NET_HTTP_H
#define CM_NET_HTTP_H

#include "base/buf.h"
#include "net/loop.h"

typedef struct CmHttpRequest
{
	const char *method;			/* "GET", "HEAD", "POST", ... */
	const char *url;
	const char *content_type;	/* NULL: none */
	const char *accept;			/* NULL: none */
	const char *const *headers; /* more "Name: value" lines, NULL-terminated, or NULL */
	const char *body;			/* copied */
	size_t		body_len;
	int64_t		timeout_ms;		/* of the whole exchange, from when there is a descriptor for it; 0 = 30 s */
	size_t		max_body;		/* 0 = 256 KiB */
	const char *trust_anchors;	/* PEM; NULL = the system's */
	bool		allow_http;		/* plain http too */
	bool		metadata;		/* for credentials of this machine: a cloud's metadata addresses are allowed, and the connection is used for nothing else */
} CmHttpRequest;

typedef struct CmHttpResponse
{
	CmStatus	status;			/* CM_OK when a whole answer came, whatever its status code */
	int			code;			/* HTTP status */
	CmBuf		body;
	CmBuf		headers;		/* raw "Name: value\r\n" lines of the final answer */
	int64_t		elapsed_ms;
} CmHttpResponse;

/* Called once, from cm_loop_dispatch. The response lives until the callback returns: take its buffers by moving them out. */
typedef void (*CmHttpDone) (CmHttpResponse *response, void *arg);
typedef struct CmHttp CmHttp;

extern CmHttp *cm_http_start(CmLoop *loop, const CmHttpRequest *request, CmHttpDone done, void *arg, CmStatus *st);	/* NULL and st on failure; done is then not called */
extern void cm_http_cancel(CmHttp *http);	/* done is not called */
/* The value of the first header of that name into dst; false when there is none or it does not fit. */
extern bool cm_http_header(const CmHttpResponse *response, const char *name, char *dst, size_t dstsize);
/* The target of the n-th Link header with that relation; false when there is none. */
extern bool cm_http_link(const CmHttpResponse *response, const char *rel, int n, char *dst, size_t dstsize);

#endif
