/*
 * acme_account.h - rows of certmgr.acme_account, and what of its CA belongs to ACME.
 */
#ifndef CM_STORE_ACME_ACCOUNT_H
#define CM_STORE_ACME_ACCOUNT_H

#include "acme/quirks.h"

/* palloc'ed in the current context. */
typedef struct CmAcmeAccountRow
{
	int64		id;
	int64		ca_id;
	char	   *ca_name;
	char	   *ca_config;		/* JSON text */
	int64		dns_provider_id;	/* 0: none */
	int64		key_id;
	char	   *state;
	char	   *url;			/* or NULL */
	char	  **contacts;
	int			contact_count;
	bool		agreed;
	char	   *eab_kid;		/* or NULL */
	int64		eab_secret_id;
	CmAcmeQuirks quirks;		/* in what its CA differs from others */
} CmAcmeAccountRow;

extern CmAcmeAccountRow *cm_acme_account_get(int64 id);	/* NULL when there is none */
extern int64 cm_acme_account_of_ca(int64 ca_id);	/* 0 when there is none */
extern int64 cm_acme_account_insert(int64 ca_id, int64 key_id, char *const *contacts, int count, bool agreed, const char *eab_kid, int64 eab_secret_id);
/* Registered: the account is valid, a pending CA active, orders that wait for it are due. */
extern void cm_acme_account_set_valid(const CmAcmeAccountRow *account, const char *url);
/* Not usable: state is pending or needs_human, with what a person should know. */
extern void cm_acme_account_set_trouble(const CmAcmeAccountRow *account, const char *state, const char *message, bool forget_url);
/* One key of an external CA's configuration; its value as JSON, NULL: none any more. */
extern void cm_acme_ca_set_config(int64 ca_id, const char *key, const char *json);
/* The external CA itself: config is JSON text. */
extern int64 cm_acme_ca_insert(const char *name, const char *config, int64 dns_provider_id, const char *message);

#endif
