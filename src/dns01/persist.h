/*
 * persist.h - the standing TXT record of dns-persist-01
 * (draft-ietf-acme-dns-persist): a CA and an account that may have
 * certificates for a name, for as long as the record is there.
 */
#ifndef CM_DNS01_PERSIST_H
#define CM_DNS01_PERSIST_H

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

/* Names a CA has for itself: Let's Encrypt has one, Sectigo five, nobody more. */
#define CM_DNS01_ISSUERS_MAX 8
/* RFC 8555 sets no limit for URLs; longer ones are refused when they are parsed. */
#define CM_DNS01_ACCOUNT_SIZE 1024

/* Part of a text. */
typedef struct CmDns01Span
{
	const char *at;
	size_t		len;
} CmDns01Span;

/* A record has three parameters we know; a CA may define a few more. */
#define CM_DNS01_PARAMETERS_MAX 16

/* "ca.example; tag=value; ..." (RFC 8659 4.2), in parts of the text that was read. */
typedef struct CmDns01IssueValue
{
	CmDns01Span domain;			/* empty: nobody */
	int			count;
	CmDns01Span tags[CM_DNS01_PARAMETERS_MAX];
	CmDns01Span values[CM_DNS01_PARAMETERS_MAX];
} CmDns01IssueValue;

/* False: it breaks the syntax, or has a tag twice. */
extern bool cm_dns01_issue_value(const char *text, CmDns01IssueValue *out);
/* Without regard to case. */
extern bool cm_dns01_span_is(CmDns01Span span, const char *text);

typedef struct CmDns01Persist
{
	char		issuers[CM_DNS01_ISSUERS_MAX][256]; /* as the challenge says: any of them */
	int			nissuers;
	char		account[CM_DNS01_ACCOUNT_SIZE]; /* account URL */
	bool		wildcard;		/* must be good for *.name */
	int64_t		now;			/* seconds since 1970 */
} CmDns01Persist;

/* Who asks for a certificate, as CAA records speak of it. */
typedef struct CmDns01Caa
{
	char		issuers[CM_DNS01_ISSUERS_MAX][256]; /* what the CA calls itself; at least one */
	int			nissuers;
	char		account[CM_DNS01_ACCOUNT_SIZE];
	char		method[32];		/* "dns-01" */
	bool		wildcard;
} CmDns01Caa;

/* Do these CAA records ("flags tag value" each) allow it? Otherwise CM_POLICY (caa.c). */
extern bool cm_dns01_caa_allows(char *const *records, int count, const CmDns01Caa *caa, CmStatus *st);

/* "ca.example; accounturi=https://...; policy=wildcard; persistUntil=1767225600". until 0: for ever. */
extern bool cm_dns01_persist_format(CmBuf *out, const char *issuer, const char *account, bool wildcard, int64_t until, CmStatus *st);
/* Is this TXT value good for what is wanted? *until: its persistUntil, 0 without. */
extern bool cm_dns01_persist_match(const char *value, const CmDns01Persist *want, int64_t *until);

#endif
