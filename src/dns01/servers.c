/*
 * servers.c - the authoritative servers of a zone: its NS, and A and AAAA of
 * each, by resolvers.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: the resolvers, so that the servers are not known. A name server
 * without an address is on the list all the same, with the reason.
 */
#include "dns01/resolve.h"

#include "net/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Find Find;

/* One address lookup of one name server. */
typedef struct Lookup
{
	Find	   *find;
	const char *host;
	const char *type;
	int			resolver;
	bool		failed;
} Lookup;

struct Find
{
	CmOp		op;
	CmLoop	   *loop;
	CmDns01Resolvers resolvers;
	int			resolver;		/* asked for the NS */
	char		zone[256];
	char		hosts[CM_DNS01_NS_MAX][256];
	int			nhosts;
	Lookup		lookups[2 * CM_DNS01_NS_MAX];
	int			nlookups;
	int			pending;		/* queries under way in this step */
	CmDns01Targets targets;
	CmDns01TargetsDone done;
	void	   *arg;
};

static bool ask_ns(Find *find, CmStatus *st);

static void
drop(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

static void
finish(Find *find)
{
	cm_op_end(&find->op);
	find->done(&find->targets, find->arg);
	free(find);
}

bool
cm_dns01_given_targets(const CmJson *config, CmDns01Targets *out, CmStatus *st)
{
	CmDns01Server *given = calloc(CM_DNS01_TARGETS_MAX, sizeof(CmDns01Server));
	int			count = 0;
	int			i;
	bool		ok;

	memset(out, 0, sizeof(*out));
	if (given == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = cm_dns01_servers(config, "nameservers", given, CM_DNS01_TARGETS_MAX, &count, st);
	for (i = 0; ok && i < count; i++)
	{
		CmDns01Target *target = &out->list[out->count++];

		target->addr = given[i].addr;
		target->len = given[i].len;
		snprintf(target->text, sizeof(target->text), "%s", given[i].text);
	}
	free(given);
	return ok;
}

static CmDns01Target *
add_target(Find *find)
{
	if (find->targets.count == CM_DNS01_TARGETS_MAX)
		return NULL;
	return &find->targets.list[find->targets.count++];
}

/* ---- addresses of the name servers ---- */

static bool
same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	char		ta[64];
	char		tb[64];

	cm_sockaddr_format((const struct sockaddr *) a, ta, sizeof(ta));
	cm_sockaddr_format((const struct sockaddr *) b, tb, sizeof(tb));
	return strcmp(ta, tb) == 0;
}

/* Two names for one server are common: one is enough to ask. */
static void
add_address(Find *find, const char *host, const char *address)
{
	struct sockaddr_storage addr;
	socklen_t	len;
	CmDns01Target *target;
	int			i;

	if (!cm_dns_server_parse(address, &addr, &len, NULL))
		return;
	for (i = 0; i < find->targets.count; i++)
	{
		if (find->targets.list[i].len > 0 && same_address(&find->targets.list[i].addr, &addr))
			return;
	}
	target = add_target(find);
	if (target == NULL)
		return;
	target->addr = addr;
	target->len = len;
	snprintf(target->text, sizeof(target->text), "%s (%s)", host, address);
}

static void
lookups_done(Find *find)
{
	int			i;

	for (i = 0; i < find->nlookups; i++)
	{
		CmDns01Target *target;

		if (!find->lookups[i].failed || (target = add_target(find)) == NULL)
			continue;
		snprintf(target->text, sizeof(target->text), "%s", find->lookups[i].host);
		snprintf(target->why, sizeof(target->why), "(its %s could not be looked up)", find->lookups[i].type);
	}
	finish(find);
}

static void on_address(CmDnsAnswer *answer, void *arg);

/* Asks the lookup's resolver, or one behind it. */
static bool
ask_address(Lookup *lookup)
{
	CmStatus	st;

	for (; lookup->resolver < lookup->find->resolvers.count; lookup->resolver++)
	{
		if (cm_dns01_resolver_query(lookup->find->loop, &lookup->find->resolvers, lookup->resolver, lookup->host, lookup->type, on_address, lookup, &st) != NULL)
			return true;
	}
	lookup->failed = true;
	return false;
}

static void
on_address(CmDnsAnswer *answer, void *arg)
{
	Lookup	   *lookup = arg;
	Find	   *find = lookup->find;
	int			i;

	if (cm_dns01_resolver_failed(answer))
	{
		lookup->resolver++;
		if (ask_address(lookup))
			return;
	}
	for (i = 0; i < answer->count; i++)
		add_address(find, lookup->host, answer->values[i]);
	if (--find->pending == 0)
		lookups_done(find);
}

static void
ask_addresses(Find *find)
{
	static const char *const types[] = {"A", "AAAA"};
	int			i;

	find->pending = 0;
	for (i = 0; i < 2 * find->nhosts; i++)
	{
		Lookup	   *lookup = &find->lookups[find->nlookups++];

		lookup->find = find;
		lookup->host = find->hosts[i / 2];
		lookup->type = types[i % 2];
		/* The resolver that knew the NS goes first. */
		lookup->resolver = find->resolver;
		if (ask_address(lookup))
			find->pending++;
	}
	if (find->pending == 0)
		lookups_done(find);
}

/* ---- name servers of the zone ---- */

static void
on_ns(CmDnsAnswer *answer, void *arg)
{
	Find	   *find = arg;
	CmStatus   *st = &find->targets.status;
	int			i;

	if (cm_dns01_resolver_failed(answer))
	{
		CmStatus	last = answer->status;

		find->resolver++;
		if (ask_ns(find, st))
			return;
		cm_fail(st, CM_NETWORK, "could not look up the name servers of zone \"%.150s\"", find->zone);
		if (last.code != CM_OK)
			cm_fail_detail(st, "The last resolver failed: %s.", last.reason);
		else
			cm_fail_detail(st, "The last resolver answered %s.", cm_dns_rcode_name(answer->rcode));
		finish(find);
		return;
	}
	for (i = 0; i < answer->count && find->nhosts < CM_DNS01_NS_MAX; i++)
	{
		uint8_t		wire[256];
		size_t		len;

		/* "." and names nobody could ask for are no servers. */
		if (strlen(answer->values[i]) < sizeof(find->hosts[0]) && cm_dns_name_wire(answer->values[i], wire, &len) && len > 1)
			snprintf(find->hosts[find->nhosts++], sizeof(find->hosts[0]), "%s", answer->values[i]);
	}
	if (find->nhosts > 0)
	{
		ask_addresses(find);
		return;
	}
	cm_fail(st, CM_NETWORK, "zone \"%.150s\" has no name servers", find->zone);
	cm_fail_detail(st, "The resolver answered %s without NS records.", cm_dns_rcode_name(answer->rcode));
	finish(find);
}

static bool
ask_ns(Find *find, CmStatus *st)
{
	for (; find->resolver < find->resolvers.count; find->resolver++)
	{
		if (cm_dns01_resolver_query(find->loop, &find->resolvers, find->resolver, find->zone, "NS", on_ns, find, st) != NULL)
			return true;
	}
	return false;
}

bool
cm_dns01_zone_targets(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *zone, CmDns01TargetsDone done, void *arg, CmStatus *st)
{
	Find	   *find = calloc(1, sizeof(Find));
	CmStatus	why;

	if (find == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	find->loop = loop;
	find->resolvers = *resolvers;
	snprintf(find->zone, sizeof(find->zone), "%s", zone);
	find->done = done;
	find->arg = arg;
	if (!ask_ns(find, &why))
	{
		if (st != NULL)
			*st = why;
		free(find);
		return false;
	}
	cm_op_begin(&find->op, loop, drop);
	return true;
}
