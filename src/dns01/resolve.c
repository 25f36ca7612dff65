/*
 * resolve.c - asking resolvers: those of a config ("resolvers") or of this
 * machine, one after the other until one does its work. A burst of orders asks
 * the same of the domains above its names: what is being asked already is not
 * asked again, its answer goes to all. Nothing is kept once it was answered.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: all resolvers; then the last answer says why.
 */
#include "dns01/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* Who waits for the answer of a lookup. */
typedef struct Waiter
{
	struct Waiter *next;
	CmDnsDone	done;
	void	   *arg;
} Waiter;

typedef struct Lookup
{
	CmOp		op;
	struct Lookup *next;		/* of all that are under way */
	CmDns01Resolvers resolvers;
	int			resolver;		/* the one that is asked */
	char		name[256];
	char		type[8];
	Waiter	   *waiters;
} Lookup;

/* Of all loops of this process, which are one or, in tests, a few. */
static Lookup *lookups;

/* The "nameserver" lines of resolv.conf(5). Without any the C library asks this machine, and so do we. */
static void
read_resolv_conf(CmDns01Resolvers *r)
{
	FILE	   *f = fopen(RESOLV_CONF, "re");
	char		line[512];
	char		text[64];

	r->system = true;
	while (f != NULL && r->count < CM_DNS01_RESOLVERS_MAX && fgets(line, sizeof(line), f) != NULL)
	{
		CmDns01Server *server = &r->list[r->count];

		/* An address with a scope (fe80::1%eth0) is passed over. */
		if (sscanf(line, " nameserver %63s", text) == 1 && cm_dns_server_parse(text, &server->addr, &server->len, NULL))
			r->count++;
	}
	if (f != NULL)
		fclose(f);
	if (r->count == 0 && cm_dns_server_parse("127.0.0.1", &r->list[0].addr, &r->list[0].len, NULL))
		r->count = 1;
}

bool
cm_dns01_resolvers_read(const CmJson *config, CmDns01Resolvers *out, CmStatus *st)
{
	out->system = false;
	if (!cm_dns01_servers(config, "resolvers", out->list, CM_DNS01_RESOLVERS_MAX, &out->count, st))
		return false;
	if (out->count == 0)
		read_resolv_conf(out);
	return true;
}

CmDns *
cm_dns01_resolver_query(CmLoop *loop, const CmDns01Resolvers *resolvers, int i, const char *name, const char *type, CmDnsDone done, void *arg,
						CmStatus *st)
{
	const CmDns01Server *r = &resolvers->list[i];

	memset(st, 0, sizeof(*st));
	if (resolvers->system)
		return cm_dns_query_resolver(loop, &r->addr, r->len, name, type, CM_DNS01_QUERY_MS, done, arg, st);
	return cm_dns_query(loop, &r->addr, r->len, name, type, true, CM_DNS01_QUERY_MS, done, arg, st);
}

bool
cm_dns01_resolver_failed(const CmDnsAnswer *answer)
{
	return answer->status.code != CM_OK || (answer->rcode != CM_DNS_RCODE_NOERROR && answer->rcode != CM_DNS_RCODE_NXDOMAIN);
}

static void
unlink_lookup(Lookup *lookup)
{
	Lookup	  **at = &lookups;

	while (*at != NULL && *at != lookup)
		at = &(*at)->next;
	if (*at != NULL)
		*at = lookup->next;
	cm_op_end(&lookup->op);
}

/* The end of the loop: whoever waits ends with it as well. */
static void
drop(CmOp *op)
{
	Lookup	   *lookup = (Lookup *) op;
	Waiter	   *waiter;

	unlink_lookup(lookup);
	while ((waiter = lookup->waiters) != NULL)
	{
		lookup->waiters = waiter->next;
		free(waiter);
	}
	free(lookup);
}

static void on_answer(CmDnsAnswer *answer, void *arg);

static bool
ask(Lookup *lookup, CmStatus *st)
{
	for (; lookup->resolver < lookup->resolvers.count; lookup->resolver++)
	{
		if (cm_dns01_resolver_query(lookup->op.loop, &lookup->resolvers, lookup->resolver, lookup->name, lookup->type, on_answer, lookup, st) != NULL)
			return true;
	}
	return false;
}

static void
on_answer(CmDnsAnswer *answer, void *arg)
{
	Lookup	   *lookup = arg;
	Waiter	   *waiter;
	CmStatus	st;

	if (cm_dns01_resolver_failed(answer) && lookup->resolver + 1 < lookup->resolvers.count)
	{
		lookup->resolver++;
		if (ask(lookup, &st))
			return;
	}
	/* Out of the list first: what a waiter asks now, it asks anew. */
	unlink_lookup(lookup);
	while ((waiter = lookup->waiters) != NULL)
	{
		lookup->waiters = waiter->next;
		waiter->done(answer, waiter->arg);
		free(waiter);
	}
	free(lookup);
}

static bool
same_resolvers(const CmDns01Resolvers *a, const CmDns01Resolvers *b)
{
	int			i;

	if (a->system != b->system || a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
	{
		if (a->list[i].len != b->list[i].len || memcmp(&a->list[i].addr, &b->list[i].addr, a->list[i].len) != 0)
			return false;
	}
	return true;
}

static Lookup *
find(const CmLoop *loop, const CmDns01Resolvers *resolvers, const char *name, const char *type)
{
	Lookup	   *lookup = lookups;

	while (lookup != NULL &&
		   (lookup->op.loop != loop || strcmp(lookup->name, name) != 0 || strcmp(lookup->type, type) != 0 ||
			!same_resolvers(&lookup->resolvers, resolvers)))
		lookup = lookup->next;
	return lookup;
}

/* A lookup that is asked, without a waiter yet. NULL: no resolver could be asked. */
static Lookup *
begin(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *name, const char *type, CmStatus *st)
{
	Lookup	   *lookup = calloc(1, sizeof(Lookup));

	if (lookup == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	lookup->resolvers = *resolvers;
	snprintf(lookup->name, sizeof(lookup->name), "%s", name);
	snprintf(lookup->type, sizeof(lookup->type), "%s", type);
	cm_op_begin(&lookup->op, loop, drop);
	lookup->next = lookups;
	lookups = lookup;
	if (ask(lookup, st))
		return lookup;
	unlink_lookup(lookup);
	free(lookup);
	return NULL;
}

bool
cm_dns01_lookup(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *name, const char *type, CmDnsDone done, void *arg, CmStatus *st)
{
	Lookup	   *lookup = find(loop, resolvers, name, type);
	Waiter	   *waiter = malloc(sizeof(Waiter));
	CmStatus	why = CM_STATUS_INIT;

	if (waiter == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (lookup == NULL)
		lookup = begin(loop, resolvers, name, type, &why);
	if (lookup == NULL)
	{
		if (st != NULL)
			*st = why;
		free(waiter);
		return false;
	}
	waiter->next = lookup->waiters;
	waiter->done = done;
	waiter->arg = arg;
	lookup->waiters = waiter;
	return true;
}
