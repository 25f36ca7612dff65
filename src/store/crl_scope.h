/*
 * crl_scope.h - what series of CRLs a CA signs (table certmgr.crl_scope): one of
 * everything for each of its keys, and shards that new certificates are spread over.
 */
#ifndef CM_STORE_CRL_SCOPE_H
#define CM_STORE_CRL_SCOPE_H

#include "datatype/timestamp.h"

/* No CA needs more: a shard of a hundred million certificates then has a tenth of a million. */
#define CM_CRL_SHARDS_MAX 1000

/* Which certificates a list is for: also which is named by basicConstraints. */
typedef enum CmCrlCovers
{
	CM_CRL_ALL,
	CM_CRL_CA,
	CM_CRL_USER
} CmCrlCovers;

/* "all", "ca" or "user". */
extern bool cm_crl_covers_parse(const char *name, CmCrlCovers *covers);
extern const char *cm_crl_covers_name(CmCrlCovers covers);

typedef struct CmCrlScope
{
	int64		id;
	int64		key_id;
	int			shard;			/* -1: none */
	CmCrlCovers covers;
	char	   *url;			/* of a shard: address template */
	bool		open;
	/* Of the newest lists; 0 when there is none. */
	int64		number;
	TimestampTz this_update;
	TimestampTz next_update;
	TimestampTz delta_this_update;
	TimestampTz delta_next_update;
} CmCrlScope;

/*
 * Makes the open scopes of a CA what its key and configuration (crl_url,
 * crl_shards, crl_ca_url) say: shards of another key or address are closed, missing
 * ones made under new numbers; lists of CA certificates and of end entities are
 * apart when crl_ca_url says where the first are. Locks the row of the CA.
 */
extern void cm_crl_scope_sync(int64 ca_id);
/* Those that still need CRLs. */
extern CmCrlScope *cm_crl_scopes(int64 ca_id, int *count);
/* Numbers of the shards that new certificates of that CA go to. */
extern int *cm_crl_shards_open(int64 ca_id, int *count);
/* Is there a certificate in that shard that had not expired then? */
extern bool cm_crl_shard_alive(int64 ca_id, int shard, TimestampTz since);
extern void cm_crl_scope_finish(int64 id);

#endif
