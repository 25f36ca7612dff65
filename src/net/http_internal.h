/*
 * http_internal.h - one HTTP exchange, as http_request.c sets it up,
 * http.c drives it and http_error.c explains it.
 */
#ifndef CM_NET_HTTP_INTERNAL_H
#define CM_NET_HTTP_INTERNAL_H

#include "net/compat.h"
#include "net/http.h"
#include "net/internal.h"

/*
 * Seconds below CM_HTTP_LOW_SPEED bytes a second that end an exchange. A CA
 * may think for a while before it answers: who gives a request more than
 * CM_HTTP_PATIENT_MS knows of one that does, and waits all that time.
 */
#define CM_HTTP_LOW_SPEED 100L
#define CM_HTTP_LOW_SPEED_S 30L
#define CM_HTTP_PATIENT_MS 60000
/* Header bytes of an answer, informational ones included. */
#define CM_HTTP_HEADERS_MAX ((size_t) 32 * 1024)

struct CmHttp
{
	CmOp		op;
	CmLoop	   *loop;
	CURL	   *easy;
	struct curl_slist *headers;
	char	   *body;			/* wiped */
	size_t		body_len;
	char		host[260];		/* for messages and for the share of a host: with port when not the default */
	uint32_t	host_hash;
	size_t		max_body;
	int64_t		timeout_ms;
	int64_t		started;
	int			slot;			/* in the multi handle, or -1: waits */
	CmHttp	   *queue_prev;
	CmHttp	   *queue_next;
	CmTimer    *queue_timer;
	bool		finished;
	bool		headers_done;
	size_t		header_bytes;
	bool		headers_too_large;
	bool		body_too_large;
	bool		no_fd;
	CmFdWaiter	waiter;			/* while no descriptor is free */
	int64_t		patience;		/* when that has lasted long enough; 0: has not waited */
	bool		reserved;		/* a descriptor of the host's budget is kept for its connection */
	bool		metadata;
	bool		dialled;		/* its name was resolved */
	bool		tls_started;
	bool		harmless;		/* GET and HEAD: may be sent twice */
	bool		sent;
	bool		not_again;		/* it was not sent a second time */
	char		denied[64];		/* the address the policy refused */
	char		error[CURL_ERROR_SIZE];
	CmHttpResponse response;
	CmHttpDone	done;
	void	   *arg;
};

/* The descriptor that is kept for it, if any, is free again. */
extern void cm_http_give_back(CmHttp *http);
/* Checks and copies the request and makes the easy handle. */
extern bool cm_http_set_up(CmHttp *http, const CmHttpRequest *request, CmStatus *st);
/* Says in words why libcurl gave up; always false. */
extern bool cm_http_explain(CmHttp *http, CURLcode result, CmStatus *st);

#endif
