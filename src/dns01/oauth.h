/*
 * oauth.h - calls of an API with an OAuth 2 access token (RFC 6749), which is
 * asked for, kept, and replaced when it is refused. Google and Azure.
 */
#ifndef CM_DNS01_OAUTH_H
#define CM_DNS01_OAUTH_H

#include "dns01/api.h"
#include "dns01/grant.h"

typedef struct CmOauth
{
	CmDns01Api	api;			/* where the calls go */
	const char *who;			/* "Google", for messages */
	char	   *token_url;		/* malloc'ed */
	bool		token_http;		/* plain http, to this machine */
	bool		metadata;		/* the machine's own metadata server: GET with metadata_header instead of POST with form */
	const char *metadata_header;
	bool		(*form) (const struct CmOauth *oauth, CmBuf *out, CmStatus *st);	/* appends the body of a token request; out is secret */
	uint8_t		key[CM_GRANT_KEY];	/* a hash over all that the token depends on */
} CmOauth;

/* Hashes the parts (NULL ones, too) into oauth->key. */
extern bool cm_oauth_key(CmOauth *oauth, const char *const *parts, int count, CmStatus *st);
extern void cm_oauth_free(CmOauth *oauth);
/*
 * For tokens that are the machine's, not of the provider's secret: they go to
 * hosts of these domains (NULL-terminated) and to this machine. Who may make a
 * provider must not get the server's identity by naming an endpoint of his own.
 */
extern bool cm_oauth_check_host(const char *key, const char *url, const char *const *domains, CmStatus *st);
/* oauth lives until done is called; the request is copied, of its headers the first two. As cm_dns01_api_send. */
extern bool cm_oauth_send(CmLoop *loop, const CmOauth *oauth, const CmDns01ApiRequest *request, CmDns01ApiDone done, void *arg, CmStatus *st);

#endif
