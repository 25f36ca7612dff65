/*
 * acme_authorization.h - rows of certmgr.acme_authorization.
 */
#ifndef CM_STORE_ACME_AUTHORIZATION_H
#define CM_STORE_ACME_AUTHORIZATION_H

/* palloc'ed in the current context. */
typedef struct CmAcmeAuthorizationRow
{
	int64		id;
	char	   *url;
	char	   *identifier;		/* NULL: not fetched yet, like the rest */
	bool		wildcard;
	char	   *status;
	char	   *challenge_type;
	char	   *challenge_url;
	char	   *token;
	char	  **issuers;		/* dns-persist-01: what the CA calls itself */
	int			issuer_count;
	bool		posted;			/* the challenge was, or may have been, answered */
} CmAcmeAuthorizationRow;

extern void cm_acme_authorization_put(int64 order_id, const char *url);
extern CmAcmeAuthorizationRow *cm_acme_authorization_list(int64 order_id, int *count);
/* What the CA said of it. NULLs are stored as such, but a problem only replaces none. */
extern void cm_acme_authorization_set(int64 id, const CmAcmeAuthorizationRow *said, const char *problem);
/* The type of the challenge that was chosen; NULL: not fetched yet. */
extern char *cm_acme_authorization_type(int64 id);
extern void cm_acme_authorization_set_status(int64 id, const char *status);
extern void cm_acme_authorization_set_posted(int64 id, bool posted);

#endif
