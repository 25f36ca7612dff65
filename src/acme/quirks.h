/*
 * quirks.h - in what an ACME server differs from others, as plain data: rows
 * of certmgr.acme_quirk and the "quirks" of a CA's configuration, read into one
 * struct that all steps look at. Nowhere else is asked which CA it is.
 */
#ifndef CM_ACME_QUIRKS_H
#define CM_ACME_QUIRKS_H

#include "base/status.h"
#include "pg/json.h"

#define CM_ACME_QUIRK_POLLS 16

/* No pointers inside: copied by assignment. Times are milliseconds. */
typedef struct CmAcmeQuirks
{
	int			in_flight;		/* orders of one account under way at a time; 0: no limit */
	int			request_rate;	/* requests a second; 0: no limit */
	int			request_burst;	/* that many may go at once */
	int			nonce_rate;		/* of them to newNonce; 0: no limit of its own */
	int			nonce_burst;
	int			names_max;		/* a certificate */
	int			polls[CM_ACME_QUIRK_POLLS]; /* before the n-th question for an order; the last one goes on */
	int			poll_count;
	int			retry_after_cap;	/* Retry-After of a 200 is a hint: no longer than this */
	int			finalize_timeout;	/* some CAs sign while we wait */
	int			processing_max; /* hours that the CA may take to sign (they do not fit into int as ms) */
	bool		challenge_repost;	/* a challenge that stays pending with an error is answered again */
	bool		optimistic_finalize;	/* validates within the request: finalize at once, it is a poll as well */
	bool		contact_required;
	bool		eab_required;	/* whatever meta.externalAccountRequired says */
	bool		eab_single_use; /* the key is of no use after the first account */
	bool		key_change;		/* keyChange works */
	bool		validity;		/* takes notBefore and notAfter */
	bool		profiles;		/* knows profiles, if its directory does */
	bool		ari;			/* renewalInfo may be asked, if its directory has it */
	bool		wildcards;
	bool		idn;
	bool		ip;
	bool		order_reuse;	/* gives the same open order again for the same names */
	char		account_key[16];	/* algorithm of account keys: "EC-P256" ... */
	char		eab_algorithm[8];	/* "HS256", "HS384", "HS512" */
} CmAcmeQuirks;

/* A server that does what the RFCs say. */
extern void cm_acme_quirks_init(CmAcmeQuirks *quirks);
/* One quirk; false for a key or a value that there is not. */
extern bool cm_acme_quirks_put(CmAcmeQuirks *quirks, const char *key, const CmJson *value, CmStatus *st);
/* Is there such a quirk? Otherwise st lists them. */
extern bool cm_acme_quirks_known(const char *key, CmStatus *st);
/* All members of an object. NULL: none. */
extern bool cm_acme_quirks_apply(CmAcmeQuirks *quirks, const CmJson *object, CmStatus *st);
/* When to ask again after that many questions (from 0), with the server's Retry-After in seconds (-1: not said). */
extern int	cm_acme_quirks_poll_ms(const CmAcmeQuirks *quirks, int polls, long long retry_after);

#endif
