/*
 * cache.h - what a session keeps of CAs and subscribers, so that issuing reads
 * no table. Any change to those tables (a statement trigger) makes every
 * session read them anew, as soon as the change has committed.
 */
#ifndef CM_LIFECYCLE_CACHE_H
#define CM_LIFECYCLE_CACHE_H

#include "base/der.h"
#include "crypto/key.h"
#include "utils/timestamp.h"

struct CmCaIssuer;

/* An issuer ready to sign. Read-only; pinned ones outlive their invalidation. */
typedef struct CmIssuer
{
	int64		ca_id;
	char	   *name;
	bool		external;		/* an ACME CA: the fields below are empty */
	int64		certificate_id;
	CmKey	   *key;
	CmSlice		subject;		/* Name, whole, as in the CA's certificate */
	CmSlice		key_identifier;
	int64		not_before;		/* Unix time */
	int64		not_after;
	int			path_length;	/* -1: none */
	CmSlice		name_constraints;	/* NameConstraints of its certificate and of all above, one after the other; empty: none */
	char	   *ca_issuers_url;
	char	   *ocsp_url;
	char	   *crl_url;
	char	   *delta_crl_url;	/* NULL: no deltas */
	char	   *ca_crl_url;		/* of the list of CA certificates, where that is apart; or NULL */
	int		   *shards;			/* of the CRL, for new certificates; crl_url names them */
	int			shard_count;	/* 0: none */

	/* of cache.c */
	MemoryContext context;
	uint64		generation;
	int			pins;
	bool		cached;
} CmIssuer;

typedef struct CmSubscriber
{
	int64		id;
	char	   *name;
	int64		ca_id;
	char	   *owner;			/* or NULL */
	bool		disabled;
	Datum		subject_text;
	CmSlice		subject;
	Datum		sans_text;		/* text[] */
	char	  **san_list;
	int			san_count;
	CmSlice		sans;			/* GeneralNames content */
	Datum		usages_text;	/* text[] */
	uint32_t	key_usage;
	CmSlice		ext_key_usage;
	bool		has_lifetime;	/* false: the external CA's choice */
	Interval	lifetime;
	CmKeyAlg	key_alg;
	bool		auto_renew;
	bool		has_renew_before;
	Interval	renew_before;
	int64		template_id;	/* 0: none */

	MemoryContext context;
	uint64		generation;
} CmSubscriber;

/* Throws when it does not exist, is not active, or its key cannot be opened. Valid until the end of the transaction; pinned, until it is unpinned. */
extern CmIssuer *cm_issuer_get(int64 ca_id);
/* That certificate of the CA and its key instead of the active ones. Not kept: in the current memory context. */
extern CmIssuer *cm_issuer_load(int64 ca_id, const struct CmCaIssuer *other);
extern void cm_issuer_pin(CmIssuer *issuer);
extern void cm_issuer_unpin(CmIssuer *issuer);
/* The shard of its CRL that a new certificate (of a CA or not) goes to, by chance; false (and -1) when there are none. */
extern bool cm_issuer_shard(const CmIssuer *issuer, bool ca, int *shard);
/* Address templates of the CRL and the delta that it names, NULL: none. */
extern void cm_issuer_crl_urls(const CmIssuer *issuer, bool ca, const char **crl, const char **delta);
/* Throws when it does not exist. Valid until the end of the transaction. */
extern CmSubscriber *cm_subscriber_get(const char *name);
extern CmSubscriber *cm_subscriber_get_by_id(int64 id);

#endif
