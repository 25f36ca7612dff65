/*
 * acme_challenge.h - rows of certmgr.acme_challenge: what CAs that validate by
 * HTTP-01 or TLS-ALPN-01 are answered.
 */
#ifndef CM_STORE_ACME_CHALLENGE_H
#define CM_STORE_ACME_CHALLENGE_H

typedef struct CmAcmeChallengeRow
{
	int64		order_id;
	char	   *type;
	char	   *identifier;
	char	   *token;
	char	   *key_authorization;
} CmAcmeChallengeRow;

/* False: for TLS-ALPN-01 another order has this identifier. There already: fine. */
extern bool cm_acme_challenge_put(const CmAcmeChallengeRow *row);
extern void cm_acme_challenge_remove(int64 order_id);
extern CmAcmeChallengeRow *cm_acme_challenge_list(int *count);
/* The key authorization of a live HTTP-01 token, or NULL. */
extern char *cm_acme_challenge_http(const char *token);

#endif
