/*
 * aws_sign.h - AWS Signature Version 4: the Authorization header of a request.
 * Own code, since libcurl's depends on its version and knows no skewed clock.
 */
#ifndef CM_DNS01_AWS_SIGN_H
#define CM_DNS01_AWS_SIGN_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/* Who signs: a view of texts that somebody else owns and wipes. */
typedef struct CmAwsKeys
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;	/* NULL: long-lived keys */
} CmAwsKeys;

/* What is signed, as it goes over the wire. */
typedef struct CmAwsRequest
{
	const char *method;
	const char *path;			/* "/..." */
	const char *query;			/* "a=b&c=d", percent-encoded, in any order; "" or NULL: none */
	const char *const *headers; /* "name:value" lines that are signed, host among them; NULL-terminated */
	CmSlice		body;
	const char *region;
	const char *service;
	int64_t		now;			/* seconds since 1970, corrected for the server's clock */
} CmAwsRequest;

#define CM_AWS_DATE_SIZE 17		/* 20150830T123600Z */

extern void cm_aws_date(int64_t now, char date[CM_AWS_DATE_SIZE]);
/*
 * Appends the value of the Authorization header. The request must carry
 * X-Amz-Date (cm_aws_date(now)) and, with a session token, X-Amz-Security-Token
 * besides the headers given: they are signed as well.
 */
extern bool cm_aws_sign(const CmAwsRequest *request, const CmAwsKeys *keys, CmBuf *authorization, CmStatus *st);
/* The canonical request alone, which cm_aws_sign hashes: for tests and for messages to whoever writes a proxy. signed_headers: "host;x-amz-date". */
extern bool cm_aws_canonical(const CmAwsRequest *request, const CmAwsKeys *keys, CmBuf *out, CmBuf *signed_headers, CmStatus *st);

#endif
