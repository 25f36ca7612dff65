/*
 * responder_http.h - the one kind of request that is answered, and the answers.
 * Bytes in, bytes out; no sockets.
 */
#ifndef CM_NET_RESPONDER_HTTP_H
#define CM_NET_RESPONDER_HTTP_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/* A validation request has some 300 bytes. */
#define CM_RESPONDER_HEAD_MAX 8192
/* RFC 8555 8.1: at least 22; nobody makes them longer than this. */
#define CM_RESPONDER_TOKEN_MAX 128

typedef struct CmResponderRequest
{
	int			status;			/* 0: more bytes are needed; 200: so far nothing is wrong; otherwise the answer */
	bool		head;			/* HEAD: no content */
	char		token[CM_RESPONDER_TOKEN_MAX + 1];	/* with status 200 */
} CmResponderRequest;

/* Reads what came so far, from its begin. What follows the head of a request is not looked at. */
extern void cm_responder_request_read(CmSlice in, CmResponderRequest *out);
/* Appends an answer; content (NULL: words for people) is that of a 200. False: out of memory. */
extern bool cm_responder_answer(CmBuf *out, int status, bool head, const char *content, int64_t now);

#endif
