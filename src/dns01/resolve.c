/*
 * resolve.c - asking resolvers: those of a config ("resolvers") or of this
 * machine, one after the other until one does its work.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: all resolvers; then the last answer says why.
 */
#include "dns01/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

struct CmDns01Lookup
{
	CmOp		op;
	CmLoop	   *loop;
	CmDns01Resolvers resolvers;
	int			resolver;		/* the one that is asked */
	char		name[256];
	char		type[8];
	CmDnsDone	done;
	void	   *arg;
};

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
drop(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

static void on_answer(CmDnsAnswer *answer, void *arg);

static bool
ask(CmDns01Lookup *lookup, CmStatus *st)
{
	for (; lookup->resolver < lookup->resolvers.count; lookup->resolver++)
	{
		if (cm_dns01_resolver_query(lookup->loop, &lookup->resolvers, lookup->resolver, lookup->name, lookup->type, on_answer, lookup, st) != NULL)
			return true;
	}
	return false;
}

static void
on_answer(CmDnsAnswer *answer, void *arg)
{
	CmDns01Lookup *lookup = arg;
	CmStatus	st;

	if (cm_dns01_resolver_failed(answer) && lookup->resolver + 1 < lookup->resolvers.count)
	{
		lookup->resolver++;
		if (ask(lookup, &st))
			return;
	}
	cm_op_end(&lookup->op);
	lookup->done(answer, lookup->arg);
	free(lookup);
}

bool
cm_dns01_lookup(CmLoop *loop, const CmDns01Resolvers *resolvers, const char *name, const char *type, CmDnsDone done, void *arg, CmStatus *st)
{
	CmDns01Lookup *lookup = calloc(1, sizeof(CmDns01Lookup));
	CmStatus	why;

	if (lookup == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	lookup->loop = loop;
	lookup->resolvers = *resolvers;
	snprintf(lookup->name, sizeof(lookup->name), "%s", name);
	snprintf(lookup->type, sizeof(lookup->type), "%s", type);
	lookup->done = done;
	lookup->arg = arg;
	if (!ask(lookup, &why))
	{
		if (st != NULL)
			*st = why;
		free(lookup);
		return false;
	}
	cm_op_begin(&lookup->op, loop, drop);
	return true;
}
