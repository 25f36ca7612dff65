/*
 * crl.h - signing certificate revocation lists of private CAs, and how they
 * are published.
 */
#ifndef CM_LIFECYCLE_CRL_H
#define CM_LIFECYCLE_CRL_H

#include "datatype/timestamp.h"

/* Locks the CA for its CRLs, waiting a moment at most; false: somebody else has it. Before the job's row, as sessions do. */
extern bool cm_crl_lock(int64 ca_id);
/* Signs and stores those CRLs of that CA that are due or changed; drops all but the last few. *next_refresh: when the next one is to be made (DT_NOEND: never). Throws. */
extern void cm_crl_refresh(int64 ca_id, TimestampTz *next_refresh);
/* The same for somebody who only wants to read one: he is not let sign what is good already. */
extern void cm_crl_refresh_missing(int64 ca_id, const char *actor);
/* All of them, for somebody who asked; actor: for the audit row. Returns their number. */
extern int64 cm_crl_refresh_for(int64 ca_id, const char *actor);

/* What is to be changed: NULL and -1 leave as it is. */
typedef struct CmCrlConfig
{
	const Interval *lifetime;
	const char *url;			/* empty: none */
	int			shards;
	const Interval *delay;
	const Interval *delta_lifetime;	/* zero: no deltas */
	const char *delta_url;		/* empty: none */
	int			complete;		/* -1, 0, 1 */
	const char *ca_url;			/* empty: CA certificates are on the same lists */
} CmCrlConfig;

/* May CA certificates be on lists of their own at ca_url, and the others at url (or NULL)? Throws when not. */
extern void cm_crl_check_apart(const char *url, const char *ca_url);
extern void cm_crl_configure(const char *ca, const CmCrlConfig *config, const char *actor);

#endif
