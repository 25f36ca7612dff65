/*
 * resolve.h - what the DNS look-ups of src/dns01 share: resolvers, and the
 * authoritative servers of a zone.
 */
#ifndef CM_DNS01_RESOLVE_H
#define CM_DNS01_RESOLVE_H

#include "dns01/api.h"
#include "dns01/internal.h"

#define CM_DNS01_RESOLVERS_MAX 8
/* A delegation answer of 512 bytes has room for 13; nobody sane has more than 16, with two addresses each, some with four. */
#define CM_DNS01_NS_MAX 16
#define CM_DNS01_TARGETS_MAX 64
/* An authoritative server answers from memory; what takes longer is as good as dead to a CA as well. */
#define CM_DNS01_QUERY_MS 3000

/* ---- resolvers (resolve.c) ---- */

typedef struct CmDns01Resolvers
{
	CmDns01Server list[CM_DNS01_RESOLVERS_MAX];
	int			count;
	bool		system;			/* those of the machine */
} CmDns01Resolvers;

/* "resolvers" of the config (NULL: none), otherwise those of /etc/resolv.conf. */
extern bool cm_dns01_resolvers_read(const CmJson *config, CmDns01Resolvers *out, CmStatus *st);
/* One question to one of them. st is always written. */
extern CmDns *cm_dns01_resolver_query(CmLoop *loop, const CmDns01Resolvers *resolvers, int i, const char *name, const char *type, CmDnsDone done,
									  void *arg, CmStatus *st);
/* Did this resolver not do its work, so that another one may? */
extern bool cm_dns01_resolver_failed(const CmDnsAnswer *answer);

/*
 * One question to all of them in turn, until one does its work. The last
 * answer goes to done, from the loop; it is shared with others who asked the
 * same meanwhile. False: none could be asked.
 */
extern bool cm_dns01_lookup(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *name, const char *type, CmDnsDone done, void *arg,
							CmStatus *st);

/* ---- name servers of a zone (servers.c) ---- */

/* One authoritative server at one address. */
typedef struct CmDns01Target
{
	struct sockaddr_storage addr;
	socklen_t	len;			/* 0: no address is known */
	char		text[330];		/* "ns1.example.com (192.0.2.1:53)" */
	char		why[64];		/* "" or: why it has no address */
} CmDns01Target;

typedef struct CmDns01Targets
{
	CmStatus	status;
	int			count;
	CmDns01Target list[CM_DNS01_TARGETS_MAX];
} CmDns01Targets;

typedef void (*CmDns01TargetsDone) (const CmDns01Targets *targets, void *arg);

/* "nameservers" of the config; count 0 when it has none. */
extern bool cm_dns01_given_targets(const CmJson *config, CmDns01Targets *out, CmStatus *st);
/* Looks up the NS of a zone and their addresses. done is called from the loop. */
extern bool cm_dns01_zone_targets(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *zone, CmDns01TargetsDone done, void *arg, CmStatus *st);

/* May the propagation be checked ("propagation" of the config)? */
extern bool cm_dns01_wants_check(const CmJson *config, bool *wants, CmStatus *st);

#endif
