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
	char	   *eab_algorithm;
	bool		active;
	char	   *step;			/* of registering: "find", "eab", "register" */
	char	   *agreed_to;		/* URL of the terms, or NULL */
	char	  **caa_identities;	/* what the CA calls itself in CAA records: as a person said, else as its directory does */
	int			caa_count;
	bool		update_wanted;
	bool		deactivation_wanted;
	int64		candidate_key_id;	/* 0: none */
	char	   *rollover;		/* or NULL */
	CmAcmeQuirks quirks;		/* in what its CA differs from others */
} CmAcmeAccountRow;

extern CmAcmeAccountRow *cm_acme_account_get(int64 id);	/* NULL when there is none */
extern int64 cm_acme_account_of_ca(int64 ca_id);	/* the active one; 0 when there is none */
extern void cm_acme_account_lock(int64 id);	/* against others who change it, to the end of the transaction */

typedef struct CmAcmeAccountNew
{
	int64		ca_id;
	int64		key_id;
	char	  **contacts;
	int			contact_count;
	bool		agreed;
	const char *agreed_to;		/* or NULL */
	const char *eab_kid;		/* or NULL */
	const char *eab_algorithm;
	int64		eab_secret_id;
} CmAcmeAccountNew;

/* The CA's former account, if any, becomes inactive. */
extern int64 cm_acme_account_insert(const CmAcmeAccountNew *account);
/* Registered: the account is valid, a pending CA active, orders that wait for it are due. */
extern void cm_acme_account_set_valid(const CmAcmeAccountRow *account, const char *url);
/* Not usable: state is pending or needs_human, with what a person should know. step NULL: as it was. */
extern void cm_acme_account_set_trouble(const CmAcmeAccountRow *account, const char *state, const char *step, const char *message);
extern void cm_acme_account_set_step(int64 id, const char *step);
/* A message, whatever the state; NULL: nothing to say. */
extern void cm_acme_account_say(const CmAcmeAccountRow *account, const char *message);
/* It is of no use any more: state is "deactivated" or "lost". */
extern void cm_acme_account_end(const CmAcmeAccountRow *account, const char *state, const char *message);
/* What the directory says. */
/* What the CA's directory says: URL of the terms or NULL, its names in CAA records. */
extern void cm_acme_account_set_directory(int64 id, const char *terms, char *const *caa_identities, int count);
extern void cm_acme_account_set_agreed(int64 id, bool agreed);	/* to the terms as they were seen last */
extern void cm_acme_account_set_contacts(int64 id, char *const *contacts, int count);
/* secret_id 0: none any more. */
extern void cm_acme_account_set_eab(int64 id, const char *kid, const char *algorithm, int64 secret_id);
extern void cm_acme_account_set_update(int64 id, bool wanted);
extern void cm_acme_account_want_deactivation(int64 id);
/* An account that was never registered gets another key. */
extern void cm_acme_account_set_key(int64 id, int64 key_id);
/* Rollover. A candidate of 0 leaves the one there is. */
extern void cm_acme_account_set_rollover(int64 id, const char *rollover, int64 candidate_key_id, const char *message);
/* The candidate is the key now. */
extern void cm_acme_account_rolled(const CmAcmeAccountRow *account);
extern void cm_acme_account_drop_candidate(const CmAcmeAccountRow *account);
/* Jobs of orders of this account that are under way right now. */
extern int	cm_acme_account_busy(int64 id);
/* Open orders of one account go on at another: from the start, with the key and request that they have. */
extern int	cm_acme_account_move_orders(int64 from, int64 to);
/* One key of an external CA's configuration; its value as JSON, NULL: none any more. */
extern void cm_acme_ca_set_config(int64 ca_id, const char *key, const char *json);

/* The external CA itself: config is JSON text. */
extern int64 cm_acme_ca_insert(const char *name, const char *config, int64 dns_provider_id, const char *message);
/*
 * Changes what is given. patch: members of config to be set, those that are null to be removed; quirks (NULL: none): the same for the members of
 * its "quirks"; JSON texts.
 */
extern void cm_acme_ca_change(int64 id, const char *patch, const char *quirks, bool has_provider, int64 dns_provider_id);

#endif
