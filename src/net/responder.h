/*
 * responder.h - the servers that CAs ask when they validate: HTTP-01 (RFC 8555
 * 8.3) and TLS-ALPN-01 (RFC 8737). They answer live challenges and nothing else.
 */
#ifndef CM_NET_RESPONDER_H
#define CM_NET_RESPONDER_H

#include "net/loop.h"

/* A token of 128 characters, a dot, a SHA-256 in base64url. */
#define CM_KEY_AUTHORIZATION_MAX 176

/*
 * The key authorization of a live challenge: for HTTP-01 of a token, for
 * TLS-ALPN-01 of a host name or an address. False: there is none. Called on
 * the loop: must not throw and must not wait.
 */
typedef bool (*CmResponderLookup) (const char *what, char dst[CM_KEY_AUTHORIZATION_MAX], void *arg);

typedef struct CmResponderConfig
{
	const char *listen;			/* see listen.h */
	bool		tls;			/* TLS-ALPN-01 */
	CmResponderLookup lookup;
	void	   *arg;
	int64_t		timeout_ms;		/* a whole connection; 0: ten seconds */
} CmResponderConfig;

typedef struct CmResponder CmResponder;

/* Listens at all addresses of the list, or at none: NULL and st, with the codes of cm_listen_open. */
extern CmResponder *cm_responder_open(CmLoop *loop, const CmResponderConfig *config, CmStatus *st);
/* Cuts all connections. Before the loop is destroyed, and not from the lookup. */
extern void cm_responder_close(CmResponder *responder);
extern int	cm_responder_connections(const CmResponder *responder);

#endif
